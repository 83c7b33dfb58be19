"""Views share memory, agree with NumPy's, and differentiate; copies in another order undo each other."""

import numpy as np
import pytest

import torch

BASE = np.arange(24.0).reshape(2, 3, 4)

VIEWS = {
    "transpose": (lambda x: x.transpose(0, 2), lambda a: a.swapaxes(0, 2)),
    "permute": (lambda x: x.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    "select": (lambda x: x.select(1, -1), lambda a: a[:, -1]),
    "slice": (lambda x: x[:, 1:, ::2], lambda a: a[:, 1:, ::2]),
    "narrow": (lambda x: x.narrow(2, 1, 2), lambda a: a[:, :, 1:3]),
    "diagonal": (lambda x: x.diagonal(1, 1, 2), lambda a: np.diagonal(a, 1, 1, 2)),
    "unfold": (lambda x: x.unfold(2, 2, 1), lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, 2)),
    "expand": (lambda x: x.unsqueeze(1).expand(2, 5, 3, 4), lambda a: np.broadcast_to(a[:, None], (2, 5, 3, 4))),
    "view": (lambda x: x.view(6, -1), lambda a: a.reshape(6, 4)),
    "flatten": (lambda x: x.flatten(1), lambda a: a.reshape(2, 12)),
    "unflatten": (lambda x: x.unflatten(2, (2, -1)), lambda a: a.reshape(2, 3, 2, 2)),
    "squeeze": (lambda x: x.unsqueeze(0).unsqueeze(-1).squeeze(), lambda a: a),
    "movedim": (lambda x: x.movedim((0, 1), (-1, 0)), lambda a: np.moveaxis(a, (0, 1), (-1, 0))),
    "as_strided": (lambda x: x.as_strided((3, 2), (4, 1), 5), lambda a: np.lib.stride_tricks.as_strided(a.reshape(-1)[5:], (3, 2), (32, 8))),
    "mT": (lambda x: x.mT, lambda a: a.swapaxes(1, 2)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_agrees_with_numpy_and_shares_memory(name):
    ours, theirs = VIEWS[name]
    x = torch.from_numpy(BASE.copy())
    y = ours(x)
    np.testing.assert_array_equal(y.numpy(), theirs(BASE))
    assert y._base is x or y._base is x._base
    x.mul_(2)
    np.testing.assert_array_equal(y.numpy(), theirs(2 * BASE))


@pytest.mark.parametrize("name", VIEWS)
def test_view_differentiates(name):
    x = torch.from_numpy(BASE.copy()).requires_grad_()
    y = VIEWS[name][0](x)
    weight = torch.arange(1.0, y.numel() + 1, dtype=torch.float64).view(y.shape)
    (y * weight).sum().backward()
    step = torch.zeros_like(x)
    for i in (0, 7, 23):
        step.zero_().view(-1)[i] = 1
        change = (VIEWS[name][0](x.detach() + step) - y.detach()) * weight
        assert change.sum() == x.grad.view(-1)[i]


@pytest.mark.parametrize("name", ["split", "chunk", "unbind", "tensor_split"])
def test_parts_join_to_the_whole(name):
    x = torch.arange(30.0).view(5, 6).requires_grad_()
    parts = {"split": lambda: x.split(2), "chunk": lambda: x.chunk(3), "unbind": x.unbind, "tensor_split": lambda: x.tensor_split(3)}[name]()
    joined = torch.stack(parts) if name == "unbind" else torch.cat(parts)
    assert torch.equal(joined, x)
    parts[0].sum().backward()
    assert x.grad.sum() == parts[0].numel()


def test_reshape_copies_only_where_it_must():
    x = torch.arange(6).view(2, 3)
    assert x.reshape(3, 2).data_ptr() == x.data_ptr()
    assert x.t().reshape(6).tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.t().view(6)
    with pytest.raises(RuntimeError, match="is invalid for input of size 6"):
        x.view(4)


def test_conjugate_and_negative_are_lazy():
    z = torch.tensor([1 + 2j, 3 - 4j])
    w = z.conj()
    assert w.is_conj() and w.data_ptr() == z.data_ptr()
    assert w.tolist() == [1 - 2j, 3 + 4j]
    assert (w + z).tolist() == [2, 6]
    assert w.imag.is_neg() and w.imag.tolist() == [-2, 4]
    assert not w.resolve_conj().is_conj()
    w.add_(1j)
    assert z.tolist() == [1 + 1j, 3 - 5j]


def test_reinterpreted_bits():
    x = torch.tensor([1.0, 2.0])
    assert x.view(torch.int32).tolist() == [0x3F800000, 0x40000000]
    assert x.view(torch.uint8).shape == (8,)
    assert torch.equal(x.view(torch.int16).view(torch.float32), x)


@pytest.mark.parametrize("undo", [(lambda x: x.flip(0, 2), lambda x: x.flip(0, 2)), (lambda x: x.roll(3, 1), lambda x: x.roll(-3, 1)),
                                  (lambda x: x.rot90(1, (0, 2)), lambda x: x.rot90(-1, (0, 2))), (lambda x: x.roll(5), lambda x: x.roll(-5))])
def test_rearrangements_undo_each_other(undo):
    x = torch.arange(24.0).view(2, 3, 4)
    assert torch.equal(undo[1](undo[0](x)), x)


@pytest.mark.parametrize("shape", [(17, 33), (300, 200), (3, 1000, 5)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float32, torch.float64, torch.complex128])
def test_transposed_copies(shape, dtype):
    a = np.arange(np.prod(shape)).reshape(shape)
    x = torch.from_numpy(a).to(dtype)
    order = tuple(reversed(range(len(shape))))
    expected = x.numpy().transpose(order)
    np.testing.assert_array_equal(x.permute(order).contiguous().numpy(), expected)
    np.testing.assert_array_equal(x.permute(order).to(torch.float64).numpy(), expected.real.astype(np.float64))


def test_factories_agree_with_numpy():
    np.testing.assert_array_equal(torch.arange(2, 11, 3).numpy(), np.arange(2, 11, 3))
    np.testing.assert_allclose(torch.linspace(-1, 2, 7, dtype=torch.float64).numpy(), np.linspace(-1, 2, 7), rtol=1e-15)
    np.testing.assert_allclose(torch.logspace(0, 3, 4, dtype=torch.float64).numpy(), np.logspace(0, 3, 4), rtol=1e-15)
    np.testing.assert_array_equal(torch.eye(3, 5).numpy(), np.eye(3, 5))
    np.testing.assert_array_equal(torch.ones(4, 5).tril(-1).numpy(), np.tril(np.ones((4, 5)), -1))
    np.testing.assert_array_equal(torch.tril_indices(4, 3, 1).numpy(), np.stack(np.tril_indices(4, 1, 3)))
    assert torch.full((2,), True).dtype == torch.bool and torch.full((2,), 1).dtype == torch.int64
