"""Intel's Math Kernel Library: not used by this build."""

__all__ = ["VERBOSE_OFF", "VERBOSE_ON", "is_available", "verbose"]

VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available():
    """False."""
    return False


class verbose:  # noqa: N801
    """Notes of the library's calls within a block: RuntimeError on entering with VERBOSE_ON, there is no such library."""

    def __init__(self, enable):
        self.enable = enable

    def __enter__(self):
        if self.enable != VERBOSE_OFF:
            raise RuntimeError("Failed to set MKL into verbose mode. Please consider to disable this verbose scope.")
        return self

    def __exit__(self, *_):
        return False
