"""Subgraphs as modules, and graphs compared."""

from __future__ import annotations

from typing import Any

from torch.nn import Module

from ...graph import Graph
from ...graph_module import GraphModule
from .matcher_utils import SubgraphMatcher

__all__ = ["HolderModule", "lift_subgraph_as_module", "compare_graphs"]


class HolderModule(Module):
    """A module with the given submodules and no forward."""

    def __init__(self, d: dict[str, Module | None]):
        super().__init__()
        for name, module in d.items():
            self.add_module(name, module)


def lift_subgraph_as_module(gm: GraphModule, subgraph: Graph, comp_name: str = "", class_name: str = "GraphModule") -> tuple[GraphModule, dict[str, str]]:
    """A GraphModule of a graph whose targets lie in `gm`, and the old path in `gm` of every path in the new module.

    Args:
        gm: the module that holds what the graph names.
        subgraph: the graph.
        comp_name: a prefix of the new paths in the mapping.
        class_name: the new module's class.
    """
    named: dict[str, Any] = {}
    for node in subgraph.nodes:
        if node.op in ("call_module", "get_attr"):
            value: Any = gm
            for part in node.target.split("."):
                value = getattr(value, part)
            named[node.target] = value
    prefix = comp_name + "." if comp_name else ""
    return GraphModule(named, subgraph, class_name), {prefix + path: path for path in named}


def compare_graphs(left: Graph, right: Graph) -> bool:
    """Do both graphs compute the same by the same operations?"""
    matcher = SubgraphMatcher(left, match_output=True, match_placeholder=True)
    return len(matcher.match(right)) > 0
