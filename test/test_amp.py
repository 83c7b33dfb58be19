"""Autocast and gradient scaling."""

import pytest

import torch
import torch.nn.functional as F
from torch._opdefs import autocast as policies


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_policies(dtype):
    x, half = torch.randn(3, 3), torch.randn(3, 3).to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        assert (x @ x).dtype == F.linear(x, half).dtype == dtype
        assert (x + half).dtype == torch.float32
        assert torch.prod(half, 0).dtype == F.mse_loss(half, half).dtype == torch.float32
        assert torch.cat([x, half]).dtype == torch.float32
        assert torch.cat([half, half]).dtype == dtype
        assert (x.double() @ x.double()).dtype == torch.float64
        assert torch.equal(x @ x, x.to(dtype) @ x.to(dtype))
        with torch.autocast("cpu", enabled=False):
            assert (x @ x).dtype == torch.float32
        assert (x @ x).dtype == dtype
    assert (x @ x).dtype == torch.float32


def test_every_listed_operator_exists():
    known = torch._C._op_names()
    for name, listed in policies.POLICIES.items():
        assert listed <= known, f"{name}: {sorted(listed - known)}"
    assert sum(map(len, policies.POLICIES.values())) == len(policies.LOWER | policies.FLOAT32 | policies.WIDEST)


class Calls(torch.utils._python_dispatch.TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("cache, casts", [(True, 4), (False, 6)])
def test_weights_are_cast_once(cache, casts):
    layer, x = torch.nn.Linear(4, 4), torch.randn(2, 4)
    with torch.autocast("cpu", cache_enabled=cache), Calls() as calls:
        layer(x)
        layer(x)
    assert calls.names.count("_to_copy.default") == casts


def test_gradients_arrive_in_the_dtype_of_the_weights():
    layer, x = torch.nn.Linear(4, 4), torch.randn(2, 4)
    with torch.autocast("cpu"):
        y = layer(x)
    y.float().sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(layer.weight.grad, x.bfloat16().float().sum(0).expand(4, 4), rtol=1e-2, atol=1e-2)


def test_state_is_restored_after_an_error():
    with pytest.raises(KeyError), torch.autocast("cpu", dtype=torch.float16):
        assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.float16
        raise KeyError
    assert not torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16


def test_as_a_decorator():
    @torch.autocast("cpu")
    def product(x):
        """Documented."""
        return x @ x

    assert product(torch.ones(2, 2)).dtype == torch.bfloat16 and product.__doc__ == "Documented."


def test_bad_arguments():
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        torch.autocast(torch.device("cpu"))
    with pytest.raises(RuntimeError):
        torch.autocast("nowhere")
    with pytest.warns(UserWarning, match="the target dtype is not supported"):
        assert not torch.autocast("cpu", dtype=torch.float64)._enabled


def test_custom_function_runs_backward_as_forward():
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            seen.append(torch.is_autocast_enabled("cpu"))
            return grad @ b.t(), a.t() @ grad

    a = torch.randn(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        y = Product.apply(a, a)
    y.sum().backward()
    assert seen == [True] and y.dtype == torch.bfloat16
