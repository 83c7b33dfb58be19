"""`vmap`: a function of single examples, applied to all examples of a batch at once.

Inside of the function a tensor shows the sizes of one example, while every operator computes them all: by the batching rule
that its definition gives, or by a loop over the examples where there is none.
"""

from __future__ import annotations

import contextlib
import functools

import torch
from torch import _C
from torch.utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_leaves, tree_unflatten

__all__ = ["vmap", "chunk_vmap"]

_functorch = _C._functorch


@contextlib.contextmanager
def vmap_increment_nesting(batch_size, randomness):
    """A level of vmap, for the length of a block."""
    level = _functorch._vmap_increment_nesting(batch_size, randomness)
    try:
        yield level
    finally:
        _functorch._vmap_decrement_nesting()


def _name(func):
    return getattr(func, "__name__", repr(func))


# ---- what goes in ----

def _checked_dim(x, dim, where):
    """`dim` counted from the front; ValueError when `x` has no such dimension."""
    if not isinstance(dim, int):
        raise ValueError(f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None.")
    if not isinstance(x, torch.Tensor):
        raise ValueError(f"{where}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over non-Tensor arguments, "
                         "please use None as the respective in_dim")
    if not -x.dim() <= dim < x.dim():
        raise ValueError(f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {x.dim()} so expected in_dim to "
                         f"satisfy -{x.dim()} <= in_dim < {x.dim()}.")
    return dim % x.dim()


def _process_batched_inputs(in_dims, args, func):
    """(batch size, leaves of args, their mapped dimensions, structure of args)."""
    where = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}.")
    if not args:
        raise ValueError(f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
                         "with no inputs. The latter is unsupported.")
    leaves, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has structure {tree_flatten(in_dims)[1]} but "
                         f"inputs has structure {spec}.")
    dims = [None if d is None else _checked_dim(x, d, where) for x, d in zip(leaves, dims)]
    sizes = [x.size(d) for x, d in zip(leaves, dims) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension")
    return sizes[0], leaves, dims, spec


# ---- what comes out ----

def _check_out_dims(out_dims, func):
    if out_dims is not None and not isinstance(out_dims, int) and not all(isinstance(d, int) or d is None for d in tree_leaves(out_dims)):
        raise ValueError(f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints representing "
                         "where in the outputs the vmapped dimension should appear.")


def _flat_out_dims(out_dims, outputs, spec, func):
    """One of out_dims for each leaf of the results."""
    if isinstance(outputs, torch.Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        out_dims = out_dims[0]
    dims = _broadcast_to_and_flatten(out_dims, spec)
    if dims is None:
        raise ValueError(f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
                         f"out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}.")
    return dims


def _released(x, dim, batch_size, level, func):
    """All examples of a result, along `dim`."""
    if dim is None:
        if isinstance(x, torch.Tensor) and _functorch.is_batchedtensor(x) and _functorch.maybe_get_level(x) == level:
            raise ValueError(f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None")
        return x
    if not isinstance(x, torch.Tensor):
        raise ValueError(f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= to "
                         "None for output?")
    return _functorch._remove_batch_dim(x, level, batch_size, dim)


def _flat_vmap(func, batch_size, leaves, dims, spec, out_dims, randomness, kwargs):
    with vmap_increment_nesting(batch_size, randomness) as level:
        examples = [x if d is None else _functorch._add_batch_dim(x, d, level) for x, d in zip(leaves, dims)]
        outputs = func(*tree_unflatten(examples, spec), **kwargs)
        results, out_spec = tree_flatten(outputs)
        to = _flat_out_dims(out_dims, outputs, out_spec, func)
        return tree_unflatten([_released(x, d, batch_size, level, func) for x, d in zip(results, to)], out_spec)


def _in_chunks(func, batch_size, leaves, dims, spec, out_dims, randomness, chunk_size, kwargs):
    """The batch in pieces of `chunk_size`, their results joined."""
    parts = []
    state = torch.get_rng_state() if randomness == "same" else None
    for start in range(0, batch_size, chunk_size):
        size = min(chunk_size, batch_size - start)
        piece = [x if d is None else x.narrow(d, start, size) for x, d in zip(leaves, dims)]
        if state is not None:
            torch.set_rng_state(state)
        parts.append(_flat_vmap(func, size, piece, dims, spec, out_dims, randomness, kwargs))
    out_spec = tree_flatten(parts[0])[1]
    to = _flat_out_dims(out_dims, parts[0], out_spec, func)
    joined = [values[0] if d is None else torch.cat(values, d) for values, d in zip(zip(*map(tree_leaves, parts)), to)]
    return tree_unflatten(joined, out_spec)


def _check_randomness(randomness):
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """``f`` such that ``f(*args)`` applies `func` to each example of a batch.

    Inside of `func` the tensors look like single examples; keyword arguments are the same for all.

    Args:
        in_dims: which dimension of each argument counts the examples: an int, None (the same for all), or a tree of these.
        out_dims: where that dimension goes in the results; None for what is the same for all.
        randomness: "error": random numbers raise RuntimeError; "same" or "different" for the examples.
        chunk_size: how many examples may be computed at once.

    Raises ValueError for arguments and results that do not fit, RuntimeError where `func` asks for the value of an example.

    >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    _check_randomness(randomness)
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        _check_out_dims(out_dims, func)
        batch_size, leaves, dims, spec = _process_batched_inputs(in_dims, args, func)
        if chunk_size is not None and chunk_size < batch_size:
            return _in_chunks(func, batch_size, leaves, dims, spec, out_dims, randomness, chunk_size, kwargs)
        return _flat_vmap(func, batch_size, leaves, dims, spec, out_dims, randomness, kwargs)
    return wrapper


def chunk_vmap(func, in_dims=0, out_dims=0, randomness="error", chunks=2):
    """`vmap` of a batch in `chunks` pieces, one after another.

    >>> torch._functorch.vmap.chunk_vmap(torch.sum, chunks=2)(torch.ones(4, 3))
    tensor([3., 3., 3., 3.])
    """
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        batch_size = _process_batched_inputs(in_dims, args, func)[0]
        size = max(1, -(-batch_size // chunks))
        return vmap(func, in_dims, out_dims, randomness, chunk_size=size)(*args, **kwargs)
    return wrapper
