"""Fit the polynomials of torch/_codegen/mathlib and write mathlib/coefficients.py (needs mpmath; about two minutes).

Each row of `FITS` states what is approximated: minimise the maximum over [lo, hi] of |weight(x) (target(x) - p(x))| by
reweighted least squares. The first coefficients are rounded to the type one by one and the rest fitted again, so that rounding them
costs no accuracy. Usage: python tools/fit_coefficients.py [name ...]
"""

from __future__ import annotations

import pathlib
import runpy
import sys

import mpmath as mp
import numpy as np

mp.mp.dps = 60
OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "torch/_codegen/mathlib/coefficients.py"
HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.002")
SQRT_HALF = mp.sqrt(mp.mpf(1) / 2)


def _near_zero(function, series, small):
    """`function` away from 0, its series near 0 where it would cancel."""
    return lambda x: series(x) if abs(x) < small else function(x)


def _odd(f, derivatives):
    """(f(x) / x - c0) / x**2 as a function of z = x**2, for odd f with Taylor coefficients c0, c1, ... of x, x**3, ..."""
    c = [mp.mpf(v) for v in derivatives]
    def target(z):
        if z < mp.mpf("1e-8"):
            return c[1] + c[2] * z + c[3] * z * z
        x = mp.sqrt(z)
        return (f(x) / x - c[0]) / z
    return target


def _odd_weight(f):
    return lambda z: mp.sqrt(z) * z / f(mp.sqrt(z)) if z > 0 else mp.mpf(0)


def exp_tail(r):
    return mp.mpf(1) / 2 + r / 6 + r * r / 24 + r**3 / 120 if abs(r) < mp.mpf("1e-10") else (mp.expm1(r) - r) / r**2


def log_tail(f):
    return mp.mpf(1) / 3 - f / 4 + f * f / 5 - f**3 / 6 if abs(f) < mp.mpf("1e-8") else (mp.log1p(f) - f + f * f / 2) / f**3


def atanh_tail(z):
    """(2 atanh(s) / s - 2) / z with z = s**2"""
    if z < mp.mpf("1e-8"):
        return mp.mpf(2) / 3 + 2 * z / 5 + 2 * z * z / 7
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def erfcx(x):
    """exp(x**2) erfc(x), from its asymptotic series where erfc vanishes."""
    if x < 60:
        return mp.exp(x * x) * mp.erfc(x)
    return sum((-1)**k * mp.fac2(2 * k - 1) / (2 * x * x)**k for k in range(12)) / (x * mp.sqrt(mp.pi))


def erfcx_scaled(shift):
    """(1 + 2 a) erfcx(a) as a function of t = (a - shift) / (a + shift)"""
    def target(t):
        if t >= 1 - mp.mpf("1e-30"):
            return 2 / mp.sqrt(mp.pi)
        a = shift * (1 + t) / (1 - t)
        return (1 + 2 * a) * erfcx(a)
    return target


def erfinv(x, complement):
    """erfinv(x); `complement` = 1 - x is exact near 1."""
    if x == 0:
        return mp.mpf(0)
    if complement > mp.mpf("0.1"):
        return mp.erfinv(x)
    y = mp.sqrt(-mp.log(complement * mp.sqrt(mp.pi) * mp.sqrt(-mp.log(complement))))
    for _ in range(60):
        step = (mp.erfc(y) - complement) / (2 / mp.sqrt(mp.pi) * mp.exp(-y * y))
        y += step
        if abs(step) < mp.mpf("1e-45"):
            break
    return y


def erfinv_ratio(w):
    """erfinv(x) / x where w = -log(1 - x**2)"""
    if w == 0:
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    return erfinv(x, mp.exp(-w) / (1 + x)) / x


def lgamma_2(p):
    return mp.digamma(2) + mp.polygamma(1, 2) * p / 2 + mp.polygamma(2, 2) * p**2 / 6 if abs(p) < mp.mpf("1e-15") else mp.loggamma(2 + p) / p


