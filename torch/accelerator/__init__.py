"""The accelerator of this machine, whatever its kind. There is none: questions say so, and what needs one raises RuntimeError.

>>> torch.accelerator.current_accelerator() is None
True
"""

from .graphs import Graph
from .memory import (
    _absent,
    _fail,
    empty_cache,
    empty_host_cache,
    get_memory_info,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    memory_stats,
    reset_accumulated_memory_stats,
    reset_peak_memory_stats,
)

__all__ = [
    "Graph", "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count", "device_index", "empty_cache",
    "empty_host_cache", "get_device_capability", "get_memory_info", "is_available", "max_memory_allocated", "max_memory_reserved",
    "memory_allocated", "memory_reserved", "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx",
    "set_device_index", "set_stream", "synchronize",
]


def current_accelerator(check_available=False):
    """The device type of the accelerator: None."""
    return None


def device_count():
    """The number of accelerators: 0."""
    return 0


def is_available():
    """False."""
    return False


def current_device_index():
    """The number of the current accelerator. RuntimeError without one."""
    _fail()


current_device_idx = current_device_index


def set_device_index(device, /):
    """Select an accelerator. RuntimeError without one."""
    _fail()


set_device_idx = set_device_index


def set_stream(stream):
    """Make a stream the current one of its accelerator. RuntimeError without one."""
    _fail()


get_device_capability = _absent("get_device_capability", "What the accelerator can do", by_index=False)
current_stream = _absent("current_stream", "The current stream of an accelerator", by_index=False)
synchronize = _absent("synchronize", "Wait for an accelerator", by_index=False)


class device_index:  # noqa: N801
    """Select an accelerator within a block; None selects nothing. RuntimeError on entering without one."""

    def __init__(self, device, /):
        self.idx = device

    def __enter__(self):
        if self.idx is not None:
            _fail()

    def __exit__(self, *_):
        return None
