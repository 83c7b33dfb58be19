"""Operators over functions: cond, while_loop, scan, associative_scan, map."""

import pytest

import torch
from torch._higher_order_ops import associative_scan, cond, scan, while_loop
from torch._higher_order_ops import map as tensor_map
from torch.fx.experimental.proxy_tensor import make_fx


def test_cond_takes_a_branch_and_its_gradient():
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    for pred, function in ((True, torch.sin), (torch.tensor(False), torch.cos)):
        assert torch.equal(cond(pred, torch.sin, torch.cos, (x,)), function(x))
        assert torch.autograd.gradcheck(lambda x, pred=pred: cond(pred, torch.sin, torch.cos, (x,)), x)


@pytest.mark.parametrize("arguments, message", [
    (("a", torch.sin, torch.cos, (torch.ones(2),)), "Expected pred to be bool or tensor"),
    ((torch.tensor([True, False]), torch.sin, torch.cos, (torch.ones(2),)), "single-element"),
    ((True, 3, torch.cos, (torch.ones(2),)), "both branches to be callable"),
    ((True, torch.sin, torch.cos, torch.ones(2)), "Expect operands to be a tuple"),
    ((True, torch.sin, torch.cos, (3,)), "Expect operands to be a tuple"),
])
def test_cond_refuses(arguments, message):
    with pytest.raises(RuntimeError, match=message):
        cond(*arguments)


def test_while_loop_is_a_loop():
    n, x = while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.ones(2)))
    assert n == 5 and torch.equal(x, torch.full((2,), 32.0))
    with pytest.raises(RuntimeError, match="same number of outputs"):
        while_loop(lambda i, x: i < 5, lambda i, x: (i + 1,), (torch.tensor(0), torch.ones(2)))
    with pytest.raises(RuntimeError, match="same metadata"):
        while_loop(lambda i: i < 5, lambda i: (i + 1.5,), (torch.tensor(0),))


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8])
def test_scans_equal_cumsum(n, dim, reverse):
    x = torch.randn(n, n, dtype=torch.float64)
    want = x.flip(dim).cumsum(dim).flip(dim) if reverse else x.cumsum(dim)
    carry, sums = scan(lambda c, x: (c + x, c + x), torch.zeros(n, dtype=x.dtype), x, dim=dim, reverse=reverse)
    torch.testing.assert_close(sums, want)
    torch.testing.assert_close(carry, x.sum(dim))
    torch.testing.assert_close(associative_scan(torch.add, x, dim, reverse), want)


def test_associative_scan_of_an_operation_that_does_not_commute():
    a, b = torch.rand(9, dtype=torch.float64), torch.rand(9, dtype=torch.float64)   # x -> a x + b, composed
    _, states = associative_scan(lambda f, g: (f[0] * g[0], g[0] * f[1] + g[1]), (a, b), 0, combine_mode="generic")
    _, want = scan(lambda x, f: (f[0] * x + f[1], f[0] * x + f[1]), torch.tensor(0.0, dtype=a.dtype), (a, b))
    torch.testing.assert_close(states, want)


def test_map_equals_vmap():
    xs, y = {"a": torch.randn(4, 3), "b": torch.randn(4, 3)}, torch.randn(3)

    def f(x, y):
        return x["a"] * y, x["b"].sum()

    for got, want in zip(tensor_map(f, xs, y), torch.vmap(f, (0, None))(xs, y)):
        torch.testing.assert_close(got, want)
    with pytest.raises(RuntimeError, match="Leading dimensions of mapped xs must be consistent"):
        tensor_map(f, {"a": torch.zeros(4), "b": torch.zeros(3)}, y)
    with pytest.raises(RuntimeError, match="cannot be 0"):
        tensor_map(f, {"a": torch.zeros(0), "b": torch.zeros(0)}, y)


def test_gradients_flow_through_loops():
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: scan(lambda c, x: (c * x, c.sin()), torch.ones(2, dtype=x.dtype), x), x)
    assert torch.autograd.gradcheck(lambda x: associative_scan(torch.mul, x, 0), x)
    assert torch.autograd.gradcheck(lambda x: tensor_map(torch.sin, x), x)


def test_cond_under_vmap_takes_each_examples_branch():
    x = torch.randn(5, 3, dtype=torch.float64)
    got = torch.vmap(lambda x: cond(x.sum() > 0, torch.sin, torch.cos, (x,)))(x)
    torch.testing.assert_close(got, torch.where((x.sum(1) > 0)[:, None], x.sin(), x.cos()))


def branching(x, y):
    return cond(x.sum() > 0, lambda x, y: (x * y, x.sin()), lambda x, y: (x + y, y.cos()), (x, y))


@pytest.mark.parametrize("mode", ["real", "fake"])
def test_cond_is_a_node_with_two_graphs(mode):
    x, y = torch.ones(3), torch.randn(3)
    graph = make_fx(branching, tracing_mode=mode)(x, y)
    assert [n.target for n in graph.graph.nodes if n.op == "get_attr"] == ["true_graph_0", "false_graph_0"]
    assert torch.ops.higher_order.cond in [n.target for n in graph.graph.nodes]
    for sign in (1, -1):     # both branches, whichever was taken when the graph was made
        for got, want in zip(graph(sign * x, y), branching(sign * x, y)):
            assert torch.equal(got, want)


def test_the_gradient_of_cond_in_a_graph():
    def gradient(x, y):
        x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
        a, b = branching(x, y)
        return torch.autograd.grad((a * b).sum(), (x, y))

    x, y = torch.rand(3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    graph = make_fx(gradient)(x, y)
    assert [n.target for n in graph.graph.nodes].count(torch.ops.higher_order.cond) == 2
    for sign in (1, -1):
        for got, want in zip(graph(sign * x, y), gradient(sign * x, y)):
            torch.testing.assert_close(got, want)


@pytest.mark.parametrize("mode", ["real", "fake"])
def test_while_loop_is_a_node(mode):
    def powers(n, x):
        return while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x * 2), (n, x))

    graph = make_fx(powers, tracing_mode=mode)(torch.tensor(0), torch.ones(2))
    for start in (0, 3, 9):
        for got, want in zip(graph(torch.tensor(start), torch.ones(2)), powers(torch.tensor(start), torch.ones(2))):
            assert torch.equal(got, want)


def test_functions_in_graphs_take_all_tensors_as_operands():
    def closing_over(x, y):
        return cond(x.sum() > 0, lambda x: x * y, lambda x: x + y, (x,))

    with pytest.raises(RuntimeError, match="give it as an operand"):
        make_fx(lambda x: closing_over(x, x.sin()))(torch.ones(2))


def test_scans_in_graphs_are_their_steps():
    def sums(x):
        return scan(lambda c, x: (c + x, c * x), torch.zeros(2), x)[1], associative_scan(torch.add, x, 0), tensor_map(torch.sin, x)

    x = torch.randn(4, 2)
    graph = make_fx(sums)(x)
    for got, want in zip(graph(x + 1), sums(x + 1)):
        torch.testing.assert_close(got, want)
