"""Splitting a module into parts for an accelerator and parts for the host."""

from __future__ import annotations

import copy
import os
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, Iterable, NamedTuple, Sequence

import torch

from ..graph_module import GraphModule
from ..node import Node
from .operator_support import OperatorSupportBase, get_node_target
from .shape_prop import ShapeProp
from .split_utils import move_non_tensor_nodes_on_boundary, split_by_tags
from .tools_common import CALLABLE_NODE_OPS, FxNetAccFusionsFinder, is_node_output_tensor

__all__ = ["FxNetAccNodesFinder", "FxNetSplitterInternalError", "Subgraph", "SplitResult", "generate_inputs_for_submodules", "NodeEvent",
           "NodeEventTracker"]


class _SplitterSettingBase:
    """Settings of a splitter.

    Args:
        min_acc_module_size: smaller accelerated parts go to the host.
        skip_fusion: do not keep nodes together that exchange other values than tensors.
        allow_non_tensor: such values may pass between host and accelerator.
        max_acc_splits: more accelerated parts than this are an error; -1 for any number.
        move_non_tensor_nodes_on_boundary: nodes at the end of a part whose value is no tensor go to the part that uses it.
    """

    def __init__(self, min_acc_module_size: int = 1, skip_fusion: bool = False, allow_non_tensor: bool = False, max_acc_splits: int = -1,
                 move_non_tensor_nodes_on_boundary: bool = False):
        self.min_acc_module_size = min_acc_module_size
        self.skip_fusion = skip_fusion
        self.allow_non_tensor = allow_non_tensor
        self.max_acc_splits = max_acc_splits
        self.move_non_tensor_nodes_on_boundary = move_non_tensor_nodes_on_boundary


class NodeEvent:
    """Something a splitter decided about a node, and the node because of which it did."""

    def __init__(self, source: Node, desc: str, dep: Node | None = None):
        self.source, self.desc, self.dep = source, desc, dep

    def to_str(self) -> str:
        """The event as a line."""
        return f"{self.desc}: {self.dep}" if self.dep is not None else self.desc


class NodeEventTracker:
    """Collects the decisions of a splitter.

    Args:
        tracker_mode: 0 collects nothing, 1 writes to files, 2 prints too.
        dump_prefix: where files are written.
    """

    def __init__(self, tracker_mode: int, dump_prefix: str):
        self.tracker_mode, self.dump_prefix = tracker_mode, dump_prefix
        self.events: list[NodeEvent] = []
        self.node_events: dict[str, list[int]] = defaultdict(list)
        self.writer: Callable[[str], object] = print

    def add(self, node: Node, desc: str, dep: Node | None = None):
        """Notes an event down."""
        if self.tracker_mode:
            self.node_events[node.name].append(len(self.events))
            self.events.append(NodeEvent(node, desc, dep))

    def print_node(self, node_name: str, recursive: bool = False, tab: str = "", writer: Callable[[str], object] | None = None):
        """Writes the events of a node; with `recursive` those of the nodes that caused them too."""
        for index in self.node_events.get(node_name, ()):
            event = self.events[index]
            (writer or self.writer)(tab + event.to_str())
            if recursive and event.dep is not None:
                self.print_node(event.dep.name, True, "| " + tab, writer)

    def to_dict(self) -> dict[str, list[str]]:
        """{name of a node: its events as text}."""
        return {name: [self.events[i].to_str() for i in indices] for name, indices in self.node_events.items()}

    def print_all(self, writer: Callable[[str], object] | None = None):
        """Writes the events of all nodes."""
        for name in self.node_events:
            (writer or self.writer)(f"Node: {name}:")
            self.print_node(name, tab="  ", writer=writer)

    def dump(self):
        """Writes all events to ``dump_prefix + "_node_events.txt"``."""
        if self.tracker_mode and self.dump_prefix:
            os.makedirs(os.path.dirname(self.dump_prefix) or ".", exist_ok=True)
            with open(self.dump_prefix + "_node_events.txt", "w") as file:
                self.print_all(lambda line: file.write(line + "\n"))


class FxNetSplitterInternalError(Exception):
    """A splitter made something that it should not."""


