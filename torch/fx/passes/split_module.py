"""split_module: a module as a chain of submodules."""

from __future__ import annotations

from operator import getitem
from typing import Any, Callable

import torch

from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, map_arg

__all__ = ["Partition", "split_module", "split_module_simple"]


class Partition:
    """The nodes that become one submodule, with the values that go in and out."""

    def __init__(self, name: str):
        self.name = name
        self.submod_name = f"submod_{name}"
        self.node_names: list[str] = []
        self.inputs: dict[str, None] = {}
        self.outputs: dict[str, None] = {}
        self.dependencies: dict[str, None] = {}
        self.dependents: dict[str, None] = {}
        self.graph = Graph()
        self.environment: dict[Node, Node] = {}
        self.targets: dict[str, Any] = {}

    def __repr__(self):
        return (f"name: {self.name},\n nodes: {self.node_names},\n inputs: {list(self.inputs)},\n outputs: {list(self.outputs)},\n "
                f"partitions depended on: {list(self.dependencies)},\n partition dependents: {list(self.dependents)}")


def split_module(m: GraphModule, root_m: torch.nn.Module, split_callback: Callable[[Node], Any], qualname_map: dict[str, str] | None = None,
                 keep_original_order: bool | None = False, keep_original_node_name: bool | None = False, keep_original_input_name: bool = True,
                 *, partition_affix: str | None = None, tuple_return: bool = False) -> GraphModule:
    """The module as one that calls a submodule `submod_0`, `submod_1`, ... for each part of its graph.

    Args:
        m: the module.
        root_m: the module in which the graph's targets are found.
        split_callback: the part a node belongs to, a number or string.
        qualname_map: is filled with the old path of each new one.
        keep_original_order: call the parts in the order of their first nodes.
        keep_original_node_name: nodes keep their names in the parts.
        keep_original_input_name: inputs of the parts are named like the values.
        partition_affix: goes into the names: ``submod_AFFIX_0``.
        tuple_return: parts with one result return a tuple too.

    Raises RuntimeError when parts depend on each other in a circle.
    """
    return _Splitter(m, root_m, split_callback, qualname_map, bool(keep_original_order), bool(keep_original_node_name), keep_original_input_name,
                     partition_affix, tuple_return).split()


def split_module_simple(m: GraphModule, node_to_partition: dict[Node, int], *, partition_affix: str | None = None) -> GraphModule:
    """:func:`split_module` by a dictionary; nodes that are not in it go with the last of their inputs' parts."""
    numbers = dict(node_to_partition)
    for node in m.graph.nodes:
        if node.op not in ("placeholder", "output", "get_attr") and node not in numbers:
            numbers[node] = max((numbers[used] for used in node.all_input_nodes if used in numbers), default=0)
    return split_module(m, m, lambda node: numbers.get(node, 0), partition_affix=partition_affix)


