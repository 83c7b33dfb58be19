"""The pool of :mod:`multiprocessing`; arguments and results that are tensors are not copied."""

import gc
import multiprocessing.pool

from .reductions import init_reductions

__all__ = ["Pool", "clean_worker"]

init_reductions()


def clean_worker(*args, **kwargs):
    """What a process of a pool runs: the standard worker, and at its end the shared memory is let go."""
    multiprocessing.pool.worker(*args, **kwargs)
    gc.collect()


class Pool(multiprocessing.pool.Pool):
    """Processes that run functions on arguments."""