class FxNetAccNodesFinder:
    """Finds the nodes that the accelerator can run, without those that exchange other values than tensors with the host.

    Calling it returns the set.

    Args:
        module: the module, on which ShapeProp has run.
        operator_support: which nodes are supported.
        allow_non_tensor: other values may pass too.
    """

    def __init__(self, module: GraphModule, operator_support: OperatorSupportBase, allow_non_tensor: bool):
        self.module, self.operator_support, self.allow_non_tensor = module, operator_support, allow_non_tensor
        self.acc_nodes: set[Node] = set()
        self.tracker = NodeEventTracker(0, "")

    def reduce_acc_nodes_non_tensor_input_helper(self, cpu_worklist: list[Node]):
        """Gives the users of host nodes whose value is no tensor to the host."""
        while cpu_worklist:
            node = cpu_worklist.pop(0)
            for user in node.users:
                if user in self.acc_nodes:
                    self.acc_nodes.remove(user)
                    self.tracker.add(user, "uses a value of the host that is no tensor", node)
                    if not is_node_output_tensor(user):
                        cpu_worklist.append(user)

    def reduce_acc_nodes_non_tensor_input(self):
        """Gives nodes to the host whose inputs are host values that are no tensors."""
        self.reduce_acc_nodes_non_tensor_input_helper([
            node for node in self.module.graph.nodes
            if node.op in CALLABLE_NODE_OPS and node not in self.acc_nodes and not is_node_output_tensor(node)])

    def reduce_acc_nodes_non_tensor_output(self):
        """Gives nodes to the host whose value is no tensor and is used there."""
        while True:
            moved = [node for node in self.acc_nodes if not is_node_output_tensor(node) and any(user not in self.acc_nodes for user in node.users)]
            if not moved:
                return
            self.acc_nodes.difference_update(moved)
            for node in moved:
                self.tracker.add(node, "gives the host a value that is no tensor")
            self.reduce_acc_nodes_non_tensor_input_helper(moved)

    def __call__(self) -> set[Node]:
        submodules = dict(self.module.named_modules())
        self.acc_nodes = {node for node in self.module.graph.nodes
                          if node.op in CALLABLE_NODE_OPS and self.operator_support.is_node_supported(submodules, node)}
        if not self.allow_non_tensor:
            self.reduce_acc_nodes_non_tensor_input()
            self.reduce_acc_nodes_non_tensor_output()
        return self.acc_nodes


@dataclass
class Subgraph:
    """One part: whether it is accelerated, its nodes, its device."""

    is_acc: bool
    nodes: list[Node]
    device_ordinal: int | None = None


class SplitResult(NamedTuple):
    """A split module, example inputs of its submodules, and the prefix of those that run on the host."""

    split_module: GraphModule
    submodule_inputs: dict[str, Any]
    non_acc_submodule_prefix: str


def generate_inputs_for_submodules(model: torch.nn.Module, inputs: Sequence[Any], target_submodules: Iterable[str],
                                   deepcopy: bool = False) -> dict[str, Any]:
    """The inputs that submodules get when the model runs on `inputs`; `deepcopy` copies them before the submodule may change them."""
    found: dict[str, Any] = {}
    names = {module: name for name, module in model.named_modules()}

    def note(module, module_inputs):
        found[names[module]] = copy.deepcopy(module_inputs) if deepcopy else module_inputs

    handles = [module.register_forward_pre_hook(note) for name, module in model.named_modules() if name in target_submodules]
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


