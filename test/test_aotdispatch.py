"""AOTAutograd: compiled halves compute what the program computes; partitions save what they should."""

import pytest

import torch
from torch._functorch.aot_autograd import aot_function, aot_module
from torch._functorch.compilers import nop
from torch._functorch.partitioners import default_partition, min_cut_rematerialization_partition


def keeping(graphs):
    def compiler(graph, _):
        graphs.append(graph)
        return graph
    return compiler


def operators(graph):
    return [str(n.target).removeprefix("aten.") for n in graph.graph.nodes if n.op == "call_function"]


@pytest.mark.parametrize("partition", [default_partition, min_cut_rematerialization_partition])
def test_gradients_are_equal(partition):
    def f(x, w):
        h = torch.tanh(x @ w)
        return (h * h.sigmoid()).sum(0), h.detach(), 3

    x, w = torch.randn(4, 3), torch.randn(3, 5, requires_grad=True)
    compiled = aot_function(f, nop, partition_fn=partition)
    for _ in range(2):
        out, plain, n = compiled(x, w)
        expected, detached, _ = f(x, w)
        assert torch.equal(out, expected) and torch.equal(plain, detached) and n == 3 and not plain.requires_grad
        got, = torch.autograd.grad(out.sum(), w)
        want, = torch.autograd.grad(expected.sum(), w)
        assert torch.allclose(got, want)


def test_cheap_values_are_computed_again():
    graphs = []
    x = torch.randn(64, 64, requires_grad=True)

    def f(x):
        return torch.sin(torch.cos(x) * 2).exp()
    aot_function(f, keeping(graphs), partition_fn=min_cut_rematerialization_partition)(x)
    forward = graphs[0]
    (output,) = forward.graph.find_nodes(op="output")
    assert len(output.args[0]) == 2 and "cos.default" in operators(graphs[1])      # only the input (or one value) is saved
    saved = []
    aot_function(f, keeping(saved), partition_fn=default_partition)(x)
    (output,) = saved[0].graph.find_nodes(op="output")
    assert len(output.args[0]) > 2


def test_writes_to_inputs():
    def f(x, y):
        x.add_(1)
        return x * y

    compiled = aot_function(f, nop)
    a, b, y = torch.ones(3), torch.ones(3), torch.full((3,), 2.0, requires_grad=True)
    assert torch.equal(compiled(a, y), f(b, y)) and torch.equal(a, b)


def test_modules():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.LayerNorm(4))
    compiled = aot_module(net, nop)
    x = torch.randn(2, 3)
    assert torch.allclose(compiled(x), net(x))
    compiled(x).sum().backward()
    grads = [p.grad for p in net.parameters()]
    net.zero_grad()
    net(x).sum().backward()
    for a, p in zip(grads, net.parameters()):
        torch.testing.assert_close(a, p.grad)
    with torch.no_grad():
        assert torch.allclose(compiled(x), net(x))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
