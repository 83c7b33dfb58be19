"""Convolution and pooling: the definition in NumPy, adjointness, and gradients by finite differences."""

import itertools
import math

import numpy as np
import pytest

import torch
import torch.nn.functional as F


def random(*shape):
    return torch.from_numpy(np.random.default_rng(sum(shape)).uniform(-2, 2, shape))


def reference(x, w, bias, stride, padding, dilation, groups):
    """Cross-correlation, output by output."""
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding])
    kernel, space = w.shape[2:], range(len(w.shape) - 2)
    out = [(x.shape[2 + d] - dilation[d] * (kernel[d] - 1) - 1) // stride[d] + 1 for d in space]
    y = np.zeros((x.shape[0], w.shape[0], *out))
    per_in, per_out = w.shape[1], w.shape[0] // groups
    for o in itertools.product(*map(range, out)):
        window = (slice(None), slice(None)) + tuple(slice(o[d] * stride[d], o[d] * stride[d] + dilation[d] * (kernel[d] - 1) + 1, dilation[d]) for d in space)
        part = x[window]
        for g in range(groups):
            left = part[:, g * per_in:(g + 1) * per_in].reshape(x.shape[0], per_in * math.prod(kernel))
            right = w[g * per_out:(g + 1) * per_out].reshape(per_out, -1)
            y[(slice(None), slice(g * per_out, (g + 1) * per_out)) + o] = left @ right.T
    return y if bias is None else y + bias.reshape(1, -1, *[1] * len(kernel))


CASES = [  # input, weight, stride, padding, dilation, groups
    ((2, 3, 9), (4, 3, 3), (1,), (0,), (1,), 1), ((2, 3, 9), (4, 3, 2), (2,), (1,), (2,), 1),
    ((2, 3, 8, 7), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1), ((2, 3, 8, 7), (4, 3, 3, 2), (2, 3), (1, 0), (1, 2), 1),
    ((2, 4, 8, 7), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2), ((2, 4, 8, 7), (4, 1, 3, 3), (2, 1), (1, 1), (1, 1), 4),
    ((1, 70, 6, 6), (40, 70, 1, 1), (1, 1), (0, 0), (1, 1), 1), ((1, 3, 40, 40), (20, 3, 7, 7), (2, 2), (3, 3), (1, 1), 1),
    ((2, 2, 5, 6, 4), (3, 2, 2, 3, 2), (1, 2, 1), (1, 0, 1), (1, 1, 1), 1), ((0, 3, 8, 7), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
]
every_case = pytest.mark.parametrize("x, w, stride, padding, dilation, groups", CASES)


def convolve(x, w, bias, *rest):
    return (F.conv1d, F.conv2d, F.conv3d)[x.dim() - 3](x, w, bias, *rest)


def convolve_transposed(x, w, stride, padding, dilation, groups, output_padding):
    return (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[x.dim() - 3](x, w, None, stride, padding, output_padding, groups, dilation)


@every_case
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_is_the_definition(x, w, stride, padding, dilation, groups, dtype):
    a, b, c = random(*x), random(*w), random(w[0])
    want = reference(a.numpy(), b.numpy(), c.numpy(), stride, padding, dilation, groups)
    got = convolve(a.to(dtype), b.to(dtype), c.to(dtype), stride, padding, dilation, groups)
    np.testing.assert_allclose(got.numpy(), want, atol=1e-10 if dtype == torch.float64 else 1e-3)


@every_case
def test_transposed_is_the_adjoint(x, w, stride, padding, dilation, groups):
    a, b = random(*x), random(*w)
    y = convolve(a, b, None, stride, padding, dilation, groups)
    g = random(*y.shape)
    extra = [x[2 + d] - ((y.shape[2 + d] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (w[2 + d] - 1) + 1) for d in range(len(stride))]
    back = convolve_transposed(g, b, stride, padding, dilation, groups, extra)
    assert back.shape == a.shape
    torch.testing.assert_close((y * g).sum(), (back * a).sum())


@every_case
def test_gradients(x, w, stride, padding, dilation, groups):
    if np.prod(x) > 600:
        x, w = (1, 2, *x[2:]) if groups == 1 else x, (3, 2, *w[2:]) if groups == 1 else w
    if np.prod(x) > 600 or x[0] == 0:
        return
    inputs = [random(*x).requires_grad_(), random(*w).requires_grad_(), random(w[0]).requires_grad_()]
    assert torch.autograd.gradcheck(lambda *a: convolve(*a, stride, padding, dilation, groups), inputs)


def test_second_gradients():
    inputs = [random(1, 2, 5, 4).requires_grad_(), random(2, 2, 3, 2).requires_grad_(), random(2).requires_grad_()]
    assert torch.autograd.gradgradcheck(lambda *a: F.conv2d(*a, stride=2, padding=1), inputs)


def test_same_padding_keeps_the_size():
    for kernel in (1, 2, 3, 4, 5):
        assert F.conv2d(random(1, 2, 9, 8), random(3, 2, kernel, kernel), padding="same").shape == (1, 3, 9, 8)


def test_complex_and_integers():
    x, w = torch.complex(random(1, 2, 6), random(1, 2, 6)), torch.complex(random(3, 2, 3), random(3, 2, 3))
    want = sum(s * convolve(a, b, None).numpy() for s, a, b in
               ((1, x.real, w.real), (-1, x.imag, w.imag), (1j, x.real, w.imag), (1j, x.imag, w.real)))
    np.testing.assert_allclose(F.conv1d(x, w).numpy(), want, atol=1e-12)
    whole = torch.arange(12).reshape(1, 2, 6)
    assert F.conv1d(whole, torch.ones(1, 2, 2, dtype=torch.int64)).tolist() == [[[14, 18, 22, 26, 30]]]


def test_bits_do_not_depend_on_threads():
    x, w = random(3, 5, 20, 20).float().requires_grad_(), random(33, 5, 3, 3).float().requires_grad_()
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            y = F.conv2d(x, w, padding=1)
            found.append([y, *torch.autograd.grad(y.square().sum(), (x, w))])
    finally:
        torch.set_num_threads(before)
    assert all(a.equal(b) for a, b in zip(*found))


# ---- pooling ----

@pytest.mark.parametrize("kernel, stride, padding, ceil", [(2, 2, 0, False), (3, 2, 1, False), (3, 2, 1, True), (2, 3, 0, True), ((2, 3), (1, 2), (1, 0), False)])
def test_pools_are_folds_of_windows(kernel, stride, padding, ceil):
    x = random(2, 3, 9, 8)
    kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    sh, sw = stride if isinstance(stride, tuple) else (stride, stride)
    ph, pw = padding if isinstance(padding, tuple) else (padding, padding)
    largest, at = F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil, return_indices=True)
    mean = F.avg_pool2d(x, kernel, stride, padding, ceil_mode=ceil, count_include_pad=False)
    for i, j in itertools.product(range(largest.shape[2]), range(largest.shape[3])):
        window = x[:, :, max(0, i * sh - ph):i * sh - ph + kh, max(0, j * sw - pw):j * sw - pw + kw]
        torch.testing.assert_close(largest[:, :, i, j], window.amax((2, 3)))
        torch.testing.assert_close(mean[:, :, i, j], window.mean((2, 3)))
    assert x.flatten(2).gather(2, at.flatten(2)).view_as(largest).equal(largest)


@pytest.mark.parametrize("pool", [
    lambda x: F.max_pool2d(x, 3, 2, 1), lambda x: F.avg_pool2d(x, 3, 2, 1), lambda x: F.adaptive_avg_pool2d(x, (2, 3)), lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    lambda x: F.lp_pool2d(x, 2.0, 2)])
def test_pool_gradients(pool):
    assert torch.autograd.gradcheck(pool, random(1, 2, 5, 6).requires_grad_())


def test_unpool_undoes_pool():
    x = random(2, 3, 8, 6)
    y, at = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(y, at, 2)
    assert back[back != 0].equal(x[back != 0]) and F.max_pool2d(back.where(back != 0, torch.full_like(back, -9)), 2).equal(y)


# ---- normalisation ----

def test_batch_norm_normalises_channels():
    x = random(4, 3, 5, 6) * 3 + 7
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    y = F.batch_norm(x, mean, var, training=True, momentum=1.0, eps=1e-12)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(y.var((0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(mean, x.mean((0, 2, 3)))
    torch.testing.assert_close(var, x.var((0, 2, 3)))
    torch.testing.assert_close(F.batch_norm(x, mean, var, eps=1e-12), (x - mean.view(3, 1, 1)) / var.view(3, 1, 1).sqrt())


@pytest.mark.parametrize("norm", [
    lambda x, w, b: F.batch_norm(x, None, None, w, b, True), lambda x, w, b: F.group_norm(x, 2, w, b), lambda x, w, b: F.instance_norm(x, None, None, w, b),
    lambda x, w, b: F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double(), w, b, False), lambda x, w, b: F.rms_norm(x, (4, 3), eps=1e-3)])
def test_norm_gradients(norm):
    inputs = [random(2, 4, 3).requires_grad_(), random(4).requires_grad_(), random(4).requires_grad_()]
    assert torch.autograd.gradcheck(norm, inputs)
    assert torch.autograd.gradgradcheck(norm, inputs)
