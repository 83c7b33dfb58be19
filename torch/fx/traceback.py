"""Where nodes come from: what passes hand on from old nodes to new ones, and the current place in the program."""

from __future__ import annotations

import contextlib
import copy
import enum
import functools
import json
import traceback
from typing import Any, Callable

__all__ = ["annotate", "annotate_fn", "preserve_node_meta", "has_preserved_node_meta", "set_stack_trace", "set_grad_fn_seq_nr",
           "reset_grad_fn_seq_nr", "format_stack", "set_current_meta", "get_current_meta", "NodeSource", "NodeSourceAction",
           "get_graph_provenance_json", "set_current_replay_node", "get_current_replay_node"]

_current_meta: dict[str, Any] = {}
_current_replay_node: Any = None
_preserve = False

_HANDED_ON = ("nn_module_stack", "torch_fn", "source_fn_stack", "original_aten", "recompute", "ac_graph_id", "has_backward_hook", "from_node",
              "quantization_tag", "custom", "partitioner_tag", "stack_trace", "seq_nr")


class NodeSourceAction(enum.Enum):
    """What a pass did to make a node from another."""

    CREATE = "create"
    REPLACE = "replace"


class NodeSource:
    """The node from which a node was made: its name, target and graph, the pass and its action, and that node's own sources.

    Args:
        node: the older node, or None.
        pass_name: who made the new one.
        action: a :class:`NodeSourceAction` or a list of them.
    """

    class NodeInfo:
        """Name, target and graph of a node."""

        def __init__(self, name: str, target: str, graph_id: int):
            self.name, self.target, self.graph_id = name, target, graph_id

    def __init__(self, node: Any, pass_name: str = "", action: Any = None):
        self.pass_name = pass_name
        self.action = [] if action is None else list(action) if isinstance(action, (list, tuple)) else [action]
        if not all(isinstance(a, NodeSourceAction) for a in self.action):
            raise AssertionError(f"expected a NodeSourceAction, got {action}")
        self.node_info = None
        self.from_node: list[NodeSource] = []
        if node is not None:
            self.node_info = self.NodeInfo(node.name, str(node.target), id(node.graph))
            self.from_node = copy.deepcopy(node.meta.get("from_node", []))

    @property
    def name(self) -> str:
        """The older node's name."""
        return self.node_info.name if self.node_info else ""

    @property
    def target(self) -> str:
        """The older node's target as text."""
        return self.node_info.target if self.node_info else ""

    @property
    def graph_id(self) -> int:
        """The identity of the older node's graph."""
        return self.node_info.graph_id if self.node_info else -1

    def _action_string(self):
        return "+".join(action.name.lower() for action in self.action)

    def print_readable(self, indent: int = 0) -> str:
        """The chain of sources as indented lines."""
        line = f"{'    ' * indent}(name={self.name}, pass_name={self.pass_name}, action={self._action_string()}, graph_id={self.graph_id})\n"
        return line + "".join(source.print_readable(indent + 1) for source in self.from_node)

    def to_dict(self) -> dict[str, Any]:
        """The chain of sources as nested dictionaries."""
        return {"name": self.name, "target": self.target, "graph_id": self.graph_id, "pass_name": self.pass_name,
                "action": self._action_string(), "from_node": [source.to_dict() for source in self.from_node]}

    @classmethod
    def _from_dict(cls, fields: dict[str, Any]) -> NodeSource:
        made = cls(None, fields.get("pass_name", ""), [NodeSourceAction[a.upper()] for a in fields.get("action", "").split("+") if a])
        if fields.get("name"):
            made.node_info = cls.NodeInfo(fields["name"], fields.get("target", ""), fields.get("graph_id", -1))
        made.from_node = [cls._from_dict(source) for source in fields.get("from_node", [])]
        return made

    def __repr__(self):
        return self.print_readable()

    def __eq__(self, other):
        return isinstance(other, NodeSource) and self.to_dict() == other.to_dict()

    def __hash__(self):
        return hash(json.dumps(self.to_dict()))


