"""Samples to batches."""

import collections.abc
import contextlib
import re

import torch

default_collate_err_msg_format = ("default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}")
np_str_obj_array_pattern = re.compile("[SaUO]")


def default_convert(data):
    """NumPy arrays inside `data` as tensors; everything else as it is."""
    kind = type(data)
    if isinstance(data, torch.Tensor) or isinstance(data, (str, bytes)):
        return data
    if kind.__module__ == "numpy":
        if kind.__name__ == "ndarray" and np_str_obj_array_pattern.search(data.dtype.str) is not None:
            return data
        return torch.as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        converted = {key: default_convert(value) for key, value in data.items()}
        return like(kind, data, converted)
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, collections.abc.Sequence):
        return like(kind, data, [default_convert(value) for value in data])
    return data


def like(kind, original, values):
    """`values` in a container of the original's type where that can be made."""
    with contextlib.suppress(TypeError):
        return kind(values)
    return values


def collate(batch, *, collate_fn_map=None):
    """A batch of samples as one structure of tensors; `collate_fn_map` maps types to functions ``(batch, ...)``."""
    first = batch[0]
    kind = type(first)
    for known, function in (collate_fn_map or {}).items():
        if isinstance(first, known):
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, collections.abc.Mapping):
        return like(kind, first, {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
                                   for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(values, collate_fn_map=collate_fn_map) for values in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        if not all(len(sample) == len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [collate(values, collate_fn_map=collate_fn_map) for values in zip(*batch)]
        return parts if isinstance(first, tuple) else like(kind, first, parts)
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch, *, collate_fn_map=None):
    return torch.stack(batch, 0)


def collate_float_fn(batch, *, collate_fn_map=None):
    return torch.tensor(batch, dtype=torch.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    return torch.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    return batch


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    if np_str_obj_array_pattern.search(batch[0].dtype.str) is not None:
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([torch.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    return torch.as_tensor(batch)


default_collate_fn_map = {torch.Tensor: collate_tensor_fn, float: collate_float_fn, int: collate_int_fn, str: collate_str_fn, bytes: collate_str_fn}


def _with_numpy():
    """The table of functions, with NumPy's types once NumPy is in use."""
    import sys

    numpy = sys.modules.get("numpy")
    if numpy is not None and numpy.ndarray not in default_collate_fn_map:
        default_collate_fn_map[numpy.ndarray] = collate_numpy_array_fn
        default_collate_fn_map[(numpy.bool_, numpy.number, numpy.object_)] = collate_numpy_scalar_fn
    return default_collate_fn_map


def default_collate(batch):
    """A list of samples as one batch: tensors, arrays and numbers are stacked, containers keep their shape.

    Example::

        >>> default_collate([{"x": 1}, {"x": 2}])
        {'x': tensor([1, 2])}
    """
    return collate(batch, collate_fn_map=_with_numpy())
