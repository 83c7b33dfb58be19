"""Indexing that does not read the index."""

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(TorchFunctionMode):
    """While on, ``x[i]`` with numbers and integer tensors alone is `aten.index`, so that the value of `i` need not be known.

    >>> with TransformGetItemToIndex():
    ...     torch.vmap(lambda i: torch.arange(4)[i])(torch.tensor([2, 0]))
    tensor([2, 0])
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.__getitem__:
            indexed, key = args
            keys = key if isinstance(key, tuple) else (key,)
            if isinstance(indexed, torch.Tensor) and any(isinstance(k, torch.Tensor) for k in keys) and all(map(_is_place, keys)):
                return torch.ops.aten.index(indexed, [torch.as_tensor(k, device=indexed.device) for k in keys])
        return func(*args, **(kwargs or {}))


def _is_place(key):
    if isinstance(key, torch.Tensor):
        return not key.is_floating_point() and not key.is_complex() and key.dtype != torch.bool
    return isinstance(key, int) and not isinstance(key, bool)
