"""DataLoader: batches of a dataset, fetched here or by workers, and where it stands."""

import collections
import functools
import itertools
import os
import time
import warnings
import weakref
from typing import Generic

import torch
from torch._utils import ExceptionWrapper

from ._utils import pool as _pool
from ._utils import random_state, worker
from ._utils.collate import default_collate, default_convert
from ._utils.fetch import _DatasetKind
from ._utils.pin_memory import pin_memory
from ._utils.worker import get_worker_info
from .dataset import IterableDataset, T_co
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info", "default_collate", "default_convert"]

_HANG_SECONDS = 120  # without a timeout: after so long a silence the stack of the worker is shown


class _InfiniteConstantSampler(Sampler):
    """None without end: the sampler of streams."""

    def __iter__(self):
        return itertools.repeat(None)


def _draw_seed(generator):
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


class DataLoader(Generic[T_co]):
    """Iterates over the batches of a dataset.

    Args:
        dataset: map-style or iterable dataset.
        batch_size: samples a batch; None gives single samples.
        shuffle: another order at each pass.
        sampler, batch_sampler: own orders of samples, or of batches.
        num_workers: processes that fetch; 0 fetches in this one.
        collate_fn: list of samples to batch.
        pin_memory: give batches in page-locked memory, where there is an accelerator.
        drop_last: leave out a last, shorter batch.
        timeout: seconds to wait for a worker before RuntimeError; 0 waits for ever, and shows the worker's stack after
            two minutes.
        worker_init_fn: called in each worker with its number.
        multiprocessing_context: a start method ("fork", "spawn", "forkserver"), a context of :mod:`multiprocessing`, or
            "thread" for workers that are threads; they share the random generators of this process.
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
        if pin_memory and not torch.cuda.is_available():
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                          stacklevel=2)
        self.dataset, self.num_workers, self.timeout = dataset, num_workers, timeout
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device, self.worker_init_fn = pin_memory, pin_memory_device, worker_init_fn
        self.multiprocessing_context, self.persistent_workers = multiprocessing_context, persistent_workers
        self.generator, self.in_order = generator, in_order
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
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
                sampler = _InfiniteConstantSampler()
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
        self._progress, self._resumed = _Progress(num_workers), None
        self._length_told = 0
        self._initialized = True
        self.check_worker_number_rationality()

    _FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))

    def __setattr__(self, name, value):
        if name in self._FIXED and self.__dict__.get("_initialized"):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self):
        """The context in which workers are started, or None for the default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, choice):
        if choice is not None and self.num_workers == 0:
            raise ValueError("multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                             f"num_workers={self.num_workers}")
        if isinstance(choice, str) and choice != "thread":
            import multiprocessing

            methods = multiprocessing.get_all_start_methods()
            if choice not in methods:
                raise ValueError(f"multiprocessing_context option should specify a valid start method in {methods}, but got "
                                 f"multiprocessing_context={choice!r}")
            choice = multiprocessing.get_context(choice)
        if not (choice is None or choice == "thread" or hasattr(choice, "Process")):
            raise TypeError("multiprocessing_context option should be a valid context object or a string specifying the start "
                            f"method, but got multiprocessing_context={choice}")
        self._context = choice

    def check_worker_number_rationality(self):
        """Warn when there are more workers than processors for this process."""
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if self.num_workers > (processors or self.num_workers):
            warnings.warn(f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number of "
                          f"worker in current system is {processors}, which is smaller than what this DataLoader is going to "
                          "create. Please be aware that excessive worker creation might get DataLoader running slow or even "
                          "freeze, lower the worker number to avoid potential slowness/freeze if necessary.", stacklevel=3)

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
    def _iterable(self):
        return self._dataset_kind == _DatasetKind.Iterable

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    @property
    def _fetcher(self):
        """What makes the fetcher of a dataset; it travels to the workers without the loader."""
        return functools.partial(_DatasetKind.create_fetcher, self._dataset_kind, auto_collation=self._auto_collation,
                                 collate_fn=self.collate_fn, drop_last=self.drop_last)

    def __iter__(self):
        resumed, self._resumed = self._resumed, None
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self, resumed)
        if not self.persistent_workers:
            return _MultiProcessingDataLoaderIter(self, resumed)
        if self._iterator is None or resumed is not None:
            self._iterator = _MultiProcessingDataLoaderIter(self, resumed)
        else:
            self._iterator.restart()
        return self._iterator

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        count = self._length_told = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def state_dict(self):
        """Where this loader stands: plain values and tensors, from which another goes on with exactly the same batches.

        It holds the place in the pass, the states of the samplers' generators, of the default generators of this process
        and of the workers. Batches that workers have fetched ahead are not counted. Streams are read again up to the place
        unless the dataset has ``state_dict()`` and ``load_state_dict(state)``, which then tell and take its place.

        Example::

            for batch in loader:
                train(batch)
                torch.save({"model": model.state_dict(), "data": loader.state_dict()}, path)
            ...
            loader.load_state_dict(torch.load(path)["data"])
            for batch in loader:    # the rest of that pass
                ...

        Raises RuntimeError for ``in_order=False``, where the order is not determined.
        """
        if not self.in_order:
            raise RuntimeError("the place of a DataLoader with in_order=False is not determined")
        if self._resumed is not None:
            return self._resumed
        state = self._progress.state()
        if self.num_workers == 0 and callable(getattr(self.dataset, "state_dict", None)):
            state["dataset"] = self.dataset.state_dict()
        return state

    def load_state_dict(self, state_dict):
        """Go on, at the next ``iter()``, where :meth:`state_dict` was called; the default generators are set as well.

        Raises ValueError when the number of workers differs.
        """
        if state_dict["num_workers"] != self.num_workers:
            raise ValueError(f"the state is of a DataLoader with num_workers={state_dict['num_workers']}, this one has "
                             f"num_workers={self.num_workers}")
        self._resumed = state_dict

    def _generators(self):
        """The generators that decide the order, each once."""
        found, thing = [self.generator], self._index_sampler
        while thing is not None:
            found.append(getattr(thing, "generator", None))
            thing = getattr(thing, "sampler", None)
        return list({id(generator): generator for generator in found if isinstance(generator, torch.Generator)}.values())


