"""Modules made faster for inference."""

from __future__ import annotations

import copy
import time
from typing import Any, Callable, Iterable

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .._symbolic_trace import Tracer, symbolic_trace
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node
from ..passes.shape_prop import ShapeProp

__all__ = ["matches_module_pattern", "replace_node_module", "fuse", "remove_dropout", "extract_subgraph", "modules_to_mkldnn", "reset_modules",
           "MklSubgraph", "gen_mkl_autotuner", "use_mkl_length", "UnionFind", "optimize_for_inference"]


def matches_module_pattern(pattern: Iterable[type], node: Node, modules: dict[str, nn.Module]) -> bool:
    """Is the node a call of a module of the second type on the result of one of the first?"""
    if not node.args or not isinstance(node.args[0], Node):
        return False
    return all(n.op == "call_module" and isinstance(n.target, str) and type(modules.get(n.target)) is expected
               for expected, n in zip(pattern, (node.args[0], node)))


def replace_node_module(node: Node, modules: dict[str, nn.Module], new_module: nn.Module):
    """Puts another module in the place of the one that a node calls."""
    parent, _, name = node.target.rpartition(".")
    modules[node.target] = new_module
    setattr(modules[parent], name, new_module)


def _traced(model: nn.Module, inplace: bool, no_trace: bool = False) -> GraphModule:
    model = model if inplace else copy.deepcopy(model)
    return model if no_trace and isinstance(model, GraphModule) else symbolic_trace(model)


def fuse(model: nn.Module, inplace: bool = False, no_trace: bool = False) -> nn.Module:
    """The model in evaluation mode with batch normalisation after a convolution taken into the convolution's weights.

    Args:
        model: the model, to be traced.
        inplace: change its modules instead of copies.
        no_trace: it is a GraphModule already.
    """
    gm = _traced(model, inplace, no_trace)
    modules = dict(gm.named_modules())
    for conv, norm in ((nn.Conv1d, nn.BatchNorm1d), (nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d)):
        for node in gm.graph.nodes:
            if not matches_module_pattern((conv, norm), node, modules) or len(node.args[0].users) > 1:
                continue
            if not modules[node.target].track_running_stats:
                continue
            replace_node_module(node.args[0], modules, fuse_conv_bn_eval(modules[node.args[0].target], modules[node.target]))
            node.replace_all_uses_with(node.args[0])
            gm.graph.erase_node(node)
    return GraphModule(gm, gm.graph)


def remove_dropout(model: nn.Module) -> nn.Module:
    """The traced model without its dropout modules."""
    gm = symbolic_trace(model)
    modules = dict(gm.named_modules())
    for node in gm.graph.nodes:
        if node.op == "call_module" and isinstance(modules[node.target], nn.Dropout):
            node.replace_all_uses_with(node.args[0])
            gm.graph.erase_node(node)
    return GraphModule(gm, gm.graph)


def extract_subgraph(orig_module: nn.Module, nodes: list[Node], inputs: list[Node], outputs: list[Node]) -> GraphModule:
    """Some nodes as a module of their own, from the given inputs to the given outputs (a list)."""
    graph = Graph()
    copies = {node: graph.placeholder(node.name) for node in inputs}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output([copies[node] for node in outputs])
    graph.lint()
    return GraphModule(orig_module, graph)


def modules_to_mkldnn(nodes: list[Node], modules: dict[str, nn.Module]) -> dict[nn.Module, nn.Module]:
    """{new: old} for the modules that were replaced by ones in another memory layout: none, since the layout is chosen by the kernels."""
    return {}


def reset_modules(nodes: Iterable[Node], modules: dict[str, nn.Module], old_modules: dict[nn.Module, nn.Module]):
    """Puts the old modules back where nodes call new ones."""
    for node in nodes:
        if node.op == "call_module" and modules[node.target] in old_modules:
            replace_node_module(node, modules, old_modules[modules[node.target]])


class MklSubgraph:
    """A connected part of a graph."""

    def __init__(self, fx_graph: Graph):
        self.fx_graph = fx_graph
        self.nodes: list[Node] = []
        self.start_nodes: list[Node] = []
        self.end_nodes: list[Node] = []


def gen_mkl_autotuner(example_inputs: list[torch.Tensor], iters: int = 10, warmup: int = 1) -> Callable[[MklSubgraph], bool]:
    """A function that measures whether a part runs faster after :func:`optimize_for_inference` than before."""
    values: dict[Node, Any] = {}

    def is_faster(part: MklSubgraph) -> bool:
        owner = part.fx_graph.owning_module
        if not values:
            class Recorder(ShapeProp):
                def run_node(self, n):
                    values[n] = super().run_node(n)
                    return values[n]

            Recorder(owner).propagate(*example_inputs)
        inputs = [used for used in dict.fromkeys(used for node in part.nodes for used in node.all_input_nodes) if used not in part.nodes]
        submodule = extract_subgraph(owner, part.nodes, inputs, [node.args[0] for node in part.end_nodes] or part.nodes[-1:])
        sample = [values[node] for node in inputs]

        def measure(module):
            for _ in range(warmup):
                module(*sample)
            begin = time.perf_counter()
            for _ in range(iters):
                module(*sample)
            return time.perf_counter() - begin

        return measure(fuse(submodule, no_trace=True)) < measure(submodule)

    return is_faster


def use_mkl_length(graph: MklSubgraph) -> bool:
    """Has the part more than two nodes?"""
    return len(graph.nodes) > 2


class UnionFind:
    """Disjoint sets of numbers below `n`."""

    def __init__(self, n: int):
        self.parent: list[int | None] = [None] * n
        self.size = [0] * n

    def make_set(self, v: int):
        """A set of one."""
        self.parent[v] = v
        self.size[v] = 1

    def find(self, v: int) -> int:
        """The representative of the set of `v`."""
        while self.parent[v] != v:
            self.parent[v] = self.parent[self.parent[v]]
            v = self.parent[v]
        return v

    def join(self, a: int, b: int) -> int:
        """Joins two sets; returns the representative."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return a
        if self.size[a] < self.size[b]:
            a, b = b, a
        self.parent[b] = a
        self.size[a] += self.size[b]
        return a


def optimize_for_inference(model: nn.Module, pass_config: dict[str, Any] | None = None, tracer: type[Tracer] = Tracer) -> nn.Module:
    """A traced copy of the model for inference: convolutions take up batch normalisation, dropout goes.

    Args:
        model: the model in evaluation mode.
        pass_config: {"conv_bn_fuse": bool, "remove_dropout": bool}, both on by default. "mkldnn_layout_optimize" changes nothing here.
        tracer: the class of the tracer.
    """
    config = {"conv_bn_fuse": True, "remove_dropout": True, "mkldnn_layout_optimize": None, **(pass_config or {})}
    if config["conv_bn_fuse"]:
        model = fuse(model)
    if config["remove_dropout"]:
        model = remove_dropout(model)
    model = copy.deepcopy(model)
    return GraphModule(model, tracer().trace(model))
