"""Evaluates expressions with NumPy: the plain meaning of every node, against which generated code can be compared."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from . import lower

DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "u64": np.uint64, "bool": np.bool_}


def _exact_fma(a, b, c):
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(exact) if exact else a * b + c
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _fma(a, b, c):
    if a.dtype == np.float32:    # the product is exact in float64; the sum is rounded twice, which hardly ever shows
        return (a.astype(np.float64) * b + c).astype(np.float32)
    return np.frompyfunc(_exact_fma, 3, 1)(a, b, c).astype(np.float64)


def _unsigned(x):
    return x.view({4: np.uint32, 8: np.uint64}[x.dtype.itemsize])


def _count(x, function):
    return np.array([function(int(v)) for v in _unsigned(x).ravel()], dtype=x.dtype).reshape(x.shape)


def _integer_division(a, b):
    safe = np.where(b == 0, 1, b).astype(b.dtype)
    quotient = np.abs(a) // np.abs(safe) * np.sign(a) * np.sign(safe) if a.dtype.kind == "i" else a // safe
    return quotient.astype(a.dtype)


def _division(a, b):
    return a / b if a.dtype.kind == "f" else _integer_division(a, b)


def _remainder(a, b):
    return np.fmod(a, b) if a.dtype.kind == "f" else (a - _integer_division(a, b) * b).astype(a.dtype)


_OPS = {
    "neg": np.negative, "abs": np.abs, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint, "not": np.invert,
    "popcount": lambda x: _count(x, int.bit_count), "clz": lambda x: _count(x, lambda v: x.dtype.itemsize * 8 - v.bit_length()),
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": _division, "rem": _remainder, "min": np.minimum, "max": np.maximum,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "shl": np.left_shift, "shr": np.right_shift,
    "lshr": lambda a, b: np.right_shift(_unsigned(a), _unsigned(b)).view(a.dtype),
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "fma": _fma, "select": np.where, "copysign": np.copysign,
}


def evaluate(value, inputs):
    """The value of an expression for `inputs`, {Expr: array}; transcendental functions are expanded first.

    >>> x = E.input("x", "f32")
    >>> evaluate(x * x + 1.0, {x: np.float32([1, 2])})
    array([2., 5.], dtype=float32)
    """
    (root,) = lower.expand([value])
    values = {node: np.atleast_1d(np.asarray(a, DTYPES[node.type])) for node, a in inputs.items()}
    with np.errstate(all="ignore"):
        for node in lower.post_order([root]):
            if node in values:
                continue
            if node.op == "const":
                values[node] = np.array([node.attr & (2**64 - 1) if node.type == "u64" else node.attr], DTYPES[node.type])
                continue
            args = [values[a] for a in node.args]
            if node.op == "cast":
                result = args[0].astype(DTYPES[node.type])
            elif node.op == "bitcast":
                result = args[0].view(DTYPES[node.type])
            elif node.op in _OPS:
                result = _OPS[node.op](*args)
            else:
                raise TypeError(f"{node.op} {node.attr or ''} has no NumPy meaning")
            values[node] = np.asarray(result, DTYPES[node.type])
    return values[root]
