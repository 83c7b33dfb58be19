"""Derivatives of expressions, of any order: the derivative of an expression is an expression.

`where` selects between the derivatives of its branches, so that the branch not taken cannot spoil the result with 0 * inf. At a
kink the convention is PyTorch's: abs has slope 0 at 0, min and max share the slope between equal operands, rounding has
slope 0. Rules use the function's own result where they can, so that common subexpressions stay common.
"""

from __future__ import annotations

import math

from .._opdefs import expr as E

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def sign(x):
    """-1, 0 or 1; NaN for NaN."""
    one = E.const(1, x.type)
    return E.where(x > 0, one, E.where(x < 0, -one, E.where(E.eq(x, 0), E.const(0, x.type), x)))


def _pow_exponent(r, x, y):
    return E.where(E.eq(x, 0) & (y >= 0), E.const(0, x.type), r * E.log(x))


# name: a function of (result, *args) giving the partial derivatives
FUNCTION_RULES = {
    "exp": lambda r, x: r,
    "exp2": lambda r, x: r * math.log(2),
    "expm1": lambda r, x: r + 1.0,
    "log": lambda r, x: 1.0 / x,
    "log2": lambda r, x: 1.0 / (x * math.log(2)),
    "log10": lambda r, x: 1.0 / (x * math.log(10)),
    "log1p": lambda r, x: 1.0 / (x + 1.0),
    "pow": lambda r, x, y: (y * E.pow(x, y - 1.0), _pow_exponent(r, x, y)),
    "cbrt": lambda r, x: 1.0 / (3.0 * r * r),
    "rsqrt": lambda r, x: -0.5 * r * r * r,
    "sin": lambda r, x: E.cos(x),
    "cos": lambda r, x: -E.sin(x),
    "tan": lambda r, x: E.fma(r, r, 1.0),
    "asin": lambda r, x: E.rsqrt(1.0 - x * x),
    "acos": lambda r, x: -E.rsqrt(1.0 - x * x),
    "atan": lambda r, x: 1.0 / (x * x + 1.0),
    "atan2": lambda r, y, x: (x / (x * x + y * y), -y / (x * x + y * y)),
    "sinh": lambda r, x: E.cosh(x),
    "cosh": lambda r, x: E.sinh(x),
    "tanh": lambda r, x: 1.0 - r * r,
    "asinh": lambda r, x: E.rsqrt(x * x + 1.0),
    "acosh": lambda r, x: E.rsqrt(x * x - 1.0),
    "atanh": lambda r, x: 1.0 / (1.0 - x * x),
    "sigmoid": lambda r, x: (1.0 - r) * r,
    "erf": lambda r, x: TWO_OVER_SQRT_PI * E.exp(-(x * x)),
    "erfc": lambda r, x: -TWO_OVER_SQRT_PI * E.exp(-(x * x)),
    "erfcx": lambda r, x: 2.0 * x * r - TWO_OVER_SQRT_PI,
    "erfinv": lambda r, x: E.exp(r * r) / TWO_OVER_SQRT_PI,
    "lgamma": lambda r, x: E.digamma(x),
    "i0e": lambda r, x: E.i1e(x) - sign(x) * r,
    "i1e": lambda r, x: E.i0e(x) - r * (sign(x) + 1.0 / x),
    "hypot": lambda r, x, y: (x / r, y / r),
    "sinpi": lambda r, x: math.pi * E.cospi(x),
    "cospi": lambda r, x: -math.pi * E.sinpi(x),
}

# node kinds without slope
FLAT = {"const", "floor", "ceil", "trunc", "rint", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor", "not", "shl", "shr", "lshr", "bitcast",
        "popcount", "clz"}


def _extremum(node, da, db):
    a, b = node.args
    wins = a > b if node.op == "max" else a < b
    zero = E.const(0, node.type)
    da, db = zero if da is None else da, zero if db is None else db
    return E.where(E.eq(a, b), 0.5 * (da + db), E.where(wins, da, db))


def _plus(a, b):
    return b if a is None else a if b is None else a + b


def _times(factor, tangent):
    """factor * tangent, where the tangent of the input itself is the constant 1."""
    if tangent is None:
        return None
    if tangent.is_constant and tangent.attr == 1:
        return factor
    if factor.is_constant and factor.attr == 1:
        return tangent
    return factor * tangent


def _minus(tangent):
    return None if tangent is None else -tangent


def _select(node, d):
    condition, a, b = node.args
    if d[1] is None and d[2] is None:
        return None
    zero = E.const(0, node.type)
    return E.where(condition, zero if d[1] is None else d[1], zero if d[2] is None else d[2])


def _tangent(node, d):
    """The tangent of `node` from those of its arguments; None stands for 0."""
    op, args = node.op, node.args
    if op in FLAT or not node.is_float or all(t is None for t in d):
        return None
    if op == "neg":
        return -d[0]
    if op == "abs":
        return _times(sign(args[0]), d[0])
    if op == "sqrt":
        return d[0] / (2.0 * node)
    if op == "add":
        return _plus(*d)
    if op == "sub":
        return _plus(d[0], _minus(d[1]))
    if op == "mul":
        return _plus(_times(args[1], d[0]), _times(args[0], d[1]))
    if op == "div":
        whole = None if d[0] is None else d[0] / args[1]
        return _plus(whole, None if d[1] is None else _times(-(node / args[1]), d[1]))
    if op == "rem":
        return _plus(d[0], _minus(_times(E.trunc(args[0] / args[1]), d[1])))
    if op in ("min", "max"):
        return _extremum(node, *d)
    if op == "fma":
        return _plus(_plus(_times(args[1], d[0]), _times(args[0], d[1])), d[2])
    if op == "select":
        return _select(node, d)
    if op == "cast":
        return E.cast(d[0], node.type) if args[0].is_float else None
    if op == "copysign":
        return _times(E.copysign(sign(args[0]), sign(args[0]) * node), d[0])
    rule = FUNCTION_RULES.get(node.attr) if op == "fn" else None
    if rule is None:
        raise TypeError(f"no derivative of {node.attr or op}")
    partials = rule(node, *args)
    total = None
    for partial, tangent in zip(partials if isinstance(partials, tuple) else (partials,), d):
        total = _plus(total, _times(partial, tangent))
    return total


def derivative(value, *inputs):
    """The partial derivative of an expression by each of `inputs` in turn: one for the slope, the same one twice for the curvature.

    >>> x = E.input("x", "f32")
    >>> derivative(E.sin(x), x)
    cos(x)
    """
    for x in inputs:
        tangents = {x: E.const(1, x.type)}
        stack = [value]
        while stack:
            node = stack[-1]
            missing = [a for a in node.args if a not in tangents] if node not in tangents else []
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if node not in tangents:
                tangents[node] = _tangent(node, [tangents[a] for a in node.args])
        value = tangents[value]
        if value is None:
            value = E.const(0, x.type)
    return value
