"""Arithmetic of sizes and strides, whether they are numbers or `torch.SymInt`."""

from __future__ import annotations

from functools import reduce
from operator import mul

__all__ = ["broadcast", "infer_size", "contiguous_strides", "dense_strides", "view_strides", "wrap_dim", "wrap_dims", "reduced", "is_true", "product"]


def is_true(condition) -> bool:
    """The truth of a condition; of one that depends on elements, False."""
    if isinstance(condition, bool):
        return condition
    from torch.fx.experimental.symbolic_shapes import guard_or_false

    return guard_or_false(condition)


def product(sizes):
    """The number of elements of a shape."""
    return reduce(mul, sizes, 1)


def wrap_dim(dim, ndim):
    """The dimension counted from the front. IndexError if there is no such."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


def wrap_dims(dims, ndim):
    """Several dimensions counted from the front; None or none: all."""
    if dims is None or isinstance(dims, (tuple, list)) and not dims:
        return list(range(ndim))
    return [wrap_dim(d, ndim) for d in (dims if isinstance(dims, (tuple, list)) else [dims])]


def broadcast(*shapes):
    """The common shape. RuntimeError where sizes differ and neither is 1."""
    out: list = []
    for shape in shapes:
        if len(shape) > len(out):
            out = [1] * (len(shape) - len(out)) + out
        offset = len(out) - len(shape)
        for i, n in enumerate(shape):
            have = out[offset + i]
            if n is have or is_true(n == 1):
                continue
            if is_true(have == 1):
                out[offset + i] = n
            elif not (n == have):
                raise RuntimeError(f"The size of tensor a ({have}) must match the size of tensor b ({n}) at non-singleton dimension {offset + i}")
    return tuple(out)


def infer_size(shape, numel):
    """The shape with its -1 replaced. RuntimeError unless it has `numel` elements."""
    shape = list(shape)
    unknown = [i for i, n in enumerate(shape) if type(n) is int and n == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if unknown:
        rest = product(n for i, n in enumerate(shape) if i != unknown[0])
        shape[unknown[0]] = numel // rest
        fits = numel % rest == 0
    else:
        fits = product(shape) == numel
    if not fits:
        raise RuntimeError(f"shape '{shape}' is invalid for input of size {numel}")
    return tuple(shape)


def contiguous_strides(sizes):
    """Row-major strides."""
    return dense_strides(sizes, range(len(sizes) - 1, -1, -1))


def dense_strides(sizes, order):
    """Strides without holes where `order` lists the dimensions from the fastest on."""
    strides: list = [0] * len(sizes)
    step = 1
    for d in order:
        strides[d] = step
        n = sizes[d]
        step = step * (n if not (type(n) is int and n == 0) else 1)
    return tuple(strides)


def view_strides(sizes, strides, shape):
    """Strides of the shape over the same elements; None where that takes a copy. Both have the same number of elements."""
    if any(type(n) is int and n == 0 for n in sizes):
        return contiguous_strides(shape)
    runs = []           # (elements, stride) of runs of dimensions that lie densely in each other
    for n, s in zip(reversed(sizes), reversed(strides)):
        if is_true(n == 1):
            continue
        if runs and is_true(s == runs[-1][0] * runs[-1][1]):
            runs[-1] = runs[-1][0] * n, runs[-1][1]
        else:
            runs.append((n, s))
    out: list = []
    left, step = runs.pop(0) if runs else (1, 1)
    for n in reversed(shape):
        if is_true(n == 1):
            out.append(step)
            continue
        while is_true(left == 1) and runs:
            left, step = runs.pop(0)
        if not is_true(left % n == 0):
            return None
        out.append(step)
        left, step = left // n, step * n
    return tuple(reversed(out))


def reduced(sizes, dims, keepdim):
    """The shape after a reduction over dimensions."""
    gone = set(wrap_dims(dims, len(sizes)))
    return tuple(1 if i in gone else n for i, n in enumerate(sizes) if keepdim or i not in gone)
