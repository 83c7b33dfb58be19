"""What every expansion needs: float formats, constants to any precision, polynomials, powers of two."""

from __future__ import annotations

import struct
from fractions import Fraction
from functools import lru_cache

from ..._opdefs import expr as E
from .coefficients import COEFFICIENTS


class Format:
    """An IEEE format and the integer type of its width."""

    def __init__(self, type, int, bits, mantissa):
        self.type, self.int, self.bits, self.mantissa = type, int, bits, mantissa
        self.bias = (1 << (bits - mantissa - 2)) - 1
        self.sign = -(1 << (bits - 1))                      # the sign bit, as the signed integer it is
        self.magic = 1.5 * 2.0**mantissa                    # x + magic has rint(x) in its low mantissa bits, for |x| < 2**(mantissa - 2)
        self.smallest_normal = 2.0**(1 - self.bias)
        self.largest = (2 - 2.0**-mantissa) * 2.0**self.bias

    def encode(self, value):
        """The bits of the constant `value` as a signed integer."""
        return struct.unpack("<i", struct.pack("<f", value))[0] if self.bits == 32 else struct.unpack("<q", struct.pack("<d", value))[0]

    def const(self, value):
        return E.const(value, self.type)

    def integer(self, value):
        return E.const(value, self.int)

    def as_bits(self, x):
        return E.bitcast(x, self.int)

    def as_float(self, bits):
        return E.bitcast(bits, self.type)


FORMATS = {"f32": Format("f32", "i32", 32, 23), "f64": Format("f64", "i64", 64, 52)}


def format_of(x):
    return FORMATS[x.type]


@lru_cache(None)
def _atan_inverse(n, scale):
    """atan(1 / n) * scale in integers."""
    term = scale // n
    total, k = term, 1
    while term:
        term //= -n * n
        k += 2
        total += term // k
    return total


def _machin(bits):
    scale = 1 << (bits + 16)
    return Fraction(4 * (4 * _atan_inverse(5, scale) - _atan_inverse(239, scale)), scale)


PI = _machin(1400)
LN2 = Fraction("0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863326996418687")
LN10 = Fraction("2.302585092994045684017991454684364207601101488628772976033327900967572609677352480235997205089598298")
SQRT_PI = Fraction("1.772453850905516027298167483341145182797549456122387128213807789852911284591032181374950656738544665")
LN_PI = Fraction("1.144729885849400174143427351353058711647294812915311571513623071472137769884826079783623270275489708")


def rounded(value, type):
    """The Fraction `value` as a float of `type`."""
    value = float(value)
    return struct.unpack("<f", struct.pack("<f", value))[0] if type == "f32" else value


def split(value, type, parts, bits=None):
    """Floats that sum to the Fraction `value`; the first ones keep only `bits` bits, so that products with small integers are exact."""
    out = []
    for i in range(parts):
        part = rounded(value, type)
        if bits is not None and i < parts - 1 and part:
            unit = Fraction(2) ** (Fraction(part).numerator.bit_length() - Fraction(part).denominator.bit_length() - bits)
            part = float(Fraction(part) // unit * unit)
        out.append(part)
        value -= Fraction(part)
    return out


def horner(x, coefficients):
    """sum(c[k] * x**k)"""
    result = E.const(coefficients[-1], x.type)
    for c in reversed(coefficients[:-1]):
        result = E.fma(result, x, c)
    return result


def polynomial(name, x, kind=None):
    """The fitted polynomial `name` at x."""
    return horner(x, COEFFICIENTS[name][kind or x.type])


def at_most(x, limit):
    """min(x, limit) that keeps NaN, in one instruction."""
    return E.where(x > limit, E.const(limit, x.type), x)


def at_least(x, limit):
    return E.where(x < limit, E.const(limit, x.type), x)


def round_to_int(x, scale=1.0):
    """(n, k): rint(x * scale) as a float and as an integer, for moderate x."""
    f = format_of(x)
    shifted = x + f.magic if scale == 1.0 else E.fma(x, scale, f.magic)
    return shifted - f.magic, f.as_bits(shifted) - f.encode(f.magic)


def power_of_two(bits, f):
    """2**n for an integer with n + bias in its low bits, n within the normal range; what is above falls out."""
    return f.as_float(bits << f.mantissa)


def round_to_power(x, scale, bias):
    """(n, bits): n = rint(x * scale) as a float, and an integer that has n + bias in its low bits, for `power_of_two`."""
    f = format_of(x)
    magic = f.magic + bias
    shifted = E.fma(x, scale, magic) if scale != 1.0 else x + magic
    return shifted - magic, f.as_bits(shifted)


def clean_power(bits, f):
    """The integer n + 2 * bias that `scale_by_power` takes, of `round_to_power` with twice the bias."""
    return bits - f.encode(f.magic)


def scale_by_power(x, k):
    """x * 2**n for k = n + 2 * bias, rounding once into the denormals and overflowing to inf; |n| < 2 * bias."""
    f = format_of(x)
    half = E.shift_right_logical(k, f.integer(1))
    return x * f.as_float(half << f.mantissa) * f.as_float((k - half) << f.mantissa)


def flip_sign(x, sign_bits):
    """x with its sign bit exclusive-ored."""
    f = format_of(x)
    return f.as_float(f.as_bits(x) ^ sign_bits)


def sign_bits(x):
    f = format_of(x)
    return f.as_bits(x) & f.sign


def is_negative(x):
    """The sign bit: true for -0 also."""
    return format_of(x).as_bits(x) < 0


def fast_two_sum(a, b):
    """a + b as head and tail; |a| >= |b| or a = 0."""
    head = a + b
    return head, (a - head) + b


def two_sum(a, b):
    """a + b as head and tail, whichever is larger."""
    head = a + b
    virtual = head - a
    return head, (a - (head - virtual)) + (b - virtual)


def ratio(numerator, a, b):
    """numerator / (a + b) with one rounding, nearly; |a| >= |b|."""
    head, tail = fast_two_sum(a, b)
    inverse = 1.0 / head
    q = numerator * inverse
    return E.fma(E.fma(-q, tail, E.fma(-q, head, numerator)), inverse, q)


def two_product(a, b):
    head = a * b
    return head, E.fma(a, b, -head)
