"""Graph: a program as a list of nodes."""

from __future__ import annotations

import contextlib
import copy
import warnings
from typing import Any, Callable, Iterable, Iterator

import torch

from ._codegen import (  # noqa: F401
    CodeGen,
    PythonCode,
    Style,
    _parse_stack_trace,
    _PyTreeCodeGen,
    _PyTreeInfo,
    inplace_methods,
    magic_methods,
    reflectable_magic_methods,
    target_name,
)
from ._names import Namespace as _Namespace
from ._names import _register_custom_builtin  # noqa: F401
from .node import Node, _legal_ops, map_aggregate, map_arg

__all__ = ["PythonCode", "CodeGen", "Graph"]

class _NodeList:
    """The nodes of a graph in order. Nodes may be erased and inserted while one iterates."""

    def __init__(self, graph: Graph, backwards: bool = False):
        self.graph, self.backwards = graph, backwards

    def __len__(self):
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        node = root._prev if self.backwards else root._next
        while node is not root:
            if not node._erased:
                yield node
            node = node._prev if self.backwards else node._next

    def __reversed__(self):
        return _NodeList(self.graph, not self.backwards)


class _InsertPoint:
    """Where new nodes go; as a context manager it restores the place that was set before."""

    def __init__(self, graph: Graph, anchor: Node):
        self.graph, self.before = graph, graph._anchor
        graph._anchor = anchor

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.graph._anchor = self.before


