"""The error functions and the gamma functions: erf, erfc, erfinv, lgamma, digamma."""

from __future__ import annotations

import math
from fractions import Fraction

from ..._opdefs import expr as E
from .base import LN2, LN_PI, PI, SQRT_PI, at_most, flip_sign, format_of, horner, polynomial, rounded, scale_by_power, sign_bits, two_product
from .coefficients import COEFFICIENTS
from .exponential import exp_moderate, reduced_expm1
from .logarithm import log, log_positive
from .trigonometric import cospi, sinpi

__all__ = ["erf", "erfc", "erfcx", "erfinv", "lgamma", "digamma", "i0e", "i1e"]

ERFC_MOST = {"f32": 10.5, "f64": 27.5}      # erfc is 0 from here on
ERFCX_CENTRE = {"f32": 2.0, "f64": 4.0}


def _erf_near(x):
    """erf(x) for |x| <= 1."""
    return E.fma(x, polynomial("erf", x * x), x)


def _erfcx(a):
    """exp(a**2) erfc(a) for a >= 0."""
    wide = E.cast(a, "f64")      # its errors would add up to 3 ulp in f32
    centre = ERFCX_CENTRE[a.type]
    finite = at_most(wide, 2.0**60)
    return E.cast(polynomial("erfcx", (finite - centre) / (finite + centre), a.type) / (wide + 0.5) * 0.5, a.type)


def _exp_of_minus_square(a):
    """(e, k) with exp(-a**2) = (1 + e) 2**k."""
    square, error = two_product(a, a)
    return reduced_expm1(-square, -error)


def _erfc_positive(a):
    w = _erfcx(a)
    e, k = _exp_of_minus_square(a)
    return scale_by_power(E.fma(e, w, w), k)


def erf(x):
    a = E.abs(x)
    if x.type == "f32":
        far = 1.0 - exp_moderate(polynomial("erf_tail", at_most(a, 4.0)))
    else:
        far = 1.0 - _erfc_positive(at_most(a, 6.0))
    return flip_sign(E.where(a < rounded(0.93, x.type), _erf_near(a), far), sign_bits(x))


def erfc(x):
    a = E.abs(x)
    tail = _erfc_positive(at_most(a, ERFC_MOST[x.type]))
    return E.where(a < 0.5, 1.0 - _erf_near(x), E.where(x < 0, 2.0 - tail, tail))


def erfcx(x):
    # erfcx(x) = 2 exp(x**2) - erfcx(-x)
    a = E.abs(x)
    tail = _erfcx(a)
    b = at_most(a, ERFC_MOST[x.type])
    square, error = two_product(b, b)
    e, k = reduced_expm1(square, error)
    return E.where(x < 0, scale_by_power(1.0 + e, k + 1) - tail, tail)


def _erfinv_fit(a):
    """erfinv(a) for 0 <= a < 1, to f32 accuracy."""
    w = -log_positive((1.0 - a) * (1.0 + a))
    near = horner(w - 2.5, COEFFICIENTS["erfinv"]["f32"])
    far = horner(E.sqrt(w) - 3.0, COEFFICIENTS["erfinv_tail"]["f32"])
    return a * E.where(w < 5.0, near, far)


def erfinv(x):
    f = format_of(x)
    a = E.abs(x)
    y = _erfinv_fit(a)
    if x.type == "f64":
        # Halley on erf(y) = a: u = (erf(y) - a) / erf'(y), y <- y - u / (1 + y u)
        e, k = _exp_of_minus_square(y)
        density = scale_by_power(1.0 + e, k)
        residue = E.where(y < 0.5, (_erf_near(y) - a) / density, _erfcx_residue(y, a, density))
        u = residue * rounded(SQRT_PI / 2, "f64")
        y = y - u / E.fma(y, u, 1.0)
    y = E.where(a < 1, y, E.where(E.eq(a, 1), f.const(math.inf), f.const(math.nan)))
    return flip_sign(y, sign_bits(x))


def _erfcx_residue(y, a, density):
    """(erf(y) - a) / exp(-y**2)"""
    return (1.0 - a) / density - _erfcx(y)


def _lgamma_positive(y):
    """log(gamma(y)) for y > 0."""
    f = format_of(y)
    one = f.const(1)
    # bring y into [3/2, 5/2]: gamma(y) = gamma(y + 2) / (y (y + 1)), gamma(y) = gamma(y - 1) (y - 1)
    very_low, low = y < 0.5, y < 1.5
    below = E.where(very_low, y * (y + 1.0), E.where(low, y, one))
    p = E.where(very_low, y, E.where(low, y - 1.0, y - 2.0))
    above, top = one, 2.5
    if y.type == "f64":
        top = 6.5
        for i in range(4):
            over = p > 0.5
            above = E.where(over, above * (p + 1.0), above)
            p = E.where(over, p - 1.0, p)
    large = y >= top
    logarithm = log(E.where(large, y, below * above))
    near = E.fma(p, polynomial("lgamma", p), E.where(low, -logarithm, logarithm))
    inverse = 1.0 / y
    half_log_2pi = (LN_PI + LN2) / 2
    tail = E.fma(inverse, polynomial("stirling", inverse * inverse), rounded(half_log_2pi - Fraction(1, 2), y.type))
    return E.where(large, E.fma(y - 0.5, logarithm - 1.0, tail), near)


def lgamma(x):
    f = format_of(x)
    y = E.abs(x)
    positive = _lgamma_positive(y)
    # gamma(-y) gamma(y) = -pi / (y sin(pi y)); for tiny y the gammas are 1 / |y|
    reflected = rounded(LN_PI, x.type) - log(y * E.abs(sinpi(y))) - positive
    tiny = y < (1e-10 if x.type == "f32" else 1e-20)
    result = E.rarely(x < 0, E.where(tiny, positive, reflected), positive)
    return E.where(E.isinf(x) | (E.eq(E.floor(x), x) & (x <= 0)), f.const(math.inf), result)


def digamma(x):
    f = format_of(x)
    negative = x < 0
    y = E.where(negative, 1.0 - x, x)
    # digamma(y) = digamma(y + 1) - 1 / y, the reciprocals gathered as numerator / denominator
    numerator, denominator = f.const(0), f.const(1)
    least = 3 if x.type == "f32" else 7
    for i in range(least):
        short = y < least
        numerator = E.where(short, E.fma(numerator, y, denominator), numerator)
        denominator = E.where(short, denominator * y, denominator)
        y = E.where(short, y + 1.0, y)
    inverse = 1.0 / y
    square = inverse * inverse
    result = log(y) - (E.fma(0.5, inverse, square * polynomial("digamma", square)) + numerator / denominator)
    pi = f.const(rounded(PI, x.type))
    reflected = result - pi * (cospi(x) / sinpi(x))
    result = E.rarely(negative, reflected, result)
    result = E.where(negative & E.eq(E.floor(x), x), f.const(math.nan), result)
    return E.where(E.eq(x, 0), E.copysign(f.const(math.inf), -x), result)


def _scaled_bessel(order, x):
    """exp(-|x|) I(|x|) from the fits up to 8 and beyond."""
    a = E.abs(x)
    near = polynomial(f"i{order}_near", E.fma(a, 0.25, -1.0))
    far = polynomial(f"i{order}_far", 16.0 / a - 1.0) / E.sqrt(a)
    return E.where(a <= 8.0, near * a if order else near, far)


def i0e(x):
    return _scaled_bessel(0, x)


def i1e(x):
    return flip_sign(_scaled_bessel(1, x), sign_bits(x))
