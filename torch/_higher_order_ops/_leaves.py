"""What the operators over functions have in common: trees of tensors, flattened and checked."""

from __future__ import annotations

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten


def tensor_leaves(tree, message):
    """(leaves, spec) of a tree that may hold only tensors. Raises RuntimeError with `message` and what was found."""
    leaves, spec = tree_flatten(tree)
    if not all(isinstance(leaf, torch.Tensor) for leaf in leaves):
        raise RuntimeError(f"{message} {tree}.")
    return leaves, spec


def same_structure(name, what, got, expected):
    """Raises RuntimeError unless two lists of tensors agree in number, shape and dtype."""
    if len(got) != len(expected):
        raise RuntimeError(f"{name}: Expected {what} to have same number of outputs but got {len(got)} and {len(expected)}")
    for i, (a, b) in enumerate(zip(got, expected)):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise RuntimeError(f"{name}: Expected {what} to have same metadata but found: pair[{i}] differ: "
                               f"{a.dtype} of shape {tuple(a.shape)} and {b.dtype} of shape {tuple(b.shape)}")


def stacked(rows, dim=0):
    """Trees of equal structure as one tree, each of whose leaves is the stack of theirs along `dim`."""
    flat = [tree_flatten(row) for row in rows]
    spec = flat[0][1]
    return tree_unflatten([torch.stack(column, dim) for column in zip(*(leaves for leaves, _ in flat))], spec)
