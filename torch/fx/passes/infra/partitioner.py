"""The largest sets of supported nodes that can each become one call."""

from __future__ import annotations

from typing import Iterable, Sequence

from ...graph_module import GraphModule
from ...node import Node
from ..operator_support import OperatorSupportBase
from ..tools_common import get_node_target
from ..utils.fuser_utils import fuse_by_partitions

__all__ = ["Partition", "CapabilityBasedPartitioner"]


class Partition:
    """A set of nodes that will be one call."""

    def __init__(self, id: int | None = None, nodes: Iterable[Node] | None = None, node_orders: Iterable[int] | None = None):
        self.id = id
        nodes = list(nodes or ())
        self.nodes: dict[Node, int | None] = dict(zip(nodes, node_orders)) if node_orders is not None else dict.fromkeys(nodes)

    def __repr__(self):
        return str(self.nodes)

    def add_node(self, node: Node, node_order: int | None = None):
        """Takes a node in."""
        self.nodes[node] = node_order

    def remove_node(self, node: Node):
        """Lets a node go."""
        del self.nodes[node]

    def size(self) -> int:
        """Number of nodes."""
        return len(self.nodes)


class CapabilityBasedPartitioner:
    """Finds sets of supported nodes, as large as may be without a value leaving one and coming back.

    Args:
        graph_module: the module.
        operator_support: which nodes are supported.
        allows_single_node_partition: also sets of one node.
        non_compute_ops: names of targets that do not count as work.
        allowed_single_node_partition_ops: names of targets that may stand alone.
        skip_horizontal_fusion: join only nodes that use each other.
    """

    def __init__(self, graph_module: GraphModule, operator_support: OperatorSupportBase, allows_single_node_partition: bool = False,
                 non_compute_ops: Sequence[str] | None = None, allowed_single_node_partition_ops: Sequence[str] | None = None,
                 skip_horizontal_fusion: bool = False):
        self.graph_module = graph_module
        self.operator_support = operator_support
        self.allows_single_node_partition = allows_single_node_partition
        self.non_compute_ops = non_compute_ops or []
        self.allowed_single_node_partition_ops = allowed_single_node_partition_ops or []
        self.skip_horizontal_fusion = skip_horizontal_fusion
        self.submodules = dict(graph_module.named_modules())

    def _is_supported(self, node: Node) -> bool:
        return self.operator_support.is_node_supported(self.submodules, node)

    def propose_partitions(self) -> list[Partition]:
        """The sets, the last in the graph first."""
        nodes = list(self.graph_module.graph.nodes)
        reach = {}                      # all nodes that use a node, directly or not
        for node in reversed(nodes):
            reach[node] = set(node.users).union(*(reach[user] for user in node.users))
        partitions: dict[int, Partition] = {}
        number_of: dict[Node, int] = {}

        def can_join(a: set[Node], b: set[Node]) -> bool:
            """Does no path lead from the union outside and back?"""
            union = a | b
            outside = {user for node in union for user in node.users} - union
            return not any(reach[node] & union for node in outside)

        for number, node in enumerate(reversed(nodes)):
            if node.op in ("placeholder", "output", "get_attr") or not self._is_supported(node):
                continue
            partitions[number] = Partition(number, [node], [number])
            number_of[node] = number
            near = dict.fromkeys(number_of[user] for user in node.users if user in number_of)
            if not self.skip_horizontal_fusion:
                near.update(dict.fromkeys(partitions))
            for other in near:
                if other == number or other not in partitions:
                    continue
                own, theirs = partitions[number], partitions[other]
                if can_join(set(own.nodes), set(theirs.nodes)):
                    theirs.nodes.update(own.nodes)
                    for moved in own.nodes:
                        number_of[moved] = other
                    del partitions[number]
                    number = other
        self._move_getitems(partitions, number_of)
        kept = [p for p in partitions.values() if p.size()]
        if not self.allows_single_node_partition:
            kept = [p for p in kept if self._is_work(p)]
        return kept

    def _move_getitems(self, partitions, number_of):
        """The parts of a tuple stay with the node that makes it."""
        for node in self.graph_module.graph.nodes:
            if node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem" and node in number_of:
                source = number_of.get(node.args[0])
                if isinstance(node.args[0], Node) and node.args[0].meta.get("type") is tuple and source != number_of[node]:
                    partitions[number_of.pop(node)].remove_node(node)
                    if source is not None:
                        partitions[source].add_node(node)
                        number_of[node] = source

    def _is_work(self, partition: Partition) -> bool:
        names = [get_node_target(self.submodules, n) for n in partition.nodes if n.op in ("call_function", "call_module", "call_method")]
        work = [name for name in names if name not in self.non_compute_ops and name != "_operator.getitem"]
        return len(work) > 1 or any(name in self.allowed_single_node_partition_ops for name in work)

    def fuse_partitions(self, partitions: list[Partition], prefix: str = "fused_") -> GraphModule:
        """Replaces each set by a call of a submodule, in place."""
        return fuse_by_partitions(self.graph_module, [partition.nodes for partition in partitions], prefix=prefix)

    def remove_bookend_non_compute_ops(self, partitions: list[Partition]) -> None:
        """Takes nodes that are no work out of the sets where they are the first or the last."""
        def is_idle(node):
            return node.op == "call_function" and get_node_target(self.submodules, node) in self.non_compute_ops

        for partition in partitions:
            changed = True
            while changed:
                changed = False
                for node in list(partition.nodes):
                    first = not any(used in partition.nodes for used in node.all_input_nodes)
                    last = not any(user in partition.nodes for user in node.users)
                    if is_idle(node) and (first or last):
                        partition.remove_node(node)
                        changed = True

    def partition_and_fuse(self, prefix: str = "fused_") -> GraphModule:
        """:meth:`propose_partitions` and :meth:`fuse_partitions`."""
        return self.fuse_partitions(self.propose_partitions(), prefix=prefix)
