"""Transforms of functions: derivatives, batches, and modules as functions of their parameters.

>>> torch.func.vmap(torch.func.grad(torch.sin))(torch.zeros(3))
tensor([1., 1., 1.])
"""

from __future__ import annotations

import torch
from torch._functorch.eager_transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from torch._functorch.functionalization import functionalize
from torch._functorch.rearrange import rearrange
from torch._functorch.vmap import vmap

__all__ = ["grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize", "functionalize", "vmap", "rearrange",
           "functional_call", "stack_module_state", "replace_all_batch_norm_modules_", "debug_unwrap"]


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Calls a module with other parameters and buffers.

    Args:
        parameter_and_buffer_dicts: {name: tensor}, or several such dicts with different names.
        args, kwargs: of the call; a tensor alone stands for ``(tensor,)``.
        tie_weights: a tensor given for one name also stands for the module's other names of the same parameter.
        strict: every parameter and buffer must be given, and nothing else.
    """
    from torch.nn.utils import stateless

    return stateless.functional_call(module, parameter_and_buffer_dicts, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models):
    """(parameters, buffers) of modules of one architecture, stacked along a new first dimension: for `vmap` over an ensemble."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or not any(m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(kinds):
        made = {}
        for name in kinds[0]:
            values = [k[name] for k in kinds]
            tensor = torch.stack([v.detach() for v in values]) if all(v.is_leaf for v in values) else torch.stack(values)
            made[name] = tensor.requires_grad_(values[0].requires_grad) if all(v.is_leaf for v in values) else tensor
        return made
    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def replace_all_batch_norm_modules_(root):
    """Makes the batch norms of a module use the statistics of each batch, and keep none. Changes and returns the module."""
    for module in root.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def debug_unwrap(tensor, *, recurse=True):
    """The tensor that a tensor under `vmap` stands for, with the batch dimension; of the outermost vmap, or (recurse=False) the next one."""
    functorch = torch._C._functorch
    while functorch.is_batchedtensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
        if not recurse:
            break
    return tensor
