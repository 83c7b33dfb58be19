"""FakeTensor: equal to real tensors in everything but elements, for every operator; constants, devices, errors."""

import copy

import definitions
import pytest
from samples import possible

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorDeviceMismatchError,
    FakeTensorMode,
    UnsupportedOperatorException,
    is_fake,
    maybe_get_fake_mode,
    unset_fake_temporarily,
)
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten


def described(result, arguments):
    """Shape, strides and dtype of each tensor of a result, and which argument it is or shares its memory with."""
    found = []
    for x in tree_leaves(result):
        if not isinstance(x, torch.Tensor):
            found.append(type(x))
            continue
        same = next((i for i, a in enumerate(arguments) if a is x), None)
        shares = [i for i, a in enumerate(arguments) if a.untyped_storage()._cdata == x.untyped_storage()._cdata]
        found.append((tuple(x.shape), x.stride(), x.dtype, x.device, x.storage_offset() if shares else 0, same, shares, x.is_conj(), x.is_neg()))
    return found


# Results that the elements decide. The reason is the operator itself.
ELEMENTS = (DataDependentOutputException, DynamicOutputShapeException)


def reads_sizes(error):
    """Composites that take sizes from a tensor (packed sequences, tensor_split) say so themselves."""
    return isinstance(error, NotImplementedError) and "sizes that are elements of a tensor" in str(error)


def operators():
    return [row for row in definitions.rows() if not (row.schema.is_out or any(a.base in ("Storage", "Object") for a in row.schema.args))]


@pytest.mark.parametrize("part", range(4))
def test_fake_equals_real(part):
    wrong = []
    for row in operators()[part::4]:
        for dtype in (torch.float32, torch.int64):
            for sample in possible(row, dtype):
                mode = FakeTensorMode()
                fake = sample.map(mode.from_tensor)
                try:
                    real = described(sample(), sample.tensors)
                except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
                    continue
                try:
                    with mode:
                        seen = described(fake(), fake.tensors)
                except ELEMENTS:
                    continue
                except Exception as error:  # noqa: BLE001
                    if not reads_sizes(error):
                        wrong.append(f"{sample}: {type(error).__name__} {error}")
                    continue
                if seen != real:
                    wrong.append(f"{sample}: {seen} and not {real}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])


def test_same_tensor_same_fake():
    mode, a = FakeTensorMode(), torch.randn(2, 3)
    x = mode.from_tensor(a)
    assert mode.from_tensor(a) is x and x.fake_mode is mode and is_fake(x) and maybe_get_fake_mode(x) is mode and maybe_get_fake_mode(a) is None
    v = mode.from_tensor(a.t())
    assert v._is_view() and v._base is x and v.stride() == (1, 3)
    p = mode.from_tensor(torch.nn.Parameter(torch.ones(2)))
    assert isinstance(p, torch.nn.Parameter) and p.requires_grad and type(p) is FakeTensor
    assert repr(x) == "FakeTensor(..., size=(2, 3))"


def test_devices():
    with FakeTensorMode() as mode:
        y = torch.empty(2, 3, device="cuda")
        assert y.device == torch.device("cuda", 0) and y.is_cuda and "device='cuda:0'" in repr(y)
        assert (y + torch.tensor(1.0)).device == y.device and torch.ones_like(y).device == y.device
        assert torch.tensor([1.0], device="cuda").is_cuda and y.cpu().device.type == "cpu"
        with pytest.raises(FakeTensorDeviceMismatchError, match="Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!"):
            torch.ones(2, 3) + y
    assert (y * 2).fake_mode is mode and (y * 2).is_cuda


def test_values_that_are_known():
    with FakeTensorMode():
        assert torch.tensor(3.0).item() == 3 and (torch.tensor(2) + 1).item() == 3
        assert torch.tensor([1, 2]).add_(1).constant is None
        t = torch.tensor(1.0)
        alias = t.view(1)
        t.add_(1)
        assert t.constant is None and alias.constant is None
        with pytest.raises(DataDependentOutputException, match="aten._local_scalar_dense.default"):
            t.item()


def test_elements_are_missed():
    with FakeTensorMode():
        x = torch.ones(2, 3)
        for read in (lambda: bool(x.sum() > 0), lambda: x.tolist(), lambda: torch.equal(x, x), lambda: torch.allclose(x, x)):
            with pytest.raises(DataDependentOutputException):
                read()
        for read in (lambda: x.nonzero(), lambda: x[x > 0], lambda: torch.unique(x)):
            with pytest.raises(DynamicOutputShapeException):
                read()
        with pytest.raises(RuntimeError, match="not supported for tensor subclasses"):
            x.numpy()


def test_real_tensors_are_refused_unless_allowed():
    mode, a = FakeTensorMode(), torch.ones(2)
    x = mode.from_tensor(a)
    with pytest.raises(AssertionError, match=r"Please convert all Tensors to FakeTensors first .* aten.add.Tensor\(FakeTensor\(..., size=\(2,\)\)"):
        x + a
    with pytest.raises(AssertionError, match="Mixing fake modes"):
        x + FakeTensorMode().from_tensor(a)
    lax = FakeTensorMode(allow_non_fake_inputs=True)
    assert is_fake(lax.from_tensor(a) + torch.ones(2))
    with mode, unset_fake_temporarily() as off:
        assert off is mode and not is_fake(torch.ones(2))


def test_modules_and_gradients():
    with FakeTensorMode():
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid(), torch.nn.LayerNorm(4))
        loss = net(torch.ones(2, 3)).sum()
        loss.backward()
        assert [p.grad.shape for p in net.parameters()] == [p.shape for p in net.parameters()] and all(is_fake(p.grad) for p in net.parameters())
        assert is_fake(copy.deepcopy(net)[0].weight)
        optimizer = torch.optim.Adam(net.parameters())
        optimizer.step()


def test_operators_of_the_user():
    @torch.library.custom_op("test_fake::twice", mutates_args=(), device_types="cpu")
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    with FakeTensorMode() as mode:
        with pytest.raises(UnsupportedOperatorException):
            twice(torch.ones(2))
        twice.register_fake(torch.empty_like)
        assert twice(torch.ones(2)).fake_mode is mode


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
