"""Arithmetic and elementary functions, element by element."""

import math

from .expr import *
from .language import *

# ---- arithmetic ----


@pointwise(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", "add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kinds=ALL, hidden=("add.Scalar",), grad={"self": "grad", "other": "grad * alpha.conj() if alpha != 1 else grad"},
)
def add(x, y, alpha):
    """x + alpha y.

    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([3., 4.]), alpha=2)
    tensor([ 7., 10.])
    """
    return x + alpha * y


@pointwise(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", "sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kinds=NUMERIC, hidden=("sub.Scalar",), grad={"self": "grad", "other": "-grad * alpha.conj() if alpha != 1 else -grad"},
)
def sub(x, y, alpha):
    """x - alpha y.

    >>> torch.sub(torch.tensor([3., 4.]), 1)
    tensor([2., 3.])
    """
    return x - alpha * y


@pointwise(
    "rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", "rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kinds=NUMERIC, inplace=False, out=["rsub.Tensor_out(Tensor self, Tensor other, *, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!)",
                                       "rsub.Scalar_out(Tensor self, Scalar other, Scalar alpha=1, *, Tensor(a!) out) -> Tensor(a!)"],
    python="function", hidden=("rsub.Scalar",), grad={"self": "-grad * alpha.conj() if alpha != 1 else -grad", "other": "grad"},
)
def rsub(x, y, alpha):
    """y - alpha x.

    >>> torch.rsub(torch.tensor([1., 2.]), 10)
    tensor([9., 8.])
    """
    return y - alpha * x


@pointwise(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor", "mul.Scalar(Tensor self, Scalar other) -> Tensor",
    kinds=ALL, hidden=("mul.Scalar",), grad={"self": "grad * other.conj()", "other": "grad * self.conj()"},
)
def mul(x, y):
    """x y.

    >>> torch.mul(torch.tensor([1., 2.]), 3)
    tensor([3., 6.])
    """
    return x * y


@pointwise(
    "div.Tensor(Tensor self, Tensor other) -> Tensor", "div.Scalar(Tensor self, Scalar other) -> Tensor",
    result=FLOAT, kinds=ALL, hidden=("div.Scalar",),
    grad={"self": "grad / other.conj()", "other": "-grad * ((self / other) / other).conj()"},
)
def div(x, y):
    """x / y; integers divide as the default floating dtype.

    >>> torch.div(torch.tensor([1, 3]), 2)
    tensor([0.5000, 1.5000])
    """
    return x / y


def _grad_div_mode(grad, other, rounding_mode):
    if rounding_mode is None:
        return grad / other.conj()
    return zeros_like(grad)


def _grad_div_mode_other(grad, self, other, rounding_mode):
    if rounding_mode is None:
        return -grad * ((self / other) / other).conj()
    return zeros_like(grad)


def _grad_div_mode_scalar(grad, other, rounding_mode):
    if rounding_mode is None:
        return grad / other.conj()
    return zeros_like(grad)


def _floor_div(x, y):
    """floor(x / y), exact also where x / y rounds up to the next integer; integers round toward minus infinity."""
    if x.is_float:
        r = remainder_trunc(x, y)
        q = (x - r) / y
        q = where(ne(r, 0) & ((r < 0) ^ (y < 0)), q - 1, q)
        f = floor(q)
        f = where((q - f) > 0.5, f + 1, f)
        f = where(eq(q, 0), copysign(like(0, x), x / y), f)
        return where(eq(y, 0), x / y, f)
    q = x / y
    if x.type == "u64":
        return q
    return where(ne(q * y, x) & ((x < 0) ^ (y < 0)), q - 1, q)


@pointwise(
    "floor_divide(Tensor self, Tensor other) -> Tensor", "floor_divide.Scalar(Tensor self, Scalar other) -> Tensor",
    kinds=REALS, hidden=("floor_divide.Scalar",), grad=None,
    inplace=["floor_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)", "floor_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)"],
)
def floor_divide(x, y):
    """floor(x / y).

    >>> torch.floor_divide(torch.tensor([7., -7.]), 2)
    tensor([ 3., -4.])
    """
    return _floor_div(x, y)


@pointwise(
    "_div_trunc(Tensor self, Tensor other) -> Tensor", kinds=REALS, grad=None, inplace=False, out=False, python="",
)
def div_trunc(x, y):
    """x / y rounded toward zero."""
    return trunc(x / y) if x.is_float else x / y


