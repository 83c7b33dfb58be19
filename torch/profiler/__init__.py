"""Profiling over the steps of a program: which steps are recorded, and what is done with each recording.

>>> from torch.profiler import profile, record_function
>>> with profile() as prof, record_function("all"):
...     _ = torch.ones(2) + 1
>>> prof.key_averages()[0].key
'all'
"""

from __future__ import annotations

import enum
import os
import socket
import time

from torch.autograd import profiler as _profiler
from torch.autograd.profiler import record_function

__all__ = ["profile", "schedule", "supported_activities", "tensorboard_trace_handler", "ProfilerAction", "ProfilerActivity", "record_function",
           "kineto_available", "is_fbcode"]


class ProfilerActivity(enum.Enum):
    """What can be recorded; only the CPU does anything here."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a schedule says of one step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities():
    """The activities that can be recorded."""
    return {ProfilerActivity.CPU}


def kineto_available():
    """Is PyTorch's tracing library there? No: the recorder is our own."""
    return False


def is_fbcode():
    """False."""
    return False


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


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False):
    """A handler for `on_trace_ready` that writes each recording as a file into a folder."""
    def write(prof) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        path = os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json")
        prof.export_chrome_trace(path)
        if use_gzip:
            import gzip
            with open(path, "rb") as plain, gzip.open(path + ".gz", "wb") as packed:
                packed.write(plain.read())
            os.remove(path)
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
                 custom_trace_id_callback=None, post_processing_timeout_s=None, activity_filters=None):
        self.activities = set(activities) if activities else supported_activities()
        self.schedule = schedule or _always
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.profiler: _profiler.profile | None = None
        self._recording = False

    def _switch(self, action, before):
        wanted = action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if self._recording and (not wanted or before is ProfilerAction.RECORD_AND_SAVE):
            self.profiler.__exit__(None, None, None)
            self._recording = False
            if self.on_trace_ready:
                self.on_trace_ready(self)
        if wanted and not self._recording:
            self.profiler = _profiler.profile(record_shapes=self.record_shapes, profile_memory=self.profile_memory, with_stack=self.with_stack)
            self.profiler.__enter__()
            self._recording = True

    def start(self):
        """Begins the first step."""
        self._switch(self.current_action, None)

    def stop(self):
        """Ends the last step."""
        self._switch(ProfilerAction.NONE, self.current_action)

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

    def export_chrome_trace(self, path: str):
        """Writes the last recording as JSON for chrome://tracing."""
        self.profiler.export_chrome_trace(path)

    def add_metadata(self, key: str, value: str):
        """Notes are not kept: the recorder has no place for them."""

    add_metadata_json = add_metadata
