"""The standard multiprocessing, with processes that are started on a function of their rank."""

import multiprocessing as _base
from multiprocessing import *  # noqa: F403

from .spawn import ProcessContext, ProcessExitedException, ProcessRaisedException, spawn, start_processes

__all__ = [*_base.__all__, "spawn", "start_processes", "ProcessContext", "ProcessExitedException", "ProcessRaisedException",
           "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy"]

_strategy = "file_system"


def get_all_sharing_strategies():
    """Ways to send tensors to other processes: their bytes are copied."""
    return {"file_system"}


def get_sharing_strategy():
    """The way tensors are sent."""
    return _strategy


def set_sharing_strategy(new_strategy):
    """Choose the way tensors are sent. Raises AssertionError for unknown ones."""
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"unknown sharing strategy {new_strategy!r}")