def _div_mode(self, other, rounding_mode):
    """x / y: true division for None, rounded toward zero for "trunc", toward minus infinity for "floor".

    >>> torch.div(torch.tensor([7., -7.]), 2, rounding_mode="trunc")
    tensor([ 3., -3.])
    """
    if rounding_mode is None:
        return self / other
    if rounding_mode == "trunc":
        return _div_trunc(self, other)
    if rounding_mode == "floor":
        return floor_divide(self, other)
    raise RuntimeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", rounding_mode, "'")


decomposed(
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", "div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",
    hidden=("div.Scalar_mode",), grad={"self": _grad_div_mode, "other": _grad_div_mode_other},
    inplace=["div_.Tensor_mode(Tensor(a!) self, Tensor other, *, str? rounding_mode) -> Tensor(a!)",
             "div_.Scalar_mode(Tensor(a!) self, Scalar other, *, str? rounding_mode) -> Tensor(a!)"],
    out=["div.out_mode(Tensor self, Tensor other, *, str? rounding_mode, Tensor(a!) out) -> Tensor(a!)",
         "div.Scalar_mode_out(Tensor self, Scalar other, *, str? rounding_mode, Tensor(a!) out) -> Tensor(a!)"],
)(_div_mode)


def _remainder(x, y):
    r = remainder_trunc(x, y)
    if x.type == "u64":
        return r
    return where(ne(r, 0) & ((r < 0) ^ (y < 0)), r + y, r)


@pointwise(
    "remainder.Tensor(Tensor self, Tensor other) -> Tensor", "remainder.Scalar(Tensor self, Scalar other) -> Tensor",
    kinds=REALS, grad={"self": "grad", "other": "grad * -self.div(other, rounding_mode='floor')"},
    out=["remainder.Tensor_out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
         "remainder.Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"],
)
def remainder(x, y):
    """x - y floor(x / y): the sign is y's.

    >>> torch.remainder(torch.tensor([-3., 3.]), 2)
    tensor([1., 1.])
    """
    return _remainder(x, y)


@pointwise("remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kinds=REALS, inplace=False, python="function",
           grad={"other": "grad * -floor_divide(scalar_tensor(self, dtype=grad.dtype), other)"})
def remainder_of_number(x, y):
    """x - y floor(x / y), x a number."""
    return _remainder(x, y)


@pointwise(
    "fmod.Tensor(Tensor self, Tensor other) -> Tensor", "fmod.Scalar(Tensor self, Scalar other) -> Tensor",
    kinds=REALS, grad={"self": "grad", "other": "grad * -self.div(other, rounding_mode='trunc')"},
    out=["fmod.Tensor_out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)", "fmod.Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"],
)
def fmod(x, y):
    """x - y trunc(x / y): the sign is x's.

    >>> torch.fmod(torch.tensor([-3., 3.]), 2)
    tensor([-1.,  1.])
    """
    return remainder_trunc(x, y)


@pointwise("neg(Tensor self) -> Tensor", kinds=NUMERIC, grad={"self": "-grad"})
def neg(x):
    """-x.

    >>> torch.neg(torch.tensor([1., -2.]))
    tensor([-1.,  2.])
    """
    return -x


@pointwise("abs(Tensor self) -> Tensor", result=REAL, kinds=ALL, grad={"self": "grad * self.sgn()"})
def absolute_value(x):
    """|x|; a complex x gives its modulus in the real dtype.

    >>> torch.abs(torch.tensor([-1., 2.]))
    tensor([1., 2.])
    """
    return x if getattr(x, "type", None) == "u64" else abs(x)


def _sign(x):
    if x.type == "u64":
        return where(eq(x, 0), like(0, x), like(1, x))
    return where(x > 0, like(1, x), where(x < 0, like(-1, x), like(0, x)))


@pointwise("sign(Tensor self) -> Tensor", kinds=REALS, grad={"self": "zeros_like(grad)"})
def sign(x):
    """-1, 0 or 1 with the sign of x.

    >>> torch.sign(torch.tensor([-3., 0., 2.]))
    tensor([-1.,  0.,  1.])
    """
    return _sign(x)


@pointwise("reciprocal(Tensor self) -> Tensor", result=FLOAT, kinds=ALL, grad={"self": "-grad * (result * result).conj()"})
def reciprocal(x):
    """1 / x.

    >>> torch.reciprocal(torch.tensor([2., 4.]))
    tensor([0.5000, 0.2500])
    """
    return 1.0 / x