@contextlib.contextmanager
def preserve_node_meta(enable: bool = True):
    """Inside, nodes that are made take over what :func:`get_current_meta` holds."""
    global _preserve, _current_meta
    before, meta = _preserve, _current_meta
    _preserve, _current_meta = enable, copy.copy(meta)
    try:
        yield
    finally:
        _preserve, _current_meta = before, meta


def has_preserved_node_meta() -> bool:
    """Are we inside of :func:`preserve_node_meta`?"""
    return _preserve


def preserved_meta() -> dict[str, Any]:
    """What a node that is made now takes over."""
    return {key: copy.copy(_current_meta[key]) for key in _HANDED_ON if key in _current_meta}


def set_stack_trace(stack: list[str]):
    """Notes down the current stack, one string for each frame."""
    if _preserve and stack:
        _current_meta["stack_trace"] = "".join(stack)


@contextlib.contextmanager
def annotate(annotation_dict: dict):
    """Inside, nodes get these entries in ``meta["custom"]``, added to those of annotations further out."""
    before = _current_meta.get("custom")
    _current_meta["custom"] = {**(before or {}), **annotation_dict}
    try:
        yield
    finally:
        if before is None:
            _current_meta.pop("custom", None)
        else:
            _current_meta["custom"] = before


def annotate_fn(annotation_dict: dict) -> Callable:
    """Decorator: the function runs inside of :func:`annotate`."""
    def decorate(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with annotate(annotation_dict):
                return function(*args, **kwargs)

        return wrapped

    return decorate


def set_grad_fn_seq_nr(seq_nr: int):
    """The operators that follow are the derivative of the operator with this sequence number."""
    if _preserve:
        _current_meta["grad_fn_seq_nr"] = [*_current_meta.get("grad_fn_seq_nr", []), seq_nr]
        _current_meta["in_grad_fn"] = _current_meta.get("in_grad_fn", 0) + 1


def reset_grad_fn_seq_nr():
    """Ends what :func:`set_grad_fn_seq_nr` began."""
    if _preserve and (depth := _current_meta.get("in_grad_fn", 0)):
        if depth == 1:
            del _current_meta["in_grad_fn"], _current_meta["grad_fn_seq_nr"]
        else:
            _current_meta["in_grad_fn"] = depth - 1
            _current_meta["grad_fn_seq_nr"] = _current_meta["grad_fn_seq_nr"][:-1]


def format_stack() -> list[str]:
    """The stack as a list of strings: the one that was set, or that of the caller."""
    if _preserve:
        return [_current_meta.get("stack_trace", "")]
    return traceback.format_list(traceback.extract_stack()[:-1])


@contextlib.contextmanager
def set_current_meta(node, pass_name: str = ""):
    """Inside of :func:`preserve_node_meta`: nodes that are made in the block come from `node`."""
    global _current_meta
    if not (_preserve and node.meta):
        yield
        return
    before = _current_meta
    _current_meta = {**node.meta, "from_node": [NodeSource(node, pass_name, NodeSourceAction.CREATE)]}
    try:
        yield
    finally:
        _current_meta = before


def get_current_meta() -> dict[str, Any]:
    """What nodes that are made now take over."""
    return _current_meta


@contextlib.contextmanager
def set_current_replay_node(node):
    """`node` is the node that an interpreter is running."""
    global _current_replay_node
    before, _current_replay_node = _current_replay_node, node
    try:
        yield
    finally:
        _current_replay_node = before


def get_current_replay_node():
    """The node that an interpreter is running."""
    return _current_replay_node


def get_graph_provenance_json(graph) -> dict[str, Any]:
    """For each node's name the chain of nodes it was made from, as dictionaries."""
    return {node.name: [source.to_dict() for source in node.meta["from_node"]] for node in graph.nodes if node.meta.get("from_node")}
