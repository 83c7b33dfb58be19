"""The default random generator of the CPU: torch.manual_seed and its kin."""

from __future__ import annotations

import contextlib

from torch import _C

default_generator = _C.default_generator

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "thread_safe_generator"]


def set_rng_state(new_state):
    """Continues the random stream from a state of :func:`get_rng_state` (a uint8 tensor)."""
    default_generator.set_state(new_state)


def get_rng_state():
    """The state of the random stream, a uint8 tensor."""
    return default_generator.get_state()


def manual_seed(seed):
    """Starts the random stream anew from `seed`, an integer of 64 bits (negative ones wrap). Returns the generator.

    Example::

        >>> torch.manual_seed(0)
    """
    return default_generator.manual_seed(int(seed))


def seed():
    """Starts the random stream from the system's entropy; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed the stream started from."""
    return default_generator.initial_seed()


def thread_safe_generator():
    """The generator that functions without `generator=` draw from: inside a data loader's worker thread, that thread's own; else None."""
    return None


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type="cuda"):
    """Inside the `with` block random numbers are drawn as always; after it the stream goes on as if none had been."""
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