@pointwise(
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", kinds=ALL,
    grad={"self": "grad", "tensor1": "grad * (tensor2 * value).conj()", "tensor2": "grad * (tensor1 * value).conj()"},
)
def addcmul(x, a, b, value):
    """x + value a b.

    >>> torch.addcmul(torch.zeros(2), torch.ones(2), torch.ones(2), value=3)
    tensor([3., 3.])
    """
    return x + value * a * b


@pointwise(
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", kinds=FLOATING_COMPLEX,
    grad={"self": "grad", "tensor1": "grad * full_like(tensor2, value).div_(tensor2).conj()",
          "tensor2": "-grad * ((tensor1 * value) / (tensor2 * tensor2)).conj()"},
)
def addcdiv(x, a, b, value):
    """x + value a / b.

    >>> torch.addcdiv(torch.zeros(2), torch.ones(2), torch.full((2,), 4.), value=2)
    tensor([0.5000, 0.5000])
    """
    return x + value * a / b


def _lerp(x, end, weight):
    # the form that is exact at both ends: x + w (e - x) near x, e - (1 - w)(e - x) near e
    size = abs(weight)
    d = end - x
    return where(size < 0.5, x + weight * d, end - d * (1.0 - weight))


@pointwise(
    "lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", "lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor",
    kinds=FLOATING_COMPLEX, promotes=False,
    inplace=["lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)", "lerp_.Tensor(Tensor(a!) self, Tensor end, Tensor weight) -> Tensor(a!)"],
    out=["lerp.Scalar_out(Tensor self, Tensor end, Scalar weight, *, Tensor(a!) out) -> Tensor(a!)",
         "lerp.Tensor_out(Tensor self, Tensor end, Tensor weight, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "grad * (1 - weight).conj()", "end": "grad * weight.conj()", "weight": "grad * (end - self).conj()"},
)
def lerp(x, end, weight):
    """x + weight (end - x), exact at both ends.

    >>> torch.lerp(torch.tensor([0.]), torch.tensor([10.]), 0.25)
    tensor([2.5000])
    """
    return _lerp(x, end, weight)


# ---- powers and roots ----


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
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", kinds=ALL,
    inplace=["pow_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)"],
    out=["pow.Tensor_Tensor_out(Tensor self, Tensor exponent, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _grad_pow_self, "exponent": _grad_pow_exponent},
)
def pow_tensor(x, y):
    """x to the power y.

    >>> torch.pow(torch.tensor([2., 3.]), torch.tensor([3., 2.]))
    tensor([8., 9.])
    """
    return _pow(x, y)


@pointwise(
    "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", kinds=ALL,
    inplace=["pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)"],
    out=["pow.Tensor_Scalar_out(Tensor self, Scalar exponent, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": _grad_pow_scalar},
)
def pow_scalar(x, y):
    """x to the power y, y a number.

    >>> torch.pow(torch.tensor([2., 3.]), 2)
    tensor([4., 9.])
    """
    return _pow(x, y)


@pointwise(
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor", kinds=ALL, inplace=False, python="function",
    out=["pow.Scalar_out(Scalar self, Tensor exponent, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"exponent": _grad_pow_scalar_exponent}, jvp=None,
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


@composite("square(Tensor self) -> Tensor",
           inplace=["square_(Tensor(a!) self) -> Tensor(a!)"], out=["square.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"])
def square(self):
    """x squared.

    >>> torch.square(torch.tensor([-3.]))
    tensor([9.])
    """
    return self.pow(2)


@pointwise("hypot(Tensor self, Tensor other) -> Tensor", kinds=FLOATING,
           grad={"self": "grad * (self / result)", "other": "grad * (other / result)"})
def hypotenuse(x, y):
    """sqrt(x^2 + y^2) without overflow.

    >>> torch.hypot(torch.tensor([3.]), torch.tensor([4.]))
    tensor([5.])
    """
    return hypot(x, y)


# ---- exponentials, logarithms, trigonometry: {name: (gradient formula, one line, example argument and result)} ----

_ELEMENTARY = {
    "exp": ("grad * result.conj()", "e to the power x.", "[0., 1.]", "[1.0000, 2.7183]"),
    "exp2": ("grad * (result.conj() * 0.6931471805599453)", "2 to the power x.", "[3.]", "[8.]"),
    "expm1": ("grad * (result.conj() + 1)", "exp(x) - 1, accurate near 0.", "[0.]", "[0.]"),
    "log": ("grad.div(self.conj())", "The natural logarithm.", "[1.]", "[0.]"),
    "log2": ("grad / (self.conj() * 0.6931471805599453)", "The logarithm to base 2.", "[8.]", "[3.]"),
    "log10": ("grad / (self.conj() * 2.302585092994046)", "The logarithm to base 10.", "[100.]", "[2.]"),
    "log1p": ("grad / (self + 1).conj()", "log(1 + x), accurate near 0.", "[0.]", "[0.]"),
    "sin": ("grad * self.cos().conj()", "The sine; x in radians.", "[0.]", "[0.]"),
    "cos": ("grad * -self.sin().conj()", "The cosine; x in radians.", "[0.]", "[1.]"),
    "tan": ("grad * (result.pow(2) + 1).conj()", "The tangent; x in radians.", "[0.]", "[0.]"),
    "asin": ("grad * (-self * self + 1).rsqrt().conj()", "The inverse sine, in radians.", "[0.]", "[0.]"),
    "acos": ("grad * -((-self * self + 1).rsqrt()).conj()", "The inverse cosine, in radians.", "[1.]", "[0.]"),
    "atan": ("grad / (self * self + 1).conj()", "The inverse tangent, in radians.", "[0.]", "[0.]"),
    "sinh": ("grad * self.cosh().conj()", "The hyperbolic sine.", "[0.]", "[0.]"),
    "cosh": ("grad * self.sinh().conj()", "The hyperbolic cosine.", "[0.]", "[1.]"),
    "tanh": ("tanh_backward(grad, result)", "The hyperbolic tangent.", "[0.]", "[0.]"),
    "asinh": ("grad * (self.pow(2) + 1).rsqrt().conj()", "The inverse hyperbolic sine.", "[0.]", "[0.]"),
    "acosh": ("grad * (self * self - 1).rsqrt().conj()", "The inverse hyperbolic cosine.", "[1.]", "[0.]"),
    "atanh": ("grad * 1 / (1 - self.pow(2)).conj()", "The inverse hyperbolic tangent.", "[0.]", "[0.]"),
    "sigmoid": ("sigmoid_backward(grad, result)", "1 / (1 + exp(-x)).", "[0.]", "[0.5000]"),
}


def _elementary(name, formula, line, argument, result):
    def body(x):
        return fn(name, x)
    body.__doc__ = f"{line}\n\n    >>> torch.{name}(torch.tensor({argument}))\n    tensor({result})\n    "
    body.__name__ = name
    pointwise(f"{name}(Tensor self) -> Tensor", result=FLOAT, kinds=ALL, grad={"self": formula})(body)


for _name, _row in _ELEMENTARY.items():
    _elementary(_name, *_row)

_SAVED_RESULT = {
    "tanh_backward": (lambda g, y: g * (1.0 - (y * y).conj()), "g (1 - y^2), the gradient of tanh in terms of its result.",
                      {"grad_output": "tanh_backward(grad, output.conj())", "output": "grad * (-2 * output * grad_output.conj())"}),
    "sigmoid_backward": (lambda g, y: g * ((1.0 - y) * y).conj(), "g (1 - y) y, the gradient of sigmoid in terms of its result.",
                         {"grad_output": "sigmoid_backward(grad, output.conj())", "output": "grad * grad_output * (1 - 2 * output)"}),
}


def _saved_result(name, body, line, grad):
    def definition(grad_output, output):
        return body(grad_output, output)
    definition.__doc__ = line
    pointwise(f"{name}(Tensor grad_output, Tensor output) -> Tensor", kinds=FLOATING_COMPLEX, grad=grad, inplace=False, python="nn",
              out=[f"{name}.grad_input(Tensor grad_output, Tensor output, *, Tensor(a!) grad_input) -> Tensor(a!)"])(definition)


for _name, _row in _SAVED_RESULT.items():
    _saved_result(_name, *_row)


def _grad_atan2(grad, self, other):
    recip = (self * self + other * other).reciprocal()
    recip = recip.masked_fill(recip == math.inf, 0.0)
    return grad * (other * recip), grad * (-self * recip)


@pointwise("atan2(Tensor self, Tensor other) -> Tensor", result=FLOAT, kinds=REALS, grad={"self, other": _grad_atan2})
def arctangent2(y, x):
    """The angle of the point (x, y), in radians within [-pi, pi].

    >>> torch.atan2(torch.tensor([0.]), torch.tensor([1.]))
    tensor([0.])
    """
    return atan2(y, x)


def _grad_logaddexp(grad, self, other):
    return grad / ((other - self).exp() + 1)


@pointwise("logaddexp(Tensor self, Tensor other) -> Tensor", kinds=FLOATING, inplace=False,
           grad={"self": "grad / ((other - self).exp() + 1)", "other": "grad / ((self - other).exp() + 1)"})
def logaddexp(x, y):
    """log(exp(x) + exp(y)) without overflow.

    >>> torch.logaddexp(torch.tensor([0.]), torch.tensor([0.]))
    tensor([0.6931])
    """
    m = maximum(x, y)
    return where(isinf(m) & eq(x, y), m, m + log1p(exp(-abs(x - y))))


@pointwise("logaddexp2(Tensor self, Tensor other) -> Tensor", kinds=FLOATING, inplace=False,
           grad={"self": "grad / (pow(2, other - self) + 1)", "other": "grad / (pow(2, self - other) + 1)"})
def logaddexp2(x, y):
    """log2(2^x + 2^y) without overflow.

    >>> torch.logaddexp2(torch.tensor([1.]), torch.tensor([1.]))
    tensor([2.])
    """
    m = maximum(x, y)
    return where(isinf(m) & eq(x, y), m, m + log1p(exp2(-abs(x - y))) * (1 / math.log(2)))


# ---- rounding ----

_ROUNDING = {"floor": "The largest integer not above x.", "ceil": "The smallest integer not below x.", "trunc": "x rounded toward zero.",
             "round": "The nearest integer, halves to even."}


def _rounding(name, line):
    node = {"round": "rint"}.get(name, name)

    def body(x):
        return unary(node, x) if x.is_float else x
    body.__doc__ = f"{line}\n\n    >>> torch.{name}(torch.tensor([1.0]))\n    tensor([1.])\n    "
    body.__name__ = name
    pointwise(f"{name}(Tensor self) -> Tensor", kinds=NUMERIC.replace("c", ""), grad={"self": "zeros_like(grad)"})(body)


for _name, _line in _ROUNDING.items():
    _rounding(_name, _line)


@pointwise("frac(Tensor self) -> Tensor", kinds=FLOATING, grad={"self": "grad"})
def frac(x):
    """x - trunc(x).

    >>> torch.frac(torch.tensor([2.5]))
    tensor([0.5000])
    """
    return x - trunc(x)


# ---- bounds ----


def _grad_clamp(grad, self, min, max):
    if min is not None and max is not None:
        return where(logical_and(self >= min, self <= max), grad, scalar_tensor(0, dtype=grad.dtype))
    if min is not None:
        return where(self >= min, grad, scalar_tensor(0, dtype=grad.dtype))
    if max is not None:
        return where(self <= max, grad, scalar_tensor(0, dtype=grad.dtype))
    return grad


def _grad_clamp_min(grad, self, min, max):
    if max is not None:
        return where(logical_and(min < max, self < min), grad, scalar_tensor(0, dtype=grad.dtype))
    return where(self < min, grad, scalar_tensor(0, dtype=grad.dtype))


def _grad_clamp_max(grad, self, min, max):
    if min is not None:
        return where(logical_or(self > max, max < min), grad, scalar_tensor(0, dtype=grad.dtype))
    return where(self > max, grad, scalar_tensor(0, dtype=grad.dtype))


def _clamp(x, low, high):
    if low is not None:
        x = maximum(x, low)
    if high is not None:
        x = minimum(x, high)
    return x


@pointwise("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", kinds=REALS, grad={"self": _grad_clamp})
def clamp(x, low, high):
    """x within [min, max]; NaN stays NaN.

    >>> torch.clamp(torch.tensor([-2., 0.5, 2.]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return _clamp(x, low, high)


@pointwise("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", kinds=REALS,
           out=["clamp.Tensor_out(Tensor self, Tensor? min=None, Tensor? max=None, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": _grad_clamp, "min": _grad_clamp_min, "max": _grad_clamp_max}, jvp=None)
def clamp_tensor(x, low, high):
    """x within [min, max], element by element."""
    return _clamp(x, low, high)


@pointwise("clamp_min(Tensor self, Scalar min) -> Tensor", kinds=REALS,
           grad={"self": "where(self >= min, grad, scalar_tensor(0, dtype=grad.dtype))"})
def clamp_min(x, low):
    """The larger of x and min.

    >>> torch.clamp_min(torch.tensor([-1., 1.]), 0)
    tensor([0., 1.])
    """
    return maximum(x, low)


@pointwise("clamp_max(Tensor self, Scalar max) -> Tensor", kinds=REALS,
           grad={"self": "where(self <= max, grad, scalar_tensor(0, dtype=grad.dtype))"})
def clamp_max(x, high):
    """The smaller of x and max.

    >>> torch.clamp_max(torch.tensor([-1., 1.]), 0)
    tensor([-1.,  0.])
    """
    return minimum(x, high)


@pointwise("clamp_min.Tensor(Tensor self, Tensor min) -> Tensor", kinds=REALS,
           out=["clamp_min.Tensor_out(Tensor self, Tensor min, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "where(self >= min, grad, scalar_tensor(0, dtype=grad.dtype))",
                 "min": "where(self < min, grad, scalar_tensor(0, dtype=grad.dtype))"})
def clamp_min_tensor(x, low):
    """The larger of x and min, element by element."""
    return maximum(x, low)


@pointwise("clamp_max.Tensor(Tensor self, Tensor max) -> Tensor", kinds=REALS,
           out=["clamp_max.Tensor_out(Tensor self, Tensor max, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "where(self <= max, grad, scalar_tensor(0, dtype=grad.dtype))",
                 "max": "where(self > max, grad, scalar_tensor(0, dtype=grad.dtype))"})
def clamp_max_tensor(x, high):
    """The smaller of x and max, element by element."""
    return minimum(x, high)


@pointwise("maximum(Tensor self, Tensor other) -> Tensor", kinds=REALS, inplace=False,
           grad={"self": "where(self == other, grad / 2, grad).masked_fill_(self < other, 0)",
                 "other": "where(self == other, grad / 2, grad).masked_fill_(self > other, 0)"})
def larger(x, y):
    """The larger of x and y; NaN if either is.

    >>> torch.maximum(torch.tensor([1., 5.]), torch.tensor([3., 2.]))
    tensor([3., 5.])
    """
    return maximum(x, y)


@pointwise("minimum(Tensor self, Tensor other) -> Tensor", kinds=REALS, inplace=False,
           grad={"self": "where(self == other, grad / 2, grad).masked_fill_(self > other, 0)",
                 "other": "where(self == other, grad / 2, grad).masked_fill_(self < other, 0)"})
def smaller(x, y):
    """The smaller of x and y; NaN if either is.

    >>> torch.minimum(torch.tensor([1., 5.]), torch.tensor([3., 2.]))
    tensor([1., 2.])
    """
    return minimum(x, y)


@pointwise("fmax(Tensor self, Tensor other) -> Tensor", kinds=REALS, inplace=False,
           grad={"self": "grad.masked_fill((self >= other).logical_or_(other.isnan()).logical_not_(), 0)",
                 "other": "grad.masked_fill((self >= other).logical_or_(other.isnan()), 0)"})
def fmax(x, y):
    """The larger of x and y; a NaN loses against a number.

    >>> torch.fmax(torch.tensor([float("nan")]), torch.tensor([3.]))
    tensor([3.])
    """
    return where(isnan(x), y, where(isnan(y), x, maximum(x, y))) if x.is_float else maximum(x, y)


@pointwise("fmin(Tensor self, Tensor other) -> Tensor", kinds=REALS, inplace=False,
           grad={"self": "grad.masked_fill((self <= other).logical_or_(other.isnan()).logical_not_(), 0)",
                 "other": "grad.masked_fill((self <= other).logical_or_(other.isnan()), 0)"})
def fmin(x, y):
    """The smaller of x and y; a NaN loses against a number.

    >>> torch.fmin(torch.tensor([float("nan")]), torch.tensor([3.]))
    tensor([3.])
    """
    return where(isnan(x), y, where(isnan(y), x, minimum(x, y))) if x.is_float else minimum(x, y)


# ---- selection ----


@pointwise("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
           kinds=ALL, store={"condition": "Bool"}, inplace=False,
           out=["where.self_out(Tensor condition, Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "where(condition, grad, scalar_tensor(0, dtype=grad.dtype))", "other": "where(condition, scalar_tensor(0, dtype=grad.dtype), grad)"})
def select(condition, x, y):
    """x where condition holds, else y.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor([1., 4.])
    """
    return where(condition, x, y)
