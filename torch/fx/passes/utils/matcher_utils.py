"""SubgraphMatcher: finds a pattern, itself a graph, in a graph."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import torch

from ...graph import Graph
from ...node import Node

__all__ = ["SubgraphMatcher", "InternalMatch"]


@dataclass
class InternalMatch:
    """One place where the pattern occurs.

    `anchors` are the pattern's last nodes, `nodes_map` leads from nodes of the pattern to nodes (or literals) of the graph,
    `placeholder_nodes` and `returning_nodes` are what stands for the pattern's inputs and outputs, `name_node_map` leads from names that
    the pattern gives to nodes.
    """

    anchors: list[Node]
    nodes_map: dict[Node, Node] = field(default_factory=dict)
    placeholder_nodes: list[Node] = field(default_factory=list)
    returning_nodes: list[Node] = field(default_factory=list)
    name_node_map: dict[str, Node] = field(default_factory=dict)

    def __copy__(self):
        return InternalMatch(self.anchors, dict(self.nodes_map), list(self.placeholder_nodes), list(self.returning_nodes), dict(self.name_node_map))


class SubgraphMatcher:
    """Looks for a pattern: a graph whose inputs match anything and whose outputs are what is used elsewhere.

    Args:
        pattern: the pattern.
        match_output: its output must match the graph's output.
        match_placeholder: its inputs match only inputs.
        remove_overlapping_matches: report no node twice.
        ignore_literals: constants among the arguments may differ.

    Raises ValueError for an empty pattern and for one with nodes that nobody uses.
    """

    def __init__(self, pattern: Graph, match_output: bool = False, match_placeholder: bool = False, remove_overlapping_matches: bool = True,
                 ignore_literals: bool = False):
        self.pattern = pattern
        self.match_output = match_output
        self.match_placeholder = match_placeholder
        self.remove_overlapping_matches = remove_overlapping_matches
        self.ignore_literals = ignore_literals
        if not len(pattern.nodes):
            raise ValueError("SubgraphMatcher cannot be initialized with an empty pattern")
        if any(n.op not in ("placeholder", "output") and not n.users for n in pattern.nodes):
            raise ValueError("SubgraphMatcher cannot be initialized with an pattern with dead code")
        self.pattern_placeholder_nodes = [n for n in pattern.nodes if n.op == "placeholder"]
        output = pattern.output_node()
        self.pattern_returning_nodes = output.all_input_nodes
        self.pattern_anchors = [output] if match_output else [n for n in self.pattern_returning_nodes if len(n.users) == 1]

    def match(self, graph: Graph, node_name_match: str = "") -> list[InternalMatch]:
        """All matches in `graph`, in its order.

        Args:
            graph: where to look.
            node_name_match: nodes whose name in the pattern contains this text match by name instead of by target.
        """
        candidates = [[node for node in graph.nodes if self._node_fits(anchor, node, node_name_match)] for anchor in self.pattern_anchors]
        found = []
        for combination in itertools.product(*candidates) if all(candidates) else ():
            match = InternalMatch(list(self.pattern_anchors))
            if all(self._match_node(pn, gn, match, node_name_match) for pn, gn in zip(self.pattern_anchors, combination)):
                match.placeholder_nodes = [match.nodes_map[pn] for pn in self.pattern_placeholder_nodes if pn in match.nodes_map]
                match.returning_nodes = [match.nodes_map[pn] for pn in self.pattern_returning_nodes]
                if self._is_closed(match):
                    found.append(match)
        return self._without_overlaps(found) if self.remove_overlapping_matches else found

    # ---- one node ----

    def _node_fits(self, pn: Node, gn: Node, node_name_match: str = "") -> bool:
        if pn.op == "placeholder":
            return gn.op == "placeholder" if self.match_placeholder else True
        if node_name_match and node_name_match in pn.name:
            return node_name_match in gn.name
        if pn.op != gn.op:
            return False
        if pn.op == "output":
            return True
        if pn.op == "get_attr":
            return _same_attribute(pn, gn)
        return pn.target == gn.target

    def _match_node(self, pn: Node, gn: Any, match: InternalMatch, name: str) -> bool:
        if pn in match.nodes_map:
            return match.nodes_map[pn] is gn if isinstance(gn, Node) else match.nodes_map[pn] == gn
        if not isinstance(gn, Node):
            if pn.op != "placeholder":
                return False
            match.nodes_map[pn] = gn
            return True
        if any(gn is taken for taken in match.nodes_map.values()) or not self._node_fits(pn, gn, name):
            return False
        before = dict(match.nodes_map)
        match.nodes_map[pn] = gn
        if pn.op == "placeholder" or self._match_arguments(pn, gn, match, name):
            return True
        match.nodes_map.clear()
        match.nodes_map.update(before)
        return False

    # ---- arguments ----

    def _match_arguments(self, pn: Node, gn: Node, match: InternalMatch, name: str) -> bool:
        if isinstance(pn.target, torch._ops.OpOverload):
            ours, theirs = _by_schema(pn), _by_schema(gn)
        else:
            if pn.kwargs.keys() != gn.kwargs.keys():
                return False
            ours, theirs = ([*node.args, *(node.kwargs[key] for key in pn.kwargs)] for node in (pn, gn))
        return self._match_values(ours, theirs, match, name)

    def _match_values(self, ours: Any, theirs: Any, match: InternalMatch, name: str) -> bool:
        if isinstance(ours, Node):
            return self._match_node(ours, theirs, match, name)
        if isinstance(ours, (list, tuple)):
            return isinstance(theirs, (list, tuple)) and len(ours) == len(theirs) and all(
                self._match_values(a, b, match, name) for a, b in zip(ours, theirs))
        if isinstance(ours, dict):
            return isinstance(theirs, dict) and ours.keys() == theirs.keys() and all(
                self._match_values(a, theirs[key], match, name) for key, a in ours.items())
        if isinstance(ours, slice):
            return isinstance(theirs, slice) and all(
                self._match_values(a, b, match, name) for a, b in ((ours.start, theirs.start), (ours.stop, theirs.stop), (ours.step, theirs.step)))
        if isinstance(theirs, Node):
            return False
        return self.ignore_literals or (type(ours) is type(theirs) and ours == theirs)

    # ---- whole matches ----

    def _is_closed(self, match: InternalMatch) -> bool:
        """Only the returning nodes are used outside."""
        inside = {gn for pn, gn in match.nodes_map.items() if pn.op != "placeholder"}
        returning = set(match.returning_nodes)
        return all(user in inside for pn, gn in match.nodes_map.items() if pn.op not in ("placeholder", "output") and gn not in returning
                   for user in gn.users)

    def _without_overlaps(self, matches: list[InternalMatch]) -> list[InternalMatch]:
        taken: set[Node] = set()
        kept = []
        for match in matches:
            own = {gn for pn, gn in match.nodes_map.items() if pn.op not in ("placeholder", "output")}
            if not own & taken:
                taken |= own
                kept.append(match)
        return kept


def _by_schema(node: Node) -> list[Any]:
    """The arguments of an operator in the order of its schema, defaults filled in."""
    arguments = node.target._schema.arguments
    given = {**{a.name: value for a, value in zip(arguments, node.args)}, **node.kwargs}
    return [given.get(a.name, a.default_value if a.has_default else None) for a in arguments]


def _attribute(node: Node) -> Any:
    value: Any = node.graph.owning_module
    for part in node.target.split("."):
        value = getattr(value, part)
    return value


def _same_attribute(pn: Node, gn: Node) -> bool:
    """Are both attributes tensors, or the same kind of object?"""
    ours, theirs = _attribute(pn), _attribute(gn)
    if isinstance(ours, torch.Tensor):
        return isinstance(theirs, torch.Tensor)
    return type(ours) is type(theirs)