def stirling(t):
    """x (lgamma(x) - (x - 1/2) log x + x - log(2 pi) / 2) with t = 1 / x**2"""
    if t < mp.mpf("1e-4"):
        return sum(mp.bernoulli(2 * k) / (2 * k * (2 * k - 1)) * t**(k - 1) for k in range(1, 9))
    x = 1 / mp.sqrt(t)
    return x * (mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def digamma_tail(t):
    """x**2 (log x - 1 / (2 x) - digamma(x)) with t = 1 / x**2"""
    if t < mp.mpf("1e-4"):
        return sum(mp.bernoulli(2 * k) / (2 * k) * t**(k - 1) for k in range(1, 9))
    x = 1 / mp.sqrt(t)
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


def bessel_near(order):
    """exp(-x) I_order(x), / x for order 1, as a function of t = x / 4 - 1 in [-1, 1]"""
    def target(t):
        x = 4 * (1 + t)
        if x == 0:
            return mp.mpf(1) if order == 0 else mp.mpf(1) / 2
        return mp.exp(-x) * mp.besseli(order, x) / (x if order else 1)
    return target


def bessel_far(order):
    """sqrt(x) exp(-x) I_order(x) as a function of t = 16 / x - 1 in [-1, 1]"""
    def target(t):
        if t <= -1 + mp.mpf("1e-6"):
            y = (1 + t) / 16
            mu = 4 * order * order
            return (1 - (mu - 1) * y / 8 + (mu - 1) * (mu - 9) * y * y / 128) / mp.sqrt(2 * mp.pi)
        x = 16 / (1 + t)
        return mp.sqrt(x) * mp.exp(-x) * mp.besseli(order, x)
    return target


def _relative(target):
    return lambda x: 1 / target(x)


def one(_):
    return mp.mpf(1)


PI = mp.pi
SINPI = [PI, -PI**3 / 6, PI**5 / 120, -PI**7 / 5040]
# name: (target, weight, lo, hi, {type: degree})
FITS = {
    # exp(r) = 1 + r + r**2 p(r)
    "exp": (exp_tail, lambda r: r * r / mp.expm1(r) if r else mp.mpf(0), -HALF_LN2, HALF_LN2, {"f32": 4, "f64": 10}),
    # 2**r = 1 + r p(r)
    "exp2": (_near_zero(lambda r: (2**r - 1) / r, lambda r: mp.log(2) + mp.log(2)**2 * r / 2, mp.mpf("1e-25")),
             lambda r: r / 2**r, mp.mpf(-0.5), mp.mpf(0.5), {"f32": 5, "f64": 10, "wide": 7}),
    # log(1 + f) = f - f**2 / 2 + f**3 p(f)
    "log": (log_tail, lambda f: f**3 / mp.log1p(f) if f else mp.mpf(0), SQRT_HALF - 1, 2 * SQRT_HALF - 1, {"f32": 7}),
    # 2 atanh(s) = 2 s + s z p(z), z = s**2
    "atanh": (atanh_tail, lambda z: z, mp.mpf(0), ((SQRT_HALF - 1) / (SQRT_HALF + 1))**2, {"f64": 6, "wide": 3}),
    # 2 atanh(s) = 2 s (1 + z / 3 + z**2 p(z)), for pow
    "atanh_long": (lambda z: (atanh_tail(z) / 2 - mp.mpf(1) / 3) / z if z > mp.mpf("1e-8") else mp.mpf(1) / 5 + z / 7 + z * z / 9,
                   lambda z: z * z, mp.mpf(0), ((SQRT_HALF - 1) / (SQRT_HALF + 1))**2, {"f64": 8}),
    # sin(r) = r + r z p(z), z = r**2, |r| <= pi / 2
    "sin": (_odd(mp.sin, [1, -mp.mpf(1) / 6, mp.mpf(1) / 120, -mp.mpf(1) / 5040]), _odd_weight(mp.sin), mp.mpf(0), (mp.mpf("1.572"))**2,
            {"f32": 3, "f64": 7}),
    # sin(pi r) = pi r + r z p(z), |r| <= 1 / 2
    "sinpi": (_odd(mp.sinpi, SINPI), _odd_weight(mp.sinpi), mp.mpf(0), mp.mpf("0.2501"), {"f32": 3, "f64": 7}),
    # tan(r) = r + r z p(z), |r| <= pi / 4
    "tan": (_odd(mp.tan, [1, mp.mpf(1) / 3, mp.mpf(2) / 15, mp.mpf(17) / 315]), _odd_weight(mp.tan), mp.mpf(0), (mp.mpf("0.787"))**2,
            {"f32": 6, "f64": 14}),
    # asin(x) = x + x z p(z), |x| <= 1 / 2
    "asin": (_odd(mp.asin, [1, mp.mpf(1) / 6, mp.mpf(3) / 40, mp.mpf(15) / 336]), _odd_weight(mp.asin), mp.mpf(0), mp.mpf("0.2501"),
             {"f32": 4, "f64": 12}),
    # atan(x) = x + x z p(z), |x| <= sqrt(2) - 1
    "atan": (_odd(mp.atan, [1, -mp.mpf(1) / 3, mp.mpf(1) / 5, -mp.mpf(1) / 7]), _odd_weight(mp.atan), mp.mpf(0), mp.mpf("0.17165"),
             {"f32": 4, "f64": 11}),
    # sinh(x) = x + x z p(z), |x| <= 1
    "sinh": (_odd(mp.sinh, [1, mp.mpf(1) / 6, mp.mpf(1) / 120, mp.mpf(1) / 5040]), _odd_weight(mp.sinh), mp.mpf(0), mp.mpf(1),
             {"f32": 3, "f64": 7}),
    # erf(x) = x + x p(z)
    "erf": (lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1 if z else 2 / mp.sqrt(PI) - 1, lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)) if z else mp.mpf(1),
            mp.mpf(0), mp.mpf(1), {"f32": 6, "f64": 13}),
    # log(1 - erf(a)) for 0.9 <= a <= 4
    "erf_tail": (lambda a: mp.log(mp.erfc(a)), lambda a: mp.erfc(a) / mp.erf(a), mp.mpf("0.9"), mp.mpf(4), {"f32": 6}),
    # (1 + 2 a) exp(a**2) erfc(a) over t = (a - 4) / (a + 4) in f64, (a - 2) / (a + 2) in f32
    "erfcx": {"f32": (erfcx_scaled(2), lambda t: 1 / erfcx_scaled(2)(t), mp.mpf(-1), mp.mpf(1), 13),
              "f64": (erfcx_scaled(4), lambda t: 1 / erfcx_scaled(4)(t), mp.mpf(-1), mp.mpf(1), 24)},
    # erfinv(x) = x p(w - 2.5), w = -log(1 - x**2) < 5; beyond, x p(sqrt(w) - 3)
    "erfinv": (lambda v: erfinv_ratio(v + mp.mpf(2.5)), lambda v: 1 / erfinv_ratio(v + mp.mpf(2.5)), mp.mpf(-2.5), mp.mpf(2.5), {"f32": 10}),
    "erfinv_tail": (lambda v: erfinv_ratio((v + 3)**2), lambda v: 1 / erfinv_ratio((v + 3)**2), mp.sqrt(5) - 3, mp.mpf("3.3"), {"f32": 13}),
    # lgamma(2 + p) = p poly(p), |p| <= 1/2
    "lgamma": (lgamma_2, lambda p: 1 / lgamma_2(p), mp.mpf("-0.5"), mp.mpf("0.5"), {"f32": 8, "f64": 18}),
    # lgamma(x) = (x - 1/2) log x - x + log(2 pi) / 2 + p(1 / x**2) / x, x >= 2.5 (f32), 6.5 (f64)
    "stirling": {"f32": (stirling, one, mp.mpf(0), mp.mpf("0.16"), 4), "f64": (stirling, one, mp.mpf(0), mp.mpf("0.0237"), 7)},
    # exp(-x) I0(x) over t = x / 4 - 1 up to x = 8; sqrt(x) times it over t = 16 / x - 1 beyond; for I1 also / x up to 8
    "i0_near": (bessel_near(0), _relative(bessel_near(0)), mp.mpf(-1), mp.mpf(1), {"f32": 17, "f64": 30}),
    "i0_far": (bessel_far(0), _relative(bessel_far(0)), mp.mpf(-1), mp.mpf(1), {"f32": 6, "f64": 23}),
    "i1_near": (bessel_near(1), _relative(bessel_near(1)), mp.mpf(-1), mp.mpf(1), {"f32": 17, "f64": 30}),
    "i1_far": (bessel_far(1), _relative(bessel_far(1)), mp.mpf(-1), mp.mpf(1), {"f32": 6, "f64": 23}),
    # digamma(x) = log(x) - 1 / (2 x) - p(1 / x**2) / x**2, x >= 3 (f32), 7 (f64)
    "digamma": {"f32": (digamma_tail, one, mp.mpf(0), mp.mpf(1) / 9, 4), "f64": (digamma_tail, one, mp.mpf(0), mp.mpf(1) / 49, 8)},
}


