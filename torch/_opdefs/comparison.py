"""Comparisons, logic and tests of numbers; the replacement of NaN and infinities."""

import math

from .complexes import Complex
from .expr import *
from .language import *

# ---- comparisons ----

_COMPARISONS = {
    "eq": (ALL, "x equals y", "[False, True]"), "ne": (ALL, "x differs from y", "[ True, False]"),
    "lt": (REALS, "x is less than y", "[ True, False]"), "le": (REALS, "x is at most y", "[True, True]"),
    "gt": (REALS, "x is greater than y", "[False, False]"), "ge": (REALS, "x is at least y", "[False, True]"),
}


def _comparison(name, kinds, meaning, shown):
    def body(x, y):
        return compare(name, x, y)
    body.__doc__ = f"Whether {meaning}, element by element.\n\n    >>> torch.{name}(torch.tensor([1., 2.]), 2)\n    tensor({shown})\n    "
    body.__name__ = name
    pointwise(f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", f"{name}.Scalar(Tensor self, Scalar other) -> Tensor", result=BOOL, kinds=kinds,
              grad=None, out=[f"{name}.Tensor_out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
                              f"{name}.Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"])(body)


for _name, _row in _COMPARISONS.items():
    _comparison(_name, *_row)

aliases("ne", "not_equal")
aliases("lt", "less")
aliases("le", "less_equal")
aliases("gt", "greater")
aliases("ge", "greater_equal")

# ---- logic ----


def _true(x):
    return ne(x, 0)


@pointwise("logical_not(Tensor self) -> Tensor", result=BOOL, kinds=ALL, grad=None)
def logical_not(x):
    """Whether x is zero.

    >>> torch.logical_not(torch.tensor([0., 2.]))
    tensor([ True, False])
    """
    return eq(x, 0)


@pointwise("logical_and(Tensor self, Tensor other) -> Tensor", result=BOOL, kinds=ALL, grad=None)
def logical_and(x, y):
    """Whether neither is zero.

    >>> torch.logical_and(torch.tensor([True, True]), torch.tensor([True, False]))
    tensor([ True, False])
    """
    return _true(x) & _true(y)


@pointwise("logical_or(Tensor self, Tensor other) -> Tensor", result=BOOL, kinds=ALL, grad=None)
def logical_or(x, y):
    """Whether one is not zero.

    >>> torch.logical_or(torch.tensor([True, False]), torch.tensor([False, False]))
    tensor([ True, False])
    """
    return _true(x) | _true(y)


@pointwise("logical_xor(Tensor self, Tensor other) -> Tensor", result=BOOL, kinds=ALL, grad=None)
def logical_xor(x, y):
    """Whether exactly one is zero.

    >>> torch.logical_xor(torch.tensor([True, True]), torch.tensor([True, False]))
    tensor([False,  True])
    """
    return _true(x) ^ _true(y)


# ---- tests ----


def _component_test(test):
    """A test of real numbers, for integers false, for complex ones true of either part."""
    def body(x):
        if not isinstance(x, Expr):
            return test(x.real) | test(x.imag)
        return test(x) if x.is_float else ne(x, x)
    return body


def _test(name, test, kinds, doc):
    body = _component_test(test)
    body.__doc__ = doc
    body.__name__ = name
    pointwise(f"{name}(Tensor self) -> Tensor", result=BOOL, kinds=kinds, grad=None, inplace=False)(body)


_test("isnan", isnan, ALL, """Whether x is NaN; of a complex number, either part.

    >>> torch.isnan(torch.tensor([1., float("nan")]))
    tensor([False,  True])
    """)
_test("isinf", isinf, ALL, """Whether x is infinite; of a complex number, either part.

    >>> torch.isinf(torch.tensor([1., float("inf")]))
    tensor([False,  True])
    """)
_test("isposinf", lambda x: eq(x, math.inf), REALS, """Whether x is +inf.

    >>> torch.isposinf(torch.tensor([float("-inf"), float("inf")]))
    tensor([False,  True])
    """)
_test("isneginf", lambda x: eq(x, -math.inf), REALS, """Whether x is -inf.

    >>> torch.isneginf(torch.tensor([float("-inf"), float("inf")]))
    tensor([ True, False])
    """)


@pointwise("signbit(Tensor self) -> Tensor", result=BOOL, kinds=REALS, grad=None, inplace=False)
def signbit(x):
    """Whether the sign bit of x is set, which tells -0 from 0.

    >>> torch.signbit(torch.tensor([-0., 1.]))
    tensor([ True, False])
    """
    if x.is_float:
        return bitcast(x, "i32" if x.type == "f32" else "i64") < 0
    return x < 0


@composite("isfinite(Tensor self) -> Tensor")
def isfinite(self):
    """Whether x is neither infinite nor NaN.

    >>> torch.isfinite(torch.tensor([1., float("inf")]))
    tensor([ True, False])
    """
    if self.is_complex():
        return isfinite(real(self)).bitwise_and_(isfinite(imag(self)))  # noqa: F821
    if not self.is_floating_point():
        return ones_like(self, dtype=torch.bool)  # noqa: F821
    finite = abs(self) != math.inf
    return (self == self) * finite


