"""Interpreter: runs a graph node by node. Transformer: makes a new graph while it does."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Iterator

import torch

from . import traceback as fx_traceback
from ._symbolic_trace import Tracer
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, map_aggregate, map_arg
from .proxy import Proxy, Scope

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs the nodes of a module's graph in order. Override the method of a kind of node to change what it does.

    Args:
        module: the module; its `graph` is run.
        garbage_collect_values: let values go after their last use.
        graph: run this graph instead.

    >>> class NegSigmoid(torch.fx.Interpreter):
    ...     def call_function(self, target, args, kwargs):
    ...         return super().call_function(torch.neg if target is torch.sigmoid else target, args, kwargs)
    >>> gm = torch.fx.symbolic_trace(lambda x: torch.sigmoid(x) + 1)
    >>> NegSigmoid(gm).run(torch.ones(1))
    tensor([0.])
    """

    def __init__(self, module: torch.nn.Module, garbage_collect_values: bool = True, graph: Graph | None = None):
        self.module = module
        self.submodules = dict(module.named_modules())
        self.graph = module.graph if graph is None else graph
        self.env: dict[Node, Any] = {}
        self.name = "Interpreter"
        self.garbage_collect_values = garbage_collect_values
        self.extra_traceback = True
        self.args_iter: Iterator[Any] = iter(())
        if garbage_collect_values:
            self.user_to_last_uses: dict[Node, list[Node]] = {}
            seen: set[Node] = set()
            for node in reversed(self.graph.nodes):
                for used in node.all_input_nodes:
                    if used not in seen:
                        seen.add(used)
                        self.user_to_last_uses.setdefault(node, []).append(used)

    def run(self, *args, initial_env: dict[Node, Any] | None = None, enable_io_processing: bool = True) -> Any:
        """The result of the graph.

        Args:
            args: the inputs.
            initial_env: values of nodes, which are then not run.
            enable_io_processing: flatten inputs and rebuild the output, where the graph was traced with nests.
        """
        self.env = dict(initial_env) if initial_env is not None else {}
        if enable_io_processing:
            args = self.graph.process_inputs(*args)
        self.args_iter = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                self.env[node] = self.run_node(node)
            except Exception as error:
                if self.extra_traceback:
                    _explain(error, node)
                raise
            if node.op == "output":
                result = self.env[node]
                return self.graph.process_outputs(result) if enable_io_processing else result
            if self.garbage_collect_values:
                for used in self.user_to_last_uses.get(node, ()):
                    self.env.pop(used, None)
        return None

    def boxed_run(self, args_list: list[Any]) -> Any:
        """:meth:`run` with the inputs in a list, which is emptied so that they can be let go early."""
        inputs = iter(list(args_list))
        args_list.clear()
        env = {node: next(inputs) for node in self.graph.nodes if node.op == "placeholder"}
        return self.run(initial_env=env)

    def run_node(self, n: Node) -> Any:
        """The value of one node: its arguments are looked up and the method named as its `op` is called."""
        with fx_traceback.set_current_meta(n, f"Interpreter_{type(self).__name__}"):
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The next input, or the default of the parameter. Raises RuntimeError when it has none."""
        if target.startswith("*"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(f"Expected positional argument for parameter {target}, but one was not passed in!") from None

    def get_attr(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The attribute of the module at a path."""
        return self.fetch_attr(target)

    def call_function(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a function."""
        return target(*args, **kwargs)

    def call_method(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a method of ``args[0]``."""
        receiver, *rest = args
        return getattr(receiver, target)(*rest, **kwargs)

    def call_module(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of the submodule at a path."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of the whole."""
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """The attribute at a path. Raises RuntimeError when there is none."""
        value: Any = self.module
        parts = target.split(".")
        for i, part in enumerate(parts):
            if not hasattr(value, part):
                raise RuntimeError(f"Node referenced nonexistent target {'.'.join(parts[:i + 1])}")
            value = getattr(value, part)
        return value

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple, dict]:
        """The values of a node's arguments."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Any, n: Node) -> Any:
        """The nest with values in place of nodes. Raises RuntimeError for a node that has not run."""
        env = self.env

        def value(node):
            if node not in env:
                raise RuntimeError(f"Node {n} referenced nonexistent value {node}! Run Graph.lint() to diagnose such issues")
            return env[node]

        return map_arg(args, value)


def _explain(error: Exception, node: Node):
    """Adds to the message which node it was."""
    text = f"While executing {node.format_node()}"
    if node.stack_trace:
        text += f"\nOriginal traceback:\n{node.stack_trace}"
    message = f"{error.args[0]}\n\n{text}" if error.args else text
    if isinstance(error, KeyError):
        message = text if not error.args else f"{error.args[0]!r}\n\n{text}"
    error.args = (message, *error.args[1:])


class Transformer(Interpreter):
    """An interpreter whose methods get proxies, so that running it makes a new graph.

    >>> class Negate(torch.fx.Transformer):
    ...     def call_function(self, target, args, kwargs):
    ...         return super().call_function(torch.neg if target is torch.sigmoid else target, args, kwargs)
    >>> gm = torch.fx.symbolic_trace(lambda x: torch.sigmoid(x))
    >>> Negate(gm).transform()(torch.ones(1))
    tensor([-1.])
    """

    def __init__(self, module: GraphModule):
        super().__init__(module)
        self.new_graph = Graph()
        self.new_graph.set_codegen(module.graph._codegen)
        self.tracer = _TransformerTracer(self.new_graph)
        self.tracer.root = module

    def placeholder(self, target, args, kwargs) -> Proxy:
        """A new input."""
        return Proxy(self.new_graph.placeholder(target, default_value=args[0] if args else ...), self.tracer)

    def get_attr(self, target, args, kwargs) -> Proxy:
        """A new read of an attribute."""
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target, args, kwargs) -> Any:
        """A new call of a module."""
        return self.tracer.call_module(self.fetch_attr(target), self.fetch_attr(target).forward, args, kwargs)

    def call_function(self, target, args, kwargs) -> Any:
        """A new call of a function."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The module of the new graph."""
        with fx_traceback.preserve_node_meta():
            result = super().run(enable_io_processing=False)
        if result is not None:
            def node_of(value):
                return value.node if isinstance(value, Proxy) else value

            old = self.graph.output_node()
            new = self.new_graph.output(map_aggregate(result, node_of))
            new.meta.update(old.meta)
        return GraphModule(self.module, self.new_graph)


class _TransformerTracer(Tracer):
    """Adds to a graph; modules stay calls."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        self.scope = Scope("", None)
        self.module_stack = OrderedDict()
        self._tensor_attributes: dict[int, str] = {}

    def is_leaf_module(self, m, module_qualified_name):
        return True
