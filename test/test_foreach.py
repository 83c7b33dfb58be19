"""Operators over lists of tensors equal the operator on each."""

import pytest

import torch
from torch._opdefs.foreach import BINARY, UNARY


def tensors(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(n, generator=generator) * 0.9 + 0.05 for n in (3, 1, 17)]


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    xs = tensors(0)
    expected = [getattr(torch, name)(x) for x in xs]
    torch.testing.assert_close(getattr(torch, f"_foreach_{name}")(xs), expected, rtol=0, atol=0)
    getattr(torch, f"_foreach_{name}_")(xs)
    torch.testing.assert_close(xs, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    xs, ys = tensors(0), tensors(1)
    f = getattr(torch, f"_foreach_{name}")
    of_tensors, of_number = (getattr(torch, op) for op in BINARY[name])
    torch.testing.assert_close(f(xs, ys), [of_tensors(x, y) for x, y in zip(xs, ys)])
    torch.testing.assert_close(f(xs, 0.5), [of_number(x, 0.5) for x in xs])
    torch.testing.assert_close(f(xs, [0.25, 0.5, 1.0]), [of_number(x, s) for x, s in zip(xs, (0.25, 0.5, 1.0))])
    expected = f(xs, ys)
    getattr(torch, f"_foreach_{name}_")(xs, ys)
    torch.testing.assert_close(xs, expected)


def test_three_lists():
    xs, ys, zs = tensors(0), tensors(1), tensors(2)
    torch.testing.assert_close(torch._foreach_addcdiv(xs, ys, zs, value=0.5), [torch.addcdiv(x, y, z, value=0.5) for x, y, z in zip(xs, ys, zs)])
    torch.testing.assert_close(torch._foreach_addcmul(xs, ys, zs, torch.tensor([1.0, 2.0, 3.0])),
                               [torch.addcmul(x, y, z, value=v) for x, y, z, v in zip(xs, ys, zs, (1, 2, 3))])
    torch.testing.assert_close(torch._foreach_lerp(xs, ys, 0.25), [torch.lerp(x, y, 0.25) for x, y in zip(xs, ys)])


def test_norms_and_copies():
    xs = tensors(0)
    torch.testing.assert_close(torch._foreach_norm(xs, 1), [x.abs().sum() for x in xs])
    ys = torch._foreach_clone(xs)
    torch._foreach_zero_(ys)
    assert not any(y.any() for y in ys)
    torch._foreach_copy_(ys, xs)
    torch.testing.assert_close(ys, xs, rtol=0, atol=0)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(RuntimeError, match="same number of tensors"):
        torch._foreach_add(tensors(0), tensors(1)[:2])
