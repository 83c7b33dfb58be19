"""torch.func: transforms agree with autograd, with finite differences and with loops, nest, and leave no trace."""

import itertools

import pytest

import torch
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, rearrange, stack_module_state, vjp, vmap

X = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
Y = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64)


def vector(x):
    return torch.stack([x.sin().sum(), (x * x).prod(), x[0] / x[1]])


def scalar(x):
    return (x ** 3).sum() + x.prod()


def test_grad_nests_and_leaves_no_history():
    cube = lambda x: x ** 3  # noqa: E731
    two = torch.tensor(2.0)
    assert grad(cube)(two) == 12 and grad(grad(cube))(two) == 12 and grad(grad(grad(cube)))(two) == 6
    assert not grad(scalar)(X).requires_grad and not vjp(vector, X)[0].requires_grad
    inner = grad(lambda x: (x * grad(lambda y: (x * y * y).sum())(x)).sum())(X)
    torch.testing.assert_close(inner, 6 * X ** 2)


def test_grad_keeps_the_callers_graph():
    w = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    g = grad(lambda x: (x ** 2 * w).sum())(X)
    g.sum().backward()
    assert w.grad == 2 * X.sum()


def test_grad_in_trees_and_with_more_results():
    tree = {"a": X, "b": Y}
    g = grad(lambda t: (t["a"] * t["b"]).sum())(tree)
    assert torch.equal(g["a"], Y) and torch.equal(g["b"], X)
    (gx, gy), value = grad_and_value(lambda x, y: (x * y).sum(), argnums=(0, 1))(X, Y)
    assert torch.equal(gx, Y) and torch.equal(gy, X) and value == (X * Y).sum()
    assert grad(lambda x: ((x ** 2).sum(), "more"), has_aux=True)(X)[1] == "more"
    with pytest.raises(RuntimeError, match="to return a scalar Tensor, got tensor with 1 dims"):
        grad(lambda x: x)(X)


def test_products_agree_with_the_matrices():
    j = jacrev(vector)(X)
    torch.testing.assert_close(j, torch.autograd.functional.jacobian(vector, X))
    torch.testing.assert_close(jacfwd(vector)(X), j)
    torch.testing.assert_close(vjp(vector, X)[1](Y)[0], Y @ j)
    torch.testing.assert_close(jvp(vector, (X,), (Y,))[1], j @ Y)
    torch.testing.assert_close(linearize(vector, X)[1](Y), j @ Y)
    h = hessian(scalar)(X)
    torch.testing.assert_close(h, torch.autograd.functional.hessian(scalar, X))
    torch.testing.assert_close(jvp(grad(scalar), (X,), (Y,))[1], h @ Y)
    torch.testing.assert_close(jacfwd(jacfwd(scalar))(X), h)
    torch.testing.assert_close(jacrev(jacfwd(scalar))(X), h)


def test_saved_results_carry_tangents():
    h = jacfwd(grad(lambda x: x.exp().sum() + x.sigmoid().sum() + x.tanh().sum()))(X)
    torch.testing.assert_close(h, jacrev(grad(lambda x: x.exp().sum() + x.sigmoid().sum() + x.tanh().sum()))(X))


def test_vmap_is_a_loop():
    a = torch.arange(12.0).view(3, 4)
    torch.testing.assert_close(vmap(torch.dot, (0, None))(a, a[0]), torch.stack([r.dot(a[0]) for r in a]))
    assert torch.equal(vmap(lambda c: c * 2, in_dims=1, out_dims=1)(a), a * 2)
    assert torch.equal(vmap(vmap(lambda s: s + 1))(a), a + 1)
    assert torch.equal(vmap(lambda d: d["p"].sum())({"p": a}), a.sum(1))
    assert vmap(lambda r: r.sum())(a[:0]).shape == (0,)
    per_sample = vmap(grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(torch.ones(4), a)
    torch.testing.assert_close(per_sample, 2 * a.sum(1, keepdim=True) * a)


def test_vmap_checks_its_arguments():
    for call, message in ((lambda: vmap(lambda r: r)(torch.tensor(1.0)), "dimensionality 0"),
                          (lambda: vmap(lambda a, b: a)(torch.ones(2), torch.ones(3)), "Expected all tensors to have the same size"),
                          (lambda: vmap(lambda a: 3)(torch.ones(2)), "must only return Tensors")):
        with pytest.raises(ValueError, match=message):
            call()


def test_vmap_and_random_numbers():
    noisy = lambda a: torch.rand(()) + a  # noqa: E731
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(noisy)(torch.zeros(2))
    same, different = vmap(noisy, randomness="same")(torch.zeros(2)), vmap(noisy, randomness="different")(torch.zeros(2))
    assert same[0] == same[1] and different[0] != different[1]


def test_modules_as_functions():
    models = [torch.nn.Linear(3, 2) for _ in range(3)]
    x = torch.ones(3)
    params, buffers = stack_module_state(models)
    out = vmap(lambda p, b: functional_call(models[0], (p, b), (x,)))(params, buffers)
    torch.testing.assert_close(out, torch.stack([m(x) for m in models]))
    g = grad(lambda p: functional_call(models[0], p, (x,)).sum())(dict(models[0].named_parameters()))
    assert torch.equal(g["weight"], torch.ones(2, 3)) and models[0].weight.grad is None


def test_rearrange():
    t = torch.arange(24).view(2, 12)
    assert torch.equal(rearrange(t, "b (h w) -> w b h", h=3), t.view(2, 3, 4).permute(2, 0, 1))
    assert torch.equal(rearrange(t, "b ... -> ... b"), t.t())
    assert rearrange(t, "a b -> (a b) 1").shape == (24, 1)


# ---- transforms of transforms ----

V, W = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64), torch.tensor([1.0, 0.3, -0.7], dtype=torch.float64)


