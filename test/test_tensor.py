"""The Tensor type: one object for each tensor, subclasses, operators, pickles; the objects dtype, device, Size, Generator, storages."""

import copy
import gc
import io
import operator
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import torch


class Sub(torch.Tensor):
    pass


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


# ---- one Python object for each tensor ----

def test_the_object_of_a_tensor_outlives_its_last_python_reference():
    x = torch.ones(3, requires_grad=True)
    x.tag = "kept"
    before, y = id(x), x * 2
    del x
    gc.collect()
    again = y.grad_fn.next_functions[0][0].variable
    assert again.tag == "kept" and id(again) == before


def test_plain_tensors_come_back_as_tensors():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    del x
    assert type(y.grad_fn.next_functions[0][0].variable) is torch.Tensor


def test_weak_references_die_with_the_tensor():
    x = torch.ones(2)
    w = weakref.ref(x)
    assert w() is x
    del x
    assert w() is None


def test_cycles_are_collected():
    x = torch.ones(2)
    x.me = x
    w = weakref.ref(x)
    del x
    gc.collect()
    assert w() is None


def test_cycles_of_a_tensor_in_a_graph_wait_for_the_graph():
    x = torch.ones(2, requires_grad=True)
    x.me = x
    y = x * 2
    w = weakref.ref(x)
    del x
    gc.collect()
    assert w() is not None
    del y
    gc.collect()
    assert w() is None


def test_calls_leave_no_references_behind():
    def work():
        a = torch.ones(4, 4)
        (a + 1)[0, 1:].sum().item(), torch.max(a, 1), a.as_subclass(Sub) * 2, a.numpy(), a.untyped_storage(), str(a.dtype)
        for bad in (lambda: torch.add(a, "x"), lambda: a[9], lambda: a.view(3)):
            with pytest.raises((TypeError, IndexError, RuntimeError)):
                bad()

    for _ in range(20):
        work()
    gc.collect()
    objects, types = len(gc.get_objects()), sys.getrefcount(torch.Tensor)
    for _ in range(200):
        work()
    gc.collect()
    assert len(gc.get_objects()) - objects < 50 and abs(sys.getrefcount(torch.Tensor) - types) < 50


def test_threads_share_nothing():
    errors = []

    def work(k):
        for i in range(300):
            if (torch.full((4,), float(k)) + i).sum().item() != 4 * (k + i):
                errors.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


# ---- subclasses ----

def test_results_of_a_subclass_are_of_the_subclass():
    t = torch.arange(6.0).reshape(2, 3).as_subclass(Sub)
    for result in (t + 1, 1 - t, t.sum(), t[0], t.T, torch.cat([t, t]), torch.ones(3) + t, t.max(0).values, t.split(1)[0]):
        assert type(result) is Sub


def test_class_can_be_assigned_and_slots_work():
    class Slotted(torch.Tensor):
        __slots__ = ("a",)

    x = torch.ones(2)
    x.__class__ = Sub
    assert type(x) is Sub
    s = torch.ones(2).as_subclass(Slotted)
    s.a = [1]
    assert s.a == [1]


def test_finalizers_of_subclasses_run_once():
    died = []

    class Dying(torch.Tensor):
        def __del__(self):
            died.append(1)

    t = torch.ones(2).as_subclass(Dying)
    del t
    gc.collect()
    assert died == [1]


def test_torch_function_sees_operators_functions_and_attributes():
    seen = []

    class Seeing(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    t = torch.ones(2, 2).as_subclass(Seeing)
    t + 1, 1 - t, t == t, torch.sum(t), t[0], t.shape, t.to(torch.float64)
    assert seen == ["add", "__rsub__", "__eq__", "sum", "__getitem__", "__get__", "to"]


def test_foreign_objects_may_implement_torch_function():
    class Foreign:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, types

    f = Foreign()
    assert torch.add(f, 1) == ("add", (Foreign,)) and torch.ones(2) + f == ("add", (Foreign,))
    assert torch.stack([f, f]) == ("stack", (Foreign,))


# ---- operators ----

@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "ne", "lt", "le", "gt", "ge"])
def test_operators_with_numbers_agree_with_tensors(name):
    op, x = getattr(operator, name), torch.tensor([1.5, 2.0, 4.0], dtype=torch.float64)
    assert same(op(x, 2.0), op(x, torch.full_like(x, 2.0)))
    assert same(op(2.0, x), op(torch.full_like(x, 2.0), x))


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift"])
def test_integer_operators_with_numbers(name):
    op, x = getattr(operator, name), torch.tensor([1, 6, 12])
    assert op(x, 3).tolist() == [op(v, 3) for v in x.tolist()]
    assert op(3, x).tolist() == [op(3, v) for v in x.tolist()]


