"""oneDNN: not used by this build."""

import contextlib

__all__ = ["is_available", "flags"]

enabled = True
allow_tf32 = deterministic = False


def is_available():
    """False."""
    return False


@contextlib.contextmanager
def flags(enabled=False, deterministic=False, allow_tf32=True, fp32_precision="none"):
    """Change the switches within a block; they have no effect."""
    yield
