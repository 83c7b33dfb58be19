"""Tracing with shapes: every proxy carries a meta tensor, so that control flow on shapes and dtypes can be traced."""

from __future__ import annotations

from typing import Any, Callable

import torch

from .._symbolic_trace import Tracer
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import map_aggregate
from ..proxy import Attribute, Proxy

__all__ = ["MetaProxy", "MetaAttribute", "MetaTracer", "symbolic_trace", "proxys_to_metas"]


def proxys_to_metas(v: Any) -> Any:
    """The meta tensors of proxies in a nest; devices become "meta"."""
    if isinstance(v, torch.device):
        return torch.device("meta")
    return v.meta_value if isinstance(v, MetaProxy) else v


class MetaProxy(Proxy):
    """A proxy with the shape and dtype of its value."""

    meta_value: Any = None

    def install_tensor_meta(self, tensor_meta: Any):
        """Sets the meta tensor."""
        self.__dict__["meta_value"] = tensor_meta

    def _known(self, name: str) -> Any:
        return None if self.meta_value is None else getattr(self.meta_value, name)

    def size(self, dim=None):
        """The size, as numbers where they are known."""
        if self.meta_value is not None:
            return self.meta_value.size() if dim is None else self.meta_value.size(dim)
        return self.tracer.create_proxy("call_method", "size", (self,) if dim is None else (self, dim), {})

    def dim(self):
        """Number of dimensions."""
        return self.tracer.create_proxy("call_method", "dim", (self,), {}) if self.meta_value is None else self.meta_value.dim()

    @property
    def shape(self):
        """The size."""
        return self.size()

    @property
    def dtype(self):
        """The dtype."""
        return Attribute(self, "dtype") if self.meta_value is None else self.meta_value.dtype

    @property
    def device(self):
        """The device, which is not known."""
        return MetaAttribute(self, "device")

    def __getattr__(self, name):
        return MetaAttribute(self, name)


class MetaAttribute(MetaProxy, Attribute):
    """An attribute of a proxy with known shape."""

    def __init__(self, root, attr: str):
        Attribute.__init__(self, root, attr)

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class MetaTracer(Tracer):
    """A tracer whose proxies know their shapes.

    ``trace(root, meta_args={name: meta tensor}, concrete_args=None)``.
    """

    meta_args: dict[str, torch.Tensor] = {}

    def proxy(self, node):
        """A proxy that can carry a meta tensor."""
        return MetaProxy(node, self)

    def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None, proxy_factory_fn=None):
        """A node and its proxy, whose shape is computed from those of the arguments."""
        proxy = super().create_proxy(kind, target, args, kwargs, name, type_expr, proxy_factory_fn)
        if kind == "placeholder" and target in self.meta_args:
            proxy.install_tensor_meta(self.meta_args[target])
        elif kind in ("call_function", "call_method", "call_module", "get_attr"):
            proxy.install_tensor_meta(self._computed(kind, target, args, kwargs))
        return proxy

    def _computed(self, kind: str, target: Any, args: tuple, kwargs: dict) -> Any:
        metas = map_aggregate((args, kwargs), proxys_to_metas)
        if any(isinstance(a, Proxy) and a.meta_value is None for a in args):
            return None
        if kind == "get_attr":
            value: Any = self.root
            for part in target.split("."):
                value = getattr(value, part)
            return value.to("meta")
        if kind == "call_function":
            return target(*metas[0], **metas[1])
        if kind == "call_method":
            return getattr(metas[0][0], target)(*metas[0][1:], **metas[1])
        import copy

        before, self._disable_module_getattr = getattr(self, "_disable_module_getattr", False), True
        try:
            return type(self.root.get_submodule(target)).forward(copy.deepcopy(self.root.get_submodule(target)).to("meta"), *metas[0], **metas[1])
        finally:
            self._disable_module_getattr = before

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """A read of an attribute; not recorded while shapes are computed."""
        if getattr(self, "_disable_module_getattr", False):
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(self, m, forward, args, kwargs):
        """A call of a module; not recorded while shapes are computed."""
        if getattr(self, "_disable_module_getattr", False):
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def trace(self, root: torch.nn.Module | Callable, meta_args: dict[str, torch.Tensor], concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function whose parameters named in `meta_args` have these shapes."""
        if not isinstance(meta_args, dict):
            raise AssertionError(f"meta_args must be a dictionary, got {type(meta_args)}")
        self.meta_args = meta_args
        graph = super().trace(root, concrete_args)
        graph._tracer_extras = {"meta_args": meta_args}
        return graph


def symbolic_trace(root: torch.nn.Module | Callable, meta_args: dict[str, torch.Tensor] | None = None,
                   concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """:func:`torch.fx.symbolic_trace` with the shapes of some inputs.

    >>> from torch.fx.experimental.meta_tracer import symbolic_trace
    >>> gm = symbolic_trace(lambda x: x + 1 if x.dim() == 2 else x, {"x": torch.empty(2, 3, device="meta")})
    >>> gm(torch.zeros(1))
    tensor([1.])
    """
    tracer = MetaTracer()
    graph = tracer.trace(root, meta_args or {}, concrete_args)
    name = type(root).__name__ if isinstance(root, torch.nn.Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
