"""The `__torch_function__` protocol: classes and modes that intercept the functions of torch.

>>> class Loud(torch.overrides.TorchFunctionMode):
...     def __torch_function__(self, func, types, args=(), kwargs=None):
...         print(torch.overrides.resolve_name(func))
...         return func(*args, **(kwargs or {}))
>>> with Loud():
...     _ = torch.sin(torch.zeros(1))
torch.zeros
torch.sin
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from typing import Any, Callable

import torch
from torch import _C

__all__ = ["get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function", "has_torch_function",
           "resolve_name", "is_tensor_like", "is_tensor_method_or_property", "wrap_torch_function", "enable_reentrant_dispatch",
           "redispatch_function"]

has_torch_function = _C._has_torch_function
has_torch_function_unary = _C._has_torch_function_unary
has_torch_function_variadic = _C._has_torch_function_variadic


def handle_torch_function(public_api: Callable, relevant_args, *args, **kwargs) -> Any:
    """Calls ``__torch_function__`` of the modes and of the overriding arguments, most derived class first, until one answers.

    Args:
        public_api: the function that was called.
        relevant_args: arguments that may override it.
        args, kwargs: the arguments of the call.

    Raises TypeError when all return NotImplemented.
    """
    return _C._handle_torch_function(public_api, relevant_args, *args, **kwargs)


def wrap_torch_function(dispatcher: Callable):
    """Decorator: the function may be overridden by the arguments that ``dispatcher(*args, **kwargs)`` picks out."""
    def wrap(func):
        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)
        return wrapped
    return wrap


def redispatch_function(func, types, args, kwargs):
    """`func` on the same arguments with ``__torch_function__`` off."""
    with _C.DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def _arguments_of(function, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The arguments of a call as a handler gets them: those without default by position, all others by keyword.

    Raises TypeError, as the call would, when they do not fit.
    """
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[:code.co_argcount]
    keyword_only = code.co_varnames[code.co_argcount:code.co_argcount + code.co_kwonlyargcount]
    required, given = len(names) - len(defaults), names[:len(args)]
    fits = (
        (len(args) <= len(names) or code.co_flags & inspect.CO_VARARGS)
        and (not kwargs or code.co_flags & inspect.CO_VARKEYWORDS or kwargs.keys() <= {*names[len(args):], *keyword_only})
        and all(name in kwargs for name in names[len(given):required]))
    if not fits:
        inspect.signature(function).bind(*args, **kwargs)
    options = dict(zip(names[required:], defaults))
    options.update(function.__kwdefaults__ or ())
    options.update(kwargs)
    options.update(zip(names[required:], args[required:len(names)]))
    positional = args if len(args) > len(names) else args[:required]
    return positional + tuple([options.pop(name) for name in names[len(given):required]]), options


def is_tensor_like(inp) -> bool:
    """Is `inp` a tensor, or of a class that overrides torch's functions?"""
    return type(inp) is torch.Tensor or hasattr(inp, "__torch_function__")


@contextlib.contextmanager
def enable_reentrant_dispatch():
    """Inside a ``__torch_dispatch__`` handler: operators called inside go through autograd and the modes again."""
    before = _C._set_below_autograd(False)
    try:
        yield
    finally:
        _C._set_below_autograd(before)


# ---- modes ----

