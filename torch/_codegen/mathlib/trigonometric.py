"""sin, cos, tan, their inverses, sinpi and cospi.

sin and cos share one polynomial on [-pi/2, pi/2]: x minus the nearest multiple of pi (sin) or odd multiple of pi/2 (cos) is
sign-flipped by the parity of the multiple. Moderate arguments subtract a three-word pi by fma. Huge ones (marked rare) multiply by
the digits of 1/pi that matter: in f32 all seven 29-bit pieces, whose products with a 24-bit number are exact in f64; in f64 four
53-bit pieces chosen by the exponent, with exact two-word products. Multiples of 2 half turns drop out piece by piece.
"""

from __future__ import annotations

import math
from fractions import Fraction

from ..._opdefs import expr as E
from .base import PI, fast_two_sum, flip_sign, format_of, is_negative, polynomial, round_to_int, rounded, sign_bits, split, two_product, two_sum

__all__ = ["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinpi", "cospi"]

# |x| up to which subtracting a three-word multiple of pi is good
MODERATE = {"f32": 2.0**15, "f64": 2.0**40}


def _without_even(v):
    """v modulo 2, in [-1, 1]; exact."""
    return v - 2.0 * E.rint(v * 0.5)


def _half_turns_f32(a):
    """a / pi modulo 2 as one f64, for an f32 number a."""
    a = E.cast(a, "f64")
    total, rest = None, 1 / PI
    for i in range(7):
        scale = Fraction(2) ** (30 + 29 * i)
        piece = Fraction(math.floor(rest * scale)) / scale
        rest -= piece
        product = a * float(piece)
        if 127 - 29 * i > 0:
            product = _without_even(product)
        total = product if total is None else total + product
    return total


def _half_turns_f64(a):
    """a / pi modulo 2 in two words, for an f64 number a >= 1."""
    f = format_of(a)
    # piece j holds the bits of 1/pi from 2**(-53 j) down to 2**(-53 j - 53), scaled up so as to be no denormal
    pieces, rest, lift = [f.const(0)], 1 / PI, 200
    for j in range(23):
        scale = Fraction(2) ** (53 * (j + 1))
        piece = Fraction(math.floor(rest * scale)) / scale
        rest -= piece
        pieces.append(f.const(float(piece * 2**lift)))
    # a is a multiple of 2**(exponent - 52) and piece j of 2**(-53 j - 53): their products are even for j < exponent // 53 - 1
    exponent = E.shift_right_logical(f.as_bits(a), f.integer(f.mantissa)) - f.bias
    first = E.shift_right_logical(exponent * 1237, f.integer(16))       # exponent // 53, in 0 ... 1023
    window = pieces
    for level in (16, 8, 4, 2, 1):
        skip = E.ne(first & level, 0)
        window = [E.where(skip, window[i + level], window[i]) if i + level < len(window) else window[i]
                  for i in range(min(4 + level, len(window)))]
    a = a * 2.0**-lift
    terms = []
    for piece in window[:4]:
        high, low = two_product(a, piece)
        terms += [_without_even(high), _without_even(low)]
    terms.append(a * window[4])
    head, tail = terms[0], f.const(0)
    for term in terms[1:]:
        total = head + term
        virtual = total - head
        tail = tail + ((head - (total - virtual)) + (term - virtual))
        head = total
    return fast_two_sum(head, tail)


def _huge_reduced(a, shift, multiple=1):
    """a - pi (n + shift) / multiple nearest 0, and the parity of n as a float 0 or 1."""
    f = format_of(a)
    if a.type == "f32":
        head, tail = _half_turns_f32(a) * multiple - shift, None
        head = _without_even(head)
    else:
        head, tail = _half_turns_f64(a)
        head, tail = _without_even(head * multiple), tail * multiple
        if shift:
            head, error = two_sum(head, f.const(-shift))
            tail = tail + error
    n = E.rint(head)
    odd = E.ne(_without_even(n), 0)
    d = head - n
    high, low = split(PI / multiple, "f64", 2)
    if a.type == "f32":
        return E.cast(d * high, "f32"), odd
    d, d_low = fast_two_sum(d, tail)
    return E.fma(d, high, E.fma(d, low, d_low * high)), odd


def _moderate_reduced(a, shift, multiple=1):
    """The same for moderate a in two words; the parity is the last bit of an integer."""
    shifted = E.fma(a, rounded(multiple / PI, a.type), -shift) if shift else a
    n, k = round_to_int(shifted, 1.0 if shift else rounded(multiple / PI, a.type))
    r, n = a, n + shift if shift else n
    for part in split(PI / multiple, a.type, 3):
        last = r
        r = E.fma(n, -part, r)
    return r, E.fma(n, -part, last - r), k


def _sine_polynomial(r):
    z = r * r
    return E.fma(r * z, polynomial("sin", z), r)


def _reduced_signed(a, shift):
    """r with sin(a - shift pi) = sin(r)."""
    f = format_of(a)
    r, _, k = _moderate_reduced(a, shift)
    r = flip_sign(r, k << (f.bits - 1))
    huge, odd = _huge_reduced(a, shift)
    return E.rarely(a > MODERATE[a.type], E.where(odd, -huge, huge), r)


