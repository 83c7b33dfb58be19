"""Scalar expressions: the vocabulary in which an operator says what it computes.

A definition is called once with symbolic scalars; what it returns is a graph of `Expr` nodes. Nodes are interned, so equal
subexpressions are one object and common-subexpression elimination costs nothing. Complex numbers are pairs of real
expressions (`complexes.Complex`) and never reach a node.

Types: "f32", "f64", "i32", "i64", "u64" and "bool" (one bit).
"""

from __future__ import annotations

import math

FLOATS = ("f32", "f64")
INTS = ("i32", "i64", "u64")

# Every node kind with its arity. `fn` nodes are transcendental functions, which torch/_codegen expands into the others.
ARITY = {
    "const": 0, "input": 0,
    "neg": 1, "abs": 1, "sqrt": 1, "floor": 1, "ceil": 1, "trunc": 1, "rint": 1, "not": 1, "popcount": 1, "clz": 1,
    "add": 2, "sub": 2, "mul": 2, "div": 2, "rem": 2,            # integer div and rem truncate; float rem is fmod
    "min": 2, "max": 2,                                          # a NaN in either wins
    "and": 2, "or": 2, "xor": 2, "shl": 2, "shr": 2, "lshr": 2,
    "eq": 2, "ne": 2, "lt": 2, "le": 2, "gt": 2, "ge": 2,        # "bool"; false on NaN except ne
    "fma": 3, "select": 3,
    "cast": 1,                                                   # value conversion to node.type
    "bitcast": 1,                                                # same bits, other type of the same width
    "copysign": 2,
    "call": None,                                                # attr = name of a scalar C++ function
    "fn": None,                                                  # attr = name: exp, log, sin, pow, erf, ...
    "fold": 1,                                                   # attr = "add" or "max": over the row (fused definitions only)
}

_interned: dict = {}


class Expr:
    """One node. Build with the operators and functions of this module, never directly."""

    __slots__ = ("op", "args", "type", "attr", "__weakref__")

    def __new__(cls, op, args=(), type="f32", attr=None):
        # -0.0 == 0.0 and True == 1, so constants are interned by their text
        key = (op, tuple(map(id, args)), type, repr(attr))
        node = _interned.get(key)
        if node is None:
            node = object.__new__(cls)
            node.op, node.args, node.type, node.attr = op, tuple(args), type, attr
            _interned[key] = node
        return node

    def __repr__(self):
        if self.op in ("const", "input"):
            return str(self.attr)
        name = self.attr if self.op in ("fn", "call") else self.op
        return f"{name}({', '.join(map(repr, self.args))})"

    # Python operators mean what Tensor's do. `==` stays identity (nodes are dictionary keys): write eq(a, b).
    def __add__(self, other): return binary("add", self, other)
    def __radd__(self, other): return binary("add", other, self)
    def __sub__(self, other): return binary("sub", self, other)
    def __rsub__(self, other): return binary("sub", other, self)
    def __mul__(self, other): return binary("mul", self, other)
    def __rmul__(self, other): return binary("mul", other, self)
    def __truediv__(self, other): return binary("div", self, other)
    def __rtruediv__(self, other): return binary("div", other, self)
    def __neg__(self): return unary("neg", self)
    def __and__(self, other): return binary("and", self, other)
    def __rand__(self, other): return binary("and", other, self)
    def __or__(self, other): return binary("or", self, other)
    def __ror__(self, other): return binary("or", other, self)
    def __xor__(self, other): return binary("xor", self, other)
    def __rxor__(self, other): return binary("xor", other, self)
    def __invert__(self): return unary("not", self)
    def __lshift__(self, other): return binary("shl", self, other)
    def __rshift__(self, other): return binary("shr", self, other)
    def __lt__(self, other): return compare("lt", self, other)
    def __le__(self, other): return compare("le", self, other)
    def __gt__(self, other): return compare("gt", self, other)
    def __ge__(self, other): return compare("ge", self, other)

    def __bool__(self):
        raise TypeError("a symbolic scalar has no truth value: use where(condition, a, b)")

    @property
    def is_float(self):
        return self.type in FLOATS

    @property
    def is_constant(self):
        return self.op == "const"

    def conj(self): return self

    @property
    def real(self): return self


def const(value, type):
    """The constant `value` of `type`; float values may be given as int."""
    if type in FLOATS:
        value = float(value)
    elif type == "bool":
        value = bool(value)
    else:
        value = int(value)
    return Expr("const", (), type, value)


def input(name, type):
    """A symbolic scalar: an element of an operand, or an operator's Scalar argument."""
    return Expr("input", (), type, name)


def like(value, node):
    """`value` as an expression of the type of `node`."""
    if isinstance(value, Expr):
        return value if value.type == node.type else cast(value, node.type)
    return const(value, node.type)


