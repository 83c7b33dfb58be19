"""GraphTransformObserver: notes what a pass does to a graph."""

from __future__ import annotations

import os
from typing import Any, Callable

from .. import traceback as fx_traceback
from ..graph_module import GraphModule
from ..node import Node

__all__ = ["GraphTransformObserver"]


class GraphTransformObserver:
    """While a ``with`` block runs, collects the names of nodes that are created and erased, and notes in `meta["from_node"]` which node a new
    one replaced. With `log_url` drawings of the graph before and after are written there.

    Args:
        gm: the module that the pass changes.
        passname: the pass.
        subsystem: whose pass it is.
        log_url: a folder.
    """

    _pass_count = 0

    def __init__(self, gm: GraphModule, passname: str, subsystem: str | None = None, log_url: str | None = None):
        self.gm, self.passname, self.subsystem, self.log_url = gm, passname, subsystem, log_url
        self.erased_nodes: set[str] = set()
        self.created_nodes: set[str] = set()
        self.name_to_node: dict[str, Node] = {}
        self.copied_gms: list[GraphModule] = []
        self._creation, self._erasure = self.get_node_creation_hook(), self.get_node_erase_hook()
        self._replacement, self._copying = self.get_node_replace_hook(), self.get_deepcopy_hook()
        GraphTransformObserver._pass_count += 1
        self._before = str(gm.graph) if log_url else ""

    @classmethod
    def get_current_pass_count(cls) -> int:
        """How many passes were observed."""
        return cls._pass_count

    def apply_gm_pass(self, pass_fn: Callable[[GraphModule], Any]) -> Any:
        """The result of a pass over the module, observed."""
        with self:
            return pass_fn(self.gm)

    def apply_graph_pass(self, pass_fn: Callable[[Any], Any]) -> Any:
        """The result of a pass over the graph, observed."""
        with self:
            return pass_fn(self.gm.graph)

    def _hooks(self):
        return ((self.gm._create_node_hooks, self._creation), (self.gm._erase_node_hooks, self._erasure),
                (self.gm._replace_hooks, self._replacement), (self.gm._deepcopy_hooks, self._copying))

    def __enter__(self):
        self.name_to_node = {node.name: node for node in self.gm.graph.nodes}
        for hooks, hook in self._hooks():
            hooks.append(hook)
        return self

    def __exit__(self, *details):
        for module in (self.gm, *self.copied_gms):
            for hooks, hook in ((module._create_node_hooks, self._creation), (module._erase_node_hooks, self._erasure),
                                (module._replace_hooks, self._replacement), (module._deepcopy_hooks, self._copying)):
                if hook in hooks:
                    hooks.remove(hook)
        if self.log_url and (self.created_nodes or self.erased_nodes):
            stem = os.path.join(self.log_url, f"pass_{self.get_current_pass_count()}_{self.passname}")
            for suffix, text in (("input", self._before), ("output", str(self.gm.graph))):
                with open(f"{stem}_{suffix}_graph.txt", "w") as file:
                    file.write(text + "\n")

    def get_node_creation_hook(self) -> Callable[[Node], None]:
        """The function that is told of new nodes."""
        def created(node):
            self.created_nodes.add(node.name)
            self.name_to_node[node.name] = node
            node.meta.setdefault("from_node", [fx_traceback.NodeSource(None, self.passname, fx_traceback.NodeSourceAction.CREATE)])

        return created

    def get_node_erase_hook(self) -> Callable[[Node], None]:
        """The function that is told of erased nodes."""
        def erased(node):
            self.erased_nodes.add(node.name)
            self.name_to_node.pop(node.name, None)

        return erased

    def get_node_replace_hook(self) -> Callable[[Node, str, Node], None]:
        """The function that is told of replaced nodes."""
        def replaced(old, new, user):
            node = self.name_to_node.get(new)
            if node is not None and node is not old:
                action = [fx_traceback.NodeSourceAction.REPLACE]
                if node.name in self.created_nodes:
                    action.append(fx_traceback.NodeSourceAction.CREATE)
                source = fx_traceback.NodeSource(old, self.passname, action)
                known = [s for s in node.meta.get("from_node", []) if s.name and s != source]
                node.meta["from_node"] = [*known, source]

        return replaced

    def get_deepcopy_hook(self) -> Callable[[GraphModule], None]:
        """The function that is told of copies of the module."""
        return self.copied_gms.append
