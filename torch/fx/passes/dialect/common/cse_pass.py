"""Common subexpressions."""

from __future__ import annotations

from typing import Any

import torch

from ....graph import Graph
from ....graph_module import GraphModule
from ....node import Node
from ...infra.pass_base import PassBase, PassResult

__all__ = ["get_CSE_banned_ops", "CSEPass"]

_RANDOM = "bernoulli binomial dropout multinomial native_dropout normal poisson rand rand_like randint randn randperm rrelu".split()
_IN_PLACE = "add_ div_ lerp_ mul_ pow_ relu_ sigmoid_ sub_ tanh_".split()


def get_CSE_banned_ops() -> set[Any]:
    """Operators of which no two calls are the same: random ones and those that change their input."""
    return {getattr(torch.ops.aten, name) for name in (*_RANDOM, *_IN_PLACE) if hasattr(torch.ops.aten, name)}


class CSEPass(PassBase):
    """Computes once what is computed several times: nodes of the same target and arguments become one.

    Args:
        banned_ops: operators of which no two calls are joined.

    >>> gm = torch.fx.symbolic_trace(lambda x: x.cos() + x.cos())
    >>> CSEPass()(gm).modified
    True
    """

    def __init__(self, banned_ops: set[Any] | None = None):
        self.banned_ops = get_CSE_banned_ops() if banned_ops is None else banned_ops
        super().__init__()

    def _may_join(self, node: Node) -> bool:
        if node.op not in ("call_function", "call_method", "get_attr") or getattr(node.target, "overloadpacket", node.target) in self.banned_ops:
            return False
        return node.op == "get_attr" or not (node.is_impure() or (node.op == "call_method" and node.target.endswith("_")))

    def call(self, graph_module: GraphModule) -> PassResult:
        """A module without the repetitions."""
        graph, copies, seen = Graph(), {}, {}
        modified = False
        for node in graph_module.graph.nodes:
            key = None
            if self._may_join(node):
                key = (node.op, node.target, _key(node.args, copies), _key(node.kwargs, copies))
                if key in seen:
                    copies[node] = seen[key]
                    modified = True
                    continue
            copies[node] = graph.node_copy(node, copies.__getitem__)
            if key is not None:
                seen[key] = copies[node]
        graph._codegen = graph_module.graph._codegen
        return PassResult(GraphModule(graph_module, graph, type(graph_module).__name__), modified)


def _key(value: Any, copies: dict[Node, Node]) -> Any:
    """The argument as something that can be compared and hashed; True differs from 1."""
    if isinstance(value, Node):
        return copies[value]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple([_key(item, copies) for item in value])
    if isinstance(value, dict):
        return tuple([(name, _key(item, copies)) for name, item in value.items()])
    if isinstance(value, slice):
        return "slice", _key(value.start, copies), _key(value.stop, copies), _key(value.step, copies)
    return type(value), repr(value) if isinstance(value, float) else value
