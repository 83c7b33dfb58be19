"""Replacing one pattern by another in a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

import torch

from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule, _copy_attr
from .node import Node
from .passes.utils.matcher_utils import InternalMatch, SubgraphMatcher

__all__ = ["Match", "replace_pattern", "replace_pattern_with_filters", "ReplacedPatterns"]


class Match(NamedTuple):
    """A place where the pattern was: its last node, and the nodes that stood for nodes of the pattern."""

    anchor: Node
    nodes_map: dict[Node, Node]


@dataclass
class ReplacedPatterns:
    """A replacement: the pattern's last node, what stood for nodes of the pattern, and the new nodes."""

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node]


Program = Callable[..., Any] | Graph | GraphModule


def _graph_of(program: Program) -> Graph:
    if isinstance(program, Graph):
        return program
    return program.graph if isinstance(program, GraphModule) else symbolic_trace(program).graph


def _adopt_attributes(gm: GraphModule, replacement: torch.nn.Module):
    """Gives `gm` the modules and parameters that its new nodes name."""
    for node in gm.graph.nodes:
        if node.op not in ("call_module", "get_attr"):
            continue
        for owner in (gm, replacement):
            value: Any = owner
            for part in node.target.split("."):
                value = getattr(value, part, None)
            if value is not None:
                if owner is replacement:
                    _copy_attr(replacement, gm, node.target)
                break
        else:
            raise RuntimeError(f'Attempted to create a "{node.op}" node during subgraph rewriting with target {node.target}, but the referenced '
                               "attribute does not exist in the replacement GraphModule")
    gm.delete_all_unused_submodules()


def replace_pattern(gm: GraphModule, pattern: Callable | GraphModule, replacement: Callable | GraphModule) -> list[Match]:
    """Replaces every place of a module's graph that looks like `pattern` by `replacement`.

    Args:
        gm: the module, changed in place.
        pattern: a function or module with the operations to look for; its parameters match anything. Where matches overlap the first
            is replaced.
        replacement: what to put there; takes the same parameters, returns as many results.

    Returns the matches.

    >>> gm = torch.fx.symbolic_trace(lambda x, y: torch.relu(x + x) * y)
    >>> _ = torch.fx.replace_pattern(gm, lambda a: torch.relu(a), lambda a: torch.sigmoid(a))
    >>> [n.name for n in gm.graph.nodes]
    ['x', 'y', 'add', 'sigmoid', 'mul', 'output']
    """
    return [Match(replaced.anchor, replaced.nodes_map) for replaced in replace_pattern_with_filters(gm, pattern, replacement)]


def replace_pattern_with_filters(
        gm: GraphModule, pattern: Program, replacement: Program | None = None,
        match_filters: list[Callable[[InternalMatch, Graph, Graph], bool]] | None = None, ignore_literals: bool = False,
        replacement_callback: Callable[[InternalMatch, Graph, Graph], Graph] | None = None, node_name_match: str = "") -> list[ReplacedPatterns]:
    """:func:`replace_pattern` with more say.

    Args:
        gm, pattern, replacement: as there; graphs too.
        match_filters: functions of (match, graph, pattern) that must all accept a match.
        ignore_literals: constants may differ from those of the pattern.
        replacement_callback: makes the replacement for a match, in place of `replacement`.
        node_name_match: text by which nodes match by their name.
    """
    graph, pattern_graph = gm.graph, _graph_of(pattern)
    if replacement_callback is None and replacement is None:
        raise AssertionError("Must provide either replacement GraphModule or replacement callback")
    common = None if replacement is None else _graph_of(replacement)
    matcher = SubgraphMatcher(pattern_graph, ignore_literals=ignore_literals)
    accepted = [match for match in matcher.match(graph, node_name_match) if all(f(match, graph, pattern_graph) for f in match_filters or ())]
    replaced_by: dict[Node, Node] = {}
    done = []
    for match in accepted:
        new = replacement_callback(match, graph, pattern_graph) if replacement_callback else common
        done.append(_replace_one(graph, pattern_graph, match, new, replaced_by))
    gm.recompile()
    if isinstance(replacement, torch.nn.Module):
        _adopt_attributes(gm, replacement)
    return done


def _replace_one(graph: Graph, pattern: Graph, match: InternalMatch, new: Graph, replaced_by: dict[Node, Node]) -> ReplacedPatterns:
    inputs = [n for n in new.nodes if n.op == "placeholder"]
    if len(inputs) != len(match.placeholder_nodes):
        raise AssertionError(f"the replacement takes {len(inputs)} arguments and the pattern {len(match.placeholder_nodes)}")
    given = [replaced_by.get(node, node) if isinstance(node, Node) else node for node in match.placeholder_nodes]
    copies: dict[Node, Any] = dict(zip(inputs, given))
    users = [user for node in match.returning_nodes for user in node.users]
    place = min(users) if users else None
    with graph.inserting_before(place) if place is not None else graph.inserting_after(max(match.returning_nodes)):
        result = graph.graph_copy(new, copies)
    results = [result] if isinstance(result, Node) else list(result)
    if len(results) != len(match.returning_nodes):
        raise AssertionError(f"the replacement returns {len(results)} values and the pattern {len(match.returning_nodes)}")
    for old, value in zip(match.returning_nodes, results):
        old.replace_all_uses_with(value)
        replaced_by[old] = value
    for node in reversed(pattern.nodes):
        if node.op not in ("placeholder", "output"):
            graph.erase_node(match.nodes_map[node])
    nodes_map = {pn: replaced_by.get(gn, gn) if isinstance(gn, Node) and pn.op == "placeholder" else gn for pn, gn in match.nodes_map.items()}
    return ReplacedPatterns(match.anchors[0], nodes_map, [made for old, made in copies.items() if old.op != "placeholder"])
