"""Powers and roots."""

import math

from .expr import *
from .language import *


def _pow(x, y):
    """Real powers are `pow`; integer powers square repeatedly, and wrap as integers do."""
    if getattr(x, "type", "complex") not in INTS:
        return pow(x, y)
    result, base, e = like(1, x), x, y
    for _ in range(6):
        result = where(ne(e & 1, 0), result * base, result)
        base, e = base * base, shift_right_logical(e, like(1, e))
    if x.type == "u64":
        return result
    parity = where(ne(y & 1, 0), like(-1, x), like(1, x))
    negative = where(eq(x, 1), like(1, x), where(eq(x, -1), parity, like(0, x)))
    return where(y < 0, negative, result)


def _grad_pow_scalar(grad, self, exponent):
    if exponent == 0:
        return zeros_like(grad)
    return grad * (self.pow(exponent - 1) * exponent).conj()


def _grad_pow_self(grad, self, exponent):
    return where(exponent == 0.0, scalar_tensor(0, dtype=grad.dtype), grad * (exponent * self.pow(exponent - 1)).conj())


def _grad_pow_exponent(grad, self, exponent, result):
    if exponent.is_complex():
        condition = logical_and(self == 0, real(exponent) >= 0)
    else:
        condition = logical_and(self == 0, exponent >= 0)
    return grad * where(condition, scalar_tensor(0, dtype=grad.dtype), (result * self.log()).conj())


def _grad_pow_scalar_exponent(grad, self, exponent, result):
    return grad * (result * log(scalar_tensor(self, dtype=grad.dtype))).conj()


