"""What tests ask of CUDA devices: there are none, so every flag is False and every switch leaves things as they are."""

from __future__ import annotations

import contextlib
import functools

import torch
from torch.testing._internal.common_utils import TEST_CUDA, TEST_MULTIGPU, TEST_NUMBA  # noqa: F401  part of what is imported from here

CUDA_ALREADY_INITIALIZED_ON_IMPORT = False
CUDA_DEVICE = torch.device("cuda:0") if TEST_CUDA else None
TEST_CUDNN, TEST_CUDNN_VERSION, TEST_NUMBA_CUDA, TEST_CUSPARSE_GENERIC, TEST_MAGMA = False, 0, False, False, False
_capabilities = ("53", "60", "70", "75", "80", "89", "90", "100", "120")
globals().update({f"SM{number}OrLater": False for number in _capabilities})
_features = ("BF16", "BF16_ATOMICS", "CK_SDPA", "CUDNN_ATTENTION", "FLASH_ATTENTION", "FP8", "FP8_GROUPED_GEMM", "FP8_SPARSE", "FUSED_ATTENTION", "FUSED_SDPA",
             "GREEN_CONTEXT", "HALF_ATOMICS", "MEM_EFF_ATTENTION", "MXFP8_GROUPED_GEMM", "MX_GEMM")
globals().update({f"PLATFORM_SUPPORTS_{feature}": False for feature in _features})
IS_JETSON = IS_THOR = IS_SM89 = IS_SM90 = IS_SM100 = IS_SM10X = IS_SM12X = False


def evaluate_gfx_arch_exact(matching_arch):
    """Whether the GPU is of an architecture of AMD's: False."""
    return False


def initialize_cuda_context_rng():
    """Starts the generators of all devices: AssertionError, there are none."""
    raise AssertionError("CUDA must be available when calling initialize_cuda_context_rng")


def tf32_is_not_fp32():
    """Whether matrix products may round to tf32: False."""
    return False


@contextlib.contextmanager
def tf32_off():
    """A block without tf32."""
    yield


@contextlib.contextmanager
def tf32_on(self, tf32_precision=1e-5, *, only_if=True):
    """A block with tf32 where there is any, and a test's tolerances to fit."""
    yield


def with_tf32_off(f):
    """A test without tf32."""
    @functools.wraps(f)
    def wrapped(*args, **kwargs):
        with tf32_off():
            return f(*args, **kwargs)
    return wrapped


def tf32_on_and_off(tf32_precision=1e-5, *, only_if=True):
    """A test with and without tf32 where there is any: once, here."""
    return lambda f: f


def xfailIfSM89(func):  # noqa: N802
    """A test that fails on one kind of GPU."""
    return func
