"""Logarithms and what is built of them: log, log2, log10, log1p, pow, asinh, acosh, atanh."""

from __future__ import annotations

import math
from fractions import Fraction

from ..._opdefs import expr as E
from .base import (
    LN2,
    LN10,
    at_least,
    at_most,
    clean_power,
    fast_two_sum,
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
    two_product,
)

__all__ = ["log", "log2", "log10", "log1p", "pow_", "asinh", "acosh", "atanh"]


def exponent_and_fraction(x, denormals=True):
    """(e, m, k): x = m * 2**e with sqrt(1/2) <= m < sqrt(2), e as a float and as an integer k, for 0 < x < inf."""
    f = format_of(x)
    if denormals:
        lift = f.mantissa + 1
        small = x < f.smallest_normal
        x = E.where(small, x * 2.0**lift, x)
    root_half = f.encode(rounded(math.sqrt(0.5), x.type))
    # biased by 2 * bias, so that it is positive and a logical shift will do
    shifted = f.as_bits(x) + ((f.bias << f.mantissa) - root_half)
    biased = E.shift_right_logical(shifted, f.integer(f.mantissa))
    m = f.as_float((shifted & ((1 << f.mantissa) - 1)) + root_half)
    if x.type == "f32":
        k = biased - f.bias
        e = E.cast(k, "f32")
    else:
        # the integer in the low bits of 2**52: no conversion from i64 exists below AVX-512
        e = f.as_float(biased | f.encode(2.0**52)) - (2.0**52 + f.bias)
        k = biased - f.bias
    if denormals:
        e = e - E.where(small, f.const(lift), f.const(0))
    return e, m, k


def log1p_tail(f):
    """t with log(1 + f) = f + t, for sqrt(1/2) <= 1 + f <= sqrt(2)."""
    if f.type == "f32":
        return f * f * E.fma(f, polynomial("log", f), -0.5)
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    return E.fma(s, E.fma(z, polynomial("atanh", z), half_square), -half_square)


def _positive_only(x, result):
    """`result` for 0 < x < inf, and the logarithm of everything else."""
    special = E.where(E.eq(x, 0), format_of(x).const(-math.inf), E.where(E.eq(x, math.inf), x, format_of(x).const(math.nan)))
    return E.where((x > 0) & (x < math.inf), result, special)


def _combine(e, f, t):
    """e log(2) + f + t"""
    high, low = split(LN2, f.type, 2)
    return E.fma(e, high, f + E.fma(e, low, t))


def log_positive(x, denormals=True):
    """log(x) for 0 < x < inf."""
    e, m, _ = exponent_and_fraction(x, denormals)
    f = m - 1.0
    return _combine(e, f, log1p_tail(f))


def log(x):
    return _positive_only(x, log_positive(x))


def _log_of_base(x, base_log):
    """log(x) / base_log for the Fraction base_log, with log(m) in two words."""
    e, m, _ = exponent_and_fraction(x)
    f = m - 1.0
    u, v = fast_two_sum(f, log1p_tail(f))
    high, low = split(1 / base_log, x.type, 2)
    p, p_error = two_product(u, E.const(high, x.type))
    tail = E.fma(v, high, E.fma(u, low, p_error))
    if base_log == LN2:
        head = e
    else:
        digit, digit_low = split(LN2 / base_log, x.type, 2, bits=12 if x.type == "f32" else 40)
        head, tail = e * digit, E.fma(e, digit_low, tail)
    s, s_error = fast_two_sum(head, p)
    return _positive_only(x, s + (s_error + tail))


def log2(x):
    return _log_of_base(x, LN2)


def log10(x):
    return _log_of_base(x, LN10)


def log1p_finite(x):
    """log(1 + x) for -1 < x < inf."""
    f = format_of(x)
    e, m, k = exponent_and_fraction(x + 1.0, denormals=False)
    s = power_of_two(f.bias - k, f)
    # (1 + x) 2**-k - 1 with one rounding; beyond 2**60 the 1 does not matter
    y = E.where(k > 60, m - 1.0, E.fma(x, s, s - 1.0))
    return _combine(e, y, log1p_tail(y))


def log1p(x):
    f = format_of(x)
    special = E.where(E.eq(x, -1), f.const(-math.inf), E.where(E.eq(x, math.inf), x, f.const(math.nan)))
    return E.where((x > -1) & (x < math.inf), E.copysign(log1p_finite(x), x), special)


