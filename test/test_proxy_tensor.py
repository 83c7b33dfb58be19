"""make_fx, functionalisation and decompositions: what is recorded does what the program does."""

import definitions
import pytest
from samples import possible

import torch
from torch._decomp import core_aten_decompositions, get_decompositions, register_decomposition
from torch._functorch.functionalization import functionalize
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode, make_fx
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten


def operators(graph):
    return [str(n.target).removeprefix("aten.") for n in graph.graph.nodes if n.op == "call_function"]


def equal(a, b, close=False):
    def leaves(x):
        return [y for leaf in tree_leaves(x) for y in (leaves(tuple(leaf)) if isinstance(leaf, tuple) else (leaf,))]     # named results are leaves
    a, b = leaves(a), leaves(b)
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        if isinstance(x, torch.Tensor) != isinstance(y, torch.Tensor) or isinstance(x, torch.Tensor) and (x.shape != y.shape or x.dtype != y.dtype):
            return False
        if not isinstance(x, torch.Tensor):
            if x != y:
                return False
        elif not (torch.allclose(x, y, 1e-5, 1e-6, equal_nan=True) if close and (x.is_floating_point() or x.is_complex())
                  else torch.equal(torch.nan_to_num(x), torch.nan_to_num(y))):
            return False
    return True


def test_code():
    graph = make_fx(lambda x: (x + 1, x.sin())[0])(torch.randn(3))
    assert graph.code.strip().split("\n")[0] == "def forward(self, x_1):" and operators(graph) == ["add.Tensor", "sin.default"]
    graph = make_fx(lambda d, l: {"o": d["a"] * l[0], "l": [l[0], 3]})({"a": torch.ones(2)}, [torch.ones(2)])
    assert equal(graph({"a": torch.ones(2) * 3}, [torch.ones(2)]), {"o": torch.ones(2) * 3, "l": [torch.ones(2), 3]})
    graph = make_fx(lambda x: torch.max(x, 0)[0])(torch.randn(3))
    assert operators(graph)[0] == "max.dim" and equal(graph(torch.tensor([1.0, 5.0, 2.0])), torch.tensor(5.0))


def test_tensors_from_outside_become_attributes():
    y, layer = torch.randn(3), torch.nn.Linear(3, 2)
    graph = make_fx(lambda x: layer(x + y) + torch.tensor(2.0))(torch.randn(4, 3))
    assert graph._tensor_constant0 is y and {"_param_constant0", "_param_constant1"} == set(dict(graph.named_parameters()))
    x = torch.randn(4, 3)
    assert equal(graph(x), layer(x + y) + 2)


def test_gradients_are_recorded():
    def f(x):
        return torch.autograd.grad(x.sigmoid().sum(), x)

    x = torch.randn(3, requires_grad=True)
    graph = make_fx(f)(x)
    assert operators(graph) == ["sigmoid.default", "detach.default", "sum.default", "ones_like.default", "expand.default", "detach.default",
                                "sigmoid_backward.default"]
    assert equal(graph(x), f(x))
    assert equal(make_fx(f, tracing_mode="fake")(x)(x), f(x))


def test_values_of_nodes():
    graph = make_fx(lambda x: x.sin().sum(), tracing_mode="fake")(torch.randn(3))
    values = [n.meta["val"] for n in graph.graph.nodes if n.op != "output"]
    assert all(isinstance(v, FakeTensor) for v in values) and [tuple(v.shape) for v in values] == [(3,), (3,), ()]
    assert get_proxy_mode() is None


def test_reading_elements_is_refused():
    with pytest.raises(RuntimeError, match="trying to get value out of a tracing tensor with aten._local_scalar_dense.default"):
        make_fx(lambda x: x * x.sum().item())(torch.randn(3))
    assert operators(make_fx(lambda x: x * torch.tensor(3.0).item())(torch.randn(3)))[-1] == "mul.Tensor"
    assert get_proxy_mode() is None


# ---- laws over all operators ----

def functional_rows():
    return [row for row in definitions.rows() if row.role == "functional" and not definitions.overload(row)._schema.is_mutable
            and not any(a.base in ("Storage", "Object", "Generator") for a in row.schema.args)]


def runs(sample):
    try:
        return sample()
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return None


UNRECORDED = {"equal", "allclose", "is_same_size", "item", "_local_scalar_dense", "is_nonzero"}   # give numbers of Python


