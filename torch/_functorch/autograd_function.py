"""`torch.autograd.Function` under vmap: by its own rule, or by running its methods on single examples."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import _C
from torch._functorch.vmap import vmap_increment_nesting
from torch.autograd.function import Function, FunctionCtx
from torch.utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_unflatten

__all__ = ["VmapInfo"]

_functorch = _C._functorch
_MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What the `vmap` staticmethod of a Function is told of the vmap that runs it."""

    batch_size: int
    randomness: str


def _check_support(cls):
    if not cls._has_setup_context:
        raise RuntimeError("In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the "
                           f"setup_context staticmethod. {_MORE}")
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. "
                           f"Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. {_MORE}")
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement the vmap "
                           f"staticmethod or set generate_vmap_rule=True. {_MORE}")
    return own


# ---- between examples and batches ----

def _split(tensors, level):
    """(the batches of tensors that stand for examples of a level, and their batch dimensions); others as they are, with None."""
    values, dims = [], []
    for x in tensors:
        batched = isinstance(x, torch.Tensor) and _functorch.maybe_get_level(x) == level
        values.append(_functorch.get_unwrapped(x) if batched else x)
        dims.append(_functorch.maybe_get_bdim(x) if batched else None)
    return values, dims


def _examples(values, dims, level):
    return tuple(x if d is None or not isinstance(x, torch.Tensor) else _functorch._add_batch_dim(x, d, level) for x, d in zip(values, dims))


def _several(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _batches(outputs, level, batch_size):
    """Tensors among the results as batches along dimension 0."""
    found = tuple(_functorch._remove_batch_dim(x, level, batch_size, 0) if isinstance(x, torch.Tensor) else x for x in _several(outputs))
    return found if isinstance(outputs, tuple) else found[0]


def _gradient(g, dim, level, batch_size):
    """The gradient of an argument whose batch lies along `dim`; of one that all examples share, the sum."""
    if g is None:
        return None
    if dim is not None:
        return _functorch._remove_batch_dim(g, level, batch_size, dim)
    return _functorch._remove_batch_dim(g, level, batch_size, 0).sum(0)


class _Context(FunctionCtx):
    """The `ctx` of an example."""

    to_save = saved_for_forward = non_differentiable = ()
    materialize_grads = True

    def __init__(self, needs_input_grad):
        self.needs_input_grad = needs_input_grad


def _over_batch(cls, in_dims, info):
    """The Function that `cls` is for a whole batch: each of its methods runs that of `cls` on examples."""
    def zeros(n):
        return (0,) * n

    class OverBatch(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*values):
            with vmap_increment_nesting(*info) as level:
                return _batches(cls.forward(*_examples(values, in_dims, level)), level, info.batch_size)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.example = _Context(ctx.needs_input_grad)
            with vmap_increment_nesting(*info) as level:
                results = _examples(_several(output), zeros(len(_several(output))), level)
                cls.setup_context(ctx.example, _examples(inputs, in_dims, level), results if isinstance(output, tuple) else results[0])
                saved, ctx.saved_dims = _split(ctx.example.to_save, level)
                forward, ctx.forward_dims = _split(ctx.example.saved_for_forward, level)
            ctx.save_for_backward(*saved)
            ctx.save_for_forward(*forward)
            ctx.set_materialize_grads(ctx.example.materialize_grads)
            marked = [id(x) for x in ctx.example.non_differentiable]
            ctx.mark_non_differentiable(*(x for x, e in zip(_several(output), results) if id(e) in marked))
            ctx.example.to_save = ctx.example.saved_for_forward = ctx.example.non_differentiable = ()

        @staticmethod
        def backward(ctx, *grads):
            with vmap_increment_nesting(*info) as level:
                ctx.example.saved_tensors = _examples(ctx.saved_tensors, ctx.saved_dims, level)
                found = (cls.vjp if cls.vjp is not Function.vjp else cls.backward)(ctx.example, *_examples(grads, zeros(len(grads)), level))
                ctx.example.saved_tensors = ()
                return tuple(_gradient(g, d, level, info.batch_size) for g, d in zip(_several(found), in_dims))

        @staticmethod
        def jvp(ctx, *tangents):
            with vmap_increment_nesting(*info) as level:
                ctx.example.saved_tensors = _examples(ctx.saved_tensors, ctx.forward_dims, level)
                found = cls.jvp(ctx.example, *_examples(tangents, in_dims, level))
                ctx.example.saved_tensors = ()
                return _batches(found, level, info.batch_size)

    OverBatch.__name__ = cls.__name__
    return OverBatch


# ---- what Function.apply and operators of custom_op call ----

def _by_rule(rule, info, in_dims, values, level, modes):
    result = _functorch._call_below(level, *modes, rule, info, tuple(in_dims), *values)
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError("Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the "
                           f"output. Got a {type(result)} instead")
    leaves, spec = tree_flatten(result[0])
    dims = _broadcast_to_and_flatten(result[1], spec)
    if dims is None:
        raise RuntimeError(f"Expected the out_dims of the vmap staticmethod to be compatible with its output, got {result[1]} for {spec}")
    return tree_unflatten(list(_examples(leaves, dims, level)), spec)


def forward_of_examples(cls, args, grad_enabled, forward_enabled):
    """What `cls.forward` is for arguments of which some stand for examples; the modes are those in which apply was called."""
    own = _check_support(cls)
    level = max(_functorch.maybe_get_level(x) for x in args if isinstance(x, torch.Tensor))
    info = VmapInfo(*_functorch._level_info(level))
    values, in_dims = _split(args, level)
    modes = (grad_enabled, forward_enabled)
    if own:
        return _by_rule(cls.vmap, info, in_dims, values, level, modes)
    tensors = [x for x in values if isinstance(x, torch.Tensor)]
    if not _functorch._in_forward_mode() and not any(x.requires_grad or _functorch._value_requires_grad(x) for x in tensors):
        return cls.forward(*args)      # nobody below asks for the history of the values
    outputs = _functorch._call_below(level, *modes, _over_batch(cls, in_dims, info).apply, *values)
    found = _examples(_several(outputs), (0,) * len(_several(outputs)), level)
    return found if isinstance(outputs, tuple) else found[0]


def _loop(op, kwargs):
    """The rule of an operator that has none: each example by itself."""
    def rule(info, in_dims, *args):
        parts = [op(*(x if d is None else x.select(d, i) for x, d in zip(args, in_dims)), **kwargs) for i in range(info.batch_size)]
        if isinstance(parts[0], torch.Tensor):
            return torch.stack(parts), 0
        return type(parts[0])(map(torch.stack, zip(*parts))), 0
    return rule


def operator_of_examples(op, args, kwargs, grad_enabled):
    """An operator of `torch.library` for arguments of which some stand for examples: by its rule, else a loop."""
    level = max(_functorch.maybe_get_level(x) for x in args if isinstance(x, torch.Tensor))
    values, in_dims = _split(args, level)
    rule = _loop(op, kwargs) if op.vmap is None else functools.partial(op.vmap, **kwargs) if kwargs else op.vmap
    return _by_rule(rule, VmapInfo(*_functorch._level_info(level)), in_dims, values, level, (grad_enabled, _C._is_fwd_grad_enabled()))
