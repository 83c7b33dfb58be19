"""Queues of :mod:`multiprocessing`; tensors put into them are not copied."""

import multiprocessing
import multiprocessing.queues

from .reductions import init_reductions

init_reductions()


class Queue(multiprocessing.queues.Queue):
    """``Queue(maxsize, ctx=context)``: the queue with a feeding thread."""


class SimpleQueue(multiprocessing.queues.SimpleQueue):
    """``SimpleQueue(ctx=context)``: the queue without one."""


class ConnectionWrapper:
    """A connection whose objects are pickled for other processes."""

    def __init__(self, conn):
        self.conn = conn

    def send(self, obj):
        """Send an object."""
        self.conn.send(obj)

    def recv(self):
        """The next object."""
        return self.conn.recv()

    def __getattr__(self, name):
        if "conn" in self.__dict__:
            return getattr(self.conn, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute 'conn'")
