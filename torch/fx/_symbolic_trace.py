"""Tracing: running a function or a module on proxies, so that what it does becomes a graph."""

from __future__ import annotations

import builtins
import collections
import functools
import inspect
import math
import sys
import types
import warnings
from typing import Any, Callable

import torch
from torch.utils import _pytree as pytree

from ._codegen import _PyTreeCodeGen, _PyTreeInfo
from .graph import Graph
from .graph_module import GraphModule
from .node import base_types, map_aggregate
from .proxy import ParameterProxy, Proxy, Scope, ScopeContextManager, TracerBase

__all__ = ["ProxyableClassMeta", "PHBase", "PHWithMeta", "Tracer", "wrap", "symbolic_trace", "is_fx_tracing", "is_fx_symbolic_tracing"]

_is_tracing = 0


def is_fx_tracing() -> bool:
    """Is a program being traced?"""
    return _is_tracing > 0


def is_fx_symbolic_tracing() -> bool:
    """Is a program being traced symbolically (and not by torch.compile)?"""
    return _is_tracing > 0


class ProxyableClassMeta(type):
    """Metaclass of classes whose instances may be made from proxies: then the call of the class becomes a node."""

    def __call__(cls, *args, **kwargs):
        proxy = _find_proxy((args, kwargs)) if is_fx_tracing() else None
        if proxy is not None:
            return proxy.tracer.create_proxy("call_function", cls, args, kwargs)
        return super().__call__(*args, **kwargs)


class PHBase:
    """A mark in `concrete_args`: this leaf stays an input."""

    def __repr__(self):
        return "PH"


PH = PHBase()


class PHWithMeta(PHBase):
    """A mark in `concrete_args` whose attributes are handed on to the input's node."""

    def __init__(self, ph_key: str | None = None):
        super().__init__()
        self.ph_key = ph_key


# ---- functions recorded as calls ----

_WRAPPED = "__fx_wrapped__"                      # the names in a module's globals that `wrap` was told
_modules_with_wrapped: dict[str, dict[str, Any]] = {}


def wrap(fn_or_name: str | Callable):
    """Calls of a function become one node instead of being traced into. To be called at the top level of a module.

    Args:
        fn_or_name: the function (also as decorator), or the name under which this module knows it: ``torch.fx.wrap("len")``.

    Raises RuntimeError for anything else and NotImplementedError inside of a function.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = inspect.currentframe().f_back
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    namespace = frame.f_globals
    namespace.setdefault(_WRAPPED, {})[name] = None
    module = namespace.get("__name__")
    if getattr(sys.modules.get(module), "__dict__", None) is namespace:
        _modules_with_wrapped[module] = namespace
    return fn_or_name


def _find_proxy(nest: Any) -> Proxy | None:
    found: list[Proxy] = []

    def look(leaf):
        if isinstance(leaf, Proxy):
            found.append(leaf)
        return leaf

    map_aggregate(nest, look)
    return found[0] if found else None


def _recorded(function: Callable) -> Callable:
    """The function, except that a call with proxies is recorded."""
    @functools.wraps(function, updated=())
    def wrapped(*args, **kwargs):
        proxy = _find_proxy((args, kwargs))
        if proxy is None:
            return function(*args, **kwargs)
        result = proxy.tracer.create_proxy("call_function", function, args, kwargs)
        result.node.meta["is_wrapped"] = True
        return result

    return wrapped


class _Patches:
    """Replaces entries of dictionaries and attributes of classes, and puts the old ones back."""

    _ABSENT = object()

    def __init__(self):
        self.undo: list[Callable[[], Any]] = []
        self.seen: set[int] = set()

    def __enter__(self):
        return self

    def __exit__(self, *details):
        while self.undo:
            self.undo.pop()()

    def entry(self, namespace: dict[str, Any], name: str, value: Any):
        before = namespace.get(name, self._ABSENT)
        namespace[name] = value
        self.undo.append(functools.partial(namespace.pop, name) if before is self._ABSENT else
                         functools.partial(namespace.__setitem__, name, before))

    def attribute(self, cls: type, name: str, value: Any):
        self.undo.append(functools.partial(setattr, cls, name, getattr(cls, name)))
        setattr(cls, name, value)

    def record_in(self, namespace: dict[str, Any], functions: dict[int, Any]):
        """Lets the calls of wrapped functions that a module's globals name be recorded."""
        if id(namespace) in self.seen:
            return
        self.seen.add(id(namespace))
        for name in namespace.get(_WRAPPED, ()):
            function = namespace.get(name, getattr(builtins, name, None))
            if function is not None:
                self.entry(namespace, name, _recorded(function))
        if functions:
            for name, value in list(namespace.items()):
                if id(value) in functions and not name.startswith("_") and callable(value):
                    self.entry(namespace, name, _recorded(value))


