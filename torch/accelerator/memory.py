"""Memory of the accelerator: there is none, so every call raises RuntimeError."""

__all__ = [
    "empty_cache", "empty_host_cache", "get_memory_info", "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved",
    "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats",
]


def _fail():
    raise RuntimeError("Cannot access accelerator device when none is available.")


def _absent(name, doc, by_index=True):
    """A function of an accelerator, which there is not."""
    def function(device=None, /):
        _fail()

    def function_of_index(device_index=None, /):
        _fail()

    function = function_of_index if by_index else function

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}. RuntimeError: there is no accelerator."
    return function


def empty_cache():
    """Give cached memory back. RuntimeError: there is no accelerator."""
    _fail()


def empty_host_cache():
    """Give cached page-locked memory back. RuntimeError: there is no accelerator."""
    _fail()


get_memory_info = _absent("get_memory_info", "(free, total) bytes")
max_memory_allocated = _absent("max_memory_allocated", "Peak bytes in tensors")
max_memory_reserved = _absent("max_memory_reserved", "Peak bytes held by the allocator")
memory_allocated = _absent("memory_allocated", "Bytes in tensors")
memory_reserved = _absent("memory_reserved", "Bytes held by the allocator")
memory_stats = _absent("memory_stats", "Statistics of the allocator")
reset_accumulated_memory_stats = _absent("reset_accumulated_memory_stats", "Reset the sums")
reset_peak_memory_stats = _absent("reset_peak_memory_stats", "Reset the peaks")
