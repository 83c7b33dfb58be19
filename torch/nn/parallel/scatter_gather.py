"""Structures of tensors cut into pieces for several devices, and joined again."""

import torch

from . import comm

__all__ = ["gather", "scatter", "scatter_kwargs"]


def _is_named_tuple(obj):
    return isinstance(obj, tuple) and hasattr(obj, "_fields")


def scatter(inputs, target_gpus, dim=0):
    """A structure for each device: its tensors are cut along `dim`, everything else is repeated."""
    count = len(target_gpus)
    if isinstance(inputs, torch.Tensor):
        return comm.scatter(inputs, target_gpus, dim=dim)
    if _is_named_tuple(inputs):
        return [type(inputs)(*parts) for parts in zip(*(scatter(item, target_gpus, dim) for item in inputs))]
    if isinstance(inputs, (tuple, list)) and inputs:
        return [type(inputs)(parts) for parts in zip(*(scatter(item, target_gpus, dim) for item in inputs))]
    if isinstance(inputs, dict) and inputs:
        pieces = {name: scatter(value, target_gpus, dim) for name, value in inputs.items()}
        return [type(inputs)(zip(pieces, parts)) for parts in zip(*pieces.values())]
    return [inputs] * count


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """Arguments and keyword arguments for each device."""
    some = tuple(scatter(inputs, target_gpus, dim)) if inputs else ()
    named = tuple(scatter(kwargs, target_gpus, dim)) if kwargs else ()
    longest = max(len(some), len(named))
    return some + ((),) * (longest - len(some)), named + ({},) * (longest - len(named))


def gather(outputs, target_device, dim=0):
    """One structure from those of several devices: tensors are joined along `dim`, scalars become a vector."""
    first = outputs[0]
    if isinstance(first, torch.Tensor):
        parts = [output.unsqueeze(0) if output.dim() == 0 else output for output in outputs]
        return comm.gather(parts, dim if first.dim() else 0, target_device)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(output) != len(first) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((name, gather([output[name] for output in outputs], target_device, dim)) for name in first)
    parts = (gather(items, target_device, dim) for items in zip(*outputs))
    return type(first)(*parts) if _is_named_tuple(first) else type(first)(parts)