@pointwise(
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", kinds=NUMERIC,
    inplace=["pow_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)"],
    out=["pow.Tensor_Tensor_out(Tensor self, Tensor exponent, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _grad_pow_self, "exponent": _grad_pow_exponent}, node="PowBackward1",
)
def pow_tensor(x, y):
    """x to the power y.

    >>> torch.pow(torch.tensor([2., 3.]), torch.tensor([3., 2.]))
    tensor([8., 9.])
    """
    return _pow(x, y)


@pointwise(
    "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", kinds=NUMERIC, operands=("exponent",),
    inplace=["pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)"],
    out=["pow.Tensor_Scalar_out(Tensor self, Scalar exponent, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _grad_pow_scalar}, node="PowBackward0",
)
def pow_scalar(x, y):
    """x to the power y, y a number.

    >>> torch.pow(torch.tensor([2., 3.]), 2)
    tensor([4., 9.])
    """
    if not isinstance(x, Expr):
        whole = eq(y.imag, 0.0)
        power = where(whole & eq(y.real, 3.0), x * x * x, where(whole & eq(y.real, -1.0), 1.0 / x, _pow(x, y)))
        return where(whole & eq(y.real, 2.0), x * x, power)
    if not x.is_float:
        return _pow(x, y)
    # the usual exponents need no logarithm
    power = where(eq(y, 3), x * x * x, where(eq(y, 0.5), sqrt(x), where(eq(y, -1), 1.0 / x, x)))
    power = rarely(~(eq(y, 3) | eq(y, 0.5) | eq(y, -1) | eq(y, 1)), pow(x, y), power)
    return rarely(ne(y, 2), power, x * x)


@pointwise(
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor", kinds=NUMERIC, operands=("self",), inplace=False, python="function",
    out=["pow.Scalar_out(Scalar self, Tensor exponent, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"exponent": _grad_pow_scalar_exponent}, jvp=None, node="PowBackward2",
)
def pow_base(x, y):
    """x to the power y, x a number.

    >>> torch.pow(2, torch.tensor([1., 2.]))
    tensor([2., 4.])
    """
    return _pow(x, y)


@pointwise("sqrt(Tensor self) -> Tensor", result=FLOAT, kinds=ALL, grad={"self": "grad / (result.conj() * 2)"})
def square_root(x):
    """The square root; NaN below zero.

    >>> torch.sqrt(torch.tensor([4., 9.]))
    tensor([2., 3.])
    """
    return sqrt(x)


@pointwise("rsqrt(Tensor self) -> Tensor", result=FLOAT, kinds=ALL, grad={"self": "grad * (result.pow(3) * -0.5).conj()"})
def reciprocal_square_root(x):
    """1 / sqrt(x).

    >>> torch.rsqrt(torch.tensor([4., 0.25]))
    tensor([0.5000, 2.0000])
    """
    return 1.0 / sqrt(x)


@pointwise("hypot(Tensor self, Tensor other) -> Tensor", kinds=FLOATING,
           grad={"self": "grad * self / result", "other": "grad * other / result"})
def hypotenuse(x, y):
    """sqrt(x^2 + y^2) without overflow.

    >>> torch.hypot(torch.tensor([3.]), torch.tensor([4.]))
    tensor([5.])
    """
    return hypot(x, y)


@composite("square(Tensor self) -> Tensor", out=True)
def square(self):
    """x^2.

    >>> torch.square(torch.tensor([3.]))
    tensor([9.])
    """
    return self.pow(2)


@composite("square_(Tensor(a!) self) -> Tensor(a!)")
def square_(self):
    """square in place."""
    return self.pow_(2)


def _as_double(self, exponent):
    """self ** exponent in float64 or complex128.

    >>> torch.float_power(torch.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    if self.is_complex() or exponent.is_complex():
        return pow(self.to(torch.complex128), exponent.to(torch.complex128))  # noqa: F821
    return pow(self.to(torch.float64), exponent.to(torch.float64))  # noqa: F821


composite("float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", kinds=ALL, out=True)(_as_double)


@composite("float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", out=True)
def float_power_number(self, exponent):
    """self ** exponent in float64 or complex128.

    >>> torch.float_power(torch.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    if self.is_complex() or exponent.is_complex():
        return pow(self.to(torch.complex128), exponent)  # noqa: F821
    return pow(self.to(torch.float64), exponent)  # noqa: F821


@composite("float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", python="function", out=True)
def float_power_base(self, exponent):
    """self ** exponent in float64 or complex128."""
    if self.is_complex() or exponent.is_complex():
        return pow(self, exponent.to(torch.complex128))  # noqa: F821
    return pow(self, exponent.to(torch.float64))  # noqa: F821


@composite("float_power_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)", python="method")
def float_power_number_(self, exponent):
    """float_power in place; self is float64 or complex128."""
    if self.dtype != torch.float64 and self.dtype != torch.complex128:  # noqa: F821
        raise RuntimeError(f"the base given to float_power_ has dtype {self.dtype} but the operation's result requires dtype float64 or complex128")
    return self.pow_(exponent)


@composite("float_power_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)", python="method")
def float_power_(self, exponent):
    """float_power in place; self is float64 or complex128."""
    if self.dtype != torch.float64 and self.dtype != torch.complex128:  # noqa: F821
        raise RuntimeError(f"the base given to float_power_ has dtype {self.dtype} but the operation's result requires dtype float64 or complex128")
    return self.pow_(exponent.to(self.dtype))


@pointwise("ldexp.Tensor(Tensor self, Tensor other) -> Tensor", result=FLOAT, kinds="busfc", without=(*WIDE_UNSIGNED, *FLOAT8,), inplace=["ldexp_(Tensor(a!) self, Tensor other) -> Tensor(a!)"],
           out=["ldexp.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "grad * pow(2, other).conj()", "other": "grad * result.conj() * 0.6931471805599453"})
def ldexp(x, y):
    """x times 2 to the power y.

    >>> torch.ldexp(torch.tensor([1.]), torch.tensor([3]))
    tensor([8.])
    """
    return x * exp2(y)


def _bits(x):
    """(mantissa in [1/2, 1), exponent) of a nonzero finite x, from its bits; 0, inf and NaN keep themselves and get 0."""
    integer, field, bias = ("i32", 23, 126) if x.type == "f32" else ("i64", 52, 1022)
    small = abs(x) < 2.0**(2 - bias)
    scaled = where(small, x * 2.0**64, x)
    bits = bitcast(scaled, integer)
    exponent = shift_right_logical(bits, const(field, integer)) & (2 * bias + 3)
    mantissa = bitcast((bits & ~((2 * bias + 3) << field)) | (bias << field), x.type)
    special = eq(x, 0) | ~(abs(x) < math.inf)
    e = exponent - bias - where(small, const(64, integer), const(0, integer))
    return where(special, x, mantissa), where(special, const(0, integer), e)


@pointwise("_frexp_mantissa(Tensor self) -> Tensor", kinds=FLOATING, inplace=False, out=False, python="", grad=None)
def _frexp_mantissa(x):
    """The mantissa of x, in [1/2, 1)."""
    return _bits(x)[0]


@pointwise("_frexp_exponent(Tensor self) -> Tensor", result=INT64, kinds=FLOATING, inplace=False, out=False, python="", grad=None)
def _frexp_exponent(x):
    """The exponent of x."""
    return _bits(x)[1]


@decomposed("frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)", grad={"self": "grads[0] / exponent.exp2()"}, jvp=None,
            out=["frexp.Tensor_out(Tensor self, *, Tensor(a!) mantissa, Tensor(b!) exponent) -> (Tensor(a!) mantissa, Tensor(b!) exponent)"])
def frexp(self):
    """Mantissa and exponent: self = mantissa * 2**exponent with 1/2 <= |mantissa| < 1.

    >>> torch.frexp(torch.tensor([8.]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000]),
    exponent=tensor([4], dtype=torch.int32))
    """
    if not self.is_floating_point():
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return _frexp_mantissa(self), _frexp_exponent(self).to(torch.int32)  # noqa: F821
