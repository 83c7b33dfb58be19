"""`make_fx`: a function run once on tensors, with every operator that reaches the kernels recorded in a graph.

It sees what is below autograd, so that gradients computed inside are part of the graph.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import weakref
from operator import getitem as _getitem
from typing import Any, Callable, NamedTuple

import torch
import torch.fx as fx
import torch.utils._pytree as pytree
from torch import _C
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, maybe_get_fake_mode, unset_fake_temporarily
from torch._symbolic.numbers import SymBool, SymFloat, SymInt
from torch._tags import Tag
from torch.fx.experimental._symbolic_nodes import SymbolicNodes
from torch.fx.graph_module import GraphModule
from torch.utils._python_dispatch import KeyedMode, _disable_infra_mode, is_traceable_wrapper_subclass

__all__ = ["PythonKeyTracer", "ProxyTorchDispatchMode", "dispatch_trace", "make_fx", "DecompositionInterpreter", "py_sym_types", "get_proxy_mode",
           "get_innermost_proxy_mode", "get_proxy_slot", "set_proxy_slot", "has_proxy_slot", "track_tensor", "track_tensor_tree", "decompose",
           "disable_proxy_modes_tracing", "maybe_disable_fake_tensor_mode", "snapshot_fake",
           "extract_val", "get_isolated_graphmodule"]

aten = torch.ops.aten
_PROXY = _C._TorchDispatchModeKey.PROXY
CURRENT_DECOMPOSITION_TABLE: dict = {}
CONSTANT_NUMEL_LIMIT = 1
py_sym_types = (SymInt, SymFloat, SymBool)


@contextlib.contextmanager
def decompose(decomposition_table):
    """Inside, recording replaces the operators of this table by what they are made of."""
    global CURRENT_DECOMPOSITION_TABLE
    before, CURRENT_DECOMPOSITION_TABLE = CURRENT_DECOMPOSITION_TABLE, decomposition_table or {}
    try:
        yield CURRENT_DECOMPOSITION_TABLE
    finally:
        CURRENT_DECOMPOSITION_TABLE = before


# ---- which node made a value ----

class _ProxyTensor(NamedTuple):
    """What a tensor stands for in a graph, and its value where that is known."""

    proxy: fx.Proxy
    constant: torch.Tensor | None = None


class PythonKeyTracer(fx.Tracer):
    """Makes the graph of one `make_fx`; remembers by which node each tensor was made."""

    def __init__(self):
        super().__init__(autowrap_modules=())
        self.root = torch.nn.Module()
        self.graph = fx.Graph(tracer_cls=PythonKeyTracer)
        self.tensor_tracker: dict[int, tuple] = {}       # id(tensor) -> (weak reference, node, constant)
        self.symbols = SymbolicNodes(self.graph)
        self._constants: dict[int, fx.Node] = {}
        self._kept: list = []                            # constants, so that their ids stay theirs

    def call_module(self, m, forward, args, kwargs):
        """Modules are run, not recorded."""
        return forward(*args, **kwargs)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """Attributes of modules are what they are."""
        return attr_val

    def entry(self, tensor):
        """(node, constant) of a tensor that this graph made or was given; None."""
        found = self.tensor_tracker.get(id(tensor))
        return found[1:] if found is not None and found[0]() is tensor else None

    def track(self, tensor, node, constant=None):
        """From now on `tensor` stands for `node`."""
        self.tensor_tracker[id(tensor)] = weakref.ref(tensor), node, constant
        for dim, size in enumerate(tensor.shape) if self.symbols.active else ():
            self.symbols.bind(size, aten.sym_size.int, node, dim)
        if self.symbols.active:
            for dim, stride in enumerate(tensor.stride()):
                self.symbols.bind(stride, aten.sym_stride.int, node, dim)

    def constant(self, tensor):
        """The get_attr node of a tensor from outside of the graph, which becomes an attribute of the module."""
        known = self._constants.get(id(tensor))
        if known is not None:
            return known
        kind = "_param_constant" if isinstance(tensor, torch.nn.Parameter) else "_tensor_constant"
        i = 0
        while hasattr(self.root, f"{kind}{i}"):
            i += 1
        name = f"{kind}{i}"
        if kind == "_param_constant":
            self.root.register_parameter(name, tensor)
        else:
            setattr(self.root, name, tensor)
        node = self.graph.create_node("get_attr", name, (), {})
        self._constants[id(tensor)] = node
        self._kept.append(tensor)
        return node

    def create_arg(self, a):
        """A value as an argument of a node: tensors and symbolic numbers become nodes."""
        kind = type(a)
        if kind is int or kind is float or kind is bool or kind is str or a is None:
            return a
        if isinstance(a, torch.Tensor):
            found = self.entry(a)
            return found[0] if found is not None else self.constant(a)
        if kind is list or kind is tuple or kind is torch.Size:
            items = [self.create_arg(x) for x in a]
            return tuple(items) if isinstance(a, tuple) else items
        if kind is dict:
            return {k: self.create_arg(v) for k, v in a.items()}
        if isinstance(a, py_sym_types):
            return self.symbols.node_of(a)
        if isinstance(a, fx.Proxy):
            return a.node
        return super().create_arg(a)


def has_proxy_slot(obj, tracer) -> bool:
    """Does `obj` stand for a node of this tracer's graph?"""
    return get_proxy_slot(obj, tracer, default=None) is not None


