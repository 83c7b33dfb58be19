"""Tensors as people meet them: making, printing, sharing, converting, and what goes wrong."""

import copy
import gc
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest

import torch

DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64,
          torch.complex64, torch.complex128]


@pytest.mark.parametrize("a", DTYPES, ids=str)
@pytest.mark.parametrize("b", DTYPES, ids=str)
def test_promotion_is_symmetric_and_that_of_add(a, b):
    assert torch.promote_types(a, b) == torch.promote_types(b, a)
    assert torch.promote_types(a, a) == a
    assert (torch.ones(2, dtype=a) + torch.ones(2, dtype=b)).dtype == torch.promote_types(a, b)


@pytest.mark.parametrize("value, dtype", [(True, torch.bool), (1, torch.int64), (1.0, torch.float32), (1j, torch.complex64), ([1, 2.0], torch.float32),
                                          ([True, 2], torch.int64), ([], torch.float32), ([[1], [2]], torch.int64)])
def test_inferred_dtype(value, dtype):
    assert torch.tensor(value).dtype == dtype


def test_numbers_are_weak():
    """A number raises the dtype only where its kind is higher."""
    assert (torch.ones(2, dtype=torch.float16) * 2.5).dtype == torch.float16
    assert (torch.ones(2, dtype=torch.int32) * 2).dtype == torch.int32
    assert (torch.ones(2, dtype=torch.int32) * 2.5).dtype == torch.float32
    assert (torch.ones(2) + torch.tensor(1.0, dtype=torch.float64)).dtype == torch.float32
    assert (torch.ones(2) * 1j).dtype == torch.complex64


@pytest.mark.parametrize("text, make", [
    ("tensor([1., 2.])", lambda: torch.tensor([1.0, 2.0])),
    ("tensor([[0, 1],\n        [2, 3]])", lambda: torch.arange(4).reshape(2, 2)),
    ("tensor(3)", lambda: torch.tensor(3)),
    ("tensor([], size=(0, 3))", lambda: torch.empty(0, 3)),
    ("tensor([True])", lambda: torch.tensor([True])),
    ("tensor([0.5000], dtype=torch.float64)", lambda: torch.tensor([0.5], dtype=torch.float64)),
    ("tensor([1.0000e-10, 1.0000e+00])", lambda: torch.tensor([1e-10, 1.0])),
    ("tensor([nan, inf, -inf])", lambda: torch.tensor([float("nan"), float("inf"), -float("inf")])),
    ("tensor([1.+2.j])", lambda: torch.tensor([1 + 2j])),
    ("tensor([1.], requires_grad=True)", lambda: torch.ones(1, requires_grad=True)),
    ("tensor([2.], grad_fn=<MulBackward0>)", lambda: torch.ones(1, requires_grad=True) * 2),
    ("tensor([0, 1, 2,  ..., 1997, 1998, 1999])".replace("0, 1, 2", "   0,    1,    2"), lambda: torch.arange(2000)),
    ("tensor(..., device='meta', size=(2, 3))", lambda: torch.empty(2, 3, device="meta")),
])
def test_printing(text, make):
    assert repr(make()) == text


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != torch.bfloat16], ids=str)
def test_numpy_shares_memory(dtype):
    x = torch.ones(2, 3, dtype=dtype)
    a = x.numpy()
    a[0, 0] = 0
    assert x[0, 0] == 0 and torch.from_numpy(a).data_ptr() == x.data_ptr()
    assert x.t().numpy().shape == (3, 2) and x.t().numpy().strides == a.T.strides


def test_dlpack_shares_memory():
    x = torch.arange(6.0).reshape(2, 3)
    y = torch.from_dlpack(x)
    y[0, 0] = 9
    assert x[0, 0] == 9
    assert np.from_dlpack(x)[1, 2] == 5


def test_array_protocol():
    x = torch.arange(4.0)
    assert np.asarray(x).sum() == 6 and np.add(x, 1).tolist() == [1, 2, 3, 4]
    assert torch.as_tensor(np.arange(3, dtype=np.int32)).dtype == torch.int32
    assert memoryview(x.numpy()).nbytes == 16