def asinh(x):
    a = E.abs(x)
    large = a > 2.0**(format_of(x).mantissa // 2 + 3)
    square = a * a
    argument = E.where(large, a - 1.0, a + square / (E.sqrt(square + 1.0) + 1.0))
    result = log1p_finite(argument) + E.where(large, E.const(rounded(LN2, x.type), x.type), E.const(0, x.type))
    return E.where(a < math.inf, flip_sign(result, sign_bits(x)), x)


def acosh(x):
    large = x > 2.0**(format_of(x).mantissa // 2 + 3)
    t = x - 1.0
    argument = E.where(large, t, t + E.sqrt(E.fma(t, t, t + t)))
    result = log1p_finite(argument) + E.where(large, E.const(rounded(LN2, x.type), x.type), E.const(0, x.type))
    return E.where((x >= 1) & (x < math.inf), result, E.where(E.eq(x, math.inf), x, format_of(x).const(math.nan)))


def atanh(x):
    a = E.abs(x)
    result = 0.5 * log1p_finite(ratio(a + a, E.const(1, x.type), -a))
    result = E.where(a < 1, result, E.where(E.eq(a, 1), format_of(x).const(math.inf), format_of(x).const(math.nan)))
    return flip_sign(result, sign_bits(x))


def _pow_special(x, y, magnitude):
    """pow from |x|**y by the rules of C99 Annex F."""
    f = format_of(x)
    whole = E.eq(E.trunc(y), y)
    half = y * 0.5
    odd = whole & E.ne(E.trunc(half), half)
    result = E.where(odd, flip_sign(magnitude, sign_bits(x)), magnitude)
    result = E.where((x < 0) & ~whole & E.ne(x, -math.inf), f.const(math.nan), result)
    certain = E.eq(y, 0) | E.eq(x, 1) | (E.eq(x, -1) & E.isinf(y))
    return E.where(certain, f.const(1), result)


def _pow_f32(x, y):
    """2**(y log2 |x|) in f64 with some 36 good bits."""
    f = format_of(E.const(0, "f64"))
    a, b = E.cast(E.abs(x), "f64"), E.cast(y, "f64")
    e, m, _ = exponent_and_fraction(a, denormals=False)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    logarithm = E.fma(E.fma(s * z, polynomial("atanh", z, "wide"), s + s), rounded(1 / LN2, "f64"), e)
    logarithm = E.where(E.eq(a, 0), f.const(-math.inf), E.where(a < math.inf, logarithm, a))
    p = at_least(at_most(b * logarithm, 300.0), -300.0)
    n, bits = round_to_power(p, 1.0, f.bias)
    r = p - n
    return E.cast(E.fma(r, polynomial("exp2", r, "wide"), 1.0) * power_of_two(bits, f), "f32")


def _log2_double(a):
    """log2(a) in two words, good to some 2**-65, for 0 < a < inf."""
    e, m, _ = exponent_and_fraction(a)
    f = m - 1.0
    d, d_low = fast_two_sum(E.const(2, "f64"), f)
    inverse = 1.0 / d
    s = f * inverse
    s_low = (E.fma(-s, d, f) - s * d_low) * inverse
    z, z_error = two_product(s, s)
    z_low = E.fma(s + s, s_low, z_error)
    third, third_low = split(Fraction(1, 3), "f64", 2)
    c, c_low = fast_two_sum(E.const(third, "f64"), z * polynomial("atanh_long", z))
    c_low = c_low + third_low
    w, w_error = two_product(z, c)
    b, b_low = fast_two_sum(E.const(1, "f64"), w)
    b_low = b_low + (w_error + E.fma(z, c_low, z_low * c))
    s, s_low = s + s, s_low + s_low
    log_high, log_error = two_product(s, b)
    log_low = log_error + E.fma(s, b_low, s_low * b)
    high, low = split(1 / LN2, "f64", 2)
    p, p_error = two_product(log_high, E.const(high, "f64"))
    p_low = p_error + E.fma(log_high, low, log_low * high)
    head, tail = fast_two_sum(e, p)
    return fast_two_sum(head, tail + p_low)


def _pow_f64(x, y):
    a = E.abs(x)
    f = format_of(x)
    head, tail = _log2_double(a)
    regular = (a > 0) & (a < math.inf)
    head = E.where(regular, head, E.where(E.eq(a, 0), f.const(-math.inf), a))
    p, p_error = two_product(head, y)
    p_low = E.where(regular & (E.abs(p) < 1100.0), E.fma(tail, y, p_error), f.const(0))
    p = at_least(at_most(p, 1100.0), -1100.0)
    n, bits = round_to_power(p, 1.0, 2 * f.bias)
    r = (p - n) + p_low
    return scale_by_power(E.fma(r, polynomial("exp2", r), 1.0), clean_power(bits, f))


def pow_(x, y):
    return _pow_special(x, y, _pow_f32(x, y) if x.type == "f32" else _pow_f64(x, y))
