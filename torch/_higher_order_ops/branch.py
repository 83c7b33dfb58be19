"""`cond`: one of two functions, by a predicate."""

from __future__ import annotations

import torch
from torch import _C
from torch._ops import HigherOrderOperator
from torch.utils._pytree import tree_flatten, tree_unflatten

from . import _graphs
from ._leaves import same_structure, tensor_leaves

__all__ = ["cond"]


def cond(pred, true_fn, false_fn, operands=()):
    """``true_fn(*operands)`` if `pred`, else ``false_fn(*operands)``.

    Args:
        pred: bool, or bool tensor of one element. Under `vmap` it may differ between examples: then both functions run, and
            each example takes its own result.
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
    return cond_op(pred, true_fn, false_fn, operands)


def _run(pred, true_fn, false_fn, operands=()):
    """``true_fn(*operands)`` if `pred`, else ``false_fn(*operands)``."""
    if isinstance(pred, bool):
        return true_fn(*operands) if pred else false_fn(*operands)
    if _C._functorch.is_batchedtensor(pred):
        return _chosen(pred, true_fn(*operands), false_fn(*operands))
    mode = _graphs.tracing()
    if mode is not None:
        leaves, spec = tree_flatten(tuple(operands))
        functions = _on_leaves(true_fn, spec), _on_leaves(false_fn, spec)
        if _graphs.needs_gradient(leaves):
            structure: list = []
            return tree_unflatten(list(_Branch.apply(pred, *functions, structure, *leaves)), structure[0])
        return _recorded(mode, pred, *functions, leaves)
    if _graphs.is_fake(pred):
        return _either(true_fn, false_fn, operands)
    return true_fn(*operands) if pred else false_fn(*operands)


cond_op = HigherOrderOperator("cond", _run)


def _on_leaves(function, spec):
    def on_leaves(*leaves):
        return function(*tree_unflatten(leaves, spec))

    on_leaves.__name__ = getattr(function, "__name__", "function")
    return on_leaves


def _either(true_fn, false_fn, operands):
    """The result of the first function, when that of the second is like it."""
    result, other = true_fn(*operands), false_fn(*operands)
    same_structure("cond", "true_fn_output and false_fn_output", tree_flatten(result)[0], tree_flatten(other)[0])
    return result


def _recorded(mode, pred, true_fn, false_fn, leaves):
    with _graphs.Unrecorded():
        example = _either(true_fn, false_fn, leaves)
    functions = {"true_graph": (true_fn, leaves), "false_graph": (false_fn, leaves)}
    return _graphs.record(mode, cond_op, functions, lambda *graphs: (pred, *graphs, tuple(leaves)), example)


class _Branch(torch.autograd.Function):
    """`cond` in a graph, with a gradient: another `cond`, of the gradients of the functions."""

    @staticmethod
    def forward(ctx, pred, true_fn, false_fn, structure, *leaves):
        ctx.save_for_backward(pred, *leaves)
        ctx.functions = true_fn, false_fn
        results, spec = tree_flatten(_recorded(_graphs.tracing(), pred, true_fn, false_fn, leaves))
        structure.append(spec)
        return tuple(results)

    @staticmethod
    def backward(ctx, *grads):
        pred, *leaves = ctx.saved_tensors
        n = len(leaves)

        def pull(function):
            def gradients(*args):
                with torch.enable_grad():
                    inputs = [x.detach().requires_grad_(x.is_floating_point() or x.is_complex()) for x in args[:n]]
                    outputs = tree_flatten(function(*inputs))[0]
                    wanted = [x for x in inputs if x.requires_grad]
                    pairs = [(o, g) for o, g in zip(outputs, args[n:]) if o.requires_grad]
                    found = iter(_pulled(pairs, wanted))
                return tuple(next(found) if x.requires_grad else torch.zeros_like(x) for x in inputs)
            return gradients

        found = cond_op(pred, *map(pull, ctx.functions), (*leaves, *grads))
        return None, None, None, None, *(g if x.requires_grad else None for g, x in zip(found, leaves))


def _pulled(pairs, wanted):
    """Gradients of the inputs, given (output, its gradient) of the outputs that have one."""
    if not pairs:
        return [torch.zeros_like(x) for x in wanted]
    outputs, grads = zip(*pairs)
    return torch.autograd.grad(outputs, wanted, grads, allow_unused=True, materialize_grads=True)


def _chosen(pred, if_true, if_false):
    """Leaf by leaf the one that `pred` says."""
    a, spec = tree_flatten(if_true)
    b, _ = tree_flatten(if_false)
    same_structure("cond", "true_fn_output and false_fn_output", a, b)
    return tree_unflatten([torch.where(pred, x, y) for x, y in zip(a, b)], spec)
