"""The named tuples that functions such as torch.max return."""

from torch import _C


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")
    value = _C._return_type(name)
    globals()[name] = value
    return value
