"""A lock between processes: a file that one of them makes."""

from __future__ import annotations

import contextlib
import os
import time
import warnings

__all__ = ["FileBaton"]


class FileBaton:
    """Whoever makes the file holds the baton; others wait until it is gone.

    `wait_seconds` is the time between looks; after `warn_after_seconds` a waiter warns which file it waits for.
    """

    def __init__(self, lock_file_path, wait_seconds=0.1, warn_after_seconds=None):
        self.lock_file_path, self.wait_seconds, self.warn_after_seconds = lock_file_path, wait_seconds, warn_after_seconds
        self.fd = None

    def try_acquire(self):
        """Takes the baton; False if another has it."""
        try:
            self.fd = os.open(self.lock_file_path, os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return False
        return True

    def wait(self):
        """Returns when nobody has the baton."""
        start, warned = time.monotonic(), False
        while os.path.exists(self.lock_file_path):
            time.sleep(self.wait_seconds)
            if self.warn_after_seconds is not None and not warned and time.monotonic() - start > self.warn_after_seconds:
                warnings.warn(f"waiting for {self.lock_file_path!r} for {self.warn_after_seconds} s; remove it if no other process uses it", stacklevel=2)
                warned = True

    def release(self):
        """Gives the baton back."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.lock_file_path)
