"""Symbolic sizes: the algebra against numbers, guards and ranges, shape rules against kernels, traces that hold for other sizes."""

import random

import definitions
import pytest
from samples import possible

import torch
from torch import _meta
from torch._meta.rules import rule_for
from torch._subclasses.fake_tensor import FakeTensorMode
from torch._symbolic import expr as E
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import (
    DimDynamic,
    GuardOnDataDependentSymNode,
    ShapeEnv,
    StatelessSymbolicContext,
    eval_guards,
    free_symbols,
    guard_int,
    guard_size_oblivious,
    hint_int,
    is_symbolic,
    statically_known_true,
)

OPERATIONS = [(E.Poly.__add__, lambda a, b: a + b), (E.Poly.__sub__, lambda a, b: a - b), (E.Poly.__mul__, lambda a, b: a * b),
              (E.floordiv, lambda a, b: a // b), (E.mod, lambda a, b: a % b), (E.minimum, min), (E.maximum, max)]


def random_formula(rng, symbols, depth):
    """(polynomial, the same as a function of values)."""
    if depth == 0 or rng.random() < 0.2:
        if rng.random() < 0.6:
            s = rng.choice(symbols)
            return E.symbol(s), lambda v: v[s]
        n = rng.randint(0, 6)
        return E.constant(n), lambda v: n
    (a, f), (b, g) = random_formula(rng, symbols, depth - 1), random_formula(rng, symbols, depth - 1)
    build, compute = rng.choice(OPERATIONS)
    return build(a, b), lambda v: compute(f(v), g(v))


def test_polynomials_mean_what_they_say():
    rng, symbols, seen = random.Random(0), [E.Symbol(f"s{i}", i) for i in range(3)], 0
    for _ in range(1500):
        try:
            p, f = random_formula(rng, symbols, 4)
            values = {s: rng.randint(1, 9) for s in symbols}
            expected = f(values)
        except ZeroDivisionError:
            continue
        assert E.evaluate(p, values.__getitem__) == expected, p
        assert E.evaluate(E.substitute(p, {symbols[0]: E.constant(values[symbols[0]])}), values.__getitem__) == expected
        seen += 1
    assert seen > 1000


def test_ranges_hold():
    rng, env = random.Random(1), ShapeEnv()
    symbols = [E.Symbol(f"s{i}", 3) for i in range(3)]
    for s in symbols:
        env.constrain_symbol_range(s, 2, 7)
    for _ in range(500):
        try:
            p, f = random_formula(rng, symbols, 3)
            low, high = env.bounds(p)
            assert all(low <= f({s: rng.randint(2, 7) for s in symbols}) <= high for _ in range(5)), p
        except ZeroDivisionError:
            continue


def symbolic(*shape, env=None, **options):
    env = env or ShapeEnv()
    return FakeTensorMode(shape_env=env).from_tensor(torch.randn(*shape), **options), env


def test_numbers():
    x, env = symbolic(4, 5)
    s, t = x.shape
    assert str(s + 1) == "s0 + 1" and str(s * 2 + s * s) == "s0**2 + 2*s0" and str(s // 2) == "(s0//2)" and str(s % 3) == "Mod(s0, 3)" and str(10 - s) == "10 - s0"
    assert str(x.numel()) == "s0*s1" and str(x.stride()) == "(s1, 1)" and s * t // t is not None and str(s * t // t) == "s0"
    assert isinstance(s, torch.SymInt) and isinstance(s / 2, torch.SymFloat) and isinstance(s < 5, torch.SymBool) and (s >= 2) is True
    assert not env.guards and hint_int(s) == 4 and is_symbolic(s) and {str(f) for f in free_symbols(s * t)} == {"s0", "s1"}
    assert isinstance(torch.sym_max(s, 7), torch.SymInt) and torch.sym_max(s, 1) is not None and str(torch.sym_max(s, 1)) == "s0"
    with pytest.raises(TypeError, match="unhashable"):
        hash(s)


def test_guards():
    x, env = symbolic(4, 5)
    s, t = x.shape
    assert (s < 5) and [str(g.expr) for g in env.guards] == ["s0 < 5"]
    assert (s < 6) is True and (s < 5) is True
    assert int(t) == 5 and str(x.shape) == "torch.Size([s0, 5])" and guard_int(s) == 4 and s + t == 9
    y, env = symbolic(4, 4)
    assert y.shape[0] == y.shape[1] and not env.guards        # equal sizes of the example share a symbol
    a, env = symbolic(4, 6)
    assert not (a.shape[0] == a.shape[1]) and len(env.guards) == 1
    static, _ = symbolic(4, 5, symbolic_context=StatelessSymbolicContext([DimDynamic.DYNAMIC, DimDynamic.STATIC]))
    assert isinstance(static.shape[0], torch.SymInt) and type(static.shape[1]) is int
    one, _ = symbolic(1, 0, 3)
    assert [type(n) for n in one.shape] == [int, int, torch.SymInt]


def test_numbers_from_elements():
    env = ShapeEnv()
    u = env.create_unbacked_symint()
    with pytest.raises(GuardOnDataDependentSymNode, match="Could not guard on data-dependent expression"):
        bool(u == 3)
    with pytest.raises(GuardOnDataDependentSymNode):
        int(u)
    torch._check_is_size(u)
    torch._check(u <= 10)
    assert statically_known_true(u >= 0) and not statically_known_true(u == 3) and (u < 11) is True and guard_size_oblivious(u == 0) is False
    with FakeTensorMode(shape_env=ShapeEnv()) as mode:
        x = mode.from_tensor(torch.ones(3))
        assert str(x.nonzero().shape) == "torch.Size([u0, 1])" and isinstance(x.sum().item(), torch.SymFloat)
        assert x.new_zeros(x.nonzero().shape[0] + 1).dim() == 1


# ---- shape rules ----

def outputs(result):
    return [x for x in (result if isinstance(result, (tuple, list)) else [result])]


def described(made, x):
    if isinstance(made, _meta.View):
        return x is None or (made.sizes, made.strides, made.offset) == (tuple(x.shape), x.stride(), x.storage_offset())
    return x is None or made is None or tuple(made) == tuple(x.shape)


def test_rules_agree_with_kernels():
    wrong, seen = [], set()
    for row in definitions.rows():
        func = definitions.overload(row)
        if row.role != "functional" or func._schema.is_mutable or rule_for(func) is None or row.family == "composite":
            continue
        for sample in possible(row, torch.float32):
            meta = sample.map(lambda t: t.to("meta"))
            try:
                expected = meta()
            except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
                continue
            args = [v for a, v in zip(row.schema.args, meta.args) if not a.kwarg_only]
            kwargs = {a.name: v for a, v in zip(row.schema.args, meta.args) if a.kwarg_only}
            try:
                made = _meta.sizes_of(func, args, kwargs)
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{sample}: {type(error).__name__} {error}")
                continue
            seen.add(row.schema.key)
            if not all(described(m, x) for m, x in zip(made if isinstance(made, list) else [made], outputs(expected))):
                wrong.append(f"{sample}: {made} and not {[tuple(x.shape) for x in outputs(expected) if x is not None]}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])
    assert len(seen) > 350


# ---- traces ----

def net(x, w1, b1, w2):
    h = torch.nn.functional.gelu(torch.nn.functional.linear(x, w1, b1))
    return torch.nn.functional.log_softmax(h @ w2, -1)


def test_traces_hold_for_other_sizes():
    torch.manual_seed(0)
    w1, b1, w2 = torch.randn(7, 5), torch.randn(7), torch.randn(7, 3)
    graph = make_fx(net, tracing_mode="symbolic")(torch.randn(4, 5), w1, b1, w2)
    for batch in (2, 4, 9):
        x = torch.randn(batch, 5)
        assert torch.equal(graph(x, w1, b1, w2), net(x, w1, b1, w2))
        assert eval_guards(graph, x, w1, b1, w2)


def test_traces_of_sizes():
    def f(x):
        return x.view(-1) + x.shape[0] * 2 + torch.ones(x.shape[0] * x.shape[1])

    graph = make_fx(f, tracing_mode="symbolic")(torch.randn(3, 4))
    for shape in ((3, 4), (5, 2)):
        x = torch.randn(*shape)
        assert torch.equal(graph(x), f(x))


def test_gradients_of_symbolic_traces():
    def f(x, w):
        y = torch.tanh(x @ w).mean()
        return torch.autograd.grad(y, (x, w))

    x, w = torch.randn(4, 5, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    graph = make_fx(f, tracing_mode="symbolic")(x, w)
    for batch in (4, 7):
        x = torch.randn(batch, 5, requires_grad=True)
        for a, b in zip(graph(x, w), f(x, w)):
            torch.testing.assert_close(a, b)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
