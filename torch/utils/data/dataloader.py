"""DataLoader: batches of a dataset, fetched here or by worker processes."""

import itertools
import multiprocessing
import queue

import torch
from torch._utils import ExceptionWrapper

from . import _worker
from ._collate import default_collate, default_convert, pin_memory
from ._worker import get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info", "default_collate", "default_convert"]


class _Endless(Sampler):
    """None without end: the sampler of streams."""

    def __iter__(self):
        return itertools.repeat(None)


def _draw_seed(generator):
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


class DataLoader:
    """Iterates over the batches of a dataset.

    Args:
        dataset: map-style or iterable dataset.
        batch_size: samples a batch; None gives single samples.
        shuffle: another order at each pass.
        sampler, batch_sampler: own orders of samples, or of batches.
        num_workers: processes that fetch; 0 fetches in this one.
        collate_fn: list of samples to batch.
        drop_last: leave out a last, shorter batch.
        timeout: seconds to wait for a worker; 0 waits for ever.
        worker_init_fn: called in each worker with its number.
        generator: draws the order and the workers' seeds.
        prefetch_factor: batches ahead a worker (2).
        persistent_workers: keep the workers between passes.
        in_order: give batches in order, even when later ones are ready first.

    Example::

        for x, y in DataLoader(TensorDataset(xs, ys), batch_size=32, shuffle=True):
            ...
    """

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0, collate_fn=None,
                 pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None, multiprocessing_context=None,
                 generator=None, *, prefetch_factor=None, persistent_workers=False, pin_memory_device="", in_order=True):
        self._check(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset, self.num_workers, self.timeout = dataset, num_workers, timeout
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device, self.worker_init_fn = pin_memory, pin_memory_device, worker_init_fn
        self.multiprocessing_context, self.persistent_workers = multiprocessing_context, persistent_workers
        self.generator, self.in_order = generator, in_order
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            if shuffle not in (False, None):
                raise ValueError("DataLoader with IterableDataset: expected unspecified shuffle option, but got "
                                 f"shuffle={shuffle}")
            for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                                     f"{name}={value}")
        shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                                 "drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _Endless()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._iterator = None

    @staticmethod
    def _check(num_workers, timeout, prefetch_factor, persistent_workers):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to "
                             "enable multiprocessing, otherwise set prefetch_factor to None.")
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def _fetcher(self, dataset):
        return _worker.make_fetcher(dataset, self._iterable, self._auto_collation, self.collate_fn, self.drop_last)

    def __iter__(self):
        if self.num_workers == 0:
            return self._iterate_here()
        if not self.persistent_workers:
            return _Workers(self).start()
        if self._iterator is None:
            self._iterator = _Workers(self)
            return self._iterator.start()
        return self._iterator.restart()

    def _iterate_here(self):
        _draw_seed(self.generator)  # the seed that workers would get: the stream of random numbers does not depend on them
        return self._batches(iter(self._index_sampler), self._fetcher(self.dataset))

    def _batches(self, indices, fetch):
        for index in indices:
            try:
                batch = fetch(index)
            except StopIteration:
                return
            yield self._pinned(batch)

    def _pinned(self, batch):
        return pin_memory(batch) if self.pin_memory and torch.cuda.is_available() else batch

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


class _Workers:
    """An iterator whose batches come from worker processes."""

    def __init__(self, loader):
        self.loader = loader
        context = loader.multiprocessing_context
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        seed = _draw_seed(loader.generator)
        self.results = context.Queue()
        self.requests = [context.Queue() for _ in range(loader.num_workers)]
        self.processes = []
        for number, requests in enumerate(self.requests):
            process = context.Process(
                target=_worker.run, daemon=True,
                args=(loader._fetcher, requests, self.results, number, loader.num_workers, seed + number, loader.dataset,
                      loader.worker_init_fn))
            process.start()
            self.processes.append(process)

    def start(self):
        """Begin a pass."""
        self.indices = iter(self.loader._index_sampler)
        self.sent = self.received = 0
        self.ready, self.owner = {}, {}
        self.open = [True] * len(self.processes)
        for _ in range(self.loader.prefetch_factor * len(self.processes)):
            self._ask()
        return self

    def restart(self):
        """Begin another pass with the same workers."""
        while self.owner.keys() - self.ready.keys():
            self._receive()
        if self.loader._iterable:
            for requests in self.requests:
                requests.put((0, _worker._RESTART))
        _draw_seed(self.loader.generator)
        return self.start()

    def _ask(self):
        """Send the next index to the next worker that still has something to give."""
        for step in range(len(self.processes)):
            number = (self.sent + step) % len(self.processes)
            if self.open[number]:
                break
        else:
            return
        try:
            index = next(self.indices)
        except StopIteration:
            return
        self.requests[number].put((self.sent, index))
        self.owner[self.sent] = number
        self.sent += 1

    def _receive(self):
        waited, patience = 0, self.loader.timeout or None
        while True:
            step = 5.0 if patience is None else min(5.0, patience - waited)
            try:
                task, batch = self.results.get(timeout=step)
                break
            except queue.Empty:
                dead = [process.pid for process in self.processes if not process.is_alive()]
                if dead:
                    raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited unexpectedly") from None
                waited += step
                if patience is not None and waited >= patience:
                    raise RuntimeError(f"DataLoader timed out after {patience} seconds") from None
        if isinstance(batch, _worker.Exhausted):
            self.open[batch.worker] = False
        self.ready[task] = batch

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            if self.received == self.sent:
                self._finish()
                raise StopIteration
            task = self.received
            if not self.loader.in_order and task not in self.ready:
                while not self.ready:
                    self._receive()
                task = next(iter(self.ready))
            while task not in self.ready:
                self._receive()
            batch = self.ready.pop(task)
            self.owner.pop(task, None)
            self._count(task)
            if isinstance(batch, _worker.Exhausted):
                self._ask()
                continue
            self._ask()
            if isinstance(batch, ExceptionWrapper):
                self._finish()
                batch.reraise()
            return self.loader._pinned(batch)

    def _count(self, task):
        """Batches given out of order move `received` on only when all before them are given too."""
        if self.loader.in_order:
            self.received += 1
            return
        while self.received < self.sent and self.received not in self.owner:
            self.received += 1

    def _finish(self):
        if not self.loader.persistent_workers:
            self.shutdown()

    def shutdown(self):
        """End the workers."""
        for requests in self.requests:
            requests.put(None)
        for process in self.processes:
            process.join(timeout=5)
            if process.is_alive():
                process.terminate()
        for channel in (*self.requests, self.results):
            channel.cancel_join_thread()
            channel.close()
        self.processes, self.requests = [], []

    def __del__(self):
        if self.processes:
            self.shutdown()
