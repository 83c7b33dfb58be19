"""The element-wise driver: any layout, dtype and broadcast gives what NumPy gives on plain arrays."""

import itertools

import numpy as np
import pytest

import torch

DTYPES = [torch.bool, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128]


def layouts(shape, dtype, generator):
    """The same values under several layouts: plain, transposed, strided, with an offset, expanded."""
    values = torch.from_numpy(generator.integers(0, 5, shape)).to(dtype)
    yield values
    yield values.permute(*reversed(range(values.ndim))).contiguous().permute(*reversed(range(values.ndim)))
    wide = torch.zeros([2 * n + 1 for n in shape], dtype=dtype)[tuple(slice(1, None, 2) for _ in shape)]
    wide.copy_(values)
    yield wide
    if dtype.is_complex:
        yield values.conj().resolve_conj().conj()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7,), (3, 70), (65, 33), (2, 3, 40), (1, 5, 1, 4)])
def test_layouts_do_not_change_values(dtype, shape):
    generator = np.random.default_rng(0)
    for a, b in itertools.product(layouts(shape, dtype, generator), layouts(shape, dtype, generator)):
        expected = a.numpy(force=True) * b.numpy(force=True) if dtype != torch.bool else a.numpy() & b.numpy()
        np.testing.assert_array_equal((a * b).resolve_conj().numpy(), expected)


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_promotion_agrees_with_result_type(left, right):
    a, b = torch.ones(5, 1, dtype=left), torch.ones(1, 300, dtype=right)
    result = a + b
    assert result.dtype == torch.promote_types(left, right) == torch.result_type(a, b)
    assert result.shape == (5, 300)
    expected = True if result.dtype == torch.bool else 2
    assert (result == expected).all()


def test_numbers_do_not_widen_within_a_kind():
    x = torch.ones(3, dtype=torch.float16)
    assert (x * 2.5).dtype == torch.float16
    assert (torch.ones(3, dtype=torch.int8) + 1).dtype == torch.int8
    assert (torch.ones(3, dtype=torch.int8) + 1.5).dtype == torch.get_default_dtype()
    assert (x + 1j).dtype == torch.complex32 or (x + 1j).dtype == torch.complex64
    assert (torch.tensor(2.0, dtype=torch.float64) + x).dtype == torch.float16


def test_results_keep_the_layout_of_the_operands():
    nhwc = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert (nhwc + 1).stride() == nhwc.stride()
    assert (nhwc + torch.ones(3, 1, 1)).stride() == nhwc.stride()
    t = torch.ones(4, 6).t()
    assert (t * t).stride() == t.stride()


def test_in_place_rules():
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.ones(3, dtype=torch.int64).add_(torch.ones(3))
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        torch.ones(1, 3).add_(torch.ones(4, 3))
    with pytest.raises(RuntimeError, match="more than one element"):
        torch.ones(3).expand(2, 3).add_(1)
    x = torch.arange(6.0)
    with pytest.raises(RuntimeError, match="single memory location"):
        x[1:].add_(x[:-1])
    x.add_(x)
    assert x.tolist() == [0, 2, 4, 6, 8, 10]


def test_out_is_resized_only_with_a_warning():
    out = torch.empty(0)
    assert torch.add(torch.ones(3), 1, out=out) is out and out.tolist() == [2, 2, 2]
    with pytest.warns(UserWarning, match="was resized"):
        torch.add(torch.ones(3), 1, out=torch.empty(2))


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 32768, 32769, 100_003])
def test_any_number_of_threads_gives_the_same_bits(n):
    x = torch.linspace(-3, 3, n)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append((x.exp() * x).numpy().tobytes())
        assert len(set(results)) == 1
    finally:
        torch.set_num_threads(before)


def test_meta_tensors_have_shapes_only():
    r = torch.ones(4, 1, device="meta") + torch.ones(3, device="meta", dtype=torch.float64)
    assert r.is_meta and r.shape == (4, 3) and r.dtype == torch.float64
