"""Every operator can be called: the samples that the generated tests use are there and are what they say."""

import definitions
import pytest
from samples import samples

import torch

DTYPES = (torch.float64, torch.complex128, torch.int64, torch.bool)   # some operators take no floats


def test_every_operator_has_a_sample():
    without = []
    for row in definitions.rows():
        if row.role == "functional":
            for dtype in DTYPES:
                try:
                    for sample in samples(row, dtype):
                        sample()
                    break
                except RuntimeError:     # not for this dtype
                    continue
            else:
                without.append(row.schema.key)
    assert not without


def test_samples_are_the_same_every_time():
    for key in ("addmm", "scatter_reduce.two", "_foreach_add.List", "native_layer_norm_backward"):
        row = definitions.by_key()[key]
        for one, other in zip(samples(row), samples(row)):
            assert repr(one) == repr(other)
            assert all(torch.equal(a, b) for a, b in zip(one.tensors, other.tensors))


def test_a_tensor_in_a_list_has_a_path_of_its_own():
    sample, = samples(definitions.by_key()["_foreach_add.List"])
    assert list(sample.paths) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    zeros = sample.map(torch.zeros_like)
    assert all((x == 0).all() for x in zeros())
    assert sample.with_tensors({(0, 1): zeros.tensors[1]}).tensors[1] is zeros.tensors[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64, torch.int32, torch.bool])
def test_tensors_have_the_dtype_that_was_asked_for(dtype):
    sample, = samples(definitions.by_key()["add.Tensor"], dtype)
    assert [x.dtype for x in sample.tensors] == [dtype, dtype]