def _least_squares(xs, values, weights, degree, first):
    """Polynomial of powers first..degree that minimises sum(weights * (values - p)**2)."""
    n = degree - first + 1
    moments = [mp.mpf(0)] * (2 * n - 1)
    right = mp.matrix(n, 1)
    for x, y, w in zip(xs, values, weights):
        power = w * x**(2 * first)
        for k in range(2 * n - 1):
            moments[k] += power
            power *= x
        power = w * y * x**first
        for k in range(n):
            right[k] += power
            power *= x
    matrix = mp.matrix(n, n)
    for i in range(n):
        for j in range(n):
            matrix[i, j] = moments[i + j]
    return list(mp.lu_solve(matrix, right))


def _minimax(xs, values, weights, degree, first):
    """Lawson's iteration: reweighted least squares tends to the minimax polynomial. It needs no alternation of signs, which the
    powers first..degree don't promise on an interval around 0."""
    emphasis = [mp.mpf(1)] * len(xs)
    best = None
    for _ in range(20):
        c = _least_squares(xs, values, [e * w * w for e, w in zip(emphasis, weights)], degree, first)
        errors = [abs(w * (y - x**first * mp.polyval(c[::-1], x))) for x, y, w in zip(xs, values, weights)]
        worst = max(errors)
        if best is None or worst < best[1]:
            best = c, worst
        if worst == 0:
            break
        emphasis = [e * (v / worst + mp.mpf("1e-12")) for e, v in zip(emphasis, errors)]
        scale = len(emphasis) / sum(emphasis)
        emphasis = [e * scale for e in emphasis]
    return best


