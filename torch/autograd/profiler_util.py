"""Events of the profiler, and the tables made of them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["EventList", "FormattedTimesMixin", "FunctionEvent", "FunctionEventAvg", "Interval", "Kernel"]


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


def _time(us):
    """A duration in a unit that suits it."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


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
        return 0.0

    cpu_time_str = property(lambda self: _time(self.cpu_time))
    cpu_time_total_str = property(lambda self: _time(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: _time(self.self_cpu_time_total))


@dataclass(eq=False)
class FunctionEvent(FormattedTimesMixin):
    """One call of an operator, or one range of `record_function`."""

    id: int
    name: str
    thread: int
    start_us: float
    end_us: float
    input_shapes: Any = None
    stack: Any = ()
    is_user_annotation: bool = False
    cpu_parent: Any = None
    cpu_children: list = field(default_factory=list)
    cpu_memory_usage: int = 0
    count: int = 1

    @property
    def key(self):
        """What averages are grouped by: the name."""
        return self.name

    @property
    def time_range(self):
        """When it ran."""
        return Interval(self.start_us, self.end_us)

    @property
    def cpu_time_total(self):
        """Its duration in microseconds, calls inside of it included."""
        return self.end_us - self.start_us

    @property
    def self_cpu_time_total(self):
        """Its duration without the calls inside of it."""
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    def __repr__(self):
        return f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} thread={self.thread}>"


class FunctionEventAvg(FormattedTimesMixin):
    """The calls of one name together."""

    def __init__(self):
        self.key = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = 0
        self.input_shapes = None
        self.stack: Any = ()
        self.is_user_annotation = False

    def add(self, other):
        """Takes in another event, or the average of others of the same name."""
        if self.key is None:
            self.key, self.input_shapes, self.stack, self.is_user_annotation = other.key, other.input_shapes, other.stack, other.is_user_annotation
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        return self

    __iadd__ = add

    def __repr__(self):
        return f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str}>"


class EventList(list):
    """Events, or averages of them, that can show themselves as a table."""

    def __init__(self, *args, use_device=None, profile_memory=False, with_flops=False):
        super().__init__(*args)
        self._profile_memory = profile_memory

    @property
    def self_cpu_time_total(self):
        """All time spent, in microseconds."""
        return sum(e.self_cpu_time_total for e in self)

    def __str__(self):
        return self.table()

    def key_averages(self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False):
        """The events of each name (and shapes, and callers) together."""
        groups: dict = defaultdict(FunctionEventAvg)
        for e in self:
            shapes = str(e.input_shapes) if group_by_input_shapes else ""
            groups[e.name, shapes, tuple(e.stack[:group_by_stack_n])].add(e)
        for (_, shapes, _), average in groups.items():
            average.input_shapes = average.input_shapes if shapes else None
        return EventList(groups.values(), profile_memory=self._profile_memory)

    def total_average(self):
        """All events together."""
        total = FunctionEventAvg()
        for e in self:
            total.add(e)
            total.key = None
        total.key = "Total"
        return total

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55, max_shapes_column_width=80, header=None,
              top_level_events_only=False):
        """The events as text, the greatest `sort_by` first ("self_cpu_time_total", "cpu_time_total", "count"...)."""
        rows = [e for e in self if not top_level_events_only or getattr(e, "cpu_parent", None) is None]
        if sort_by is not None:
            rows.sort(key=lambda e: getattr(e, sort_by.replace("cuda", "cpu").replace("device", "cpu")), reverse=True)
        total = sum(e.self_cpu_time_total for e in rows) or 1.0
        shapes = any(e.input_shapes for e in rows)
        head = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"] + (["Input Shapes"] if shapes else [])
        lines = [[e.key[:max_name_column_width], f"{100 * e.self_cpu_time_total / total:.2f}%", e.self_cpu_time_total_str,
                  f"{100 * e.cpu_time_total / total:.2f}%", e.cpu_time_total_str, e.cpu_time_str, str(e.count)]
                 + ([str(e.input_shapes or "")[:max_shapes_column_width]] if shapes else [])
                 for e in (rows if row_limit < 0 else rows[:row_limit])]
        widths = [max(len(line[i]) for line in [head, *lines]) + 2 for i in range(len(head))]
        rule = "  ".join("-" * w for w in widths)

        def row(cells):
            return "  ".join(c.rjust(w) for c, w in zip(cells, widths))
        text = [rule, row(head), rule, *map(row, lines), rule, f"Self CPU time total: {_time(total)}"]
        return "\n".join(([header] if header else []) + text) + "\n"

    def export_chrome_trace(self, path):
        """Writes the events as JSON for chrome://tracing and Perfetto."""
        events = [{"name": e.name, "ph": "X", "ts": e.start_us, "dur": e.cpu_time_total, "tid": e.thread, "pid": "CPU functions",
                   "cat": "user_annotation" if e.is_user_annotation else "cpu_op", "args": {"Input Dims": e.input_shapes} if e.input_shapes else {}}
                  for e in self]
        with open(path, "w") as f:
            json.dump({"traceEvents": events}, f)
