"""Arithmetic, bounds and selection, element by element."""

from .expr import *
from .language import *

# ---- arithmetic ----


@pointwise(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", "add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kinds=ALL, number_first=True, hidden=("add.Scalar",), grad={"self": "grad", "other": "grad * alpha.conj() if alpha != 1 else grad"},
)
def add(x, y, alpha):
    """x + alpha y.

    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([3., 4.]), alpha=2)
    tensor([ 7., 10.])
    """
    return x + alpha * y


@pointwise(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", "sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kinds=NUMERIC, number_first=True, hidden=("sub.Scalar",), grad={"self": "grad", "other": "-grad * alpha.conj() if alpha != 1 else -grad"},
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
    python="function", grad={"self": "-grad * alpha.conj() if alpha != 1 else -grad", "other": "grad"},
)
def rsub(x, y, alpha):
    """y - alpha x.

    >>> torch.rsub(torch.tensor([1., 2.]), 10)
    tensor([9., 8.])
    """
    return y - alpha * x


@pointwise(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor", "mul.Scalar(Tensor self, Scalar other) -> Tensor",
    kinds=ALL, number_first=True, hidden=("mul.Scalar",), grad={"self": "grad * other.conj()", "other": "grad * self.conj()"},
)
def mul(x, y):
    """x y.

    >>> torch.mul(torch.tensor([1., 2.]), 3)
    tensor([3., 6.])
    """
    return x * y


@pointwise(
    "div.Tensor(Tensor self, Tensor other) -> Tensor", "div.Scalar(Tensor self, Scalar other) -> Tensor",
    result=FLOAT, kinds=ALL, number_first=True, hidden=("div.Scalar",),
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
    kinds="usf", number_first=True, hidden=("floor_divide.Scalar",), grad=None,
    inplace=["floor_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)", "floor_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)"],
)
def floor_divide(x, y):
    """floor(x / y).

    >>> torch.floor_divide(torch.tensor([7., -7.]), 2)
    tensor([ 3., -4.])
    """
    return _floor_div(x, y)


@pointwise(
    "_div_trunc(Tensor self, Tensor other) -> Tensor", kinds="usf", grad=None, inplace=False, out=False, python="",
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
        if self.is_floating_point():   # the quotient of halves is rounded to half before it is truncated
            return (self / other).trunc()
        return _div_trunc(self, other)
    if rounding_mode == "floor":
        return floor_divide(self, other)
    raise RuntimeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", rounding_mode, "'")


decomposed(
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", "div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",
    hidden=("div.Scalar_mode",), number_first=True, out_dtype="cast", kinds="usf", grad={"self": _grad_div_mode, "other": _grad_div_mode_other},
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


@pointwise("remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kinds="usf", operands=("self",), inplace=False, python="function",
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
    grad={"self": "grad", "tensor1": "grad * empty_like(tensor2).fill_(value).div_(tensor2).conj()",
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


# ---- bounds ----


@composite("_where_inside(Tensor grad, Tensor? above, Tensor? below, bool alike) -> Tensor", python="")
def _where_inside(grad, above, below, alike):
    """The gradient where both conditions that are given hold; `alike`: they have one shape."""
    if above is None and below is None:
        return grad
    zero = scalar_tensor(0, dtype=grad.dtype)
    if below is None:
        return where(above, grad, zero)
    if above is None:
        return where(below, grad, zero)
    return where(above.logical_and_(below) if alike else logical_and(above, below), grad, zero)


def _grad_clamp(alike):
    """The gradient of clamp for its argument; numbers as bounds leave the shape alone."""
    return f"_where_inside(grad, self >= min if min is not None else None, self <= max if max is not None else None, {alike})"


def _grad_clamp_bounds(grad, self, min, max):
    zero = scalar_tensor(0, dtype=grad.dtype)
    if min is None and max is None:
        return None, None
    if max is None:
        return where(self < min, grad, zero), None
    if min is None:
        return None, where(self > max, grad, zero)
    return where(logical_and(min < max, self < min), grad, zero), where(logical_or(self > max, max < min), grad, zero)


def _clamp(x, low, high):
    if low is not None:
        x = maximum(x, low)
    if high is not None:
        x = minimum(x, high)
    return x


@pointwise("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", kinds="usf", operands=("min", "max"), grad={"self": _grad_clamp(True)}, node="ClampBackward1")
def clamp(x, low, high):
    """x within [min, max]; NaN stays NaN.

    >>> torch.clamp(torch.tensor([-2., 0.5, 2.]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return _clamp(x, low, high)


@pointwise("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", kinds=REALS,
           out=["clamp.Tensor_out(Tensor self, Tensor? min=None, Tensor? max=None, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": _grad_clamp(False), "min, max": _grad_clamp_bounds}, jvp=None, node="ClampBackward0")
def clamp_tensor(x, low, high):
    """x within [min, max], element by element."""
    return _clamp(x, low, high)


@pointwise("clamp_min(Tensor self, Scalar min) -> Tensor", kinds=REALS, operands=("min",),
           grad={"self": "where(self >= min, grad, scalar_tensor(0, dtype=grad.dtype))"})
def clamp_min(x, low):
    """The larger of x and min.

    >>> torch.clamp_min(torch.tensor([-1., 1.]), 0)
    tensor([0., 1.])
    """
    return maximum(x, low)


@pointwise("clamp_max(Tensor self, Scalar max) -> Tensor", kinds=REALS, operands=("max",),
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


def _grad_copysign(grad, self, result):
    ratio = result / self
    return grad * ratio.masked_fill_(self == 0, 0)


@pointwise("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", "where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor",
           "where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", "where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor",
           hidden=("where.ScalarSelf", "where.ScalarOther", "where.Scalar"), kinds=ALL, store={"condition": "Bool"}, inplace=False,
           out=["where.self_out(Tensor condition, Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "where(condition, grad, scalar_tensor(0, dtype=grad.dtype))", "other": "where(condition, scalar_tensor(0, dtype=grad.dtype), grad)"})
def select(condition, x, y):
    """x where condition holds, else y.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor([1., 4.])
    """
    return where(condition, x, y)


@pointwise("copysign.Tensor(Tensor self, Tensor other) -> Tensor", "copysign.Scalar(Tensor self, Scalar other) -> Tensor", result=FLOAT, kinds=REALS,
           out=["copysign.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
                "copysign.Scalar_out(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": _grad_copysign, "other": "zeros(other.shape, dtype=grad.dtype, device=grad.device)"})
def copy_sign(x, y):
    """|x| with the sign of y.

    >>> torch.copysign(torch.tensor([1., 2.]), -1)
    tensor([-1., -2.])
    """
    return copysign(x, y)


# ---- other names ----


@composite("max.other(Tensor self, Tensor other) -> Tensor", out=["max.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"])
def max_other(self, other):
    """Alias of :func:`torch.maximum`."""
    return maximum(self, other)


@composite("min.other(Tensor self, Tensor other) -> Tensor", out=["min.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"])
def min_other(self, other):
    """Alias of :func:`torch.minimum`."""
    return minimum(self, other)


aliases("abs", "absolute")
aliases("mul", "multiply")
aliases("div", "divide")
aliases("div", "true_divide", overloads=(".Tensor", ".Scalar"))
aliases("sub", "subtract")
aliases("neg", "negative")
aliases("clamp", "clip")
