"""Helpers around tensors and modules: data loading, checkpointing, trees, hooks."""

import weakref

import torch

__all__ = ["ThroughputBenchmark", "get_cpp_backtrace", "set_module", "swap_tensors"]

_LAZY = ("benchmark", "data", "checkpoint", "dlpack", "_pytree", "hooks", "model_zoo", "deterministic", "weak", "_python_dispatch", "serialization")


_HOMES = {"ThroughputBenchmark": "torch.utils.throughput_benchmark", "get_cpp_backtrace": "torch.utils.cpp_backtrace"}


def __getattr__(name):
    import importlib

    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def set_module(obj, mod):
    """Set the module that an object says it is from. Raises TypeError unless `mod` is a string."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def swap_tensors(t1, t2):
    """Exchange two tensors: class, attributes, data and gradient, so that every reference sees the other one.

    Raises RuntimeError when something refers to either of them weakly.
    """
    for tensor in (t1, t2):
        if weakref.getweakrefs(tensor):
            raise RuntimeError("Cannot swap t1 or t2 because it has weakref associated with it")
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    torch._C._swap_tensor_impl(t1, t2)