class _Splitter:
    def __init__(self, module, root, callback, qualname_map, keep_order, keep_node_name, keep_input_name, affix, tuple_return):
        self.module, self.root, self.callback = module, root, callback
        self.qualname_map, self.keep_order = qualname_map, keep_order
        self.keep_node_name, self.keep_input_name, self.affix, self.tuple_return = keep_node_name, keep_input_name, affix, tuple_return
        self.partitions: dict[str, Partition] = {}
        self.partition_of: dict[Node, str] = {}
        self.node_named = {node.name: node for node in module.graph.nodes}

    def split(self) -> GraphModule:
        self.assign()
        for node in self.module.graph.nodes:
            self.connect(node)
        order = self.ordered()
        for name in order:
            self.add_inputs(self.partitions[name])
        for node in self.module.graph.nodes:
            if node in self.partition_of:
                self.copy(node, self.partitions[self.partition_of[node]])
        return self.compose(order)

    def assign(self):
        """Every step goes to its part; inputs and attributes are read outside."""
        for node in self.module.graph.nodes:
            if node.op in ("placeholder", "output", "get_attr"):
                continue
            name = str(self.callback(node))
            partition = self.partitions.get(name)
            if partition is None:
                partition = self.partitions[name] = Partition(name)
                if self.affix:
                    partition.submod_name = f"submod_{self.affix}_{name}"
            partition.node_names.append(node.name)
            self.partition_of[node] = name

    def connect(self, node: Node):
        """Notes down which values cross from part to part."""
        name = self.partition_of.get(node)
        for used in node.all_input_nodes:
            source = self.partition_of.get(used)
            if source == name:
                continue
            if source is not None:
                self.partitions[source].outputs.setdefault(used.name)
            if name is not None:
                self.partitions[name].inputs.setdefault(used.name)
                if source is not None:
                    self.partitions[name].dependencies.setdefault(source)
                    self.partitions[source].dependents.setdefault(name)

    def ordered(self) -> list[str]:
        """The parts so that each comes after those it depends on."""
        names = list(self.partitions)
        if self.keep_order:
            done: list[str] = []
            waiting = names
            while waiting:
                ready = next((n for n in waiting if set(self.partitions[n].dependencies) <= set(done)), None)
                if ready is None:
                    raise RuntimeError("cycle exists between partitions!")
                done.append(ready)
                waiting = [n for n in waiting if n != ready]
            return done
        missing = {name: len(self.partitions[name].dependencies) for name in names}
        ready = [name for name in names if not missing[name]]
        for name in ready:
            for dependent in self.partitions[name].dependents:
                missing[dependent] -= 1
                if not missing[dependent]:
                    ready.append(dependent)
        if len(ready) != len(names):
            raise RuntimeError("cycle exists between partitions!")
        return ready

    def add_inputs(self, partition: Partition):
        for i, name in enumerate(partition.inputs):
            old = self.node_named[name]
            made = partition.graph.placeholder(name if self.keep_input_name else f"arg_{i}", type_expr=old.type)
            made.meta = old.meta.copy()
            partition.environment[old] = made

    def target(self, path: str, partition: Partition) -> str:
        """The flat name under which the part holds the module or tensor at a path of the root."""
        flat = path.replace(".", "_")
        partition.targets[flat] = _value_at(self.root, path)
        if self.qualname_map is not None:
            self.qualname_map[f"{partition.submod_name}.{flat}"] = path
        return flat

    def copy(self, node: Node, partition: Partition):
        environment = partition.environment
        args, kwargs = (map_arg(a, environment.__getitem__) for a in (node.args, node.kwargs))
        target = self.target(node.target, partition) if node.op == "call_module" else node.target
        made = partition.graph.create_node(node.op, target, args, kwargs, node.name if self.keep_node_name else None, node.type)
        made.meta = node.meta.copy()
        environment[node] = made

    def compose(self, order: list[str]) -> GraphModule:
        """The graph that calls the parts."""
        graph = Graph()
        values: dict[Node, Any] = {}
        base: dict[str, Any] = {}
        for node in self.module.graph.nodes:
            if node.op == "placeholder":
                values[node] = graph.placeholder(node.target, node.type, *node.args[:1])
            elif node.op == "get_attr":
                base[node.target] = _value_at(self.root, node.target)
                values[node] = graph.get_attr(node.target, node.type)
            else:
                continue
            values[node].meta = node.meta.copy()
        for name in order:
            partition = self.partitions[name]
            outputs = [partition.environment[self.node_named[n]] for n in partition.outputs]
            single = len(outputs) == 1 and not self.tuple_return
            partition.graph.output(outputs[0] if single else tuple(outputs))
            base[partition.submod_name] = GraphModule(partition.targets, partition.graph)
            call = graph.call_module(partition.submod_name, tuple(values[self.node_named[n]] for n in partition.inputs))
            olds = [self.node_named[n] for n in partition.outputs]
            if single:
                values[olds[0]] = call
            else:
                values.update((old, graph.call_function(getitem, (call, i))) for i, old in enumerate(olds))
        output = self.module.graph.output_node()
        made = graph.output(map_arg(output.args[0], values.__getitem__), output.type)
        made.meta = output.meta.copy()
        graph._codegen = self.module.graph._codegen
        return GraphModule(base, graph)


def _value_at(module: Any, path: str) -> Any:
    for part in path.split("."):
        if not hasattr(module, part):
            raise AttributeError(f"Node target {path} not found!")
        module = getattr(module, part)
    return module
