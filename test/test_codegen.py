"""The code generator: accuracy of the transcendental functions, derivatives, and generated code against its plain meaning."""

import math

import numpy as np
import pytest

from torch._codegen import jit
from torch._codegen.diff import FUNCTION_RULES, derivative
from torch._codegen.interpret import evaluate
from torch._opdefs import expr as E

mp = pytest.importorskip("mpmath")
mp.mp.prec = 120

DTYPES = {"f32": np.float32, "f64": np.float64}
BINARY = {"pow", "atan2", "hypot"}
REFERENCES = {
    "exp2": lambda x: mp.mpf(2)**x, "log2": lambda x: mp.log(x, 2), "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)), "rsqrt": lambda x: 1 / mp.sqrt(x),
    "pow": mp.power, "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x), "lgamma": mp.loggamma,
    "i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), "i1e": lambda x: mp.exp(-abs(x)) * mp.besseli(1, x),
}
# where the reference itself is slow or defined otherwise, and where the functions are steep
RANGES = {"erfc": (-10, 27), "erfcx": (-5, 1e6), "erf": (-10, 10), "i0e": (-700, 700), "i1e": (-700, 700), "erfinv": (-1, 1), "acosh": (1, 1e30),
          "lgamma": (1e-30, 1e30), "digamma": (1e-30, 1e30)}
ULPS = {"erfinv": 3, "i0e": 4, ("i1e", "f32"): 8, "i1e": 8, "acosh": 2.3}
FEW = {"lgamma", "digamma", "erfinv", "i0e", "i1e", "erfc", "erfcx"}


def compiled(name, type):
    if name in BINARY:
        return jit.compile_pointwise(lambda x, y: E.fn(name, x, y), type)
    return jit.compile_pointwise(lambda x: E.fn(name, x), type)


def reference(name):
    return REFERENCES.get(name) or getattr(mp, name)


def samples(name, type, seed=0, few=False):
    """Numbers of every exponent, numbers of moderate size, numbers near 1 and near multiples of pi/2."""
    rng = np.random.default_rng(seed)
    dtype = DTYPES[type]
    n = 60 if few else 250
    bits = rng.integers(0, 1 << (32 if type == "f32" else 64), n, dtype=np.uint64).astype(np.uint32 if type == "f32" else np.uint64)
    parts = [bits.view(dtype), rng.uniform(-1, 1, n), rng.uniform(-100, 100, n), 1 + rng.standard_normal(n) * 10.0**rng.uniform(-8, 0, n),
             np.arange(1, n) * (math.pi / 2)]
    x = np.concatenate([np.asarray(p, dtype=dtype) for p in parts])
    low, high = RANGES.get(name, (-math.inf, math.inf))
    return x[np.isfinite(x) & (x >= low) & (x <= high)]


def exact(name, points):
    """Reference values, NaN where there is none."""
    f = reference(name)

    def value(*args):
        try:
            result = f(*(mp.mpf(float(a)) for a in args))
        except (ValueError, ZeroDivisionError, OverflowError, mp.libmp.NoConvergence):
            return mp.nan
        return result if isinstance(result, mp.mpf) else mp.nan
    return [value(*args) for args in zip(*points)]


def worst_ulp(name, type, got, expected):
    dtype = DTYPES[type]
    worst = 0.0
    for g, e in zip(got, expected):
        if mp.isnan(e):
            assert name in ("pow", "lgamma") or np.isnan(g) or np.isinf(g), f"{name}: {g} where there is no value"
            continue
        if abs(e) > mp.mpf(float(np.finfo(dtype).max)):
            assert np.isinf(g) or abs(g) == np.finfo(dtype).max
            continue
        size = abs(dtype(float(e)))
        unit = float(np.spacing(size)) if name not in ("lgamma", "digamma") else float(np.spacing(max(size, dtype(1))))
        worst = max(worst, float(abs(mp.mpf(float(g)) - e) / mp.mpf(unit)))
    return worst


