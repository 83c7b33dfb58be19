"""FxGraphDrawer: a graph as a drawing, by pydot."""

from __future__ import annotations

import zlib
from typing import Any

import torch

from .._codegen import _parse_stack_trace
from .._names import qualified_name, target_text
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, _format_arg
from .shape_prop import TensorMetadata

__all__ = ["FxGraphDrawer"]

_COLORS = {"placeholder": '"AliceBlue"', "call_module": '"LemonChiffon1"', "get_param": "Yellow2", "get_attr": "LightGrey", "output": "PowderBlue"}
_PALETTE = ["CadetBlue1", "Coral", "DarkOliveGreen1", "DarkSeaGreen1", "GhostWhite", "Khaki1", "LavenderBlush1", "LightSkyBlue", "MistyRose1",
            "MistyRose2", "PaleTurquoise2", "PeachPuff1", "Salmon", "Thistle1", "Thistle3", "Wheat1"]
_TEMPLATE = {"shape": "record", "fillcolor": "#CAFFE3", "style": '"filled,rounded"', "fontcolor": "#000000"}


class FxGraphDrawer:
    """Makes drawings of a module's graph and of the GraphModules in it. Needs the package pydot; raises RuntimeError without it.

    Args:
        graph_module: the module.
        name: the title.
        ignore_getattr: leave reads of attributes out.
        ignore_parameters_and_buffers: leave the parameters of submodules out.
        skip_node_names_in_args: show arguments that are nodes as blanks.
        parse_stack_trace: show where a node comes from.
        dot_graph_shape: the shape of nodes, "record" by default.
        normalize_args: show arguments by the names of their parameters.

    `get_dot_graph()` returns the pydot graph, ``get_dot_graph().write_svg("graph.svg")`` draws it.
    """

    def __init__(self, graph_module: GraphModule, name: str, ignore_getattr: bool = False, ignore_parameters_and_buffers: bool = False,
                 skip_node_names_in_args: bool = True, parse_stack_trace: bool = False, dot_graph_shape: str | None = None,
                 normalize_args: bool = False):
        self._name = name
        self.dot_graph_shape = dot_graph_shape or "record"
        self.normalize_args = normalize_args
        self.options = (ignore_getattr, ignore_parameters_and_buffers, skip_node_names_in_args, parse_stack_trace)
        self._dot_graphs = {name: self._to_dot(graph_module, name)}
        for node in graph_module.graph.nodes:
            if node.op == "call_module":
                leaf = graph_module.get_submodule(node.target)
                if isinstance(leaf, GraphModule):
                    self._dot_graphs[f"{name}_{node.target}"] = self._to_dot(leaf, f"{name}_{node.target}")

    def get_dot_graph(self, submod_name: str | None = None) -> Any:
        """The pydot graph of the module, or of a submodule by its title."""
        return self._dot_graphs[self._name if submod_name is None else submod_name]

    def get_main_dot_graph(self) -> Any:
        """The pydot graph of the module."""
        return self._dot_graphs[self._name]

    def get_submod_dot_graph(self, submod_name: str) -> Any:
        """The pydot graph of a submodule."""
        return self._dot_graphs[f"{self._name}_{submod_name}"]

    def get_all_dot_graphs(self) -> dict[str, Any]:
        """All pydot graphs by their titles."""
        return self._dot_graphs

    def _style(self, node: Node) -> dict[str, str]:
        template = {**_TEMPLATE, "shape": self.dot_graph_shape}
        if node.op in _COLORS:
            template["fillcolor"] = _COLORS[node.op]
        else:
            template["fillcolor"] = _PALETTE[zlib.crc32(target_text(node.target).encode()) % len(_PALETTE)]
        return template

    def _label(self, module: torch.nn.Module, node: Node) -> str:
        ignore_getattr, ignore_parameters, skip_names, parse_stack = self.options
        lines = [f"name=%{node.name}", f"op_code={node.op}"]
        if node.op == "call_module":
            leaf = module.get_submodule(node.target)
            lines.append(rf"{leaf._get_name()}")
            lines += [f"{name}: {getattr(leaf, name)}" for name in getattr(leaf, "__constants__", ()) if hasattr(leaf, name)]
        else:
            target = node.target if isinstance(node.target, str) else qualified_name(node.target)
            lines.append(f"target={target}")
            args, kwargs = node.args, node.kwargs
            if self.normalize_args:
                normalized = node.normalized_arguments(module, normalize_to_only_use_kwargs=True) if node.op == "call_function" else None
                if normalized is not None:
                    args, kwargs = normalized
            shown = (lambda a: "" if isinstance(a, Node) and skip_names else _format_arg(a))  # noqa: E731
            if args:
                lines.append(f"args=({', '.join(map(shown, args))},)")
            if kwargs:
                lines.append("kwargs={" + ", ".join(f"{key}: {shown(value)}" for key, value in kwargs.items()) + ",}")
            lines.append(f"num_users={len(node.users)}")
        meta = node.meta.get("tensor_meta")
        for value in meta if isinstance(meta, (list, tuple)) and not isinstance(meta, TensorMetadata) else (meta,):
            if isinstance(value, TensorMetadata):
                lines += [f"dtype={value.dtype}", f"shape={tuple(value.shape)}", f"requires_grad={value.requires_grad}", f"stride={value.stride}"]
        frame = _parse_stack_trace(node.stack_trace) if parse_stack else None
        if frame:
            lines.append(f"file={frame.file}:{frame.line} {frame.code}")
        escaped = [line.replace("{", r"\{").replace("}", r"\}").replace("<", r"\<").replace(">", r"\>") for line in lines]
        return "{" + "|".join(escaped) + r"\n}"

    def _to_dot(self, gm: GraphModule, name: str) -> Any:
        try:
            import pydot
        except ImportError as error:
            raise RuntimeError("FXGraphDrawer requires the pydot package to be installed. Please install pydot through your favorite Python "
                               "package manager.") from error
        ignore_getattr, ignore_parameters = self.options[:2]
        graph: Graph = gm.graph
        dot = pydot.Dot(name, rankdir="TB")
        shown = [node for node in graph.nodes if not (ignore_getattr and node.op == "get_attr")]
        for node in shown:
            dot.add_node(pydot.Node(node.name, label=self._label(gm, node), **self._style(node)))
            if node.op == "call_module" and not ignore_parameters:
                leaf = gm.get_submodule(node.target)
                if not isinstance(leaf, GraphModule):
                    for kind, values in (("parameter", leaf.named_parameters()), ("buffer", leaf.named_buffers())):
                        for path, value in values:
                            label = "{" + f"name={node.name}.{path}|op_code=get_{kind}|dtype={value.dtype}|shape={tuple(value.shape)}" + r"\n}"
                            dot.add_node(pydot.Node(f"{node.name}.{path}", label=label, **{**_TEMPLATE, "fillcolor": _COLORS["get_param"]}))
                            dot.add_edge(pydot.Edge(f"{node.name}.{path}", node.name))
        for node in shown:
            for user in node.users:
                dot.add_edge(pydot.Edge(node.name, user.name))
        return dot
