"""A matcher whose pattern gives names to nodes."""

from __future__ import annotations

from ...graph import Graph
from ...graph_module import GraphModule
from ...node import Node
from .matcher_utils import InternalMatch, SubgraphMatcher

__all__ = ["SubgraphMatcherWithNameNodeMap"]


class SubgraphMatcherWithNameNodeMap(SubgraphMatcher):
    """A :class:`SubgraphMatcher` for a pattern that returns (outputs, {name: node}): a match's `name_node_map` tells what the names stand for.

    Args: see :class:`SubgraphMatcher`; the pattern is a GraphModule.
    """

    def __init__(self, pattern_gm: GraphModule, match_output: bool = False, match_placeholder: bool = False,
                 remove_overlapping_matches: bool = True, ignore_literals: bool = False):
        pattern, names = _without_names(pattern_gm)
        self.name_node_map = names
        super().__init__(pattern, match_output, match_placeholder, remove_overlapping_matches, ignore_literals)

    def match(self, graph: Graph, node_name_match: str = "") -> list[InternalMatch]:
        """All matches, with the graph's nodes for the names of the pattern."""
        matches = super().match(graph, node_name_match)
        for match in matches:
            match.name_node_map = {name: match.nodes_map[node] for name, node in self.name_node_map.items()}
        return matches


def _without_names(pattern_gm: GraphModule) -> tuple[Graph, dict[str, Node]]:
    output = pattern_gm.graph.output_node()
    *results, names = output.args[0]
    if not isinstance(names, dict):
        raise AssertionError("the pattern must return its outputs and a dictionary from names to nodes")
    results = results[0] if len(results) == 1 else tuple(results)
    output.args = (results,)
    pattern_gm.recompile()
    return pattern_gm.graph, dict(names)