@pytest.mark.parametrize("type", ["f32", "f64"])
@pytest.mark.parametrize("name", E.FUNCTIONS)
def test_accuracy(name, type):
    x = samples(name, type, few=name in FEW)
    points = (x,) if name not in BINARY else (np.concatenate([x, np.abs(x)]), np.concatenate([samples(name, type, 1)[:x.size]] * 2)[:2 * x.size])
    if name in BINARY:
        n = min(len(p) for p in points)
        points = tuple(p[:n] for p in points)
        if name == "pow":      # results that are neither 0 nor infinite
            with np.errstate(all="ignore"):
                keep = np.abs(points[1] * np.log(np.abs(points[0]).astype(np.float64) + 1e-300)) < 1e3
            points = tuple(p[keep] for p in points)
    limit = ULPS.get((name, type)) or ULPS.get(name) or (8 if name in ("lgamma", "digamma") else 2)
    assert worst_ulp(name, type, compiled(name, type)(*points), exact(name, points)) <= limit


HUGE = [1e22, 6381956970095103 * 2.0**797, 1.7976931348623157e308, 2.0**120, 3e38, 12345678901234567890.0]


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_huge_angles(name):
    for type in DTYPES:
        x = np.array([h for h in HUGE if type == "f64" or h < 3.4e38], DTYPES[type])
        with mp.workprec(2400):
            expected = exact(name, (x,))
        assert worst_ulp(name, type, compiled(name, type)(x), expected) <= 2


