"""Laws of data loading, trees, checkpointing, comparing, and of the packages that answer for absent devices."""

import pytest

import torch
from torch import nn
from torch.testing import assert_close, make_tensor
from torch.utils import _pytree as pytree
from torch.utils.checkpoint import checkpoint
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler, default_collate, get_worker_info, random_split


class Count(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id if info else 0, 10, info.num_workers if info else 1))


def numbers(loader):
    return [x for batch in loader for x in batch[0].tolist()]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pass_gives_every_sample_once(workers):
    data = TensorDataset(torch.arange(23))
    assert numbers(DataLoader(data, batch_size=4, num_workers=workers)) == list(range(23))
    assert sorted(numbers(DataLoader(data, batch_size=4, shuffle=True, num_workers=workers))) == list(range(23))
    assert len(numbers(DataLoader(data, batch_size=4, drop_last=True, num_workers=workers))) == 20
    assert sorted(x for batch in DataLoader(Count(), batch_size=3, num_workers=workers) for x in batch.tolist()) == list(range(10))


def test_the_order_does_not_depend_on_workers():
    data, orders = TensorDataset(torch.arange(30)), []
    for workers in (0, 2):
        torch.manual_seed(5)
        orders.append(numbers(DataLoader(data, batch_size=4, shuffle=True, num_workers=workers)))
    assert orders[0] == orders[1]


def test_a_worker_error_arrives_with_its_traceback():
    class Broken(TensorDataset):
        def __getitem__(self, index):
            raise KeyError("sample is missing")

    with pytest.raises(KeyError, match="(?s)worker process.*sample is missing"):
        list(DataLoader(Broken(torch.zeros(4)), num_workers=1))


def test_persistent_workers_serve_several_passes():
    loader = DataLoader(TensorDataset(torch.arange(8)), batch_size=3, num_workers=2, persistent_workers=True)
    assert numbers(loader) == numbers(loader) == list(range(8))


def test_datasets_and_samplers():
    parts = random_split(TensorDataset(torch.arange(10)), [0.5, 0.3, 0.2])
    assert [len(part) for part in parts] == [5, 3, 2]
    assert sorted(int(part[i][0]) for part in parts for i in range(len(part))) == list(range(10))
    both = ConcatDataset([TensorDataset(torch.arange(3)), TensorDataset(torch.arange(4))])
    assert len(both) == 7 and both[-1][0] == 3 and both[2][0] == 2
    assert set(WeightedRandomSampler([0, 0, 1.0], 20)) == {2}
    batch = default_collate([{"a": (1, 2.0), "b": "x"}, {"a": (3, 4.0), "b": "y"}])
    assert_close(batch["a"], [torch.tensor([1, 3]), torch.tensor([2.0, 4.0], dtype=torch.float64)])
    assert batch["b"] == ["x", "y"]


def test_trees_come_apart_and_together():
    tree = {"a": [1, (2, None)], "b": {"c": 3}}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, None, 3] and pytree.tree_unflatten(leaves, spec) == tree
    assert pytree.tree_map(lambda x, y: (x, y), [1, 2], [3, 4]) == [(1, 3), (2, 4)]
    assert pytree.tree_map_only(int, lambda x: x + 1, tree) == {"a": [2, (3, None)], "b": {"c": 4}}
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec
    assert [pytree.keystr(path) for path, _ in pytree.tree_leaves_with_path(tree)] == ["['a'][0]", "['a'][1][0]", "['a'][1][1]",
                                                                                 "['b']['c']"]
    with pytest.raises(ValueError):
        pytree.tree_unflatten([1], spec)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_gradients_are_the_same(reentrant):
    block = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4))
    x, results = torch.randn(3, 4, requires_grad=True), []
    for run in (lambda: block(x), lambda: checkpoint(block, x, use_reentrant=reentrant)):
        torch.manual_seed(0)
        block.zero_grad()
        x.grad = None
        run().square().sum().backward()
        results.append([x.grad, *(p.grad for p in block.parameters())])
    assert_close(results[0], results[1])


def test_reports_of_differences():
    with pytest.raises(AssertionError) as error:
        assert_close(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.5, 3.0]))
    assert str(error.value) == (
        "Tensor-likes are not close!\n\nMismatched elements: 1 / 3 (33.3%)\n"
        "Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)")
    for actual, expected, text in ((torch.ones(2), torch.ones(3), "'shape'"), (torch.ones(1), torch.ones(1).double(), "'dtype'"),
                                   ([1.0], [1.0, 2.0], "length of the sequences"), ({"a": 1.0}, {"b": 1.0}, "keys of the mappings"),
                                   ([1, [2]], [1, [3]], r"item \[1\]\[0\]"), (torch.tensor([float("nan")]),) * 2 + ("close",)):
        with pytest.raises(AssertionError, match=text):
            assert_close(actual, expected)
    assert_close(torch.tensor([float("nan")]), torch.tensor([float("nan")]), equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.float16, torch.float64, torch.complex64])
