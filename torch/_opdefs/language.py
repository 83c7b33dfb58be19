"""The definition language: what a file of torch/_opdefs may say of an operator.

Each decorator registers one `Definition` in `DEFINITIONS`. Everything else (overloads in place and `out=`, kernels, meta
functions, gradients, stubs, tests) is derived from it by torch/_codegen and tools/build.

Schemas are PyTorch's own strings without the `aten::` prefix. A definition lists the functional overloads it stands for;
`add_.Tensor` and `add.out` follow from `add.Tensor` by the defaults of `Definition`, unless `inplace=` or `out=` say otherwise.

Gradients: `grad` maps an argument's name to a formula, a string in the formula language (torch/_codegen/formula.py): Python
over aten operators, in which `grad` (or `grads[i]`) is the incoming gradient, `result` (or `result0`, `result1`) an output and
any argument goes by its name. What a formula names is what is saved; `self.shape`, `self.dtype` and the like save no tensor.
A formula too long for a line is a Python function in the same subset. `grad=None` says: not differentiable, the result is no
function of the argument to speak of. `grad=UNKNOWN`, or UNKNOWN in place of one argument's formula: differentiable, but not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

# result dtype rules of pointwise operators and reductions
SAME = "Same"        # the promoted dtype of the operands
FLOAT = "Float"      # the same, integers become the default float dtype
BOOL = "Bool"
REAL = "Real"        # complex becomes its real dtype
INT64 = "Int64"
UINT64 = "UInt64"

# kinds of dtype an operator is defined for
ALL = "bufsc"            # b bool, u unsigned, s signed, f float, c complex
NUMERIC = "usfc"
REALS = "busf"
ORDERED = "busf"
INTEGRAL = "bus"
FLOATING = "f"
FLOATING_COMPLEX = "fc"
# some of a kind, for `without=`
WIDE_UNSIGNED = ("uint16", "uint32", "uint64")
FLOAT8 = ("float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu")

# what the C++ code of a kernel is written for, from which width on; narrower operands are converted, and the results back
SINGLE = "Single"    # float32: half, bfloat16, float8 and complex32 are converted
HALF = "Half"        # half, bfloat16 and complex64: float8 and complex32 are converted

DEFINITIONS: dict[str, Definition] = {}


CONFLICTS: list[str] = []   # what the checker has to say of the registration itself


class _Missing:
    """`grad` was not given: derived for pointwise operators, refused by the checker for others."""

    def __bool__(self):
        return False


MISSING = _Missing()


class _Unknown:
    """There is a derivative but no formula for it: results require grad, and differentiating them raises NotImplementedError."""


UNKNOWN = _Unknown()   # for `grad`, or for one argument in it


@dataclass
class Definition:
    """One operator. `family` is the decorator's name; `options` what only that family reads."""

    family: str
    schemas: list[str]
    body: Callable | None
    doc: str
    module: str
    grad: Any = MISSING                 # {argument: formula}; None: not differentiable
    jvp: Any = "auto"                   # "auto" (pointwise), "linear", {result: formula} or None
    inplace: Any = "auto"               # True/"auto": derived for pointwise; False; or a list of schema strings
    out: Any = "auto"                   # likewise; "below": for torch.ops alone; another word: what form and result are called ("grad_input")
    python: str = "function method"     # where people find it: "function", "method", "nn" (torch._C._nn), "linalg", "fft", "special", ""
    hidden: tuple = ()                  # overloads that exist below but are not tried by the Python parser (mul.Scalar)
    vmap: Any = "auto"                  # the batching rule: see torch/_codegen/batching.py
    node: str | None = None             # autograd node name where it is not the derived one
    out_dtype: str = "auto"             # "exact": the dtype of an output given is the result's; "cast": one that the result can be cast to
    out_apart: bool = False             # an output given shares no memory with an input
    constant: tuple = ()                # numbers of the results that are no function to differentiate: what is kept for backward
    options: dict = field(default_factory=dict)

    @property
    def out_dtype_is_exact(self):
        return self.out_dtype == "exact" or self.out_dtype == "auto" and self.family in ("kernel", "fused", "decomposed")

    @property
    def name(self):
        return self.schemas[0].split("(")[0].split(".")[0]


def _register(family, schemas, body, common, options):
    definition = Definition(family, list(schemas), body, (body.__doc__ or "") if body else "", body.__module__ if body else "", **common,
                            options=options)
    key = schemas[0].split("(")[0]
    if key in DEFINITIONS:
        CONFLICTS.append(f"{key} is defined twice: in {DEFINITIONS[key].module} and {definition.module}")
    else:
        DEFINITIONS[key] = definition
    return definition


_COMMON = ("grad", "jvp", "inplace", "out", "out_dtype", "out_apart", "python", "hidden", "node", "constant", "vmap")
_DTYPES = ("kinds", "without")   # the dtypes an operator is for: kinds, and those of them that it is not for


def _family(family, allowed):
    def decorator(*schemas, **options):
        common = {k: options.pop(k) for k in _COMMON if k in options}
        unknown = set(options) - {*allowed, *_DTYPES}
        if unknown:
            raise TypeError(f"{schemas[0]}: {family} takes no {', '.join(sorted(unknown))}")

        def apply(body):
            _register(family, schemas, body, common, options)
            return body
        return apply
    decorator.__name__ = family
    return decorator


