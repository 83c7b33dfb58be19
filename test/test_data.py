"""Laws of datasets, loaders and their workers: order, seeds, errors, resumption, shared memory."""

import io
import os
import random
import signal
import sys
import time
import warnings
from functools import partial

import pytest

import torch
from torch import multiprocessing
from torch.utils import data
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

STARTS = ["fork", "spawn", "forkserver"] if sys.platform == "linux" else ["spawn"]


class Noisy(Dataset):
    """Samples that depend on both random generators."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return index, torch.rand(2), random.random()


class Stream(IterableDataset):
    """Each worker's share of the numbers, with noise."""

    def __iter__(self):
        info = get_worker_info()
        share = range(info.id, 23, info.num_workers) if info else range(23)
        return ((number, torch.rand(2), random.random()) for number in share)


class Remembering(IterableDataset):
    """A stream that can tell and take its place."""

    place = 0

    def __iter__(self):
        while self.place < 23:
            self.place += 1
            yield self.place, torch.rand(2), random.random()
        self.place = 0

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


def plain(batch):
    return [part.tolist() if isinstance(part, torch.Tensor) else part for part in batch]


def scramble():
    torch.manual_seed(random.Random().randrange(2**31))
    random.seed()


def after_resumption(make, stop, through_file):
    """Batches after `stop` of a pass, and the whole of the next, undisturbed and by a second loader from a state."""
    torch.manual_seed(3)
    random.seed(3)
    first, whole = make(), []
    for number, batch in enumerate(first, 1):
        whole.append(plain(batch))
        if number == stop:
            state = first.state_dict()
    if stop == 0:
        state = first.state_dict()
    rest = whole[stop:] if stop else []
    rest += [plain(batch) for batch in first] + [torch.rand(1).item(), random.random()]
    if through_file:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        state = torch.load(buffer)
    scramble()
    second = make()
    second.load_state_dict(state)
    found = [plain(batch) for batch in second] if stop else []
    found += [plain(batch) for batch in second] + [torch.rand(1).item(), random.random()]
    return rest, found


@pytest.mark.parametrize("dataset", [Noisy, Stream, Remembering])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_loader_resumes_exactly(dataset, workers, persistent):
    if persistent and not workers:
        pytest.skip("no workers to keep")
    shuffled = dataset is Noisy
    for stop, generator in ((0, False), (1, True), (3, False), (4, True)):
        def make():
            return DataLoader(dataset(), batch_size=4, shuffle=shuffled, num_workers=workers, persistent_workers=persistent,
                              generator=torch.Generator().manual_seed(7) if generator else None, drop_last=dataset is not Noisy)

        rest, found = after_resumption(make, stop, through_file=stop == 3)
        assert rest == found


def test_a_second_resumption_follows_from_the_first():
    def make():
        return DataLoader(Noisy(), batch_size=3, shuffle=True)

    torch.manual_seed(1)
    random.seed(1)
    loader = make()
    whole = [plain(batch) for batch in loader]
    torch.manual_seed(1)
    random.seed(1)
    found, state = [], None
    for _ in range(len(whole)):
        loader = make()
        if state is not None:
            loader.load_state_dict(state)
        found.append(plain(next(iter(loader))))
        state = loader.state_dict()
        scramble()
    assert found == whole


def test_other_loaders_refuse_a_state():
    state = DataLoader(Noisy()).state_dict()
    with pytest.raises(ValueError, match="num_workers=0"):
        DataLoader(Noisy(), num_workers=1).load_state_dict(state)
    with pytest.raises(RuntimeError, match="in_order"):
        DataLoader(Noisy(), num_workers=1, in_order=False).state_dict()