def test_inplace_operators_keep_the_object():
    x = torch.ones(3)
    y = x
    x += 1
    x *= 3
    x -= torch.ones(3)
    assert y is x and x.tolist() == [5.0] * 3


def test_operators_refuse_what_they_do_not_know():
    x = torch.ones(2)
    for bad in (lambda: x + "a", lambda: None * x, lambda: x @ 2, lambda: x < "a"):
        with pytest.raises(TypeError):
            bad()
    assert (x == "a") is False and (x != None) is True  # noqa: E711


def test_numbers_from_tensors():
    assert int(torch.tensor(3.7)) == 3 and float(torch.tensor(2)) == 2.0 and complex(torch.tensor(1 + 2j)) == 1 + 2j
    assert [10, 20][torch.tensor(1)] == 20 and bool(torch.tensor([0.5])) and f"{torch.tensor(1.5):.2f}" == "1.50"
    for bad in (lambda: int(torch.ones(2)), lambda: bool(torch.ones(2)), lambda: torch.ones(2).item(), lambda: len(torch.tensor(1))):
        with pytest.raises((ValueError, RuntimeError, TypeError)):
            bad()


def test_hash_is_identity_and_contains_compares():
    x = torch.arange(3)
    assert hash(x) == id(x) and 2 in x and 5 not in x and [int(v) for v in reversed(x)] == [2, 1, 0]


# ---- copies ----

def test_pickles_and_copies_keep_values_and_attributes():
    x = torch.arange(6.0).reshape(2, 3).t()
    x.tag = "t"
    for y in (copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x))):
        assert same(x, y) and y.stride() == x.stride() and y.tag == "t"
    assert copy.copy(x).data_ptr() == x.data_ptr() != copy.deepcopy(x).data_ptr()


def test_deepcopy_keeps_shared_storage_and_refuses_results():
    x = torch.arange(4.0)
    a, b = copy.deepcopy([x, x[1:]])
    a[1] = 9
    assert b[0] == 9 and x[1] == 1
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(torch.ones(2, requires_grad=True) * 2)


@pytest.mark.parametrize("obj", [torch.float32, torch.strided, torch.channels_last, torch.device("cpu", 1), torch.Size([1, 2]), torch.add,
                                 torch.Tensor.add, torch.finfo(torch.half)], ids=str)
def test_small_objects_pickle(obj):
    assert pickle.loads(pickle.dumps(obj)) == obj


# ---- small objects ----

def test_device():
    d = torch.device("cuda:1")
    assert (d.type, d.index, str(d), repr(d)) == ("cuda", 1, "cuda:1", "device(type='cuda', index=1)")
    assert torch.device("cpu") == torch.device(type="cpu") != torch.device("cpu:0") and hash(torch.device("cpu")) == hash(torch.device("cpu"))
    for bad in ("nonsense", "cuda:x", "cuda:01", ""):
        with pytest.raises(RuntimeError):
            torch.device(bad)
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        torch.ones(2, device="cuda")


def test_device_as_context():
    with torch.device("meta"):
        assert torch.ones(2).is_meta
    assert not torch.ones(2).is_meta


def test_size_is_a_tuple():
    s = torch.Size([2, 3])
    assert s == (2, 3) and type(s + (4,)) is torch.Size and type(s[:1]) is torch.Size and s.numel() == 6 and repr(s) == "torch.Size([2, 3])"
    with pytest.raises(TypeError):
        torch.Size(["a"])


def test_dtype():
    assert torch.float is torch.float32 and repr(torch.half) == "torch.float16" and torch.int8.itemsize == 1
    assert torch.complex64.to_real() is torch.float32 and not torch.uint8.is_signed
    assert torch.zeros(1, dtype=float).dtype is torch.float64 and torch.zeros(1, dtype=int).dtype is torch.int64


def test_limits():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        f = torch.finfo(dtype)
        one, big = torch.ones((), dtype=dtype), torch.tensor(f.max, dtype=dtype)
        assert one + f.eps > one and one + f.eps / 4 == one and torch.isfinite(big) and torch.isinf(big * 2)
    assert torch.iinfo(torch.int16).min == -32768 and torch.iinfo(torch.uint8).max == 255
    with pytest.raises(TypeError):
        torch.finfo(torch.int8)


