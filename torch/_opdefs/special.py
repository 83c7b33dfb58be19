"""Special functions: error functions, gamma functions, Bessel functions, orthogonal polynomials."""

import math

from .expr import *
from .language import *


def _shown(doc, expression, result):
    """A docstring with an example."""
    return f"{doc}\n\n    >>> {expression}\n    {result}\n    "


def _special(schema, grad, body, doc, **options):
    body.__doc__ = doc
    options.setdefault("kinds", REALS)
    pointwise(schema, result=FLOAT, grad=grad, **options)(body)


# ---- error functions ----

_special("erf(Tensor self) -> Tensor", {"self": "(-self.pow(2)).exp() * 1.1283791670955126 * grad"}, lambda x: erf(x),
         """The error function.

    >>> torch.erf(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """)
_special("erfc(Tensor self) -> Tensor", {"self": "(-self.pow(2)).exp() * -1.1283791670955126 * grad"}, lambda x: erfc(x),
         """1 - erf(x), accurate for large x.

    >>> torch.erfc(torch.tensor([0.]))
    tensor([1.])
    """)
_special("erfinv(Tensor self) -> Tensor", {"self": "self.erfinv().pow(2).exp() * 0.8862269254527579 * grad"}, lambda x: erfinv(x),
         """The inverse of erf on [-1, 1].

    >>> torch.erfinv(torch.tensor([0.]))
    tensor([0.])
    """)
_special("special_erfcx(Tensor self) -> Tensor", {"self": "(2.0 * self * result - 1.1283791670955126) * grad"}, lambda x: erfcx(x),
         _shown("exp(x^2) erfc(x).", "torch.special.erfcx(torch.tensor([0.]))", "tensor([1.])"), inplace=False)
_special("special_ndtri(Tensor self) -> Tensor", {"self": "grad * (result.pow(2) / 2).exp() * 2.5066282746310002"}, lambda x: call("kd_ndtri", x),
         _shown("The inverse of the normal distribution function.", "torch.special.ndtri(torch.tensor([0.5]))", "tensor([0.])"), inplace=False)


def _log_ndtr(x):
    t = x * math.sqrt(0.5)
    below = log(erfcx(-t) * 0.5) - t * t
    return where(x < -1, below, log1p(erfc(t) * -0.5))


_special("special_log_ndtr(Tensor self) -> Tensor", {"self": "grad * (-(result + self.pow(2) / 2)).exp() / 2.5066282746310002"}, _log_ndtr,
         _shown("The logarithm of the normal distribution function, accurate for very negative x.", "torch.special.log_ndtr(torch.tensor([0.]))", "tensor([-0.6931])"), inplace=False)


@composite("special_ndtr(Tensor self) -> Tensor", out=True)
def special_ndtr(self):
    """The normal distribution function.

    >>> torch.special.ndtr(torch.tensor([0.]))
    tensor([0.5000])
    """
    return ((self * 0.7071067811865476).erf() + 1) * 0.5


# ---- gamma functions ----

_special("lgamma(Tensor self) -> Tensor", {"self": "grad * digamma(self)"}, lambda x: lgamma(x),
         """The logarithm of |gamma(x)|.

    >>> torch.lgamma(torch.tensor([1., 2., 3.]))
    tensor([0.0000, 0.0000, 0.6931])
    """)
_special("digamma(Tensor self) -> Tensor", {"self": "grad * polygamma(1, self)"}, lambda x: digamma(x),
         """The derivative of lgamma.

    >>> torch.digamma(torch.tensor([1.]))
    tensor([-0.5772])
    """)


@pointwise("polygamma(int n, Tensor self) -> Tensor", result=FLOAT, kinds=REALS, inplace=False, grad={"self": "grad * polygamma(n + 1, self)"}, jvp=None)
def polygamma(n, x):
    """The derivative of order n of digamma.

    >>> torch.polygamma(1, torch.tensor([1.]))
    tensor([1.6449])
    """
    return call("kd_polygamma", cast(n, x.type), x)


@composite("polygamma_(Tensor(a!) self, int n) -> Tensor(a!)", python="method")
def polygamma_(self, n):
    """polygamma in place."""
    return self.copy_(polygamma(n, self))


