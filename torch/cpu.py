"""The CPU as a device: what generic code asks of any device."""

import contextlib

__all__ = ["is_available", "device_count", "current_device", "synchronize", "stream", "current_stream", "set_device", "Stream",
           "StreamContext"]


class Stream:
    """A queue of work; on the CPU everything is done when a call returns."""

    def __init__(self, priority=-1):
        self.priority = priority

    def wait_stream(self, stream):
        """Nothing is ever pending."""


_stream = Stream()


class StreamContext(contextlib.AbstractContextManager):
    """A block in which a stream is the current one."""

    def __init__(self, stream):
        self.stream = stream

    def __exit__(self, *_):
        return None


def is_available():
    """True."""
    return True


def device_count():
    """1."""
    return 1


def current_device():
    """The name of the device: "cpu"."""
    return "cpu"


def set_device(device):
    """There is only one device."""


def synchronize(device=None):
    """Nothing is ever pending."""


def current_stream(device=None):
    """The only stream."""
    return _stream


def stream(stream):
    """A context in which `stream` is the current one."""
    return StreamContext(stream)
