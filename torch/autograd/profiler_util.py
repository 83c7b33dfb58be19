"""Events of the profiler, and the tables made of them."""

from __future__ import annotations

import bisect
import json
import math
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["EventList", "EventMetadata", "FormattedTimesMixin", "FunctionEvent", "FunctionEventAvg", "Interval", "Kernel", "MemRecordsAcc", "StringTable"]


class Interval:
    """From `start` to `end`, in microseconds."""

    def __init__(self, start, end):
        self.start, self.end = start, end

    def elapsed_us(self):
        """Its length."""
        return self.end - self.start


class Kernel(NamedTuple):
    """A kernel that ran on a device."""

    name: str
    device: int
    duration: float


class StringTable(defaultdict):
    """Names as they are shown; by default as they are."""

    def __missing__(self, key):
        self[key] = key
        return key


class MemRecordsAcc:
    """Records of memory, found by their times: objects with `start_ns()`."""

    def __init__(self, mem_records):
        self._records = sorted(mem_records, key=lambda r: r[0].start_ns())
        self._starts = [r[0].start_ns() for r in self._records]

    def in_interval(self, start_us, end_us):
        """The records between two times."""
        first = bisect.bisect_left(self._starts, start_us * 1000)
        yield from self._records[first:bisect.bisect_right(self._starts, end_us * 1000)]


class EventMetadata(NamedTuple):
    """What a device or a communication tells of an event: nothing on the CPU, so every field is None."""

    registers_per_thread: int | None = None
    shared_memory: int | None = None
    grid: list | None = None
    block: list | None = None
    priority: int | None = None
    blocks_per_sm: float | None = None
    warps_per_sm: float | None = None
    occupancy: float | None = None
    est_occupancy_pct: float | None = None
    queued: int | None = None
    graph_id: int | None = None
    graph_node_id: int | None = None
    stream: int | None = None
    context: int | None = None
    channel: int | None = None
    channel_type: str | None = None
    bytes: int | None = None
    bandwidth_gb_s: float | None = None
    collective_name: str | None = None
    dtype: str | None = None
    in_msg_nelems: int | None = None
    out_msg_nelems: int | None = None
    in_split_size: str | None = None
    out_split_size: str | None = None
    global_rank_start: int | None = None
    global_rank_stride: int | None = None
    group_size: int | None = None
    process_group_name: str | None = None
    process_group_desc: str | None = None
    group_ranks: str | None = None
    rank: int | None = None
    src_rank: int | None = None
    dst_rank: int | None = None
    seq: int | None = None
    is_async: bool | None = None


_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


def _time(us, unit=None):
    """A duration in a unit that suits it, or in the given one."""
    unit = unit or ("s" if us >= 1e6 else "ms" if us >= 1e3 else "us")
    return f"{us / _UNITS[unit]:.3f}{unit}"


