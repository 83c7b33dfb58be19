"""profile and its schedule."""

from __future__ import annotations

import enum
import json
import os
import socket
import time

from torch.autograd import profiler as _profiler

from ._activity import ProfilerActivity
from ._execution_trace import ExecutionTraceObserver

__all__ = ["ExecutionTraceObserver", "ProfilerAction", "profile", "schedule", "supported_activities", "tensorboard_trace_handler"]


class ProfilerAction(enum.Enum):
    """What a schedule says of one step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


def supported_activities():
    """The activities that can be recorded."""
    return {ProfilerActivity.CPU}


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0):
    """A schedule: skip some steps, then cycles of `wait` idle, `warmup` discarded and `active` recorded steps; `repeat` cycles, 0 for ever."""
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative, got {step}")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        cycle, position = divmod(step, wait + warmup + active)
        if 0 < repeat <= cycle or position < wait:
            return ProfilerAction.NONE
        if position < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if position == wait + warmup + active - 1 else ProfilerAction.RECORD
    return action


def _always(_step):
    return ProfilerAction.RECORD


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False):
    """A handler for `on_trace_ready` that writes each recording as a file into a folder."""
    def write(prof) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        prof.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"))
    return write


class profile:
    """Context manager that records operator calls; with a `schedule`, in the steps that it says.

    Args:
        activities: which devices; only the CPU counts.
        schedule: a function from the number of a step to a `ProfilerAction`.
        on_trace_ready: called with this object when a recording is complete.
        record_shapes, with_stack: also note the arguments' shapes, and the callers.
    """

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False, profile_memory=False, with_stack=False,
                 with_flops=False, with_modules=False, experimental_config=None, execution_trace_observer=None, acc_events=False, use_cuda=None,
                 custom_trace_id_callback=None, post_processing_timeout_s=None):
        self.activities = set(activities) if activities else supported_activities()
        self.schedule = schedule or _always
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory, self.with_stack, self.with_flops = record_shapes, profile_memory, with_stack, with_flops
        self.execution_trace_observer = execution_trace_observer
        self.custom_trace_id_callback = custom_trace_id_callback
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.profiler: _profiler.profile | None = None
        self.preset_metadata: dict[str, str] = {}
        self._metadata: dict[str, str] = {}
        self._recording = False

    def prepare_trace(self):
        """Makes ready to record; :meth:`start_trace` begins."""
        self.profiler = _profiler.profile(record_shapes=self.record_shapes, profile_memory=self.profile_memory, with_stack=self.with_stack,
                                          with_flops=self.with_flops, custom_trace_id_callback=self.custom_trace_id_callback)

    def start_trace(self):
        """Begins a recording."""
        if self.profiler is None or self.profiler._recorder is not None:
            self.prepare_trace()
        self._metadata = dict(self.preset_metadata)
        if self.execution_trace_observer is not None:
            self.execution_trace_observer.start()
        self.profiler.__enter__()
        self._recording = True

    def stop_trace(self):
        """Ends a recording."""
        self.profiler.__exit__(None, None, None)
        if self.execution_trace_observer is not None:
            self.execution_trace_observer.stop()
        self._recording = False

    def _switch(self, action, before):
        wanted = action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if self._recording and (not wanted or before is ProfilerAction.RECORD_AND_SAVE):
            self.stop_trace()
            if self.on_trace_ready:
                self.on_trace_ready(self)
        if wanted and not self._recording:
            self.start_trace()

    def start(self):
        """Begins the first step."""
        self._switch(self.current_action, None)

    def stop(self):
        """Ends the last step."""
        self._switch(ProfilerAction.NONE, self.current_action)
        if self.execution_trace_observer is not None:
            self.execution_trace_observer.cleanup()

    def toggle_collection_dynamic(self, enable, activities):
        """Stops or goes on recording within a step."""
        if self.profiler is not None:
            self.profiler.toggle_collection_dynamic(enable, activities)

    def get_trace_id(self):
        """The identifier of the recording, or None before the first."""
        return None if self.profiler is None else self.profiler.trace_id

    def set_custom_trace_id_callback(self, callback):
        """Takes identifiers from `callback()` from the next recording on."""
        self.custom_trace_id_callback = callback

    def step(self):
        """Ends a step and begins the next."""
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        self._switch(self.current_action, before)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def events(self):
        """The events of the last recording."""
        if self.profiler is None:
            raise AssertionError("Profiler must be initialized before getting events")
        return self.profiler.function_events

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """The events of each name together."""
        return self.profiler.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def _finished(self):
        if self.profiler is None:
            raise AssertionError("Profiler must be initialized before exporting")
        return self.profiler

    def export_chrome_trace(self, path: str, use_python_export=None):
        """Writes the last recording as JSON for chrome://tracing; a name that ends in ".gz" is compressed."""
        self._finished().export_chrome_trace(path, self._metadata)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total"):
        """Writes the callers of each event with a metric, for flame graphs. Needs `with_stack`."""
        self._finished().export_stacks(path, metric)

    def export_memory_timeline(self, path: str, device: str | None = None):
        """Writes [times in microseconds, bytes in new results so far] as JSON. ValueError unless shapes and memory were noted."""
        if not (self.record_shapes and self.profile_memory):
            raise ValueError("record_shapes=True, profile_memory=True required for memory profiling.")
        total, times, sizes = 0, [], []
        for event in self._finished().function_events:
            total += event.self_cpu_memory_usage
            times.append(event.end_us)
            sizes.append(total)
        with open(path, "w") as file:
            json.dump([times, sizes], file)

    def add_metadata(self, key: str, value: str):
        """Adds a text to the trace of this recording."""
        self.add_metadata_json(key, json.dumps(value))

    def add_metadata_json(self, key: str, value: str):
        """Adds a value, given as JSON, to the trace of this recording."""
        self._metadata[key] = value

    def preset_metadata_json(self, key: str, value: str):
        """Adds a value, given as JSON, to the traces of all recordings from the next on."""
        self.preset_metadata[key] = value