def _grad_mvlgamma(grad, self, p):
    shifts = arange(-p / 2.0 + 0.5, 0.5, 0.5, dtype=self.dtype, device=self.device)  # noqa: F821
    total = (self.unsqueeze(-1) + shifts).digamma_().sum([-1])
    return grad * total


@decomposed("mvlgamma(Tensor self, int p) -> Tensor", kinds=REALS, grad={"self": _grad_mvlgamma}, jvp=None, inplace=True, out=True, out_dtype="cast")
def mvlgamma(self, p):
    """The logarithm of the multivariate gamma function of dimension p.

    >>> torch.mvlgamma(torch.tensor([3.]), 1)
    tensor([0.6931])
    """
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if self.is_complex():
        raise NotImplementedError(f"\"mvlgamma_cpu\" not implemented for '{self.dtype:ScalarType}'")
    x = self if self.is_floating_point() else self.to(torch.float32)  # noqa: F821
    shifts = arange(-p / 2.0 + 0.5, 0.5, 0.5, dtype=x.dtype, device=x.device)  # noqa: F821
    return (x.unsqueeze(-1) + shifts).lgamma_().sum([-1]) + p * (p - 1) * 0.28618247146235004


def _grad_igamma(grad, self, other):
    log_gamma = lgamma(self)
    return grad * ((self - 1) * other.log() - other - log_gamma).exp()


def _grad_igammac(grad, self, other):
    log_gamma = lgamma(self)
    return -grad * ((self - 1) * other.log() - other - log_gamma).exp()


@pointwise("igamma(Tensor self, Tensor other) -> Tensor", kinds=FLOATING, grad={"self": UNKNOWN, "other": _grad_igamma}, jvp=None)
def igamma(a, x):
    """The regularized lower incomplete gamma function.

    >>> torch.igamma(torch.tensor([1.]), torch.tensor([0.]))
    tensor([0.])
    """
    return call("kd_igamma", a, x)


@pointwise("igammac(Tensor self, Tensor other) -> Tensor", kinds=FLOATING, grad={"self": UNKNOWN, "other": _grad_igammac}, jvp=None)
def igammac(a, x):
    """The regularized upper incomplete gamma function, 1 - igamma.

    >>> torch.igammac(torch.tensor([1.]), torch.tensor([0.]))
    tensor([1.])
    """
    return call("kd_igammac", a, x)


# ---- x log y, entropy, logit, sinc ----


def _xlogy(x, y):
    """x log(y), 0 where x is 0 and y is not NaN.

    >>> torch.xlogy(torch.tensor([0., 2.]), torch.tensor([0., 1.]))
    tensor([0., 0.])
    """
    return where(isnan(y), y, where(eq(x, 0), like(0, x), x * log(y)))


def _xlog1py(x, y):
    """x log(1 + y), 0 where x is 0 and y is not NaN.

    >>> torch.special.xlog1py(torch.tensor([0.]), torch.tensor([-1.]))
    tensor([0.])
    """
    return where(isnan(y), y, where(eq(x, 0), like(0, x), x * log1p(y)))


pointwise("xlogy.Tensor(Tensor self, Tensor other) -> Tensor", result=FLOAT, kinds=REALS,
          out=["xlogy.OutTensor(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"],
          grad={"self": "xlogy(grad, other).masked_fill((self == 0.0).bitwise_and(other <= 0.0), 0.0)", "other": "grad * self / other"})(_xlogy)


