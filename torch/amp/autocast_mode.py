"""The autocast context: a region in which matrix products and convolutions run in a lower precision.

What is converted, and to what, is the table in `torch/_opdefs/autocast.py`.
"""

import functools
import warnings

import torch
from torch import _C
from torch._C import (
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    is_autocast_cache_enabled,
    set_autocast_cache_enabled,
)

__all__ = ["autocast", "autocast_decorator", "custom_fwd", "custom_bwd", "is_autocast_available"]

# The dtypes that a context may ask for, by kind of device; the first is the default.
_DTYPES = {"cpu": (torch.bfloat16, torch.float16), "cuda": (torch.float16, torch.bfloat16)}


def _known(device_type):
    """The kind of device, checked. Raises RuntimeError for a name that is no kind of device."""
    return torch.device(device_type).type


def is_autocast_available(device_type):
    """Whether operators on a kind of device can be converted automatically."""
    return _known(device_type) in _DTYPES


def is_autocast_enabled(device_type="cuda"):
    """Whether the context for a kind of device is on."""
    return _known(device_type) in _DTYPES and _C._get_autocast(device_type)[0]


def set_autocast_enabled(device_type, enabled=None):
    """Turn the context for a kind of device on or off."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if not isinstance(enabled, bool):
        raise TypeError(f"set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {type(enabled).__name__}")
    _C._set_autocast(device_type, enabled, get_autocast_dtype(device_type))


def get_autocast_dtype(device_type):
    """The dtype that the context of a kind of device converts to. Raises RuntimeError for a kind without autocast."""
    if _known(device_type) not in _DTYPES:
        raise RuntimeError(f"unsupported scalarType: there is no autocast for '{device_type}', only for {', '.join(_DTYPES)}")
    return _C._get_autocast(device_type)[1]


def set_autocast_dtype(device_type, dtype):
    """Set the dtype that the context of a kind of device converts to."""
    _C._set_autocast(device_type, is_autocast_enabled(device_type), dtype)


def _for_device(device_type):
    def enabled():
        return is_autocast_enabled(device_type)

    def set_enabled(value):
        set_autocast_enabled(device_type, value)

    def dtype():
        return get_autocast_dtype(device_type)

    def set_dtype(value):
        set_autocast_dtype(device_type, value)

    return enabled, set_enabled, dtype, set_dtype


is_autocast_cpu_enabled, set_autocast_cpu_enabled, get_autocast_cpu_dtype, set_autocast_cpu_dtype = _for_device("cpu")
_, _, get_autocast_gpu_dtype, set_autocast_gpu_dtype = _for_device("cuda")


def autocast_decorator(autocast_instance, func):
    """`func`, run within the context `autocast_instance`."""
    @functools.wraps(func)
    def decorated(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorated


class autocast:
    """``with autocast("cpu"):`` a region of lower precision; also a decorator.

    Products, convolutions and attention convert their floating-point arguments to `dtype`, operators that need range or
    digits convert to float32, all others run in the dtypes they are given; float64 stays as it is. Weights are converted
    once in the outermost context (`cache_enabled`).

    Args:
        device_type: "cpu" or "cuda".
        dtype: torch.bfloat16 or torch.float16; by default what ``torch.get_autocast_dtype(device_type)`` says.

    Raises ValueError or RuntimeError for a `device_type` that is no string or no kind of device with autocast.

    >>> a = torch.randn(4, 4)
    >>> with torch.autocast("cpu"):
    ...     print((a @ a).dtype, (a + a).dtype)
    torch.bfloat16 torch.float32
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = enabled and self._possible()

    def _possible(self):
        if self.device == "cuda" and not torch.cuda.is_available():
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=3)
            return False
        if self.fast_dtype not in _DTYPES[self.device]:
            name, allowed = self.device.upper(), ", ".join(map(str, _DTYPES[self.device]))
            warnings.warn(f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                          f"{name} Autocast only supports dtypes of {allowed} currently.", stacklevel=3)
            return False
        return True

    def __enter__(self):
        self.prev = is_autocast_enabled(self.device)
        self.prev_fastdtype = get_autocast_dtype(self.device)
        self.prev_cache_enabled = is_autocast_cache_enabled()
        _C._set_autocast(self.device, self._enabled, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *_):
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        _C._set_autocast(self.device, self.prev, self.prev_fastdtype)
        set_autocast_cache_enabled(self.prev_cache_enabled)
        return False

    def __call__(self, func):
        return autocast_decorator(self, func)


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorator for ``forward`` of a custom Function: inside autocast, inputs are cast to `cast_inputs` first."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    def cast(value):
        castable = isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float64
        return value.to(cast_inputs) if castable else value

    @functools.wraps(fwd)
    def decorated(*args, **kwargs):
        args[0]._dtype = get_autocast_dtype(device_type)
        within = is_autocast_enabled(device_type)
        if cast_inputs is None or not within:
            args[0]._fwd_used_autocast = within
            return fwd(*args, **kwargs)
        args[0]._fwd_used_autocast = False
        with autocast(device_type, enabled=False):
            return fwd(*map(cast, args), **{name: cast(value) for name, value in kwargs.items()})

    return decorated


def custom_bwd(bwd=None, *, device_type):
    """Decorator for ``backward`` of a custom Function: it runs in the autocast state of its forward."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args, **kwargs):
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorated
