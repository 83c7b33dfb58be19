"""Automatic differentiation.

>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x ** 2).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from __future__ import annotations

import importlib
import warnings

import torch
from torch import _C

from .grad_mode import (
    _force_original_view_tracking,
    _unsafe_preserve_version_counter,
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .gradcheck import gradcheck, gradgradcheck

__all__ = ["Variable", "Function", "backward", "grad_mode", "NestedIOFunction", "detect_anomaly", "enable_grad", "grad", "gradcheck",
           "gradgradcheck", "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled", "set_multithreading_enabled", "variable",
           "enforce_grad_layout_policy"]

# Loaded when first asked for: name -> module. The modules themselves are found likewise.
_HOMES = {"Function": "function", "NestedIOFunction": "function", "detect_anomaly": "anomaly_mode", "set_detect_anomaly": "anomaly_mode",
          "Variable": "variable"}
_MODULES = ("anomaly_mode", "forward_ad", "function", "functional", "graph", "profiler", "profiler_util", "variable")


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *_HOMES, *_MODULES})


def _is_edge(x):
    return isinstance(x, tuple) and hasattr(x, "output_nr")


def _shape_of(output):
    if _is_edge(output):
        return output.node._input_metadata[output.output_nr].shape
    return output.shape


def _check_shapes(i, grad, output):
    shape = _shape_of(output)
    if tuple(grad.shape) != tuple(shape):
        raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {grad.shape} and output[{i}] has a shape of {shape}.")


def _first_gradient(output):
    """Of an output for which none was given: one, if it is a real scalar."""
    if _is_edge(output):
        meta = output.node._input_metadata[output.output_nr]
        if tuple(meta.shape):
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return torch.ones((), dtype=meta.dtype, device=meta.device)
    if not output.requires_grad:
        return None
    if output.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if not output.dtype.is_floating_point:
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {output.dtype}")
    return torch.ones_like(output, memory_format=torch.preserve_format)


def _make_grads(outputs, grads, is_grads_batched):
    made = []
    for i, (output, grad) in enumerate(zip(outputs, grads)):
        if grad is None:
            made.append(_first_gradient(output))
            continue
        if not isinstance(grad, torch.Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
        if not _is_edge(output) and output.dtype.is_complex != grad.dtype.is_complex:
            raise RuntimeError("For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
                               f"grad_output[{i}] has a dtype of {grad.dtype} and output[{i}] has a dtype of {output.dtype}.")
        _check_shapes(i, grad[0] if is_grads_batched else grad, output)
        made.append(grad)
    return tuple(made)


def _as_tuple(value, n=None):
    if value is None:
        return (None,) * n
    if isinstance(value, torch.Tensor) or _is_edge(value) or hasattr(type(value), "__torch_function__"):
        return (value,)
    return tuple(value)


def backward(tensors, grad_tensors=None, retain_graph: bool | None = None, create_graph: bool = False, grad_variables=None,
             inputs=None) -> None:
    """Adds the gradients of `tensors` to the `.grad` of the leaves they were computed from.

    Args:
        tensors: a tensor, or several.
        grad_tensors: for each of them the weights of its elements, of its shape; None for scalars.
        retain_graph: keep what was saved, so that backward may run again. Default: `create_graph`.
        create_graph: record the backward, for derivatives of the gradients.
        inputs: the tensors whose `.grad` is changed; None: all leaves.

    Raises RuntimeError where a tensor has no graph, or its graph was used up.
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
                               "`grad_tensors`.")
        grad_tensors = grad_variables
    if inputs is not None:
        inputs = _as_tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    tensors = _as_tuple(tensors)
    grads = _make_grads(tensors, _as_tuple(grad_tensors, len(tensors)), is_grads_batched=False)
    if retain_graph is None:
        retain_graph = create_graph
    _C._engine.run_backward(tensors, grads, retain_graph, create_graph, inputs, allow_unreachable=True, accumulate_grad=True)


def _batched(run, grads, retain_graph):
    """`run` under vmap: gradients for each row of `grads`."""
    from torch._functorch.vmap import vmap_increment_nesting

    functorch, rows = _C._functorch, len(next(g for g in grads if g is not None))
    with vmap_increment_nesting(rows, "error") as level:
        found = run(tuple(None if g is None else functorch._add_batch_dim(g, 0, level) for g in grads), retain_graph)
        return tuple(None if g is None else functorch._remove_batch_dim(g, level, rows, 0) for g in found)


def grad(outputs, inputs, grad_outputs=None, retain_graph: bool | None = None, create_graph: bool = False, only_inputs: bool = True,
         allow_unused: bool | None = None, is_grads_batched: bool = False, materialize_grads: bool = False):
    """The gradients of the sum of `outputs` with respect to `inputs`, a tuple; no `.grad` is changed.

    Args:
        outputs, inputs: tensors, one or several.
        grad_outputs: weights of the outputs, each of its output's shape; None for scalars.
        retain_graph, create_graph: as for `backward`.
        allow_unused: give None for an input that no output depends on, instead of RuntimeError.
        is_grads_batched: `grad_outputs` have a leading dimension; the gradients for each of its indices are computed.
        materialize_grads: give zeros for such an input.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    if allow_unused is None:
        allow_unused = materialize_grads
    outputs = _as_tuple(outputs)
    inputs = _as_tuple(inputs)
    overridable = (*outputs, *inputs)
    if _C._has_torch_function(overridable):
        return _C._handle_torch_function(
            grad, overridable, outputs, inputs, grad_outputs=grad_outputs, retain_graph=retain_graph, create_graph=create_graph,
            only_inputs=only_inputs, allow_unused=allow_unused, is_grads_batched=is_grads_batched, materialize_grads=materialize_grads)
    if not only_inputs:
        warnings.warn("only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts of the "
                      "graph, please use torch.autograd.backward.", FutureWarning, stacklevel=2)
    grads = _make_grads(outputs, _as_tuple(grad_outputs, len(outputs)), is_grads_batched)
    if retain_graph is None:
        retain_graph = create_graph

    def run(weights, keep):
        return _C._engine.run_backward(outputs, weights, keep, create_graph, inputs, allow_unused, accumulate_grad=False)

    result = _batched(run, grads, retain_graph) if is_grads_batched else run(grads, retain_graph)
    if materialize_grads:
        if any(r is None and not isinstance(x, torch.Tensor) for r, x in zip(result, inputs)):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
        result = tuple(torch.zeros_like(x, requires_grad=create_graph) if r is None else r for r, x in zip(result, inputs))
    return result


def _is_checkpoint_valid():
    return _C._engine.is_checkpoint_valid()


def variable(*args, **kwargs):
    """Not supported: call `torch.tensor`."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


is_multithreading_enabled = _C._is_multithreading_enabled
is_view_replay_enabled = _C._is_view_replay_enabled
