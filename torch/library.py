"""Operators of one's own: `custom_op`, and the older `Library`.

>>> @torch.library.custom_op("demo::twice", mutates_args=())
... def twice(x: torch.Tensor) -> torch.Tensor:
...     return x + x
>>> torch.ops.demo.twice(torch.ones(2))
tensor([2., 2.])
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import re
import types as _types
import typing
import weakref
from typing import Any, Callable, Sequence

import torch
from torch import _custom_ops

__all__ = ["Library", "impl", "define", "fallthrough_kernel", "impl_abstract", "register_autocast", "register_fake", "register_torch_dispatch",
           "register_vmap", "get_ctx", "get_kernel", "custom_op", "triton_op", "wrap_triton", "infer_schema"]


def _registered(qualified_name):
    """(overload names, maker of (operator, schema)) for `torch.ops`; None where nothing is registered."""
    overloads = _custom_ops.OPERATORS.get(qualified_name)
    if not overloads:
        return None

    def make(overload):
        op = overloads[overload]
        return op, op.schema
    return tuple(overloads), make


def fallthrough_kernel():
    """Stands for "no kernel here: go on to the next layer" in ``Library.impl``."""
    raise NotImplementedError("fallthrough_kernel() should never be called.")


def _operator(op) -> _custom_ops.Registered:
    if isinstance(op, CustomOpDef):
        return op._op
    if isinstance(op, torch._ops.OpOverload):
        op = op.name()
    return _custom_ops.find(op)


class Library:
    """Defines operators in a namespace, or gives kernels to them.

    Args:
        ns: the namespace.
        kind: "DEF" (a new namespace), "FRAGMENT" (more of one) or "IMPL" (kernels only).
        dispatch_key: where kernels of this library belong unless ``impl`` says otherwise.
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = ""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        if ns in ("prim", "prims") and kind != "FRAGMENT":
            raise ValueError(f"{ns} is a reserved namespace. Please try creating a library with another name.")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._defined: list = []
        self._kernels: list = []
        self._finalizer = weakref.finalize(self, _undo, self._defined, self._kernels)

    def __repr__(self):
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags=()) -> str:
        """Adds an operator by its schema, such as ``"mul(Tensor a, Tensor b) -> Tensor"``; returns its name."""
        op = _custom_ops.define(schema, self.ns, tags if isinstance(tags, (list, tuple)) else (tags,))
        self._defined.append(op)
        return op.name + (f".{op.overload}" if op.overload else "")

    def _qualified(self, name):
        if isinstance(name, torch._ops.OpOverload):
            return name.name()
        return name if "::" in name else f"{self.ns}::{name}"

    def impl(self, op_name, fn: Callable, dispatch_key: str = "", *, with_keyset: bool = False, allow_override: bool = False) -> None:
        """Gives the operator a kernel for a dispatch key ("CPU", "Meta", "Autograd", "CompositeImplicitAutograd"...)."""
        if not callable(fn):
            raise TypeError(f"Input function is required to be a callable but found type {type(fn)}")
        op = _custom_ops.find(self._qualified(op_name))
        key = dispatch_key or self.dispatch_key or "CompositeImplicitAutograd"
        if key in op.kernels and not allow_override:
            raise RuntimeError(f"This is not allowed since there's already a kernel registered from python overriding {op_name}'s behavior for "
                               f"{key} dispatch key and {self.ns} namespace.")
        if fn is fallthrough_kernel:
            return
        op.kernels[key] = functools.partial(fn, None) if with_keyset else fn
        self._kernels.append((op, key))

    def fallback(self, fn: Callable, dispatch_key: str = "", *, with_keyset: bool = False) -> None:
        """Only `fallthrough_kernel` may stand for all operators of a key."""
        if fn is not fallthrough_kernel:
            raise RuntimeError("a fallback for all operators can only be fallthrough_kernel")

    def register_symm_mem_args(self, op_name, arg_names) -> None:
        """Notes which arguments want symmetric memory; there is none on the CPU."""

    def _register_fake(self, op_name, fn, _stacklevel=1, *, allow_override=False):
        _custom_ops.find(self._qualified(op_name)).fake = fn

    def _register_torch_dispatch_rule(self, op_name, torch_dispatch_class, fn):
        _custom_ops.find(self._qualified(op_name)).torch_dispatch[torch_dispatch_class] = fn

    def _destroy(self):
        self._finalizer()


