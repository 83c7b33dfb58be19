"""A module split by tags on its nodes."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field
from operator import getitem
from typing import TYPE_CHECKING, Any

from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, map_arg
from .tools_common import CALLABLE_NODE_OPS, is_node_output_tensor
from .utils.common import HolderModule, lift_subgraph_as_module

if TYPE_CHECKING:
    from .splitter_base import Subgraph

__all__ = ["getattr_recursive", "setattr_recursive", "Component", "split_by_tags", "move_non_tensor_nodes_on_boundary"]


def getattr_recursive(obj: Any, name: str) -> Any:
    """The attribute at a dotted path; None where the path leads nowhere."""
    for part in name.split("."):
        if not hasattr(obj, part):
            return None
        obj = getattr(obj, part)
    return obj


def setattr_recursive(obj: Any, attr: str, value: Any) -> None:
    """Sets the attribute at a dotted path."""
    *prefix, last = attr.split(".")
    for part in prefix:
        obj = getattr(obj, part)
    setattr(obj, last, value)


@dataclass
class Component:
    """One part: its graph, and how its inputs and outputs belong to nodes of the whole."""

    graph: Graph
    order: int
    name: str
    input_placeholders: list[Node] = field(default_factory=list)
    orig_inputs: list[Node] = field(default_factory=list)
    orig_outputs: list[Node] = field(default_factory=list)
    getattr_maps: dict[Node, Node] = field(default_factory=dict)
    constructor_args: list[str] = field(default_factory=list)
    gm: GraphModule | None = None


def split_by_tags(gm: GraphModule, tags: list[str], return_fqn_mapping: bool = False, return_tuple: bool = False,
                  GraphModuleCls: type[GraphModule] = GraphModule) -> GraphModule | tuple[GraphModule, dict[str, str]]:
    """The module as one that calls a submodule for each tag, in the order of `tags`.

    Args:
        gm: the module; its nodes that compute have an attribute `tag`.
        tags: the tags in an order in which each part comes after those it depends on.
        return_fqn_mapping: return (module, {old path: new path}).
        return_tuple: parts return a tuple of a single value too.
        GraphModuleCls: the class of the result.

    Raises AssertionError for a node whose part comes before one that it uses.
    """
    components = {tag: Component(Graph(), i, tag) for i, tag in enumerate(tags)}
    part_of: dict[Node, Component] = {}
    copies: dict[Node, Node] = {}
    used_outside: dict[Node, None] = {}
    main = Graph()
    values: dict[Node, Node] = {}

    def enter(used: Node, component: Component) -> Node:
        """What stands in a part for a node of the whole."""
        source = part_of.get(used)
        if source is component:
            return copies[used]
        if used.op == "get_attr":
            if used not in component.getattr_maps:
                made = component.getattr_maps[used] = component.graph.get_attr(used.target, used.type)
                made.meta = copy.copy(used.meta)
            return component.getattr_maps[used]
        if source is not None:
            if source.order > component.order:
                raise AssertionError(f"{used} of part {source.name} is used in the earlier part {component.name}")
            used_outside[used] = None
        if used not in component.orig_inputs:
            component.orig_inputs.append(used)
            made = component.graph.placeholder(used.name, used.type)
            made.meta = copy.copy(used.meta)
            component.input_placeholders.append(made)
        return component.input_placeholders[component.orig_inputs.index(used)]

    for node in gm.graph.nodes:
        if node.op == "placeholder":
            values[node] = main.node_copy(node)
        elif node.op == "output":
            for used in node.all_input_nodes:
                if used in part_of:
                    used_outside[used] = None
        elif node.op != "get_attr":
            component = components[node.tag]
            part_of[node] = component
            copies[node] = component.graph.node_copy(node, functools.partial(enter, component=component))
            copies[node].tag = component.name
    fqn_mapping: dict[str, str] = {}
    for component in components.values():
        component.orig_outputs = [node for node in part_of if node in used_outside and part_of[node] is component]
        results = tuple(copies[node] for node in component.orig_outputs)
        component.graph.output(results[0] if len(results) == 1 and not return_tuple else results)
        component.gm, mapping = lift_subgraph_as_module(gm, component.graph, comp_name=component.name)
        fqn_mapping.update((old, new) for new, old in mapping.items())
        call = main.call_module(component.name, tuple(values[used] for used in component.orig_inputs))
        if len(results) == 1 and not return_tuple:
            values[component.orig_outputs[0]] = call
        else:
            values.update((old, main.call_function(getitem, (call, i))) for i, old in enumerate(component.orig_outputs))
    output = gm.graph.output_node()
    root = HolderModule({component.name: component.gm for component in components.values()})
    for used in output.all_input_nodes:
        if used not in values:
            values[used] = main.get_attr(used.target)
            setattr(root, used.target, getattr_recursive(gm, used.target))
    main.output(map_arg(output.args[0], values.__getitem__))
    main._codegen = gm.graph._codegen
    result = GraphModuleCls(root, main)
    return (result, fqn_mapping) if return_fqn_mapping else result


def move_non_tensor_nodes_on_boundary(subgraphs: list[Subgraph]) -> None:
    """Moves nodes whose value is no tensor from the end of an accelerated part to the part that uses it, in place."""
    part_of = {node: part for part in subgraphs for node in part.nodes}
    for part in subgraphs:
        if not part.is_acc:
            continue
        for node in reversed(list(part.nodes)):
            if is_node_output_tensor(node) or node.op not in CALLABLE_NODE_OPS:
                continue
            targets = {id(part_of[user]): part_of[user] for user in node.users if user in part_of}
            if len(targets) == 1 and (target := next(iter(targets.values()))) is not part:
                part.nodes.remove(node)
                target.nodes.insert(0, node)
                part_of[node] = target
