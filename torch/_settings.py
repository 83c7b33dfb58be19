"""Switches of the whole process, and small functions that ask what something is."""

from __future__ import annotations

import warnings

import torch
from torch import _C

# ---- what is it? ----


def is_tensor(obj, /):
    """Whether `obj` is a torch.Tensor."""
    return isinstance(obj, torch.Tensor)


def is_storage(obj, /):
    """Whether `obj` is a storage."""
    from torch.storage import TypedStorage, UntypedStorage

    return isinstance(obj, (TypedStorage, UntypedStorage))


def is_distributed(input):
    """False."""
    return False


def is_vulkan_available():
    """False: there is no Vulkan backend."""
    return False


def get_file_path(*path_components):
    """The path of something beside the package: its folder joined with `path_components`."""
    import os

    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), *path_components)


def compiled_with_cxx11_abi():
    """True: the C++ parts use the present interface of the standard library."""
    return True


_vitals: dict = {}


def set_vital(vital_name, attr_name, value):
    """Notes a fact about the program, where TORCH_VITAL=ON is in the environment; the notes are printed when the program ends."""
    import os

    if os.environ.get("TORCH_VITAL", "").lower() not in ("on", "1"):
        return
    if not _vitals:
        import atexit

        atexit.register(lambda: print("\n".join(f"[TORCH_VITAL] {name}\t\t {value}" for name, value in _vitals.items())))
    _vitals[f"{vital_name}.{attr_name}"] = value


def cudnn_is_acceptable(self):
    """False: cuDNN is not used."""
    return False


has_lapack = has_spectral = True
has_mkl = has_openmp = False


def typename(obj, /):
    """The type of an object as text: of a tensor "torch.FloatTensor", of anything else its qualified class name."""
    if isinstance(obj, torch.Tensor):
        return obj.type()
    if isinstance(obj, type(torch)):
        return obj.__name__
    cls = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(cls, "__module__", "") or ""
    name = getattr(cls, "__qualname__", str(cls))
    return name if module in ("", "builtins") else f"{module}.{name}"


@_C._overridable
def numel(input):
    """The number of elements of a tensor."""
    return _asked(numel, input, torch.Tensor.numel)


@_C._overridable
def is_floating_point(input):
    """Whether the elements of a tensor are real floating-point numbers."""
    return _asked(is_floating_point, input, torch.Tensor.is_floating_point)


@_C._overridable
def is_complex(input):
    """Whether the elements of a tensor are complex."""
    return _asked(is_complex, input, torch.Tensor.is_complex)


@_C._overridable
def is_signed(input):
    """Whether the dtype of a tensor has negative values."""
    return _asked(is_signed, input, torch.Tensor.is_signed)


@_C._overridable
def is_conj(input):
    """Whether the conjugate of a tensor is still to be taken."""
    return _asked(is_conj, input, torch.Tensor.is_conj)


@_C._overridable
def is_neg(input):
    """Whether the sign of a tensor is still to be changed."""
    return _asked(is_neg, input, torch.Tensor.is_neg)


@_C._overridable
def is_inference(input):
    """Whether a tensor was made in inference mode."""
    return _asked(is_inference, input, torch.Tensor.is_inference)


@_C._overridable
def is_nonzero(input):
    """Whether the only element of a tensor differs from zero. RuntimeError if there is not exactly one."""
    return _asked(is_nonzero, input, torch.Tensor.is_nonzero)


@_C._overridable
def get_device(input):
    """The index of the CUDA device of a tensor; -1 on the CPU."""
    return _asked(get_device, input, torch.Tensor.get_device)