def _undo(defined, kernels):
    for op, key in kernels:
        op.kernels.pop(key, None)
    for op in defined:
        _custom_ops.remove(op)


_kept: list = []    # libraries that the functions below made: they live as long as the program


def _library(qualname, lib):
    if lib is None:
        lib = Library(qualname.split("::")[0], "FRAGMENT")
        _kept.append(lib)
    return lib


def define(qualname, schema=None, *, lib=None, tags=()):
    """Adds the operator "mylib::mul" with a schema such as ``"(Tensor a, Tensor b) -> Tensor"``."""
    if isinstance(qualname, Library):   # define(lib, schema, alias_analysis="") decorates a kernel
        owner = qualname

        def wrap(f):
            owner.impl(owner.define(schema), f)
            return f
        return wrap
    if not isinstance(qualname, str):
        raise ValueError(f"define(qualname, schema): expected qualname to be instance of str, got {type(qualname)}")
    if "::" not in qualname:
        raise ValueError(f"Expected `qualname` to be of the form \"namespace::name\", got {qualname}")
    _library(qualname, lib).define(qualname.split("::")[1] + schema, tags=tags)
    return None


_KEYS = {"cpu": "CPU", "cuda": "CUDA", "default": "CompositeExplicitAutograd", "meta": "Meta"}