def fit(target, weight, lo, hi, degree, type):
    """Coefficients, lowest first, rounded to `type`, and the maximum weighted error."""
    round_to = (lambda v: float(np.float32(float(v)))) if type == "f32" else float
    count = 8 * (degree + 2)
    xs = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]
    values, weights = [target(x) for x in xs], [abs(weight(x)) for x in xs]
    residue, coefficients = list(values), []
    for first in range(degree + 1):
        c, error = _minimax(xs, residue, weights, degree, first)
        done = [round_to(v) for v in (c if first == 3 else c[:1])]
        coefficients += done
        residue = [y - sum(v * x**(first + k) for k, v in enumerate(done)) for x, y in zip(xs, residue)]
        if len(coefficients) > degree:
            break
    return coefficients, max(abs(w * y) for y, w in zip(residue, weights))


def main(names):
    table = runpy.run_path(str(OUTPUT))["COEFFICIENTS"] if OUTPUT.exists() else {}
    for name in names or FITS:
        row = FITS[name]
        per_type = row if isinstance(row, dict) else {t: (*row[:4], d) for t, d in row[4].items()}
        for type, (target, weight, lo, hi, degree) in per_type.items():
            coefficients, error = fit(target, weight, lo, hi, degree, type)
            print(f"{name:12} {type} degree {degree}: error 2^{float(mp.log(error, 2)):.1f}", flush=True)
            table.setdefault(name, {})[type] = tuple(coefficients)
    lines = ['"""Polynomial coefficients, lowest power first. Written by tools/fit_coefficients.py, which says what each approximates."""', "",
             "COEFFICIENTS = {"]
    for name in [n for n in FITS if n in table]:
        lines.append(f"    {name!r}: {{".replace("'", '"'))
        for type, values in table[name].items():
            rows = [", ".join(map(repr, values[i:i + 4])) for i in range(0, len(values), 4)]
            lines.append(f'        "{type}": (' + ",\n                ".join(rows) + "),")
        lines.append("    },")
    OUTPUT.write_text("\n".join([*lines, "}", ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
