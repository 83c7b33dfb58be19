"""cuDNN: not used by this build. The switches are kept for programs that set them."""

import contextlib

__all__ = ["is_available", "version", "flags", "is_acceptable"]

enabled = True
benchmark = deterministic = False
benchmark_limit = 10
allow_tf32 = True


def is_available():
    """False."""
    return False


def version():
    """None."""
    return None


def is_acceptable(tensor):
    """Whether cuDNN would take a tensor: no."""
    return False


@contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True, fp32_precision="none"):
    """Change the switches within a block."""
    values = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit,
              "deterministic": deterministic, "allow_tf32": allow_tf32}
    before = {name: globals()[name] for name in values}
    globals().update(values)
    try:
        yield
    finally:
        globals().update(before)