@pytest.mark.parametrize("make", [lambda: torch.randn(3, 4), lambda: torch.randn(4, 3).t(), lambda: torch.arange(5)[1:4], lambda: torch.tensor(True),
                                  lambda: torch.randn(2, requires_grad=True), lambda: torch.randn(2, dtype=torch.complex64)])
def test_pickle_and_deepcopy(make):
    x = make()
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert torch.equal(x, y) and y.stride() == x.stride() and y.requires_grad == x.requires_grad
        assert y.data_ptr() != x.data_ptr()


def test_one_python_object_for_life():
    """The object that Python saw comes back, attributes and all, as long as anyone holds the tensor."""
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.note = "kept"
    z = y.exp()
    del y
    gc.collect()
    saved = z.grad_fn.next_functions[0][0]
    assert saved.name() == "MulBackward0"
    holder = torch.nn.Parameter(torch.ones(1))
    holder.note = "kept"
    module = torch.nn.Module()
    module.p = holder
    assert module.p is holder and module.p.note == "kept"


def test_weak_references():
    x = torch.ones(2)
    r = weakref.ref(x)
    assert r() is x
    del x
    gc.collect()
    assert r() is None


def test_data_and_storage():
    x = torch.zeros(3)
    version = x._version
    x.data.fill_(1)
    assert x.tolist() == [1, 1, 1] and x._version == version
    x.data = torch.ones(2, 2)
    assert x.shape == (2, 2)
    storage = torch.arange(4.0).untyped_storage()
    assert storage.nbytes() == 16
    storage.resize_(32)
    assert storage.nbytes() == 32


def test_views_share_a_version():
    x = torch.zeros(4)
    v = x[1:]
    v.add_(1)
    assert x._version == v._version == 1 and v._base is x and v._is_view() and not x._is_view()


def test_legacy_types():
    x = torch.FloatTensor([1, 2])
    assert x.dtype == torch.float32 and isinstance(x, torch.FloatTensor) and not isinstance(x, torch.LongTensor)
    assert torch.LongTensor(2, 3).shape == (2, 3) and x.type() == "torch.FloatTensor" and x.long().type("torch.DoubleTensor").dtype == torch.float64


def test_devices_and_dtypes_are_values():
    assert torch.device("cpu") == torch.device("cpu") and torch.device("cuda:1").index == 1 and str(torch.device("cuda", 0)) == "cuda:0"
    assert torch.float is torch.float32 and torch.float32.itemsize == 4 and torch.finfo(torch.float32).eps == 2**-23 and torch.iinfo(torch.int8).max == 127
    assert pickle.loads(pickle.dumps(torch.bfloat16)) is torch.bfloat16
    assert torch.ones(2, device="meta").device.type == "meta"


