"""Complex scalars as pairs of real expressions, so that definitions read the same for real and complex dtypes.

Formulas follow W. Kahan, "Branch cuts for complex elementary functions" (1987), with the branch cuts and signed zeros of
C99 Annex G. Multiplication is the plain one: (a + bi)(c + di) = (ac - bd) + (ad + bc)i.
"""

from __future__ import annotations

import math

from . import expr as E

# |x| above which tanh(x) is 1 and exp(-2|x|) no longer matters, and above which exp(x) overflows
_TANH_LIMIT = {"f32": 11.0, "f64": 22.0}
_EXP_LIMIT = {"f32": 88.0, "f64": 709.0}
# exponent field, and twice the bias: 2**k has the bits `field(k)`, 2**-k the bits `doubled - field(k)`
_FIELD = {"f32": (0x7F800000, 254 << 23, "i32"), "f64": (0x7FF0000000000000, 2046 << 52, "i64")}


class Complex:
    """re + im*i, both expressions of one float type. Answers the operators and `apply(name, ...)` of `expr`."""

    __slots__ = ("re", "im")

    def __init__(self, re, im):
        self.re, self.im = re, im

    @property
    def type(self):
        return self.re.type

    is_float = True
    is_constant = False

    @property
    def real(self):
        return self.re

    @property
    def imag(self):
        return self.im

    def conj(self):
        return Complex(self.re, -self.im)

    def __repr__(self):
        return f"complex({self.re}, {self.im})"

    def lift(self, value):
        """`value` (complex, real or a number) as a Complex of this one's component type."""
        if isinstance(value, Complex):
            return value
        if isinstance(value, complex):
            return Complex(E.const(value.real, self.type), E.const(value.imag, self.type))
        value = E.like(value, self.re)
        return Complex(value, E.const(0, self.type))

    def __add__(self, other): return self.apply("add", self, other)
    def __radd__(self, other): return self.apply("add", other, self)
    def __sub__(self, other): return self.apply("sub", self, other)
    def __rsub__(self, other): return self.apply("sub", other, self)
    def __mul__(self, other): return self.apply("mul", self, other)
    def __rmul__(self, other): return self.apply("mul", other, self)
    def __truediv__(self, other): return self.apply("div", self, other)
    def __rtruediv__(self, other): return self.apply("div", other, self)
    def __neg__(self): return Complex(-self.re, -self.im)

    def __bool__(self):
        raise TypeError("a symbolic scalar has no truth value: use where(condition, a, b)")

    def apply(self, name, *args):
        """The operator or function `name` of `args`, of which at least one is complex."""
        rule = RULES.get(name)
        if rule is None:
            raise TypeError(f"{name} is not defined for complex numbers")
        if name == "where":
            condition, a, b = args
            return rule(condition, self.lift(a), self.lift(b))
        if name == "cast":
            return rule(*args)
        return rule(*(self.lift(a) for a in args))


def _is_real(*values):
    return all(v.im.is_constant and v.im.attr == 0 for v in values)


def scale(z, factor):
    """z times a real factor."""
    return Complex(z.re * factor, z.im * factor)


def times_i(z):
    return Complex(-z.im, z.re)


def over_i(z):
    return Complex(z.im, -z.re)


def add(a, b):
    return Complex(a.re + b.re, a.im + b.im)


def sub(a, b):
    return Complex(a.re - b.re, a.im - b.im)


def mul(a, b):
    if _is_real(b):
        return scale(a, b.re)
    if _is_real(a):
        return scale(b, a.re)
    return Complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)


def div(a, b):
    """a / b, with b brought near 1 by a power of two first, so that |b|**2 neither overflows nor vanishes."""
    if _is_real(b):
        return Complex(a.re / b.re, a.im / b.re)
    field, doubled, integer = _FIELD[b.type]
    infinite = E.isinf(b.re) | E.isinf(b.im)
    c = E.where(infinite, E.copysign(E.where(E.isinf(b.re), 1.0, E.const(0.0, b.type)), b.re), b.re)
    d = E.where(infinite, E.copysign(E.where(E.isinf(b.im), 1.0, E.const(0.0, b.type)), b.im), b.im)
    largest = E.maximum(E.abs(c), E.abs(d))
    # the power of two is kept below the largest one, whose reciprocal is no normal number
    exponent = E.minimum(E.bitcast(largest, integer) & field, doubled - (2 << (field.bit_length() - field.bit_count())))
    factor = E.bitcast(doubled - exponent, b.type)
    c, d = c * factor, d * factor
    norm = c * c + d * d
    re, im = (a.re * c + a.im * d) / norm, (a.im * c - a.re * d) / norm
    finite = E.where(infinite, E.const(0.0, b.type), factor)
    return Complex(re * finite, im * finite)


def absolute(z):
    return E.fn("hypot", z.re, z.im)


