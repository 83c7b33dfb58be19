"""The result of a timing."""

import contextlib
import dataclasses
import math
import statistics
import textwrap

import torch

__all__ = ["Measurement", "TaskSpec", "ordered_unique", "select_unit", "set_torch_threads", "trim_sigfig", "unit_to_english"]

_UNITS = (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0))


def select_unit(t):
    """(name, seconds) of the unit in which a time has one to three digits before the point."""
    return next(((name, size) for name, size in reversed(_UNITS) if t >= size), _UNITS[0])


def unit_to_english(u):
    """The word for a unit's abbreviation. KeyError for one that is unknown."""
    return {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}[u]


def trim_sigfig(x, n):
    """A number rounded to `n` significant digits.

    >>> trim_sigfig(123.456, 2)
    120.0
    """
    return float(f"{x:.{n}g}") if x else 0.0


def ordered_unique(elements):
    """The distinct elements in the order in which they come first."""
    return list(dict.fromkeys(elements))


@contextlib.contextmanager
def set_torch_threads(n):
    """`n` threads within a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """What was timed, and the words it is shown under."""

    stmt: str
    setup: str = "pass"
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self):
        """Label and sub-label, or the statement."""
        if self.label is None:
            return self.stmt.strip()
        return self.label + (f": {self.sub_label}" if self.sub_label else "")

    def setup_str(self):
        """The setup as it is shown: empty where there is none, on lines of its own where it has several."""
        if self.setup == "pass" or not self.setup:
            return ""
        return f"setup:\n{textwrap.indent(self.setup, '  ')}" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self):
        """The heading of a printed measurement."""
        return "\n".join(line for line in (self.title, self.description, self.setup_str()) if line)


@dataclasses.dataclass
class Measurement:
    """Times of repeated runs: `raw_times` holds the seconds of `number_per_run` executions each."""

    number_per_run: int
    raw_times: list
    task_spec: TaskSpec
    metadata: dict | None = None

    @property
    def times(self):
        """Seconds of one execution, one entry a run."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def median(self):
        """The median time."""
        return statistics.median(self.times)

    @property
    def mean(self):
        """The mean time."""
        return statistics.fmean(self.times)

    def _quartiles(self):
        times = sorted(self.times)

        def quantile(share):
            place = share * (len(times) - 1)
            low = math.floor(place)
            high = min(low + 1, len(times) - 1)
            return times[low] + (times[high] - times[low]) * (place - low)

        return quantile(0.25), quantile(0.75)

    @property
    def iqr(self):
        """The distance between the quartiles."""
        low, high = self._quartiles()
        return high - low

    @property
    def significant_figures(self):
        """How many digits of the median the spread of the times justifies."""
        spread = self.iqr / (1.35 * math.sqrt(len(self.times)))
        if spread <= 0:
            return 3
        return max(1, min(4, math.ceil(math.log10(self.median / spread)))) if self.median > spread else 1

    @property
    def has_warnings(self):
        """Whether the times scatter too much to be trusted."""
        return len(self.times) > 1 and self.iqr / self.median > 0.1

    def meets_confidence(self, threshold=0.1):
        """Whether the spread is below a share of the median."""
        return self.iqr / self.median < threshold

    @property
    def title(self):
        """What was timed."""
        return self.task_spec.title

    @property
    def as_row_name(self):
        """Its name as a row of a table."""
        spec = self.task_spec
        return spec.sub_label or spec.stmt

    @property
    def env(self):
        """The environment it was timed in."""
        return self.task_spec.env or "Unspecified env"

    @staticmethod
    def merge(measurements):
        """Measurements of the same task joined into one each."""
        groups = {}
        for measurement in measurements:
            groups.setdefault(measurement.task_spec, []).append(measurement)
        return [Measurement(1, [time for part in parts for time in part.times], spec) for spec, parts in groups.items()]

    def __getattr__(self, name):
        if not name.startswith("_") and name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(name)

    def __repr__(self):
        unit, size = select_unit(self.median)
        lines = [f"<{type(self).__module__}.Measurement object at {hex(id(self))}>", self.task_spec.summarize()]
        if len(self.times) == 1:
            lines.append(f"  {self.median / size:.2f} {unit}")
        else:
            low, high = self._quartiles()
            lines.append(f"  Median: {self.median / size:.2f} {unit}")
            lines.append(f"  IQR:    {self.iqr / size:.2f} {unit} ({low / size:.2f} to {high / size:.2f})")
        threads = self.task_spec.num_threads
        plural = "s" if len(self.times) > 1 else ""
        lines.append(f"  {len(self.times)} measurement{plural}, {self.number_per_run} runs "
                     f"{'per measurement' if plural else ''}, {threads} thread{'s' if threads > 1 else ''}")
        if self.has_warnings:
            lines.append(f"  WARNING: Interquartile range is {self.iqr / self.median:.1%} of the median measurement.\n"
                         "           This suggests significant environmental influence.")
        return "\n".join(lines)