def impl(qualname, types, func=None, *, lib=None):
    """Gives an operator a kernel for device types ("cpu", "cuda", ..., or "default"). Also a decorator."""
    if isinstance(qualname, Library):   # impl(lib, name, dispatch_key="") decorates a kernel
        owner = qualname

        def wrap(f):
            owner.impl(types, f, func or "")
            return f
        return wrap
    keys = [types] if isinstance(types, str) else list(types)

    def register(f):
        for key in keys:
            _library(qualname, lib).impl(qualname, f, _KEYS.get(key, key))
        return f
    return register if func is None else register(func) and None


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Gives an operator a kernel for device types; None: for all. Also a decorator."""
    operator = _operator(op)
    keys = ["default"] if device_types is None else [device_types] if isinstance(device_types, str) else list(device_types)

    def register(f):
        for key in keys:
            operator.kernels[_KEYS.get(key, key)] = f
        return f
    return register if func is None else register(func)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=False):
    """Says what shapes and dtypes the results have: `func` gets tensors without elements and returns such. Also a decorator."""
    operator = _operator(op)

    def register(f):
        operator.fake = f
        return f
    return register if func is None else register(func)


def impl_abstract(qualname, func=None, *, lib=None, _stacklevel=1):
    """The old name of `register_fake`."""
    return register_fake(qualname, func, lib=lib)


def register_autograd(op, backward: Callable, /, *, setup_context: Callable | None = None, lib=None) -> None:
    """Gives an operator a gradient.

    Args:
        backward: ``backward(ctx, *grads)``: the gradients of the arguments, None for those without.
        setup_context: ``setup_context(ctx, inputs, output)``: keeps what backward needs.
    """
    operator = _operator(op)
    if operator.parsed.is_mutable:
        raise RuntimeError(f"Cannot register autograd formula for non-functional operator {operator.name} with schema {operator.schema}. Please "
                           "create a functional operator and register an autograd formula for that.")
    operator.autograd = (backward, setup_context)


def register_vmap(op, func=None, /, *, lib=None):
    """Gives an operator a rule for batches: ``func(info, in_dims, *args)`` returns results and their batch dimensions. Also a decorator."""
    operator = _operator(op)

    def register(f):
        operator.vmap = f
        return f
    return register if func is None else register(func)


def register_torch_dispatch(op, torch_dispatch_class, func=None, /, *, lib=None):
    """Says what a TorchDispatchMode or a tensor subclass does with the operator: ``func(mode, func, types, args, kwargs)``."""
    operator = _operator(op)

    def register(f):
        operator.torch_dispatch[torch_dispatch_class] = f
        return f
    return register if func is None else register(func)


def register_autocast(op, device_type: str, cast_inputs: torch.dtype, /, *, lib=None):
    """Under autocast for this device, floating-point arguments are converted to `cast_inputs` first."""
    operator = _operator(op)
    inner = dict(operator.kernels)

    def cast(v):
        return v.to(cast_inputs) if isinstance(v, torch.Tensor) and v.is_floating_point() and v.dtype != torch.float64 else v

    for key, kernel in inner.items():
        @functools.wraps(kernel)
        def wrapped(*args, _kernel=kernel, **kwargs):
            if torch.is_autocast_enabled(device_type):
                args = tuple(cast(a) for a in args)
                kwargs = {k: cast(v) for k, v in kwargs.items()}
            return _kernel(*args, **kwargs)
        operator.kernels[key] = wrapped


class _FakeContext:
    """What `register_fake` functions may ask: sizes that depend on data."""

    def new_dynamic_size(self, *, min=0, max=None):
        """A size that is known only when there are elements."""
        raise RuntimeError("sizes that depend on data are only known while a graph is captured with symbolic shapes")


def get_ctx():
    """The context of the running `register_fake` function."""
    return _FakeContext()


def get_kernel(op, dispatch_key):
    """The kernel of an operator for a dispatch key: a function ``(keys, *args, **kwargs)``."""
    operator = _operator(op)
    kernel = operator.kernels.get(str(dispatch_key).split(".")[-1])
    if kernel is None:
        raise RuntimeError(f"operator {operator.name} has no kernel for {dispatch_key}")
    return lambda keys, *args, **kwargs: kernel(*args, **kwargs)


# ---- schemas from annotations ----

_TYPES = {torch.Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str", torch.dtype: "ScalarType", torch.device: "Device"}


def _type_text(annotation, what):
    if annotation in _TYPES:
        return _TYPES[annotation]
    if annotation in (typing.Union[int, float], typing.Union[int, float, bool], typing.Union[float, bool]):
        return "Scalar"
    if getattr(torch.types, "Number", None) is annotation:
        return "Scalar"
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, _types.UnionType) and type(None) in args:
        rest = tuple(a for a in args if a is not type(None))
        return _type_text(rest[0] if len(rest) == 1 else typing.Union[rest], what) + "?"
    if origin in (list, collections.abc.Sequence) and len(args) == 1:
        return _type_text(args[0], what) + "[]"
    raise ValueError(f"infer_schema(func): {what} has unsupported type {annotation}. The valid types are: {', '.join(map(str, _TYPES))}, and "
                     "Optional and Sequence of them.")


def infer_schema(prototype_function: Callable, /, *, mutates_args, op_name: str | None = None, tags=None) -> str:
    """The schema that a function's annotations describe.

    >>> def f(x: torch.Tensor, n: int = 2) -> torch.Tensor: ...
    >>> torch.library.infer_schema(f, mutates_args=())
    '(Tensor x, SymInt n=2) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    parts, star, letters = [], False, iter("abcdefghijklmnopqrstuvwxyz")
    for name, p in signature.parameters.items():
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            raise ValueError("infer_schema(func): We do not support positional-only args, varargs, or varkwargs.")
        if p.kind is p.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        if name not in hints:
            raise ValueError(f"infer_schema(func): Parameter {name} must have a type annotation.")
        text = _type_text(hints[name], f"Parameter {name}")
        if mutates_args == "unknown" and text.startswith("Tensor") or mutates_args != "unknown" and name in mutates_args:
            if not text.startswith("Tensor"):
                raise ValueError(f"infer_schema(func): Parameter {name} is in mutates_args but only Tensors or collections of Tensors can be mutated")
            text = text.replace("Tensor", f"Tensor({next(letters)}!)", 1)
        if p.default is p.empty:
            parts.append(f"{text} {name}")
        elif isinstance(p.default, (int, float, bool, type(None))):
            parts.append(f"{text} {name}={p.default}")
        elif isinstance(p.default, str):
            parts.append(f'{text} {name}="{p.default}"')
        elif isinstance(p.default, (torch.dtype, torch.device)):
            parts.append(f"{text} {name}={str(p.default).removeprefix('torch.')}")
        else:
            raise ValueError(f"infer_schema(func): Parameter {name} has an unsupported default value type {type(p.default)}.")
    if mutates_args != "unknown":
        unknown = set(mutates_args) - set(signature.parameters)
        if unknown:
            raise ValueError(f"infer_schema(func): {unknown} in mutates_args were not found in the function's signature.")
    result = hints.get("return", None)
    if "return" not in hints:
        raise ValueError("infer_schema(func): No return type annotation was provided. Please add one.")
    if result is type(None) or result is None:
        returned = "()"
    elif typing.get_origin(result) is tuple:
        returned = "(" + ", ".join(_type_text(a, "Return") for a in typing.get_args(result)) + ")"
    else:
        returned = _type_text(result, "Return")
    return f"{op_name or ''}({', '.join(parts)}) -> {returned}"


