"""The CPU as a device: what generic code asks of any device."""

import contextlib
import functools
import types

__all__ = ["Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count", "get_capabilities", "is_available",
           "is_initialized", "set_device", "stream", "synchronize"]


class Stream:
    """A queue of work; on the CPU everything is done when a call returns."""

    def __init__(self, priority=-1):
        self.priority = priority

    def wait_stream(self, stream):
        """Nothing is ever pending."""

    def record_event(self):
        """Nothing is ever pending, so there is nothing to mark."""

    def wait_event(self, event):
        """Nothing is ever pending."""


class Event:
    """A mark in a queue of work, which is always reached."""

    def query(self):
        """True."""
        return True

    def record(self, stream=None):
        """Sets the mark."""

    def synchronize(self):
        """Nothing is ever pending."""

    def wait(self, stream=None):
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


def is_initialized():
    """True: there is nothing to initialise."""
    return True


# capability -> the kernel's word for it, where it is another
_WORDS = {
    "sse": "sse", "sse2": "sse2", "sse3": "pni", "ssse3": "ssse3", "sse4_1": "sse4_1", "sse4_2": "sse4_2", "sse4a": "sse4a", "avx": "avx", "avx2": "avx2",
    "avx_vnni": "avx_vnni", "avx512_f": "avx512f", "avx512_cd": "avx512cd", "avx512_dq": "avx512dq", "avx512_bw": "avx512bw", "avx512_vl": "avx512vl",
    "avx512_ifma": "avx512ifma", "avx512_vbmi": "avx512vbmi", "avx512_vbmi2": "avx512_vbmi2", "avx512_bitalg": "avx512_bitalg",
    "avx512_vpopcntdq": "avx512_vpopcntdq", "avx512_vnni": "avx512_vnni", "avx512_bf16": "avx512_bf16", "avx512_fp16": "avx512_fp16",
    "avx512_vp2intersect": "avx512_vp2intersect", "amx_bf16": "amx_bf16", "amx_tile": "amx_tile", "amx_int8": "amx_int8", "amx_fp16": "amx_fp16",
    "fma3": "fma", "fma4": "fma4", "f16c": "f16c", "bmi": "bmi1", "bmi2": "bmi2", "popcnt": "popcnt", "lzcnt": "abm", "aes": "aes", "sha": "sha_ni",
    "clflush": "clflush", "clflushopt": "clflushopt", "clwb": "clwb",
    "neon": "asimd", "fp16_arith": "asimdhp", "bf16": "bf16", "dot": "asimddp", "i8mm": "i8mm", "sve": "sve", "sve2": "sve2",
}


@functools.cache
def get_capabilities():
    """What the processor can do: instruction sets (those of its architecture, True or False), its name and its numbers of cores."""
    import os
    import platform

    architecture = platform.machine()
    facts = {}
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                key, _, value = line.partition(":")
                facts.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    names = list(_WORDS)
    at = names.index("neon")
    result = {name: _WORDS[name] in flags for name in (names[:at] if architecture in ("x86_64", "AMD64", "i386") else names[at:])}
    result.update(architecture=architecture, cpu_name=facts.get("model name") or platform.processor() or architecture, num_logical_cores=os.cpu_count() or 1,
                  num_physical_cores=int(facts.get("cpu cores", os.cpu_count() or 1)), num_sockets=1)
    return types.MappingProxyType(result)


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


def __getattr__(name):
    if name == "amp":
        import importlib

        return importlib.import_module("torch.cpu.amp")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
