"""Reductions, scans and fused rows against NumPy, over shapes, layouts, dtypes and threads."""

import math

import numpy as np
import pytest

import torch

SHAPES = [(), (5,), (3, 7), (40, 33), (1000, 3), (3, 1000), (2, 3, 4, 5), (9000,), (4096, 10), (17, 4, 300)]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def dims_of(shape):
    n = len(shape)
    return [None, *range(n), *([(0, n - 1)] if n > 1 else [])]


def layouts(x):
    """The tensor as it is, transposed in memory, and as every second element of a larger one."""
    t = torch.tensor(x)
    yield t
    if t.dim() > 1:
        yield t.transpose(0, -1).contiguous().transpose(0, -1)
    if t.dim():
        wide = torch.zeros(*t.shape[:-1], 2 * t.shape[-1], dtype=t.dtype)
        wide[..., ::2] = t
        yield wide[..., ::2]


def logsumexp(x, axis):
    top = x.max(axis=axis, keepdims=True)
    return (np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top).squeeze(axis if axis is not None else tuple(range(x.ndim)))


REDUCTIONS = {
    "sum": lambda x, axis: x.sum(axis=axis), "mean": lambda x, axis: x.mean(axis=axis), "amax": lambda x, axis: x.max(axis=axis),
    "amin": lambda x, axis: x.min(axis=axis), "var": lambda x, axis: x.var(axis=axis, ddof=1), "std": lambda x, axis: x.std(axis=axis, ddof=1),
    "logsumexp": logsumexp,
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_numpy(name, shape):
    x = numbers(shape)
    for dim in dims_of(shape):
        if name in ("var", "std") and (np.prod([shape[d] for d in np.atleast_1d(range(len(shape)) if dim is None else dim)]) < 2):
            continue
        expected = REDUCTIONS[name](x, dim)
        for t in layouts(x):
            dims = dim if dim is not None else tuple(range(t.dim()))
            assert np.allclose(getattr(t, name)(dims).numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
def test_first_extremum(shape):
    """With many equal values the first index wins, in any layout."""
    x = (numbers(shape) * 2).astype(np.int64)
    for t in layouts(x):
        assert t.argmax().item() == x.argmax() and t.argmin().item() == x.argmin()
        for dim in range(len(shape)):
            values, indices = t.max(dim)
            assert np.array_equal(values.numpy(), x.max(dim)) and np.array_equal(indices.numpy(), x.argmax(dim))
            assert np.array_equal(t.min(dim)[1].numpy(), x.argmin(dim))


@pytest.mark.parametrize("n", [1, 17, 1000])
def test_nan_wins(n):
    x = torch.arange(n, dtype=torch.float32)
    x[n // 2] = math.nan
    assert x.amax().isnan() and x.amin().isnan() and x.argmax().item() == n // 2 and x.max(0)[1].item() == n // 2


def test_integers_widen():
    x = torch.full((300,), 100, dtype=torch.int8)
    assert x.sum().item() == 30000 and x.sum().dtype == torch.int64
    assert x.sum(dtype=torch.int8).item() == (30000 + 128) % 256 - 128
    assert (x > 0).sum().item() == 300
    assert torch.tensor([2, 3, 4], dtype=torch.uint8).prod().item() == 24


def test_sum_is_accurate():
    """Pairwise summation: the relative error of a million equal terms stays far below that of a running sum."""
    x = torch.full((1 << 20,), 0.1, dtype=torch.float32)
    exact = float(np.float32(0.1)) * (1 << 20)
    assert abs(x.sum().item() / exact - 1) < 5e-7


def test_half_sums_in_float():
    x = torch.full((5000,), 0.1, dtype=torch.bfloat16)
    assert x.sum().item() == torch.tensor(float(x[0]) * 5000).to(torch.bfloat16).item()


@pytest.mark.parametrize("make", [lambda t: t.sum(), lambda t: t.sum(0), lambda t: t.var(1), lambda t: t.argmax(1), lambda t: t.softmax(1),
                                  lambda t: t.cumsum(0), lambda t: torch.nn.functional.layer_norm(t, t.shape[1:])])
def test_threads_change_no_bit(make):
    x = torch.tensor(numbers((700, 513), 3), dtype=torch.float32)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(make(x).numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(set(results)) == 1


def test_nothing():
    x = torch.zeros(0, 3)
    assert x.sum(0).tolist() == [0, 0, 0] and x.prod(0).tolist() == [1, 1, 1]
    assert x.mean(0).isnan().all() and x.var(0).isnan().all()
    assert x.any().item() is False and x.all().item() is True
    with pytest.raises(IndexError):
        x.max(0)
    with pytest.raises(RuntimeError):
        x.max()


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, math.inf, -math.inf])
def test_norms(p):
    x = numbers((7, 11))
    t = torch.tensor(x)
    assert np.allclose(torch.linalg.vector_norm(t, p, dim=1).numpy(), np.linalg.norm(x, p, axis=1))
    z = torch.complex(t, t.flip(0))
    assert np.allclose(torch.linalg.vector_norm(z, p, dim=0).numpy(), np.linalg.norm(x + 1j * x[::-1], p, axis=0))


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
def test_scans(shape):
    x = numbers(shape)
    for t in layouts(x):
        for dim in range(len(shape)):
            assert np.allclose(t.cumsum(dim).numpy(), x.cumsum(dim))
            assert np.allclose(t.cumprod(dim).numpy(), x.cumprod(dim))
            assert np.allclose(t.logcumsumexp(dim).numpy(), np.logaddexp.accumulate(x, dim))
            values, indices = t.cummax(dim)
            assert np.array_equal(values.numpy(), np.maximum.accumulate(x, dim))
            assert torch.equal(t.gather(dim, indices), values)


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_softmax(shape, dtype):
    for t in layouts(numbers(shape) * 5):
        t = t.to(dtype)
        for dim in range(len(shape)):
            x = t.double().numpy()
            e = np.exp(x - x.max(dim, keepdims=True))
            expected = e / e.sum(dim, keepdims=True)
            tolerance = 1e-2 if dtype == torch.bfloat16 else 1e-5
            assert np.allclose(t.softmax(dim).double().numpy(), expected, rtol=tolerance)
            assert np.allclose(t.log_softmax(dim).double().numpy(), np.log(expected), rtol=tolerance, atol=tolerance)


def test_softmax_of_infinities():
    x = torch.tensor([[0.0, -math.inf], [-math.inf, -math.inf], [math.inf, 0.0]])
    y = x.softmax(1)
    assert y[0].tolist() == [1, 0] and y[1].isnan().all() and y[2].isnan().any()


@pytest.mark.parametrize("rows, n", [(1, 1), (3, 17), (200, 65)])
def test_layer_norm_gradients(rows, n):
    """Against the formula written in elementary operators, in double precision."""
    x, w, b = (torch.tensor(numbers(s, k), requires_grad=True) for k, s in enumerate([(rows, n), (n,), (n,)]))
    g = torch.tensor(numbers((rows, n), 9))
    torch.nn.functional.layer_norm(x, (n,), w, b).backward(g)
    fused = [t.grad.clone() for t in (x, w, b)]
    for t in (x, w, b):
        t.grad = None
    d = x - x.mean(1, keepdim=True)
    (d / ((d * d).mean(1, keepdim=True) + 1e-5).sqrt() * w + b).backward(g)
    for one, other in zip(fused, (x, w, b)):
        assert torch.allclose(one, other.grad, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("f", [lambda t: t.amax(1), lambda t: t.prod(1), lambda t: t.std(0), lambda t: t.logsumexp(1), lambda t: t.cumprod(1),
                               lambda t: t.softmax(0), lambda t: t.log_softmax(1), lambda t: torch.linalg.vector_norm(t, 3, dim=1),
                               lambda t: t.cummax(1)[0], lambda t: t.logcumsumexp(0), lambda t: torch.stack(torch.var_mean(t, dim=1))])
def test_gradients_by_differences(f):
    x = torch.tensor(numbers((4, 5), 2), requires_grad=True)
    weights = torch.tensor(numbers(tuple(f(x).shape), 5))
    (f(x) * weights).sum().backward()
    step = 1e-6
    with torch.no_grad():
        for i in range(4):
            for j in range(5):
                moved = [x.clone(), x.clone()]
                moved[0][i, j] += step
                moved[1][i, j] -= step
                slope = ((f(moved[0]) - f(moved[1])) * weights).sum() / (2 * step)
                assert abs(slope - x.grad[i, j]) < 1e-6