_NO_DEFAULT = object()


def get_proxy_slot(obj, tracer, default=_NO_DEFAULT, transform=lambda x: x):
    """What `obj`, a tensor or symbolic number, stands for in the tracer's graph. KeyError without a default."""
    if isinstance(obj, torch.Tensor):
        found = tracer.entry(obj)
        if found is not None:
            return transform(_ProxyTensor(fx.Proxy(found[0], tracer), found[1]))
    elif tracer.symbols.knows(obj):
        return transform(fx.Proxy(tracer.symbols.node_of(obj), tracer))
    if default is _NO_DEFAULT:
        raise KeyError(f"{type(obj).__name__} is not tracked with proxy for {tracer}")
    return default


def set_proxy_slot(obj, tracer, proxy):
    """From now on `obj` stands for this proxy."""
    proxy, constant = (proxy.proxy, proxy.constant) if isinstance(proxy, _ProxyTensor) else (proxy, None)
    if isinstance(obj, torch.Tensor):
        tracer.track(obj, proxy.node, constant)
    else:
        tracer.symbols.bind_value(obj, proxy.node)


def track_tensor(tensor, proxy, *, constant, tracer):
    """Like `set_proxy_slot`, for a tensor."""
    set_proxy_slot(tensor, tracer, _ProxyTensor(proxy, constant))


def track_tensor_tree(inner_res, proxy_res, *, constant, tracer):
    """From now on the tensors of a nest stand for the proxy of the same place."""
    _record_results(tracer, inner_res, proxy_res.node, constant)
    return inner_res


# ---- what nodes remember of their values ----

def snapshot_fake(val, include_real=False):
    """A fake tensor that later writes to `val` do not change."""
    return _C._fake_like(FakeTensor, val.fake_mode, val, val.device, False)


_shapes_only: FakeTensorMode | None = None


def extract_val(val, include_real=False):
    """What ``node.meta["val"]`` holds for a value: fake tensors for tensors."""
    global _shapes_only
    if isinstance(val, FakeTensor):
        return snapshot_fake(val)
    if isinstance(val, torch.Tensor):
        if is_traceable_wrapper_subclass(val) or val.layout is not torch.strided:
            return val
        if _shapes_only is None:
            _shapes_only = FakeTensorMode()
        elem = _C._meta_strided(val.shape, val.stride(), val.storage_offset(), val.dtype, None)
        return _C._fake_like(FakeTensor, _shapes_only, elem, val.device, val.requires_grad)
    if isinstance(val, (list, tuple)):
        return type(val)([extract_val(x) for x in val]) if type(val) in (list, tuple) else tuple(extract_val(x) for x in val)
    return val


