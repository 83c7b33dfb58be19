"""__torch_function__ sees the public function that was called, with the arguments under their names."""

import copy
import inspect
import pickle

import pytest

import torch
from torch.overrides import (
    TorchFunctionMode,
    get_ignored_functions,
    get_overridable_functions,
    get_testing_overrides,
    is_tensor_method_or_property,
    resolve_name,
)


class Seen:
    """Answers every function of torch with what was called."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func, args, kwargs


OVERRIDABLE = get_overridable_functions()
PYTHON = [f for namespace in (torch.nn.functional, torch.functional, torch.nn.init, torch) for f in OVERRIDABLE[namespace] if hasattr(f, "__wrapped__")]


def test_functions_of_python_appear_as_themselves():
    for f in PYTHON:
        parameters = inspect.signature(f).parameters.values()
        required = [Seen() for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        func, args, kwargs = f(*required)
        assert func is f and list(args) == required, f
        assert kwargs == {p.name: p.default for p in parameters if p.default is not p.empty}, f
    assert len(PYTHON) > 120


def test_operators_appear_as_themselves():
    for namespace in (torch, torch.linalg, torch.fft, torch.special):
        for f in OVERRIDABLE[namespace]:
            assert hasattr(f, "__wrapped__") or f(Seen())[0] is f


def test_arguments_stand_under_their_names():
    x, y = Seen(), Seen()
    F = torch.nn.functional
    assert F.dropout(x, 0.1, inplace=True)[1:] == ((x,), {"p": 0.1, "training": True, "inplace": True})
    assert F.cross_entropy(target=y, input=x)[1] == (x, y)
    assert torch.split(x, dim=1, split_size_or_sections=2)[1:] == ((x, 2), {"dim": 1})
    assert torch.meshgrid(x, y, indexing="ij")[1:] == ((x, y), {"indexing": "ij"})
    assert torch.block_diag([x, y])[1] == ([x, y],)
    for wrong in (lambda: F.relu(x, False, 1), lambda: F.relu(x, inplce=True), lambda: F.dropout(p=0.1, training=x), lambda: F.relu(x, input=x)):
        with pytest.raises(TypeError):
            wrong()


def test_who_stands_for_a_number_is_asked_too():
    x = Seen()
    assert torch.zeros(x)[0] is torch.zeros and torch.ones([x, 2])[0] is torch.ones
    assert torch.ones(2).view(x, 1)[0] is torch.Tensor.view and torch.full((2,), x)[0] is torch.full
    one = torch.ones(2)
    assert one[x][0] is torch.Tensor.__getitem__ and one[0:1, x][1] == (one, (slice(0, 1), x)) and one.to(x)[1] == (one, x)
    assert torch.autograd.grad(x, one)[1] == ((x,), (one,))
    one[0] = x
    assert torch.ops.aten.add.Tensor(x, 1)[0] is torch.ops.aten.add.Tensor and torch.ops.aten.add(x, 1)[0] is torch.ops.aten.add


def test_modes_see_public_functions_and_methods():
    calls = []

    class Log(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            calls.append(resolve_name(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(4, 2)
    with Log():
        torch.nn.functional.layer_norm(x, (2,))
        torch.split(x, 2)
        x.split(2)
        torch.nn.init.zeros_(torch.empty_like(x))
        torch.ops.aten.relu.default(x)
    assert calls == ["torch.nn.functional.layer_norm", "torch.split", "torch.Tensor.split", "torch.empty_like", "torch.nn.init.zeros_",
                     "aten.relu.default"]


def test_subclasses_keep_their_class():
    class Sub(torch.Tensor):
        pass

    x = torch.ones(4, 2).as_subclass(Sub)
    results = (torch.nn.functional.softplus(x), torch.nn.functional.dropout(x), torch.einsum("ij->i", x), *x.split(2), torch.ops.aten.neg(x))
    assert all(type(r) is Sub for r in results)


def test_overridable_functions_are_functions_to_python():
    f = torch.nn.functional.relu
    assert inspect.isfunction(f) and f.__name__ == "relu" and f.__module__ == "torch.nn.functional" and f.__defaults__ == (False,)
    assert pickle.loads(pickle.dumps(f)) is f and copy.deepcopy(f) is f and pickle.loads(pickle.dumps(torch._C._nn.gelu)) is torch._C._nn.gelu
    assert list(inspect.signature(f).parameters) == ["input", "inplace"] and "max(0, x)" in f.__doc__

    class Holder:
        method = f

    with pytest.raises(TypeError, match="Holder"):
        Holder().method()


def test_lists():
    ignored, testing = get_ignored_functions(), get_testing_overrides()
    listed = [f for functions in OVERRIDABLE.values() for f in functions]
    assert not set(listed) & ignored and all(f in testing and testing[f].__code__ for f in listed)
    assert torch.Tensor.add in OVERRIDABLE[torch.Tensor] and torch.relu_ not in OVERRIDABLE[torch]
    assert is_tensor_method_or_property(torch.Tensor.add) and is_tensor_method_or_property(torch.Tensor.shape.__get__)
    assert not is_tensor_method_or_property(torch.add)
