"""Where the time goes: operator calls below autograd, timed one by one.

>>> with torch.autograd.profiler.profile() as prof:
...     _ = torch.ones(3).exp()
>>> [e.name for e in prof.function_events]
['aten::ones', 'aten::exp']
"""

from __future__ import annotations

import functools
import threading
import time

import torch
from torch.autograd.profiler_util import EventList, FunctionEvent, FunctionEventAvg, Kernel
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["profile", "record_function", "emit_nvtx", "emit_itt", "EventList", "FunctionEvent", "FunctionEventAvg", "Kernel"]

_running: list = []     # the profilers that are on, innermost last


class _Recorder(TorchDispatchMode):
    """Times each operator call that reaches it."""

    def __init__(self, record_shapes, with_stack):
        super().__init__()
        self.record_shapes, self.with_stack = record_shapes, with_stack
        self.events: list = []
        self.open: list = []

    def begin(self, name, shapes=None, annotation=False):
        event = FunctionEvent(len(self.events), name, threading.get_ident(), time.perf_counter_ns() / 1e3, 0.0, shapes,
                              is_user_annotation=annotation)
        if self.with_stack:
            import traceback
            event.stack = [f"{f.filename}({f.lineno}): {f.name}" for f in reversed(traceback.extract_stack()[:-2])]
        if self.open:
            event.cpu_parent = self.open[-1]
            self.open[-1].cpu_children.append(event)
        self.events.append(event)
        self.open.append(event)
        return event

    def end(self, event):
        event.end_us = time.perf_counter_ns() / 1e3
        while self.open and self.open.pop() is not event:
            pass

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        shapes = [list(a.shape) if isinstance(a, torch.Tensor) else [] for a in args] if self.record_shapes else None
        event = self.begin(func._overloadpacket._qualified_op_name, shapes)
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.end(event)


class profile:
    """Context manager that records the operator calls inside.

    Args:
        enabled: False makes it do nothing.
        record_shapes: note the shapes of the arguments.
        with_stack: note who called.

    The other arguments are those of PyTorch and have no meaning on a CPU.
    """

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False, profile_memory=False,
                 with_stack=False, with_modules=False, use_kineto=False, use_cpu=True, experimental_config=None, acc_events=False,
                 custom_trace_id_callback=None, post_processing_timeout_s=None, activity_filters=None):
        self.enabled, self.record_shapes, self.with_stack, self.profile_memory = enabled, record_shapes, with_stack, profile_memory
        self.function_events: EventList | None = None
        self._recorder: _Recorder | None = None

    def __enter__(self):
        if not self.enabled:
            return self
        if self._recorder is not None:
            raise RuntimeError("Profiler context manager is not reentrant")
        self._recorder = _Recorder(self.record_shapes, self.with_stack)
        _running.append(self._recorder)
        self._recorder.__enter__()
        return self

    def __exit__(self, *exc):
        if not self.enabled:
            return False
        self._recorder.__exit__(*exc)
        _running.remove(self._recorder)
        self.function_events = EventList(self._recorder.events, profile_memory=self.profile_memory)
        return False

    def _events(self):
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def __str__(self):
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)

    __repr__ = __str__

    def table(self, *args, **kwargs):
        """See `EventList.table`."""
        return self._events().table(*args, **kwargs)

    def key_averages(self, *args, **kwargs):
        """See `EventList.key_averages`."""
        return self._events().key_averages(*args, **kwargs)

    def total_average(self):
        """All events together."""
        return self._events().total_average()

    def export_chrome_trace(self, path):
        """Writes the events as JSON for chrome://tracing."""
        self._events().export_chrome_trace(path)

    @property
    def self_cpu_time_total(self):
        """All time spent, in microseconds."""
        return self._events().self_cpu_time_total


class record_function:
    """Context manager and decorator: a range of its own name among the events of the profilers that are on."""

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args
        self._open: list = []

    def __enter__(self):
        self._open.append([(r, r.begin(self.name, annotation=True)) for r in _running])
        return self

    def __exit__(self, *exc):
        for recorder, event in self._open.pop():
            recorder.end(event)

    def __call__(self, func):
        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            with record_function(self.name, self.args):
                return func(*args, **kwargs)
        return wrapped


class emit_nvtx:
    """Ranges for NVIDIA's tools; RuntimeError without CUDA."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled

    def __enter__(self):
        if self.enabled:
            raise RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?")
        return self

    def __exit__(self, *exc):
        return False


class emit_itt:
    """Ranges for Intel's tools; RuntimeError without ITT."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled

    def __enter__(self):
        if self.enabled:
            raise RuntimeError("ITT functions not installed. Are you sure you have a ITT build?")
        return self

    def __exit__(self, *exc):
        return False
