"""Calls of operators over functions as nodes of a graph."""

from __future__ import annotations

import torch
from torch import _C


def tracing():
    """The mode that records calls in a graph, or None."""
    mode = _C._get_dispatch_mode(_C._TorchDispatchModeKey.PROXY)
    return mode if mode is not None and mode.enable_tracing else None


def is_fake(tensor):
    """Has a tensor sizes but no elements?"""
    from torch._subclasses.fake_tensor import FakeTensor

    return isinstance(tensor, FakeTensor)


def record(mode, operator, functions, arguments, example):
    """Records a call of `operator` and gives `example`, its result for these arguments, whose tensors then stand for the node.

    Args:
        functions: {name: (function, tensors to trace it with)}; each becomes a module of the graph.
        arguments: makes the arguments of the call from the nodes of the functions.

    Raises RuntimeError when a function uses a tensor of the graph that is none of its arguments.
    """
    from torch.fx.experimental.proxy_tensor import track_tensor_tree

    tracer = mode.tracer
    nodes = [_attached(tracer, name, _graph_of(mode, function, operands)) for name, (function, operands) in functions.items()]
    proxy = tracer.create_proxy("call_function", operator, tracer.create_arg(arguments(*nodes)), {}, name=operator.name())
    return track_tensor_tree(example, proxy, constant=None, tracer=tracer)


def _graph_of(mode, function, operands):
    """The GraphModule of a function of tensors."""
    from torch.fx.experimental.proxy_tensor import ProxyTorchDispatchMode, PythonKeyTracer, dispatch_trace

    inner = PythonKeyTracer()
    inner.symbols.active = mode.tracer.symbols.active
    with ProxyTorchDispatchMode(inner, mode.tracing_mode):
        module = dispatch_trace(function, inner, operands)
    if any(mode.tracer.entry(tensor) is not None for tensor in inner._kept):
        raise RuntimeError(f"{getattr(function, '__name__', function)} uses a tensor from around it; give it as an operand")
    return module


def _attached(tracer, name, module):
    """The node of a module that becomes an attribute of the graph's."""
    i = 0
    while hasattr(tracer.root, f"{name}_{i}"):
        i += 1
    setattr(tracer.root, f"{name}_{i}", module)
    return tracer.graph.create_node("get_attr", f"{name}_{i}", (), {})


class Unrecorded:
    """A context in which nothing is recorded in a graph or for backward."""

    def __enter__(self):
        from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing

        self._contexts = [disable_proxy_modes_tracing(), torch.no_grad()]
        for context in self._contexts:
            context.__enter__()

    def __exit__(self, *error):
        for context in reversed(self._contexts):
            context.__exit__(*error)


def needs_gradient(tensors):
    """Is the derivative of a call with these tensors recorded?"""
    return torch.is_grad_enabled() and any(isinstance(t, torch.Tensor) and t.requires_grad for t in tensors)
