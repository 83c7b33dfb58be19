"""Proxy: a value that records what is done with it; and the base of all tracers."""

from __future__ import annotations

import collections
import dataclasses
import dis
import enum
import inspect
import operator
from typing import Any, Callable, Iterator

import torch

from . import traceback as fx_traceback
from ._codegen import SYMBOLIC, magic_methods, reflectable_magic_methods
from .graph import Graph
from .node import _LEAVES, Node, base_types, map_aggregate
from .operator_schemas import check_for_mutable_operation

__all__ = ["TracerBase", "GraphAppendingTracer", "TraceError", "Proxy", "MetaProxy", "Attribute", "ParameterProxy", "Scope",
           "ScopeContextManager"]


class TraceError(ValueError):
    """The program asks for a value that is not known while it is traced."""


class Scope:
    """The module whose `forward` is being traced: its path and its type."""

    def __init__(self, module_path: str, module_type: Any):
        self.module_path = module_path
        self.module_type = module_type


class ScopeContextManager:
    """Sets a tracer's scope to that of `current_scope` for the time of a ``with`` block."""

    def __init__(self, scope: Scope, current_scope: Scope):
        self._before = Scope(scope.module_path, scope.module_type)
        scope.module_path, scope.module_type = current_scope.module_path, current_scope.module_type
        self._scope = scope

    def __enter__(self):
        return self._scope

    def __exit__(self, *details):
        self._scope.module_path, self._scope.module_type = self._before.module_path, self._before.module_type


def _instruction_after_call(frame) -> list[dis.Instruction]:
    """The instructions of a frame from the one that is being executed."""
    code = list(dis.get_instructions(frame.f_code))
    at = next(i for i, instruction in enumerate(code) if instruction.offset >= frame.f_lasti)
    return code[at:]


def _is_assert(frame) -> bool:
    """Does the program ask for the truth of a value in an `assert`?"""
    code = [i for i in _instruction_after_call(frame)[:6] if i.opname not in ("CACHE", "TO_BOOL", "EXTENDED_ARG")]
    jump = next((n for n, i in enumerate(code) if i.opname.startswith("POP_JUMP") and i.opname.endswith("IF_TRUE")), None)
    return jump is not None and jump + 1 < len(code) and (
        code[jump + 1].opname == "LOAD_ASSERTION_ERROR" or code[jump + 1].argval in (AssertionError, "AssertionError"))


