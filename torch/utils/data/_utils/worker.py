"""What a worker of a DataLoader does: fetch the batches it is asked for and send them back."""

import faulthandler
import os
import pickle
import queue
import signal
import threading
from dataclasses import dataclass, field
from multiprocessing import connection, parent_process

import torch
from torch._utils import ExceptionWrapper

from . import random_state, transport

MP_STATUS_CHECK_INTERVAL = 5.0
_local = threading.local()  # the worker that a thread is; of a process, its main thread
_of_process = None


class WorkerInfo:
    """The worker that runs this code: its `id`, `num_workers`, its `seed` and its copy of the `dataset`."""

    def __init__(self, **facts):
        self.__dict__.update(facts)

    def __setattr__(self, name, value):
        raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self.__dict__.items())})"


def get_worker_info():
    """The :class:`WorkerInfo` of this worker; None outside of workers."""
    return getattr(_local, "info", _of_process)


@dataclass(frozen=True)
class Exhausted:
    """A worker's stream has ended."""


@dataclass
class Task:
    """All that a worker is told when it starts."""

    number: int
    count: int
    seed: int
    dataset: object
    make_fetcher: object  # dataset -> what fetches
    init: object = None  # called with the number
    with_numpy: bool = False
    resume: dict = field(default_factory=dict)  # state of a worker whose place this one takes
    skipped: object = None  # what each batch of a stream is asked for by


class Worker:
    """The work itself, apart from how requests and results travel."""

    def __init__(self, task, in_process):
        self.task, self.in_process = task, in_process
        self.failure = self.random = None
        self.exhausted = task.resume.get("exhausted", False)
        self.where = f"in DataLoader worker {'process' if in_process else 'thread'} {task.number}"

    def begin(self):
        """Seed, initialize, and go on where another worker stopped; what fails is reported at the first request."""
        task = self.task
        try:
            if self.in_process:
                random_state.seed(task.seed, task.number, task.with_numpy)
            info = WorkerInfo(id=task.number, num_workers=task.count, seed=task.seed, dataset=task.dataset)
            self._announce(info)
            if task.init is not None:
                task.init(task.number)
            if task.resume.get("begun"):
                random_state.restore(task.resume["begun"])
            if "dataset" in task.resume:
                task.dataset.load_state_dict(task.resume["dataset"])
            self.fetcher = task.make_fetcher(task.dataset)
            if task.skipped is not None and "dataset" not in task.resume:
                for _ in range(task.resume.get("given", 0)):
                    self.fetcher.fetch(task.skipped)
            if task.resume.get("random"):
                random_state.restore(task.resume["random"])
        except Exception:
            self.failure = ExceptionWrapper(where=self.where)

    def _announce(self, info):
        global _of_process
        if self.in_process:
            _of_process = info
        else:
            _local.info = info

    def restart(self):
        """Begin another pass over the dataset."""
        self.exhausted = False
        try:
            self.fetcher = self.task.make_fetcher(self.task.dataset)
        except Exception:
            self.failure = ExceptionWrapper(where=self.where)

    def answer(self, index):
        """(batch, what changed in the state of this worker): a failure and the end of a stream are batches of their own kind."""
        if self.failure is not None:
            return self.failure, {}
        if self.exhausted:
            return Exhausted(), {}
        try:
            batch = self.fetcher.fetch(index)
        except StopIteration:
            batch, self.exhausted = Exhausted(), True
        except Exception:
            return ExceptionWrapper(where=self.where), {}
        return batch, self._state()

    def _state(self):
        state = {}
        if self.in_process:
            now = random_state.capture()
            if random_state.changed(now, self.random):
                self.random = state["random"] = now
        if callable(getattr(self.task.dataset, "state_dict", None)):
            state["dataset"] = self.task.dataset.state_dict()
        return state

    def serve(self, receive, send):
        """Answer requests (number, index) until None comes; an index of RESTART begins another pass."""
        self.begin()
        while (request := receive()) is not None:
            number, index = request
            if isinstance(index, str) and index == RESTART:
                self.restart()
            else:
                send(number, *self.answer(index))


RESTART = "restart"


def run_process(task, channel, prefix, report):
    """The main function of a worker process. `report` is the file for stacks, written on request and at a crash."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends its workers
    stacks = open(report, "w")
    faulthandler.enable(stacks, all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, stacks, all_threads=False)
    torch.set_num_threads(1)
    requests = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, requests), daemon=True).start()
    worker = Worker(task, in_process=True)

    def send(*answer):
        try:
            parcel = transport.encode(answer, prefix)
        except Exception:
            parcel = transport.encode((answer[0], ExceptionWrapper(where=worker.where), {}), prefix)
        channel.send_bytes(pickle.dumps(parcel, 5))

    worker.serve(requests.get, send)


def _listen(channel, requests):
    """Take requests as they come, so that the main process never waits for this one; end with it."""
    parent = parent_process().sentinel
    while True:
        ready = connection.wait([channel, parent])
        if channel not in ready:
            os._exit(1)
        try:
            requests.put(channel.recv())
        except (EOFError, OSError):
            os._exit(1)


def run_thread(task, requests, results):
    """The main function of a worker thread."""
    Worker(task, in_process=False).serve(requests.get, lambda *answer: results.put((task.number, *answer)))
