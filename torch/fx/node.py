"""Node: one step of a graph, plain data linked with its inputs and users."""

from __future__ import annotations

import operator
import warnings
from typing import Any, Callable

import torch

from ._names import qualified_name as _get_qualified_name  # noqa: F401
from ._names import target_text as _target_text
from ._names import type_repr as _type_repr
from .immutable_collections import immutable_dict, immutable_list

__all__ = ["Node", "map_arg", "map_aggregate", "has_side_effect"]

_legal_ops = {"placeholder": "inputs", "call_method": "", "call_module": "", "call_function": "", "get_attr": "", "output": "result", "root": ""}
base_types = (str, int, float, bool, complex, type(None), type(...), slice, range, torch.dtype, torch.device, torch.memory_format,
              torch.layout, torch.Tensor)
_LEAVES = frozenset({str, int, float, bool, complex, type(None), type(...), range, torch.dtype, torch.device, torch.memory_format, torch.layout})
_side_effectful_functions: set[Callable] = {torch._assert, operator.setitem}


def has_side_effect(fn: Callable) -> Callable:
    """Marks a function whose calls stay in a graph even where nobody uses their result; returns the function."""
    _side_effectful_functions.add(fn)
    return fn


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn` of every leaf of a nest of tuples, lists, dictionaries and slices; lists and dictionaries come out immutable."""
    kind = type(a)
    if kind in _LEAVES or kind is Node:
        return fn(a)
    if isinstance(a, tuple):
        items = [map_aggregate(item, fn) for item in a]
        return kind(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list([map_aggregate(item, fn) for item in a])
    if isinstance(a, dict):
        return immutable_dict({key: map_aggregate(item, fn) for key, item in a.items()})
    if kind is slice:
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """`fn` of every Node in a nest of tuples, lists, dictionaries and slices."""
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda leaf: fn(leaf) if isinstance(leaf, Node) else leaf)


def _frozen(value: Any, inputs: dict[Node, None]) -> Any:
    """The argument with immutable containers; the nodes in it are added to `inputs`."""
    kind = type(value)
    if kind is Node:
        inputs[value] = None
        return value
    if kind in _LEAVES:
        return value
    if kind is tuple:
        return tuple([_frozen(item, inputs) for item in value])
    if kind is list or kind is immutable_list:
        return immutable_list([_frozen(item, inputs) for item in value])
    if kind is dict or kind is immutable_dict:
        return immutable_dict({key: _frozen(item, inputs) for key, item in value.items()})
    return map_aggregate(value, lambda leaf: _frozen(leaf, inputs) if isinstance(leaf, Node) else leaf)


def _argument_text(arg: Any) -> str:
    if isinstance(arg, Node):
        return "%" + arg.name
    if isinstance(arg, tuple):
        items = ", ".join(map(_argument_text, arg))
        return f"({items},)" if len(arg) == 1 else f"({items})"
    if isinstance(arg, list):
        return f"[{', '.join(map(_argument_text, arg))}]"
    if isinstance(arg, dict):
        return f"{{{', '.join(f'{key}: {_argument_text(item)}' for key, item in arg.items())}}}"
    return str(arg)


_format_arg = _argument_text


class Node:
    """One step of a :class:`Graph`.

    `op` tells its kind, and with it what `target` is: "placeholder" (name of an input), "get_attr" (path of a parameter),
    "call_function" (the function), "call_module" (path of a module), "call_method" (name of a method; the first argument is the
    object), "output". `args` and `kwargs` hold nodes and constants, `users` the nodes that use this one, `meta` whatever passes note
    down, `type` the type of the result when it is known.
    """

    __slots__ = ("graph", "name", "op", "target", "_args", "_kwargs", "_input_nodes", "users", "type", "meta", "_repr_fn", "_prev", "_next",
                 "_erased", "_place", "__weakref__", "__dict__")

    def __init__(self, graph: Any, name: str, op: str, target: Any, args: tuple, kwargs: dict, return_type: Any = None):
        if op not in _legal_ops:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        if op == "call_function":
            if not callable(target):
                raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type {torch.typename(target)} "
                                 "but a Callable is expected")
        elif not isinstance(target, str):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type {torch.typename(target)} "
                             "but a str is expected")
        self.graph = graph
        self.name = name
        self.op = op
        self.target = target
        self.users: dict[Node, None] = {}
        self.type = return_type
        self.meta: dict[str, Any] = {}
        self._repr_fn = None
        self._prev = self._next = self
        self._erased = False
        self._place = 0.0
        self._input_nodes: dict[Node, None] = {}
        self._update_args_kwargs(args, kwargs)

    def __getstate__(self):
        state = {name: getattr(self, name) for name in Node.__slots__ if name not in ("__weakref__", "__dict__")}
        state.update(self.__dict__)
        return state

    def __setstate__(self, state):
        for name, value in state.items():
            setattr(self, name, value)

    # ---- arguments ----

    @property
    def args(self) -> tuple:
        """The positional arguments. Assign a new tuple to change them."""
        return self._args

    @args.setter
    def args(self, value):
        self._update_args_kwargs(value, self._kwargs)

    @property
    def kwargs(self) -> dict:
        """The keyword arguments. Assign a new dictionary to change them."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value):
        self._update_args_kwargs(self._args, value)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once, in the order of the arguments."""
        return list(self._input_nodes)

    def _update_args_kwargs(self, args, kwargs):
        inputs: dict[Node, None] = {}
        self._args = tuple([_frozen(item, inputs) for item in args])
        self._kwargs = immutable_dict({key: _frozen(item, inputs) for key, item in kwargs.items()} if kwargs else ())
        for node in self._input_nodes:
            node.users.pop(self, None)
        for node in inputs:
            node.users[self] = None
        self._input_nodes = inputs

    def update_arg(self, idx: int, arg: Any):
        """Sets the positional argument `idx`."""
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any):
        """Inserts a positional argument before the argument `idx`."""
        if not 0 <= idx <= len(self._args):
            raise AssertionError(f"insert_args index must be between 0 and len(self.args), got {idx} of {len(self._args)}")
        self.args = (*self._args[:idx], arg, *self._args[idx:])

    def update_kwarg(self, key: str, arg: Any):
        """Sets the keyword argument `key`."""
        self.kwargs = {**self._kwargs, key: arg}

    def replace_input_with(self, old_input: Node, new_input: Node):
        """Uses `new_input` wherever the arguments name `old_input`."""
        self._replace_input_with(old_input, new_input)

    def _replace_input_with(self, old, new):
        module = self.graph.owning_module
        if module is not None:
            for hook in module._replace_hooks:
                hook(old=old, new=new.name, user=self)
        self._args, self._kwargs = (map_arg(a, lambda node: new if node is old else node) for a in (self._args, self._kwargs))
        self._update_args_kwargs(self._args, self._kwargs)

    def replace_all_uses_with(self, replace_with: Node, delete_user_cb: Callable[[Node], bool] | None = None, *,
                              propagate_meta: bool = False) -> list[Node]:
        """Lets all users of this node use `replace_with` instead, and returns them.

        Args:
            replace_with: the other node.
            delete_user_cb: which users change; all by default.
            propagate_meta: also hand `meta` on to `replace_with`, which must have none.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError("Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with already has "
                                     ".meta keys")
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb is None or delete_user_cb(user)]
        for user in changed:
            user._replace_input_with(self, replace_with)
        return changed

    # ---- place in the graph ----

    @property
    def next(self) -> Node:
        """The node after this one."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    def prepend(self, x: Node):
        """Moves `x` directly before this node."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            warnings.warn("Trying to prepend a node to itself. This behavior has no effect on the graph.", stacklevel=2)
            return
        x._remove_from_list()
        self._link_before(x)

    _prepend = prepend

    def append(self, x: Node):
        """Moves `x` directly after this node."""
        self._next.prepend(x)

    def _link_before(self, x):
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x
        if self.op == "root":
            x._place = before._place + 1.0
        else:
            x._place = (before._place + self._place) / 2
            if not before._place < x._place < self._place:
                self.graph._renumber()

    def _remove_from_list(self):
        self._prev._next, self._next._prev = self._next, self._prev

    @property
    def _sort_key(self):
        return self._place

    def __lt__(self, other):
        return self._place < other._place

    def __gt__(self, other):
        return self._place > other._place

    def __le__(self, other):
        return self is other or self < other

    def __ge__(self, other):
        return self is other or self > other

    # ---- properties ----

    @property
    def stack_trace(self) -> str | None:
        """The Python stack at which this node was recorded, if the tracer noted it."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace):
        self.meta["stack_trace"] = trace

    def is_impure(self, impure_random: bool = True) -> bool:
        """Does the node do something besides computing its result, so that it may not be dropped when unused?

        Args:
            impure_random: count drawing random numbers as such.
        """
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return _is_impure_function(self.target, impure_random)
        if self.op == "call_module":
            owner = self.graph.owning_module
            if owner is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            module = owner.get_submodule(self.target)
            return getattr(module, "_is_impure", False)
        return False

    def normalized_arguments(self, root: torch.nn.Module, arg_types: tuple | None = None, kwarg_types: dict | None = None,
                             normalize_to_only_use_kwargs: bool = False) -> Any:
        """(args, kwargs) with every parameter of the target's signature filled in; None where the signature is not known.

        Args:
            root: the module in which a call_module's target is found.
            arg_types, kwarg_types: types of the arguments, to choose among overloads.
            normalize_to_only_use_kwargs: give everything by keyword.
        """
        from .operator_schemas import normalize_function, normalize_module

        if self.op == "call_function":
            return normalize_function(self.target, self.args, self.kwargs, arg_types, kwarg_types, normalize_to_only_use_kwargs)
        if self.op == "call_module":
            return normalize_module(root, self.target, self.args, self.kwargs, normalize_to_only_use_kwargs)
        return None

    # ---- text ----

    def __repr__(self):
        return self._repr_fn(self) if self._repr_fn else self.name

    def _pretty_print_target(self, target):
        return _target_text(target)

    def format_node(self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None, *,
                    include_tensor_metadata: bool = False) -> str | None:
        """The node as a line of the printed graph.

        Args:
            placeholder_names: a list that collects the names of the inputs instead; None is returned for them.
            maybe_return_typename: a list of one string, which is set to the type of the output.
            include_tensor_metadata: also dtype, shape, stride and device of the result, where `meta` has them.
        """
        kind = _type_repr(self.type) if self.type else ""
        space = " " if kind else ""
        if self.op == "placeholder" and placeholder_names is not None:
            placeholder_names.append(f"{self.target} : {kind}" if kind else self.target)
            return None
        if self.op == "output":
            if kind and maybe_return_typename:
                maybe_return_typename[0] = f" -> {kind}"
            return f"return {self.args[0]}"
        if include_tensor_metadata and self.op != "placeholder" and (value := self.meta.get("val")) is not None:
            from ._codegen import tensor_text

            if text := tensor_text(value, stride=True, device=True):
                kind, space = f'{type(value).__name__} "{text}"', ""
        head = f"%{self.name} : {kind}{space}[num_users={len(self.users)}] = {self.op}[target={_target_text(self.target)}]"
        if self.op == "placeholder":
            return head + (f"(default={self.args[0]})" if self.args else "")
        if self.op == "get_attr":
            return head
        return f"{head}(args = {_argument_text(self.args)}, kwargs = {_argument_text(self.kwargs)})"

    def _rename(self, candidate: str):
        if candidate != self.name:
            self.name = self.graph._graph_namespace.create_name(candidate, None)
            self.graph._graph_namespace._rename_object(self, self.name)


_RANDOM_FUNCTIONS = frozenset("bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like randperm".split())
_RANDOM_WITHOUT_GENERATOR = frozenset(("aten::dropout", "aten::alpha_dropout", "aten::feature_dropout", "aten::native_dropout"))


def _is_random_operator(packet) -> bool:
    schemas = [getattr(packet, name)._schema for name in packet.overloads()]
    return any(s.name in _RANDOM_WITHOUT_GENERATOR or any(a.name == "generator" for a in s.arguments) for s in schemas)


def _is_impure_function(target: Callable, impure_random: bool) -> bool:
    if target in _side_effectful_functions:
        return True
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.is_mutable or (impure_random and _is_random_operator(target.overloadpacket))
    if isinstance(target, torch._ops.OpOverloadPacket):
        first = getattr(target, target.overloads()[0])
        return first._schema.is_mutable or (impure_random and _is_random_operator(target))
    name = getattr(target, "__name__", "")
    return impure_random and name in _RANDOM_FUNCTIONS and getattr(torch, name, None) is target