INF, NAN = math.inf, math.nan
SPECIAL = {
    "exp": {0: 1, INF: INF, -INF: 0, NAN: NAN}, "log": {0: -INF, 1: 0, -1: NAN, INF: INF, NAN: NAN}, "expm1": {-0.0: -0.0, INF: INF, -INF: -1},
    "log1p": {-0.0: -0.0, -1: -INF, INF: INF, -2: NAN}, "log2": {8: 3, 2**-20: -20, 0: -INF}, "log10": {1000: 3, 1e10: 10}, "exp2": {10: 1024, -3: 0.125},
    "sin": {-0.0: -0.0, INF: NAN}, "cos": {0: 1, INF: NAN}, "tan": {-0.0: -0.0}, "tanh": {-0.0: -0.0, INF: 1, -INF: -1, NAN: NAN},
    "sigmoid": {0: 0.5, INF: 1, -INF: 0}, "erf": {-0.0: -0.0, INF: 1, -INF: -1}, "erfc": {0: 1, INF: 0, -INF: 2}, "erfcx": {0: 1, INF: 0, -INF: INF}, "erfinv": {1: INF, -1: -INF, 2: NAN, -0.0: -0.0},
    "cbrt": {27: 3, -8: -2, -0.0: -0.0, INF: INF}, "asin": {1: math.pi / 2, 2: NAN, -0.0: -0.0}, "acos": {1: 0, -1: math.pi},
    "atan": {INF: math.pi / 2, -0.0: -0.0}, "sinh": {-INF: -INF, -0.0: -0.0}, "cosh": {-INF: INF, 0: 1}, "atanh": {1: INF, -1: -INF, 2: NAN},
    "acosh": {1: 0, 0.5: NAN, INF: INF}, "asinh": {-INF: -INF, -0.0: -0.0}, "lgamma": {1: 0, 2: 0, 0: INF, -3: INF, INF: INF}, "digamma": {0: -INF, -1: NAN},
    "sinpi": {1: 0, 0.5: 1, 2.0**60: 0}, "cospi": {0: 1, 0.5: 0, 1: -1}, "rsqrt": {0: INF, 4: 0.5, INF: 0},
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    for type, dtype in DTYPES.items():
        x = np.array(list(SPECIAL[name]), dtype)
        expected = np.array(list(SPECIAL[name].values()), dtype)
        got = compiled(name, type)(x)
        np.testing.assert_array_equal(got, expected)
        zero = expected == 0
        if name not in ("sinpi", "cospi", "acos"):
            np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", ["pow", "atan2", "hypot"])
def test_special_pairs(name):
    values = [0.0, -0.0, 1.0, -1.0, 2.5, -3.0, INF, -INF, NAN]
    for type, dtype in DTYPES.items():
        x, y = (v.ravel() for v in np.meshgrid(np.array(values, dtype), np.array(values, dtype)))
        with np.errstate(all="ignore"):
            expected = {"pow": np.power, "atan2": np.arctan2, "hypot": np.hypot}[name](x, y)
        np.testing.assert_allclose(compiled(name, type)(x, y), expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("type", ["f32", "f64"])
@pytest.mark.parametrize("name", ["exp", "log1p", "sin", "tan", "tanh", "erf", "cbrt", "asin"])
def test_generated_code_has_the_meaning_of_its_expression(name, type):
    x = samples(name, type, few=True)
    node = E.input("x", type)
    got, expected = compiled(name, type)(x), evaluate(E.fn(name, node), {node: x})
    different = (got != expected) & ~(np.isnan(got) & np.isnan(expected))
    # float32 fma is emulated with two roundings
    assert different.mean() <= (0.01 if type == "f32" else 0)


@pytest.mark.parametrize("name", sorted(set(FUNCTION_RULES) - BINARY))
def test_derivative(name):
    x = E.input("x", "f64")
    points = np.array([1.25, 1.75, 2.5] if name == "acosh" else [-0.6, -0.2, 0.3, 0.75])
    if name in ("log", "log2", "log10", "rsqrt", "lgamma"):
        points = np.abs(points)
    got = jit.compile_pointwise(lambda x: derivative(E.fn(name, x), x), "f64")(points)
    expected = [float(mp.diff(reference(name), mp.mpf(float(p)))) for p in points]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert derivative(E.fn(name, x), E.input("y", "f64")).attr == 0


def test_derivatives_of_two_arguments():
    x, y = np.array([0.5, 2.0, 1.5]), np.array([1.5, -0.5, 2.0])
    for name in BINARY:
        for k in range(2):
            got = jit.compile_pointwise(lambda a, b: derivative(E.fn(name, a, b), (a, b)[k]), "f64")(x, y)
            expected = [float(mp.diff(reference(name), (mp.mpf(p), mp.mpf(q)), (1 - k, k))) for p, q in zip(x, y)]
            np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_the_branch_not_taken_does_not_spoil_the_derivative():
    f = jit.compile_pointwise(lambda x: derivative(E.where(x > 0, E.log(x), x * 3.0), x), "f64")
    np.testing.assert_array_equal(f(np.array([-1.0, 0.0, 2.0])), [3.0, 3.0, 0.5])


def test_kinks():
    x = np.array([-2.0, 0.0, 2.0])
    np.testing.assert_array_equal(jit.compile_pointwise(lambda x: derivative(E.abs(x), x), "f64")(x), [-1, 0, 1])
    np.testing.assert_array_equal(jit.compile_pointwise(lambda x: derivative(E.maximum(x, 0.0), x), "f64")(x), [0, 0.5, 1])
    np.testing.assert_array_equal(jit.compile_pointwise(lambda x: derivative(E.floor(x), x) + 0.0 * x, "f64")(x), [0, 0, 0])


def test_higher_derivatives():
    f = jit.compile_pointwise(lambda x: derivative(E.exp(x * 2.0) * E.sin(x), x, x, x), "f64")
    x = np.linspace(-1, 1, 5)
    expected = [float(mp.diff(lambda t: mp.exp(2 * t) * mp.sin(t), mp.mpf(float(p)), 3)) for p in x]
    np.testing.assert_allclose(f(x), expected, rtol=1e-11)