class TracerBase:
    """What a tracer does with values, independent of modules: makes nodes and proxies, and answers questions about proxies."""

    graph: Graph
    record_stack_traces: bool = False
    _record_forward_stack_traces_only: bool = False
    check_mutable_operations: bool = False
    trace_asserts: bool = False
    proxy_buffer_attributes: bool = False
    traced_func_name: str = "forward"
    scope: Scope
    module_stack: collections.OrderedDict
    node_name_to_scope: dict[str, tuple[str, Any]]
    _stack_snapshot: collections.OrderedDict | None = None

    def create_node(self, kind: str, target: Any, args: tuple, kwargs: dict[str, Any], name: str | None = None, type_expr: Any = None) -> Node:
        """Adds a node to the graph; every node that tracing makes comes through here."""
        if self.check_mutable_operations and kind == "call_function":
            check_for_mutable_operation(target, args, kwargs)
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        scope = self.scope
        self.node_name_to_scope[node.name] = (scope.module_path, scope.module_type)
        if fx_traceback.has_preserved_node_meta():
            node.meta.update(fx_traceback.preserved_meta())
        elif self.module_stack:
            if self._stack_snapshot is None:
                self._stack_snapshot = self.module_stack.copy()
            node.meta["nn_module_stack"] = self._stack_snapshot
        return node

    def proxy(self, node: Node) -> Proxy:
        """The proxy of a node."""
        return Proxy(node, self)

    def create_proxy(self, kind: str, target: Any, args: tuple, kwargs: dict[str, Any], name: str | None = None, type_expr: Any = None,
                     proxy_factory_fn: Callable[[Node], Proxy] | None = None) -> Proxy:
        """Adds a node whose arguments may hold proxies and returns its proxy."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs) if kwargs else {}, name, type_expr)
        proxy = proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)
        if self.record_stack_traces and not node.stack_trace:
            node.stack_trace = self._user_stack()
        return proxy

    def _user_stack(self) -> str:
        """The stack as text, without the frames of this package."""
        import traceback

        return "".join(traceback.StackSummary.from_list([f for f in traceback.extract_stack() if "/torch/fx/" not in f.filename]).format())

    def create_arg(self, a: Any) -> Any:
        """A value of the traced program as an argument of a node. Raises NotImplementedError for what cannot be one."""
        kind = type(a)
        if kind in _LEAVES:
            return a
        if kind is tuple:
            return tuple([self.create_arg(item) for item in a])
        if isinstance(a, Proxy):
            return a.node
        if kind is list:
            return [self.create_arg(item) for item in a]
        if kind is dict:
            return {_checked_key(self.create_arg(key)) if type(key) is not str else key: self.create_arg(item) for key, item in a.items()}
        if kind is slice:
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, tuple):
            items = [self.create_arg(item) for item in a]
            return kind(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            return {_checked_key(self.create_arg(key)): self.create_arg(item) for key, item in a.items()}
        if isinstance(a, (Node, enum.Enum, *base_types)) or isinstance(a, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
            return a
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            fields = {field.name: self.create_arg(getattr(a, field.name)) for field in dataclasses.fields(a)}
            return self.create_node("call_function", kind, (), fields)
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, SYMBOLIC):
            return a
        raise NotImplementedError(f"argument of type: {kind}")

    def to_bool(self, obj: Proxy) -> bool:
        """The truth of a proxy, asked for by ``if`` and the like. Raises TraceError."""
        if self.trace_asserts:
            frame = _caller(inspect.currentframe())
            if frame is not None and _is_assert(frame):
                self.create_proxy("call_function", torch._assert, (obj, "Assertion failed"), {})
                return True
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator:
        """The items of a proxy. Raises TraceError unless it is unpacked into a known number of names."""
        frame = _caller(inspect.currentframe())
        if frame is not None:
            instruction = _instruction_after_call(frame)[0]
            if instruction.opname == "UNPACK_SEQUENCE" or instruction.opname.startswith("UNPACK_SEQUENCE"):
                return (obj[i] for i in range(instruction.arg))
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs function "
            "argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what types of control flow can be traced, and "
            "check out the Proxy docstring for help troubleshooting Proxy iteration errors")

    def keys(self, obj: Proxy) -> Any:
        """The keys of a proxy, asked for by ``**``; a call of its method `keys` by default."""
        return Attribute(obj, "keys")()


def _checked_key(key: Any) -> Any:
    found: list[Node] = []
    map_aggregate(key, lambda leaf: found.append(leaf) if isinstance(leaf, Node) else leaf)
    if found:
        raise RuntimeError(f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key}")
    return key


def _caller(frame):
    """The frame of the traced program."""
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "torch.fx._symbolic_trace"):
        frame = frame.f_back
    return frame


class GraphAppendingTracer(TracerBase):
    """A tracer that adds to a graph that exists: lets one write nodes as expressions of proxies."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        self.scope = Scope("", None)
        self.module_stack = collections.OrderedDict()
        self.node_name_to_scope = {}


