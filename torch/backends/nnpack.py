"""NNPACK: not used by this build. The switch is kept for programs that set it."""

import contextlib

__all__ = ["flags", "is_available", "set_flags"]

_enabled = False


def is_available():
    """False."""
    return False


def set_flags(_enabled):
    """Sets the switch; returns its former value in a tuple."""
    before = globals()["_enabled"]
    globals()["_enabled"] = _enabled
    return (before,)


@contextlib.contextmanager
def flags(enabled=False):
    """Changes the switch within a block."""
    (before,) = set_flags(enabled)
    try:
        yield
    finally:
        set_flags(before)
