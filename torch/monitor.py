"""Events that a program logs and handlers that receive them; statistics that log themselves, one event for each interval.

>>> seen = []
>>> handle = register_event_handler(seen.append)
>>> log_event(Event("loaded", datetime.datetime.now(), {"rows": 3}))
>>> unregister_event_handler(handle)
>>> seen[0].data
{'rows': 3}
"""

from __future__ import annotations

import datetime
import enum
import threading
import time
from typing import NamedTuple, Union

__all__ = [
    "Aggregation", "Event", "EventHandlerHandle", "STAT_EVENT", "Stat", "TensorboardEventHandler", "data_value_t", "log_event", "register_event_handler",
    "unregister_event_handler",
]

STAT_EVENT = "torch.monitor.Stat"
data_value_t = Union[int, float, bool, str]
_handlers: dict[EventHandlerHandle, object] = {}
_lock = threading.Lock()


class Aggregation(enum.Enum):
    """What a :class:`Stat` tells of the values of an interval."""

    VALUE = 0
    MEAN = 2
    COUNT = 3
    SUM = 4
    MAX = 5
    MIN = 6


class Event(NamedTuple):
    """Something that happened: a name, a datetime and a dict of numbers and strings."""

    name: str
    timestamp: datetime.datetime
    data: dict[str, data_value_t]


class EventHandlerHandle:
    """What :func:`register_event_handler` returns."""


def register_event_handler(callback):
    """Calls `callback(event)` for every logged event from now on. Returns a handle for :func:`unregister_event_handler`."""
    handle = EventHandlerHandle()
    with _lock:
        _handlers[handle] = callback
    return handle


def unregister_event_handler(handler):
    """Undoes a :func:`register_event_handler`."""
    with _lock:
        _handlers.pop(handler, None)


def log_event(event):
    """Hands an event to all handlers."""
    with _lock:
        handlers = list(_handlers.values())
    for handler in handlers:
        handler(event)


_STATISTICS = {
    Aggregation.VALUE: lambda values: values[-1],
    Aggregation.MEAN: lambda values: sum(values) / len(values),
    Aggregation.COUNT: len,
    Aggregation.SUM: sum,
    Aggregation.MAX: max,
    Aggregation.MIN: min,
}


class Stat:
    """Statistics of added values: after each `window_size` (a timedelta), or `max_samples` values, an event with them is logged.

    :meth:`get` gives the statistics of the last full interval, `count` the number of values in the present one.
    """

    def __init__(self, name, aggregations, window_size, max_samples=None):
        self._name, self._aggregations = name, tuple(aggregations)
        self._window, self._max_samples = window_size.total_seconds(), max_samples
        self._values, self._last, self._lock = [], {}, threading.Lock()
        self._end = time.monotonic() + self._window

    @property
    def name(self):
        """The name, with which the keys of the event's data begin."""
        return self._name

    @property
    def count(self):
        """How many values the present interval has."""
        self._advance()
        return len(self._values)

    def add(self, v):
        """Adds a value."""
        self._advance()
        with self._lock:
            self._values.append(float(v))
            full = self._max_samples is not None and len(self._values) >= self._max_samples
        if full:
            self._log()

    def get(self):
        """{Aggregation: value} of the last interval that ended; zeros before."""
        self._advance()
        return {a: self._last.get(a, 0.0) for a in self._aggregations}

    def _advance(self):
        if time.monotonic() >= self._end:
            self._end = time.monotonic() + self._window
            self._log()

    def _log(self):
        with self._lock:
            values, self._values = self._values, []
            if not values:
                return
            self._last = {a: float(_STATISTICS[a](values)) for a in self._aggregations}
        data = {f"{self._name}.{a.name.lower()}": value for a, value in self._last.items()}
        log_event(Event(STAT_EVENT, datetime.datetime.now(), data))

    def __del__(self):
        self._log()


class TensorboardEventHandler:
    """A handler that writes the numbers of statistics to a `torch.utils.tensorboard.SummaryWriter`."""

    def __init__(self, writer):
        self._writer = writer

    def __call__(self, event):
        if event.name == STAT_EVENT:
            for key, value in event.data.items():
                self._writer.add_scalar(key, value, walltime=event.timestamp.timestamp())
