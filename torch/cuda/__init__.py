"""CUDA devices. This build has none: queries answer so, and whatever needs a device raises."""

import contextlib

import torch
from torch import OutOfMemoryError

__all__ = [
    "is_available", "is_initialized", "init", "device_count", "current_device", "set_device", "get_device_name",
    "get_device_properties", "get_device_capability", "get_arch_list", "synchronize", "empty_cache", "memory_allocated",
    "max_memory_allocated", "memory_reserved", "max_memory_reserved", "reset_peak_memory_stats", "memory_stats",
    "mem_get_info", "manual_seed", "manual_seed_all", "seed", "seed_all", "initial_seed", "get_rng_state",
    "get_rng_state_all", "set_rng_state", "set_rng_state_all", "is_bf16_supported", "is_current_stream_capturing", "device",
    "stream", "current_stream", "default_stream", "Stream", "ExternalStream", "Event", "CUDAGraph", "MemPool", "StreamContext", "graph", "OutOfMemoryError", "ipc_collect", "DeferredCudaCallError",
]

has_magma = has_half = False
default_generators = ()
_MESSAGE = "Torch not compiled with CUDA enabled"


class DeferredCudaCallError(Exception):
    """A call that waited for the start of CUDA failed."""


def _lazy_init():
    raise AssertionError(_MESSAGE)


def is_available():
    """False: this build runs on the CPU."""
    return False


def is_initialized():
    """False: there is nothing to initialise."""
    return False


def device_count():
    """0."""
    return 0


def is_bf16_supported(including_emulation=True):
    """False."""
    return False


def is_current_stream_capturing():
    """False."""
    return False


def get_arch_list():
    """Architectures with compiled kernels: none."""
    return []


def _needs_device(name, doc):
    def function(*args, **kwargs):
        _lazy_init()

    function.__name__ = name
    function.__doc__ = f"{doc}. Raises AssertionError: there is no CUDA device."
    return function


init = _needs_device("init", "Start CUDA")
current_device = _needs_device("current_device", "The number of the current device")
get_device_name = _needs_device("get_device_name", "The name of a device")
get_device_properties = _needs_device("get_device_properties", "The properties of a device")
get_device_capability = _needs_device("get_device_capability", "The compute capability of a device")
synchronize = _needs_device("synchronize", "Wait for a device")
mem_get_info = _needs_device("mem_get_info", "(free, total) bytes of a device")
current_stream = _needs_device("current_stream", "The current stream of a device")
default_stream = _needs_device("default_stream", "The default stream of a device")
initial_seed = _needs_device("initial_seed", "The seed of a device's generator")
get_rng_state = _needs_device("get_rng_state", "The state of a device's generator")
set_rng_state = _needs_device("set_rng_state", "Set the state of a device's generator")


def set_device(device):
    """Select a device. Negative numbers do nothing; anything else raises AssertionError."""
    if not isinstance(device, int) or device >= 0:
        _lazy_init()


def _nothing(name, doc):
    def function(*args, **kwargs):
        return None

    function.__name__ = name
    function.__doc__ = f"{doc}. Does nothing without devices."
    return function


empty_cache = _nothing("empty_cache", "Give cached memory back")
ipc_collect = _nothing("ipc_collect", "Collect memory shared between processes")
reset_peak_memory_stats = _nothing("reset_peak_memory_stats", "Reset the peak figures")
manual_seed = _nothing("manual_seed", "Seed the current device's generator")
manual_seed_all = _nothing("manual_seed_all", "Seed the generators of all devices")
seed = _nothing("seed", "Seed the current device's generator at random")
seed_all = _nothing("seed_all", "Seed the generators of all devices at random")


def _zero(name, doc):
    def function(device=None):
        return 0

    function.__name__, function.__doc__ = name, f"{doc} on a device: 0."
    return function


memory_allocated = _zero("memory_allocated", "Bytes in tensors")
max_memory_allocated = _zero("max_memory_allocated", "Peak bytes in tensors")
memory_reserved = _zero("memory_reserved", "Bytes held by the allocator")
max_memory_reserved = _zero("max_memory_reserved", "Peak bytes held by the allocator")


def memory_stats(device=None):
    """Statistics of the allocator: none."""
    return {}


def get_rng_state_all():
    """States of the generators of all devices: none."""
    return []


def set_rng_state_all(new_states):
    """Set the states of the generators of all devices."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


class device(contextlib.ContextDecorator):
    """Select a device within a block; None or a negative number does nothing."""

    def __init__(self, device):
        self.idx = -1 if device is None else torch._utils._get_device_index(device, optional=True)

    def __enter__(self):
        set_device(self.idx)

    def __exit__(self, *_):
        return False


def _absent(name, doc, message="Tried to instantiate dummy base class {}"):
    def refuse(self, *args, **kwargs):
        raise RuntimeError(f"{message.format(name)}: this build has no CUDA")

    return type(name, (), {"__doc__": f"{doc}. Raises RuntimeError: there is no CUDA device.", "__module__": __name__, "__init__": refuse})


Stream = _absent("Stream", "A queue of work on a device", "torch.cuda.{} requires CUDA support")
ExternalStream = type("ExternalStream", (Stream,), {"__doc__": "A stream that other code made.", "__module__": __name__})
Event = _absent("Event", "A mark in a stream")
CUDAGraph = _absent("CUDAGraph", "Recorded work that can be launched again")
MemPool = _absent("MemPool", "A pool of memory of one's own")


class StreamContext(contextlib.ContextDecorator):
    """Select a stream within a block; None does nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is not None:
            _lazy_init()

    def __exit__(self, *_):
        return False


def stream(stream):
    """``with stream(s):`` runs on the stream `s`; None does nothing."""
    return StreamContext(stream)


class graph:
    """``with graph(cuda_graph):`` records work into a `CUDAGraph`. Raises AssertionError: there is no CUDA device."""

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
        self.cuda_graph = cuda_graph

    def __enter__(self):
        _lazy_init()

    def __exit__(self, *_):
        return False


def __getattr__(name):
    if name == "amp":
        import importlib

        return importlib.import_module("torch.cuda.amp")
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}'")
