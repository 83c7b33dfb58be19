"""Ranges for Intel's tools: they are not used by this build, so every call but `is_available` raises RuntimeError."""

import contextlib

__all__ = ["is_available", "mark", "range", "range_pop", "range_push"]


def is_available():
    """False."""
    return False


def _fail():
    raise RuntimeError("ITT functions not installed. Are you sure you have a ITT build?")


def range_push(msg):
    """Begins a range. RuntimeError."""
    _fail()


def range_pop():
    """Ends a range. RuntimeError."""
    _fail()


def mark(msg):
    """Marks a moment. RuntimeError."""
    _fail()


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """A range over a block. RuntimeError."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
