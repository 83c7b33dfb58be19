"""The nodes that a module or function of the program became."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from ...graph import Graph
from ...node import Node

__all__ = ["get_source_partitions", "check_subgraphs_connected", "SourcePartition"]


@dataclass
class SourcePartition:
    """The nodes of one use of a source, what goes in and comes out, and the parameters it reads."""

    nodes: list[Node]
    source: Any
    input_nodes: list[Node] = field(default_factory=list)
    output_nodes: list[Node] = field(default_factory=list)
    params: list[Node] = field(default_factory=list)


def get_source_partitions(graph: Graph, wanted_sources: list[Any],
                          filter_fn: Callable[[Node], bool] | None = None) -> dict[Any, list[SourcePartition]]:
    """The uses of some module classes or functions, as `meta["source_fn_stack"]` tells them.

    Args:
        graph: where to look.
        wanted_sources: the classes and functions.
        filter_fn: which nodes a use's outputs may be.
    """
    uses: dict[Any, dict[str, list[Node]]] = {}
    for node in graph.nodes:
        stack = node.meta.get("source_fn_stack")
        if stack and stack[-1][1] in wanted_sources:
            name, source = stack[-1]
            uses.setdefault(source, {}).setdefault(name, []).append(node)
    partitions = {source: [_partition(nodes, source) for nodes in by_name.values()] for source, by_name in uses.items()}
    if filter_fn is not None:
        partitions = {source: kept for source, found in partitions.items()
                      if (kept := [p for p in found if all(map(filter_fn, p.output_nodes))])}
    return partitions


def _partition(nodes: list[Node], source: Any) -> SourcePartition:
    inside = set(nodes)
    inputs = {used: None for node in nodes for used in node.all_input_nodes if used not in inside and used.op != "get_attr"}
    outputs = [node for node in nodes if any(user not in inside for user in node.users)]
    params = {used: None for node in nodes for used in (node, *node.all_input_nodes) if used.op == "get_attr"}
    return SourcePartition(nodes, source, list(inputs), outputs, list(params))


def check_subgraphs_connected(subgraph1: SourcePartition, subgraph2: SourcePartition) -> bool:
    """Does the second use a value that the first computes?"""
    made = set(subgraph1.nodes)
    return any(used in made for node in subgraph2.nodes for used in node.all_input_nodes)
