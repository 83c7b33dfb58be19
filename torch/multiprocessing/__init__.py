"""The standard multiprocessing, in which tensors travel through shared memory, and processes started on their rank.

Example::

    import torch.multiprocessing as mp

    def work(rank, queue):
        queue.put(torch.ones(3) * rank)     # the receiver sees the same memory

    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(work, (queue,), nprocs=2, join=False)
"""

import multiprocessing as _base
from multiprocessing import *  # noqa: F403

from torch import _shared_memory

from .reductions import init_reductions
from .spawn import ProcessContext, ProcessExitedException, ProcessRaisedException, SpawnContext, spawn, start_processes

__all__ = [*_base.__all__, "spawn", "start_processes", "ProcessContext", "ProcessExitedException", "ProcessRaisedException",
           "SpawnContext", "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy"]

init_reductions()


def get_all_sharing_strategies():
    """Ways to share memory: by file descriptors, which need no names, or by names in a file system."""
    return {"file_descriptor", "file_system"} if hasattr(__import__("os"), "memfd_create") else {"file_system"}


def get_sharing_strategy():
    """The way memory is shared."""
    return _shared_memory.strategy


def set_sharing_strategy(new_strategy):
    """Choose the way memory is shared from now on. Raises AssertionError for unknown ones."""
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"unknown sharing strategy {new_strategy!r}")
    _shared_memory.strategy = new_strategy
