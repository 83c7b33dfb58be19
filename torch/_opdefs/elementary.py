"""Exponentials, logarithms, trigonometric and hyperbolic functions."""

import math

from .expr import *
from .language import *

# name: (gradient formula, one line, example argument and result)
_ELEMENTARY = {
    "exp": ("grad * result.conj()", "e to the power x.", "[0., 1.]", "[1.0000, 2.7183]"),
    "exp2": ("grad * result.conj() * 0.6931471805599453", "2 to the power x.", "[3.]", "[8.]"),
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
                      {"grad_output": "tanh_backward(grad, output.conj())", "output": "grad.conj() * (grad_output * (output.conj() * -2))"}),
    "sigmoid_backward": (lambda g, y: g * ((1.0 - y) * y).conj(), "g (1 - y) y, the gradient of sigmoid in terms of its result.",
                         {"grad_output": "sigmoid_backward(grad, output.conj())", "output": "grad.conj() * (grad_output * (1 - 2 * output.conj()))"}),
}


def _saved_result(name, body, line, grad):
    def definition(grad_output, output):
        return body(grad_output, output)
    definition.__doc__ = line
    pointwise(f"{name}(Tensor grad_output, Tensor output) -> Tensor", kinds=FLOATING_COMPLEX, grad=grad, jvp="transposed", inplace=False, python="nn",
              out=[f"{name}.grad_input(Tensor grad_output, Tensor output, *, Tensor(a!) grad_input) -> Tensor(a!)"])(definition)


for _name, _row in _SAVED_RESULT.items():
    _saved_result(_name, *_row)


def _grad_atan2(grad, self, other):
    square = self * self + other * other
    inverse = square.reciprocal()
    inverse = inverse.masked_fill(square == 0, 0)
    return grad * (other * inverse), grad * (-self * inverse)


@pointwise("atan2(Tensor self, Tensor other) -> Tensor", result=FLOAT, kinds=REALS, grad={"self, other": _grad_atan2})
def arctangent2(y, x):
    """The angle of the point (x, y), in radians within [-pi, pi].

    >>> torch.atan2(torch.tensor([0.]), torch.tensor([1.]))
    tensor([0.])
    """
    return atan2(y, x)


@pointwise("logaddexp(Tensor self, Tensor other) -> Tensor", kinds=FLOATING_COMPLEX, inplace=False,
           grad={"self": "grad / ((other - self).exp() + 1).conj()", "other": "grad / ((self - other).exp() + 1).conj()"})
def logaddexp(x, y):
    """log(exp(x) + exp(y)) without overflow.

    >>> torch.logaddexp(torch.tensor([0.]), torch.tensor([0.]))
    tensor([0.6931])
    """
    if not isinstance(x, Expr):
        above = x.real >= y.real
        high, low = where(above, x, y), where(above, y, x)
        same = isinf(x.real) & eq(x.real, y.real)
        return where(same, where(x.real < 0, x, log(exp(x) + exp(y))), high + log1p(exp(low - high)))
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


def _scaling(name, factor, line, argument, shown):
    def body(x):
        return x * factor
    body.__doc__ = f"{line}\n\n    >>> torch.{name}(torch.tensor([{argument}]))\n    tensor([{shown}])\n    "
    body.__name__ = name
    pointwise(f"{name}(Tensor self) -> Tensor", result=FLOAT, kinds=REALS, grad={"self": f"grad * {factor!r}"})(body)


_scaling("deg2rad", math.pi / 180, "Degrees to radians.", "180.", "3.1416")
_scaling("rad2deg", 180 / math.pi, "Radians to degrees.", "3.14159265", "180.")

for _name, _names in {"acos": ["arccos"], "asin": ["arcsin"], "atan": ["arctan"], "acosh": ["arccosh"], "asinh": ["arcsinh"], "atanh": ["arctanh"],
                      "atan2": ["arctan2"]}.items():
    aliases(_name, *_names)
for _name, _names in {"expm1": ["expm1"], "exp2": ["exp2"], "log1p": ["log1p"], "sigmoid": ["expit"]}.items():
    aliases(_name, *(f"special_{n}" for n in _names), inplace=False)