class _Progress:
    """How far a pass has come; outlives its iterator."""

    def __init__(self, num_workers):
        self.num_workers, self.given, self.finished = num_workers, 0, True
        self.start = self.seed = self.drawn = None
        self.schedule = None  # what the workers have been asked for
        self.workers = [{} for _ in range(num_workers)]  # states after the last batch given

    def begin(self, loader):
        """A pass begins."""
        self.given, self.finished = 0, False
        self.start = {"random": random_state.capture(), "generators": [generator.get_state() for generator in loader._generators()]}

    def state(self):
        """All of it as plain values."""
        return {"version": 1, "num_workers": self.num_workers, "given": self.given, "finished": self.finished, "start": self.start,
                "seed": self.seed, "drawn": self.drawn, "schedule": self.schedule and self.schedule.state(), "random": random_state.capture(),
                "workers": [dict(state) for state in self.workers]}


class _BaseDataLoaderIter:
    """One pass over a DataLoader."""

    def __init__(self, loader, resumed):
        self._loader, self._dataset = loader, loader.dataset
        self._progress = loader._progress = _Progress(loader.num_workers)
        self._pin_memory = loader.pin_memory and torch.cuda.is_available()
        self._length_told = loader._length_told
        amid = resumed is not None and not resumed["finished"]
        if amid or resumed is not None and loader.persistent_workers:
            self._progress.workers = [dict(state) for state in resumed["workers"]]
        if amid:
            random_state.restore(resumed["start"]["random"])
            for generator, state in zip(loader._generators(), resumed["start"]["generators"]):
                generator.set_state(state)
        elif resumed is not None:
            random_state.restore(resumed["random"])
        self._progress.begin(loader)
        self._progress.seed, self._progress.drawn = self._seed(resumed)
        self._indices = iter(loader._index_sampler)
        self._begin(resumed if amid else None, resumed)
        if amid:
            random_state.restore(resumed["random"])

    def _seed(self, resumed):
        """(seed of the workers, whether it is drawn for this pass): workers that stay keep theirs."""
        kept = resumed is not None and self._loader.persistent_workers and resumed["seed"] is not None
        if kept and (resumed["finished"] or not resumed["drawn"]):
            return resumed["seed"], False
        return _draw_seed(self._loader.generator), True

    def _skip(self, count):
        """Pass over the numbers of batches that were given."""
        self._progress.given = count
        for _ in range(count):
            next(self._indices)

    def __iter__(self):
        return self

    def __next__(self):
        try:
            batch = self._next_data()
        except StopIteration:
            self._progress.finished = True
            raise
        self._progress.given += 1
        self._warn_of_length()
        return pin_memory(batch) if self._pin_memory else batch

    next = __next__

    def __len__(self):
        return len(self._loader._index_sampler)

    def _warn_of_length(self):
        """Streams that give more than their length says are usually copied by each worker."""
        loader, given, told = self._loader, self._progress.given, self._length_told
        if told and given == 1 + -(-told // (loader.batch_size or 1)):
            hint = ("For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at "
                    "each worker. Please see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
                    if loader.num_workers else "")
            warnings.warn(f"Length of IterableDataset {loader.dataset} was reported to be {told} (when accessing "
                          f"len(dataloader)), but {given} samples have been fetched. {hint}", stacklevel=4)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in this process."""

    def _begin(self, amid, resumed):
        loader = self._loader
        if resumed is not None and "dataset" in resumed:
            loader.dataset.load_state_dict(resumed["dataset"])
        self._fetcher = loader._fetcher(loader.dataset)
        if amid is None:
            return
        if not loader._iterable or "dataset" in amid:
            self._skip(amid["given"])
            return
        for _ in range(amid["given"]):
            self._next_data()
        self._progress.given = amid["given"]

    def _next_data(self):
        return self._fetcher.fetch(next(self._indices))


class _Schedule:
    """Which worker is asked next, and which were: in turn, without those whose streams have ended."""

    def __init__(self, workers):
        self.turn, self.open, self.owners = 0, [True] * workers, collections.deque()

    def next(self):
        """The next worker, or None when none is left."""
        for step in range(len(self.open)):
            number = (self.turn + step) % len(self.open)
            if self.open[number]:
                self.turn = (number + 1) % len(self.open)
                self.owners.append(number)
                return number
        return None

    def state(self):
        """What decides the order from here."""
        return {"turn": self.turn, "open": list(self.open), "owners": list(self.owners)}


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Has workers fetch ahead, and gives their batches in the order in which they were asked for."""

    def _begin(self, amid, resumed):
        loader = self._loader
        seed = self._progress.seed
        stream = next(iter(loader._index_sampler)) if loader._iterable else None
        tasks = [worker.Task(number, loader.num_workers, seed + number, loader.dataset, loader._fetcher, loader.worker_init_fn,
                             random_state.is_numpy_loaded(), self._place_of(number, amid), stream)
                 for number in range(loader.num_workers)]
        context = loader.multiprocessing_context
        self._pool = _pool.ThreadPool(tasks) if context == "thread" else _pool.ProcessPool(tasks, _pool.context_of(context))
        weakref.finalize(self, self._pool.close)
        self._start(amid)

    def _place_of(self, number, amid):
        """What worker `number` is told of the one before it."""
        state = dict(self._progress.workers[number])
        if amid is None:
            return {"random": state.get("random")}
        return state

    def _start(self, amid=None):
        loader = self._loader
        self._asked = self._next = self._progress.given
        self._ready, self._schedule = {}, _Schedule(loader.num_workers)
        self._progress.schedule = self._schedule
        if amid is None:
            for state in self._progress.workers:
                state.update(given=0, begun=state.get("random"), exhausted=False)
            for _ in range(loader.prefetch_factor * loader.num_workers):
                self._ask()
            return
        self._skip(amid["given"])
        self._asked = self._next = amid["given"]
        for number in amid["schedule"]["owners"]:
            self._ask(number)
        self._schedule.turn, self._schedule.open = amid["schedule"]["turn"], list(amid["schedule"]["open"])

    def restart(self):
        """Begin another pass with the same workers."""
        while self._asked - self._next > len(self._ready):
            self._receive()
        loader, before = self._loader, self._progress
        self._progress = loader._progress = _Progress(loader.num_workers)
        self._progress.workers = before.workers
        self._progress.begin(loader)
        self._progress.seed, self._progress.drawn = before.seed, False
        self._indices = iter(loader._index_sampler)
        for number in range(loader.num_workers):
            self._pool.send(number, (0, worker.RESTART))
        self._start()

    def _ask(self, number=None):
        """Send the next index to a worker: the next in turn, or the given one."""
        if number is None and not any(self._schedule.open):
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        if number is None:
            number = self._schedule.next()
        else:
            self._schedule.owners.append(number)
        self._pool.send(number, (self._asked, index))
        self._asked += 1

    def _receive(self):
        """Wait for an answer, whichever it is."""
        limit, since = self._loader.timeout, time.monotonic()
        while (answer := self._pool.receive(limit or _HANG_SECONDS)) is None:
            number = self._schedule.owners[0]
            stack = self._pool.stack(number)
            where = f"\nWorker {number} is at:\n{stack}" if stack else ""
            if limit:
                self._pool.abort()
                raise RuntimeError(f"DataLoader timed out after {limit} seconds{where}")
            warnings.warn(f"DataLoader has waited for {time.monotonic() - since:.0f} seconds for worker {number}; "
                          f"timeout= would end it.{where}", stacklevel=5)
        number, request, batch, state = answer
        self._ready[request] = number, batch, state

    def _next_data(self):
        while self._next < self._asked or self._ready:
            request = self._next if self._loader.in_order else self._first_ready()
            while request not in self._ready:
                self._receive()
            number, batch, state = self._ready.pop(request)
            self._advance(request)
            if isinstance(batch, worker.Exhausted):
                self._schedule.open[number] = False
                self._progress.workers[number].update(state, exhausted=True)
                self._ask()
                continue
            self._note(number, state)
            self._ask()
            if isinstance(batch, ExceptionWrapper):
                if not self._loader.persistent_workers:
                    self._pool.close()
                batch.reraise()
            return batch
        if not self._loader.persistent_workers:
            self._pool.close()
        raise StopIteration

    def _first_ready(self):
        while not self._ready:
            self._receive()
        return next(iter(self._ready))

    def _advance(self, request):
        """Out of order, what counts is how many answers were given."""
        self._next += 1
        self._schedule.owners.popleft()

    def _note(self, number, state):
        """Keep a worker's state after the batch that is given."""
        mine = self._progress.workers[number]
        mine["given"] = mine.get("given", 0) + 1
        mine.update(state)
