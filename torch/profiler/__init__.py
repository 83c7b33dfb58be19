"""Profiling over the steps of a program: which steps are recorded, and what is done with each recording.

>>> from torch.profiler import profile, record_function
>>> with profile() as prof, record_function("all"):
...     _ = torch.ones(2) + 1
>>> prof.key_averages()[0].key
'all'
"""

from torch.autograd.profiler import record_function

from ._activity import DeviceType, ProfilerActivity
from ._execution_trace import ExecutionTraceObserver
from .profiler import ProfilerAction, profile, schedule, supported_activities, tensorboard_trace_handler

__all__ = ["profile", "schedule", "supported_activities", "tensorboard_trace_handler", "ProfilerAction", "ProfilerActivity", "record_function",
           "kineto_available", "is_fbcode", "DeviceType", "ExecutionTraceObserver"]


def kineto_available():
    """Is PyTorch's tracing library there? No: the recorder is our own."""
    return False


def is_fbcode():
    """False."""
    return False


def __getattr__(name):
    if name == "itt":
        import importlib

        return importlib.import_module("torch.profiler.itt")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