def set_meta(proxy, val):
    """Remembers the value of a proxy's node."""
    _set_meta(proxy.node, val)
    return proxy


def _set_meta(node, val):
    from torch.fx.passes.shape_prop import _extract_tensor_metadata

    node.meta["val"] = val = extract_val(val)
    if isinstance(val, torch.Tensor):
        node.meta["tensor_meta"] = _extract_tensor_metadata(val)


def _record_results(tracer, out, node, constant=None):
    """The results of a call stand for its node, those in a tuple for the nodes of their elements."""
    if isinstance(out, torch.Tensor):
        _set_meta(node, out)
        tracer.track(out, node, constant)
    elif isinstance(out, (tuple, list)):
        node.meta["val"] = extract_val(out)
        for i, item in enumerate(out):
            if isinstance(item, (torch.Tensor, tuple, list)) or isinstance(item, py_sym_types):
                _record_results(tracer, item, tracer.graph.call_function(_getitem, (node, i)), constant[i] if constant else None)
    elif isinstance(out, py_sym_types):
        node.meta["val"] = out
        tracer.symbols.bind_value(out, node)


# ---- the mode ----

class ProxyTorchDispatchMode(KeyedMode):
    """Records every operator call in the graph of a tracer."""

    _mode_key = _PROXY

    def __init__(self, tracer, tracing_mode="real", pre_dispatch=False, _allow_fake_constant=False, _error_on_data_dependent_ops=True):
        super().__init__()
        self.tracer = tracer
        self.tracing_mode = tracing_mode
        self.pre_dispatch = pre_dispatch
        self.enable_tracing = True
        self._error_on_data_dependent_ops = _error_on_data_dependent_ops

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not self.enable_tracing or func.namespace == "prim":
            return func(*args, **kwargs)
        rule = CURRENT_DECOMPOSITION_TABLE.get(func)
        if rule is not None:
            with self:
                out = rule(*args, **kwargs)
            if out is not NotImplemented:
                return out
        return self._record(func, args, kwargs)

    def _record(self, func, args, kwargs):
        tracer = self.tracer
        if Tag.data_dependent_output in func.tags and self._error_on_data_dependent_ops:
            known = self._known_number(func, args, kwargs)
            if known is not None:
                return known
        if func is aten.lift_fresh.default:
            func = aten.lift_fresh_copy.default
        name = func._opname
        node = tracer.graph.create_node("call_function", func, tracer.create_arg(args), tracer.create_arg(kwargs) if kwargs else {}, name)
        if func is aten.lift_fresh_copy.default:
            return self._lifted(args[0], node)
        out = func(*args, **kwargs)
        _record_results(tracer, out, node)
        return out

    def _lifted(self, constant, node):
        """A tensor that the function makes of numbers: where it is small its value stays known."""
        with _disable_infra_mode(_C._TorchDispatchModeKey.FAKE) as fake:
            out = constant.clone()
        if fake is not None:
            with fake:
                out = aten.lift_fresh.default(constant)
        _record_results(self.tracer, out, node, constant if constant.numel() <= CONSTANT_NUMEL_LIMIT else None)
        return out

    def _known_number(self, func, args, kwargs):
        """The result of reading tensors whose value is known; None where a symbol may stand for it. RuntimeError for others."""
        entries = [self.tracer.entry(x) for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        tensors = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        if all(e is None for e in entries):
            return func(*args, **kwargs)
        if all(e is None or e[1] is not None for e in entries):
            def value(x):
                e = self.tracer.entry(x)
                return x if e is None else e[1]
            with unset_fake_temporarily():
                return func(*pytree.tree_map_only(torch.Tensor, value, args), **pytree.tree_map_only(torch.Tensor, value, kwargs))
        modes = [maybe_get_fake_mode(t) for t in tensors]
        if any(m is not None and m.shape_env is not None and (m.allow_scalar_outputs or m.shape_env.allow_scalar_outputs) for m in modes):
            return None
        if any(isinstance(t, FakeTensor) and t.constant is not None for t in tensors):
            return func(*args, **kwargs)
        raise RuntimeError(f"It appears that you're trying to get value out of a tracing tensor with {func} - erroring out! It's likely that this is "
                           "caused by data-dependent control flow or similar.  It may be possible to trace this with dynamic shapes; try setting "
                           "tracing_mode='symbolic' in your make_fx call.")


def get_proxy_mode():
    """The `ProxyTorchDispatchMode` that is on, or None."""
    return _C._get_dispatch_mode(_PROXY)


def get_innermost_proxy_mode():
    """The `ProxyTorchDispatchMode` that is on, or None."""
    return get_proxy_mode()


def disable_proxy_modes_tracing():
    """Context manager: nothing is recorded inside; gives the mode that is off, or None."""
    return _disable_infra_mode(_PROXY)


def maybe_disable_fake_tensor_mode():
    """Context manager: no `FakeTensorMode` is on inside."""
    return unset_fake_temporarily()


# ---- make_fx ----

def dispatch_trace(root, tracer, concrete_args=()):
    """The GraphModule of one run of ``root(*concrete_args)`` under the modes that are on."""
    graph = tracer.graph
    inputs, in_spec = pytree.tree_flatten(tuple(concrete_args))
    names = _parameter_names(root, len(concrete_args))
    nested = any(not spec.is_leaf() for spec in in_spec.children_specs)
    leaf_names = [name for name, spec in zip(names, in_spec.children_specs) for _ in range(spec.num_leaves)]
    for name, value in zip(leaf_names, inputs):
        node = graph.create_node("placeholder", f"{name}_1", (), {}, f"{name}_1")
        if isinstance(value, torch.Tensor):
            _set_meta(node, value)
            tracer.track(value, node)
        else:
            node.meta["val"] = value
            tracer.symbols.bind_value(value, node)
    out = root(*concrete_args)
    leaves, out_spec = pytree.tree_flatten(out)
    if nested:
        graph.set_codegen(_pytree_codegen(names, in_spec, out_spec))
        graph.output([tracer.create_arg(x) for x in leaves])
    else:
        graph.output(pytree.tree_map(tracer.create_arg, out) if out_spec.num_leaves != 1 or not out_spec.is_leaf() else tracer.create_arg(out))
    name = root.__class__.__name__ if isinstance(root, torch.nn.Module) else getattr(root, "__name__", type(root).__name__)
    return GraphModule(tracer.root, graph, name)


def _pytree_codegen(names, in_spec, out_spec):
    from torch.fx._codegen import _PyTreeCodeGen, _PyTreeInfo

    return _PyTreeCodeGen(_PyTreeInfo(list(names), in_spec, out_spec))


def _parameter_names(f, n):
    """Names for the n inputs: those of the function's parameters where it has so many plain ones."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if isinstance(f, torch.nn.Module) or any(p.kind is p.VAR_POSITIONAL for p in parameters) or len(plain) < n:
        return [f"arg{i}" for i in range(n)]
    return plain[:n]


def make_fx(f: Callable, decomposition_table: dict | None = None, tracing_mode: str = "real", _allow_non_fake_inputs: bool = False, *,
            pre_dispatch: bool = False, record_module_stack: bool = False, _allow_fake_constant: bool = False,
            _error_on_data_dependent_ops: bool = True, record_stack_traces: bool = False) -> Callable[..., GraphModule]:
    """A function that runs ``f(*args)`` once and gives the graph of its operators, as a `torch.fx.GraphModule`.

    Args:
        decomposition_table: {operator: function}: what to record in place of an operator.
        tracing_mode: "real" runs on the given tensors; "fake" on tensors without elements; "symbolic" likewise, with sizes that stay
            formulas.

    >>> print(make_fx(lambda x: torch.sin(x) + 1)(torch.ones(2)).code.strip())
    def forward(self, x_1):
        sin = torch.ops.aten.sin.default(x_1);  x_1 = None
        add = torch.ops.aten.add.Tensor(sin, 1);  sin = None
        return add
    """
    if tracing_mode not in ("real", "fake", "symbolic"):
        raise AssertionError(f"Unexpected tracing mode: {tracing_mode}; it is one of real, fake, symbolic")
    if pre_dispatch:
        raise NotImplementedError("make_fx(pre_dispatch=True): operators are recorded below autograd only")

    @functools.wraps(f)
    def traced(*args):
        fake_mode = _fake_mode_for(tracing_mode, args, _allow_non_fake_inputs)
        if tracing_mode != "real":
            args = pytree.tree_map(functools.partial(_fake_input, fake_mode, tracing_mode), args)
        tracer = PythonKeyTracer()
        tracer.record_stack_traces = record_stack_traces
        tracer.symbols.active = tracing_mode == "symbolic" or (fake_mode is not None and fake_mode.shape_env is not None)
        mode = ProxyTorchDispatchMode(tracer, tracing_mode, _error_on_data_dependent_ops=_error_on_data_dependent_ops)
        with decompose(decomposition_table), fake_mode or contextlib.nullcontext(), mode:
            module = dispatch_trace(f, tracer, args)
        if fake_mode is not None and fake_mode.shape_env is not None:
            module.shape_env = fake_mode.shape_env
        return module
    return traced


def _fake_mode_for(tracing_mode, args, allow_non_fake):
    found = next((m for m in map(maybe_get_fake_mode, pytree.tree_leaves(args)) if m is not None), None)
    if tracing_mode == "real" or found is not None:
        return found if tracing_mode != "real" else None
    if tracing_mode == "fake":
        return FakeTensorMode(allow_non_fake_inputs=allow_non_fake)
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    return FakeTensorMode(allow_non_fake_inputs=allow_non_fake, shape_env=ShapeEnv(), static_shapes=False)


def _fake_input(mode, tracing_mode, x):
    if isinstance(x, torch.Tensor):
        return mode.from_tensor(x, static_shapes=tracing_mode == "fake")
    if tracing_mode == "symbolic" and type(x) is int:
        return mode.shape_env.create_symint_input(x)
    return x


class DecompositionInterpreter(fx.Interpreter):
    """Runs a graph and records it again in another, with the operators of a table replaced."""

    def __init__(self, module, new_graph, decomposition_table=None, **kwargs):
        super().__init__(module, **kwargs)
        self.new_graph = new_graph
        self.tracer = PythonKeyTracer()
        self.tracer.graph = new_graph
        self.tracer.symbols.graph = new_graph
        self.tracer.root = module
        self.decomposition_table = decomposition_table or {}
        self.mode = ProxyTorchDispatchMode(self.tracer)

    def placeholder(self, target, args, kwargs):
        out = super().placeholder(target, args, kwargs)
        self.tracer.track(out, self.new_graph.placeholder(target))
        return out

    def get_attr(self, target, args, kwargs):
        out = super().get_attr(target, args, kwargs)
        self.tracer.track(out, self.new_graph.get_attr(target))
        return out

    def output(self, target, args, kwargs):
        out = super().output(target, args, kwargs)
        self.new_graph.output(pytree.tree_map(self.tracer.create_arg, out))
        return out

    def run(self, *args, **kwargs):
        with decompose(self.decomposition_table), self.mode:
            return super().run(*args, **kwargs)


def get_isolated_graphmodule(func, args, kwargs, tracing_mode="real", decomposition_table=None):
    """The graph of ``func(*args, **kwargs)``, untouched by a recording that is under way."""
    leaves, spec = pytree.tree_flatten((args, kwargs))

    def flat(leaves):
        again, keywords = pytree.tree_unflatten(leaves, spec)
        return func(*again, **keywords)
    with disable_proxy_modes_tracing():
        return make_fx(flat, decomposition_table=decomposition_table, tracing_mode=tracing_mode)(leaves)


def is_sym_node(node: Any) -> bool:
    """Is the value of this graph node a symbolic number?"""
    return isinstance(node.meta.get("val"), py_sym_types)
