"""Equations between sizes solved, and the solution put into the types of a graph."""

from __future__ import annotations

from typing import Any

from ..graph import Graph
from ..tensor_type import TensorType
from .refinement_types import Equality

__all__ = ["check_for_type_equality", "convert_eq", "substitute_all_types", "substitute_solution_one_type", "unify_eq"]


def convert_eq(list_of_eq: list[Equality]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The left sides and the right sides."""
    return tuple(eq.lhs for eq in list_of_eq), tuple(eq.rhs for eq in list_of_eq)


def unify_eq(list_of_eq: list[Equality]) -> dict[Any, Any] | bool:
    """{name: value} so that all equations hold, False when there is none. Numbers are values, everything else is a name."""
    solution: dict[Any, Any] = {}

    def value(term):
        while term in solution:
            term = solution[term]
        return term

    for left, right in zip(*convert_eq(list_of_eq)):
        left, right = value(left), value(right)
        if left == right:
            continue
        if not isinstance(left, int):
            solution[left] = right
        elif not isinstance(right, int):
            solution[right] = left
        else:
            return False
    return {name: value(name) for name in solution}


def substitute_solution_one_type(mapping: dict[Any, Any], t: Any) -> Any:
    """The type, or size, with names replaced by their values."""
    if isinstance(t, TensorType):
        return TensorType(tuple(substitute_solution_one_type(mapping, size) for size in t.__args__))
    if isinstance(t, (list, tuple)):
        return type(t)(substitute_solution_one_type(mapping, item) for item in t)
    return mapping.get(t, t) if not isinstance(t, int) else t


def substitute_all_types(graph: Graph, mapping: dict[Any, Any]) -> None:
    """Replaces names by their values in the types of all nodes, in place."""
    for node in graph.nodes:
        node.type = substitute_solution_one_type(mapping, node.type)


def check_for_type_equality(g1: Graph, g2: Graph) -> bool:
    """Have the nodes of both graphs the same types, one by one?"""
    return all(a.type == b.type for a, b in zip(g1.nodes, g2.nodes))