def jacobian(f, x):
    """By autograd alone, differentiable any number of times."""
    return torch.autograd.functional.jacobian(f, x, create_graph=True)


class Tanh(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.tanh()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, grad):
        y, = ctx.saved_tensors
        return grad * (1 - y * y)

    @staticmethod
    def jvp(ctx, tangent):
        y, = ctx.saved_tensors
        return tangent * (1 - y * y)


class OwnRule(Tanh):
    generate_vmap_rule = False

    @staticmethod
    def vmap(info, in_dims, x):
        return OwnRule.apply(x), in_dims[0]


# name: (a transform that makes a function of three numbers from another, the same by Jacobians)
TRANSFORMS = {
    "grad": (lambda f: grad(lambda x: (f(x) * W).sum()), lambda f: lambda x: W @ jacobian(f, x)),
    "vjp": (lambda f: lambda x: vjp(f, x)[1](W)[0], lambda f: lambda x: W @ jacobian(f, x)),
    "jvp": (lambda f: lambda x: jvp(f, (x,), (V,))[1], lambda f: lambda x: jacobian(f, x) @ V),
    "linearize": (lambda f: lambda x: linearize(f, x)[1](V), lambda f: lambda x: jacobian(f, x) @ V),
    "jacrev": (lambda f: lambda x: jacrev(f)(x) @ V, lambda f: lambda x: jacobian(f, x) @ V),
    "jacfwd": (lambda f: lambda x: jacfwd(f)(x) @ V, lambda f: lambda x: jacobian(f, x) @ V),
    "vmap": (lambda f: lambda x: vmap(f)(torch.stack([x, x * 0.5])).sum(0), lambda f: lambda x: f(x) + f(x * 0.5)),
    "vmap of columns": (lambda f: lambda x: vmap(f, in_dims=1, out_dims=1)(torch.stack([x, x * 0.5], 1)).sum(1), lambda f: lambda x: f(x) + f(x * 0.5)),
    "Function": (lambda f: lambda x: Tanh.apply(f(x)), lambda f: lambda x: f(x).tanh()),
    "Function with a rule": (lambda f: lambda x: f(OwnRule.apply(x)), lambda f: lambda x: f(x.tanh())),
}


def smooth(x):
    y = x.clone()
    y[0] = x[1] * x[2]          # in place, through a view
    return torch.stack([y.sin().sum() * x[0], (x * y).prod(), x.exp()[1] / x[0]]) + y ** 3


def composed(names, which):
    f = smooth
    for name in reversed(names):
        f = TRANSFORMS[name][which](f)
    return f


@pytest.mark.parametrize("outer", TRANSFORMS)
def test_every_pair_of_transforms_composes(outer):
    x = X * 0.3
    for inner in TRANSFORMS:
        got = composed((outer, inner), 0)(x)
        torch.testing.assert_close(got, composed((outer, inner), 1)(x).detach(), msg=lambda m, inner=inner: f"{outer} of {inner}: {m}")
        assert not got.requires_grad


def test_some_triples_compose():
    x = X * 0.3
    for names in itertools.product(("grad", "jvp", "vmap", "Function"), repeat=3):
        torch.testing.assert_close(composed(names, 0)(x), composed(names, 1)(x).detach(), msg=lambda m, names=names: f"{names}: {m}")


def test_a_callers_graph_goes_through_every_transform():
    for name in TRANSFORMS:
        x = (X * 0.3).requires_grad_()
        got, = torch.autograd.grad((composed((name,), 0)(x) * V).sum(), x)
        want, = torch.autograd.grad((composed((name,), 1)(x) * V).sum(), x)
        torch.testing.assert_close(got, want, msg=lambda m, name=name: f"{name}: {m}")


def test_operators_of_a_library():
    calls = []

    @torch.library.custom_op("test_func::square", mutates_args=())
    def square(x: torch.Tensor) -> torch.Tensor:
        calls.append(x.shape)
        return torch.from_numpy(x.detach().numpy() ** 2)

    square.register_autograd(lambda ctx, g: 2 * g * ctx.saved_tensors[0], setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))
    a = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(vmap(square)(a), a * a) and calls == [(3,)] * 2          # a loop
    square.register_vmap(lambda info, in_dims, x: (square(x), in_dims[0]))
    calls.clear()
    assert torch.equal(vmap(square, in_dims=1)(a), (a * a).T) and calls == [(2, 3)]
    assert torch.equal(vmap(grad(lambda x: square(x).sum()))(a), 2 * a)
    assert torch.equal(grad(lambda x: vmap(square)(x).sum())(a), 2 * a)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
