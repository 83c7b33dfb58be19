"""torch.Stream and torch.Event: queues of work on a device and marks in them. On the CPU all work is done when a call returns."""

from __future__ import annotations

import torch

__all__ = ["Event", "Stream"]

_DEVICE_TYPES = ("cpu", "cuda")     # by number


def _device_of(device, device_index=None, device_type=None):
    if device is None and device_type is not None:
        device = torch.device(_DEVICE_TYPES[device_type], device_index or 0)
    device = torch.device("cpu") if device is None else torch.device(device)
    if device.type != "cpu":
        raise RuntimeError(f"PyTorch is not linked with support for {device.type} devices")
    return device


class _OnDevice:
    """Something that belongs to a device."""

    @property
    def device(self):
        """The device."""
        return self._device

    @property
    def _index(self):
        return -1 if self._device.index is None else self._device.index


class Stream(_OnDevice):
    """A queue of work on `device` (the CPU unless given). RuntimeError for a device that is not there.

    >>> torch.Stream(device="cpu").query()
    True
    """

    def __init__(self, device=None, *, priority=0, device_index=None, device_type=None, stream_id=0):
        self._device = _device_of(device, device_index, device_type)
        self._stream_id = stream_id

    @property
    def device_index(self):
        """The number of the device, -1 for the current one."""
        return self._index

    @property
    def device_type(self):
        """The number of the device's type."""
        return _DEVICE_TYPES.index(self._device.type)

    @property
    def stream_id(self):
        """The number of the stream on its device."""
        return self._stream_id

    @property
    def native_handle(self):
        """The driver's handle: RuntimeError, the CPU has none."""
        raise RuntimeError("Backend doesn't support getting stream native handle.")

    def query(self):
        """Whether all work is done: True."""
        return True

    def synchronize(self):
        """Waits for the work: nothing is ever pending."""

    def is_capturing(self):
        """Whether the stream records a graph: False."""
        return False

    def record_event(self, event=None):
        """Marks the present end of the queue: RuntimeError, the CPU has no events."""
        event = Event(device=self._device) if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        """Lets later work wait for `event`: it has happened already."""

    def wait_stream(self, stream):
        """Lets later work wait for the present work of another stream."""
        self.wait_event(stream.record_event())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __eq__(self, other):
        return isinstance(other, Stream) and (self._device, self._stream_id) == (other._device, other._stream_id)

    def __hash__(self):
        return hash((self._device, self._stream_id))

    def __repr__(self):
        return f"torch.Stream device_type={self._device.type}, device_index={self._index}, stream_id={self._stream_id}"


class Event(_OnDevice):
    """A mark in a stream of `device` (the CPU unless given)."""

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        self._device = _device_of(device)
        self._enable_timing = enable_timing

    @property
    def event_id(self):
        """The number of the mark, 0 before it is recorded."""
        return 0

    def record(self, stream=None):
        """Sets the mark at the present end of a stream: RuntimeError, the CPU has no events."""
        raise RuntimeError(f"{self._device.type} backend doesn't support events.")

    def query(self):
        """Whether the work before the mark is done: True."""
        return True

    def synchronize(self):
        """Waits for the work before the mark: nothing is ever pending."""

    def wait(self, stream=None):
        """Lets later work of a stream wait for the mark."""

    def elapsed_time(self, end_event):
        """Milliseconds from this mark to another one. ValueError unless both were made with `enable_timing`."""
        if not (self._enable_timing and end_event._enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        raise RuntimeError(f"{self._device.type} backend doesn't support events.")

    def ipc_handle(self):
        """A handle for another process: NotImplementedError."""
        raise NotImplementedError("torch.Event ipc is not supported")

    @classmethod
    def from_ipc_handle(cls, device, ipc_handle):
        """The event behind another process's handle: NotImplementedError."""
        raise NotImplementedError("torch.Event ipc is not supported")

    def __repr__(self):
        return f"torch.Event device_type={self._device.type}, device_index={self._index}, event_flag={int(self._enable_timing)}, event_id={self.event_id}"


for _class in (Stream, Event):
    _class.__module__ = "torch"