# Element-wise. The body is called with one symbolic scalar per Tensor and number argument; a `str` argument, and whether an
# optional one is given, select a variant: the body is called once for each.
#   result   dtype rule; choices: {"approximate": ("none", "tanh")}
#   store    {"self": "Bool"}: operands not stored in the compute dtype (where's condition); promotes: False demands like dtypes
#   operands number arguments whose dtype takes part in the promotion; number_first: Python may pass a number for the first tensor
pointwise = _family("pointwise", ("result", "choices", "store", "promotes", "operands", "number_first"))

# Folds over dimensions. Body: called with the number arguments (but dim and keepdim), returns language.Fold(...).
#   result   one rule or one per output; floats: integers fold as floats; widens: integers fold, and come out, as int64
#   identity False: there must be an element; choices: {"ord": (2, 1)}: values of a number argument that get a variant of their own
#   error    message for dtypes outside `kinds`; empty: message for no elements; kernels: the definition (by unique name) whose kernels serve this one too
reduction = _family("reduction", ("result", "identity", "floats", "widens", "choices", "error", "empty", "kernels"))

# Prefix folds along one dimension. Body: returns language.Fold(...) used left to right; options as for reductions.
scan = _family("scan", ("result", "widens"))

# One kernel per row, from row expressions (softmax, layer_norm); see torch/_codegen/rows.py. The body is called with one
# symbolic scalar per Tensor and float argument; row_sum, row_max and row_length speak of the whole row.
#   rows     the argument that says what a row is: "dim", or "normalized_shape" (the trailing dimensions)
#   operands {"weight": "Shared", "mean": "Each"}: operands that are one row for all, or one value a row (default "Row")
#   outputs  kinds of the results: "Row", "Each", or "Total" (summed over all rows)
fused = _family("fused", ("rows", "operands", "outputs"))

# A hand-written C++ kernel, `name` in namespace kindling::kernels (default: the operator's name and overload), which also
# computes the shape, so that it serves device="meta": it must return before touching data when the output is meta.
#   compute  SINGLE or HALF, where the code is not written for all of the dtypes it is for
#   modular  integers wrap around, so that uint16, uint32 and uint64 are computed as the signed integers of their bits
kernel = _family("kernel", ("name", "view", "compute", "modular"))

# Over other operators, above autograd. Body in the formula subset: it becomes C++. `python_only=True` leaves it Python.
# `values`: strings that names in the body stand for.
composite = _family("composite", ("python_only", "view", "values"))

# Like composite, but below autograd: an operator in its own right (own grad, own call in traces) whose kernel is written
# in other operators.
decomposed = _family("decomposed", ("python_only", "number_first"))


def _call_text(name, arguments):
    """`arguments`, the text between a schema's brackets, passed on to `name` in the formula language."""
    values, keyword = [], False
    for part in arguments.split(", "):
        argument = part.split("=")[0].split()[-1]
        if part == "*":
            keyword = True
        else:
            values.append(f"{argument}={argument}" if keyword else argument)
    return f"{name}({', '.join(values)})"


def aliases(of, *names, inplace=None, out=True, python="function method", overloads=None):
    """Further names of an operator, as composites that call it. To be written below the definitions of `of`.

    Every overload (or those of `overloads`, ".Tensor") gets the names, with its in-place form `name_` (or `inplace`) if it has one.
    """
    for name in names:
        for definition in [d for d in DEFINITIONS.values() if d.name == of]:
            for schema in definition.schemas:
                head, rest = schema.split("(", 1)
                arguments = rest.rsplit(") -> ", 1)[0]
                overload = head[len(of):]
                if overloads is not None and overload not in overloads:
                    continue
                doc = f"Alias of :func:`torch.{of}`."
                outs = [o.replace(of, name, 1) for o in definition.out if o.split("(", 1)[1].startswith(arguments + ", ")] \
                    if isinstance(definition.out, list) else bool(definition.out) and head not in definition.hidden
                _add_alias(f"{name}{overload}({rest}", _call_text(of, arguments), doc, definition, out and outs, python)
                if inplace is not False and definition.inplace is not False and arguments.startswith("Tensor self"):
                    written = arguments.replace("Tensor self", "Tensor(a!) self", 1)
                    _add_alias(f"{inplace or name + '_'}{overload}({written}) -> Tensor(a!)", _call_text(of + "_", arguments), f"{doc[:-1]}, in place.",
                               definition, False, python)


def _add_alias(schema, body, doc, definition, out, python):
    key = schema.split("(")[0]
    if key in DEFINITIONS:
        raise ValueError(f"{key} is defined twice: in {DEFINITIONS[key].module} and as an alias of {definition.name}")
    hidden = any(key == h.replace(definition.name, key.split(".")[0], 1) for h in definition.hidden)
    DEFINITIONS[key] = Definition("composite", [schema], body, doc, definition.module, inplace=False, out=out, python=python, hidden=(key,) if hidden else (),
                                  options={"number_first": True} if definition.options.get("number_first") else {})


@dataclass
class Fold:
    """A reduction: `map(element..., index)` makes a state (tuple of scalars), `combine` joins two, `finish(state, count)` reads it."""

    init: tuple
    map: Callable
    combine: Callable
    finish: Callable | None = None
    types: tuple | None = None      # state types: "acc" (the compute type), "i64", "bool"
    ordered: bool = False           # combine is not commutative (arg-reductions use the index instead)
    block: Callable | None = None   # the state of a few elements at once, where that is cheaper than combining their own
