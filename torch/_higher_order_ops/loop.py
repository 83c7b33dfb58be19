"""`while_loop` and `map`."""

from __future__ import annotations

import torch
from torch._ops import HigherOrderOperator
from torch.utils._pytree import tree_flatten, tree_unflatten

from . import _graphs
from ._leaves import same_structure, stacked, tensor_leaves

__all__ = ["map", "while_loop"]


def while_loop(cond_fn, body_fn, carried_inputs):
    """``while cond_fn(*carried): carried = body_fn(*carried)``; the last `carried`.

    Args:
        cond_fn: returns a bool or a bool tensor of one element.
        body_fn: returns a tuple like `carried_inputs`, of the same shapes and dtypes.
        carried_inputs: a tuple of tensors or ints.

    Raises RuntimeError when a function is not callable, or the shapes or dtypes change.

    >>> from torch._higher_order_ops import while_loop
    >>> while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.ones(1)))
    (tensor(3), tensor([8.]))
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(f"Expect carried_inputs to be a tuple of possibly nested dict/list/tuple that only consists of tensor or int leaves, "
                           f"but got {carried_inputs}.")
    return while_loop_op(cond_fn, body_fn, tuple(carried_inputs))


def _run(cond_fn, body_fn, carried, additional=()):
    """``while cond_fn(*carried, *additional): carried = body_fn(*carried, *additional)``."""
    mode = _graphs.tracing()
    if mode is not None:
        return _recorded(mode, cond_fn, body_fn, carried, additional)
    if any(_graphs.is_fake(x) for x in carried):
        return _step(body_fn, carried, additional)
    while _goes_on(cond_fn(*carried, *additional)):
        carried = _step(body_fn, carried, additional)
    return carried


while_loop_op = HigherOrderOperator("while_loop", _run)


def _step(body_fn, carried, additional):
    after = body_fn(*carried, *additional)
    after = tuple(after) if isinstance(after, (tuple, list)) else (after,)
    same_structure("while_loop", "body_fn_output and carried_inputs", _as_tensors(after), _as_tensors(carried))
    return after


def _recorded(mode, cond_fn, body_fn, carried, additional):
    if _graphs.needs_gradient(carried):
        raise RuntimeError("while_loop: the number of steps of a loop in a graph is not known, and so it has no gradient; use scan")
    with _graphs.Unrecorded():
        example = _step(body_fn, carried, additional)
    operands = (*carried, *additional)
    functions = {"cond_graph": (cond_fn, operands), "body_graph": (body_fn, operands)}
    return _graphs.record(mode, while_loop_op, functions, lambda *graphs: (*graphs, carried, additional), example)


def _goes_on(answer):
    if isinstance(answer, torch.Tensor) and answer.numel() != 1:
        raise RuntimeError(f"Expected cond_fn to return a scalar tensor or a bool but got a tensor of shape {tuple(answer.shape)}")
    return bool(answer)


def _as_tensors(tree):
    return [leaf if isinstance(leaf, torch.Tensor) else torch.tensor(leaf) for leaf in tree_flatten(tree)[0]]


def map(f, xs, *args):
    """``f(x, *args)`` for each slice x of `xs` along dimension 0, stacked.

    Args:
        f: a function of a tree like `xs` and of `args`; returns a tree of tensors.
        xs: a tensor, or a tree of tensors, of equal and positive first dimension.

    Raises RuntimeError for other `xs`.

    >>> from torch._higher_order_ops import map
    >>> map(lambda x, y: x * y, torch.arange(3.), torch.tensor(2.))
    tensor([0., 2., 4.])
    """
    leaves, spec = tensor_leaves(xs, "Mapped xs can only consist of tensors. Got xs")
    shapes = [leaf.shape for leaf in leaves]
    if not shapes or any(not shape for shape in shapes):
        raise RuntimeError(f"Mapped xs must have a leading dimension. Got shapes {shapes}.")
    if any(shape[0] != shapes[0][0] for shape in shapes):
        raise RuntimeError(f"Leading dimensions of mapped xs must be consistent. Got shapes {shapes}.")
    if shapes[0][0] == 0:
        raise RuntimeError("Leading dimensions of mapped xs cannot be 0.")
    return stacked([f(tree_unflatten(row, spec), *args) for row in zip(*(leaf.unbind(0) for leaf in leaves))])