class Proxy:
    """Stands for the value of a node while a program runs for tracing: operations on it become nodes.

    Its attributes are proxies too, its methods record calls, functions of torch see it through ``__torch_function__``. What needs the
    value itself (``if``, ``for``, ``len``) raises :class:`TraceError`.
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None):
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self):
        return f"Proxy({self.node.name})"

    def __getattr__(self, name):
        return Attribute(self, name)

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__ = state

    def __deepcopy__(self, memo):
        import copy

        made = Proxy.__new__(type(self))
        made.__dict__.update({key: copy.deepcopy(value, memo) for key, value in self.__dict__.items()})
        return made

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        return self.tracer.iter(self)

    def __bool__(self):
        return self.tracer.to_bool(self)

    def __abs__(self):
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __len__(self):
        raise RuntimeError("'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
                           "torch.fx.wrap('len') at module scope")

    def keys(self):
        """The keys, as ``**`` asks for them."""
        return self.tracer.keys(self)

    @classmethod
    def __torch_function__(cls, orig_method, types, args=None, kwargs=None):
        args, kwargs = args or (), kwargs or {}
        tracer = _tracer_of(args, kwargs)
        if orig_method in _tensor_methods() or getattr(orig_method, "__name__", "") == "__get__":
            if (name := orig_method.__name__) == "__get__":
                return tracer.create_proxy("call_function", getattr, (args[0], orig_method.__self__.__name__), {})
            return tracer.create_proxy("call_method", name, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


_TENSOR_METHODS: set[Any] = set()


def _tensor_methods() -> set[Any]:
    if not _TENSOR_METHODS:
        from torch.overrides import _methods_and_properties

        _TENSOR_METHODS.update(_methods_and_properties())
    return _TENSOR_METHODS


def _tracer_of(args, kwargs) -> TracerBase:
    """The tracer of the proxies among the arguments. Raises RuntimeError when they have two."""
    for a in args:
        if isinstance(a, Proxy):
            return a.tracer
    found: list[TracerBase] = []

    def look(leaf):
        if isinstance(leaf, Proxy):
            found.append(leaf.tracer)
        return leaf

    map_aggregate((args, kwargs), look)
    if any(tracer is not found[0] for tracer in found):
        raise RuntimeError(f"Found multiple different tracers {found} while trying to trace operations {args}")
    return found[0]


class MetaProxy(Proxy):
    """A proxy whose node knows its value as a fake tensor: what is computed from it is computed on fakes too."""

    def __init__(self, node: Node, tracer: TracerBase | None = None, fake_mode: Any = None):
        super().__init__(node, tracer)
        self.fake_mode = fake_mode

    def __repr__(self):
        return f"MetaProxy({self.node.name})"

    @classmethod
    def __torch_function__(cls, orig_method, types, args=None, kwargs=None):
        args, kwargs = args or (), kwargs or {}
        meta_proxy = next((a for a in args if isinstance(a, MetaProxy)), None)
        if meta_proxy is None:
            raise AssertionError("No MetaProxy found in arguments, but one is expected.")
        proxy = super().__torch_function__(orig_method, types, args, kwargs)
        with meta_proxy.fake_mode:
            values = map_aggregate((args, kwargs), lambda a: a.node.meta["val"] if isinstance(a, MetaProxy) else a)
            proxy.node.meta["val"] = orig_method(*values[0], **values[1])
        return MetaProxy(proxy.node, proxy.tracer, meta_proxy.fake_mode)


class Attribute(Proxy):
    """An attribute of a proxy. Called, it is a call of that method; used otherwise, a node that reads it."""

    def __init__(self, root: Proxy, attr: str):
        self.root = root
        self.attr = attr
        self.tracer = root.tracer
        self._node: Node | None = None

    @property
    def node(self):
        """The node that reads the attribute, made when it is needed."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """The proxy of a parameter whose shape and number of dimensions are known while tracing."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: torch.nn.Parameter):
        super().__init__(node, tracer)
        if not isinstance(param, torch.nn.Parameter):
            raise AssertionError(f"expected a Parameter, got {type(param)}")
        self.param = param
        self.name = name

    def __repr__(self):
        return f"ParameterProxy({self.name})"

    @property
    def shape(self):
        """The parameter's shape."""
        return self.param.shape

    @property
    def ndim(self):
        """Number of dimensions."""
        return self.param.ndim

    def size(self):
        """The parameter's shape."""
        return self.param.size()

    def dim(self):
        """Number of dimensions."""
        return self.param.dim()

    def numel(self):
        """Number of elements."""
        return self.param.numel()

    def nelement(self):
        """Number of elements."""
        return self.param.nelement()


def _operation(name: str, function: Callable, reflected: bool):
    if reflected:
        def method(self, other):
            return self.tracer.create_proxy("call_function", function, (other, self), {})
    else:
        def method(self, *args, **kwargs):
            return self.tracer.create_proxy("call_function", function, (self, *args), kwargs)
    method.__name__ = method.__qualname__ = f"__{'r' if reflected else ''}{name.strip('_')}__"
    setattr(Proxy, method.__name__, method)


for _name in magic_methods:
    _operation(_name, getattr(operator, _name, operator.truediv), reflected=False)
for _name in reflectable_magic_methods:
    _operation(_name, getattr(operator, _name, operator.truediv), reflected=True)
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]