def _memory(n):
    """A number of bytes in a unit that suits it."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(n) >= size:
            return f"{n / size:.2f} {unit}"
    return f"{n} B"


def _deprecated(name, instead):
    def get(self):
        warnings.warn(f"`{name}` is deprecated. Use `{instead}` instead.", FutureWarning, stacklevel=2)
        return getattr(self, instead)

    return property(get, doc=f"Deprecated: `{instead}`.")


class FormattedTimesMixin:
    """Times as text, and their averages over the calls."""

    count: int

    @property
    def cpu_time(self):
        """Average time of a call in microseconds."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self):
        """Average time on a device in microseconds: none without one."""
        return self.device_time_total / self.count if self.count else 0.0

    cuda_time = _deprecated("cuda_time", "device_time")
    cpu_time_str = property(lambda self: _time(self.cpu_time))
    cpu_time_total_str = property(lambda self: _time(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: _time(self.self_cpu_time_total))
    device_time_str = property(lambda self: _time(self.device_time))
    device_time_total_str = property(lambda self: _time(self.device_time_total))
    self_device_time_total_str = property(lambda self: _time(self.self_device_time_total))


@dataclass(eq=False, repr=False)
class FunctionEvent(FormattedTimesMixin):
    """One call of an operator, or one range of `record_function`. Times are in microseconds, memory in bytes."""

    id: int
    name: str
    thread: int
    start_us: float
    end_us: float
    overload_name: str = ""
    fwd_thread: int | None = None
    input_shapes: Any = None
    stack: Any = ()
    scope: int = 0
    use_device: str | None = None
    cpu_memory_usage: int = 0
    device_memory_usage: int = 0
    is_async: bool = False
    is_remote: bool = False
    sequence_nr: int = -1
    node_id: int = -1
    device_type: Any = 0
    device_index: int = 0
    device_resource_id: int | None = None
    is_legacy: bool = False
    flops: int | None = None
    trace_name: str | None = None
    concrete_inputs: Any = None
    kwinputs: Any = None
    is_user_annotation: bool = False
    is_python_function: bool = False
    activity_type: str | None = None
    metadata_json: str = ""
    flow_id: int | None = None
    flow_type: int | None = None
    flow_start: bool | None = None
    external_id: int | None = None
    linked_correlation_id: int | None = None
    extra_meta: Any = None
    structured_input_shapes: Any = None
    structured_input_strides: Any = None
    input_dtypes: Any = None
    python_id: int | None = None
    python_parent_id: int | None = None
    python_module_id: int | None = None
    cpu_parent: Any = field(default=None, init=False)
    cpu_children: list = field(default_factory=list, init=False)
    kernels: list = field(default_factory=list, init=False)
    count: int = field(default=1, init=False)

    def __post_init__(self):
        self.trace_name = self.trace_name or self.name

    @property
    def key(self):
        """What averages are grouped by: the name."""
        return self.name

    @property
    def time_range(self):
        """When it ran."""
        return Interval(self.start_us, self.end_us)

    @property
    def event_metadata(self):
        """What a device tells of the event."""
        return EventMetadata()

    def append_kernel(self, name, device, duration):
        """Adds a kernel that this call started on a device."""
        self.kernels.append(Kernel(name, device, duration))

    def append_cpu_child(self, child):
        """Adds a call inside of this one."""
        self.cpu_children.append(child)

    def set_cpu_parent(self, parent):
        """Sets the call that this one is inside of."""
        self.cpu_parent = parent

    @property
    def cpu_time_total(self):
        """Its duration, calls inside of it included."""
        return self.end_us - self.start_us

    @property
    def self_cpu_time_total(self):
        """Its duration without the calls inside of it."""
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    @property
    def self_cpu_memory_usage(self):
        """The memory of its results without that of the calls inside of it."""
        return self.cpu_memory_usage - sum(c.cpu_memory_usage for c in self.cpu_children)

    @property
    def self_device_memory_usage(self):
        """The memory on a device without that of the calls inside of it."""
        return self.device_memory_usage - sum(c.device_memory_usage for c in self.cpu_children)

    @property
    def device_time_total(self):
        """The time of its kernels on a device, those of calls inside of it included."""
        return sum(k.duration for k in self.kernels) + sum(c.device_time_total for c in self.cpu_children)

    @property
    def self_device_time_total(self):
        """The time of its own kernels on a device."""
        return sum(k.duration for k in self.kernels)

    self_cuda_memory_usage = _deprecated("self_cuda_memory_usage", "self_device_memory_usage")
    cuda_time_total = _deprecated("cuda_time_total", "device_time_total")
    self_cuda_time_total = _deprecated("self_cuda_time_total", "self_device_time_total")

    def __repr__(self):
        return f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} thread={self.thread} input_shapes={self.input_shapes}>"


def _get_metadata_json(self):
    warnings.warn("`metadata_json` is deprecated. Use `event_metadata` instead.", FutureWarning, stacklevel=2)
    return self._metadata_json


FunctionEvent.metadata_json = property(_get_metadata_json, lambda self, text: setattr(self, "_metadata_json", text), doc="Deprecated: `event_metadata`.")
_SUMS = ("count", "cpu_time_total", "self_cpu_time_total", "device_time_total", "self_device_time_total", "cpu_memory_usage", "self_cpu_memory_usage",
         "device_memory_usage", "self_device_memory_usage")


