"""Whether nn.MultiheadAttention and nn.TransformerEncoder may take their fast path."""

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_is_fastpath_enabled = True


def get_fastpath_enabled():
    """Whether the fast path may be taken."""
    return _is_fastpath_enabled


def set_fastpath_enabled(value):
    """Allow the fast path or not."""
    global _is_fastpath_enabled
    _is_fastpath_enabled = value
