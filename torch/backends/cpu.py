"""The CPU."""

import torch

__all__ = ["get_cpu_capability"]


def get_cpu_capability():
    """The instruction set that the kernels in use were compiled for, such as "AVX2" or "AVX512"."""
    return torch._C._get_cpu_capability()
