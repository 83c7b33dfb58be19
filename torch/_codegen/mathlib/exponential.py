"""Exponentials and what is built of them: exp, exp2, expm1, sigmoid, sinh, cosh, tanh."""

from __future__ import annotations

from ..._opdefs import expr as E
from .base import (
    LN2,
    at_least,
    at_most,
    clean_power,
    flip_sign,
    format_of,
    polynomial,
    power_of_two,
    ratio,
    round_to_power,
    rounded,
    scale_by_power,
    sign_bits,
    split,
)

__all__ = ["exp", "exp2", "expm1", "sigmoid", "sinh", "cosh", "tanh"]

# beyond these exp is inf or 0
EXP_RANGE = {"f32": (-104.0, 89.0), "f64": (-746.0, 710.0)}
EXP2_RANGE = {"f32": (-151.0, 129.0), "f64": (-1077.0, 1025.0)}
# from here on: expm1(-x) = -1, tanh(x) = 1
EXPM1_LEAST = {"f32": -18.0, "f64": -38.0}
TANH_MOST = {"f32": 9.1, "f64": 19.1}


def _reduced(x, bias, correction=None):
    """(expm1(r), n, bits) with x = n log(2) + r, |r| <= log(2) / 2, and n + bias in the low bits; `correction` is small, added to x."""
    n, bits = round_to_power(x, rounded(1 / LN2, x.type), bias)
    high, low = split(LN2, x.type, 2)
    r = E.fma(n, -low, E.fma(n, -high, x))
    if correction is not None:
        r = r + correction
    return E.fma(r * r, polynomial("exp", r), r), n, bits


def reduced_expm1(x, correction=None):
    """(e, k) with exp(x + correction) = (1 + e) 2**n, k = n + 2 bias as `scale_by_power` takes it."""
    f = format_of(x)
    e, _, bits = _reduced(x, 2 * f.bias, correction)
    return e, clean_power(bits, f)


def scaled_exp(x, shift=0, most=None):
    """exp(x) * 2**shift."""
    low, high = EXP_RANGE[x.type]
    e, k = reduced_expm1(at_least(at_most(x, high if most is None else most), low))
    return scale_by_power(e + 1.0, k + shift if shift else k)


def exp(x):
    return scaled_exp(x)


def exp_moderate(x):
    """exp(x) where neither x nor the result is near the ends of its range."""
    f = format_of(x)
    e, _, bits = _reduced(x, f.bias)
    s = power_of_two(bits, f)
    return E.fma(e, s, s)


def exp_decaying(x):
    """exp(x) for x <= 0, scaled up so that one rounding makes the denormals."""
    f = format_of(x)
    lift = 64 if x.type == "f32" else 128
    e, _, bits = _reduced(at_least(x, EXP_RANGE[x.type][0]), f.bias + lift)
    return (e + 1.0) * power_of_two(bits, f) * 2.0**-lift


def exp2(x):
    low, high = EXP2_RANGE[x.type]
    x = at_least(at_most(x, high), low)
    f = format_of(x)
    n, bits = round_to_power(x, 1.0, 2 * f.bias)
    r = x - n
    return scale_by_power(E.fma(r, polynomial("exp2", r), 1.0), clean_power(bits, f))


def expm1(x):
    # 2 (2**(k-1) expm1(r) + 2**(k-1) - 1/2): k itself would overflow just before the result does
    f = format_of(x)
    e, n, bits = _reduced(at_least(at_most(x, EXP_RANGE[x.type][1]), EXPM1_LEAST[x.type]), f.bias - 1)
    s = power_of_two(bits, f)
    far = E.fma(s, e, s - 0.5)
    return E.copysign(E.where(E.eq(n, 0), e, far + far), x)


def _expm1_positive(a):
    """expm1 of a moderate a >= 0."""
    f = format_of(a)
    e, _, bits = _reduced(a, f.bias)
    s = power_of_two(bits, f)
    return E.fma(s, e, s - 1.0)


def tanh(x):
    a = at_most(E.abs(x), TANH_MOST[x.type])
    e = _expm1_positive(a + a)
    # for large e the order of magnitude that `ratio` asks for is reversed, but then the 2 hardly matters
    return flip_sign(ratio(e, E.const(2, x.type), e), sign_bits(x))


def sigmoid(x):
    z = exp_decaying(-E.abs(x))
    one = E.const(1, x.type)
    return ratio(E.where(x < 0, z, one), one, z)


def sinh(x):
    a = E.abs(x)
    half = scaled_exp(a, -1, most=EXP_RANGE[x.type][1] + 1)
    z = a * a
    near = E.fma(a * z, polynomial("sinh", z), a)
    return flip_sign(E.where(a < 1.0, near, half - 0.25 / half), sign_bits(x))


def cosh(x):
    half = scaled_exp(E.abs(x), -1, most=EXP_RANGE[x.type][1] + 1)
    return half + 0.25 / half
