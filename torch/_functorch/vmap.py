"""`vmap`: a function of single examples, applied to each example of a batch.

The function runs once for each index of the mapped dimension, and its results are stacked: whatever runs on one example runs
under `vmap`, and gives the same bits.
"""

from __future__ import annotations

import functools

import torch
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

__all__ = ["vmap", "rearrange"]


def _spread(value, tree, what, error):
    """`value`, an int, None or a tree of them that may stop early, as a list: one for each leaf of `tree`."""
    if value is None or isinstance(value, int):
        return [value] * len(tree_leaves(tree))
    children = {dict: lambda t: list(t.values())}.get(type(tree), list)(tree) if isinstance(tree, (list, tuple, dict)) else None
    given = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, (list, tuple)) else None
    if children is None or given is None or len(children) != len(given):
        raise ValueError(error)
    return [d for v, t in zip(given, children) for d in _spread(v, t, what, error)]


def _name(func):
    return getattr(func, "__name__", repr(func))


def _flat_inputs(func, in_dims, args):
    """(leaves, their mapped dimensions, spec, batch size)."""
    name = _name(func)
    if not isinstance(in_dims, (int, list, tuple)):
        raise ValueError(f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) tuple matching the "
                         f"structure of inputs, got: {type(in_dims)}.")
    if not args:
        raise ValueError(f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no "
                         "inputs. The latter is unsupported.")
    leaves, spec = tree_flatten(args)
    dims = _spread(in_dims, args, "in_dims", f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of "
                   f"`inputs`. in_dims has structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}.")
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims)):
        where = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for some input, but "
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for an input but in_dim must be either an integer "
                             "dimension or None.")
        if not isinstance(x, torch.Tensor):
            if in_dims == 0 or isinstance(in_dims, int):
                raise ValueError(f"{where}the input is of type {type(x)}. We cannot vmap over non-Tensor arguments, please use None as the respective "
                                 "in_dim")
            raise ValueError(f"{where}the input is of type {type(x)}. We cannot vmap over non-Tensor arguments, please use None as the respective "
                             "in_dim")
        if not -x.dim() <= d < x.dim():
            raise ValueError(f"{where}that input is a Tensor of dimensionality {x.dim()} so expected in_dim to satisfy -{x.dim()} <= in_dim < "
                             f"{x.dim()}.")
        sizes.append(x.size(d))
    if not sizes:
        raise ValueError("vmap: at least one of the inputs must be a tensor that is mapped over (in_dims must not all be None)")
    if len(set(sizes)) > 1:
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension")
    return leaves, dims, spec, sizes[0]


class _Randomness:
    """What the flag promises: no random numbers, the same for each example, or their own."""

    def __init__(self, kind):
        self.kind = kind
        self.start = None if kind == "different" else torch.get_rng_state()

    def before(self, example):
        if self.kind == "same" and example:
            torch.set_rng_state(self.start)

    def after(self):
        if self.kind == "error" and not torch.equal(self.start, torch.get_rng_state()):
            torch.set_rng_state(self.start)
            raise RuntimeError("vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
                               "randomness flags on vmap or perform the randomness operation out of vmap")


