"""Decompositions of pointwise operators, taken from their definitions: the expression of one element, as operators on whole tensors.

Low precision computes in float32 and is rounded once, as the kernels do. Integers, complex numbers and expressions on bits are left
to the operator itself.
"""

from __future__ import annotations

import functools
import math

import torch

__all__ = ["decomposition"]

_FLOATS = {"f32": torch.float32, "f64": torch.float64, "i32": torch.int32, "i64": torch.int64, "bool": torch.bool}


def _either(on_tensors, on_numbers):
    return lambda *args: on_tensors(*args) if any(isinstance(a, torch.Tensor) for a in args) else on_numbers(*args)


def _tensors(on_tensors, on_numbers):
    """An operator whose first operand must be a tensor."""
    def function(a, b):
        if not isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            a = torch.full_like(b, a)
        return on_tensors(a, b) if isinstance(a, torch.Tensor) else on_numbers(a, b)
    return function


def _extreme(both, bound, on_numbers):
    def function(a, b):
        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            return both(a, b)
        if isinstance(b, torch.Tensor):
            a, b = b, a
        return bound(a, b) if isinstance(a, torch.Tensor) else on_numbers(a, b)
    return function


def _select(condition, a, b):
    if not isinstance(condition, torch.Tensor):
        return a if condition else b
    if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor):
        return torch.where(condition, float(a), float(b))
    return torch.where(condition, a, b)



_OPS = {
    "neg": lambda a: -a, "abs": abs, "sqrt": _either(torch.sqrt, math.sqrt), "floor": _either(torch.floor, math.floor),
    "ceil": _either(torch.ceil, math.ceil), "trunc": _either(torch.trunc, math.trunc), "rint": _either(torch.round, round),
    "not": _either(torch.logical_not, lambda a: not a), "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "rem": _tensors(torch.fmod, math.fmod), "min": _extreme(torch.minimum, torch.clamp_max, min),
    "max": _extreme(torch.maximum, torch.clamp_min, max), "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b, "fma": lambda a, b, c: a * b + c, "select": _select, "copysign": _tensors(torch.copysign, math.copysign),
}
_NAMED = frozenset("exp exp2 expm1 log log2 log10 log1p pow rsqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid erf erfc "
                   "erfinv lgamma digamma hypot".split())
_ON_NUMBERS = {"rsqrt": lambda a: 1 / math.sqrt(a), "sigmoid": lambda a: 1 / (1 + math.exp(-a)), "exp2": lambda a: 2.0 ** a}


def _function(name):
    return _either(getattr(torch, name), _ON_NUMBERS.get(name) or getattr(math, name, None))


@functools.cache
def decomposition(name: str, overload: str = ""):
    """A function that does what the pointwise operator does, or None where its definition does not say it in other operators."""
    from torch._codegen import pointwise
    from torch._codegen.lower import post_order
    from torch._codegen.schema import parse
    from torch._decomp.bodies import definition_of

    definition, text = definition_of(name, overload)
    if definition is None or definition.family != "pointwise":
        return None
    plan = pointwise.layout(definition)
    try:
        for chosen in pointwise.variants(plan):
            roots = [e for _, e in pointwise.trace(definition, "f32", chosen, plan)]
            nodes = [n for n in post_order(roots) if n.op not in ("input", "const", "cast")]
            if not all(_expressible(n) for n in nodes) or len(nodes) == 1 and (nodes[0].attr == name or nodes[0].op == name):
                return None
    except (TypeError, KeyError, AttributeError):
        return None
    schema = parse(text)

    def decomposed(*args, **kwargs):
        given = {a.name: args[i] if i < len(args) and not a.kwarg_only else kwargs.get(a.name, a.value) for i, a in enumerate(schema.args)}
        tensors = [given[n] for n in plan.inputs if isinstance(given.get(n), torch.Tensor)]
        dtype = functools.reduce(torch.promote_types, (t.dtype for t in tensors))
        if not tensors or not dtype.is_floating_point or any(isinstance(v, complex) for v in given.values()):
            return NotImplemented
        if len(tensors) > 1 and len({t.dtype for t in tensors}) > 1:
            dtype = functools.reduce(torch.result_type, tensors) if len(tensors) == 2 else dtype
        compute = "f64" if dtype is torch.float64 else "f32"
        chosen = {n: given[n] if values is not None or isinstance(given[n], bool) else given[n] is not None for n, values in plan.statics}
        _, stored = pointwise.operand_kinds(definition)
        values = {}
        for n, value in given.items():
            if isinstance(value, torch.Tensor) and stored.get(n, "Compute") == "Compute":
                value = value.to(_FLOATS[compute])
            values[n] = value
        results = [_store(_evaluate(e, values), kind, dtype) for kind, e in pointwise.trace(definition, compute, chosen, plan)]
        return results[0] if len(results) == 1 else tuple(results)
    decomposed.__name__ = decomposed.__qualname__ = f"{name}_{overload or 'default'}"
    decomposed.__doc__ = f"aten::{name} in terms of simpler operators, from its definition."
    return decomposed


def _expressible(node):
    return node.op in _OPS or node.op == "fn" and node.attr in _NAMED


def _store(value, kind, dtype):
    wanted = {"Bool": torch.bool, "Int64": torch.int64}.get(kind, dtype)
    return value if value.dtype is wanted else value.to(wanted)


def _evaluate(root, inputs):
    """The expression with tensors and numbers for its inputs."""
    from torch._codegen.lower import post_order

    values: dict = {}
    for node in post_order([root]):
        if node.op == "const":
            values[node] = node.attr
        elif node.op == "input":
            values[node] = inputs[node.attr]
        else:
            args = [values[a] for a in node.args]
            if node.op == "cast":
                values[node] = args[0].to(_FLOATS[node.type]) if isinstance(args[0], torch.Tensor) else args[0]
            else:
                values[node] = _function(node.attr)(*args) if node.op == "fn" else _OPS[node.op](*args)
    return values[root]
