"""Sorting and selection agree with NumPy, NaN being the largest value; distinct values, quantiles and searches too."""

import numpy as np
import pytest

import torch

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.int8, torch.uint8]


def sample(dtype, *shape):
    torch.manual_seed(len(shape) + shape[0])
    return (torch.randn(*shape) * 40).to(torch.int64).clamp(0 if dtype == torch.uint8 else -100, 100).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("shape", [(1,), (50,), (300,), (20000,), (200000,), (3, 40, 5)])
def test_sort_is_stable(dtype, descending, shape):
    x = sample(dtype, *shape)
    for dim in range(len(shape)):
        values, places = x.sort(dim, descending=descending)
        assert torch.equal(x.gather(dim, places), values)
        keys = -x.double() if descending else x.double()
        assert np.array_equal(places.numpy(), np.argsort(keys.numpy(), axis=dim, kind="stable"))


def test_nan_is_largest_and_zeros_are_equal():
    x = torch.tensor([0.0, float("nan"), -0.0, float("inf"), float("-inf")])
    assert x.argsort().tolist() == [4, 0, 2, 3, 1]
    assert x.argsort(descending=True).tolist() == [1, 3, 0, 2, 4]
    assert x.topk(2).indices.tolist() == [1, 3] and x.max(0).indices == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 5), (1000, 7), (1000, 600)])
@pytest.mark.parametrize("largest", [True, False])
def test_topk_is_the_front_of_sort(dtype, n, k, largest):
    x = sample(dtype, 3, n)
    values, places = x.topk(k, largest=largest)
    assert torch.equal(values, x.sort(descending=largest).values[:, :k])
    assert torch.equal(x.gather(1, places), values)


def test_kthvalue_median_mode():
    x = sample(torch.float32, 4, 51)
    ordered = x.sort().values
    assert torch.equal(x.kthvalue(3).values, ordered[:, 2]) and torch.equal(x.median(1).values, ordered[:, 25])
    x[0, 3] = float("nan")
    assert x.median(1).values[0].isnan() and x.nanmedian(1).values[0] == x[0, ~x[0].isnan()].median()
    assert torch.tensor([3, 1, 3, 1, 2]).mode().values == 1


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantile(interpolation):
    x, q = torch.randn(7, 31, dtype=torch.float64), torch.tensor([0.0, 0.13, 0.5, 1.0], dtype=torch.float64)
    for dim in (0, 1):
        want = np.quantile(x.numpy(), q.numpy(), axis=dim, method=interpolation)
        assert np.allclose(torch.quantile(x, q, dim=dim, interpolation=interpolation).numpy(), want)
    x[2, 3] = float("nan")
    assert np.allclose(torch.nanquantile(x, q, dim=1, interpolation=interpolation).numpy(), np.nanquantile(x.numpy(), q.numpy(), axis=1, method=interpolation))


@pytest.mark.parametrize("dtype", DTYPES)
def test_unique(dtype):
    x = sample(dtype, 500)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    assert torch.equal(values[inverse], x) and counts.sum() == 500
    assert torch.equal(values, torch.unique(x)) and bool((values[1:] > values[:-1]).all())
    again, run, lengths = torch.unique_consecutive(x.sort().values, return_inverse=True, return_counts=True)
    assert torch.equal(again, values) and torch.equal(lengths, counts)
    rows = torch.tensor([[1, 2], [0, 5], [1, 2]])
    assert torch.unique(rows, dim=0).tolist() == [[0, 5], [1, 2]]


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right):
    edges, x = sample(torch.float32, 40).sort().values, sample(torch.float32, 300)
    want = np.searchsorted(edges.numpy(), x.numpy(), side="right" if right else "left")
    assert np.array_equal(torch.searchsorted(edges, x, right=right).numpy(), want)
    assert np.array_equal(torch.bucketize(x, edges, right=right).numpy(), want)


def test_counting():
    x = torch.tensor([1, 0, 3, 1])
    assert torch.bincount(x, minlength=6).tolist() == [1, 2, 0, 1, 0, 0]
    assert torch.bincount(x, weights=torch.tensor([0.5, 1.0, 2.0, 0.25])).tolist() == [1.0, 0.75, 0.0, 2.0]
    y = torch.randn(1000, dtype=torch.float64)
    assert np.array_equal(torch.histc(y, 7, -1, 2).numpy(), np.histogram(y.numpy(), 7, (-1, 2))[0])
