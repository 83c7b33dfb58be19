"""Recorded work of the accelerator."""

from .memory import _fail

__all__ = ["Graph"]


class Graph:
    """Work recorded once and replayed. RuntimeError: there is no accelerator."""

    def __init__(self, keep_graph=False, *, pool=None, capture_error_mode="default"):
        _fail()
