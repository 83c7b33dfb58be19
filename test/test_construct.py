"""Tensors from Python data, NumPy and DLPack, and how they print."""

import array
import math

import numpy as np
import pytest

import torch

# ---- torch.tensor ----

@pytest.mark.parametrize(("data", "dtype"), [
    (1, torch.int64), (1.0, torch.float32), (True, torch.bool), (1j, torch.complex64), ([1, 2.0, True], torch.float32), ([True, 2], torch.int64),
    ([1, 2j], torch.complex64), ([], torch.float32), ([np.float64(2), 1], torch.float64), ([np.float32(2)], torch.float32),
    (np.ones(2, dtype=np.int16), torch.int16), (range(3), torch.int64), (array.array("d", [1.0]), torch.float32),
])
def test_dtype_is_inferred(data, dtype):
    assert torch.tensor(data).dtype is dtype


def test_default_dtype_is_used():
    try:
        torch.set_default_dtype(torch.float64)
        assert torch.tensor([1.0]).dtype is torch.float64 and torch.tensor(1j).dtype is torch.complex128 and torch.ones(1).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("data", "error"), [
    ("abc", TypeError), ([1, "a"], TypeError), (None, RuntimeError), ([[1, 2], [3]], ValueError), ([[1], 2], TypeError), (2**63, ValueError),
    ({1: 2}, RuntimeError),
])
def test_bad_data(data, error):
    with pytest.raises(error):
        torch.tensor(data)


@pytest.mark.parametrize(("value", "dtype"), [(300, torch.uint8), (128, torch.int8), (-129, torch.int8), (float("inf"), torch.int32)])
def test_values_must_fit(value, dtype):
    with pytest.raises(RuntimeError, match="cannot be converted to type"):
        torch.tensor(value, dtype=dtype)


def test_nested_data_round_trips():
    data = [[[1.5, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        assert torch.tensor(data, dtype=dtype).tolist() == data


def test_tensor_copies_and_as_tensor_shares():
    a = np.ones(3)
    assert torch.tensor(a).data_ptr() != torch.as_tensor(a).data_ptr() == a.ctypes.data == torch.asarray(a).data_ptr()
    x = torch.ones(3)
    assert torch.as_tensor(x) is x and torch.asarray(x, copy=True).data_ptr() != x.data_ptr()


def test_new_forms_follow_the_tensor():
    x = torch.ones(2, dtype=torch.float64)
    for y in (x.new_tensor([1]), x.new_zeros(2), x.new(2, 3), x.new([1, 2]), x.new_full((1,), 3)):
        assert y.dtype is torch.float64


# ---- NumPy, buffers, DLPack ----

@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "float32",
                                   "float64", "complex64", "complex128"])
def test_numpy_round_trip_shares_memory(dtype):
    a = np.arange(6).reshape(2, 3).astype(dtype)
    for view in (a, a.T, a[:, 1:], a[::2]):
        t = torch.from_numpy(view)
        assert t.dtype is getattr(torch, dtype) and t.shape == view.shape and np.array_equal(t.numpy(), view)
        assert t.data_ptr() == view.ctypes.data and t.numpy().strides == view.strides


def test_numpy_refuses_what_it_cannot_show():
    for bad in (torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16), torch.ones(2, device="meta"), torch.ones(2, dtype=torch.complex64).conj()):
        with pytest.raises((RuntimeError, TypeError)):
            bad.numpy()
    assert torch.ones(2, requires_grad=True).numpy(force=True).tolist() == [1.0, 1.0]


def test_arrays_that_tensors_cannot_show():
    for bad, error in ((np.ones(3)[::-1], ValueError), (np.array(["a"]), TypeError), (np.ones(3, dtype=">f4"), ValueError), ([1], TypeError)):
        with pytest.raises(error):
            torch.from_numpy(bad)


def test_memory_lives_as_long_as_any_view_of_it():
    t = torch.from_numpy(np.arange(1000.0))
    a = torch.arange(1000.0).numpy()
    assert t.sum() == 499500 and a.sum() == 499500


def test_tensors_in_numpy_functions():
    t = torch.arange(3.0)
    assert np.asarray(t).dtype == np.float32 and (t * np.float64(2)).tolist() == [0.0, 2.0, 4.0] and (np.float64(2) * t).tolist() == [0.0, 2.0, 4.0]
    assert isinstance(np.add(t, np.ones(3)), torch.Tensor)


def test_frombuffer():
    b = bytearray(range(8))
    t = torch.frombuffer(b, dtype=torch.uint8, offset=2, count=3)
    b[2] = 99
    assert t.tolist() == [99, 3, 4]
    for kwargs in ({"dtype": torch.int32, "offset": 1}, {"dtype": torch.int64, "count": 2}, {"dtype": torch.int8, "offset": 9}):
        with pytest.raises(ValueError):
            torch.frombuffer(b, **kwargs)


def test_dlpack_shares_memory_both_ways():
    x = torch.arange(6.0).reshape(2, 3).t()
    a = np.from_dlpack(x)
    assert a.ctypes.data == x.data_ptr() and a.shape == (3, 2) and torch.from_dlpack(a).data_ptr() == x.data_ptr()
    capsule = x.__dlpack__()
    assert torch.equal(torch.from_dlpack(capsule), x)
    with pytest.raises(RuntimeError, match="only once"):
        torch.from_dlpack(capsule)


# ---- text ----

@pytest.mark.parametrize(("make", "text"), [
    (lambda: torch.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
    (lambda: torch.tensor([1.0, -20.0]), "tensor([  1., -20.])"),
    (lambda: torch.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
    (lambda: torch.tensor([math.nan, math.inf, 1.0]), "tensor([nan, inf, 1.])"),
    (lambda: torch.tensor([1, 100]), "tensor([  1, 100])"),
    (lambda: torch.tensor([True, False]), "tensor([ True, False])"),
    (lambda: torch.tensor([1 + 2j]), "tensor([1.+2.j])"),
    (lambda: torch.tensor(3.5, dtype=torch.float64), "tensor(3.5000, dtype=torch.float64)"),
    (lambda: torch.ones(2, 0), "tensor([], size=(2, 0))"),
    (lambda: torch.ones(2, device="meta"), "tensor(..., device='meta', size=(2,))"),
    (lambda: torch.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
    (lambda: torch.ones(1, requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward0>)"),
    (lambda: torch.ones(2, 2), "tensor([[1., 1.],\n        [1., 1.]])"),
    (lambda: torch.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
])
def test_repr(make, text):
    assert repr(make()) == text


def test_print_options_hold_for_the_block():
    with torch._tensor_str.printoptions(precision=2, threshold=3, edgeitems=1):
        assert repr(torch.tensor([1.234, 2, 3, 4])) == "tensor([1.23,  ..., 4.00])"
    assert repr(torch.tensor([1.234])) == "tensor([1.2340])"