# ---- custom_op ----

class CustomOpDef:
    """What the `custom_op` decorator makes: a function, and the place to register its gradient and its other rules."""

    def __init__(self, namespace, name, schema, fn, tags=()):
        self._namespace, self._name = namespace, name
        self._qualname = f"{namespace}::{name}"
        if self._qualname in _custom_ops.OPERATORS:
            _custom_ops.OPERATORS.pop(self._qualname)
            getattr(torch.ops, namespace).__dict__.pop(name, None)
        self._op = _custom_ops.define(name + schema, namespace, tags)
        self._init_fn = fn
        functools.update_wrapper(self, fn)

    @property
    def _opoverload(self):
        return self._op.handle

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        return self._op(*args, **kwargs)

    def register_kernel(self, device_types, fn=None, /):
        """Gives the operator a kernel for device types; None: for all. Also a decorator."""
        return register_kernel(self, device_types, fn)

    def register_fake(self, fn, /):
        """See `torch.library.register_fake`."""
        return register_fake(self, fn)

    def register_autograd(self, backward, /, *, setup_context=None) -> None:
        """See `torch.library.register_autograd`."""
        register_autograd(self, backward, setup_context=setup_context)

    def register_vmap(self, func=None):
        """See `torch.library.register_vmap`."""
        return register_vmap(self, func)

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        """See `torch.library.register_torch_dispatch`."""
        return register_torch_dispatch(self, torch_dispatch_class, fn)

    def register_autocast(self, device_type, cast_inputs):
        """See `torch.library.register_autocast`."""
        register_autocast(self, device_type, cast_inputs)

    def set_kernel_enabled(self, device_type, enabled=True):
        """Context manager: the kernel for a device type is off (or on) inside."""
        return _kernel_switched(self._op, _KEYS.get(device_type, device_type), enabled)


class _kernel_switched:
    def __init__(self, op, key, enabled):
        self.op, self.key, self.before = op, key, key in op.disabled
        (op.disabled.discard if enabled else op.disabled.add)(key)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        (self.op.disabled.add if self.before else self.op.disabled.discard)(self.key)