def _asked(function, input, method):
    """A question about a tensor, `method(input)`."""
    if not isinstance(input, torch.Tensor):
        raise TypeError(f"{function.__name__}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return method(input)


for _function in (numel, is_floating_point, is_complex, is_signed, is_conj, is_neg, is_inference, is_nonzero, get_device):
    _function.__module__ = "torch"
del _function


# ---- defaults ----


def set_default_dtype(d):
    """The dtype of tensors made from Python floats: a floating-point dtype, at first torch.float32. TypeError for another."""
    _C._set_default_dtype(d)


def set_default_tensor_type(t, /):
    """Deprecated: sets the default dtype (and device) by a legacy tensor type such as torch.DoubleTensor or its name."""
    if isinstance(t, str):
        t = getattr(torch, t.removeprefix("torch."))
    if t is torch.Tensor:
        return
    if not isinstance(getattr(t, "dtype", None), torch.dtype):
        raise TypeError("invalid type object")
    _C._set_default_dtype(t.dtype)


_default_device_mode = None


def set_default_device(device):
    """The device of tensors that functions make when no device= is given; None means the CPU again."""
    global _default_device_mode
    if _default_device_mode is not None:
        _default_device_mode.__exit__(None, None, None)
        _default_device_mode = None
    if device is None:
        return
    from torch.utils._device import DeviceContext

    device = torch.device(device)
    if device.type != "cpu":
        _default_device_mode = DeviceContext(device)
        _default_device_mode.__enter__()


def get_default_device():
    """The device of tensors that functions make when no device= is given, by :func:`set_default_device` or ``with torch.device(...):``."""
    if _C._len_torch_function_stack():
        from torch.overrides import _get_current_function_mode_stack
        from torch.utils._device import DeviceContext

        for mode in reversed(_get_current_function_mode_stack()):
            if isinstance(mode, DeviceContext):
                return mode.device
    return torch.device("cpu")


def get_device_module(device=None):
    """The module of a device type: torch.cpu, torch.cuda..."""
    kind = torch.device(device).type if device is not None else get_default_device().type
    module = getattr(torch, kind, None)
    if module is None:
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return module


# ---- numerics: results never depend on these, since every kernel is deterministic and float32 is computed in float32 ----

_deterministic = {"on": False, "warn_only": False}
_matmul_precision = "highest"
_warn_always = False


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Asks for deterministic results. All CPU kernels are deterministic with or without it."""
    _deterministic.update(on=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled():
    """What :func:`use_deterministic_algorithms` was last told."""
    return _deterministic["on"]


def is_deterministic_algorithms_warn_only_enabled():
    """Whether :func:`use_deterministic_algorithms` was told to warn only."""
    return _deterministic["warn_only"]


_DEBUG_MODES = {"default": 0, "warn": 1, "error": 2}


def set_deterministic_debug_mode(debug_mode):
    """:func:`use_deterministic_algorithms` by name or number: "default" (0), "warn" (1), "error" (2)."""
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}")
        debug_mode = _DEBUG_MODES[debug_mode]
    elif not isinstance(debug_mode, int):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode():
    """0, 1 or 2, see :func:`set_deterministic_debug_mode`."""
    return 0 if not _deterministic["on"] else 1 if _deterministic["warn_only"] else 2


def set_float32_matmul_precision(precision):
    """"highest", "high" or "medium". Kept for programs that set it: float32 products are always computed in float32."""
    global _matmul_precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"{precision} is not one of 'highest', 'high', or 'medium'; the current precision is {_matmul_precision}")
    _matmul_precision = precision


def get_float32_matmul_precision():
    """What :func:`set_float32_matmul_precision` was last told."""
    return _matmul_precision


def set_warn_always(b, /):
    """Whether warnings that appear once should appear each time."""
    global _warn_always
    _warn_always = bool(b)


def is_warn_always_enabled():
    """What :func:`set_warn_always` was last told."""
    return _warn_always


def set_flush_denormal(mode):
    """False: denormal numbers are never flushed to zero, so the mode cannot be changed."""
    return False


_interop_threads = 1


def set_num_interop_threads(n):
    """The number of threads for independent operations; nothing runs on them here."""
    global _interop_threads
    if not isinstance(n, int) or n <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = n


def get_num_interop_threads():
    """What :func:`set_num_interop_threads` was last told."""
    return _interop_threads


def init_num_threads():
    """Nothing to do: the thread pool starts by itself."""


def sym_fresh_size(expr):
    """A size that may be symbolic; a number as it is."""
    return expr


def sym_constrain_range(size, *, min=None, max=None):
    """States that min <= size <= max. RuntimeError where a number is outside."""
    low, high = -(1 << 63) if min is None else min, (1 << 63) - 1 if max is None else max
    if low > high:
        raise RuntimeError(f"Max must be greater than or equal to min. Got min={low} max={high}")
    if not low <= size <= high:
        raise RuntimeError(f"Invalid value range for {size} between [{low}, {high}].")


def sym_constrain_range_for_size(size, *, min=None, max=None):
    """:func:`sym_constrain_range` for a size, which is at least zero; a `max` must leave room for sizes above 2."""
    if max is not None and max <= 2:
        raise RuntimeError(f"Max value to constrain_range_for_size must be greater than 2. got: {max}")
    sym_constrain_range(size, min=0 if min is None else min, max=max)


# ---- compile ----

_warned_compile = False


def compile(model=None, *, fullgraph=False, dynamic=None, backend="inductor", mode=None, options=None, disable=False):  # noqa: A001
    """Returns `model` (a function or a module) as it is: it runs eagerly, which is correct. Warns once.

    Usable as a decorator with or without arguments.
    """
    global _warned_compile
    if model is None:
        return lambda f: compile(f, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable)
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if callable(backend) and not disable:
        warnings.warn("torch.compile: the backend is not called, since this build has no graph capture; the function runs eagerly", stacklevel=2)
    elif not _warned_compile and not disable:
        _warned_compile = True
        warnings.warn("torch.compile: this build has no compiler yet; the function runs eagerly", stacklevel=2)
    return model