def test_made_tensors_stay_in_their_range(dtype):
    value = make_tensor(50, 3, dtype=dtype, device="cpu", low=0, high=5, noncontiguous=True, exclude_zero=dtype != torch.bool)
    assert value.shape == (50, 3) and value.dtype == dtype and not value.is_contiguous()
    if not dtype.is_complex:
        assert float(value.max()) <= 5 and float(value.min()) >= 0


def test_absent_devices_say_so():
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    assert not torch.distributed.is_available()
    assert not torch.backends.mkldnn.is_available() and not torch.backends.mps.is_available()
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        torch.cuda.current_device()


def test_compile_runs_the_function():
    with pytest.warns(UserWarning):
        compiled = torch.compile(lambda x: x * 2 + 1)
        assert_close(compiled(torch.ones(2)), torch.full((2,), 3.0))


def test_gradient_scaler_skips_bad_steps():
    weight = nn.Parameter(torch.ones(1))
    optimizer, scaler = torch.optim.SGD([weight], lr=1.0), torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(weight.sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert_close(weight.detach(), torch.zeros(1))
    weight.grad = torch.tensor([float("inf")])
    scaler.step(optimizer)
    scaler.update()
    assert_close(weight.detach(), torch.zeros(1))
    assert scaler.get_scale() == 4.0


def test_timings_are_shown_as_a_table():
    from torch.utils.benchmark import Compare, Timer

    found = [Timer("x + 1", setup="import torch; x = torch.ones(2)", label="add", sub_label=f"{size}", description="eager")
             .blocked_autorange(min_run_time=0.01) for size in (1, 2)]
    assert 1e-8 < found[0].median < 1e-3 and found[0].times
    table = str(Compare(found))
    assert "add" in table and "eager" in table and "1 threads" in table and "Times are in" in table


def test_shapes_of_trees_are_shown_saved_and_compared():
    import collections

    tree = {"a": [1, 2], "b": (3, collections.defaultdict(int, c=4)), "d": torch.Size([5, 6])}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, 3, 4, 5, 6] and pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec
    assert repr(pytree.tree_structure([1, (2, 3)])) == "TreeSpec(list, None, [*,\n  TreeSpec(tuple, None, [*,\n    *])])"
    add = lambda a, b: a + b  # noqa: E731
    assert pytree.tree_map(add, {"a": 1, "b": 2}, collections.OrderedDict(b=3, a=4)) == {"a": 5, "b": 5}
    for tree, other, message in (([1, 2], [1], "arity mismatch; expected 2, but got 1"), ([1], (1,), "type mismatch"),
                                 ({"a": 1}, {"b": 1}, r"missing key\(s\): {'a'}; extra key\(s\): {'b'}")):
        with pytest.raises(ValueError, match=message):
            pytree.tree_map(add, tree, other)


def test_dataclasses_and_constants_can_be_containers():
    import dataclasses

    @dataclasses.dataclass
    class Point:
        x: int
        y: object = None
        name: str = "origin"

    class Fixed:
        def __init__(self, value):
            self.value = value

        def __eq__(self, other):
            return self.value == other.value

        def __hash__(self):
            return hash(self.value)

    with pytest.raises(ValueError, match="Missing fields in `field_names`: {'name'}"):
        pytree.register_dataclass(Point, field_names=["x", "y"])
    pytree.register_dataclass(Point, field_names=["x", "y"], drop_field_names=["name"])
    leaves, spec = pytree.tree_flatten([Point(1), Point(2, [3])])
    assert leaves == [1, 2, 3] and pytree.tree_unflatten([4, 5, 6], spec) == [Point(4), Point(5, [6])]
    assert [pytree.keystr(path) for path, _ in pytree.tree_leaves_with_path(Point(1, [2]))] == [".x", ".y[0]"]
    with pytest.raises(NotImplementedError, match="No registered serialization name"):
        pytree.treespec_dumps(spec)
    pytree.register_constant(Fixed)
    assert pytree.tree_leaves([Fixed(1), 2]) == [2] and pytree.tree_structure(Fixed(1)) != pytree.tree_structure(Fixed(2))
    with pytest.raises(TypeError, match="non-default `__eq__`"):
        pytree.register_constant(object)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