def custom_op(name: str, fn: Callable | None = None, /, *, mutates_args: str | Sequence[str], device_types=None, schema: str | None = None,
              tags=None) -> Any:
    """Makes a function an operator: autograd, modes and the compiler then see one call and not what is inside. Also a decorator.

    Args:
        name: "namespace::name".
        fn: takes and returns tensors, numbers and lists of them; its results must not alias its arguments.
        mutates_args: names of the tensor arguments that it writes to.
        device_types: for which devices `fn` is the kernel; None: for all.
        schema: as in `define`; None: from the annotations.
    """
    def make(function):
        text = infer_schema(function, mutates_args=mutates_args) if schema is None else schema[schema.index("("):]
        match = re.match(r"^(\w+)::(\w+)$", name)
        if not match:
            raise ValueError(f"Expected `name` to be of the form \"namespace::name\", got {name}")
        op = CustomOpDef(match[1], match[2], text, function, tags or ())
        register_kernel(op, device_types, function)
        return op
    return make if fn is None else make(fn)


def triton_op(name: str, fn: Callable | None = None, /, *, mutates_args, schema: str | None = None) -> Any:
    """`custom_op` for functions that call Triton kernels."""
    return custom_op(name, fn, mutates_args=mutates_args, schema=schema)


def wrap_triton(triton_kernel, /):
    """A Triton kernel as it may be called in a `triton_op`: the kernel itself."""
    return triton_kernel


def opcheck(op, args, kwargs=None, *, test_utils=("test_schema", "test_autograd_registration", "test_faketensor"), raise_exception=True, atol=None,
            rtol=None) -> dict[str, str]:
    """Tries an operator on sample arguments; returns {check: "SUCCESS" or the error}.

    test_schema: arguments that the schema does not call written stay as they are. test_autograd_registration: inputs that require a
    gradient make results with a graph. test_faketensor: the rule of `register_fake` gives the shapes and dtypes of the kernel.
    """
    operator, kwargs = _operator(op), kwargs or {}
    found = {}
    for check in [test_utils] if isinstance(test_utils, str) else test_utils:
        try:
            _CHECKS[check](operator, args, kwargs)
            found[check] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise OpCheckError(f"opcheck({operator.name}, ...): {check} failed with {error} (scroll up for stack trace)") from error
            found[check] = error
    return found


class OpCheckError(Exception):
    """A check of `opcheck` failed."""


def _check_schema(operator, args, kwargs):
    before = [(t, t.detach().clone()) for t in _custom_ops.tensors_in(args)]
    written = {id(t) for a, v in zip(operator.parsed.arguments, args) if a.is_write for t in _custom_ops.tensors_in((v,))}
    result = operator(*args, **kwargs)
    for t, copy in before:
        if id(t) not in written and not torch.equal(t, copy):
            raise RuntimeError("an argument that the schema does not call mutated was written to")
    for r in _custom_ops.tensors_in((result,)):
        if any(r is t for t, _ in before if id(t) not in written):
            raise RuntimeError("the operator returns one of its arguments")


def _check_autograd(operator, args, kwargs):
    if not any(t.requires_grad for t in _custom_ops.tensors_in(args)):
        return
    results = list(_custom_ops.tensors_in((operator(*args, **kwargs),)))
    if operator.autograd is not None and not any(r.requires_grad for r in results):
        raise RuntimeError("the operator has a gradient but its results do not require one")


def _check_fake(operator, args, kwargs):
    if operator.fake is None:
        raise RuntimeError("no fake implementation is registered")
    real = list(_custom_ops.tensors_in((operator(*args, **kwargs),)))

    def to_meta(v):
        return v.to("meta") if isinstance(v, torch.Tensor) else type(v)(map(to_meta, v)) if isinstance(v, (list, tuple)) else v
    fake = list(_custom_ops.tensors_in((operator.fake(*map(to_meta, args), **{k: to_meta(v) for k, v in kwargs.items()}),)))
    for a, b in zip(real, fake, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise RuntimeError(f"the fake implementation gives {b.dtype}{list(b.shape)}, the kernel {a.dtype}{list(a.shape)}")


_CHECKS = {"test_schema": _check_schema, "test_autograd_registration": _check_autograd, "test_faketensor": _check_fake,
           "test_aot_dispatch_static": _check_fake, "test_aot_dispatch_dynamic": _check_fake}

__all__ += ["register_kernel", "register_autograd", "opcheck", "OpCheckError", "CustomOpDef"]
