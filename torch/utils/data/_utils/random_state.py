"""States of the random generators that datasets use."""

import random
import sys

import torch


def is_numpy_loaded():
    """Whether this process uses NumPy."""
    return "numpy" in sys.modules


def capture():
    """States of torch's default generator, of :mod:`random`, and of NumPy's if it is loaded: plain values and tensors."""
    state = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if is_numpy_loaded():
        kind, keys, *rest = sys.modules["numpy"].random.get_state()
        state["numpy"] = [kind, keys.tolist(), *rest]
    return state


def restore(state):
    """Set the generators to states from :func:`capture`."""
    torch.set_rng_state(state["torch"])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    if "numpy" in state:
        import numpy

        kind, keys, *rest = state["numpy"]
        numpy.random.set_state((kind, numpy.array(keys, dtype=numpy.uint32), *rest))


def changed(state, previous):
    """Whether two captured states differ."""
    return (previous is None or state["python"] != previous["python"] or state.get("numpy") != previous.get("numpy")
            or not torch.equal(state["torch"], previous["torch"]))


def seed(number, worker, with_numpy):
    """Seed all generators of worker `worker`, NumPy's from the loader's seed and the worker's number as a sequence."""
    random.seed(number)
    torch.manual_seed(number)
    if with_numpy or is_numpy_loaded():
        import numpy

        base = number - worker
        words = [worker, base & 0xFFFFFFFF, base >> 32]
        numpy.random.seed(numpy.random.SeedSequence(words).generate_state(4))