def exp(z):
    """e**re (cos im + i sin im); e**re may overflow where the product does not."""
    limit = _EXP_LIMIT[z.type]
    big = z.re > limit
    size = E.exp(E.where(big, z.re - 1.0, z.re))
    rest = E.where(big, math.e, E.const(1.0, z.type))
    vanishes = E.eq(z.re, -math.inf)
    re = E.where(vanishes, 0.0, size * E.cos(z.im) * rest)
    im = E.where(vanishes, 0.0, size * E.sin(z.im) * rest)
    real_axis = E.eq(z.im, 0.0)
    # an infinite modulus of no angle
    re = E.where(E.eq(z.re, math.inf) & ~(E.abs(z.im) < math.inf), z.re, re)
    return Complex(E.where(real_axis, size * rest, re), E.where(real_axis, z.im, im))


def log(z):
    """log|z| + i arg z; near |z| = 1 through log1p, where log|z| would cancel."""
    x, y = E.abs(z.re), E.abs(z.im)
    large, small = E.maximum(x, y), E.minimum(x, y)
    near = (large > 0.5) & (large < 2.0) & (small < 2.0)
    modulus = E.where(near, E.log1p(E.fma(large - 1.0, large + 1.0, small * small)) * 0.5, E.log(absolute(z)))
    return Complex(modulus, E.atan2(z.im, z.re))


def log1p(z):
    near = (E.abs(z.re) < 0.5) & (E.abs(z.im) < 0.5)
    modulus = E.log1p(E.fma(z.re, z.re + 2.0, z.im * z.im)) * 0.5
    far = log(Complex(z.re + 1.0, z.im))
    return Complex(E.where(near, modulus, far.re), far.im)


def expm1(z):
    half_sine = E.sin(z.im * 0.5)
    re = E.expm1(z.re) * E.cos(z.im) - 2.0 * half_sine * half_sine
    im = E.exp(z.re) * E.sin(z.im)
    real_axis = E.eq(z.im, 0.0)
    return Complex(E.where(real_axis, E.expm1(z.re), re), E.where(real_axis, z.im, im))


def sqrt(z):
    """The root with real part >= 0; the larger component first, the other by division, so nothing cancels."""
    x, y = E.abs(z.re), z.im
    root = E.sqrt(x * 0.5 + absolute(z) * 0.5)
    other = E.abs(y) / (root * 2.0)
    right = Complex(root, E.copysign(other, y))
    left = Complex(other, E.copysign(root, y))
    result = where(z.re >= 0.0, right, left)
    zero = E.const(0.0, z.type)
    result = where(E.eq(z.re, 0.0) & E.eq(y, 0.0), Complex(zero, y), result)
    finite_im = E.abs(y) < math.inf
    infinite = E.eq(x, math.inf) & finite_im
    edge = where(z.re > 0.0, Complex(x, E.copysign(zero, y)), Complex(zero, E.copysign(x, y)))
    result = where(infinite, edge, result)
    return where(E.isinf(y), Complex(E.abs(y), y), result)


def sinh(z):
    real_axis = E.eq(z.im, 0.0)
    return Complex(E.where(real_axis, E.sinh(z.re), E.sinh(z.re) * E.cos(z.im)),
                   E.where(real_axis, z.im, E.cosh(z.re) * E.sin(z.im)))


def cosh(z):
    real_axis = E.eq(z.im, 0.0)
    flat = E.eq(z.re, 0.0) | real_axis
    im = E.where(flat, E.copysign(E.const(0.0, z.type), z.re) * E.copysign(E.const(1.0, z.type), z.im),
                 E.sinh(z.re) * E.sin(z.im))
    return Complex(E.where(real_axis, E.cosh(z.re), E.cosh(z.re) * E.cos(z.im)), im)


def tanh(z):
    limit = _TANH_LIMIT[z.type]
    x = E.abs(z.re)
    far = x > limit
    near = E.where(far, 0.0, z.re)
    t, s = E.tan(z.im), E.sinh(near)
    beta, rho = 1.0 + t * t, E.sqrt(1.0 + s * s)
    below = 1.0 + beta * s * s
    pole = E.isinf(t)
    re = E.where(pole, rho / s, beta * rho * s / below)
    im = E.where(pole, 1.0 / t, t / below)
    finite_im = E.abs(z.im) < math.inf
    tail = E.where(finite_im, 4.0 * E.sin(z.im) * E.cos(z.im) * E.exp(-2.0 * x), E.copysign(E.const(0.0, z.type), z.im))
    return Complex(E.where(far, E.copysign(E.const(1.0, z.type), z.re), re), E.where(far, tail, im))


def _roots(z):
    """sqrt(1 - z) and sqrt(1 + z)."""
    return sqrt(Complex(1.0 - z.re, -z.im)), sqrt(Complex(1.0 + z.re, z.im))


def asin(z):
    below, above = _roots(z)
    re = E.atan2(z.re, below.re * above.re - below.im * above.im)
    im = E.asinh(below.re * above.im - below.im * above.re)
    half_known = (E.isnan(z.re) | E.isnan(z.im)) & (E.isinf(z.re) | E.isinf(z.im))
    return Complex(E.where(half_known, math.nan, re), E.where(half_known, E.copysign(E.const(math.inf, z.type), z.im), im))


_SQUARE_LIMIT = {"f32": 1e18, "f64": 1e150}   # squares of what lies beyond may overflow, and 1 is nothing beside it