def _pair(a, b):
    if not isinstance(a, Expr):
        a = like(a, b)
    elif not isinstance(b, Expr):
        b = like(b, a)
    elif a.type != b.type:
        if a.type == "bool":
            a = cast(a, b.type)
        elif b.type == "bool":
            b = cast(b, a.type)
        else:
            raise TypeError(f"operands of types {a.type} and {b.type}: cast one of them")
    return a, b


def _other_kind(*args):
    """Complex operands answer for themselves: complexes.Complex defines the reflected operators and `apply`."""
    return next((a for a in args if not isinstance(a, (Expr, int, float, bool))), None)


def unary(op, x):
    if (other := _other_kind(x)) is not None:
        return other.apply(op, x)
    return Expr(op, (x,), x.type)


def binary(op, a, b):
    if (other := _other_kind(a, b)) is not None:
        return NotImplemented if op in ("add", "sub", "mul", "div") and isinstance(a, Expr) else other.apply(op, a, b)
    a, b = _pair(a, b)
    return Expr(op, (a, b), a.type)


def compare(op, a, b):
    if (other := _other_kind(a, b)) is not None:
        return other.apply(op, a, b)
    a, b = _pair(a, b)
    return Expr(op, (a, b), "bool")


def fn(name, *args):
    """A transcendental function; its expansion is torch/_codegen's, its derivative rule torch/_codegen/diff's."""
    if (other := _other_kind(*args)) is not None:
        return other.apply(name, *args)
    first = next(a for a in args if isinstance(a, Expr))
    args = tuple(like(a, first) for a in args)
    return Expr("fn", args, first.type, name)


def call(name, *args):
    """A rare special function that the runtime gives as scalar C++ (`double name(double, ...)`)."""
    first = next(a for a in args if isinstance(a, Expr))
    return Expr("call", tuple(like(a, first) for a in args), first.type, name)


def where(condition, a, b):
    """a where condition holds, else b. Both are computed; each is differentiated by itself."""
    if (other := _other_kind(a, b)) is not None:
        return other.apply("where", condition, a, b)
    a, b = _pair(a, b) if isinstance(a, Expr) or isinstance(b, Expr) else (a, b)
    return Expr("select", (condition, a, b), a.type)


def rarely(condition, rare, common):
    """where(condition, rare, common), promising that the condition seldom holds: what only `rare` needs goes behind a branch."""
    return Expr("select", (condition, rare, common), common.type, "rare")


def cast(x, type):
    if (other := _other_kind(x)) is not None:
        return other.apply("cast", x, type)
    if x.type == type:
        return x
    return const(x.attr, type) if x.is_constant and x.type != "bool" else Expr("cast", (x,), type)


def bitcast(x, type):
    return x if x.type == type else Expr("bitcast", (x,), type)


def fma(a, b, c):
    """a * b + c rounded once."""
    first = next(v for v in (a, b, c) if isinstance(v, Expr))
    return Expr("fma", (like(a, first), like(b, first), like(c, first)), first.type)


def row_sum(x):
    """Sum over the row that a fused definition works on: one value a row."""
    return Expr("fold", (x,), x.type, "add")


def row_max(x):
    """Largest element of the row; a NaN wins."""
    return Expr("fold", (x,), x.type, "max")


def row_length(type):
    """Number of elements of the row."""
    return cast(input("row_length", "i64"), type)


def eq(a, b): return compare("eq", a, b)
def ne(a, b): return compare("ne", a, b)
def minimum(a, b): return binary("min", a, b)
def maximum(a, b): return binary("max", a, b)
def remainder_trunc(a, b): return binary("rem", a, b)
def copysign(a, b): return binary("copysign", a, b)
def shift_right_logical(a, b): return binary("lshr", a, b)
def abs(x): return unary("abs", x)
def floor(x): return unary("floor", x)
def ceil(x): return unary("ceil", x)
def trunc(x): return unary("trunc", x)
def rint(x): return unary("rint", x)
def sqrt(x): return unary("sqrt", x)
def isnan(x): return compare("ne", x, x)
def isinf(x): return compare("eq", abs(x), math.inf)


# fn names: the transcendental functions with an expansion in torch/_codegen/mathlib and a rule in torch/_codegen/diff
FUNCTIONS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "cbrt", "rsqrt",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "sigmoid", "erf", "erfc", "erfcx", "erfinv", "lgamma", "digamma", "hypot", "sinpi", "cospi", "i0e", "i1e",
)


def _define(name):
    def function(*args):
        return fn(name, *args)
    function.__name__ = function.__qualname__ = name
    return function


globals().update({name: _define(name) for name in FUNCTIONS})
