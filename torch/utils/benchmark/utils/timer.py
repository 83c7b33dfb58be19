"""Timer: runs a statement often enough to time it well."""

import enum
import textwrap
import time
import timeit

from .common import Measurement, TaskSpec, set_torch_threads

__all__ = ["Language", "Timer", "timer"]


class Language(enum.Enum):
    """What a statement is written in."""

    PYTHON = 0
    CPP = 1


def timer():
    """The clock: seconds since some moment."""
    return time.perf_counter()


class Timer:
    """Times a statement, given as source text, with a set number of threads.

    Args:
        stmt, setup: source text; `setup` runs once before each run of the statement.
        globals: names that both see.
        label, sub_label, description, env: words for :class:`Compare`'s table: title, row, column, group.
        num_threads: threads of the operators while timing.
    """

    def __init__(self, stmt="pass", setup="pass", global_setup="", timer=timer, globals=None, label=None,
                 sub_label=None, description=None, env=None, num_threads=1, language=Language.PYTHON):
        if language is not Language.PYTHON and str(language).lower() not in ("python", "py"):
            raise ValueError(f"only Python statements can be timed, not language={language!r}")
        stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        self._spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)
        self._timer = timeit.Timer(stmt, setup, timer, dict(globals or {}))

    def _times(self, number):
        return max(self._timer.timeit(number), 1e-9)

    def _with_threads(self, action):
        with set_torch_threads(self._spec.num_threads):
            return action()

    def timeit(self, number=1000000):
        """One run of `number` executions."""
        def measure():
            self._times(max(number // 100, 2))
            return Measurement(number, [self._times(number)], self._spec)

        return self._with_threads(measure)

    def repeat(self, repeat=-1, number=-1):
        """Not offered by PyTorch either: use :meth:`blocked_autorange`."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback=None):
        """Not offered by PyTorch either: use :meth:`blocked_autorange`."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block(self, min_run_time):
        """So many executions that reading the clock costs less than a ten-thousandth of them."""
        clock = min(self._timer.timer() - self._timer.timer() for _ in range(5))
        overhead = max(abs(clock), 1e-7)
        number = 1
        while True:
            spent = self._times(number)
            if overhead / spent <= 1e-4 and spent >= min_run_time / 1000 or spent > min_run_time:
                return number
            number *= 10

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Runs of a suitable number of executions until `min_run_time` seconds have passed."""
        def measure():
            number, times, total = self._block(min_run_time), [], 0.0
            while total < min_run_time or not times:
                spent = self._times(number)
                times.append(spent)
                total += spent
                if callback is not None:
                    callback(number, spent)
            return Measurement(number, times, self._spec)

        return self._with_threads(measure)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None):
        """Runs until the spread is below `threshold` of the median, or `max_run_time` seconds have passed."""
        def measure():
            number, times, total = self._block(0.05), [], 0.0
            while total < max_run_time:
                spent = self._times(number)
                times.append(spent)
                total += spent
                if callback is not None:
                    callback(number, spent)
                found = Measurement(number, times, self._spec)
                if total > min_run_time and len(times) > 3 and found.meets_confidence(threshold):
                    break
            return Measurement(number, times, self._spec)

        return self._with_threads(measure)
