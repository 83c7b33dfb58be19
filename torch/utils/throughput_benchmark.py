"""How many calls a second a module takes from several threads at once."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

import torch

__all__ = ["ExecutionStats", "ThroughputBenchmark", "format_time"]


def format_time(time_us=None, time_ms=None, time_s=None):
    """One of the three times as text in a unit that suits it. AssertionError unless exactly one is given.

    >>> format_time(time_ms=1200)
    '1.200s'
    """
    if sum(t is not None for t in (time_us, time_ms, time_s)) != 1:
        raise AssertionError("Expected only one of time_us, time_ms, time_s is given.")
    us = time_us if time_us is not None else time_ms * 1e3 if time_ms is not None else time_s * 1e6
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


class _Config(NamedTuple):
    num_calling_threads: int
    num_warmup_iters: int
    num_iters: int
    profiler_output_path: str


class _Stats(NamedTuple):
    latency_avg_ms: float
    num_iters: int


class ExecutionStats:
    """The result of a :class:`ThroughputBenchmark`."""

    def __init__(self, c_stats, benchmark_config):
        self._c_stats, self.benchmark_config = c_stats, benchmark_config

    @property
    def latency_avg_ms(self):
        """Milliseconds of one call."""
        return self._c_stats.latency_avg_ms

    @property
    def num_iters(self):
        """How many calls were counted."""
        return self._c_stats.num_iters

    @property
    def iters_per_second(self):
        """Calls a second, all threads together."""
        return self.num_iters / self.total_time_seconds

    @property
    def total_time_seconds(self):
        """How long the calls of one thread took."""
        return self.num_iters * (self.latency_avg_ms / 1000.0) / self.benchmark_config.num_calling_threads

    def __str__(self):
        return "\n".join(["Average latency per example: " + format_time(time_ms=self.latency_avg_ms), f"Total number of iterations: {self.num_iters}",
                          f"Total number of iterations per second (across all threads): {self.iters_per_second:.2f}",
                          "Total time: " + format_time(time_s=self.total_time_seconds)])


class ThroughputBenchmark:
    """Calls a module from several threads with inputs that :meth:`add_input` collected, each thread going through them in turn."""

    def __init__(self, module):
        self._module, self._inputs = module, []

    def add_input(self, *args, **kwargs):
        """Adds arguments of a call."""
        self._inputs.append((args, kwargs))

    def run_once(self, *args, **kwargs):
        """The result of one call."""
        return self._module(*args, **kwargs)

    def benchmark(self, num_calling_threads=1, num_warmup_iters=10, num_iters=100, profiler_output_path=""):
        """Times `num_iters` calls in `num_calling_threads` threads. RuntimeError without inputs."""
        if not self._inputs:
            raise RuntimeError("Please provide benchmark inputs. Did you forget to call add_input()?")
        ready, spent, counts = threading.Barrier(num_calling_threads), [0.0] * num_calling_threads, [0] * num_calling_threads
        remaining = iter(range(num_iters))

        def call(number):
            args, kwargs = self._inputs[number % len(self._inputs)]
            self._module(*args, **kwargs)

        def work(thread):
            with torch.no_grad():
                for i in range(num_warmup_iters):
                    call(i + thread)
                ready.wait()
                start = time.perf_counter()
                for number in remaining:
                    call(number)
                    counts[thread] += 1
                spent[thread] = time.perf_counter() - start

        threads = [threading.Thread(target=work, args=(i,)) for i in range(num_calling_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        config = _Config(num_calling_threads, num_warmup_iters, num_iters, profiler_output_path)
        return ExecutionStats(_Stats(1e3 * sum(spent) / max(sum(counts), 1), sum(counts)), config)
