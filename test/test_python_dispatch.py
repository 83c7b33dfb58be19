"""Interposition: TorchDispatchMode, __torch_dispatch__ subclasses, TorchFunctionMode, torch.ops and operators of one's own."""

import pytest

import torch
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_map

aten = torch.ops.aten


class Log(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append(str(func).removeprefix("aten."))
        return func(*args, **(kwargs or {}))


class Wrapper(torch.Tensor):
    """Holds another tensor and hands every operator on to it."""

    @staticmethod
    def __new__(cls, inner, requires_grad=False):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=inner.device,
                                                   requires_grad=requires_grad)

    def __init__(self, inner, requires_grad=False):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        plain = tree_map(lambda x: x.inner if isinstance(x, Wrapper) else x, (args, kwargs))
        out = tree_map(lambda x: Wrapper(x) if isinstance(x, torch.Tensor) else x, func(*plain[0], **plain[1]))
        return return_and_correct_aliasing(func, args, kwargs, out)


def test_modes_see_operators_below_autograd():
    x, w = torch.ones(2, 3), torch.ones(4, 3, requires_grad=True)
    with Log() as log:
        torch.nn.functional.linear(x, w, torch.ones(4)).sum().backward()
    assert log.calls == ["ones.default", "t.default", "addmm.default", "sum.default", "ones_like.default", "expand.default", "t.default",
                         "mm.default", "t.default", "t.default", "detach.default"]


def test_modes_see_what_autograd_does_for_views():
    x = torch.ones(2, requires_grad=True)
    with Log() as log:
        y = x * 2
        y.add_(1)
        y[0].mul_(3)
        y.sum().backward()
    assert log.calls == ["mul.Tensor", "add_.Tensor", "select.int", "mul_.Tensor", "sum.default", "ones_like.default", "expand.default",
                         "new_empty_strided.default", "copy_.default", "as_strided.default", "clone.default", "mul.Tensor", "copy_.default",
                         "mul.Tensor", "detach.default"]
    assert x.grad.tolist() == [6, 2]


def test_modes_nest_and_are_off_in_their_handlers():
    with Log() as outer, Log() as inner:
        torch.ones(2) + 1
    assert outer.calls == inner.calls == ["ones.default", "add.Tensor"]


def test_results_of_handlers_are_recorded():
    class Seven(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            return out * 0 + 7 if func is aten.add.Tensor else out

    x = torch.ones(2, requires_grad=True)
    with Seven():
        y = x + 1
    assert y.tolist() == [7, 7] and y.grad_fn.name() == "AddBackward0"


def test_modes_end_when_a_handler_raises():
    class Refuses(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return NotImplemented

    with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch._ops.aten.ones.default'"), Refuses():
        torch.ones(2)
    assert torch.ones(1).item() == 1


def test_wrapper_subclasses():
    a = Wrapper(torch.ones(2), requires_grad=True)
    (a * a).sum().backward()
    assert type(a.grad) is Wrapper and a.grad.inner.tolist() == [2, 2]
    b = Wrapper(torch.ones(2))
    assert b.mul_(3) is b and b.inner.tolist() == [3, 3]
    assert type(b.view(2, 1)) is Wrapper and b.view(2, 1)._is_view()


def test_operators_by_name():
    assert str(aten.add) == "aten.add" and repr(aten.add.Tensor) == "<OpOverload(op='aten.add', overload='Tensor')>"
    assert aten.add.Tensor.name() == "aten::add.Tensor" and "Tensor" in aten.add.overloads()
    assert str(aten.add.Tensor._schema) == "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
    assert aten.add(torch.ones(1), 1).item() == 2
    first = aten.add_.Tensor._schema.arguments[0]
    assert first.name == "self" and first.alias_info.is_write and aten.add_.Tensor._schema.is_mutable
    with pytest.raises(AttributeError):
        aten.no_such_operator
    with pytest.raises(AttributeError, match="has no overload name 'nope'"):
        aten.add.nope


def test_function_modes_see_public_functions():
    class Names(TorchFunctionMode):
        def __init__(self):
            self.seen = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.seen.append(resolve_name(func))
            return func(*args, **(kwargs or {}))

    with Names() as names:
        x = torch.ones(2)
        torch.sin(x + 1).sum()
        x.shape, x[0], -x
    assert names.seen == ["torch.ones", "torch.Tensor.add", "torch.sin", "torch.Tensor.sum", "torch.Tensor.shape.__get__",
                          "torch.Tensor.__getitem__", "torch.Tensor.neg"]


def test_subclasses_keep_their_type():
    class Sub(torch.Tensor):
        pass

    a = torch.ones(2).as_subclass(Sub)
    assert type(a + 1) is Sub and type(torch.cat([a, torch.ones(1)])) is Sub and type(a.split(1)[0]) is Sub


def test_duck_types_override_functions():
    class Duck:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, types

    assert torch.add(Duck(), torch.ones(1)) == ("add", (Duck,))
    assert torch.nn.functional.linear(Duck(), Duck())[0] == "linear"


# ---- operators of one's own ----

def test_custom_operators():
    @torch.library.custom_op("test_dispatch::scale", mutates_args=())
    def scale(x: torch.Tensor, n: int = 2) -> torch.Tensor:
        return x * n

    @scale.register_fake
    def _(x, n=2):
        return torch.empty_like(x)

    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        scale(x).sum().backward()

    def setup(ctx, inputs, output):
        ctx.n = inputs[1]
    scale.register_autograd(lambda ctx, g: (g * ctx.n, None), setup_context=setup)
    scale(x, 5).sum().backward()
    scale(x).sum().backward()
    assert x.grad.tolist() == [7, 7]
    with Log() as log:
        assert torch.ops.test_dispatch.scale(torch.ones(2), 3).tolist() == [3, 3]
    assert log.calls[-1] == "test_dispatch.scale.default"
    assert set(torch.library.opcheck(scale, (x, 3)).values()) == {"SUCCESS"}


def test_libraries():
    lib = torch.library.Library("test_dispatch_lib", "DEF")
    lib.define("add_to(Tensor a, Tensor(b!) b) -> ()")
    with pytest.raises(RuntimeError, match="multiple times"):
        lib.define("add_to(Tensor a, Tensor(b!) b) -> ()")

    @torch.library.impl(lib, "add_to", "CPU")
    def add_to(a, b):
        b.add_(a)
    b = torch.zeros(2)
    torch.ops.test_dispatch_lib.add_to(torch.ones(2), b)
    assert b.tolist() == [1, 1] and b._version == 1
    lib._destroy()
    with pytest.raises(AttributeError):
        torch.ops.test_dispatch_lib.add_to


def test_schemas_from_annotations():
    def f(x: torch.Tensor, ys: list[torch.Tensor], n: int = 2, *, scale: float | None = None) -> tuple[torch.Tensor, torch.Tensor]: ...
    assert torch.library.infer_schema(f, mutates_args={"x"}) == "(Tensor(a!) x, Tensor[] ys, SymInt n=2, *, float? scale=None) -> (Tensor, Tensor)"


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