def test_graphs_replay():
    wrong = []
    for row in functional_rows():
        func = definitions.overload(row)
        if torch.Tag.nondeterministic_seeded in func.tags or row.schema.name in UNRECORDED or not any(r.base == "Tensor" for r in row.schema.returns):
            continue
        for sample in possible(row, torch.float32)[:1]:
            expected = runs(sample)
            if expected is None or not sample.tensors or row.schema.name.startswith(("empty", "new_empty")):
                continue

            def call(*tensors, sample=sample):
                return sample.with_tensors(dict(zip(sample.paths, tensors)))()
            try:
                graph = make_fx(call, tracing_mode="real")(*sample.tensors)
                if not equal(graph(*sample.tensors), expected):
                    wrong.append(f"{sample}: another result")
            except Exception as error:  # noqa: BLE001
                if "trying to get value out of a tracing tensor" not in str(error):
                    wrong.append(f"{sample}: {type(error).__name__} {error}")
    assert not wrong, f"{len(wrong)} fail:\n" + "\n".join(wrong[:20])


def test_decompositions_are_equal():
    wrong, seen = [], 0
    table = core_aten_decompositions()
    for row in functional_rows():
        func = definitions.overload(row)
        if func not in table or torch.Tag.nondeterministic_seeded in func.tags:
            continue
        for sample in possible(row, torch.float32):
            expected = runs(sample)
            if expected is None:
                continue
            args = [v for a, v in zip(row.schema.args, sample.args) if not a.kwarg_only]
            kwargs = {a.name: v for a, v in zip(row.schema.args, sample.args) if a.kwarg_only}
            try:
                found = table[func](*args, **kwargs)
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{sample}: {type(error).__name__} {error}")
                continue
            if found is NotImplemented:
                continue
            seen += 1
            if not equal(found, expected, close=True):
                wrong.append(f"{sample}: another result")
    assert not wrong, f"{len(wrong)} of {seen} differ:\n" + "\n".join(wrong[:20])
    assert seen > 150


def test_tables():
    table = get_decompositions([aten.silu, aten.t.default])
    assert set(table) == {aten.silu.default, aten.t.default}
    graph = make_fx(lambda x: torch.nn.functional.silu(x), decomposition_table=table)(torch.randn(3))
    assert "silu.default" not in operators(graph) and equal(graph(torch.ones(3)), torch.nn.functional.silu(torch.ones(3)), close=True)
    assert aten.add.Tensor not in core_aten_decompositions()
    mine = {}
    register_decomposition(aten.celu.default, mine)(lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.expm1(x / alpha)))
    with pytest.raises(RuntimeError, match="duplicate registrations"):
        register_decomposition(aten.celu.default, mine)(None)


# ---- functionalisation ----

def f_part(x):
    y = x.clone()
    y[0].add_(1)
    y.t().mul_(2)
    return y


def f_views(x):
    y = x * 2
    a, b = y.split(1)
    a.fill_(7)
    b.view(-1)[1:].sub_(a.view(-1)[1:])
    y.diagonal().zero_()
    return y, a, b


def f_input(x):
    x.add_(1)
    x[0, 1:].copy_(torch.zeros(2))
    return x * 3


def f_out(x):
    out = torch.empty(2, 3)
    torch.sin(x, out=out)
    out.unsqueeze_(0)
    out.transpose_(0, 1)
    return out.squeeze(1).exp_()


def f_expand(x):
    y = x.clone()
    y.expand(4, 2, 3)[0].mul_(2)
    return y.as_strided((3,), (2,), 1).neg_(), y


@pytest.mark.parametrize("f", [f_part, f_views, f_input, f_out, f_expand])
@pytest.mark.parametrize("remove", ["mutations", "mutations_and_views"])
def test_functionalised_equals_original(f, remove):
    x = torch.randn(2, 3)
    a, b = x.clone(), x.clone()
    assert equal(functionalize(f, remove=remove)(a), f(b)) and equal(a, b)
    graph = make_fx(functionalize(f, remove=remove))(x.clone())
    writes = [n for n in graph.graph.nodes if n.op == "call_function" and hasattr(n.target, "_schema") and n.target._schema.is_mutable]
    assert all(n.target is aten.copy_.default and n.args[0].op == "placeholder" for n in writes)
    a, b = x.clone(), x.clone()
    assert equal(graph(a), f(b)) and equal(a, b)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
