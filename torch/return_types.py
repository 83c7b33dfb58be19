"""The named tuples that functions such as torch.max return."""

from torch import _C


def pytree_register_structseq(cls):
    """Makes trees (`torch.utils._pytree`) see through results of a named tuple class."""
    from torch.utils import _pytree

    def unflatten(values, context):
        return cls(values)

    _pytree.register_pytree_node(cls, lambda result: (list(result), None), unflatten,
                                 flatten_with_keys_fn=lambda result: ([(_pytree.SequenceKey(i), v) for i, v in enumerate(result)], None))


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")
    value = _C._return_types() if name == "all_return_types" else _C._return_type(name)
    globals()[name] = value
    return value

