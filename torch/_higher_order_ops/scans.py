"""`scan`, a loop that carries a state, and `associative_scan`, all prefixes of an associative operation in logarithmic depth."""

from __future__ import annotations

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from ._leaves import same_structure, stacked, tensor_leaves

__all__ = ["associative_scan", "scan"]


def _positive(leaf, dim):
    if not -leaf.dim() <= dim < leaf.dim():
        raise IndexError(f"Dimension out of range (expected to be in range of [{-leaf.dim()}, {leaf.dim() - 1}], but got {dim})")
    return dim % leaf.dim()


def scan(combine_fn, init, xs, *, dim=0, reverse=False):
    """``carry, y = combine_fn(carry, x)`` for each slice x of `xs` along `dim`: (last carry, the stack of all y along `dim`).

    Args:
        combine_fn: returns (a tree like `init`, a tree of tensors).
        init: the first carry, a tensor or a tree of tensors.
        xs: a tensor or a tree of tensors, of equal size along `dim`.
        reverse: begin with the last slice; the results keep the places of their slices.

    >>> from torch._higher_order_ops import scan
    >>> scan(lambda total, x: (total + x, total), torch.tensor(0.), torch.arange(4.))
    (tensor(6.), tensor([0., 0., 1., 3.]))
    """
    if not callable(combine_fn):
        raise RuntimeError(f"Combine_fn must be a callable, but got {combine_fn}")
    if not isinstance(reverse, bool):
        raise RuntimeError(f"Reverse must be a bool, but got {type(reverse)}")
    start, carry_spec = tensor_leaves(init, "scan() init leaves must be tensors, but got")
    if not start:
        raise RuntimeError("scan() operator requires init leaves.")
    leaves, spec = tensor_leaves(xs, "scan() xs leaves must be tensors, but got")
    if not leaves:
        return init, xs
    slices = [leaf.unbind(_positive(leaf, dim)) for leaf in leaves]
    if any(len(s) != len(slices[0]) for s in slices) or not slices[0]:
        raise RuntimeError("All xs leaves must at least have 'dim' number of dimensions and scan dimension > 0")
    rows = [tree_unflatten(row, spec) for row in zip(*slices)]
    carry, results = init, []
    for row in reversed(rows) if reverse else rows:
        after = combine_fn(carry, row)
        if not isinstance(after, tuple) or len(after) != 2:
            raise RuntimeError(f"scan() combine_fn must return a tuple (carry, y), but got {type(after)}")
        same_structure("scan", "init and carry", tree_flatten(after[0])[0], start)
        carry = tree_unflatten(tree_flatten(after[0])[0], carry_spec)
        results.append(after[1])
    return carry, stacked(results[::-1] if reverse else results, dim)


def associative_scan(combine_fn, xs, dim, reverse=False, combine_mode="pointwise"):
    """All prefixes of `xs` along `dim` under an associative operation, in a number of steps logarithmic in their number.

    Args:
        combine_fn: an associative function of two trees like `xs`, applied to many slices at once.
        xs: a tensor or a tree of tensors, of equal size along `dim`.
        reverse: all suffixes instead.
        combine_mode: "pointwise" or "generic"; both run alike here.

    Blelloch, Prefix Sums and Their Applications, 1990.

    >>> from torch._higher_order_ops import associative_scan
    >>> associative_scan(torch.mul, torch.arange(1., 5.), 0)
    tensor([ 1.,  2.,  6., 24.])
    """
    if not callable(combine_fn):
        raise ValueError(f"Combine_fn must be a callable, but got {combine_fn}")
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}")
    leaves, spec = tensor_leaves(xs, "associative_scan() xs leaves must be tensors, but got")
    if not leaves:
        raise ValueError("associative_scan() needs at least one tensor in xs")
    dim = _positive(leaves[0], dim)
    if any(leaf.shape[dim] != leaves[0].shape[dim] for leaf in leaves):
        raise ValueError(f"All xs leaves must have the same size in dimension {dim}, but got {[tuple(leaf.shape) for leaf in leaves]}")

    def combine(a, b):
        made = tree_flatten(combine_fn(tree_unflatten(a, spec), tree_unflatten(b, spec)))[0]
        same_structure("associative_scan", "combine_fn's result and xs", made, a)
        return made

    if reverse:
        leaves = [leaf.flip(dim) for leaf in leaves]
    found = _prefixes(combine, leaves, dim)
    return tree_unflatten([leaf.flip(dim) for leaf in found] if reverse else found, spec)


def _prefixes(combine, leaves, dim):
    """Pairs of neighbours are combined; their prefixes are those of odd places; one step more gives those of even places."""
    n = leaves[0].shape[dim]
    if n < 2:
        return leaves

    def every_other(tensors, first, last):
        index = (slice(None),) * dim + (slice(first, last, 2),)
        return [t[index] for t in tensors]

    odd = _prefixes(combine, combine(every_other(leaves, 0, n - 1), every_other(leaves, 1, n)), dim)
    later = every_other(leaves, 2, n)
    before = odd if n % 2 else [t.narrow(dim, 0, t.shape[dim] - 1) for t in odd]
    even = combine(before, later) if later[0].shape[dim] else later
    first = every_other(leaves, 0, 1)
    return [_interleaved(torch.cat([a, b], dim), c, dim) for a, b, c in zip(first, even, odd)]


def _interleaved(even, odd, dim):
    """even[0], odd[0], even[1], odd[1], ...; `even` may be one longer."""
    n = odd.shape[dim]
    pairs = torch.stack([even.narrow(dim, 0, n), odd], dim + 1).flatten(dim, dim + 1)
    return pairs if even.shape[dim] == n else torch.cat([pairs, even.narrow(dim, n, 1)], dim)
