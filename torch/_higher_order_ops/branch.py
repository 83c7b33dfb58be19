"""`cond`: one of two functions, by a predicate."""

from __future__ import annotations

import torch

from ._leaves import tensor_leaves

__all__ = ["cond"]


def cond(pred, true_fn, false_fn, operands=()):
    """``true_fn(*operands)`` if `pred`, else ``false_fn(*operands)``.

    Args:
        pred: bool, or bool tensor of one element.
        true_fn, false_fn: functions whose results have the same structure, shapes and dtypes.
        operands: a tuple of trees of tensors.

    Raises RuntimeError for arguments of other kinds.

    >>> torch.cond(torch.tensor(True), torch.sin, torch.cos, (torch.zeros(2),))
    tensor([0., 0.])
    """
    if not isinstance(pred, (bool, torch.Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, torch.Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    message = "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of tensor leaves, but got"
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(f"{message} {operands}.")
    tensor_leaves(operands, message)
    return true_fn(*operands) if pred else false_fn(*operands)
