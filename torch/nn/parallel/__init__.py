"""Modules on several devices of one machine. Without accelerators every wrapper runs its module where it is."""

from .data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