def sin(x):
    return flip_sign(_sine_polynomial(_reduced_signed(E.abs(x), 0)), sign_bits(x))


def cos(x):
    # cos(a) = -sin(a - pi/2)
    return -_sine_polynomial(_reduced_signed(E.abs(x), 0.5))


def tan(x):
    a = E.abs(x)
    r, r_low, k = _moderate_reduced(a, 0, 2)
    huge, huge_odd = _huge_reduced(a, 0, 2)
    far = a > MODERATE[x.type] / 2
    r = E.rarely(far, huge, r)
    # odd multiples of pi/2: tan = -1 / tan(r), the reciprocal corrected by the tail of tan(r)
    one = E.const(1, x.type)
    parity = E.rarely(far, E.where(huge_odd, one, one - 1.0), E.cast(k & 1, x.type) if x.type == "f32" else E.where(E.ne(k & 1, 0), one, one - 1.0))
    z = r * r
    t, t_low = fast_two_sum(r, r * z * polynomial("tan", z))
    t_low = E.rarely(far, t_low, t_low + r_low)
    q = -1.0 / t
    reciprocal = E.fma(q, E.fma(q, t_low, E.fma(q, t, 1.0)), q)
    return flip_sign(E.where(parity > 0.5, reciprocal, t), sign_bits(x))


def _nearest_integer(a):
    """(n, odd): the integer nearest to a, and whether it is odd."""
    n = E.rint(a)
    return n, E.ne(_without_even(n), 0)


def _sinpi_polynomial(d):
    high, low = split(PI, d.type, 2)
    z = d * d
    return E.fma(d, high, d * E.fma(z, polynomial("sinpi", z), low))


def sinpi(x):
    a = E.abs(x)
    n, odd = _nearest_integer(a)
    d = a - n
    return flip_sign(_sinpi_polynomial(E.where(odd, -d, d)), sign_bits(x))


def cospi(x):
    a = E.abs(x)
    n, odd = _nearest_integer(a)
    d = 0.5 - E.abs(a - n)
    return _sinpi_polynomial(E.where(odd, -d, d))


def _asin_parts(a):
    """(big, s, c): asin(s) = s + c where s = a, or sqrt((1 - a) / 2) if a is big (over 1/2)."""
    big = a > 0.5
    z = E.where(big, 0.5 - 0.5 * a, a * a)
    s = E.where(big, E.sqrt(z), a)
    return big, s, s * z * polynomial("asin", z)


def asin(x):
    big, s, c = _asin_parts(E.abs(x))
    half, half_low = split(PI / 2, x.type, 2)
    return flip_sign(E.where(big, half - (2.0 * s - (half_low - 2.0 * c)), s + c), sign_bits(x))


def acos(x):
    big, s, c = _asin_parts(E.abs(x))
    half, half_low = split(PI / 2, x.type, 2)
    negative = x < 0
    far = 2.0 * (s + c)
    far = E.where(negative, 2.0 * half - (far - 2.0 * half_low), far)
    s, c = E.where(negative, -s, s), E.where(negative, -c, c)
    return E.where(big, far, half - (s - (half_low - c)))


def _atan_ratio(small, large):
    """atan(small / large) for 0 <= small <= large."""
    # above tan(pi/8), atan(t) = pi/4 + atan((t - 1) / (t + 1))
    upper = small > rounded(Fraction(math.sqrt(2) - 1), small.type) * large
    t = E.where(upper, small - large, small) / E.where(upper, small + large, large)
    z = t * t
    quarter, quarter_low = split(PI / 4, small.type, 2)
    zero = E.const(0, small.type)
    tail = E.fma(t * z, polynomial("atan", z), E.where(upper, E.const(quarter_low, small.type), zero))
    return E.where(upper, E.const(quarter, small.type), zero) + (t + tail)


def atan(x):
    a = E.abs(x)
    over = a > 1
    one = E.const(1, x.type)
    value = _atan_ratio(E.where(over, one, a), E.where(over, a, one))
    half, half_low = split(PI / 2, x.type, 2)
    return flip_sign(E.where(over, half - (value - half_low), value), sign_bits(x))


def atan2(y, x):
    f = format_of(x)
    a, b = E.abs(y), E.abs(x)
    steep = a > b
    large, small = E.where(steep, a, b), E.where(steep, b, a)
    # 0/0 and inf/inf are 0/1 and 1/1; sums of huge numbers must not overflow
    huge = large > f.largest / 4
    small, large = E.where(huge, small * 0.25, small), E.where(huge, large * 0.25, large)
    both = E.eq(small, math.inf)
    small = E.where(both, f.const(1), small)
    large = E.where(both | E.eq(large, 0), f.const(1), large)
    value = _atan_ratio(small, large)
    half, half_low = split(PI / 2, x.type, 2)
    value = E.where(steep, half - (value - half_low), value)
    value = E.where(is_negative(x), 2.0 * half - (value - 2.0 * half_low), value)
    value = E.where(E.isnan(x) | E.isnan(y), f.const(math.nan), value)
    return flip_sign(value, sign_bits(y))
