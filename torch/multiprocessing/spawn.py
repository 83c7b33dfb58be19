"""Start one function in several processes and wait for all."""

import multiprocessing
import os
import pickle
import signal
import tempfile
import traceback

__all__ = ["ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "spawn",
           "start_processes"]


class ProcessException(Exception):
    """A process ended badly."""

    __slots__ = ("error_index", "error_pid")

    def __init__(self, msg, error_index, error_pid):
        super().__init__(msg)
        self.msg, self.error_index, self.error_pid = msg, error_index, error_pid

    @property
    def pid(self):
        """The process, by its older name."""
        return self.error_pid


class ProcessRaisedException(ProcessException):
    """A process raised an exception."""


class ProcessExitedException(ProcessException):
    """A process ended by a signal or with a code other than zero."""

    __slots__ = ("exit_code",)

    def __init__(self, msg, error_index, error_pid, exit_code, signal_name=None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name


def _run(function, rank, args, error_file):
    try:
        function(rank, *args)
    except KeyboardInterrupt:
        return
    except Exception:
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        raise SystemExit(1) from None


class ProcessContext:
    """The running processes of one :func:`start_processes`."""

    def __init__(self, processes, error_files):
        self.processes, self.error_files = processes, error_files

    def pids(self):
        """Numbers of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout=None, grace_period=None):
        """Wait; True when all have ended well. When one failed the others are ended and its error is raised."""
        from multiprocessing.connection import wait

        wait([process.sentinel for process in self.processes if process.is_alive()], timeout=timeout)
        failed = next((i for i, process in enumerate(self.processes) if process.exitcode not in (None, 0)), None)
        if failed is None:
            return all(process.exitcode == 0 for process in self.processes)
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join(grace_period)
        process = self.processes[failed]
        if os.path.getsize(self.error_files[failed]):
            with open(self.error_files[failed], "rb") as file:
                original = pickle.load(file)
            raise ProcessRaisedException(f"\n\n-- Process {failed} terminated with the following error:\n{original}", failed,
                                         process.pid)
        code = process.exitcode
        name = signal.Signals(-code).name if code < 0 else None
        how = f"signal {name}" if name else f"exit code {code}"
        raise ProcessExitedException(f"process {failed} terminated with {how}", failed, process.pid, code, name)


class SpawnContext(ProcessContext):
    """The running processes of one :func:`spawn`."""


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Run ``fn(rank, *args)`` in `nprocs` processes; returns a :class:`ProcessContext` unless `join`."""
    context = multiprocessing.get_context(start_method)
    processes, error_files = [], []
    for rank in range(nprocs):
        number, path = tempfile.mkstemp(prefix="torch-error-")
        os.close(number)
        process = context.Process(target=_run, args=(fn, rank, args, path), daemon=daemon)
        process.start()
        processes.append(process)
        error_files.append(path)
    running = (SpawnContext if start_method == "spawn" else ProcessContext)(processes, error_files)
    if not join:
        return running
    while not running.join():
        continue
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """:func:`start_processes` with fresh interpreters."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