@pointwise("xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor", result=FLOAT, kinds=REALS, operands=("other",),
           out=["xlogy.OutScalar_Other(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "xlogy(grad, other) if other > 0.0 else xlogy(grad, other).masked_fill(self == 0.0, 0.0)"})
def xlogy_number(x, y):
    """x log(y), y a number."""
    return _xlogy(x, y)


@pointwise("xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor", result=FLOAT, kinds=REALS, operands=("self",), inplace=False, python="function",
           out=["xlogy.OutScalar_Self(Scalar self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)"], grad={"other": "grad * self / other"})
def xlogy_of_number(x, y):
    """x log(y), x a number."""
    return _xlogy(x, y)




def _special_xlogy(self, other):
    """Alias of :func:`torch.xlogy`."""
    return xlogy(self, other)  # noqa: F821


composite("special_xlogy(Tensor self, Tensor other) -> Tensor", out=True)(_special_xlogy)
composite("special_xlogy.self_scalar(Scalar self, Tensor other) -> Tensor", out=True)(_special_xlogy)
composite("special_xlogy.other_scalar(Tensor self, Scalar other) -> Tensor", out=True)(_special_xlogy)
pointwise("special_xlog1py(Tensor self, Tensor other) -> Tensor", result=FLOAT, kinds=REALS, inplace=False,
          grad={"self": "special_xlog1py(grad, other).masked_fill((self == 0.0).bitwise_and(other <= -1.0), 0.0)",
                "other": "grad * self / (other + 1)"})(_xlog1py)


@pointwise("special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor", result=FLOAT, kinds=REALS, operands=("self",), inplace=False,
           grad={"other": "grad * self / (other + 1)"})
def xlog1py_of_number(x, y):
    """x log(1 + y), x a number."""
    return _xlog1py(x, y)


@pointwise("special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor", result=FLOAT, kinds=REALS, operands=("other",), inplace=False,
           grad={"self": "special_xlog1py(grad, other) if other > -1.0 else special_xlog1py(grad, other).masked_fill(self == 0.0, 0.0)"})
def xlog1py_number(x, y):
    """x log(1 + y), y a number."""
    return _xlog1py(x, y)


def _entropy(x):
    return where(isnan(x), x, where(x > 0, -x * log(x), where(eq(x, 0), like(0, x), like(-math.inf, x))))


_special("special_entr(Tensor self) -> Tensor", {"self": "grad * -(self.log() + 1)"}, _entropy,
         _shown("-x log(x), 0 at 0 and -inf below.", "torch.special.entr(torch.tensor([1.]))", "tensor([-0.])"), inplace=False)


def _grad_sinc(grad, self):
    angle = self * math.pi
    square = self * self * math.pi
    sine = angle.sin()
    slope = (angle * angle.cos() - sine) / square
    result = grad * slope.conj()
    zero = scalar_tensor(0.0, dtype=grad.dtype)  # noqa: F821
    return where(self == 0.0, zero, result)


@pointwise("sinc(Tensor self) -> Tensor", result=FLOAT, kinds=ALL, grad={"self": _grad_sinc})
def sinc(x):
    """sin(pi x) / (pi x), 1 at 0.

    >>> torch.sinc(torch.tensor([0., 1.]))
    tensor([1., 0.])
    """
    y = x * math.pi
    ratio = sinpi(x) / y if isinstance(x, Expr) else sin(y) / y
    return where(eq(x, 0), like(1, x) if isinstance(x, Expr) else x.lift(1), ratio)


def _bounded(x, eps):
    return x if eps is None else minimum(maximum(x, eps), 1.0 - eps)


@pointwise("logit(Tensor self, float? eps=None) -> Tensor", result=FLOAT, kinds=REALS, grad={"self": "logit_backward(grad, self, eps)"})
def logit(x, eps):
    """log(x / (1 - x)), x first brought into [eps, 1 - eps] if eps is given.

    >>> torch.logit(torch.tensor([0.5]))
    tensor([0.])
    """
    x = _bounded(x, eps)
    return log(x / (1.0 - x))


def _grad_logit_backward(grad, grad_output, self, eps):
    if eps is not None:
        inside = logical_and(self >= eps, self <= 1.0 - eps)  # noqa: F821
        slope = where(inside, (2 * self - 1) / (self * (1 - self)).pow(2), scalar_tensor(0.0, dtype=grad.dtype))  # noqa: F821
        return grad * grad_output * slope
    return grad * grad_output * (2 * self - 1) / (self * (1 - self)).pow(2)


@pointwise("logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor", kinds=FLOATING, inplace=False, python="",
           out=["logit_backward.grad_input(Tensor grad_output, Tensor self, float? eps=None, *, Tensor(a!) grad_input) -> Tensor(a!)"],
           grad={"grad_output": "logit_backward(grad, self, eps)", "self": _grad_logit_backward})
def logit_backward(grad, x, eps):
    """Gradient of logit."""
    slope = grad / (x * (1.0 - x))
    if eps is None:
        return where((x < 0) | (x > 1), like(math.nan, x), slope)
    return where((x < eps) | (x > 1.0 - eps), like(0, x), slope)


for _name, _names in {"digamma": ["digamma", "psi"], "erf": ["erf"], "erfc": ["erfc"], "erfinv": ["erfinv"], "lgamma": ["gammaln"], "igamma": ["gammainc"],
                      "igammac": ["gammaincc"], "mvlgamma": ["multigammaln"], "polygamma": ["polygamma"], "logit": ["logit"], "sinc": ["sinc"]}.items():
    aliases(_name, *(f"special_{n}" for n in _names), inplace=False)

# ---- Bessel functions ----

_special("i0(Tensor self) -> Tensor", {"self": "grad * special_i1(self)"}, lambda x: i0e(x) * exp(abs(x)),
         """The modified Bessel function of the first kind of order 0.

    >>> torch.i0(torch.tensor([0.]))
    tensor([1.])
    """)
_special("special_i0e(Tensor self) -> Tensor", {"self": "grad * (special_i1e(self) - self.sgn() * result)"}, lambda x: i0e(x),
         _shown("exp(-|x|) i0(x).", "torch.special.i0e(torch.tensor([0.]))", "tensor([1.])"), inplace=False)


def _grad_i1(grad, self, result):
    away = self.abs() > 1.1920928955078125e-07
    safe = where(away, self, scalar_tensor(1.1920928955078125e-07, dtype=self.dtype))  # noqa: F821
    slope = i0(safe) - result * safe.reciprocal()  # noqa: F821
    return grad * where(away, slope, scalar_tensor(0.5, dtype=self.dtype))  # noqa: F821


def _grad_i1e(grad, self, result):
    away = self.abs() > 1.1920928955078125e-07
    safe = where(away, self, scalar_tensor(1.1920928955078125e-07, dtype=self.dtype))  # noqa: F821
    slope = special_i0e(safe) - result * (safe.sgn() + safe.reciprocal())  # noqa: F821
    return grad * where(away, slope, scalar_tensor(0.5, dtype=self.dtype))  # noqa: F821


_special("special_i1(Tensor self) -> Tensor", {"self": _grad_i1}, lambda x: i1e(x) * exp(abs(x)),
         _shown("The modified Bessel function of the first kind of order 1.", "torch.special.i1(torch.tensor([0.]))", "tensor([0.])"), inplace=False)
_special("special_i1e(Tensor self) -> Tensor", {"self": _grad_i1e}, lambda x: i1e(x), _shown("exp(-|x|) i1(x).", "torch.special.i1e(torch.tensor([0.]))", "tensor([0.])"), inplace=False)
_special("special_modified_bessel_i0(Tensor self) -> Tensor", None, lambda x: i0e(x) * exp(abs(x)), _shown("The same as i0.", "torch.special.modified_bessel_i0(torch.tensor([0.]))", "tensor([1.])"), inplace=False)
_special("special_modified_bessel_i1(Tensor self) -> Tensor", None, lambda x: i1e(x) * exp(abs(x)), _shown("The same as i1.", "torch.special.modified_bessel_i1(torch.tensor([0.]))", "tensor([0.])"), inplace=False)
aliases("i0", "special_i0", inplace=False)


def _of_cpp(name):
    return lambda x: call(f"kd_{name}", x)


for _name, _argument, _doc, _at, _value in (
        ("bessel_j0", "self", "The Bessel function of the first kind of order 0.", "0.", "tensor([1.])"),
        ("bessel_j1", "self", "The Bessel function of the first kind of order 1.", "0.", "tensor([0.])"),
        ("bessel_y0", "self", "The Bessel function of the second kind of order 0.", "1.", "tensor([0.0883])"),
        ("bessel_y1", "self", "The Bessel function of the second kind of order 1.", "1.", "tensor([-0.7812])"),
        ("modified_bessel_k0", "self", "The modified Bessel function of the second kind of order 0.", "1.", "tensor([0.4210])"),
        ("modified_bessel_k1", "self", "The modified Bessel function of the second kind of order 1.", "1.", "tensor([0.6019])"),
        ("scaled_modified_bessel_k0", "x", "exp(x) modified_bessel_k0(x).", "1.", "tensor([1.1445])"),
        ("scaled_modified_bessel_k1", "x", "exp(x) modified_bessel_k1(x).", "1.", "tensor([1.6362])"),
        ("airy_ai", "x", "The Airy function Ai.", "0.", "tensor([0.3550])"),
):
    _special(f"special_{_name}(Tensor {_argument}) -> Tensor", None, _of_cpp(_name),
             _shown(_doc, f"torch.special.{_name}(torch.tensor([{_at}]))", _value), inplace=False)
_special("special_spherical_bessel_j0(Tensor x) -> Tensor", None, lambda x: where(isinf(x), like(0, x), where(eq(x, 0), like(1, x), sin(x) / x)),
         _shown("sin(x) / x, 1 at 0.", "torch.special.spherical_bessel_j0(torch.tensor([0.]))", "tensor([1.])"), inplace=False)

# ---- zeta and orthogonal polynomials ----


def _two_arguments(name, first, second, overloads, doc, grads=None):
    """Overloads for two tensors, and for a number in place of either."""
    grads = grads or {}
    for overload, types in (("", ("Tensor", "Tensor")), (overloads[0], ("Scalar", "Tensor")), (overloads[1], ("Tensor", "Scalar"))):
        def body(x, y):
            return call(f"kd_{name}", x, y)
        body.__doc__ = doc
        dot = f".{overload}" if overload else ""
        schema = f"special_{name}{dot}({types[0]} {first}, {types[1]} {second}) -> Tensor"
        pointwise(schema, result=FLOAT, kinds=REALS, operands=(first, second), inplace=False, python="special", grad=grads.get(overload))(body)


_two_arguments("zeta", "self", "other", ("self_scalar", "other_scalar"),
               _shown("The Hurwitz zeta function.", "torch.special.zeta(torch.tensor([2.]), torch.tensor([1.]))", "tensor([1.6449])"),
               {"": {"other": "grad * -self * special_zeta(self + 1.0, other)"}, "self_scalar": {"other": "grad * -self * special_zeta(self + 1.0, other)"}})
for _kind, _letter, _at, _degree, _value in (
        ("chebyshev_polynomial", "t", "2.", 3, "tensor([26.])"),
        ("chebyshev_polynomial", "u", "2.", 3, "tensor([56.])"),
        ("chebyshev_polynomial", "v", "2.", 2, "tensor([11.])"),
        ("chebyshev_polynomial", "w", "2.", 2, "tensor([19.])"),
        ("shifted_chebyshev_polynomial", "t", "1.", 2, "tensor([1.])"),
        ("shifted_chebyshev_polynomial", "u", "1.", 2, "tensor([3.])"),
        ("shifted_chebyshev_polynomial", "v", "1.", 2, "tensor([1.])"),
        ("shifted_chebyshev_polynomial", "w", "1.", 2, "tensor([5.])"),
        ("hermite_polynomial", "h", "2.", 2, "tensor([14.])"),
        ("hermite_polynomial", "he", "2.", 2, "tensor([3.])"),
        ("laguerre_polynomial", "l", "2.", 1, "tensor([-1.])"),
        ("legendre_polynomial", "p", "2.", 2, "tensor([5.5000])"),
):
    _name = f"{_kind}_{_letter}"
    _two_arguments(_name, "x", "n", ("x_scalar", "n_scalar"),
                   _shown(f"The {_kind.replace('_', ' ').replace(' polynomial', '')} polynomial {_letter} of degree n at x.",
                          f"torch.special.{_name}(torch.tensor([{_at}]), {_degree})", _value))

# ---- reductions under other names ----


@composite("special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", out=True)
def special_logsumexp(self, dim, keepdim):
    """Alias of :func:`torch.logsumexp`."""
    return logsumexp(self, dim, keepdim)  # noqa: F821


@composite("special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
def special_softmax(self, dim, dtype):
    """Alias of :func:`torch.softmax`."""
    return softmax(self, dim, dtype)  # noqa: F821


@composite("special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor")
def special_log_softmax(self, dim, dtype):
    """Alias of :func:`torch.log_softmax`."""
    return log_softmax(self, dim, dtype)  # noqa: F821