def test_generators_are_streams():
    g = torch.Generator().manual_seed(5)
    state, a = g.get_state(), torch.rand(3, generator=g)
    clone = g.clone_state()
    g.set_state(state)
    assert same(torch.rand(3, generator=g), a) and same(torch.rand(2, generator=g), torch.rand(2, generator=clone))
    assert g.initial_seed() == 5


def test_storage():
    x = torch.arange(4, dtype=torch.int32)
    s = x.untyped_storage()
    assert s is x[1:].untyped_storage() and s.nbytes() == 16 and s.data_ptr() == x.data_ptr() and s[4] == 1 and s[:8].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    s[0] = 7
    assert x[0] == 7 and bytes(memoryview(s))[:1] == b"\x07"
    y = torch.empty(0, dtype=torch.int32).set_(s, 1, (2,), (1,))
    assert y.tolist() == [1, 2]
    s.resize_(32)
    assert x.tolist() == [7, 1, 2, 3]


def test_legacy_types():
    assert isinstance(torch.ones(2), torch.FloatTensor) and not isinstance(torch.ones(2), torch.LongTensor)
    assert torch.LongTensor([1, 2]).dtype is torch.int64 and torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor([2, 3]).tolist() == [2.0, 3.0]
    assert torch.ones(2).type() == "torch.FloatTensor" and torch.ones(2).type(torch.DoubleTensor).dtype is torch.float64


# ---- arguments ----

@pytest.mark.parametrize(("call", "message"), [
    (lambda x: torch.add(x, "a"), r"add\(\): argument 'other' \(position 2\) must be Tensor, not str"),
    (lambda x: torch.relu(), r'relu\(\) missing 1 required positional arguments: "input"'),
    (lambda x: torch.relu(x, nonsense=1), r"relu\(\) got an unexpected keyword argument 'nonsense'"),
    (lambda x: torch.relu(x, x, x), r"relu\(\) takes 1 positional argument but 3 were given"),
    (lambda x: torch.add(x, x, other=x), r"add\(\) got multiple values for argument 'other'"),
    (lambda x: x.relu(3), r"TensorBase.relu\(\) takes no arguments \(1 given\)"),
    (lambda x: torch.sum(x, "a"), r"sum\(\) received an invalid combination of arguments - got \(Tensor, str\), but expected one of"),
    (lambda x: torch.cat([x, 1]), "expected Tensor as element 1 in argument 0, but got int"),
    (lambda x: torch.zeros(2, 2.0), "failed to unpack the object at pos 2"),
    (lambda x: torch.full((2,), "a"), r"full\(\): argument 'fill_value' \(position 2\) must be Number, not str"),
])
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call(torch.ones(2))


def test_spellings_of_arguments():
    x = torch.arange(6.0).reshape(2, 3)
    assert same(x.sum(dim=1), x.sum(axis=1)) and same(x.sum(1, keepdim=True), x.sum(1, keepdims=True))
    assert same(torch.add(input=x, other=x), x + x) and same(x.permute(1, 0), x.permute((1, 0)))
    assert torch.zeros(2, 3).shape == torch.zeros((2, 3)).shape == torch.zeros(size=(2, 3)).shape == torch.zeros(torch.Size([2, 3])).shape
    assert same(torch.add(x, x, out=None), x + x) and torch.ones(2, requires_grad=True).requires_grad
    assert same(x.select(torch.tensor(1), 0), x[:, 0]) and same(torch.cumsum(x, np.int64(1)), x.cumsum(1))


def test_out_is_resized_filled_and_returned():
    out = torch.empty(0)
    assert torch.add(torch.ones(2), 1, out=out) is out and out.tolist() == [2.0, 2.0]
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    result = torch.max(torch.tensor([[1.0, 5.0]]), 1, out=(values, indices))
    assert result.values is values and indices.tolist() == [1]


def test_named_results():
    r = torch.max(torch.tensor([[1, 5], [7, 2]]), dim=1)
    assert type(r) is torch.return_types.max and r.values.tolist() == [5, 7] and tuple(r)[1] is r.indices
    assert repr(r) == "torch.return_types.max(\nvalues=tensor([5, 7]),\nindices=tensor([1, 0]))"


def test_save_and_load_of_tensors_in_a_buffer():
    b = io.BytesIO()
    torch.save({"x": torch.arange(3)}, b)
    b.seek(0)
    assert torch.load(b)["x"].tolist() == [0, 1, 2]
