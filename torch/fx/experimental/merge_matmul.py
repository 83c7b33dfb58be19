"""Matrix products with the same right side joined to one."""

from __future__ import annotations

import itertools
from collections import defaultdict
from operator import getitem

import torch

from .._symbolic_trace import symbolic_trace
from ..graph_module import GraphModule
from ..node import Node
from ..passes.tools_common import legalize_graph

__all__ = ["split_result_tensors", "may_depend_on", "are_nodes_independent", "merge_matmul"]


def split_result_tensors(result: torch.Tensor, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The parts of a result that belong to the inputs that were joined along dimension 0."""
    return torch.split(result, [x.shape[0] for x in inputs])


def may_depend_on(a: Node, b: Node, search_depth: int = 6) -> bool:
    """Might `a` need `b`? Also True when the search stops before it can tell, after `search_depth` steps."""
    if a is b:
        return True
    if not a.all_input_nodes:
        return False
    if search_depth == 0:
        return True
    return any(may_depend_on(used, b, search_depth - 1) for used in a.all_input_nodes)


def are_nodes_independent(nodes: list[Node]) -> bool:
    """Does surely none of the nodes need another?"""
    return not any(may_depend_on(a, b) or may_depend_on(b, a) for a, b in itertools.combinations(nodes, 2))


def merge_matmul(in_mod: torch.nn.Module) -> GraphModule:
    """The traced module with independent products ``torch.matmul(a_i, b)`` of the same `b` computed as one product of the joined `a_i`."""
    gm = symbolic_trace(in_mod)
    by_right: dict[Node, list[Node]] = defaultdict(list)
    for node in gm.graph.nodes:
        if node.op == "call_function" and node.target is torch.matmul and len(node.args) == 2:
            by_right[node.args[1]].append(node)
    for right, products in by_right.items():
        if len(products) < 2 or not are_nodes_independent(products):
            continue
        lefts = [node.args[0] for node in products]
        with gm.graph.inserting_before(products[0]):
            joined = gm.graph.call_function(torch.cat, (lefts,))
            product = gm.graph.call_function(torch.matmul, (joined, right))
            parts = gm.graph.call_function(split_result_tensors, (product, lefts))
            pieces = [gm.graph.call_function(getitem, (parts, i)) for i in range(len(products))]
        for node, piece in zip(products, pieces):
            node.replace_all_uses_with(piece)
            gm.graph.erase_node(node)
    legalize_graph(gm)
    gm.recompile()
    gm.graph.lint()
    return gm
