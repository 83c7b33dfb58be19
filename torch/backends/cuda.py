"""CUDA: not used by this build. The switches are kept for programs that set them; what needs a device raises."""

from __future__ import annotations

import contextlib
import enum
import warnings
from typing import Any, NamedTuple

import torch

__all__ = [
    "SDPAParams", "allow_fp16_bf16_reduction_math_sdp", "blas_workspace_size", "can_use_cudnn_attention", "can_use_efficient_attention",
    "can_use_flash_attention", "cuBLASModule", "cuFFTPlanCache", "cuFFTPlanCacheAttrContextProp", "cuFFTPlanCacheManager", "cublas_workspace_size",
    "cublaslt_workspace_size", "cudnn_sdp_enabled", "cufft_plan_cache", "enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp",
    "enable_mem_efficient_sdp", "flash_sdp_enabled", "fp16_bf16_reduction_math_sdp_allowed", "is_built", "is_ck_sdpa_available",
    "is_flash_attention_available", "math_sdp_enabled", "matmul", "mem_efficient_sdp_enabled", "preferred_blas_library", "preferred_linalg_library",
    "preferred_rocm_fa_library", "sdp_kernel",
]


def is_built():
    """False."""
    return False


# ---- matrix products ----

class cuBLASModule:  # noqa: N801
    """The switches of cuBLAS. AttributeError for names that are none."""

    _switches = {"allow_tf32": False, "allow_fp16_reduced_precision_reduction": True, "allow_bf16_reduced_precision_reduction": True,
                 "allow_fp16_accumulation": False, "fp32_precision": "none"}

    def __getattr__(self, name):
        if name not in self._switches:
            raise AttributeError("Unknown attribute " + name)
        return self._switches[name]

    def __setattr__(self, name, value):
        if name not in self._switches:
            raise AttributeError("Unknown attribute " + name)
        self._switches[name] = value


matmul = cuBLASModule()


def blas_workspace_size(size=None, backend=None):
    """Bytes of the workspace of matrix products. AssertionError without a device."""
    torch.cuda._lazy_init()


def cublas_workspace_size(size=None):
    """Bytes of cuBLAS's workspace. AssertionError without a device."""
    torch.cuda._lazy_init()


def cublaslt_workspace_size(size=None):
    """Bytes of cuBLASLt's workspace. AssertionError without a device."""
    torch.cuda._lazy_init()


# ---- which library ----

class _BlasBackend(enum.Enum):
    Default = 0
    Cublas = 1
    Cublaslt = 2
    Ck = 3


class _LinalgBackend(enum.Enum):
    Default = 0
    Cusolver = 1
    Magma = 2


class _ROCmFABackend(enum.Enum):
    Default = 0
    AOTriton = 1
    Ck = 2


_preferred: dict[type, enum.Enum] = {_BlasBackend: _BlasBackend.Cublas, _LinalgBackend: _LinalgBackend.Default, _ROCmFABackend: _ROCmFABackend.Default}


def _prefer(kind, backend, what):
    if isinstance(backend, str):
        names = {member.name.lower(): member for member in kind} | ({"hipblas": _BlasBackend.Cublas, "hipblaslt": _BlasBackend.Cublaslt}
                                                                    if kind is _BlasBackend else {})
        if backend not in names:
            raise RuntimeError(f"Unknown input value. Choose from: {', '.join(names)}.")
        backend = names[backend]
    if backend is not None:
        if not isinstance(backend, kind):
            raise RuntimeError(f"Unknown input value type for the preferred {what} library: {type(backend).__name__}")
        _preferred[kind] = backend
    return _preferred[kind]


def preferred_blas_library(backend=None):
    """The library for matrix products, set by name where one is given."""
    return _prefer(_BlasBackend, backend, "BLAS")


def preferred_linalg_library(backend=None):
    """The library for linear algebra, set by name where one is given."""
    return _prefer(_LinalgBackend, backend, "linear algebra")


