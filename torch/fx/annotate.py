"""Type annotations of proxies."""

from .proxy import Proxy

__all__ = ["annotate"]


def annotate(val, type):
    """Says that `val` has a type: a proxy's node gets it, anything else is returned as it is.

    Raises TypeError when a proxy has another type already.
    """
    if isinstance(val, Proxy):
        if val.node.type:
            raise RuntimeError(f"Tried to annotate a value that already had a type on it! Existing type is {val.node.type} and new type is "
                               f"{type}. This could happen if you tried to annotate a function parameter value (in which case you should use "
                               "the type slot on the function signature) or you called annotate on the same value twice")
        val.node.type = type
    return val