class Graph:
    """A program: nodes in the order in which they run.

    >>> graph = torch.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(torch.relu, (x,))
    >>> _ = graph.output(y)
    >>> torch.fx.GraphModule(torch.nn.Module(), graph)(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, owning_module: Any = None, tracer_cls: type | None = None, tracer_extras: dict[str, Any] | None = None):
        self._root = Node(self, "", "root", "", (), {})
        self._anchor = self._root          # new nodes go before it
        self._len = 0
        self._graph_namespace = _Namespace()
        self._owning_module = owning_module
        self._owners = 0 if owning_module is None else 1
        self._tracer_cls = tracer_cls
        self._tracer_extras = tracer_extras
        self._codegen = CodeGen()
        self._origin = ""                  # " from FILE:LINE in FUNCTION" of the traced function

    # ---- nodes ----

    @property
    def nodes(self) -> _NodeList:
        """The nodes in order: to iterate over, forwards or by `reversed`, and to count."""
        return _NodeList(self)

    @property
    def owning_module(self):
        """The GraphModule this graph belongs to, if there is exactly one."""
        return self._owning_module

    @owning_module.setter
    def owning_module(self, module):
        if module is not None:
            self._owners += 1
        self._owning_module = module if self._owners <= 1 else None

    def output_node(self) -> Node:
        """The output node. Raises AssertionError when there is none."""
        node = self._root._prev
        if node.op == "output":
            return node
        found = self.find_nodes(op="output")
        if not found:
            raise AssertionError("the graph has no output node")
        return found[-1]

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes of kind `op`, and of this target when one is given, in order."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def _renumber(self):
        node, place = self._root._next, 0.0
        while node is not self._root:
            place += 1.0
            node._place = place
            node = node._next
        self._root._place = 0.0

    # ---- making nodes ----

    def create_node(self, op: str, target: Any, args: tuple | None = None, kwargs: dict[str, Any] | None = None, name: str | None = None,
                    type_expr: Any = None) -> Node:
        """Adds a node at the insert point and returns it.

        Args:
            op: "call_function", "call_method", "get_attr", "call_module", "placeholder" or "output".
            target: what is called, read or named; see :class:`Node`.
            args, kwargs: its arguments.
            name: a wish for its name; made unique.
            type_expr: the type of its result.
        """
        if op not in _legal_ops:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        args = () if args is None else args
        kwargs = {} if kwargs is None else kwargs
        if not isinstance(args, tuple):
            raise AssertionError(f"args must be a tuple, got {type(args)}")
        if not isinstance(kwargs, dict):
            raise AssertionError(f"kwargs must be a dict, got {type(kwargs)}")
        name = self._graph_namespace.create_name(target_name(target) if name is None else name, None)
        node = Node(self, name, op, target, args, kwargs, type_expr)
        owner = self._owning_module
        if owner is not None:
            for hook in getattr(owner, "_create_node_hooks", ()):
                hook(node)
        self._graph_namespace.associate_name_with_obj(name, node)
        self._anchor._link_before(node)
        self._len += 1
        return node

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """Adds an input; without `default_value` it must be given."""
        import inspect

        missing = default_value is ... or default_value is inspect.Signature.empty
        return self.create_node("placeholder", name, () if missing else (default_value,), type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """Adds a read of a parameter, buffer or attribute by its path from the root module; warns when the owner has none."""
        if self._owning_module is not None and not _has_attr(self._owning_module, qualified_name):
            warnings.warn("Attempted to insert a get_attr Node with no underlying reference in the owning GraphModule! Call "
                          "GraphModule.add_submodule to add the necessary submodule, GraphModule.add_parameter to add the necessary "
                          "Parameter, or nn.Module.register_buffer to add the necessary buffer", stacklevel=2)
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name: str, args: tuple | None = None, kwargs: dict[str, Any] | None = None, type_expr: Any = None) -> Node:
        """Adds a call of the submodule at this path; warns when the owner has none."""
        if self._owning_module is not None and not _has_attr(self._owning_module, module_name):
            warnings.warn("Attempted to insert a call_module Node with no underlying reference in the owning GraphModule! Call "
                          "GraphModule.add_submodule to add the necessary submodule", stacklevel=2)
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name: str, args: tuple | None = None, kwargs: dict[str, Any] | None = None, type_expr: Any = None) -> Node:
        """Adds a call of a method of ``args[0]``."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function: Callable, args: tuple | None = None, kwargs: dict[str, Any] | None = None, type_expr: Any = None,
                      name: str | None = None) -> Node:
        """Adds a call of a Python function, of torch or any other."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """Adds the output: a node or a nest of nodes and constants."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def create_size_node(self, tensor_node: Node, dim: int) -> Node:
        """Adds the size of a tensor in one dimension as an operator."""
        return self.call_function(torch.ops.aten.sym_size.int, (tensor_node, dim))

    def create_stride_node(self, tensor_node: Node, dim: int) -> Node:
        """Adds the stride of a tensor in one dimension as an operator."""
        return self.call_function(torch.ops.aten.sym_stride.int, (tensor_node, dim))

    def create_storage_offset_node(self, tensor_node: Node) -> Node:
        """Adds the storage offset of a tensor as an operator."""
        return self.call_function(torch.ops.aten.sym_storage_offset.default, (tensor_node,))

    def materialize_symint(self, value: Any) -> Any:
        """An integer as it is; a symbolic integer as the node whose `meta["val"]` is the same symbol.

        Raises ValueError for a symbol that no node of the graph computes.
        """
        if isinstance(value, (int, Node)):
            return value
        wanted = str(value.node.expr)
        for node in self.nodes:
            found = node.meta.get("val")
            if hasattr(found, "node") and str(getattr(found.node, "expr", None)) == wanted:
                return node
            for dim, size in enumerate(found.shape if isinstance(found, torch.Tensor) else ()):
                if hasattr(size, "node") and str(size.node.expr) == wanted:
                    with self.inserting_after(node):
                        return self.create_size_node(node, dim)
        raise ValueError(f"no node of the graph computes {value}")

    def materialize_symints(self, values: Iterable[Any]) -> list[Any]:
        """:meth:`materialize_symint` of each."""
        return [self.materialize_symint(value) for value in values]

    # ---- copying ----

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """Adds a copy of a node, which may be another graph's, its arguments mapped by `arg_transform`."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = copy.copy(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Adds copies of all nodes of `g` except its output; returns the value of the output among the copies.

        Args:
            g: the graph to copy.
            val_map: what stands for nodes of `g` that are not to be copied; is filled with the copies.
            return_output_node: return (value, the output node of `g`).
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo=None) -> Graph:
        memo = {} if memo is None else memo
        made = Graph(tracer_cls=self._tracer_cls, tracer_extras=copy.deepcopy(self._tracer_extras, memo))
        copies: dict[Node, Node] = {}
        result = made.graph_copy(self, copies, return_output_node=True)
        made._codegen = copy.deepcopy(self._codegen, memo)
        made._origin = self._origin
        if result is not None:
            value, old = result
            output = made.output(value, type_expr=old.type)
            output.meta = copy.copy(old.meta)
            copies[old] = output
        memo[id(self)] = made
        return made

    def __getstate__(self):
        """Nodes travel as a list that names them by number: a chain of links would nest as deep as the graph is long."""
        place = {node: _Place(i) for i, node in enumerate(self.nodes)}
        nodes = [(n.op, n.target, map_arg(n.args, place.__getitem__), map_arg(n.kwargs, place.__getitem__), n.name, n.type, n.meta)
                 for n in self.nodes]
        return nodes, self._tracer_cls, self._tracer_extras, self._codegen

    def __setstate__(self, state):
        nodes, tracer_cls, tracer_extras, codegen = state
        self.__init__(None, tracer_cls, tracer_extras)
        self._codegen = codegen
        made: list[Node] = []
        for op, target, args, kwargs, name, kind, meta in nodes:
            args, kwargs = map_aggregate((args, kwargs), lambda leaf: made[leaf] if type(leaf) is _Place else leaf)
            node = self.create_node(op, target, args, kwargs, name, kind)
            node.meta = meta
            made.append(node)

    # ---- editing ----

    def inserting_before(self, n: Node | None = None) -> _InsertPoint:
        """New nodes go before `n` (the first node if None): until the ``with`` block ends, or for good without ``with``."""
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return _InsertPoint(self, n)

    def inserting_after(self, n: Node | None = None) -> _InsertPoint:
        """New nodes go after `n` (the last node if None): until the ``with`` block ends, or for good without ``with``."""
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        return _InsertPoint(self, n._next)

    def erase_node(self, to_erase: Node) -> None:
        """Takes a node out. Raises RuntimeError while other nodes use it."""
        if to_erase.users:
            raise RuntimeError(f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!")
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            warnings.warn(f"erase_node({to_erase}) on an already erased node", stacklevel=2)
            return
        owner = self._owning_module
        if owner is not None:
            for hook in getattr(owner, "_erase_node_hooks", ()):
                hook(to_erase)
        if self._anchor is to_erase:
            self._anchor = to_erase._next
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1
        to_erase.args, to_erase.kwargs = (), {}

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erases nodes that nobody uses and that do nothing else; returns whether there were any.

        Args:
            is_impure_node: which nodes stay although unused; :meth:`Node.is_impure` by default.
        """
        self.lint()
        changed = False
        for node in reversed(self.nodes):
            if not node.users and not (node.is_impure(True) if is_impure_node is None else is_impure_node(node)):
                self.erase_node(node)
                changed = True
        return changed

    # ---- checks and text ----

    def lint(self):
        """Raises RuntimeError or ValueError unless the graph is well formed.

        Every argument is a node of this graph that comes before, names are unique, and the targets exist in the owning module.
        """
        seen: set[Node] = set()
        names: dict[str, Node] = {}
        for node in self.nodes:
            if node.op not in _legal_ops:
                raise RuntimeError(f"Node {node} had unknown opcode {node.op}!")
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for arg in node._input_nodes:
                self._lint_argument(node, arg, seen)
            if names.setdefault(node.name, node) is not node:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            if self._owning_module is not None and node.op in ("get_attr", "call_module"):
                self._lint_path(node)

    def _lint_argument(self, node, arg, seen):
        if arg.graph is not self:
            raise RuntimeError(f"Argument '{arg}' of Node '{node}' does not belong to this Graph, but was used as an argument! If you are "
                               "copying nodes from another graph, make sure to use ``arg_transform`` on node_copy() to remap values\n"
                               f"{self}")
        if arg not in seen:
            raise RuntimeError(f"Argument '{arg}' of Node '{node}' was used before it has been defined! Please check that Nodes in the "
                               f"graph are topologically ordered\n{self}")

    def _lint_path(self, node):
        owner, done = self._owning_module, []
        for part in node.target.split("."):
            if not hasattr(owner, part):
                raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute {part} of {'.'.join(done)}")
            owner = getattr(owner, part)
            done.append(part)
        if node.op == "call_module" and not isinstance(owner, torch.nn.Module):
            raise RuntimeError(f"Node {node} target {node.target} {node.target} of {'.'.join(done)} does not reference an nn.Module")

    def __str__(self) -> str:
        lines = [text for node in self.nodes if (text := node.format_node())]
        return "graph():" + "".join("\n    " + line for line in lines)

    def print_tabular(self):
        """Prints the nodes as a table of opcode, name, target, args and kwargs."""
        rows = [["opcode", "name", "target", "args", "kwargs"]]
        rows += [[n.op, n.name, str(n.target), str(n.args), str(n.kwargs)] for n in self.nodes]
        widths = [max(map(len, column)) for column in zip(*rows)]
        rows.insert(1, ["-" * width for width in widths])
        print("\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)) for row in rows))

    def _target_to_str(self, target):
        return target_name(target)

    # ---- code ----

    def python_code(self, root_module: str, *, verbose: bool = False, include_stride: bool = False, include_device: bool = False,
                    colored: bool = False, expanded_def: bool = False, record_func: bool = False,
                    additional_meta: list[str] | None = None) -> PythonCode:
        """The graph as the source of a Python function, with the globals it needs.

        Args:
            root_module: the name under which the code finds the module, usually "self".
            verbose: add where each node comes from, and dtype and shape of tensors.
            include_stride, include_device: with `verbose` also these.
            colored: with colours of a terminal.
            expanded_def: one line for each parameter.
            record_func: every node runs inside a record of the profiler.
            additional_meta: keys of `meta` to show with `verbose`.
        """
        style = Style(verbose, include_stride, include_device, colored, expanded_def, record_func, additional_meta)
        return self._codegen._gen_python_code(self.nodes, root_module, _Namespace(), style)

    def set_codegen(self, codegen: CodeGen):
        """Writes code by `codegen` from now on."""
        self._codegen = codegen

    def process_inputs(self, *args):
        """The values of the placeholders for a call with these arguments, flattened where the inputs are nests."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out):
        """The result of a call from the value of the output node, as the nest it was."""
        return self._codegen.process_outputs(out)

    def on_generate_code(self, make_transformer: Callable):
        """Registers a function that changes the lines of generated code.

        Args:
            make_transformer: gets the transformer registered before (or None) and returns a function from the list of lines of the body
                to a new list.

        Returns a context manager that takes the transformer back when its block ends.
        """
        before = self._codegen._body_transformer
        self._codegen._body_transformer = make_transformer(before)

        @contextlib.contextmanager
        def restore():
            try:
                yield
            finally:
                self._codegen._body_transformer = before

        return restore()


def _has_attr(module: Any, path: str) -> bool:
    for part in path.split("."):
        if not hasattr(module, part):
            return False
        module = getattr(module, part)
    return True


class _Place(int):
    """Stands for the node of this number in a pickled graph."""
