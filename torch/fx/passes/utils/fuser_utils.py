"""Sets of nodes replaced by calls of submodules."""

from __future__ import annotations

from operator import getitem
from typing import Any, Iterable

from ...graph import Graph
from ...graph_module import GraphModule
from ...node import Node
from ..tools_common import legalize_graph
from .common import lift_subgraph_as_module

__all__ = ["topo_sort", "validate_partition", "fuse_as_graphmodule", "insert_subgm", "erase_nodes", "fuse_by_partitions"]


def topo_sort(nodes: list[Node]) -> list[Node]:
    """The nodes so that each comes after those of them that it uses."""
    inside = set(nodes)
    missing = {node: sum(used in inside for used in node.all_input_nodes) for node in nodes}
    order = [node for node in nodes if not missing[node]]
    for node in order:
        for user in node.users:
            if user in inside:
                missing[user] -= 1
                if not missing[user]:
                    order.append(user)
    if len(order) != len(nodes):
        raise AssertionError("topological sorted nodes doesn't have same length as input nodes")
    return order


def validate_partition(partition: Iterable[Node]) -> bool:
    """Can the nodes become one call? Not when a value leaves them and comes back."""
    inside = set(partition)
    waiting = [user for node in inside for user in node.users if user not in inside]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node in inside:
            return False
        if node not in seen:
            seen.add(node)
            waiting.extend(node.users)
    return True


def fuse_as_graphmodule(gm: GraphModule, nodes: list[Node], module_name: str, partition_lookup_table: dict[Node, int | None] | None = None,
                        *, always_return_tuple: bool = False) -> tuple[GraphModule, tuple[Node, ...], tuple[Node, ...]]:
    """A module of some nodes: (module, the values it takes, the nodes whose values it returns).

    Args:
        gm: the module the nodes are of.
        nodes: the nodes, in order.
        module_name: the class name of the new module.
        partition_lookup_table: the nodes as keys, if that is at hand.
        always_return_tuple: return a tuple of a single value too.

    Raises AssertionError for nodes of another module and when the nodes cannot become one call.
    """
    for node in nodes:
        if node.graph.owning_module is not gm:
            raise AssertionError(f"{node} doesn't belong to passed in graph module {gm._get_name()}")
        if node._erased:
            raise AssertionError(f"{node} has been removed from owning graph")
    if not validate_partition(nodes):
        raise AssertionError("Invalid partition, found dependency cycles")
    inside = set(nodes) if partition_lookup_table is None else partition_lookup_table
    graph = Graph()
    inputs: dict[Node, Node] = {}
    copies: dict[Node, Node] = {}

    def value(used: Node) -> Any:
        if used in copies:
            return copies[used]
        if used not in inputs:
            made = inputs[used] = graph.placeholder(used.name, used.type)
            made.meta = used.meta.copy()
        return inputs[used]

    for node in nodes:
        for used in node.all_input_nodes:
            value(used)
        copies[node] = graph.node_copy(node, value)
    outputs = [node for node in nodes if any(user not in inside for user in node.users)]
    results = tuple(copies[node] for node in outputs)
    graph.output(results[0] if len(results) == 1 and not always_return_tuple else results)
    graph.lint()
    return lift_subgraph_as_module(gm, graph, comp_name="", class_name=module_name)[0], tuple(inputs), tuple(outputs)


def insert_subgm(gm: GraphModule, sub_gm: GraphModule, orig_inputs: tuple[Node, ...], orig_outputs: tuple[Node, ...],
                 insertion_point: Node | None = None) -> GraphModule:
    """Calls `sub_gm` in place of the nodes that compute `orig_outputs`, which nobody uses then.

    Args:
        gm: the module, changed in place.
        sub_gm: the submodule.
        orig_inputs: the values to call it with.
        orig_outputs: the nodes whose users get its results instead.
        insertion_point: the node after which it is called; the last of the outputs by default.
    """
    name = type(sub_gm).__name__
    gm.add_submodule(name, sub_gm)
    graph = gm.graph
    with graph.inserting_after(insertion_point or max(orig_outputs)):
        call = graph.call_module(name, orig_inputs)
    result = sub_gm.graph.output_node().args[0]
    if isinstance(result, Node):
        orig_outputs[0].replace_all_uses_with(call)
        call.meta.update(orig_outputs[0].meta)
        return gm
    place = call
    for i, old in enumerate(orig_outputs):
        with graph.inserting_after(place):
            place = graph.call_function(getitem, (call, i))
        place.meta.update(old.meta)
        old.replace_all_uses_with(place)
    call.meta["val"] = tuple(old.meta.get("val") for old in orig_outputs)
    return gm


def erase_nodes(gm: GraphModule, nodes: list[Node]) -> None:
    """Erases nodes, the last first."""
    for node in reversed(nodes):
        gm.graph.erase_node(node)


def fuse_by_partitions(gm: GraphModule, partitions: list[dict[Node, int | None]], prefix: str = "fused_",
                       always_return_tuple: bool = False) -> GraphModule:
    """Replaces each set of nodes by a call of a submodule ``prefix + number``, in place."""
    for i, partition in enumerate(partitions):
        nodes = topo_sort(list(partition))
        sub_gm, inputs, outputs = fuse_as_graphmodule(gm, nodes, f"{prefix}{i}", partition, always_return_tuple=always_return_tuple)
        insert_subgm(gm, sub_gm, inputs, outputs)
        erase_nodes(gm, nodes)
    return legalize_graph(gm)
