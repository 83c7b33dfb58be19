"""cbrt, rsqrt and hypot."""

from __future__ import annotations

import math

from ..._opdefs import expr as E
from .base import flip_sign, format_of, sign_bits, two_product

__all__ = ["cbrt", "rsqrt", "hypot"]


def rsqrt(x):
    return 1.0 / E.sqrt(x)


def _cbrt_guess(a):
    """The cube root to 5 bits: a third of the exponent and mantissa bits, recentred."""
    f = format_of(a)
    if a.type == "f32":
        return f.as_float(E.binary("div", f.as_bits(a), 3) + 709958130)
    high = E.shift_right_logical(f.as_bits(a), f.integer(32))
    third = E.shift_right_logical(high * 0x55555556, f.integer(32))
    return f.as_float((third + 715094163) << 32)


def cbrt(x):
    f = format_of(x)
    a = E.abs(x)
    # powers of 8 that bring a away from the ends of the range
    step = 30 if x.type == "f32" else 300
    large, small = a > 2.0**(2 * step), a < 2.0**(-2 * step)
    one = f.const(1)
    y = a * E.where(large, f.const(8.0**-(step // 3)), E.where(small, f.const(8.0**step), one))
    t = _cbrt_guess(y)
    for _ in range(1 if x.type == "f32" else 2):            # Halley: three times the good bits
        cube = t * t * t
        t = t * ((cube + (y + y)) / (cube + cube + y))
    square, square_error = two_product(t, t)                # Newton with the residual y - t**3 exact
    t = t - E.fma(square_error, t, E.fma(square, t, -y)) / (3.0 * square)
    t = t * E.where(large, f.const(2.0**(step // 3)), E.where(small, f.const(2.0**-step), one))
    return E.where((a > 0) & (a < math.inf), flip_sign(t, sign_bits(x)), x)


def hypot(x, y):
    f = format_of(x)
    infinite = E.isinf(x) | E.isinf(y)
    if x.type == "f32":
        a, b = E.cast(x, "f64"), E.cast(y, "f64")
        result = E.cast(E.sqrt(E.fma(a, a, b * b)), "f32")
    else:
        a, b = E.abs(x), E.abs(y)
        m = E.maximum(a, b)
        large, small = m > 2.0**500, m < 2.0**-500
        up, down, one = f.const(2.0**600), f.const(2.0**-600), f.const(1)
        scale = E.where(large, down, E.where(small, up, one))
        a, b = m * scale, E.minimum(a, b) * scale
        result = E.sqrt(E.fma(a, a, b * b)) * E.where(large, up, E.where(small, down, one))
    return E.where(infinite, f.const(math.inf), result)
