"""The autocast context. No device of this build casts: within the context operators run in the precision of their inputs."""

import functools
import threading
import warnings

import torch

__all__ = ["autocast", "custom_fwd", "custom_bwd", "is_autocast_available"]

_DTYPES = {"cuda": torch.float16, "cpu": torch.bfloat16}


class _State(threading.local):
    def __init__(self):
        self.enabled, self.dtypes, self.cache, self.depth = {}, dict(_DTYPES), True, 0


_state = _State()
_warned = False


def is_autocast_available(device_type):
    """Whether operators on a kind of device can be cast automatically: no."""
    return False


def is_autocast_enabled(device_type="cuda"):
    """Whether the context for a kind of device is on."""
    return _state.enabled.get(device_type, False)


def set_autocast_enabled(device_type, enabled=None):
    """Turn the context for a kind of device on or off."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    _state.enabled[device_type] = bool(enabled)


def get_autocast_dtype(device_type):
    """The dtype that the context of a kind of device stands for."""
    return _state.dtypes[device_type]


def set_autocast_dtype(device_type, dtype):
    """Set the dtype that the context of a kind of device stands for."""
    _state.dtypes[device_type] = dtype


def is_autocast_cache_enabled():
    """Whether cast weights are kept."""
    return _state.cache


def set_autocast_cache_enabled(enabled):
    """Keep cast weights or not."""
    _state.cache = bool(enabled)


def clear_autocast_cache():
    """Forget cast weights; there are none."""


def autocast_increment_nesting():
    """Enter a level; returns the depth."""
    _state.depth += 1
    return _state.depth


def autocast_decrement_nesting():
    """Leave a level; returns the depth."""
    _state.depth -= 1
    return _state.depth


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


class autocast:
    """``with autocast("cpu", dtype=torch.bfloat16):`` marks a region for lower precision; also a decorator.

    In this build the region runs in the precision of its inputs, and a warning says so once.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type not in _DTYPES:
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device, self._enabled = device_type, enabled
        if enabled and device_type == "cuda":
            warnings.warn("User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2)
            self._enabled = False
        self.fast_dtype = _DTYPES[device_type] if dtype is None else dtype
        self._cache_enabled = cache_enabled

    def __enter__(self):
        global _warned
        self._previous = is_autocast_enabled(self.device), get_autocast_dtype(self.device)
        if self._enabled and not _warned:
            _warned = True
            warnings.warn("autocast does not lower the precision in this build: operators run in the dtype of their inputs",
                          stacklevel=2)
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        return self

    def __exit__(self, *_):
        set_autocast_enabled(self.device, self._previous[0])
        set_autocast_dtype(self.device, self._previous[1])
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def decorated(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return decorated


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
