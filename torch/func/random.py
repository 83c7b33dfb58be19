"""Random numbers as functions of keys: the same on every device, under every transform, and whatever is drawn elsewhere.

A key is a tensor of two 64-bit words. What is drawn from it depends on nothing but the key, the number of the element and the
dtype; draw from a key once, and split it for more.

>>> first, second = torch.func.random.split(torch.func.random.key(0))
>>> bool(torch.equal(torch.func.random.normal(first, 3), torch.func.random.normal(first, 3)))
True

The bits are those of Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the first
word of a key is the key of the cipher, the second one the high half of its counter, the low half numbers the elements. The children
of a key are numbers of the stream whose second word has all bits flipped.
"""

from __future__ import annotations

import math

import torch

__all__ = ["key", "split", "fold_in", "bits", "uniform", "normal", "randint", "bernoulli"]

_DIGITS = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}


def _check_key(key):
    if not isinstance(key, torch.Tensor) or key.dtype is not torch.uint64 or key.dim() == 0 or key.shape[-1] != 2:
        found = f"{key.dtype} of shape {tuple(key.shape)}" if isinstance(key, torch.Tensor) else type(key).__name__
        raise ValueError(f"expected a key, a uint64 tensor of shape (..., 2), got {found}; torch.func.random.key(seed) makes one")


def _shape(shape):
    return tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(shape)


def _philox(key, stream, index):
    return torch.ops.aten._philox(key, stream, index.to(torch.uint64)).view(torch.int64)


def _numbers(key, shape, per_element=1):
    """int64 bits: `per_element` tensors of `shape`. Leading dimensions of the shape belong to the dimensions of a batch of keys."""
    _check_key(key)
    batch = key.shape[:-1]
    rest = shape[len(batch):]
    torch.broadcast_shapes(batch, shape[:len(batch)])
    index = torch.arange(math.prod(rest), device=key.device).reshape(rest) * per_element
    words = [w.reshape((*batch, *(1,) * len(rest))) for w in key.unbind(-1)]
    return [_philox(*words, index + i).expand(shape) for i in range(per_element)]


def key(seed, *, device=None):
    """The key of a seed, an int from 0 to 2**64 - 1: a uint64 tensor of shape (2,)."""
    if not 0 <= seed < 2 ** 64:
        raise ValueError(f"a seed is an int from 0 to 2**64 - 1, got {seed}")
    return torch.tensor([seed, 0], dtype=torch.uint64, device=device)


def split(key, num=2):
    """`num` keys that are independent of each other and of what is drawn from `key`: shape (num, *key.shape)."""
    _check_key(key)
    return fold_in(key, torch.arange(num, device=key.device).reshape(num, *(1,) * (key.dim() - 1)))


def fold_in(key, data):
    """The key numbered `data` of those that `split` gives. `data` is an int or an integer tensor that broadcasts with ``key.shape[:-1]``.

    >>> k = torch.func.random.key(7)
    >>> bool(torch.equal(torch.func.random.fold_in(k, 1), torch.func.random.split(k)[1]))
    True
    """
    _check_key(key)
    data = torch.as_tensor(data, device=key.device).to(torch.int64) * 2
    word, stream = key.unbind(-1)
    other = (~stream.view(torch.int64)).view(torch.uint64)
    return torch.stack([_philox(word, other, data + i) for i in range(2)], -1).view(torch.uint64)


def bits(key, *shape):
    """Random 64-bit numbers, as int64 of any sign."""
    return _numbers(key, _shape(shape))[0]


def _fraction(numbers, dtype):
    """The leading digits of random numbers as a fraction in [0, 1)."""
    digits = _DIGITS[dtype]
    return ((numbers >> (64 - digits)) & (2 ** digits - 1)).to(dtype) * 2.0 ** -digits


def _checked_dtype(dtype):
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if dtype not in _DIGITS:
        raise TypeError(f"expected a floating point dtype, got {dtype}")
    return dtype


def uniform(key, *shape, low=0.0, high=1.0, dtype=None):
    """Numbers drawn uniformly from [low, high).

    Args:
        key: of shape (2,), or a batch of keys, each of which draws its part of the leading dimensions.
        shape: ints or one tuple.
        dtype: floating; the default dtype unless given.

    >>> torch.func.random.uniform(torch.func.random.key(0), 2).shape
    torch.Size([2])
    """
    return _fraction(bits(key, *shape), _checked_dtype(dtype)) * (high - low) + low


def normal(key, *shape, mean=0.0, std=1.0, dtype=None):
    """Normal numbers, by the transform of Box and Muller, computed in float64. Arguments as for `uniform`."""
    dtype = _checked_dtype(dtype)
    if dtype is torch.float64:
        radius, angle = (_fraction(x, torch.float64) for x in _numbers(key, _shape(shape), 2))
        radius = 1.0 - radius
    else:
        numbers = bits(key, *shape)
        radius, angle = ((((x & 0xFFFFFFFF).to(torch.float64) + 0.5) * 2.0 ** -32) for x in (numbers >> 32, numbers))
    return ((-2.0 * radius.log()).sqrt() * (angle * (2.0 * math.pi)).cos() * std + mean).to(dtype)


def randint(key, low, high, *shape):
    """Integers from low to high - 1, as int64. The range may have up to 2**32 numbers; each is as likely as others but for 2**-32 of that."""
    span = high - low
    if not 0 < span <= 2 ** 32:
        raise ValueError(f"expected 0 < high - low <= 2**32, got low={low} and high={high}")
    top = (bits(key, *shape) >> 32) & 0xFFFFFFFF
    return (((top >> 16) * span + (((top & 0xFFFF) * span) >> 16)) >> 16) + low


def bernoulli(key, p, *shape):
    """True with probability `p`, a number or a tensor that broadcasts to the shape."""
    return uniform(key, *shape, dtype=torch.float64) < p