def preferred_rocm_fa_library(backend=None):
    """ROCm's library for attention, set by name where one is given."""
    return _prefer(_ROCmFABackend, backend, "attention")


# ---- plans of Fourier transforms ----

class cuFFTPlanCacheAttrContextProp:  # noqa: N801
    """A property of a plan cache: read and written through functions of the device."""

    def __init__(self, getter, setter):
        self.getter, self.setter = getter, setter

    def __get__(self, obj, objtype):
        return self.getter(obj.device_index)

    def __set__(self, obj, val):
        if isinstance(self.setter, str):
            raise RuntimeError(self.setter)
        self.setter(obj.device_index, val)


def _of_device(*_):
    torch.cuda._lazy_init()


class cuFFTPlanCache:  # noqa: N801
    """The plans kept for one device. AssertionError without a device."""

    def __init__(self, device_index):
        self.device_index = device_index

    size = cuFFTPlanCacheAttrContextProp(_of_device, ".size is a read-only property showing the number of plans currently in the cache. To change the "
                                                     "cache capacity, set cufft_plan_cache.max_size.")
    max_size = cuFFTPlanCacheAttrContextProp(_of_device, _of_device)

    def clear(self):
        """Forgets the plans."""
        _of_device()


class cuFFTPlanCacheManager:  # noqa: N801
    """The plan caches by device; its own attributes are those of the current device's."""

    def __getitem__(self, device):
        index = torch._utils._get_device_index(device)
        raise RuntimeError(f"cufft_plan_cache: expected 0 <= device index < 0, but got device with index {index}")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        torch.cuda._lazy_init()


cufft_plan_cache = cuFFTPlanCacheManager()


# ---- attention ----

_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True, "reduced_math": False}


def _switch(name, key, what):
    def enabled():
        return _sdp[key]

    def enable(enabled):
        _sdp[key] = bool(enabled)

    enabled.__name__, enable.__name__ = (f"{name}_sdp_enabled", f"enable_{name}_sdp")
    enabled.__doc__, enable.__doc__ = f"Whether {what} may be used.", f"Allow {what} or not."
    return enabled, enable


flash_sdp_enabled, enable_flash_sdp = _switch("flash", "flash", "flash attention")
mem_efficient_sdp_enabled, enable_mem_efficient_sdp = _switch("mem_efficient", "mem_efficient", "memory-efficient attention")
math_sdp_enabled, enable_math_sdp = _switch("math", "math", "attention by plain operators")
cudnn_sdp_enabled, enable_cudnn_sdp = _switch("cudnn", "cudnn", "cuDNN's attention")


def fp16_bf16_reduction_math_sdp_allowed():
    """Whether attention by plain operators may add up in half precision."""
    return _sdp["reduced_math"]


def allow_fp16_bf16_reduction_math_sdp(enabled):
    """Allow attention by plain operators to add up in half precision or not."""
    _sdp["reduced_math"] = bool(enabled)


def is_flash_attention_available():
    """Whether flash attention for CUDA is built: False."""
    return False


def is_ck_sdpa_available():
    """Whether attention of Composable Kernel is built: False."""
    return False


class SDPAParams(NamedTuple):
    """The arguments of a call of scaled_dot_product_attention."""

    query: Any
    key: Any
    value: Any
    attn_mask: Any
    dropout: float
    is_causal: bool
    enable_gqa: bool


def can_use_flash_attention(params, debug=False):
    """Whether CUDA's flash attention takes these arguments: False."""
    return False


def can_use_efficient_attention(params, debug=False):
    """Whether CUDA's memory-efficient attention takes these arguments: False."""
    return False


def can_use_cudnn_attention(params, debug=False):
    """Whether cuDNN's attention takes these arguments: False."""
    return False


@contextlib.contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Deprecated: :func:`torch.nn.attention.sdpa_kernel`. Which kinds of attention may be used within a block."""
    warnings.warn("`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. Please see "
                  "`torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature.", FutureWarning, stacklevel=3)
    before = dict(_sdp)
    _sdp.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield {}
    finally:
        _sdp.update(before)
