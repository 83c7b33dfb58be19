"""Indexing is NumPy's, and writes go where reads come from."""

import itertools

import numpy as np
import pytest

import torch

X = np.arange(2 * 3 * 4, dtype=np.float64).reshape(2, 3, 4)
MASK = X % 3 == 0
ROWS = np.array([1, 0])
KEYS = {
    "int": 1, "negative int": -1, "ints": (1, 2), "all ints": (1, 2, 3), "slice": slice(None, None, 2), "slices": (slice(1, None), slice(None, 2)),
    "ellipsis": (..., 1), "ellipsis in the middle": (0, ..., slice(1, 3)), "none": (None, 0), "none at the end": (0, ..., None), "mask": MASK,
    "row mask": np.array([True, False]), "mask of two dimensions": MASK[..., 0], "mask with slice": (MASK[..., 0], slice(1, 3)), "list": [1, 0, 1],
    "array": ROWS, "arrays": (ROWS, np.array([0, 2])), "broadcast arrays": (ROWS[:, None], np.array([0, 2])), "array and slice": (slice(None), np.array([2, 0])),
    "arrays around a slice": (ROWS, slice(None), np.array([1, 3])), "array and none": (None, ROWS), "array and int": (ROWS, 1), "negative array": np.array([-1, -2]),
    "empty list": [], "empty slice": slice(3, 1), "true": True, "false": False,
}


def to_torch(key):
    if isinstance(key, tuple):
        return tuple(map(to_torch, key))
    return torch.from_numpy(key) if isinstance(key, np.ndarray) else key


def to_numpy(key):
    return np.array(key, dtype=int) if isinstance(key, list) else key


every_key = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


@every_key
def test_read_is_numpys(key):
    want = X[to_numpy(key)]
    got = torch.from_numpy(X.copy())[to_torch(key)]
    assert got.shape == want.shape
    np.testing.assert_array_equal(got.numpy(), want)


@every_key
def test_write_of_a_number_is_numpys(key):
    want = X.copy()
    want[to_numpy(key)] = -1
    got = torch.from_numpy(X.copy())
    got[to_torch(key)] = -1
    np.testing.assert_array_equal(got.numpy(), want)


@every_key
def test_write_then_read(key):
    x = torch.zeros(2, 3, 4)
    shape = x[to_torch(key)].shape
    value = torch.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    if isinstance(key, list) and len(set(key)) < len(key):
        value = torch.ones(shape)
    x[to_torch(key)] = value
    assert torch.equal(x[to_torch(key)], value)


@every_key
def test_gradient_counts_reads(key):
    """d sum(x[key]) / dx is how often each element was read."""
    x = torch.from_numpy(X.copy()).requires_grad_()
    x[to_torch(key)].sum().backward()
    counts = np.zeros_like(X)
    np.add.at(counts, to_numpy(key), 1)
    np.testing.assert_array_equal(x.grad.numpy(), counts)


def test_basic_indexing_shares_memory():
    x = torch.zeros(3, 4)
    for key in (0, slice(1, 3), (slice(None), 2), None, ...):
        assert x[key].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert x[[0, 1]].untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


@pytest.mark.parametrize("key, error, text", [
    (5, IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
    (-4, IndexError, "index -4 is out of bounds for dimension 0 with size 3"),
    ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
    (torch.tensor([0, 7]), IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
    (torch.tensor([True, False]), IndexError, "The shape of the mask .2. at index 0 does not match the shape of the indexed tensor .3, 4. at index 0"),
    ("a", (IndexError, TypeError), None), (1.5, IndexError, None), (torch.tensor([0.5]), IndexError, None), (slice(None, None, -1), ValueError, "step must be greater than zero"),
])
def test_bad_keys(key, error, text):
    with pytest.raises(error, match=text):
        torch.zeros(3, 4)[key]


def test_accumulating_write():
    x = torch.zeros(3)
    x.index_put_((torch.tensor([0, 0, 2]),), torch.tensor([1.0, 2.0, 3.0]), accumulate=True)
    assert x.tolist() == [3, 0, 3]


def test_gather_and_scatter_are_inverse_on_permutations():
    x = torch.randn(4, 5)
    order = torch.stack([torch.randperm(5) for _ in range(4)])
    assert torch.equal(torch.zeros(4, 5).scatter_(1, order, x.gather(1, order)), x)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_index_select_is_indexing(dim):
    x, index = torch.randn(4, 5), torch.tensor([0, 3, 3])
    assert torch.equal(x.index_select(dim, index), x[index] if dim == 0 else x[:, index])


def test_masked_select_and_scatter():
    x = torch.randn(3, 4)
    mask = x > 0
    assert torch.equal(x.masked_select(mask), x[mask])
    assert torch.equal(torch.zeros(3, 4).masked_scatter(mask, x[mask]), x.where(mask, torch.tensor(0.0)))
    assert torch.equal(x.masked_fill(mask, 0), torch.where(mask, torch.zeros(()), x))


def test_nonzero_lists_where():
    x = torch.tensor([[0, 1, 0], [2, 0, 3]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0], [1, 2]]
    assert [t.tolist() for t in torch.where(x != 0)] == [[0, 1, 1], [1, 0, 2]]


def test_take_and_put():
    x = torch.arange(6.0).reshape(2, 3)
    assert x.take(torch.tensor([0, 5])).tolist() == [0, 5]
    assert x.clone().put_(torch.tensor([0, 5]), torch.tensor([9.0, 8.0])).flatten().tolist() == [9, 1, 2, 3, 4, 8]


def test_setting_needs_a_fitting_shape():
    x = torch.zeros(3, 4)
    with pytest.raises(RuntimeError, match="shape mismatch|must match"):
        x[torch.tensor([0, 1])] = torch.zeros(3, 4)
    with pytest.raises(RuntimeError, match="expand"):
        x[0] = torch.zeros(5)


def test_every_pair_of_slices():
    x = torch.from_numpy(X.copy())
    bounds = [None, 0, 1, -1, 5]
    for start, stop, step in itertools.product(bounds, bounds, [None, 1, 2]):
        key = (slice(None), slice(start, stop, step))
        np.testing.assert_array_equal(x[key].numpy(), X[key])