@composite("isreal(Tensor self) -> Tensor")
def isreal(self):
    """Whether the imaginary part is zero.

    >>> torch.isreal(torch.tensor([1., 2.]))
    tensor([True, True])
    """
    if self.is_complex():
        return imag(self) == 0  # noqa: F821
    return ones_like(self, dtype=torch.bool)  # noqa: F821


@composite("isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor", kinds="busfc")
def isclose(self, other, rtol, atol, equal_nan):
    """Whether |x - y| <= atol + rtol |y|, or x equals y; with equal_nan, NaN equals NaN.

    >>> torch.isclose(torch.tensor([1., 2.]), torch.tensor([1., 2.1]))
    tensor([ True, False])
    """
    if self.dtype != other.dtype:
        raise RuntimeError(f"{self.dtype} did not match {other.dtype}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol}")
    exact = not self.is_floating_point() and not self.is_complex()
    close = self == other
    if equal_nan and (self.is_floating_point() or self.is_complex()):
        missing = isnan(self)
        close = close.bitwise_or_(missing.bitwise_and(isnan(other)))
    if rtol == 0 and atol == 0:
        return close
    expected = other.to(torch.float32) if exact else other  # noqa: F821
    allowed = atol + abs(rtol * expected)
    actual = abs(self - expected)
    finite = isfinite(actual)
    return close.bitwise_or_((actual <= allowed).bitwise_and_(finite))


# ---- NaN and infinities ----


def _grad_nan_to_num(grad, self):
    finite = abs(self) != math.inf
    return grad * ((self == self) * finite)


@pointwise("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor", kinds=ALL, grad={"self": _grad_nan_to_num})
def nan_to_num(x, nan, posinf, neginf):
    """x with NaN, inf and -inf replaced; by default by 0 and the ends of the dtype's range.

    >>> torch.nan_to_num(torch.tensor([float("nan"), 1.]), nan=5.)
    tensor([5., 1.])
    """
    if not isinstance(x, Expr):
        return Complex(nan_to_num(x.re, nan, posinf, neginf), nan_to_num(x.im, nan, posinf, neginf))
    if not x.is_float:
        return x
    largest = 3.4028234663852886e38 if x.type == "f32" else 1.7976931348623157e308
    y = where(eq(x, math.inf), largest if posinf is None else posinf, x)
    y = where(eq(x, -math.inf), -largest if neginf is None else neginf, y)
    return where(isnan(x), 0 if nan is None else nan, y)


@pointwise("heaviside(Tensor self, Tensor values) -> Tensor", kinds=REALS, grad=None)
def heaviside(x, values):
    """0 where x is negative, 1 where it is positive, `values` where it is 0.

    >>> torch.heaviside(torch.tensor([-1., 0., 2.]), torch.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return where(eq(x, 0), values, where(x < 0, like(0, x), like(1, x)))


def _grad_nextafter_self(grad, self, other):
    zero = scalar_tensor(0, dtype=grad.dtype)  # noqa: F821
    return where(self != other, grad, zero)


@pointwise("_nextafter(Tensor self, Tensor other) -> Tensor", kinds=FLOATING, inplace=False, out=False, python="", grad=None)
def _nextafter(x, y):
    """nextafter of float32 and float64."""
    integer = "i32" if x.type == "f32" else "i64"
    bits = bitcast(x, integer)
    outward = (x < y) ^ (bits < 0)
    step = bits + where(outward, const(1, integer), const(-1, integer))
    smallest = copysign(bitcast(const(1, integer), x.type), y)
    moved = where(eq(x, 0), smallest, bitcast(step, x.type))
    return where(isnan(x) | isnan(y), x + y, where(eq(x, y), y, moved))


@decomposed("nextafter(Tensor self, Tensor other) -> Tensor", kinds=FLOATING, inplace=True, out=True, jvp=None,
            grad={"self": _grad_nextafter_self, "other": "zeros(other.shape, dtype=grad.dtype, device=grad.device)"}, out_dtype="cast")
def nextafter(self, other):
    """The next number after self in the direction of other.

    >>> torch.nextafter(torch.tensor([0.], dtype=torch.float64), torch.tensor([1.], dtype=torch.float64)) > 0
    tensor([True])
    """
    if self.dtype != torch.float16 and self.dtype != torch.bfloat16:  # noqa: F821
        return _nextafter(self, other)
    # kernels compute halves in float32, whose neighbours are others: step through the bits instead
    bits = self.contiguous().view(torch.int16)  # noqa: F821
    step = where(logical_xor(self < other, bits < 0), 1, -1)
    smallest = where(other.signbit(), -32767, 1)
    moved = where(self == 0, smallest, bits + step).to(torch.int16).view(self.dtype)  # noqa: F821
    moved = where(self == other, other, moved)
    return where(logical_or(isnan(self), isnan(other)), self + other, moved)
