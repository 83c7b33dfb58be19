"""Autograd: laws of differentiation, the graph and its hooks, views and in-place writes, custom functions, forward mode."""

import gc
import re
import sys
import threading
import warnings
import weakref

import pytest

import torch
import torch.autograd.forward_ad as fwAD
from torch.autograd import Function, gradcheck, gradgradcheck, graph
from torch.autograd.function import once_differentiable

F64 = torch.float64


def leaf(*shape, dtype=F64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def grads(fn, *inputs, weight=None):
    """Gradients of fn's result, weighted, by the engine."""
    out = fn(*inputs)
    weight = torch.ones_like(out) if weight is None else weight
    return torch.autograd.grad(out, inputs, weight, allow_unused=True)


# ---- laws ----

FUNCTIONS = {
    "product": lambda x, y: x * y.sin(),
    "quotient": lambda x, y: x / (y * y + 1),
    "broadcast": lambda x, y: x[:, None] * y[None, :],
    "matmul": lambda x, y: torch.outer(x, y) @ torch.outer(y, x),
    "reductions": lambda x, y: (x.sum() * y.mean() + x.std() + y.norm()).reshape(1),
    "views": lambda x, y: torch.cat([x.flip(0), y[1:], x.view(1, -1).t()[0]]),
    "selection": lambda x, y: torch.where(x > y, x.exp(), y * x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_right_to_second_order(name):
    x, y = leaf(4, seed=1), leaf(4, seed=2)
    assert gradcheck(FUNCTIONS[name], (x, y))
    assert gradgradcheck(FUNCTIONS[name], (x, y))
    assert gradcheck(FUNCTIONS[name], (x, y), fast_mode=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_forward_mode_is_the_transpose_of_reverse_mode(name):
    x, y = leaf(4, seed=1), leaf(4, seed=2)
    v, w = torch.randn(4, dtype=F64), torch.randn(4, dtype=F64)
    with fwAD.dual_level():
        out = FUNCTIONS[name](fwAD.make_dual(x.detach(), v), fwAD.make_dual(y.detach(), w))
        tangent = fwAD.unpack_dual(out).tangent
    u = torch.randn_like(tangent)
    gx, gy = grads(FUNCTIONS[name], x, y, weight=u)
    torch.testing.assert_close((u * tangent).sum(), (gx * v).sum() + (gy * w).sum())


def test_complex_gradients():
    z = leaf(3, dtype=torch.complex128)
    for fn in (lambda z: z * z.conj(), lambda z: z.exp() * z, lambda z: torch.view_as_real(z) ** 2, lambda z: z.abs(), lambda z: z.real * 2):
        assert gradcheck(fn, (z,))
        assert gradgradcheck(fn, (z,))


def test_gradient_is_linear_in_its_weight():
    x = leaf(5)
    out = x.sin() * x
    a, b = torch.randn(5, dtype=F64), torch.randn(5, dtype=F64)

    def g(w):
        return torch.autograd.grad(out, x, w, retain_graph=True)[0]
    torch.testing.assert_close(g(2 * a - b), 2 * g(a) - g(b))


def test_third_derivative():
    x = torch.tensor([1.0, 2.0], dtype=F64, requires_grad=True)
    y = x ** 4
    for expected in (4 * x ** 3, 12 * x ** 2, 24 * x):
        y, = torch.autograd.grad(y.sum(), x, create_graph=True)
        torch.testing.assert_close(y, expected)


def test_broadcast_dimensions_are_summed():
    x, s = leaf(3, 1), torch.tensor(2.0, dtype=F64, requires_grad=True)
    (x * torch.ones(4, 1, 5, dtype=F64) * s).sum().backward()
    assert x.grad.shape == (3, 1) and (x.grad == 40).all()
    assert s.grad.shape == ()


def test_gradients_have_the_dtype_and_strides_of_their_leaf():
    h = torch.ones(2, dtype=torch.half, requires_grad=True)
    (h * torch.ones(2)).sum().backward()
    assert h.grad.dtype == torch.half
    p = torch.nn.Parameter(torch.ones(2, 3).t())
    (p * torch.arange(6.0).view(3, 2)).sum().backward()
    assert p.grad.stride() == p.stride()
    torch.testing.assert_close(p.grad, torch.arange(6.0).view(3, 2))


def test_long_chains_neither_overflow_nor_leak():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    del y


# ---- accumulation and the engine's options ----

def test_grad_accumulates_in_place():
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first and (first == 5).all()


def test_two_leaves_never_share_a_gradient():
    a, b = torch.ones(2, 2, requires_grad=True), torch.ones(4, requires_grad=True)
    (a.view(-1) + b).backward(torch.ones(4))
    a.grad.zero_()
    assert (b.grad == 1).all()


def test_inputs_limits_what_is_changed():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    middle = a * b
    (middle * 3).sum().backward(inputs=[a, middle])
    assert b.grad is None and (a.grad == 3).all() and (middle.grad == 3).all()


def test_unused_inputs():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    out = (a * 2).sum()
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        torch.autograd.grad(out, [a, b], retain_graph=True)
    assert torch.autograd.grad(out, [a, b], allow_unused=True, retain_graph=True)[1] is None
    assert (torch.autograd.grad(out, [a, b], materialize_grads=True)[1] == 0).all()


def test_batched_weights_give_the_jacobian():
    x = leaf(3)
    rows, = torch.autograd.grad(x.sin(), x, torch.eye(3, dtype=F64), is_grads_batched=True)
    torch.testing.assert_close(rows, torch.diag(x.cos()).detach())


def test_gradient_edges_stand_for_tensors():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    edge = graph.get_gradient_edge(y)
    z = (y * 3).sum()
    del y
    assert (torch.autograd.grad(z, edge)[0] == 3).all()


def test_backward_may_run_inside_backward():
    class Nested(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.x = x.detach().requires_grad_()
            return x * 2

        @staticmethod
        def backward(ctx, g):
            with torch.enable_grad():
                (ctx.x ** 2).sum().backward()
            return g + ctx.x.grad

    x = torch.ones(2, requires_grad=True)
    Nested.apply(x).sum().backward()
    assert (x.grad == 3).all()


def test_threads_share_a_graph():
    x = torch.ones(8, requires_grad=True)
    shared = (x * x).exp()
    found = []

    def work():
        found.extend(torch.autograd.grad(shared.sum(), x, retain_graph=True)[0] for _ in range(20))
    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(found) == 80 and all(torch.equal(g, found[0]) for g in found)


# ---- errors ----

def raises(message, kind=RuntimeError):
    return pytest.raises(kind, match=message)


def test_errors_of_backward():
    x = torch.ones(3, requires_grad=True)
    with raises("grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with raises("element 0 of tensors does not require grad and does not have a grad_fn"):
        torch.ones(1).backward()
    with raises(r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[2\]\)"):
        (x * 2).backward(torch.ones(2))
    with raises("One of the differentiated Tensors does not require grad"):
        torch.autograd.grad(x.sum(), torch.ones(3))
    y = (x * x).sum()
    y.backward()
    with raises("Trying to backward through the graph a second time"):
        y.backward()


def test_errors_of_leaves():
    x = torch.ones(3, requires_grad=True)
    with raises("a leaf Variable that requires grad is being used in an in-place operation"):
        x.mul_(2)
    with raises("a view of a leaf Variable that requires grad is being used in an in-place operation"):
        x[:1].mul_(2)
    with raises("only Tensors of floating point dtype can require gradients"):
        torch.ones(3, dtype=torch.int).requires_grad_()
    with raises("you can only change requires_grad flags of leaf variables"):
        (x * 2).requires_grad = False
    with raises(r"add\(\): functions with out=... arguments don't support automatic differentiation"):
        torch.add(x, 1, out=torch.empty(3))


def test_a_saved_tensor_must_not_change():
    x = torch.ones(3, requires_grad=True)
    a = x * 1
    y = a * a
    a.add_(1)
    with raises(r"modified by an inplace operation: \[torch.FloatTensor \[3\]\], which is output 0 of Add, is at version 1; expected version 0"):
        y.sum().backward()
    y = x.exp()
    y.add_(1)
    with raises("modified by an inplace operation"):
        y.sum().backward()


def test_a_functions_jvp_sees_what_was_saved_for_it():
    class Scaled(Function):
        @staticmethod
        def forward(x, y):
            return x * x * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            x, y = ctx.saved_tensors
            return 2 * x * y * grad, x * x * grad

        @staticmethod
        def jvp(ctx, dx, dy):
            x, y = ctx.saved_tensors
            return 2 * x * y * dx + x * x * dy

    x, y = leaf(3), leaf(3, seed=1)
    assert gradcheck(Scaled.apply, (x, y), check_forward_ad=True)
    with fwAD.dual_level():
        out = Scaled.apply(fwAD.make_dual(x.detach(), torch.ones_like(x)), y.detach())
        assert torch.allclose(fwAD.unpack_dual(out).tangent, 2 * x.detach() * y.detach())


def test_hooks_unpack_each_saved_tensor_once():
    unpacked = []

    def unpack(pair):
        unpacked.append(pair[0])
        return pair[1]

    x = leaf(3, 3)
    with graph.saved_tensors_hooks(lambda t, n=iter(range(99)): (next(n), t), unpack):
        y = (x @ x).sin()
    y.sum().backward()
    assert sorted(unpacked) == [0, 1, 2]


def test_the_error_names_the_line_that_changed_a_saved_tensor():
    x = torch.ones(3, requires_grad=True)
    a, weight = x * 1, torch.ones(3)
    views = [a[:2], weight.detach()]
    y = (a * weight) * a
    line = sys._getframe().f_lineno + 1
    views[0].mul_(2)
    with raises(rf"It was changed at {re.escape(__file__)}:{line}\."):
        y.sum().backward()
    y = a * weight
    line = sys._getframe().f_lineno + 1
    torch.nn.init.zeros_(views[1])    # the line of the program, not of the package
    with raises(rf"test_autograd.py:{line}\."):
        y.sum().backward()


def test_what_is_not_saved_may_change():
    x, w = torch.ones(3, requires_grad=True), torch.ones(3)
    y = x * 2 + w
    w.add_(1)
    y.sum().backward()
    z = w.clone().requires_grad_() * w   # only the other factor is needed
    assert z.grad_fn._saved_self is None
    assert (x.grad == 2).all()


# ---- views and in-place ----

def test_writes_through_views_reach_the_base():
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.zeros(3, 2)
    row = b[1]
    row.copy_(w)
    b.mul_(w)
    row.add_(1)
    (b * b).sum().backward()
    torch.testing.assert_close(w.grad, 4 * w * (w * w + 1).detach())
    assert row.grad_fn.name() == "AsStridedBackward0" and type(b.grad_fn).__name__ == "CopySlices"


def test_writes_to_the_base_reach_its_views():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    v = y[:2]
    y.mul_(5)
    assert torch.equal(torch.autograd.grad(v.sum(), x)[0], torch.tensor([10.0, 10.0, 0.0]))


@pytest.mark.parametrize("write", [
    lambda y, x: y[0].mul_(3),
    lambda y, x: y[:, 1].add_(x[:, 0]),
    lambda y, x: y.t()[1:].copy_(x.t()[1:] * x.t()[:1]),
    lambda y, x: y.diagonal().fill_(2.0),
    lambda y, x: y.view(-1)[::2].exp_(),
    lambda y, x: y.pow_(2),
], ids=["row", "column", "transposed", "diagonal", "strided", "whole"])
def test_in_place_equals_out_of_place(write):
    """The gradient of a write is that of the function from the old to the new contents."""
    def fn(x):
        y = x * 2
        write(y, x)
        return y
    assert gradcheck(fn, (leaf(3, 3),))
    assert gradgradcheck(fn, (leaf(3, 3),))


def test_views_of_another_dtype():
    z = torch.ones(3, dtype=torch.complex128, requires_grad=True)

    def fn(z):
        y = z * 2
        torch.view_as_real(y)[..., 0].mul_(3)
        y.conj().mul_(1 + 2j)
        return y
    assert gradcheck(fn, (z,))


def test_views_that_must_not_be_written():
    x = torch.ones(4, requires_grad=True) * 1
    part, _ = x.split(2)
    with raises("Output 0 of Split is a view and is being modified inplace. This view is the output of a function that returns multiple views"):
        part.add_(1)
    with torch.no_grad():
        hidden = x[:1]
    with raises("A view was created in no_grad mode and is being modified inplace with grad mode enabled"):
        hidden.add_(1)


# ---- modes ----

def test_grad_modes_nest_and_decorate():
    x = torch.ones(1, requires_grad=True)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad

    @torch.no_grad()
    def off():
        return torch.is_grad_enabled()

    @torch.no_grad()
    def generator():
        yield torch.is_grad_enabled()
    assert not off() and list(generator()) == [False] and torch.is_grad_enabled()


def test_inference_tensors():
    with torch.inference_mode():
        a = torch.ones(3) * 2
        assert a.is_inference() and not torch.is_grad_enabled()
    with raises("Inplace update to inference tensor outside InferenceMode is not allowed"):
        a.add_(1)
    with raises("Inference tensors cannot be saved for backward"):
        torch.ones(3, requires_grad=True) * a


def test_anomaly_mode_names_the_operation():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly(), raises("Function 'DivBackward0' returned nan values in its"):
            x = torch.zeros(2, requires_grad=True)
            (x / x).sum().backward()
    assert any("Traceback of forward call that caused the error" in str(w.message) for w in caught)


# ---- hooks ----

def test_hooks_see_and_change_gradients():
    seen = []
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    triple = y.register_hook(lambda g: g * 3)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    y.grad_fn.register_prehook(lambda gs: seen.append(("pre", gs[0].tolist())))
    y.grad_fn.register_hook(lambda gi, go: seen.append(("node", gi[0].tolist(), go[0].tolist())))
    x.register_hook(lambda g: seen.append(("leaf", g.tolist())))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(("accumulated", p.grad.tolist())))
    y.sum().backward(retain_graph=True)
    assert seen == [("after", [3, 3]), ("pre", [3, 3]), ("node", [6, 6], [3, 3]), ("leaf", [6, 6]), ("accumulated", [6, 6])]
    triple.remove()
    y.sum().backward()
    assert (x.grad == 8).all()


def test_hooks_belong_to_the_value_at_registration():
    seen = []
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: seen.append(("old", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("new", g.tolist())))
    y.sum().backward()
    assert seen == [("new", [1, 1]), ("old", [3, 3])]


def test_hooks_must_keep_shape_and_kind():
    x = torch.ones(3, requires_grad=True)
    handle = x.register_hook(lambda g: g[:2])
    with raises("has changed the size of value"):
        (x * 2).sum().backward()
    handle.remove()
    x.register_hook(lambda g: 3)
    with raises("expected Variable, but hook returned 'int'", TypeError):
        (x * 2).sum().backward()


def test_errors_in_hooks_pass_through_the_engine():
    x = torch.ones(2, requires_grad=True)

    def hook(g):
        raise KeyError("mine")
    x.register_hook(hook)
    with raises("mine", KeyError):
        (x * 2).sum().backward()
    (torch.ones(1, requires_grad=True) * 2).backward()


def test_multi_grad_hooks():
    seen = []
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    graph.register_multi_grad_hook((a, b), lambda gs: seen.append([None if g is None else g.tolist() for g in gs]))
    (a * b * 2).sum().backward()
    (a * 3).sum().backward()
    assert seen == [[[2, 2], [2, 2]], [[3, 3], None]]


def test_retain_grad():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert (y.grad == 4).all() and y.retains_grad


# ---- saved tensors ----

def test_saved_tensor_hooks_keep_higher_derivatives():
    log = []

    def pack(t):
        log.append("pack")
        return t.detach().clone()

    def unpack(t):
        log.append("unpack")
        return t
    with graph.saved_tensors_hooks(pack, unpack):
        x = torch.tensor([1.0, 2.0], dtype=F64, requires_grad=True)
        y = (x * x).exp()
    g, = torch.autograd.grad(y.sum(), x, create_graph=True)
    h, = torch.autograd.grad(g.sum(), x)
    torch.testing.assert_close(g, 2 * x * (x * x).exp())
    torch.testing.assert_close(h, ((2 + 4 * x * x) * (x * x).exp()).detach())
    assert "pack" in log and "unpack" in log


def test_hooks_of_one_saved_tensor():
    x = torch.ones(2, requires_grad=True)
    y = x.sin()
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t * 0, lambda t: t)
    y.sum().backward()
    assert (x.grad == 1).all()


def test_allow_mutation_on_saved_tensors():
    with graph.allow_mutation_on_saved_tensors():
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        z = y.sin()
        y.mul_(3)
        z.sum().backward()
    torch.testing.assert_close(x.grad, 2 * torch.cos(torch.full((2,), 2.0)))


# ---- custom functions ----

class Scaled(Function):
    @staticmethod
    def forward(ctx, a, b, k=2):
        ctx.save_for_backward(a, b)
        ctx.k = k
        return a * b * k

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g * b * ctx.k, g * a * ctx.k, None


class Square(Function):
    @staticmethod
    def forward(x):
        return x ** 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return 2 * x * g

    @staticmethod
    def jvp(ctx, tangent):
        x, = ctx.saved_for_forward
        return 2 * x * tangent


def test_custom_functions():
    a, b = leaf(3, seed=1), leaf(3, seed=2)
    assert gradcheck(Scaled.apply, (a, b, 3)) and gradgradcheck(Scaled.apply, (a, b, 3))
    assert gradcheck(Square.apply, (a,), check_forward_ad=True) and gradgradcheck(Square.apply, (a,))
    y = Scaled.apply(a, b)
    assert y.grad_fn.name() == "ScaledBackward" and y.grad_fn.needs_input_grad == (True, True)


def test_custom_functions_that_write_in_place():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(4, requires_grad=True)
    y = x * 1
    assert Double.apply(y) is y
    y.sum().backward()
    assert (x.grad == 2).all()
    y = x * 1
    Double.apply(y[:2])
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.tensor([2.0, 2.0, 1.0, 1.0]))
    with raises("a leaf Variable that requires grad has been used in an in-place operation"):
        Double.apply(x)


def test_outputs_of_custom_functions():
    class Mixed(Function):
        @staticmethod
        def forward(ctx, x):
            index = x.argmax()
            ctx.mark_non_differentiable(index)
            return x * 2, index, "text", x

        @staticmethod
        def backward(ctx, g, _, __, same):
            return 2 * g + same

    x = torch.tensor([1.0, 3.0], requires_grad=True)
    doubled, index, text, same = Mixed.apply(x)
    assert not index.requires_grad and text == "text" and same is not x and same.grad_fn is doubled.grad_fn
    (doubled.sum() + same.sum()).backward()
    assert (x.grad == 3).all()


def test_missing_gradients_are_zeros_or_none():
    class Two(Function):
        materialize = True

        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(Two.materialize)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            assert (b is None) == (not Two.materialize)
            return a

    for Two.materialize in (True, False):
        x = torch.ones(2, requires_grad=True)
        Two.apply(x)[0].sum().backward()
        assert (x.grad == 1).all()


def test_errors_of_custom_functions():
    class Wrong(Function):
        result = None

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return Wrong.result

    x = torch.ones(3, requires_grad=True)
    for Wrong.result, message in (((torch.ones(3),) * 2, r"returned an incorrect number of gradients \(expected 1, got 2\)"),
                                  (torch.ones(2), r"returned an invalid gradient at index 0 - got \[2\] but expected shape compatible with \[3\]"),
                                  (3, r"expected Variable or None \(got int\)")):
        with raises(message):
            Wrong.apply(x).sum().backward()


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    x = torch.ones(2, requires_grad=True)
    g, = torch.autograd.grad(Once.apply(x), x, torch.ones(2, requires_grad=True), create_graph=True)
    assert (g == 2).all()
    with raises("trying to differentiate twice a function that was marked with @once_differentiable"):
        g.sum().backward()


def test_graphs_are_freed():
    x = torch.ones(2, requires_grad=True)
    y = Scaled.apply(x, x)
    node = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert node() is None


# ---- forward mode and functional ----

def test_tangents_follow_in_place_writes():
    with fwAD.dual_level():
        x = fwAD.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5]))
        y = x * 1
        y.mul_(x)
        y[0].mul_(2)
        assert fwAD.unpack_dual(y).tangent.tolist() == [4, 2]


