"""Tensors with automatic differentiation, after PyTorch's interface.

Only the tensor type and its operators are loaded here. Every other name (`torch.nn`, `torch.save`, `torch.compile`...) is
imported when it is first used.
"""

from __future__ import annotations

import math as _math

try:
    from . import _C
except ImportError as error:
    raise ImportError(
        "torch is not built: its extension module torch._C is missing or does not load. "
        f"In a source tree run `pip install -e .` first. ({error})"
    ) from error

# dtypes, layouts, memory formats and the classes of C++
for _name in dir(_C):
    if not _name.startswith("_") and _name not in ("StorageBase", "TensorBase"):
        globals()[_name] = getattr(_C, _name)
globals().update({_n: _f for _n, _f in vars(_C._VariableFunctions).items() if not _n.startswith("__")})
_segment_reduce = _C._VariableFunctions.segment_reduce

inf = _math.inf
nan = _math.nan
pi = _math.pi
e = _math.e
newaxis = None

import torch  # noqa: E402  people write torch.torch

from ._tensor import Tensor  # noqa: E402

# Where names that are not loaded at start live: module -> names.
_HOMES = {
    "torch.random": "manual_seed seed initial_seed get_rng_state set_rng_state fork_rng thread_safe_generator",
    "torch.autograd.grad_mode": "no_grad enable_grad set_grad_enabled inference_mode",
    "torch.autograd.anomaly_mode": "",
    "torch.serialization": "save load",
    "torch.files.inspection": "inspect_file",
    "torch._tensor_str": "set_printoptions",
    "torch.storage": "UntypedStorage TypedStorage",
    "torch._numeric_info": "finfo iinfo",
    "torch._support": "support",
    "torch._settings": (
        "set_default_dtype set_default_device get_default_device set_default_tensor_type use_deterministic_algorithms "
        "are_deterministic_algorithms_enabled is_deterministic_algorithms_warn_only_enabled set_deterministic_debug_mode "
        "get_deterministic_debug_mode set_float32_matmul_precision get_float32_matmul_precision set_warn_always "
        "is_warn_always_enabled set_flush_denormal set_num_interop_threads get_num_interop_threads is_tensor is_storage typename "
        "get_device_module compile init_num_threads sym_constrain_range sym_constrain_range_for_size sym_fresh_size "
        "is_distributed is_vulkan_available numel is_floating_point is_complex is_signed is_conj is_neg is_inference is_nonzero get_device "
        "compiled_with_cxx11_abi get_file_path set_vital cudnn_is_acceptable has_lapack has_mkl has_openmp has_spectral"
    ),
    "torch._legacy_types": (
        "FloatTensor DoubleTensor HalfTensor BFloat16Tensor ByteTensor CharTensor ShortTensor IntTensor LongTensor BoolTensor "
        "FloatStorage DoubleStorage HalfStorage BFloat16Storage ByteStorage CharStorage ShortStorage IntStorage LongStorage "
        "BoolStorage ComplexFloatStorage ComplexDoubleStorage"
    ),
    "torch.functional": (
        "atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors broadcast_shapes cartesian_prod cdist chain_matmul einsum "
        "lu meshgrid nonzero norm pca_lowrank split stft svd_lowrank istft tensordot unique unique_consecutive unravel_index align_tensors "
        "detach_ from_file _assert"
    ),
    "torch._lobpcg": "lobpcg",
    "torch.func": "vmap",
    "torch.amp": "autocast GradScaler",
    "torch.amp.autocast_mode": (
        "is_autocast_enabled set_autocast_enabled get_autocast_dtype set_autocast_dtype is_autocast_cpu_enabled "
        "set_autocast_cpu_enabled get_autocast_cpu_dtype set_autocast_cpu_dtype get_autocast_gpu_dtype set_autocast_gpu_dtype"
    ),
    "torch.futures": "Future",
    "torch._streams": "Event Stream",
    "torch._schema": "Argument FunctionSchema parse_schema",
    "torch.testing": "FileCheck",
    "torch.torch_version": "__version__",
    "torch._higher_order_ops": "cond",
    "torch._ops": "ops",
    "torch._tags": "Tag",
    "torch._symbolic.numbers": "SymInt SymFloat SymBool sym_int sym_float sym_not sym_max sym_min sym_ite sym_sqrt sym_sum",
    "torch._symbolic.checks": "_check _check_is_size _check_index _check_value _check_type _check_not_implemented _check_with",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
for _name in _HOME_OF:      # what a module wraps is not to be found unwrapped
    globals().pop(_name, None)


def __getattr__(name):
    if name == "__all__":
        import sys

        names = {*globals(), *(n for n in _HOME_OF if hasattr(sys.modules[__name__], n))} - {"annotations", "error"}
        return sorted(n for n in names if not n.startswith("_"))
    import importlib

    module = _HOME_OF.get(name)
    if module is not None:
        try:
            value = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name and not error.name.startswith("torch"):
                raise
            raise AttributeError(f"module 'torch' has no attribute '{name}'") from error
        globals()[name] = value
        return value
    if name in _submodules():
        return importlib.import_module("torch." + name)
    raise AttributeError(f"module 'torch' has no attribute '{name}'")


def _submodules():
    """The names of modules and packages beside this file."""
    global _known_submodules
    if _known_submodules is None:
        import os

        names = set()
        for entry in os.scandir(__path__[0]):
            if entry.name.endswith(".py"):
                names.add(entry.name[:-3])
            elif "." not in entry.name and entry.name != "csrc" and entry.is_dir():
                names.add(entry.name)
        _known_submodules = names
    return _known_submodules


_known_submodules = None


def __dir__():
    return sorted({*globals(), *_HOME_OF, *(n for n in _submodules() if not n.startswith("_"))})