def _with_positional_parameters(function: types.FunctionType, count: int) -> Callable:
    """The function with its first `count` variables as positional parameters, ``*args`` and keyword-only ones among them."""
    code = function.__code__.replace(co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0,
                                     co_flags=function.__code__.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS))
    return types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


@torch._C._overridable
def _assert_is_none(value, message):
    if value is not None:
        raise AssertionError(message)


class Tracer(TracerBase):
    """Traces a function or module into a :class:`Graph`; override methods to change what is recorded and how.

    Args:
        autowrap_modules: modules of Python whose functions become nodes when called with proxies.
        autowrap_functions: further functions of this kind.
        param_shapes_constant: shapes of parameters are numbers, not nodes.
    """

    def __init__(self, autowrap_modules: tuple = (math,), autowrap_functions: tuple[Callable, ...] = (), param_shapes_constant: bool = False):
        super().__init__()
        self._autowrapped = {id(value): value for module in autowrap_modules for name, value in module.__dict__.items()
                             if not name.startswith("_") and callable(value)}
        self._autowrapped.update((id(function), function) for function in autowrap_functions)
        self._autowrap_modules = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths: dict[torch.nn.Module, str] | None = None
        self.root_module_name = ""
        self.scope = Scope("", None)
        self.module_stack = collections.OrderedDict()
        self.num_calls: dict[str, int] = {}
        self.node_name_to_scope: dict[str, tuple[str, Any]] = {}
        self._qualname_counter: dict[str, int] = collections.defaultdict(int)

    # ---- what is recorded and how ----

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        """Is a call of this module one node? By default that of modules of torch.nn, except Sequential."""
        name = m.__module__
        return name.startswith(("torch.nn", "torch.ao.nn")) and not isinstance(m, torch.nn.Sequential)

    def path_of_module(self, mod: torch.nn.Module) -> str:
        """The path of a submodule of the root. Raises NameError for a module that is none."""
        if self.submodule_paths:
            path = self.submodule_paths.get(mod)
            if path is not None:
                return path
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError("module is not installed as a submodule")

    def call_module(self, m: torch.nn.Module, forward: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a submodule: one node if it is a leaf, otherwise what `forward` does."""
        path = self.path_of_module(m)
        with ScopeContextManager(self.scope, Scope(path, type(m))):
            calls = self.num_calls.get(path, 0)
            key = f"{path}@{calls}" if calls else path
            self.num_calls[path] = calls + 1
            self.module_stack[key] = (path, type(m))
            self._stack_snapshot = None
            try:
                if self.is_leaf_module(m, path):
                    return self.create_proxy("call_module", path, args, kwargs)
                return forward(*args, **kwargs)
            finally:
                self.module_stack.popitem()
                self._stack_snapshot = None

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """A read of a parameter, buffer or module from a module: parameters become nodes, once each."""
        if isinstance(attr_val, torch.nn.Parameter):
            names = self._parameter_names
        elif self.proxy_buffer_attributes and isinstance(attr_val, torch.Tensor):
            names = self._buffer_names
        else:
            return attr_val
        name = names().get(id(attr_val))
        if name is None:
            return attr_val
        proxy = parameter_proxy_cache.get(name)
        if proxy is None:
            factory = None
            if self.param_shapes_constant and isinstance(attr_val, torch.nn.Parameter):
                def factory(node):
                    return ParameterProxy(self, node, name, attr_val)
            proxy = parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {}, proxy_factory_fn=factory)
        return proxy

    def _parameter_names(self) -> dict[int, str]:
        return self._names_of("_parameters_by_id", self.root.named_parameters)

    def _buffer_names(self) -> dict[int, str]:
        return self._names_of("_buffers_by_id", self.root.named_buffers)

    def _names_of(self, cache: str, named: Callable) -> dict[int, str]:
        names = self.__dict__.get(cache)
        if names is None:
            names = self.__dict__[cache] = {id(value): name for name, value in named()}
        return names

    def create_arg(self, a: Any) -> Any:
        """A value of the program as an argument: also parameters, buffers and constant tensors, which become get_attr nodes."""
        if isinstance(a, torch.Tensor):
            return self.create_node("get_attr", self._tensor_path(a), (), {})
        if isinstance(a, torch.nn.Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return self.create_node("call_function", type(a), tuple([self.create_arg(item) for item in a]), {})
        if isinstance(type(a), ProxyableClassMeta):
            path = self.get_fresh_qualname(f"_{type(a).__name__}_constant_")
            setattr(self.root, path, a)
            return self.create_node("get_attr", path, (), {})
        return super().create_arg(a)

    def _tensor_path(self, tensor: torch.Tensor) -> str:
        """Where the root holds a tensor; one that it does not hold becomes a new attribute."""
        if isinstance(tensor, torch.nn.Parameter):
            for name, value in self.root.named_parameters():
                if value is tensor:
                    return name
            raise NameError("parameter is not a member of this module")
        for name, value in self.root.named_buffers():
            if value is tensor:
                return name
        path = self._tensor_attributes.get(id(tensor))
        if path is None:
            path = self.get_fresh_qualname("_tensor_constant")
            setattr(self.root, path, tensor)
            self._tensor_attributes[id(tensor)] = path
        return path

    def get_fresh_qualname(self, prefix: str) -> str:
        """A name ``prefix0``, ``prefix1``, ... that the root does not use yet."""
        while True:
            name = f"{prefix}{self._qualname_counter[prefix]}"
            self._qualname_counter[prefix] += 1
            if not hasattr(self.root, name):
                return name

    # ---- inputs ----

    def create_args_for_root(self, root_fn: Callable, is_module: bool, concrete_args: dict[str, Any] | tuple | None = None):
        """(function, arguments): placeholders for the parameters of `root_fn`, except where `concrete_args` gives values."""
        function = inspect.unwrap(root_fn)
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names = list(code.co_varnames[:count])
        args: list[Any] = []
        if is_module:
            if not names:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            args.append(self.root)
            names = names[1:]
        if isinstance(concrete_args, tuple):
            if len(concrete_args) != len(names):
                raise RuntimeError(f"Tracing expected {len(names)} arguments but got {len(concrete_args)} concrete arguments")
            concrete_args = dict(zip(names, concrete_args))
        parameters = inspect.signature(function).parameters
        rest = [name for name, p in parameters.items() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        # in the order of the signature, for that is the order of the generated one
        inputs = {name: self._input(name, p, concrete_args) for name, p in list(parameters.items())[is_module:]}
        args += [inputs[name] for name in names]
        spec = pytree.tree_structure(tuple(args[is_module:]))
        if concrete_args is not None and not all(child.is_leaf() for child in spec.children_specs):
            return self._flattened(root_fn, names, args[:is_module], args[is_module:], spec)
        args += [inputs[name] for name in rest]
        if (rest or code.co_kwonlyargcount) and isinstance(root_fn, types.FunctionType):
            root_fn = _with_positional_parameters(function, len(args))
        return root_fn, args

    def _input(self, name: str, parameter: inspect.Parameter, concrete_args: dict[str, Any] | None) -> Any:
        default = () if parameter.default is parameter.empty else (parameter.default,)
        kind = None if parameter.annotation is parameter.empty else parameter.annotation
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return self.create_proxy("placeholder", ("*" if parameter.kind is parameter.VAR_POSITIONAL else "**") + name, (), {})
        if concrete_args is None or name not in concrete_args:
            return self.create_proxy("placeholder", name, default, {}, type_expr=kind)
        number = 0

        def leaf(value):
            nonlocal number
            number += 1
            node = self.create_proxy("placeholder", f"{name}_{number}", default, {})
            if isinstance(value, PHBase):
                if value is not PH:
                    node.node.meta.update(vars(value))
                return node
            self._check_specialized(name, value, node)
            return value

        return pytree.tree_map(leaf, concrete_args[name])

    def _check_specialized(self, name: str, value: Any, proxy: Proxy):
        """Records a check that the input has the value for which the program was traced."""
        if value is None:
            message = f"{name} has been specialized to have value None but got another value"
            self.create_proxy("call_function", _assert_is_none, (proxy, message), {})
        elif isinstance(value, base_types) and not isinstance(value, torch.Tensor):
            message = f"{name} has been specialized to have value {value} but got another value"
            torch._assert(proxy == value, message)
        else:
            warnings.warn(f"Was not able to add assertion to guarantee correct input {name} to specialized function. It is up to the user to "
                          "make sure that your inputs match the inputs you specialized the function with.", stacklevel=2)

    def _flattened(self, root_fn, names, owner, inputs, in_spec):
        """A function from leaves to leaves around one from nests to nests."""
        info = _PyTreeInfo(names, in_spec, None)
        self.graph.set_codegen(_PyTreeCodeGen(info))

        def flat(*leaves):
            result = root_fn(*owner, *pytree.tree_unflatten(leaves, in_spec))
            values, info.out_spec = pytree.tree_flatten(result)
            return values

        return flat, pytree.tree_leaves(tuple(inputs))

    # ---- tracing ----

    def trace(self, root: torch.nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | tuple | None = None) -> Graph:
        """The graph of a module or function.

        Args:
            root: what to trace.
            concrete_args: values of parameters, which the graph then contains instead of inputs; nests may hold `torch.fx.PH` for leaves
                that stay inputs.

        Raises TraceError where the program needs the value of a proxy.
        """
        global _is_tracing

        is_module = isinstance(root, torch.nn.Module)
        fn = self._enter_root(root)
        self.graph = Graph(tracer_cls=type(self))
        code = getattr(inspect.unwrap(fn), "__code__", None)
        if code is not None:
            self.graph._origin = f" from {code.co_filename}:{code.co_firstlineno} in {code.co_name}"
        cache: dict[str, Any] = {}
        call, attribute = torch.nn.Module.__call__, torch.nn.Module.__getattr__

        def module_attribute(module, name):
            return self.getattr(name, attribute(module, name), cache)

        def module_call(module, *args, **kwargs):
            def forward(*args, **kwargs):
                return call(module, *args, **kwargs)

            patches.record_in(getattr(getattr(module, "forward", module), "__globals__", {}), self._autowrapped)
            return self.call_module(module, forward, args, kwargs)

        _is_tracing += 1
        try:
            with _Patches() as patches:
                fn, args = self.create_args_for_root(fn, is_module, concrete_args)
                patches.attribute(torch.nn.Module, "__getattr__", module_attribute)
                patches.attribute(torch.nn.Module, "__call__", module_call)
                for namespace in list(_modules_with_wrapped.values()):
                    patches.record_in(namespace, self._autowrapped)
                for module in self._autowrap_modules:
                    patches.record_in(module.__dict__, self._autowrapped)
                patches.record_in(getattr(self._root_function, "__globals__", {}), self._autowrapped)
                result = fn(*args)
                kind = getattr(self._root_function, "__annotations__", {}).get("return")
                self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=kind)
        finally:
            _is_tracing -= 1
            self.submodule_paths = None
            for cache_name in ("_parameters_by_id", "_buffers_by_id"):
                self.__dict__.pop(cache_name, None)
        return self.graph

    def _enter_root(self, root) -> Callable:
        """Notes down where modules and tensors of the root are; returns the function to trace."""
        self._tensor_attributes: dict[int, str] = {}
        if isinstance(root, torch.nn.Module):
            self.root = root
            if not hasattr(type(root), self.traced_func_name):
                raise AssertionError(f"traced_func_name={self.traced_func_name} doesn't exist in {type(root).__name__}")
            fn = getattr(type(root), self.traced_func_name)
            self.root_module_name = root._get_name()
            self.submodule_paths = {module: name for name, module in root.named_modules()}
            for path, module in root.named_modules():
                prefix = path + "." if path else ""
                for name, value in module.__dict__.items():
                    if isinstance(value, torch.Tensor):
                        self._tensor_attributes[id(value)] = prefix + name
        else:
            self.root = torch.nn.Module()
            fn = root
        self._root_function = inspect.unwrap(fn)
        return fn


def symbolic_trace(root: torch.nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | tuple | None = None) -> GraphModule:
    """Traces a module or function on proxies and returns it as a :class:`GraphModule`.

    Args:
        root: the module or function.
        concrete_args: values for some parameters, which the graph then contains; nests may hold `torch.fx.PH` for leaves that stay inputs.

    Raises TraceError where control flow depends on a value.

    >>> gm = torch.fx.symbolic_trace(lambda x, y: torch.sin(x) + y)
    >>> gm(torch.zeros(1), 2.0)
    tensor([2.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, torch.nn.Module) else root.__name__
    return GraphModule(tracer.root, graph, name)