class _SplitterBase:
    """Splits a module into parts that the accelerator runs (`_run_on_acc_0`, ...) and parts that the host runs, as few as may be.

    Args:
        module: the module.
        sample_input: example inputs.
        operator_support: which nodes the accelerator can run.
        settings: see :class:`_SplitterSettingBase`.
        non_acc_submodule_name: the prefix of the host's parts.
        return_tuple: parts return a tuple of a single value too.
        nodes_finder: finds the accelerated nodes.
    """

    def __init__(self, module: GraphModule, sample_input: Sequence[Any], operator_support: OperatorSupportBase, settings: _SplitterSettingBase,
                 non_acc_submodule_name: str = "_run_on_cpu_", return_tuple: bool = False, nodes_finder: FxNetAccNodesFinder | None = None):
        self.module, self.sample_input, self.settings, self.operator_support = module, sample_input, settings, operator_support
        ShapeProp(module).propagate(*sample_input)
        finder = nodes_finder or FxNetAccNodesFinder(module, operator_support, settings.allow_non_tensor)
        self.acc_nodes = finder()
        self.fusions = {} if settings.skip_fusion else FxNetAccFusionsFinder(module, self.acc_nodes)()
        self.non_acc_submodule_name = non_acc_submodule_name
        self._return_tuple = return_tuple
        self._node_submodule_map: dict[str, str] = {}
        self.tags: list[str] = []

    def get_node_submodule_map(self) -> dict[str, str]:
        """{name of a node: the submodule it went to}."""
        return self._node_submodule_map

    def find_deps(self) -> dict[Node, set[Node]]:
        """The nodes that each node needs, with those that its group needs."""
        deps: dict[Node, set[Node]] = defaultdict(set)
        for node in self.module.graph.nodes:
            if node.op in CALLABLE_NODE_OPS:
                deps[node].update(used for used in node.all_input_nodes if used.op in CALLABLE_NODE_OPS)
        for node, group in self.fusions.items():
            for other in group:
                deps[node].update(deps[other] - group)
        return deps

    def put_nodes_into_subgraphs(self) -> list[Subgraph]:
        """The parts, in an order in which they can run: as long as possible on one side, then on the other."""
        deps = self.find_deps()
        waiting = [node for node in self.module.graph.nodes if node.op in CALLABLE_NODE_OPS]
        done: set[Node] = set()
        subgraphs: list[Subgraph] = []
        is_acc = bool(waiting) and waiting[0] in self.acc_nodes
        idle = 0
        while waiting:
            part: list[Node] = []
            progress = True
            while progress:
                ready = [node for node in waiting if (node in self.acc_nodes) is is_acc and self._is_ready(node, deps, done)]
                progress = bool(ready)
                for node in ready:
                    if node not in done:
                        members = [m for m in waiting if m in self.fusions.get(node, {node})]
                        part.extend(members)
                        done.update(members)
                waiting = [node for node in waiting if node not in done]
            idle = 0 if part else idle + 1
            if idle > 1:
                raise FxNetSplitterInternalError("Subgraph can't be empty")
            if part:
                order = {node: i for i, node in enumerate(self.module.graph.nodes)}
                subgraphs.append(Subgraph(is_acc, sorted(part, key=order.__getitem__)))
            is_acc = not is_acc
        return subgraphs

    def _is_ready(self, node: Node, deps: dict[Node, set[Node]], done: set[Node]) -> bool:
        group = self.fusions.get(node, {node})
        return all(deps[member] <= done | group for member in group)

    def remove_small_acc_subgraphs(self, subgraphs: list[Subgraph]) -> list[Subgraph]:
        """Gives accelerated parts below the least size to the host, and joins what stands beside each other then."""
        result: list[Subgraph] = []
        for part in subgraphs:
            is_acc = part.is_acc and len(part.nodes) >= self.settings.min_acc_module_size
            if result and not is_acc and not result[-1].is_acc:
                result[-1].nodes.extend(part.nodes)
            else:
                result.append(Subgraph(is_acc, list(part.nodes)))
        return result

    def tag(self, subgraphs: list[Subgraph]):
        """Sets the attribute `tag` of each node to the name of its part."""
        self.tags = []
        for i, part in enumerate(subgraphs):
            tag = f"_run_on_acc_{i}" if part.is_acc else f"{self.non_acc_submodule_name}{i}"
            self.tags.append(tag)
            for node in part.nodes:
                if hasattr(node, "tag"):
                    raise FxNetSplitterInternalError(f"Node {node} was already tagged")
                node.tag = tag
                self._node_submodule_map[node.name] = tag

    def split(self, remove_tag: bool = False) -> GraphModule:
        """The split module; `remove_tag` takes the tags off the nodes afterwards."""
        result = split_by_tags(self.module, self.tags, return_tuple=self._return_tuple)
        if remove_tag:
            for node in self.module.graph.nodes:
                if hasattr(node, "tag"):
                    del node.tag
        return result

    def __call__(self) -> GraphModule:
        subgraphs = self.remove_small_acc_subgraphs(self.put_nodes_into_subgraphs())
        if self.settings.move_non_tensor_nodes_on_boundary:
            move_non_tensor_nodes_on_boundary(subgraphs)
        count = sum(part.is_acc for part in subgraphs)
        if 0 <= self.settings.max_acc_splits < count:
            raise ValueError(f"Cannot fulfill max_acc_splits limit. This may cause split fragmentation and result in performance issues: {count} "
                             f"accelerated parts, at most {self.settings.max_acc_splits} allowed")
        self.tag(subgraphs)
        return self.split()

    def generate_split_results(self) -> SplitResult:
        """The split module with example inputs of its parts."""
        module = self()
        names = [name for name, _ in module.named_children()]
        return SplitResult(module, generate_inputs_for_submodules(module, self.sample_input, names), self.non_acc_submodule_name)

    def node_support_preview(self, dump_graph: bool = False) -> str:
        """Which targets are supported and which not, as text, also printed."""
        submodules = dict(self.module.named_modules())
        kinds: dict[bool, dict[str, None]] = {True: {}, False: {}}
        for node in self.module.graph.nodes:
            if node.op in CALLABLE_NODE_OPS:
                kinds[node in self.acc_nodes].setdefault(get_node_target(submodules, node))
        text = "".join(f"\n{title} node types in the model:\n" + "".join(f"{name}\n" for name in kinds[supported])
                       for title, supported in (("Supported", True), ("Unsupported", False)))
        print(text)
        return text

    def split_preview(self, dump_graph: bool = False) -> str:
        """The parts that splitting would make, as text, also printed."""
        subgraphs = self.remove_small_acc_subgraphs(self.put_nodes_into_subgraphs())
        acc = sum(part.is_acc for part in subgraphs)
        lines = [f"Before removing small acc subgraphs, total {len(subgraphs)} subgraphs are created: {acc} acc subgraphs and "
                 f"{len(subgraphs) - acc} cpu subgraphs."]
        lines += [f"{'_run_on_acc_' if part.is_acc else self.non_acc_submodule_name}{i}: {len(part.nodes)} nodes" for i, part in enumerate(subgraphs)]
        text = "\n".join(lines) + "\n"
        print(text)
        return text
