"""Capture of Python functions as graphs, for `torch.compile`. It is not here yet: functions run as they are written.

What programs say about capture has its place already, and no effect.
"""

from torch.compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
)

__all__ = ["allow_in_graph", "assume_constant_result", "disable", "graph_break", "is_compiling", "list_backends", "mark_dynamic",
           "mark_static", "maybe_mark_dynamic", "reset", "set_stance"]


def graph_break(msg=""):
    """A place where a captured graph ends and another begins."""


def _marker(attribute, doc):
    def mark(t, index=None):
        indices = range(t.dim()) if index is None else [index] if isinstance(index, int) else index
        setattr(t, attribute, getattr(t, attribute, set()) | set(indices))

    mark.__doc__ = doc
    return mark


mark_dynamic = _marker("_dynamo_dynamic_indices", "Sizes of these dimensions of a tensor vary between calls.")
maybe_mark_dynamic = _marker("_dynamo_weak_dynamic_indices", "Sizes of these dimensions of a tensor may vary between calls.")
mark_static = _marker("_dynamo_static_indices", "Sizes of these dimensions of a tensor are the same in every call; by default of all.")
