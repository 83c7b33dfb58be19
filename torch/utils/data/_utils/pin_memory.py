"""Batches in page-locked memory, for accelerators."""

import collections.abc

import torch

from .collate import like


def pin_memory(data, device=None):
    """`data` with its tensors in pinned memory."""
    if isinstance(data, torch.Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, collections.abc.Mapping):
        return like(type(data), data, {key: pin_memory(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(pin_memory, data))
    if isinstance(data, collections.abc.Sequence):
        return like(type(data), data, [pin_memory(value) for value in data])
    return data
