"""`rearrange`: splits, reorders and joins dimensions as a pattern of names says."""

from __future__ import annotations

import torch

__all__ = ["rearrange"]


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
