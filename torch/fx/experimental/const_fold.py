"""Constant folding: what depends on parameters only is computed once."""

from __future__ import annotations

from operator import getitem
from typing import Callable

import torch

from .._symbolic_trace import symbolic_trace
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node

__all__ = ["FoldedGraphModule", "get_unique_attr_name_in_module", "split_const_subgraphs"]


class FoldedGraphModule(GraphModule):
    """A module with the submodule `const_subgraph_module`, which runs once, before the first call, and whose result is kept.

    Args:
        root, graph: see :class:`GraphModule`.
        const_subgraph: the graph of what is constant.
        fx_const_folded_attrs_name: the attribute that keeps its result.
        device_for_folded_attrs: where it is kept.
    """

    def __init__(self, root: torch.nn.Module, graph: Graph, const_subgraph: Graph | None = None, fx_const_folded_attrs_name: str | None = None,
                 device_for_folded_attrs: str = "cuda"):
        super().__init__(root, graph)
        self.const_subgraph_module = None if const_subgraph is None else GraphModule(root, const_subgraph)
        self.has_folding_been_run = False
        self.fx_const_folded_attrs_name = fx_const_folded_attrs_name
        self.device_for_folded_attrs = device_for_folded_attrs

    def __call__(self, *args, **kwargs):
        if not self.has_folding_been_run:
            self.run_folding()
        return super().__call__(*args, **kwargs)

    def run_folding(self):
        """Computes what is constant and keeps it."""
        if self.const_subgraph_module is None or self.fx_const_folded_attrs_name is None:
            return
        if self.has_folding_been_run:
            raise AssertionError("the constants have been computed already")
        self.has_folding_been_run = True
        folded = self.const_subgraph_module()

        def kept(value):
            if isinstance(value, torch.nn.Parameter) or not isinstance(value, torch.Tensor):
                return value
            return torch.nn.Parameter(value.detach().clone().to(self.device_for_folded_attrs), requires_grad=value.requires_grad)

        if isinstance(folded, tuple):
            self.__dict__[self.fx_const_folded_attrs_name] = torch.nn.ParameterList([kept(value) for value in folded])
            self._buffers.pop(self.fx_const_folded_attrs_name, None)
            self._modules[self.fx_const_folded_attrs_name] = self.__dict__.pop(self.fx_const_folded_attrs_name)
        else:
            self._parameters.pop(self.fx_const_folded_attrs_name, None)
            self._buffers.pop(self.fx_const_folded_attrs_name, None)
            setattr(self, self.fx_const_folded_attrs_name, kept(folded))


def get_unique_attr_name_in_module(mod_traced: GraphModule, name: str) -> str:
    """The name, made an identifier and given a number if the module has such an attribute."""
    stem = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    if stem[0].isdigit():
        stem = "_" + stem
    unique, number = stem, 0
    while hasattr(mod_traced, unique):
        number += 1
        unique = f"{stem}_{number}"
    return unique


def split_const_subgraphs(module: torch.nn.Module | GraphModule, skip_folding_node_fn: Callable[[Node], bool] | None = None,
                          device_for_folded_attrs: str = "cpu") -> FoldedGraphModule:
    """The module with everything that depends on parameters, buffers and constants only computed once.

    Args:
        module: a GraphModule, or a module that is traced.
        skip_folding_node_fn: nodes that are not to be folded.
        device_for_folded_attrs: where the results are kept.
    """
    traced = module if isinstance(module, GraphModule) else symbolic_trace(module)
    constant: set[Node] = set()
    found = False
    for node in traced.graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        if node.op != "get_attr" and not set(node.all_input_nodes) <= constant:
            continue
        if (skip_folding_node_fn and skip_folding_node_fn(node)) or node.is_impure():
            continue
        constant.add(node)
        found = found or node.op != "get_attr"
    if not found:
        return FoldedGraphModule(traced, traced.graph)
    outside = {node for node in constant if any(user not in constant for user in node.users) and node.op != "get_attr"}
    const_graph, copies = Graph(), {}
    for node in traced.graph.nodes:
        if node in constant and (node.op != "get_attr" or any(user in constant for user in node.users)):
            copies[node] = const_graph.node_copy(node, copies.__getitem__)
    results = tuple(copies[node] for node in traced.graph.nodes if node in outside)
    const_graph.output(results[0] if len(results) == 1 else results)
    name = get_unique_attr_name_in_module(traced, "_FX_CONST_FOLDED_ATTRS")
    graph = _without(traced.graph, constant, [node for node in traced.graph.nodes if node in outside], name)
    traced.register_buffer(name, torch.empty(0))
    return FoldedGraphModule(traced, graph, const_graph, name, device_for_folded_attrs)


def _without(graph: Graph, constant: set[Node], outside: list[Node], name: str) -> Graph:
    """The graph that reads the results of the constant nodes from the attribute `name`."""
    made, copies = Graph(), {}
    folded = None
    for node in graph.nodes:
        if node in outside:
            if folded is None:
                folded = made.get_attr(name)
            copies[node] = folded if len(outside) == 1 else made.call_function(getitem, (folded, outside.index(node)))
            copies[node].meta = node.meta.copy()
        elif node not in constant or (node.op == "get_attr" and any(user not in constant for user in node.users)):
            copies[node] = made.node_copy(node, copies.__getitem__)
    made._codegen = graph._codegen
    return made