@pytest.mark.parametrize("call, error, text", [
    (lambda: torch.ones(2) + torch.ones(3), RuntimeError, r"The size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dimension 0"),
    (lambda: torch.ones(2, 3) @ torch.ones(2, 3), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    (lambda: torch.ones(6).view(4), RuntimeError, r"shape '\[4\]' is invalid for input of size 6"),
    (lambda: torch.ones(2).sum(3), IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 3\)"),
    (lambda: torch.zeros(-1), RuntimeError, "negative dimension -1"),
    (lambda: torch.empty(2**40, 2**40), RuntimeError, None),
    (lambda: torch.zeros(2, dtype=torch.int64).add_(1.5), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    (lambda: torch.ones(2).add("a"), TypeError, "must be Tensor"),
    (lambda: torch.ones(2).reshape("a"), TypeError, None),
    (lambda: torch.ones(2, 2).item(), RuntimeError, "a Tensor with 4 elements cannot be converted to Scalar"),
    (lambda: bool(torch.ones(2)), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    (lambda: torch.tensor([[1], [1, 2]]), ValueError, "expected sequence of length 1 at dim 1"),
    (lambda: torch.cat([]), (RuntimeError, ValueError), "expected a non-empty list of Tensors"),
    (lambda: torch.ones(2).expand(3, 3), RuntimeError, "must match the existing size"),
    (lambda: torch.ones(2, requires_grad=True).numpy(), RuntimeError, "Can't call numpy"),
    (lambda: torch.ones(3).cuda(), (RuntimeError, AssertionError), None),
    (lambda: torch.uint16_is_no_name, AttributeError, "has no attribute"),
    (lambda: torch.arange(0, 1, 0), (RuntimeError, ValueError), "step must be nonzero"),
    (lambda: torch.full((2,), "a"), TypeError, None),
])
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_memory_formats():
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    assert (x + 1).is_contiguous(memory_format=torch.channels_last) and torch.empty_like(x).stride() == x.stride()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_conversion_rounds_to_nearest_even(dtype):
    bits = torch.arange(-2**15, 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    finite = bits[torch.isfinite(bits)]
    assert torch.equal(finite.float().to(dtype), finite)
    wide = finite.float().sort()[0].unique()
    between = (wide[1:].double() + wide[:-1].double()) / 2
    rounded = between.float().to(dtype).double()
    assert bool(((rounded == wide[1:].double()) | (rounded == wide[:-1].double())).all())


def test_unsigned_arithmetic():
    for dtype in (torch.uint16, torch.uint32, torch.uint64):
        x = torch.tensor([1, 2, 3], dtype=dtype)
        assert (x.to(torch.int64) + 1).tolist() == [2, 3, 4] and x.dtype == dtype


def test_random_streams_repeat():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    a = torch.randn(20), torch.rand(3), torch.randint(0, 9, (4,)), torch.randperm(5)
    torch.set_rng_state(state)
    b = torch.randn(20), torch.rand(3), torch.randint(0, 9, (4,)), torch.randperm(5)
    assert all(torch.equal(x, y) for x, y in zip(a, b))


@pytest.mark.parametrize("equation, shapes", [("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bjk", [(2, 3, 4), (2, 4, 5)]), ("ii->i", [(3, 3)]), ("i,j->ij", [(2,), (3,)]),
                                              ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]), ("ijk->", [(2, 3, 4)]), ("ij,ij->j", [(2, 3), (2, 3)])])
def test_einsum_is_numpys(equation, shapes):
    operands = [torch.randn(s, dtype=torch.float64) for s in shapes]
    np.testing.assert_allclose(torch.einsum(equation, *operands).numpy(), np.einsum(equation, *[x.numpy() for x in operands]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name, args", [("sum", (1,)), ("mean", (0,)), ("prod", (1,)), ("std", (1,)), ("var", (0,)), ("argmax", (1,)), ("argmin", (0,)), ("cumsum", (1,)),
                                        ("cumprod", (0,))])
def test_reductions_are_numpys(name, args):
    x = torch.randn(5, 7, dtype=torch.float64)
    more = {"ddof": 1} if name in ("std", "var") else {}
    np.testing.assert_allclose(getattr(torch, name)(x, *args).numpy(), getattr(np, name)(x.numpy(), *args, **more), rtol=1e-12)


def test_sorting():
    x = torch.randn(4, 100)
    values, order = x.sort(dim=1)
    assert torch.equal(x.gather(1, order), values) and bool((values[:, 1:] >= values[:, :-1]).all())
    top, where = x.topk(5, dim=1)
    assert torch.equal(top, values.flip(1)[:, :5]) and torch.equal(x.gather(1, where), top)
    assert torch.equal(x.median(1).values, values[:, 49]) and torch.equal(x.kthvalue(3, 1).values, values[:, 2])


def test_import_is_lean():
    """Importing torch brings in no heavy package, and no part of torch that is not asked for."""
    script = "import sys, torch; print([m for m in ('numpy', 'scipy', 'sympy', 'llvmlite', 'torch.nn', 'torch.optim', 'torch.distributions') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_parts_that_are_absent_say_so():
    assert torch.cuda.is_available() is False and torch.cuda.device_count() == 0 and torch.distributed.is_available() is False