class TorchFunctionMode:
    """Sees every call of a function of torch while it is switched on with ``with``: override `__torch_function__`.

    In the handler the mode itself is off.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Handles one call; subclasses override it."""
        raise NotImplementedError(f"{type(self).__name__} must define __torch_function__")

    def __enter__(self):
        _C._push_on_torch_function_stack(self)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        _C._pop_torch_function_stack()

    @classmethod
    def push(cls, *args, **kwargs):
        """The same as the constructor."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that hands every call on."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def _get_current_function_mode():
    n = _C._len_torch_function_stack()
    return _C._get_function_stack_at(n - 1) if n else None


def _get_current_function_mode_stack():
    return [_C._get_function_stack_at(i) for i in range(_C._len_torch_function_stack())]


def _push_mode(mode):
    _C._push_on_torch_function_stack(mode)


def _pop_mode():
    return _C._pop_torch_function_stack()


@contextlib.contextmanager
def _pop_mode_temporarily():
    mode = _pop_mode()
    try:
        yield mode
    finally:
        _push_mode(mode)


# ---- which functions can be overridden ----

_NOT_OVERRIDABLE = """
typename is_tensor is_storage set_default_tensor_type set_default_device get_default_device set_rng_state get_rng_state manual_seed initial_seed
seed save load set_printoptions fork get_default_dtype get_num_interop_threads get_num_threads init_num_threads import_ir_module
import_ir_module_from_buffer is_anomaly_enabled is_anomaly_check_nan_enabled is_grad_enabled merge_type_from_type_comment parse_ir parse_schema
parse_type_comment set_anomaly_enabled set_flush_denormal set_num_interop_threads set_num_threads wait as_tensor from_numpy tensor default_generator
has_cuda has_cudnn has_lapack device dtype finfo has_mkl has_mps has_mkldnn has_openmp iinfo memory_format qscheme set_grad_enabled no_grad
enable_grad inference_mode is_inference_mode_enabled layout align_tensors arange as_strided bartlett_window blackman_window broadcast_shapes
can_cast compile cudnn_affine_grid_generator empty empty_permuted empty_strided empty_quantized eye fft_fftfreq fft_rfftfreq from_file full
fill hamming_window hann_window kaiser_window linspace logspace mkldnn_adaptive_avg_pool2d normal ones promote_types rand rand_like randn randint
randperm range result_type scalar_tensor sparse_coo_tensor sparse_compressed_tensor sparse_csr_tensor tril_indices triu_indices vander zeros
use_deterministic_algorithms is_deterministic_algorithms_warn_only_enabled set_deterministic_debug_mode get_device_module
get_deterministic_debug_mode set_float32_matmul_precision get_float32_matmul_precision unify_type_list is_warn_always_enabled set_warn_always
vitals_enabled set_vital read_vitals vmap frombuffer asarray from_dlpack init_num_threads is_autocast_enabled set_autocast_enabled
randn_like randint_like segment_reduce
""".split()

_NOT_OVERRIDABLE_METHODS = """
__delitem__ __dir__ __getattribute__ __init__ __iter__ __init_subclass__ __module__ __new__ __setattr__ __subclasshook__ __hash__ as_subclass
eig lstsq reinforce new new_tensor new_empty new_empty_strided new_full new_ones new_zeros _make_subclass solve symeig stride unflatten __class__ __dict__ __weakref__ __torch_function__ __doc__
__torch_dispatch__ _make_wrapper_subclass __reduce__ __sizeof__ __getnewargs__ __getstate__ __setstate__ __subclasses__
""".split()


@functools.cache
def get_ignored_functions() -> set[Callable]:
    """The public functions and methods of torch that `__torch_function__` never sees."""
    found = {getattr(torch, name) for name in _NOT_OVERRIDABLE if callable(getattr(torch, name, None))}
    found |= {torch.fft.fftfreq, torch.fft.rfftfreq}
    for name in _NOT_OVERRIDABLE_METHODS:
        method = getattr(torch.Tensor, name, None)
        if callable(method):
            with contextlib.suppress(TypeError):
                found.add(method)
    return found


@functools.cache
def get_default_nowrap_functions() -> set[Callable]:
    """The functions whose result stays as it is where `Tensor.__torch_function__` makes results the subclass."""
    names = ("_base", "grad", "_grad")
    return {getattr(torch.Tensor, name).__get__ for name in names}


def _namespaces():
    import torch.nn.functional

    yield "torch", torch, [n for n in torch.__all__ if not n.startswith("_")]
    for name in ("functional", "nn.functional", "nn.init", "linalg", "fft", "special"):
        module = functools.reduce(lambda m, part: getattr(m, part, None), name.split("."), torch)
        if module is not None:
            yield "torch." + name, module, getattr(module, "__all__", None) or dir(module)
    yield "torch.Tensor", torch.Tensor, dir(torch.Tensor)


@functools.cache
def _overridable_index():
    found: dict[Any, list[Callable]] = {}
    names: dict[Callable, str] = {}
    ignored = get_ignored_functions()
    asking = {type(torch.add), type(torch.split)}       # the types of callables that ask __torch_function__
    for label, namespace, listed in _namespaces():
        is_class = namespace is torch.Tensor
        functions = found.setdefault(namespace, [])
        for name in listed:
            if (name.startswith("_") and not (is_class and name.startswith("__"))) or name.startswith("unique_dim"):
                continue
            if not is_class and (name[0].isupper() or name == "unique_dim"):
                continue
            value = inspect.getattr_static(namespace, name, None) if is_class else getattr(namespace, name, None)
            if value is None or (is_class and (name in _NOT_OVERRIDABLE_METHODS or getattr(object, name, None) is value)):
                continue
            if is_class and hasattr(value, "__get__") and not callable(value):
                value = value.__get__
                names.setdefault(value, f"{label}.{name}.__get__")
            else:
                value = getattr(namespace, name)
                if not callable(value) or isinstance(value, (type, types.ModuleType)):
                    continue
                names.setdefault(value, f"{label}.{name}")
                if not is_class and (type(value) not in asking or name.endswith("_")):
                    continue
            if value not in ignored:
                functions.append(value)
    return found, names


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """The functions that `__torch_function__` may see, by the module or class they belong to."""
    return _overridable_index()[0]


def resolve_name(f) -> str | None:
    """A name for a function as `__torch_function__` gets it: "torch.add", "torch.Tensor.add_"; None for others."""
    if isinstance(f, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        return str(f)
    with contextlib.suppress(TypeError):
        return _overridable_index()[1].get(f)
    return None


@functools.cache
def _methods_and_properties() -> set[Callable]:
    methods = set()
    for name in dir(torch.Tensor):
        value = inspect.getattr_static(torch.Tensor, name)
        if not callable(value) and hasattr(value, "__get__"):
            methods.add(value.__get__)
        else:
            with contextlib.suppress(TypeError):
                methods.add(getattr(torch.Tensor, name))
    return methods - get_ignored_functions()


def is_tensor_method_or_property(func: Callable) -> bool:
    """Is `func` a method of Tensor, or the getter or setter of one of its properties?"""
    return func in _methods_and_properties() or getattr(func, "__name__", "") == "__get__" or getattr(func, "__name__", "") == "__set__"


def _signature_text(func) -> str:
    """The parameters of a function, all of them with the default -1 where they have one."""
    with contextlib.suppress(TypeError, ValueError):
        parts = []
        star = False
        for p in inspect.signature(func).parameters.values():
            if p.kind is p.VAR_POSITIONAL:
                parts.append("*" + p.name)
                star = True
                continue
            if p.kind is p.VAR_KEYWORD:
                parts.append("**" + p.name)
                continue
            if p.kind is p.KEYWORD_ONLY and not star:
                parts.append("*")
                star = True
            parts.append(p.name if p.default is p.empty else f"{p.name}=-1")
        return ", ".join(parts)
    name = getattr(func, "__name__", "")
    overloads = _C._op_overloads(name)
    if not overloads:
        return "*args, **kwargs"
    from torch._schema import parse_schema

    arguments = parse_schema(_C._get_op(name, overloads[0]).schema).arguments
    parts = [("input" if a.name == "self" else a.name) + ("=-1" if a.has_default else "") for a in arguments if not a.kwarg_only]
    named = [a.name + ("=-1" if a.has_default else "") for a in arguments if a.kwarg_only]
    return ", ".join(parts + (["*", *named] if named else []))


@functools.cache
def get_testing_overrides() -> dict[Callable, Callable]:
    """For each overridable function a function of the same parameters that returns -1, to test overrides with."""
    made = {}
    for functions in get_overridable_functions().values():
        for func in functions:
            try:
                made[func] = eval(f"lambda {_signature_text(func)}: -1")  # noqa: S307
            except SyntaxError:   # a parameter is called like a keyword of Python
                made[func] = lambda *args, **kwargs: -1
    return made