class FunctionEventAvg(FormattedTimesMixin):
    """The calls of one name together."""

    def __init__(self):
        self.key = self.overload_name = self.node_id = self.scope = self.use_device = self.cpu_parent = self.flops = None
        self.input_shapes, self.stack, self.is_user_annotation, self.device_type = None, (), False, 0
        for name in _SUMS:
            setattr(self, name, 0)

    def add(self, other):
        """Takes in another event, or the average of others of the same name. AssertionError for another kind of object."""
        if not isinstance(other, (FunctionEvent, FunctionEventAvg)):
            raise AssertionError(f"expected an event, but got {type(other).__name__}")
        if self.key is None:
            for name in ("key", "overload_name", "input_shapes", "stack", "is_user_annotation", "node_id", "scope", "use_device", "device_type"):
                setattr(self, name, getattr(other, name))
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.flops is not None:
            self.flops = (self.flops or 0) + other.flops
        return self

    __iadd__ = add

    def __repr__(self):
        return (f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
                f"input_shapes={self.input_shapes or ''} cpu_memory_usage={self.cpu_memory_usage}>")


class _Column(NamedTuple):
    title: str
    text: Any           # of an event
    shown: bool = True


class EventList(list):
    """Events, or averages of them, that can show themselves as a table."""

    def __init__(self, *args, **kwargs):
        self._use_device = kwargs.pop("use_device", None)
        self._profile_memory, self._with_flops = kwargs.pop("profile_memory", False), kwargs.pop("with_flops", False)
        super().__init__(*args, **kwargs)

    @property
    def self_cpu_time_total(self):
        """All time spent, in microseconds."""
        return sum(e.self_cpu_time_total for e in self)

    def __str__(self):
        return self.table()

    def key_averages(self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False):
        """The events of each name (and overload, shapes, callers) together."""
        groups: dict = defaultdict(FunctionEventAvg)
        for e in self:
            shapes = str(e.input_shapes) if group_by_input_shapes else ""
            groups[e.key, e.overload_name if group_by_overload_name else "", shapes, tuple(e.stack[:group_by_stack_n])].add(e)
        for (_, overload, shapes, stack), average in groups.items():
            average.input_shapes = average.input_shapes if shapes else ""
            average.stack, average.overload_name = stack, overload
        return EventList(groups.values(), use_device=self._use_device, profile_memory=self._profile_memory, with_flops=self._with_flops)

    def total_average(self):
        """All events together."""
        total = FunctionEventAvg()
        for e in self:
            total.add(e)
            total.key = None
        total.key = "Total"
        return total

    def _columns(self, rows, unit, widths):
        name_width, shapes_width, source_width = widths
        total = sum(e.self_cpu_time_total for e in rows) or 1.0

        def cut(text, width):
            return text if width is None or len(text) <= width else text[:width - 3] + "..."

        def location(e):
            return cut(e.stack[0], source_width) if e.stack else ""
        return [c for c in (
            _Column("Name", lambda e: cut(e.key, name_width)),
            _Column("Overload Name", lambda e: e.overload_name, any(e.overload_name for e in rows)),
            _Column("Self CPU %", lambda e: f"{100 * e.self_cpu_time_total / total:.2f}%"),
            _Column("Self CPU", lambda e: _time(e.self_cpu_time_total, unit)),
            _Column("CPU total %", lambda e: f"{100 * e.cpu_time_total / total:.2f}%"),
            _Column("CPU total", lambda e: _time(e.cpu_time_total, unit)),
            _Column("CPU time avg", lambda e: _time(e.cpu_time, unit)),
            _Column("CPU Mem", lambda e: _memory(e.cpu_memory_usage), self._profile_memory),
            _Column("Self CPU Mem", lambda e: _memory(e.self_cpu_memory_usage), self._profile_memory),
            _Column("# of Calls", lambda e: str(e.count)),
            _Column("Input Shapes", lambda e: cut(str(e.input_shapes or ""), shapes_width), any(e.input_shapes for e in rows)),
            _Column("Source Location", location, any(e.stack for e in rows)),
            _Column("Total FLOPs", lambda e: f"{e.flops:.3f}" if e.flops else "--", self._with_flops),
        ) if c.shown]

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55, max_shapes_column_width=80, header=None,
              top_level_events_only=False, time_unit=None):
        """The events as text, the greatest `sort_by` first ("self_cpu_time_total", "cpu_time_total", "count", "flops"...)."""
        rows = [e for e in self if not top_level_events_only or e.cpu_parent is None]
        if sort_by is not None:
            key = sort_by.replace("cuda", "device").replace("xpu", "device").replace("privateuse1", "device")
            rows.sort(key=lambda e: getattr(e, key) or 0, reverse=True)
        columns = self._columns(rows, time_unit, (max_name_column_width, max_shapes_column_width, max_src_column_width))
        shown = rows if row_limit < 0 else rows[:row_limit]
        lines = [[c.text(e) for c in columns] for e in shown]
        widths = [max(len(line[i]) for line in [[c.title for c in columns], *lines]) + 2 for i in range(len(columns))]
        rule = "  ".join("-" * w for w in widths)

        def row(cells):
            return "  ".join(cell.rjust(w) for cell, w in zip(cells, widths))
        total = _time(sum(e.self_cpu_time_total for e in rows), time_unit)
        text = [rule, row([c.title for c in columns]), rule, *map(row, lines), rule, f"Self CPU time total: {total}"]
        return "\n".join(([header] if header else []) + text) + "\n"

    def export_chrome_trace(self, path):
        """Writes the events as JSON for chrome://tracing and Perfetto; a name that ends in ".gz" is compressed."""
        _write_trace(self, path, {})

    def supported_export_stacks_metrics(self):
        """The metrics that :meth:`export_stacks` takes."""
        return ["self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_privateuse1_time_total"]

    def export_stacks(self, path, metric):
        """Writes the callers of each event with a metric, a line each, for flame graphs. ValueError for another metric."""
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(f"metric should be one of: {self.supported_export_stacks_metrics()}")
        name = "self_cpu_time_total" if metric == "self_cpu_time_total" else "self_device_time_total"
        marks = str.maketrans(" ;\t\n", "____")
        with open(path, "w") as file:
            for event in self:
                value = int(getattr(event, name))
                if event.stack and value > 0:
                    file.write(";".join(entry.translate(marks) for entry in reversed(event.stack)) + f" {value}\n")


