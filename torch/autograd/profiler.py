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
from torch.autograd.profiler_util import EventList, FunctionEvent, FunctionEventAvg, Kernel, MemRecordsAcc, _flops, _write_trace
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["EnforceUnique", "EventList", "FunctionEvent", "FunctionEventAvg", "Kernel", "KinetoStepTracker", "MemRecordsAcc", "emit_itt", "emit_nvtx",
           "profile", "record_function"]

_running: list = []     # the profilers that are on, innermost last


def _bytes_of(tree, known=()):
    """Bytes of the storages of tensors that are not among `known`."""
    from torch.utils._pytree import tree_leaves

    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tree_leaves(tree) if isinstance(t, torch.Tensor) and not t.is_meta}
    return {key: n for key, n in storages.items() if key not in known}


class _Recorder(TorchDispatchMode):
    """Times each operator call that reaches it."""

    def __init__(self, record_shapes=False, with_stack=False, profile_memory=False, with_flops=False):
        super().__init__()
        self.record_shapes, self.with_stack, self.profile_memory, self.with_flops = record_shapes, with_stack, profile_memory, with_flops
        self.events: list = []
        self.open: list = []
        self.enabled = True

    def begin(self, name, overload="", shapes=None, annotation=False):
        event = FunctionEvent(len(self.events), name, threading.get_ident(), time.perf_counter_ns() / 1e3, 0.0, overload, input_shapes=shapes,
                              is_user_annotation=annotation)
        if self.with_stack:
            import traceback
            event.stack = [f"{f.filename}({f.lineno}): {f.name}" for f in reversed(traceback.extract_stack()[:-2])]
        if self.open:
            event.set_cpu_parent(self.open[-1])
            self.open[-1].append_cpu_child(event)
        self.events.append(event)
        self.open.append(event)
        return event

    def end(self, event):
        event.end_us = time.perf_counter_ns() / 1e3
        while self.open and self.open.pop() is not event:
            pass

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not self.enabled:
            return func(*args, **kwargs)
        shapes = [list(a.shape) if isinstance(a, torch.Tensor) else [] for a in args] if self.record_shapes or self.with_flops else None
        name = func._overloadpacket._qualified_op_name
        event = self.begin(name, "" if func._overloadname == "default" else func._overloadname, shapes if self.record_shapes else None)
        if self.with_flops:
            event.flops = _flops(name, shapes)
        try:
            out = func(*args, **kwargs)
        finally:
            self.end(event)
        if self.profile_memory:
            made = sum(_bytes_of(out, _bytes_of((args, kwargs))).values())
            while event is not None:
                event.cpu_memory_usage += made
                event = event.cpu_parent
        return out


class profile:
    """Context manager that records the operator calls inside.

    Args:
        enabled: False makes it do nothing.
        record_shapes: note the shapes of the arguments.
        with_stack: note who called.
        profile_memory: note the bytes of new results.
        with_flops: note the floating-point operations of matrix products, sums and products.

    The other arguments are those of PyTorch and have no meaning on a CPU.
    """

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False, profile_memory=False,
                 with_stack=False, with_modules=False, use_kineto=False, use_cpu=True, experimental_config=None, acc_events=False,
                 custom_trace_id_callback=None, post_processing_timeout_s=None, activity_filters=None):
        self.enabled, self.with_stack = enabled, with_stack
        self.record_shapes, self.profile_memory, self.with_flops = record_shapes, profile_memory, with_flops
        self.custom_trace_id_callback, self.trace_id = custom_trace_id_callback, ""
        self._function_events: EventList | None = None
        self._recorder: _Recorder | None = None

    def default_trace_id(self):
        """A fresh random identifier of a recording."""
        import uuid

        return uuid.uuid4().hex.upper()

    def create_trace_id(self):
        """The identifier of the next recording: the callback's, or a random one."""
        return self.custom_trace_id_callback() if self.custom_trace_id_callback else self.default_trace_id()

    def config(self, create_trace_id=False):
        """The settings of a recording, by name."""
        if create_trace_id:
            self.trace_id = self.create_trace_id()
        return {name: getattr(self, name) for name in ("record_shapes", "profile_memory", "with_stack", "with_flops", "trace_id")}

    def __enter__(self):
        if not self.enabled:
            return self
        if self._recorder is not None:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.trace_id = self.create_trace_id()
        self._recorder = _Recorder(self.record_shapes, self.with_stack, self.profile_memory, self.with_flops)
        _running.append(self._recorder)
        self._recorder.__enter__()
        return self

    def __exit__(self, *exc):
        if not self.enabled:
            return False
        self._recorder.__exit__(*exc)
        _running.remove(self._recorder)
        self._function_events = EventList(self._recorder.events, profile_memory=self.profile_memory, with_flops=self.with_flops)
        return False

    def toggle_collection_dynamic(self, enabled, activities):
        """Stops or goes on recording while the profiler is on."""
        if self._recorder is not None:
            self._recorder.enabled = bool(enabled)

    @property
    def function_events(self):
        """The events of the recording; RuntimeError before it is complete."""
        if self._function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._function_events

    def __str__(self):
        return "<unfinished torch.autograd.profile>" if self._function_events is None else str(self._function_events)

    __repr__ = __str__

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55, max_shapes_column_width=80, header=None,
              top_level_events_only=False):
        """See `EventList.table`."""
        return self.function_events.table(sort_by, row_limit, max_src_column_width, max_name_column_width, max_shapes_column_width, header,
                                          top_level_events_only)

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """See `EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def total_average(self):
        """All events together."""
        return self.function_events.total_average()

    def export_chrome_trace(self, path, metadata=None, use_python_export=None):
        """Writes the events as JSON for chrome://tracing, with `metadata` ({key: JSON text})."""
        import json

        _write_trace(self.function_events, path, {"trace_id": json.dumps(self.trace_id), **(metadata or {})})

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """See `EventList.export_stacks`. AssertionError unless the callers were noted (`with_stack`)."""
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self.function_events.export_stacks(path, metric)

    @property
    def self_cpu_time_total(self):
        """All time spent, in microseconds."""
        return self.function_events.self_cpu_time_total


class EnforceUnique:
    """Raises RuntimeError for a key seen twice."""

    def __init__(self):
        self.seen = set()

    def see(self, *key):
        """Notes a key."""
        if key in self.seen:
            raise RuntimeError("duplicate key: " + str(key))
        self.seen.add(key)


class KinetoStepTracker:
    """A step count of the process for all who count steps: as far as the one of them that is farthest."""

    _current_step = 0
    _steps: dict[str, int] = {}

    @classmethod
    def init_step_count(cls, requester):
        """Lets somebody take part, from the present step on."""
        cls._steps[requester] = cls._current_step

    @classmethod
    def erase_step_count(cls, requester):
        """Ends somebody's part; whether there was one."""
        return cls._steps.pop(requester, None) is not None

    @classmethod
    def increment_step(cls, requester):
        """Counts a step of somebody; returns the step of the process."""
        cls._steps[requester] = cls._steps.get(requester, cls._current_step) + 1
        cls._current_step = max(cls._current_step, *cls._steps.values())
        return cls._current_step

    @classmethod
    def current_step(cls):
        """The step of the process."""
        return cls._current_step


class record_function:
    """Context manager and decorator: a range of its own name among the events of the profilers that are on."""

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args
        self._open: list = []

    def __enter__(self):
        self._open.append([(r, r.begin(self.name, "", None, True)) for r in _running])
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
