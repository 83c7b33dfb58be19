"""Which modules a function uses."""

import sys

__all__ = ["trace_dependencies"]


def trace_dependencies(callable, inputs):
    """The names of the modules whose functions run when `callable` is called with each of `inputs`, tuples of arguments."""
    used = set()

    def note(frame, event, argument):
        if event == "call" and frame.f_globals.get("__name__"):
            used.add(frame.f_globals["__name__"])

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for arguments in inputs:
            callable(*arguments)
    finally:
        sys.setprofile(before)
    return sorted(used)
