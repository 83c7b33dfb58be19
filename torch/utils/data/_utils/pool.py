"""The workers of a DataLoader as the main process sees them."""

import contextlib
import itertools
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import tempfile
import threading
import time
import traceback
import weakref
from multiprocessing import connection

from . import transport, worker

_numbers = itertools.count()
_SHUTDOWN_SECONDS = 5


class ThreadPool:
    """Workers that are threads of this process."""

    def __init__(self, tasks):
        self.results = queue.SimpleQueue()
        self.requests = [queue.SimpleQueue() for _ in tasks]
        self.threads = [threading.Thread(target=worker.run_thread, args=(task, requests, self.results), daemon=True)
                        for task, requests in zip(tasks, self.requests)]
        for thread in self.threads:
            thread.start()

    def send(self, number, request):
        """Give a request to worker `number`."""
        self.requests[number].put(request)

    def receive(self, timeout):
        """The next (worker, request, batch, state), or None when none comes in time."""
        with contextlib.suppress(queue.Empty):
            return self.results.get(timeout=timeout)
        return None

    def stack(self, number):
        """Where worker `number` is."""
        frame = sys._current_frames().get(self.threads[number].ident)
        return "".join(traceback.format_stack(frame)) if frame else ""

    def abort(self):
        """Wait for none; threads cannot be ended from outside."""
        self.close()

    def close(self):
        """End the workers when they are done with what they do."""
        for requests in self.requests:
            requests.put(None)
        self.requests = []


class ProcessPool:
    """Workers that are processes."""

    def __init__(self, tasks, context):
        self.prefix = transport.prefix_for(next(_numbers))
        self.channels, self.processes, self.reports = [], [], []
        self.close = weakref.finalize(self, _end, self.channels, self.processes, self.reports, self.prefix, os.getpid())
        for task in tasks:
            self._start(task, context)
        self.inbox = {channel: number for number, channel in enumerate(self.channels)}

    def _start(self, task, context):
        here, there = context.Pipe(duplex=True)
        number, report = tempfile.mkstemp(prefix="torch-worker-")
        os.close(number)
        process = context.Process(target=worker.run_process, daemon=True, args=(task, there, self.prefix, report))
        self.reports.append(report)
        try:
            process.start()
        except BaseException:
            here.close()
            raise
        finally:
            there.close()
        self.channels.append(here)
        self.processes.append(process)

    def send(self, number, request):
        """Give a request to worker `number`."""
        try:
            self.channels[number].send(request)
        except OSError:
            raise self._death(number) from None

    def receive(self, timeout):
        """The next (worker, request, batch, state), or None when none comes in time. Raises RuntimeError when a worker is dead."""
        ready = connection.wait(self.inbox, timeout)
        if not ready:
            return None
        number = self.inbox[ready[0]]
        try:
            data = ready[0].recv_bytes()
        except (EOFError, OSError):
            raise self._death(number) from None
        return (number, *transport.decode(*pickle.loads(data)))

    def abort(self):
        """End the workers at once."""
        for process in self.processes:
            process.kill()
        self.close()

    def _death(self, number):
        process = self.processes[number]
        process.join(_SHUTDOWN_SECONDS)
        code = process.exitcode
        if code is not None and code < 0:
            how = f"was killed by signal {signal.Signals(-code).name}. {_REASONS.get(-code, '')}"
        else:
            how = f"exited with code {code}."
        stack = self._report(number)
        return RuntimeError(f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly: worker {number} {how}".rstrip()
                            + (f"\nIts stack at that time:\n{stack}" if stack else ""))

    def _report(self, number):
        try:
            with open(self.reports[number]) as file:
                return file.read().strip()
        except OSError:
            return ""

    def stack(self, number):
        """Where worker `number` is, from itself; it need not be able to run Python code for that."""
        process, before = self.processes[number], len(self._report(number))
        if not hasattr(signal, "SIGUSR1") or not process.is_alive():
            return ""
        os.kill(process.pid, signal.SIGUSR1)
        for _ in range(100):
            time.sleep(0.01)
            text = self._report(number)[before:]
            if text and text == self._report(number)[before:]:
                time.sleep(0.02)
                return self._report(number)[before:].strip()
        return ""


_REASONS = {
    9: "The system may have run out of memory: use fewer workers or smaller batches.",
    7: f"The memory for shared files in {transport.FOLDER} may be full.",
}


def _end(channels, processes, reports, prefix, owner):
    """End worker processes and remove what they left; forked children of the owner leave them alone."""
    if os.getpid() != owner:
        return
    for channel in channels:
        with contextlib.suppress(OSError):
            channel.send(None)
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    for process, channel in zip(processes, channels):
        _drain(process, channel, deadline)
        if process.is_alive():
            process.terminate()
            process.join(1)
        if process.is_alive():
            process.kill()
        channel.close()
    for report in reports:
        with contextlib.suppress(OSError):
            os.unlink(report)
    transport.sweep(prefix)


def _drain(process, channel, deadline):
    """Read what a worker still sends, so that it gets to its end."""
    while time.monotonic() < deadline:
        ready = connection.wait([channel, process.sentinel], max(0, deadline - time.monotonic()))
        if channel not in ready:
            process.join(0.1)
            return
        try:
            channel.recv_bytes()
        except (EOFError, OSError):
            process.join(1)
            return


def context_of(choice):
    """The context of :mod:`multiprocessing` for a start method or a context."""
    return multiprocessing.get_context(choice) if choice is None or isinstance(choice, str) else choice
