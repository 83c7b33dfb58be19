"""Apple's Metal devices: not used by this build."""

__all__ = ["get_core_count", "get_name", "is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_available():
    """False."""
    return False


def is_built():
    """False."""
    return False


def is_macos_or_newer(major, minor):
    """Whether the system is macOS of at least this version: False without Metal."""
    return False


def is_macos13_or_newer(minor=0):
    """Whether the system is macOS 13 or newer: False without Metal."""
    return False


def get_name():
    """The name of the GPU: RuntimeError, there is none."""
    raise RuntimeError("there is no MPS device")


def get_core_count():
    """The number of the GPU's cores: RuntimeError, there is no GPU."""
    raise RuntimeError("there is no MPS device")
