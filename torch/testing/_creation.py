"""make_tensor."""

import collections.abc
import math

import torch

_INTEGRAL = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _bounds(low, high, dtype):
    """(low, high) with the defaults of the dtype: [0, 10) for unsigned, [-9, 10) for signed integers, [-9, 9) for floats."""
    unsigned = dtype in (torch.uint8, torch.uint16, torch.uint32, torch.uint64)
    if dtype is torch.bool:
        defaults = (0, 2)
    elif dtype.is_floating_point or dtype.is_complex:
        defaults = (-9, 9)
    else:
        defaults = (0, 10) if unsigned else (-9, 10)
    low, high = (default if given is None else given for given, default in zip((low, high), defaults))
    if any(isinstance(bound, float) and math.isnan(bound) for bound in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low > high or low == high and dtype is not torch.bool and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if dtype.is_floating_point or dtype.is_complex:
        info = torch.finfo(dtype)
        return max(float(low), info.min), min(float(high), info.max)
    if dtype is torch.bool:
        return max(int(low), 0), min(int(high), 2)
    info = torch.iinfo(dtype)
    return max(math.ceil(low), info.min), min(math.ceil(high), info.max + 1)


def make_tensor(*shape, dtype, device, low=None, high=None, requires_grad=False, noncontiguous=False, exclude_zero=False,
                memory_format=None):
    """A tensor of random values in [low, high).

    Args:
        shape: sizes, one by one or as a sequence.
        noncontiguous: leave gaps between the elements.
        exclude_zero: replace zeros by the smallest positive value.

    Example::

        >>> make_tensor(2, 3, dtype=torch.int64, device="cpu").shape
        torch.Size([2, 3])
    """
    if len(shape) == 1 and isinstance(shape[0], collections.abc.Sequence):
        shape = tuple(shape[0])
    if noncontiguous and memory_format is not None:
        raise ValueError(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
                         f"noncontiguous={noncontiguous} and memory_format={memory_format}")
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}")
    low, high = _bounds(low, high, dtype)
    gaps = noncontiguous and math.prod(shape) > 1
    sizes = (*shape[:-1], 2 * shape[-1]) if gaps else shape
    if dtype is torch.bool or dtype in _INTEGRAL:
        result = torch.randint(low, high, sizes, device=device, dtype=dtype)
    else:
        drawn = dtype if dtype.itemsize > 1 else torch.float32
        result = torch.empty(sizes, device=device, dtype=drawn)
        parts = torch.view_as_real(result) if dtype.is_complex else result
        parts.uniform_(low, high)
        result = result.to(dtype)
    if gaps:
        result = result[..., ::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        smallest = torch.finfo(dtype).tiny if dtype.is_floating_point or dtype.is_complex else 1
        result[result == 0] = smallest
    return result.requires_grad_(requires_grad)
