"""What a call shows to those below it: its operators in order, its forms, what its nodes keep."""

import contextlib

import definitions
import pytest
from samples import samples

import torch
from torch._codegen.schema import inplace_of, parse
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode

ROWS = [r for r in definitions.rows() if r.role == "functional"]
FAMILIES = {}
for _row in definitions.rows():
    FAMILIES.setdefault(_row.schema.name, set()).add(_row.family)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.schema.key)


class Calls(TorchDispatchMode):
    """Notes the operators that reach the mode."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func).removeprefix("aten."))
        return func(*args, **(kwargs or {}))


def calls(f, *args):
    """What f shows to a mode, less the detached tensors that nodes keep."""
    with Calls() as mode:
        f(*args)
    return [name for name in mode.names if name != "detach.default"]


def real(*shape, seed=0):
    torch.manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


la, nn = torch.linalg, torch.nn.functional
INDEX, OFFSETS = torch.tensor([0, 2, 1, 1]), torch.tensor([0, 2])
# name: function with several results, its argument
SEVERAL = {
    "qr tall": (la.qr, real(4, 3)), "qr wide": (la.qr, real(3, 5)), "svd": (lambda a: la.svd(a, full_matrices=False), real(3, 4)),
    "eigh": (lambda a: la.eigh(a + a.mT), real(3, 3)), "eig": (lambda a: (lambda e, v: (e, v.abs()))(*la.eig(a)), real(3, 3)), "lu": (lambda a: la.lu(a)[1:], real(3, 4)),
    "lu tall": (lambda a: la.lu(a)[1:], real(4, 3)), "lu square": (lambda a: la.lu(a)[1:], real(3, 3)), "slogdet": (la.slogdet, real(3, 3)),
    "lu_unpack": (lambda a: torch.lu_unpack(a, torch.tensor([2, 2], dtype=torch.int32))[1:], real(2, 3)), "aminmax": (lambda a: torch.aminmax(a, dim=1), real(3, 4)),
}


def runs(row):
    """Samples that the operator takes, with the tensors that have a gradient made to require it."""
    for dtype in (torch.float64, torch.complex128, torch.int64, torch.bool):
        try:
            found = [s.with_tensors({p: x.clone().requires_grad_() for p, x in s.differentiable.items()}) for s in samples(row, dtype)]
            for sample in found:
                sample()
            return found
        except RuntimeError:
            continue
    return []


def outputs_of(result):
    flat = result if isinstance(result, (list, tuple)) else [result]
    return [t for t in flat if isinstance(t, torch.Tensor) and t.requires_grad]


def cotangents(outputs):
    return [torch.cos(torch.arange(t.numel(), dtype=torch.float64)).reshape(t.shape).to(t.dtype) for t in outputs]


@every_row
def test_modes_see_operators_and_no_composites(row):
    for sample in runs(row):
        results = []
        seen = calls(lambda: results.append(sample()))
        if row.family != "composite" and row.schema.name != "detach":
            assert seen == [f"{row.schema.name}.{row.schema.overload or 'default'}"]
        outputs = outputs_of(results[0])
        if outputs:
            with contextlib.suppress(NotImplementedError):
                seen = seen + calls(lambda: torch.autograd.backward(outputs, cotangents(outputs)))
        for call in seen:
            assert FAMILIES[call.split(".")[0]] != {"composite"}, call


@every_row
def test_recorded_gradient_is_the_plain_one(row):
    """Formulas that write in place where nobody differentiates them agree with those that do not."""
    for sample in runs(row):
        torch.manual_seed(0)
        outputs = outputs_of(sample())
        if not outputs:
            continue
        inputs = [x for x in sample.tensors if x.requires_grad]
        try:
            plain = torch.autograd.grad(outputs, inputs, cotangents(outputs), retain_graph=True, allow_unused=True)
        except NotImplementedError:     # and says so
            continue
        recorded = torch.autograd.grad(outputs, inputs, cotangents(outputs), create_graph=True, allow_unused=True)
        for a, b in zip(plain, recorded):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b.detach(), equal_nan=True)


@pytest.mark.parametrize("name", SEVERAL)
def test_absent_gradient_is_zero(name):
    f, given = SEVERAL[name]
    a = given.detach().requires_grad_()
    outputs = outputs_of(f(a))
    for kept, output in enumerate(outputs):
        weights = [w if i == kept else torch.zeros_like(w) for i, w in enumerate(cotangents(outputs))]
        alone = torch.autograd.grad([output], [a], [weights[kept]], retain_graph=True)
        padded = torch.autograd.grad(outputs, [a], weights, retain_graph=True)
        torch.testing.assert_close(alone, padded)


@pytest.mark.parametrize("values", [[1.0, 2, 3], [1.0, 0, 3], [0.0, 2, 0, 4]])
def test_second_derivative_of_products_with_zeros(values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda a: a.cumprod(0), [x]) and torch.autograd.gradgradcheck(lambda a: a.prod(0), [x])


def test_tangents_have_the_shape_of_results_and_memory_of_their_own():
    small, wide = torch.randn(3, 1), torch.randn(3, 4)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(small, torch.ones(3, 1))
        for result in (wide - dual, dual + wide):
            assert forward_ad.unpack_dual(result).tangent.shape == (3, 4)
        result = dual + 1
        dual.mul_(0)
        assert forward_ad.unpack_dual(result).tangent.eq(1).all()


def test_no_reflections_no_gradient():
    packed, scales = real(3, 3), real(0)
    la.householder_product(packed, scales).sum().backward()
    assert packed.grad is None and scales.grad is None


def test_determinants_factor_the_transpose_of_contiguous_matrices():
    A = real(3, 3).detach()
    _, LU, pivots = torch._linalg_det(A)
    assert torch.equal(LU, la.lu_factor(A.mT).LU) and LU.stride() == (1, 3)
    assert torch.equal(torch._linalg_det(A.mT)[1], LU)


@pytest.mark.parametrize("f", [lambda a: la.eigh(a)[1], lambda a: la.eig(a)[1], lambda a: la.svd(a)[0]])
def test_losses_that_depend_on_a_phase_are_refused(f):
    a = torch.randn(3, 3, dtype=torch.complex128, requires_grad=True)
    vectors = f(a)
    vectors.abs().sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="specified up to multiplication by e"):
        torch.view_as_real(vectors).mul(torch.arange(18.0).reshape(3, 3, 2)).sum().backward()


# ---- named backward operators ----

@pytest.mark.parametrize("f, backward", [
    (lambda a: nn.gelu(a), "gelu_backward.default"), (lambda a: a.softmax(1), "_softmax_backward_data.default"),
    (lambda a: torch.pdist(a), "_pdist_backward.default"), (lambda a: nn.embedding_bag(INDEX, a, OFFSETS), "_embedding_bag_backward.default"),
    (lambda a: torch.ops.aten._batch_norm_with_update(a, torch.ones(4).double(), None, torch.zeros(4).double(), torch.ones(4).double(), 0.1, 1e-5)[0], "batch_norm_backward.default"),
    (lambda a: nn.max_pool1d(a, 2), "max_pool2d_with_indices_backward.default"),
])
def test_graphs_show_named_backward_operators(f, backward):
    y = f(real(4, 4))
    assert backward in calls(lambda: y.sum().backward())


# ---- schemas and derived forms ----

def test_schemas_are_well_formed():
    for row in definitions.rows():
        schema = row.schema
        assert parse(str(schema)) == schema
        assert len({a.name for a in schema.args}) == len(schema.args), schema
        if row.role == "out":
            outs = schema.outs
            assert outs and [a.kwarg_only for a in outs] == [True] * len(outs)
            assert [a.alias for a in outs if not a.list] == [r.alias for r in schema.returns], schema
            core = [a.name for a in schema.args if a not in outs]
            assert set(core) <= {a.name for a in row.functional.schema.args}, schema
        elif row.role == "inplace" and row.functional and row.functional.family == "pointwise":
            assert str(inplace_of(row.functional.schema)).split("(", 1)[1] == str(schema).split("(", 1)[1]


@pytest.mark.parametrize("row", [r for r in ROWS if any(f.role == "out" for f in r.forms)], ids=lambda r: r.schema.key)
def test_out_forms_give_what_functions_give(row):
    form = next(f for f in row.forms if f.role == "out")
    for sample in runs(row):
        sample = sample.map(torch.Tensor.detach)
        torch.manual_seed(0)
        result = sample()
        torch.manual_seed(0)
        values = list(result) if isinstance(result, (list, tuple)) else [result]
        listed = any(a.list for a in form.schema.outs)
        outs = [torch.empty(t.shape if listed else 0, dtype=t.dtype) for t in values]
        names = [a.name for a in form.schema.outs]
        given = dict(zip([a.name for a in row.schema.args], sample.args))
        definitions.call(form, [given[a.name] for a in form.schema.args if a.name in given], **({names[0]: outs} if listed else dict(zip(names, outs))))
        for a, b in zip(outs, values):
            assert a.shape == b.shape
            if "empty" not in row.schema.name:
                torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


# ---- conjugates, what nodes keep ----

def test_writes_reach_conjugated_tensors_under_a_mode():
    x = torch.tensor([1 + 2j, 3 - 1j]).conj()
    seen = calls(lambda: x.mul_(2))
    assert seen == ["clone.default", "mul_.Tensor", "copy_.default"]
    assert x.is_conj() and torch.equal(x.resolve_conj(), torch.tensor([2 - 4j, 6 + 2j]))
    seen = calls(lambda: torch.cat([x, x]))
    assert seen.count("clone.default") >= 1 and seen[-1] == "cat.default"


def test_nodes_show_what_their_formula_uses():
    a = real(2, 3)
    assert a.sum(1).grad_fn._saved_self_sym_sizes == (2, 3)
    assert a.select(1, 2).grad_fn._saved_index == 2
    node = nn.embedding(INDEX, real(3, 2)).grad_fn
    assert node._saved_weight_sym_argsize_0 == 3 and torch.equal(node._saved_indices, INDEX)
    assert not [n for n in dir(a.clone().grad_fn) if n.startswith("_saved_")]
    node = a.norm(3, dim=1).grad_fn
    assert {n: getattr(node, n) for n in dir(node) if n.startswith("_saved_") and n not in ("_saved_self", "_saved_result")} == {
        "_saved_ord": 3, "_saved_dim": (1,), "_saved_keepdim": False}