def _write_trace(events, path, metadata):
    """The events and `metadata` ({key: JSON text}) as a trace."""
    import gzip
    import os

    def one(e):
        about = {"External id": e.id}
        if e.input_shapes:
            about["Input Dims"] = e.input_shapes
        if e.stack:
            about["Call stack"] = ";".join(e.stack)
        return {"name": e.trace_name, "ph": "X", "ts": e.start_us, "dur": e.cpu_time_total, "tid": e.thread, "pid": os.getpid(),
                "cat": "user_annotation" if e.is_user_annotation else "cpu_op", "args": about}
    document = {"schemaVersion": 1, **{key: json.loads(text) for key, text in metadata.items()}, "displayTimeUnit": "ms",
                "traceEvents": [one(e) for e in events], "traceName": os.fspath(path)}
    with (gzip.open if os.fspath(path).endswith(".gz") else open)(path, "wt") as file:
        json.dump(document, file)


def _flops(name, shapes):
    """Floating-point operations of a call by the shapes of its arguments; None where they are not known."""
    shapes = [s for s in shapes if s]
    if name in ("aten::mm", "aten::bmm", "aten::addmm") and len(shapes) >= 2:
        left, right = shapes[-2:]
        return 2 * math.prod(left) * right[-1]
    if name in ("aten::add", "aten::mul") and shapes:
        return max(math.prod(s) for s in shapes)
    return None
