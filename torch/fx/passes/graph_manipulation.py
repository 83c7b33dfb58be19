"""Targets replaced, and sizes of values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, map_arg
from .shape_prop import ShapeProp, TensorMetadata

__all__ = ["replace_target_nodes_with", "size_bytes", "get_size_of_all_nodes", "get_tensor_meta", "get_size_of_node"]


def replace_target_nodes_with(fx_module: GraphModule, old_op: str, old_target: Any, new_op: str, new_target: Any) -> None:
    """Turns every node of this kind and target into one of another kind and target, with the same arguments."""
    graph, copies = Graph(), {}
    for node in fx_module.graph.nodes:
        if node.op == old_op and node.target == old_target:
            args, kwargs = (map_arg(a, copies.__getitem__) for a in (node.args, node.kwargs))
            if not (isinstance(new_target, str) or callable(new_target)):
                raise AssertionError(f"{new_target} is no target")
            copies[node] = graph.create_node(new_op, new_target, args, kwargs, node.name)
        else:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    fx_module.graph = graph


class size_bytes(NamedTuple):
    """The bytes of a node's value, and with those of its parameters."""

    output_size: int
    total_size: int


def get_size_of_all_nodes(fx_module: GraphModule, args: list[torch.Tensor] | None = None) -> None:
    """Sets `size_bytes` of every node; `args` are example inputs, if shapes are not known yet."""
    if args is not None:
        ShapeProp(fx_module).propagate(*args)
    for node in fx_module.graph.nodes:
        if node.op == "output":
            break
        node.size_bytes = get_size_of_node(fx_module, node)


def get_tensor_meta(node: Node) -> TensorMetadata:
    """What ShapeProp noted down. Raises RuntimeError when it did not run."""
    meta = node.meta.get("tensor_meta")
    if not meta:
        raise RuntimeError(f"Node {node} has no tensor metadata associated with it! Check that shape propagation has run.")
    return meta


def get_size_of_node(fx_module: GraphModule, node: Node) -> size_bytes:
    """The bytes of a node's value, and of its value and parameters."""
    meta = get_tensor_meta(node)
    own = math.prod(meta.shape) * meta.dtype.itemsize
    total = own
    if node.op == "call_module":
        module = dict(fx_module.named_modules())[node.target]
        total += sum(p.numel() * p.element_size() for p in module.parameters())
    return size_bytes(own, total)
