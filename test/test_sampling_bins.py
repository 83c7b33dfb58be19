"""Histograms, segments, hashes, chunks and grid sampling."""

import itertools

import numpy as np
import pytest

import torch

F = torch.nn.functional


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("span", [None, (-1.0, 0.5)])
def test_histogram(density, weighted, span):
    x, w = numbers(300), np.abs(numbers(300, seed=1)) if weighted else None
    hist, edges = torch.histogram(torch.tensor(x), 7, range=span, weight=None if w is None else torch.tensor(w), density=density)
    expected, expected_edges = np.histogram(x, 7, range=span, weights=w, density=density)
    assert np.allclose(hist.numpy(), expected) and np.allclose(edges.numpy(), expected_edges)
    again, _ = torch.histogram(torch.tensor(x), edges, weight=None if w is None else torch.tensor(w), density=density)
    assert torch.allclose(again, hist)


def test_histogram_in_three_dimensions():
    x = numbers(200, 3)
    hist, edges = torch.histogramdd(torch.tensor(x), [2, 3, 4], density=True)
    expected, expected_edges = np.histogramdd(x, [2, 3, 4], density=True)
    assert np.allclose(hist.numpy(), expected)
    assert all(np.allclose(a.numpy(), b) for a, b in zip(edges, expected_edges))


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_segments(reduce):
    lengths = [2, 0, 3, 1]
    x = torch.tensor(numbers(6, 4), requires_grad=True)
    out = torch.segment_reduce(x, reduce, lengths=torch.tensor(lengths), initial=2.0)
    rows = np.split(x.detach().numpy(), np.cumsum(lengths)[:-1])
    function = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod, "mean": np.sum}[reduce]
    for k, part in enumerate(rows):
        value = function(np.concatenate([part, np.full((1, 4), 2.0)]), axis=0)
        assert np.allclose(out[k].detach().numpy(), value / max(len(part), 1) if reduce == "mean" else value)
    offsets = torch.tensor([0, *np.cumsum(lengths)])
    assert torch.equal(out, torch.segment_reduce(x, reduce, offsets=offsets, initial=2.0))
    out.sum().backward()
    assert matches_differences(lambda t: torch.segment_reduce(t, reduce, lengths=torch.tensor(lengths), initial=2.0).sum(), x)


def matches_differences(f, x, step=1e-6):
    """Whether x.grad is what central differences of f give."""
    with torch.no_grad():
        for index in itertools.product(*(range(n) for n in x.shape)):
            above, below = x.clone(), x.clone()
            above[index] += step
            below[index] -= step
            if abs((f(above) - f(below)).item() / (2 * step) - x.grad[index].item()) > 1e-5:
                return False
    return True


def test_hash():
    x = numbers(3, 5)
    expected = np.bitwise_xor.reduce(x.view(np.uint64), axis=1)
    assert [int(v) for v in torch.hash_tensor(torch.tensor(x), dim=1).tolist()] == [int(v) for v in expected]
    assert torch.hash_tensor(torch.tensor([5, -3], dtype=torch.int16)).item() in ((5 ^ -3) % 2**64, 5 ^ -3)


def test_chunk_cat():
    a, b = torch.arange(6.0).view(3, 2), torch.arange(3.0)
    assert torch._chunk_cat([a, b], 0, 2).tolist() == [[0, 1, 2, 3, 0, 1], [4, 5, 0, 0, 2, 0]]


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_grid_sample_gradients(mode, padding, corners):
    x = torch.tensor(numbers(1, 2, 4, 5), requires_grad=True)
    grid = torch.tensor(numbers(1, 3, 2, 2, seed=4) * 0.7, requires_grad=True)
    weights = torch.tensor(numbers(1, 2, 3, 2, seed=5))

    def f(image, places):
        return (F.grid_sample(image, places, mode, padding, corners) * weights).sum()

    f(x, grid).backward()
    assert matches_differences(lambda t: f(t, grid), x) and matches_differences(lambda t: f(x, t), grid)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_grid_sample_in_three_dimensions(mode):
    x = torch.tensor(numbers(1, 1, 3, 4, 2), requires_grad=True)
    grid = torch.tensor(numbers(1, 2, 2, 1, 3, seed=4) * 0.6, requires_grad=True)
    F.grid_sample(x, grid, mode, align_corners=True).sum().backward()
    assert matches_differences(lambda t: F.grid_sample(t, grid, mode, align_corners=True).sum(), x)
    assert matches_differences(lambda t: F.grid_sample(x, t, mode, align_corners=True).sum(), grid)


def test_grid_of_pixel_centres_is_the_image():
    x = torch.tensor(numbers(2, 3, 4, 5))
    rows, columns = torch.linspace(-1, 1, 4, dtype=x.dtype), torch.linspace(-1, 1, 5, dtype=x.dtype)
    grid = torch.stack([columns.expand(4, 5), rows[:, None].expand(4, 5)], -1).expand(2, 4, 5, 2)
    for mode in ("bilinear", "nearest", "bicubic"):
        assert torch.allclose(F.grid_sample(x, grid, mode, align_corners=True), x)