def test_forward_over_reverse():
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    with fwAD.dual_level():
        tangent = fwAD.unpack_dual((fwAD.make_dual(a, torch.ones(2)) ** 3).sum()).tangent
        assert torch.autograd.grad(tangent, a)[0].tolist() == [6, 12]
    with raises("no level exists"):
        fwAD.make_dual(a, torch.ones(2))


def test_functional_products_agree_with_the_matrices():
    fn = torch.autograd.functional
    x, v = torch.randn(3, dtype=F64), torch.randn(3, dtype=F64)

    def vector(x):
        return torch.stack([x.sin().sum(), (x * x).prod()])

    def scalar(x):
        return (x ** 3).sum() + x.prod()
    j, h, u = fn.jacobian(vector, x), fn.hessian(scalar, x), torch.randn(2, dtype=F64)
    torch.testing.assert_close(fn.vjp(vector, x, u)[1], u @ j)
    torch.testing.assert_close(fn.jvp(vector, x, v)[1], j @ v)
    torch.testing.assert_close(fn.vhp(scalar, x, v)[1], v @ h)
    torch.testing.assert_close(fn.hvp(scalar, x, v)[1], h @ v)
    torch.testing.assert_close(fn.jacobian(vector, x, strategy="forward-mode", vectorize=True), j)


def test_gradcheck_finds_wrong_gradients():
    class Half(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf(3)
    assert not gradcheck(Half.apply, (x,), raise_exception=False)
    assert not gradcheck(Half.apply, (x,), raise_exception=False, fast_mode=True)
    with raises("Jacobian mismatch"):
        gradcheck(Half.apply, (x,))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
