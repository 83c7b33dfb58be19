"""Normal forms of arguments and of operators."""

from __future__ import annotations

import operator
from typing import Any, Callable

import torch

from .. import traceback as fx_traceback
from ..graph_module import GraphModule
from ..interpreter import Transformer
from ..node import Node, map_aggregate
from ..operator_schemas import create_type_hint, normalize_function, normalize_module
from .schema_type_annotation import AnnotateTypesWithSchema

__all__ = ["NormalizeArgs", "NormalizeOperators"]


class NormalizeArgs(Transformer):
    """Gives every call all arguments of the signature, by keyword, defaults included.

    Args:
        module: the module to transform.
        normalize_to_only_use_kwargs: required arguments by keyword too.

    >>> gm = torch.fx.symbolic_trace(lambda x: torch.nn.functional.relu(x))
    >>> [n.kwargs for n in NormalizeArgs(gm).transform().graph.nodes if n.op == "call_function"]
    [{'input': x, 'inplace': False}]
    """

    def __init__(self, module: GraphModule, normalize_to_only_use_kwargs: bool = True):
        super().__init__(module)
        self.node_map: dict[Any, Node] = {}
        self.normalize_to_only_use_kwargs = normalize_to_only_use_kwargs

    def run_node(self, n: Node) -> Any:
        """A node, with the types of its arguments to choose among overloads."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        with fx_traceback.set_current_meta(n):
            if n.op == "call_function":
                def kind(arg):
                    return arg.meta.get("type") if isinstance(arg, Node) else type(arg)

                arg_types = tuple(create_type_hint(map_aggregate(a, kind)) for a in n.args)
                kwarg_types = {name: create_type_hint(map_aggregate(a, kind)) for name, a in n.kwargs.items()}
                out = self.call_function(n.target, args, kwargs, arg_types, kwarg_types)
            else:
                out = super().run_node(n)
        if n.op != "output":
            self.node_map[out] = n
            out.node.meta = n.meta
            out.node.type = n.type
        return out

    def call_function(self, target: Callable, args: tuple, kwargs: dict[str, Any], arg_types: tuple | None = None,
                      kwarg_types: dict[str, Any] | None = None) -> Any:
        """A call of a function in normal form, as it is where the signature is not known."""
        try:
            new = normalize_function(target, args, kwargs, arg_types, kwarg_types, self.normalize_to_only_use_kwargs)
        except RuntimeError:
            new = None
        if new is not None:
            args, kwargs = new
        return self.tracer.create_proxy("call_function", target, tuple(args), kwargs)

    def call_module(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a module in normal form."""
        new = normalize_module(self.module, target, args, kwargs, self.normalize_to_only_use_kwargs)
        if new is not None:
            args, kwargs = new
        return super().call_module(target, tuple(args), kwargs)


class NormalizeOperators(AnnotateTypesWithSchema):
    """Writes functions of two operands as Python's operators: ``torch.add(x, y)`` as ``x + y``."""

    binary_magic_method_remap: dict[Callable, Callable] = {
        torch.add: operator.add, torch.mul: operator.mul, torch.sub: operator.sub, torch.div: operator.truediv,
        torch.floor_divide: operator.floordiv, torch.remainder: operator.mod, torch.eq: operator.eq, torch.ne: operator.ne,
        torch.lt: operator.lt, torch.le: operator.le, torch.gt: operator.gt, torch.ge: operator.ge}

    def call_function(self, target: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call, as an operator where there is one."""
        if target in self.binary_magic_method_remap and len(args) == 2 and not kwargs:
            target = self.binary_magic_method_remap[target]
        return super().call_function(target, args, kwargs)