class Seeds(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        info = get_worker_info()
        return index, info.id, info.seed, info.num_workers, torch.initial_seed(), random.random()


@pytest.mark.parametrize("start", STARTS)
def test_workers_have_seeds_of_their_own(start):
    """Worker i is seeded with the loader's draw plus i, however it is started."""
    torch.manual_seed(0)
    draw = int(torch.empty((), dtype=torch.int64).random_().item())
    torch.manual_seed(0)
    for index, batch in enumerate(DataLoader(Seeds(), batch_size=2, num_workers=2, multiprocessing_context=start)):
        number = index % 2
        assert batch[0].tolist() == [2 * index, 2 * index + 1]
        facts = [set(part.tolist()) for part in batch[1:5]]
        assert facts == [{number}, {draw + number}, {2}, {draw + number}]
    assert get_worker_info() is None


def test_numpy_is_seeded_by_a_sequence():
    numpy = pytest.importorskip("numpy")
    torch.manual_seed(0)
    draw = int(torch.empty((), dtype=torch.int64).random_().item())
    torch.manual_seed(0)
    found = [batch.item() for batch in DataLoader(Drawn(), num_workers=2)]
    for number in range(2):
        state = numpy.random.RandomState(numpy.random.SeedSequence([number, draw & 0xFFFFFFFF, draw >> 32]).generate_state(4))
        assert found[number] == state.random()


class Drawn(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return sys.modules["numpy"].random.random()


@pytest.mark.parametrize("how", ["fork", "thread"])
def test_streams_are_shared_out(how):
    batches = [batch[0].tolist() for batch in DataLoader(Stream(), batch_size=4, num_workers=2, multiprocessing_context=how)]
    assert sorted(sum(batches, [])) == list(range(23)) and batches[:2] == [[0, 2, 4, 6], [1, 3, 5, 7]]


@pytest.mark.parametrize("how", ["fork", "thread"])
def test_large_batches_arrive_whole(how):
    numpy = pytest.importorskip("numpy")
    loader = DataLoader(Large(), batch_size=None, num_workers=2, multiprocessing_context=how, collate_fn=lambda sample: sample)
    for number, (values, array, text, turned, empty) in enumerate(loader):
        assert values.shape == (300, 100) and values[0, 0] == number and values.dtype == torch.bfloat16
        values += 1  # the memory is ours
        array[0] = 5
        assert array.shape == (50_000,) and array[1] == number and isinstance(array, numpy.ndarray)
        assert text == "x" * 100 and turned.shape == (100, 300) and empty.shape == (0, 3)
    if how == "fork":
        from torch import _shared_memory

        assert not [name for name in os.listdir(_shared_memory.FOLDER) if name.startswith(f"torch_{os.getpid()}_")]


class Large(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        import numpy

        values = torch.full((300, 100), index, dtype=torch.bfloat16)
        return values, numpy.full(50_000, float(index)), "x" * 100, values.float().t(), torch.zeros(0, 3)


class Trouble(Dataset):
    def __init__(self, act):
        self.act = act

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 2:
            self.act()
        return index


def error_of(act, **options):
    loader = DataLoader(Trouble(act), num_workers=1, multiprocessing_context="fork", **options)
    with pytest.raises(RuntimeError) as caught:
        list(loader)
    return str(caught.value)


def unwell():
    raise RuntimeError("not well")


def test_troubles_of_workers_are_told():
    message = error_of(unwell)
    assert message.startswith("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback") and "in unwell" in message
    message = error_of(partial(os._exit, 7))
    assert "exited unexpectedly" in message and "exited with code 7" in message
    message = error_of(partial(signal.raise_signal, signal.SIGSEGV))
    assert "killed by signal SIGSEGV" in message and "__getitem__" in message
    message = error_of(partial(signal.raise_signal, signal.SIGKILL))
    assert "killed by signal SIGKILL" in message and "memory" in message
    started = time.monotonic()
    message = error_of(partial(time.sleep, 60), timeout=1)
    assert message.startswith("DataLoader timed out after 1 seconds") and "__getitem__" in message
    assert time.monotonic() - started < 20


def test_a_failing_start_is_told():
    def init(number):
        raise ValueError(f"worker {number} will not")

    with pytest.raises(ValueError, match="worker 0 will not"):
        next(iter(DataLoader(Noisy(), num_workers=1, worker_init_fn=init, multiprocessing_context="fork")))


def test_what_cannot_be_sent_is_told():
    with pytest.raises((AttributeError, TypeError), match="worker process 0"):
        next(iter(DataLoader([1], num_workers=1, collate_fn=lambda batch: lambda: batch, multiprocessing_context="fork")))


def test_threads_tell_their_trouble_too():
    with pytest.raises(RuntimeError, match="in DataLoader worker thread 0"):
        list(DataLoader(Trouble(unwell), num_workers=2, multiprocessing_context="thread"))
    with pytest.raises(RuntimeError, match="__getitem__"):
        list(DataLoader(Trouble(partial(time.sleep, 3)), num_workers=1, multiprocessing_context="thread", timeout=0.3))


def test_out_of_order_gives_what_is_ready():
    class Slow(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            time.sleep(0.3 if index == 0 else 0)
            return index

    found = [batch.item() for batch in DataLoader(Slow(), num_workers=2, in_order=False, multiprocessing_context="fork")]
    assert sorted(found) == list(range(6)) and found[0] != 0


def test_an_abandoned_pass_leaves_nothing():
    loader = DataLoader(Noisy(), num_workers=2, multiprocessing_context="fork")
    iterator = iter(loader)
    next(iterator)
    processes = iterator._pool.processes
    del iterator
    assert all(process.exitcode is not None for process in processes)


def test_settings_are_checked():
    for options in ({"num_workers": -1}, {"timeout": -1}, {"prefetch_factor": 2}, {"persistent_workers": True},
                    {"multiprocessing_context": "fork"}, {"multiprocessing_context": "x", "num_workers": 1},
                    {"batch_size": None, "drop_last": True}):
        with pytest.raises(ValueError):
            DataLoader(Noisy(), **options)
    loader = DataLoader(Noisy(), num_workers=1, multiprocessing_context="spawn")
    assert loader.multiprocessing_context.get_start_method() == "spawn"
    with pytest.raises(ValueError, match="should not be set"):
        loader.batch_size = 3
    with pytest.warns(UserWarning, match="worker processes in total"):
        DataLoader(Noisy(), num_workers=10_000)


def test_a_stream_longer_than_it_says_is_told():
    class Short(Stream):
        def __len__(self):
            return 2

    loader = DataLoader(Short(), batch_size=2)
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="Length of IterableDataset"):
        list(loader)


def test_names_third_parties_import():
    from torch.utils.data._utils.collate import collate, default_collate, default_collate_fn_map
    from torch.utils.data._utils.worker import WorkerInfo
    from torch.utils.data.dataloader import _BaseDataLoaderIter, _DatasetKind, _MultiProcessingDataLoaderIter

    assert default_collate is data.default_collate and callable(collate) and default_collate_fn_map
    assert issubclass(_MultiProcessingDataLoaderIter, _BaseDataLoaderIter) and _DatasetKind.Map == 0
    with pytest.raises(RuntimeError):
        WorkerInfo(id=1).id = 2


# ---------------------------------------------------------------------------------------------------- shared memory

def change(given, taken):
    tensor, (part, whole), parameter = given.get()
    tensor += 1
    part[0] = 5
    taken.put((tensor * 2, whole.tolist(), type(parameter).__name__, parameter.requires_grad))
    given.get()


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("strategy", sorted(multiprocessing.get_all_sharing_strategies()))
def test_queues_pass_tensors_without_copying(start, strategy):
    if start == "forkserver" and strategy == "file_system":
        pytest.skip("as the two others")
    before = multiprocessing.get_sharing_strategy()
    multiprocessing.set_sharing_strategy(strategy)
    try:
        context = multiprocessing.get_context(start)
        given, taken = context.Queue(), context.Queue()
        process = context.Process(target=change, args=(given, taken))
        process.start()
        tensor, whole = torch.zeros(1000), torch.zeros(5)
        given.put((tensor, (whole[:3], whole), torch.nn.Parameter(torch.ones(2))))
        doubled, seen, kind, flag = taken.get(timeout=60)
        assert doubled[7] == 2 and tensor[7] == 1 and seen == whole.tolist() == [5, 0, 0, 0, 0] and (kind, flag) == ("Parameter", True)
        assert tensor.is_shared() and whole[1:].is_shared()
        given.put(None)
        process.join(60)
        assert process.exitcode == 0
    finally:
        multiprocessing.set_sharing_strategy(before)


def test_results_that_require_gradients_stay():
    from multiprocessing.reduction import ForkingPickler

    with pytest.raises(RuntimeError, match="non-leaf"):
        ForkingPickler.dumps(torch.ones(1, requires_grad=True) * 2)


def scale(tensor):
    return tensor.mul_(2).sum()


def test_pools_share_arguments():
    with warnings.catch_warnings(), multiprocessing.get_context("fork").Pool(1) as pool:
        warnings.simplefilter("ignore")
        tensor = torch.ones(4)
        assert pool.apply(scale, (tensor,)) == 8 and tensor.sum() == 8


def test_tensor_datasets_index_rows():
    dataset = TensorDataset(torch.arange(6).view(3, 2), torch.arange(3))
    joined = dataset + dataset
    assert len(joined) == 6 and joined[4][1] == 1 and joined.cumsum(joined.datasets) == [3, 6]