def _beyond(z):
    """Whether z is too large to be squared, and then log(2 |z|)."""
    limit = _SQUARE_LIMIT[z.type]
    far = (E.abs(z.re) > limit) | (E.abs(z.im) > limit)
    return far, E.log(E.hypot(z.re * 0.25, z.im * 0.25)) + math.log(8.0)


def acos(z):
    below, above = _roots(z)
    far, size = _beyond(z)
    near = Complex(2.0 * E.atan2(below.re, above.re), E.asinh(above.re * below.im - above.im * below.re))
    return where(far, Complex(E.atan2(E.abs(z.im), z.re), -E.copysign(size, z.im)), near)


def acosh(z):
    below, above = sqrt(Complex(z.re - 1.0, z.im)), sqrt(Complex(z.re + 1.0, z.im))
    far, size = _beyond(z)
    near = Complex(E.asinh(below.re * above.re + below.im * above.im), 2.0 * E.atan2(below.im, above.re))
    return where(far, Complex(size, E.atan2(z.im, z.re)), near)


def atanh(z):
    x, y = z.re, z.im
    huge = 1e18 if z.type == "f32" else 1e150
    infinite = E.isinf(x) | E.isinf(y)
    far = (E.maximum(E.abs(x), E.abs(y)) > huge) | infinite
    yy = E.where(far, 0.0, y)
    near_x = E.where(far, 0.0, E.abs(x))
    re = E.copysign(0.25 * E.log1p(4.0 * near_x / ((1.0 - near_x) * (1.0 - near_x) + yy * yy)), x)
    im = 0.5 * E.atan2(2.0 * yy, (1.0 - near_x) * (1.0 + near_x) - yy * yy)
    ratio = E.where(E.abs(x) > E.abs(y), y / x, x / y)
    # 1/z = (x - iy) / (x**2 + y**2), written so that the squares do not overflow
    inverse = E.where(E.abs(x) > E.abs(y), 1.0 / (x * (1.0 + ratio * ratio)), ratio / (y * (1.0 + ratio * ratio)))
    inverse = E.where(infinite, E.copysign(E.const(0.0, z.type), x), inverse)
    angle = E.where(E.isnan(y), y, E.copysign(E.const(math.pi / 2, z.type), y))
    return Complex(E.where(far, inverse, re), E.where(far, angle, im))


def pow_(z, w):
    """exp(w log z); 0**w is 0 for a positive real part of w, and 1 for w = 0."""
    power = exp(mul(w, log(z)))
    zero = E.const(0.0, z.type)
    from_zero = Complex(E.where(w.re > 0.0, 0.0, E.where(E.eq(w.re, 0.0), math.nan, E.const(math.inf, z.type))),
                        E.where(w.re > 0.0, 0.0, E.const(math.nan, z.type)))
    result = where(E.eq(z.re, 0.0) & E.eq(z.im, 0.0), from_zero, power)
    return where(E.eq(w.re, 0.0) & E.eq(w.im, 0.0), Complex(E.const(1.0, z.type), zero), result)


def one(z):
    return Complex(E.const(1.0, z.type), E.const(0.0, z.type))


def reciprocal(z):
    return div(one(z), z)


def where(condition, a, b):
    return Complex(E.where(condition, a.re, b.re), E.where(condition, a.im, b.im))


def sgn(z):
    """z / |z|, and 0 at 0."""
    size = absolute(z)
    zero = E.eq(size, 0.0)
    return Complex(E.where(zero, 0.0, z.re / size), E.where(zero, 0.0, z.im / size))


RULES = {
    "add": add, "sub": sub, "mul": mul, "div": div,
    "neg": lambda z: -z, "conj": Complex.conj, "real": lambda z: z.re, "imag": lambda z: z.im,
    "abs": absolute, "sgn": sgn, "reciprocal": reciprocal,
    "eq": lambda a, b: E.eq(a.re, b.re) & E.eq(a.im, b.im),
    "ne": lambda a, b: E.ne(a.re, b.re) | E.ne(a.im, b.im),
    "where": where,
    "cast": lambda z, type: Complex(E.cast(z.re, type), E.cast(z.im, type)),
    "exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "sqrt": sqrt, "pow": pow_,
    "exp2": lambda z: exp(scale(z, math.log(2))),
    "log2": lambda z: scale(log(z), 1 / math.log(2)),
    "log10": lambda z: scale(log(z), 1 / math.log(10)),
    "rsqrt": lambda z: reciprocal(sqrt(z)),
    "sigmoid": lambda z: reciprocal(add(one(z), exp(-z))),
    "sinh": sinh, "cosh": cosh, "tanh": tanh,
    "sin": lambda z: over_i(sinh(times_i(z))),
    "cos": lambda z: cosh(times_i(z)),
    "tan": lambda z: over_i(tanh(times_i(z))),
    "asin": asin, "acos": acos, "acosh": acosh, "atanh": atanh,
    "asinh": lambda z: over_i(asin(times_i(z))),
    "atan": lambda z: over_i(atanh(times_i(z))),
}
