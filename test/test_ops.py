"""Laws that every element-wise operator and reduction keeps, generated from the definitions."""

import itertools

import definitions
import numpy as np
import pytest

import torch
from torch._codegen.overloads import expand
from torch._codegen.schema import parse
from torch._opdefs import language
from torch._opdefs.language import UNKNOWN
from torch.autograd import gradcheck

ROWS = [r for r in expand(definitions.all()) if r.role == "functional"]
KINDS = {"b": [torch.bool], "u": [torch.uint8], "s": [torch.int8, torch.int32, torch.int64], "f": [torch.float16, torch.bfloat16, torch.float32, torch.float64],
         "c": [torch.complex64, torch.complex128]}
# argument ranges inside the domain, away from kinks; others take (0.1, 0.9)
DOMAINS = {"acosh": (1.1, 3.0), "arccosh": (1.1, 3.0), "lgamma": (0.5, 3.0), "digamma": (0.5, 3.0), "polygamma": (0.5, 3.0), "special_zeta": (1.5, 3.0)}
NUMBERS = {"special_zeta": 2.0}   # in place of Scalar arguments, where 0.5 is outside the domain


def is_plain(row):
    """Only tensors and numbers, at least one tensor, no choices that need a value."""
    args = row.schema.args
    return (any(a.is_tensor for a in args) and all(a.base in ("Tensor", "Scalar", "float", "int", "bool") and not a.list or a.default is not None for a in args))


POINTWISE = [r for r in ROWS if r.family == "pointwise" and is_plain(r) and not r.schema.name.startswith("_") and "backward" not in r.schema.name]
names = [r.schema.key for r in POINTWISE]
every_op = pytest.mark.parametrize("row", POINTWISE, ids=names)


def operator(row):
    """Calls the overload with arguments in the order of its schema."""
    overload = getattr(getattr(torch.ops.aten, row.schema.name), row.schema.overload or "default")
    named = [a.name for a in row.schema.args if a.kwarg_only]

    def call(*args, **outs):
        positional = len(row.schema.args) - len(named)
        return overload(*args[:positional], **dict(zip(named, args[positional:])), **outs)
    return call


def sample(row, dtype, shape=(3, 5), seed=0):
    """Arguments of `row`: tensors of `dtype` inside the domain, numbers in place of Scalars."""
    torch.manual_seed(seed)
    low, high = DOMAINS.get(row.schema.name, (0.1, 0.9))
    args = []
    for a in row.schema.args:
        if a.write and a.kwarg_only:
            break
        if a.default is not None:
            args.append(a.value)
        elif a.is_tensor and row.definition.options.get("store", {}).get(a.name) == "Bool":
            args.append(torch.rand(shape) > 0.5)
        elif a.is_tensor:
            if dtype == torch.bool:
                args.append(torch.rand(shape) > 0.5)
            elif dtype.is_floating_point or dtype.is_complex:
                args.append((torch.rand(shape, dtype=torch.float64) * (high - low) + low).to(dtype))
            else:
                args.append(torch.randint(1, 5, shape).to(dtype))
        else:
            args.append(1 if a.base in ("int", "bool") or not (dtype.is_floating_point or dtype.is_complex) else NUMBERS.get(row.schema.name, 0.5))
    return args


def dtypes_of(row):
    return list(itertools.chain.from_iterable(KINDS[k] for k in row.definition.options.get("kinds", "f")))


