"""Libraries and devices that other builds use, and their switches. Here the switches are kept and have no effect."""

from . import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]


def __getattr__(name):
    if name in ("cusparselt", "kleidiai", "mha", "nnpack", "python_native", "xnnpack"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
