"""Names of what nodes call, orders of graphs, and groups of nodes that must stay together."""

from __future__ import annotations

import collections
import heapq
from dataclasses import dataclass
from typing import Any, Mapping

import torch

from .._names import qualified_name
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node

__all__ = ["get_acc_ops_name", "get_node_target", "is_node_output_tensor", "FxNetAccFusionsFinder", "legalize_graph", "stable_topological_sort"]

CALLABLE_NODE_OPS = {"call_module", "call_function", "call_method"}
Tensors = tuple
NodeList = list
NodeSet = set


def get_acc_ops_name(k: Any) -> str:
    """The dotted name of a function; text as it is."""
    if isinstance(k, str):
        return k
    if k.__module__ and "acc_ops" in k.__module__:
        return f"acc_ops.{k.__name__}"
    return qualified_name(k)


def get_node_target(submodules: Mapping[str, torch.nn.Module], node: Node) -> str:
    """What a node calls: the class of its module, the name of its function or of its method.

    Raises AssertionError for other kinds of nodes.
    """
    if node.op not in CALLABLE_NODE_OPS:
        raise AssertionError(f"Expect op types of call_method, call_function, call_module, but found {node.op}")
    if node.op == "call_module":
        module = submodules[node.target]
        return torch.typename(getattr(module, "_base_class_origin", type(module)) if not isinstance(module, GraphModule) else module)
    return node.target if node.op == "call_method" else get_acc_ops_name(node.target)


def is_node_output_tensor(node: Node) -> bool:
    """Is the value of the node a tensor? ShapeProp must have noted its type."""
    kind = node.meta.get("type")
    return isinstance(kind, type) and issubclass(kind, torch.Tensor)


class FxNetAccFusionsFinder:
    """Finds groups of accelerated nodes that exchange values which are no tensors, and so cannot be cut apart.

    Calling it returns the group of each such node.

    Args:
        module: the module.
        acc_nodes: the accelerated nodes.
    """

    @dataclass
    class FusionGroup:
        """A group: the first of its nodes in the graph's order, all of them, what comes in, and the nodes not yet looked at."""

        top_node_idx: int
        nodes: set[Node]
        inputs: set[Node]
        nodes_need_process: set[Node]

        def add_node(self, node: Node):
            """Takes a node in."""
            if node in self.nodes:
                return
            self.nodes_need_process.add(node)
            self.nodes.add(node)
            self.inputs.discard(node)
            self.inputs.update(used for used in node.all_input_nodes if used.op in CALLABLE_NODE_OPS and used not in self.nodes)

    def __init__(self, module: GraphModule, acc_nodes: set[Node]):
        self.module = module
        self.nodes = list(module.graph.nodes)
        self.acc_nodes = acc_nodes
        self.place = {node: i for i, node in enumerate(self.nodes)}

    def recursive_add_node(self, fusion_group: FxNetAccFusionsFinder.FusionGroup, inputs: Any, visited: set[Node] | None = None) -> bool:
        """Takes in what lies on a path from the group to one of `inputs`; returns whether there was such a path."""
        found = False
        for node in inputs:
            if visited is not None:
                if node in visited:
                    continue
                visited.add(node)
            if self.place[node] < fusion_group.top_node_idx:
                continue
            if node in fusion_group.nodes or self.recursive_add_node(fusion_group, node.all_input_nodes, visited):
                fusion_group.add_node(node)
                found = True
        return found

    def __call__(self) -> dict[Node, set[Node]]:
        result: dict[Node, set[Node]] = {}
        for node in self.nodes:
            if node in result or node not in self.acc_nodes or is_node_output_tensor(node) or node.op not in CALLABLE_NODE_OPS:
                continue
            group = self.FusionGroup(self.place[node], {node}, {n for n in node.all_input_nodes if n.op in CALLABLE_NODE_OPS}, {node})
            while group.nodes_need_process:
                member = group.nodes_need_process.pop()
                self.recursive_add_node(group, group.inputs, visited=set())
                if not is_node_output_tensor(member):
                    for user in member.users:
                        if user.op in CALLABLE_NODE_OPS:
                            group.add_node(user)
                for used in member.all_input_nodes:
                    if used.op in CALLABLE_NODE_OPS and not is_node_output_tensor(used):
                        group.add_node(used)
                        group.top_node_idx = min(group.top_node_idx, self.place[used])
            if not group.nodes <= self.acc_nodes:
                self.acc_nodes -= group.nodes
            else:
                result.update(dict.fromkeys(group.nodes, group.nodes))
        return result


def _reordered(gm: GraphModule, ready_first: bool) -> GraphModule:
    """The module with its nodes in an order in which each comes after its inputs. Raises RuntimeError when there is none."""
    place = {node: i for i, node in enumerate(gm.graph.nodes)}
    missing = {node: len(node.all_input_nodes) for node in place}
    ready = [place[node] for node, count in missing.items() if not count]
    nodes, graph, copies = list(place), Graph(), {}
    queue = collections.deque(ready)
    while ready if not ready_first else queue:
        node = nodes[queue.popleft() if ready_first else heapq.heappop(ready)]
        copies[node] = graph.node_copy(node, copies.__getitem__)
        for user in node.users:
            missing[user] -= 1
            if not missing[user]:
                queue.append(place[user]) if ready_first else heapq.heappush(ready, place[user])
    if len(copies) != len(nodes):
        raise RuntimeError(f"Input graph has cycles, unable to add {[n for n in missing if n not in copies]}")
    graph._codegen = gm.graph._codegen
    gm.graph = graph
    return gm


def legalize_graph(gm: GraphModule) -> GraphModule:
    """Puts the nodes into an order in which each comes after its inputs, in place. Raises RuntimeError when there is none."""
    return _reordered(gm, ready_first=True)


def stable_topological_sort(gm: GraphModule) -> GraphModule:
    """:func:`legalize_graph` that keeps the given order wherever it may."""
    return _reordered(gm, ready_first=False)