def equal(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(torch.nan_to_num(a.to(torch.complex128).real), torch.nan_to_num(b.to(torch.complex128).real))


def results(value):
    return value if isinstance(value, tuple) else (value,)


def is_tensor(x):
    return isinstance(x, torch.Tensor)


@every_op
def test_every_dtype_gives_a_result(row):
    for dtype in dtypes_of(row):
        for result in results(operator(row)(*sample(row, dtype))):
            assert result.shape == (3, 5)


@every_op
def test_layout_does_not_change_the_result(row):
    dtype = dtypes_of(row)[-1]
    args = sample(row, dtype)
    expected = results(operator(row)(*args))
    transposed = [x.t().contiguous().t() if is_tensor(x) else x for x in args]
    strided = [torch.stack([x, x], -1)[..., 0] if is_tensor(x) else x for x in args]
    for variant in (transposed, strided):
        for got, want in zip(results(operator(row)(*variant)), expected):
            assert equal(got, want)


@every_op
def test_broadcasting_is_expansion(row):
    dtype = dtypes_of(row)[-1]
    args = sample(row, dtype)
    if sum(map(is_tensor, args)) < 2:
        pytest.skip("one operand")
    last = max(i for i, x in enumerate(args) if is_tensor(x))
    args[last] = args[last][:1]
    expanded = list(args)
    expanded[last] = args[last].expand(3, 5).contiguous()
    for got, want in zip(results(operator(row)(*args)), results(operator(row)(*expanded))):
        assert equal(got, want)


@every_op
def test_meta_runs_like_the_real_thing(row):
    for dtype in dtypes_of(row):
        args = sample(row, dtype)
        real = results(operator(row)(*args))
        meta = results(operator(row)(*[x.to("meta") if is_tensor(x) else x for x in args]))
        for a, b in zip(real, meta):
            assert (a.shape, a.dtype, a.stride()) == (b.shape, b.dtype, b.stride())


@every_op
def test_forms_agree(row):
    """In place and out= give what the functional form gives."""
    dtype = torch.float64 if "f" in row.definition.options.get("kinds", "f") else dtypes_of(row)[-1]
    args = sample(row, dtype)
    expected = results(operator(row)(*args))
    for form in row.forms:
        call = operator(form)
        if form.role == "out":
            outs = [torch.empty(0, dtype=x.dtype) for x in expected]
            call(*args, **dict(zip([a.name for a in form.schema.outs], outs)))
            got = outs
        else:
            first = args[0].clone()
            if expected[0].dtype != first.dtype:
                continue
            got = [call(first, *args[1:])]
            assert got[0] is first
        for a, b in zip(got, expected):
            assert equal(a, b)


@every_op
def test_half_types_round_once(row):
    if "f" not in row.definition.options.get("kinds", "f"):
        pytest.skip("not for floats")
    for dtype in (torch.float16, torch.bfloat16):
        args = sample(row, dtype)
        wide = [x.float() if is_tensor(x) and x.dtype == dtype else x for x in args]
        for got, want in zip(results(operator(row)(*args)), results(operator(row)(*wide))):
            assert equal(got, want.to(got.dtype))


@pytest.mark.parametrize("row", [r for r in POINTWISE if r.definition.grad], ids=lambda r: r.schema.key)
def test_gradient(row):
    args = sample(row, torch.float64)
    tensors = [x.requires_grad_() if is_tensor(x) and x.dtype == torch.float64 else x for x in args]
    formulas = {} if row.definition.grad is UNKNOWN else row.definition.grad
    grads = {n.strip() for key, f in formulas.items() if f is not UNKNOWN for n in key.split(",")}
    inputs = [x.detach().requires_grad_() if is_tensor(x) and a.name in grads and x.dtype == torch.float64 else (x.detach() if is_tensor(x) else x)
              for a, x in zip(row.schema.args, tensors)]
    if not any(is_tensor(x) and x.requires_grad for x in inputs):
        pytest.skip("nothing to differentiate")
    assert gradcheck(lambda *a: results(operator(row)(*a))[0], tuple(inputs), eps=1e-6, atol=1e-5)


ORACLES = {
    name: getattr(np, other) for name, other in {
        "abs": "abs", "acos": "arccos", "asin": "arcsin", "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "sin": "sin", "cos": "cos", "tan": "tan",
        "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10", "log1p": "log1p", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil",
        "trunc": "trunc", "sign": "sign", "square": "square", "reciprocal": "reciprocal", "maximum": "maximum", "minimum": "minimum", "fmax": "fmax", "fmin": "fmin",
        "fmod": "fmod", "remainder": "remainder", "hypot": "hypot", "atan2": "arctan2", "copysign": "copysign", "logaddexp": "logaddexp", "logaddexp2": "logaddexp2",
        "deg2rad": "deg2rad", "rad2deg": "rad2deg", "sinc": "sinc", "heaviside": "heaviside", "isnan": "isnan", "isinf": "isinf", "signbit": "signbit", "neg": "negative",
        "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    }.items()
}


@pytest.mark.parametrize("row", [r for r in POINTWISE if r.schema.name in ORACLES and "Scalar" not in r.schema.overload], ids=lambda r: r.schema.key)
def test_against_numpy(row):
    args = [torch.randn(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) * 3 for i, a in enumerate(row.schema.args) if a.is_tensor]
    with np.errstate(all="ignore"):
        want = ORACLES[row.schema.name](*[x.numpy() for x in args])
    got = operator(row)(*args).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def test_schemas_print_as_they_were_read():
    for row in ROWS:
        assert str(parse(str(row.schema))) == str(row.schema)


def test_one_place_is_enough_for_a_new_operator(tmp_path):
    """softplus2, which PyTorch does not have: one definition gives schema, C++ and derivative."""
    from torch._codegen import derive, objects, tables
    from torch._opdefs.expr import exp, log2

    definitions_ = language.DEFINITIONS
    before = dict(definitions_)
    try:
        @language.pointwise("softplus2(Tensor self) -> Tensor", result=language.FLOAT)
        def softplus2(x):
            """log2(1 + 2^x)."""
            return log2(1.0 + exp(x * 0.6931471805599453))

        definitions = derive.complete([*definitions_.values()])
        isas = objects.isas()
        tables.Generator(definitions, objects.plan, isas, lenient=True).write(tmp_path)
        new = [d for d in definitions if "softplus2" in d.name]
        assert objects.write_objects(new, tmp_path, isas[-1:])
    finally:
        language.DEFINITIONS.clear()
        language.DEFINITIONS.update(before)
    text = (tmp_path / "tables.cpp").read_text()
    for form in ("aten::softplus2(Tensor self) -> Tensor", "aten::softplus2_(Tensor(a!) self) -> Tensor(a!)", "aten::softplus2.out(Tensor self, *, Tensor(a!) out)"):
        assert form in text
    assert "Softplus2Backward0" in (tmp_path / "formulas.cpp").read_text()
