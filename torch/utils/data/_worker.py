"""What a worker process of a DataLoader does: fetch the batches it is asked for and send them back."""

import os
import queue
import random
from dataclasses import dataclass

import torch
from torch._utils import ExceptionWrapper

_worker_info = None
_PARENT_CHECK_SECONDS = 5.0


@dataclass
class WorkerInfo:
    """The worker that runs this code: its number, how many there are, its seed and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: object


def get_worker_info():
    """The :class:`WorkerInfo` of this worker process; None in the main process."""
    return _worker_info


@dataclass(frozen=True)
class Exhausted:
    """A worker's stream has ended."""

    worker: int


def make_fetcher(dataset, iterable, auto_collation, collate_fn, drop_last):
    """A function from the numbers of a batch (or a count, for streams) to the batch; raises StopIteration at the end."""
    if not iterable:
        def fetch(index):
            if not auto_collation:
                return collate_fn(dataset[index])
            if callable(getattr(dataset, "__getitems__", None)):
                return collate_fn(dataset.__getitems__(index))
            return collate_fn([dataset[i] for i in index])

        return fetch
    stream = iter(dataset)

    def fetch_next(index):
        if not auto_collation:
            return collate_fn(next(stream))
        batch = []
        for _ in index:
            try:
                batch.append(next(stream))
            except StopIteration:
                break
        if not batch or (drop_last and len(batch) < len(index)):
            raise StopIteration
        return collate_fn(batch)

    return fetch_next


def run(make, requests, results, number, count, seed, dataset, init):
    """The loop of worker `number`: takes (task, index) from `requests`, puts (task, batch) into `results`."""
    global _worker_info
    torch.set_num_threads(1)
    random.seed(seed)
    torch.manual_seed(seed)
    _seed_numpy(seed)
    _worker_info = WorkerInfo(number, count, seed, dataset)
    parent = os.getppid()
    failure = None
    try:
        if init is not None:
            init(number)
        fetch = make(dataset)
    except Exception:
        failure = ExceptionWrapper(where=f"in DataLoader worker process {number}")
    while os.getppid() == parent:
        try:
            request = requests.get(timeout=_PARENT_CHECK_SECONDS)
        except queue.Empty:
            continue
        if request is None:
            break
        task, index = request
        if index is _RESTART:
            fetch = make(dataset)
            continue
        if failure is not None:
            results.put((task, failure))
            continue
        try:
            batch = fetch(index)
        except StopIteration:
            batch = Exhausted(number)
        except Exception:
            batch = ExceptionWrapper(where=f"in DataLoader worker process {number}")
        results.put((task, batch))


_RESTART = "restart"


def _seed_numpy(seed):
    import sys

    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % (1 << 32))