def _stack(func, out_dims, results, batch):
    """The results of all examples, stacked along out_dims."""
    name = _name(func)
    flat = [tree_flatten(r) for r in results]
    spec = flat[0][1]
    dims = _spread(out_dims, results[0], "out_dims", f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure "
                   f"of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}.")
    stacked = []
    for values, d in zip(zip(*(leaves for leaves, _ in flat)), dims):
        if d is None:
            stacked.append(values[0])
            continue
        if not isinstance(values[0], torch.Tensor):
            raise ValueError(f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(values[0])}. Did you mean to set out_dims= to None "
                             "for output?")
        stacked.append(torch.stack(values, d)[:batch] if batch == 0 else torch.stack(values, d))
    return tree_unflatten(stacked, spec)


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """``f`` such that ``f(*args)`` applies `func` to each example of a batch.

    Args:
        in_dims: which dimension of each argument counts the examples: an int, None (the same for all), or a tree of these.
        out_dims: where that dimension goes in the results.
        randomness: "error": random numbers raise RuntimeError; "same" or "different" for the examples.
        chunk_size: how many examples may be computed at once.

    >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        leaves, dims, spec, batch = _flat_inputs(func, in_dims, args)
        named, named_spec = tree_flatten(kwargs)
        source = _Randomness(randomness)
        # an empty batch still has results of some shape: one example of zeros tells which
        examples = [[x if d is None else x.select(d, i) for x, d in zip(leaves, dims)]
                    + [x.select(0, i) if isinstance(x, torch.Tensor) else x for x in named] for i in range(batch)] or \
                   [[x if d is None else torch.zeros_like(x.sum(d)) for x, d in zip(leaves, dims)] + named]
        results = []
        for i, values in enumerate(examples):
            source.before(i)
            results.append(func(*tree_unflatten(values[: len(leaves)], spec), **tree_unflatten(values[len(leaves):], named_spec)))
            source.after()
        return _stack(func, out_dims, results, batch)
    return wrapper


# ---- rearrange ----

def _groups(side, pattern):
    """["b", ["h", "w"], "..."] of "b (h w) ..."."""
    groups: list = []
    current = groups
    for token in side.replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            current = []
            groups.append(current)
        elif token == ")":
            current = groups
        else:
            current.append(token)
    if current is not groups:
        raise ValueError(f"unbalanced parentheses in the pattern {pattern!r}")
    return groups


def rearrange(tensor, pattern, **axes_lengths):
    """Splits, reorders and joins dimensions as a pattern of names says.

    >>> torch.func.rearrange(torch.zeros(2, 6), "b (h w) -> w b h", h=2).shape
    torch.Size([3, 2, 2])
    """
    if isinstance(tensor, (list, tuple)):
        tensor = torch.stack(list(tensor))
    left_text, _, right_text = pattern.partition("->")
    left, right = _groups(left_text, pattern), _groups(right_text, pattern)
    named = len([g for g in left if g != "..."])
    rest = tensor.dim() - named
    if rest < 0 or (rest and "..." not in left):
        raise ValueError(f"the pattern {pattern!r} names {named} dimensions, but the tensor has {tensor.dim()}")
    hidden = [f"...{i}" for i in range(rest)]

    def expanded(groups):
        full: list = []
        for g in groups:
            full += hidden if g == "..." else [[n for e in g for n in (hidden if e == "..." else [e])]] if isinstance(g, list) else [g]
        return full
    left, right = expanded(left), expanded(right)
    sizes, shape, order = dict(axes_lengths), [], []
    for g, size in zip(left, tensor.shape):
        names = g if isinstance(g, list) else [g]
        known = 1
        unknown = [n for n in names if n not in sizes and n != "1"]
        for n in names:
            known *= sizes.get(n, 1)
        if len(unknown) > 1 or size % known:
            raise ValueError(f"cannot split a dimension of {size} as {' '.join(names)} with {axes_lengths}")
        if unknown:
            sizes[unknown[0]] = size // known
        shape += [sizes.get(n, 1) for n in names]
        order += names
    flat_right = [n for g in right for n in (g if isinstance(g, list) else [g])]
    if sorted(n for n in order if n != "1") != sorted(n for n in flat_right if n != "1"):
        raise ValueError(f"both sides of the pattern {pattern!r} must have the same names")
    parts = tensor.reshape(shape)
    for i in reversed([i for i, n in enumerate(order) if n == "1"]):
        parts = parts.squeeze(i)
    order = [n for n in order if n != "1"]
    parts = parts.permute([order.index(n) for n in flat_right if n != "1"])
    result = []
    for g in right:
        size = 1
        for n in g if isinstance(g, list) else [g]:
            size *= sizes.get(n, 1)
        result.append(size)
    return parts.reshape(result)


