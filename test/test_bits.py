"""Generated kernels: the same bits on every instruction set this machine runs, nothing left to a library, exact conversions."""

import ctypes
import functools

import numpy as np
import pytest

from torch._codegen import convert, jit, objects, pointwise, reduce, rows, scan, target
from torch._codegen.emit import Module
from torch._opdefs import expr as E
from torch._opdefs.language import DEFINITIONS

for _module in ("elementary", "fused", "pointwise", "powers", "reduction", "scan"):
    __import__(f"torch._opdefs.{_module}")

VOID, LONG = ctypes.c_void_p, ctypes.c_int64
NUMPY = {"i32": "i4", "i64": "i8", "f32": "f4", "f64": "f8", "c64": "c8", "c128": "c16"}


def runnable():
    """Instruction sets of this processor, the widest last."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if not features.get("avx2"):
        pytest.skip("needs an x86-64-v3 processor")
    return ("scalar", "avx2", "avx512") if features.get("avx512f") else ("scalar", "avx2")


def samples(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3, shape)
    return (x + 1j * x[..., ::-1]).astype(dtype) if dtype[0] == "c" else x.astype(dtype)


def same_bits(results):
    first, *others = results
    return all(np.array_equal(a.view(np.uint8), b.view(np.uint8)) for other in others for a, b in zip(first, other))


@pytest.mark.parametrize("compute", ["i32", "f32", "f64", "c64"])
@pytest.mark.parametrize("n", [1, 15, 33, 1000])
def test_pointwise_bits(compute, n):
    """a * b + |a| and, for floats, a quotient and an exponential: every tail length class, also with one operand broadcast."""
    def body(a, b):
        y = a * b + a
        return y if compute == "i32" else E.exp(y * 0.01) / b

    a, b = samples(NUMPY[compute], n), samples(NUMPY[compute], n, 1)
    runs = []
    for isa in runnable():
        f = jit.compile_pointwise(body, compute, isa)
        runs.append([f(a, b), f(a, b[:1])])
    assert same_bits(runs)


jitted = functools.lru_cache(None)(lambda key, compute, isa: reduce.jitted(DEFINITIONS[key], compute, isa))


@functools.lru_cache(None)
def row_kernel(key, isa):
    definition = DEFINITIONS[key]
    name = f"{rows.plan(definition).symbols[0]['f32']}_{isa}"
    (address,), library = jit.link(rows.emit(definition).text(isa), isa, [name])
    return ctypes.CFUNCTYPE(None, VOID, VOID, LONG, LONG, VOID, VOID)(address), library


def reduced(key, compute, isa, x, by_columns):
    """Results of one reduction kernel set over the rows or columns of x."""
    definition = DEFINITIONS[key]
    addresses, _ = jitted(key, compute, isa)
    fold = ctypes.CFUNCTYPE(None, VOID, LONG, LONG, VOID, LONG, LONG, LONG, LONG, VOID)(addresses["columns" if by_columns else "rows"])
    finish = ctypes.CFUNCTYPE(None, VOID, VOID, LONG, LONG, LONG, LONG, VOID)(addresses["finish"])
    results, folded = (x.shape[1], x.shape[0]) if by_columns else x.shape
    capacity = results + 32
    states, scalars = np.zeros(capacity * 48, np.uint8), np.zeros(8)
    fold(states.ctypes.data, capacity, 0, x.ctypes.data, x.shape[0], x.shape[1], x.strides[0], 0, scalars.ctypes.data)
    outs = [np.zeros(capacity, "c16") for _ in range(reduce.plan(definition).nout)]
    finish((VOID * len(outs))(*(o.ctypes.data for o in outs)), states.ctypes.data, capacity, 0, results, folded, scalars.ctypes.data)
    return [o[:results] for o in outs]


@pytest.mark.parametrize("key, compute", [("sum.dim_IntList", "f32"), ("sum.dim_IntList", "c64"), ("max.dim", "f32"), ("var.correction", "f64"),
                                          ("logsumexp", "f32"), ("amax", "i32")])
@pytest.mark.parametrize("shape", [(3, 1), (5, 37), (4, 1000), (200, 50)])
def test_reduction_bits(key, compute, shape):
    x = samples(NUMPY[compute], shape)
    for by_columns in (False, True):
        assert same_bits([reduced(key, compute, isa, x, by_columns) for isa in runnable()])


@pytest.mark.parametrize("key", ["_softmax", "_log_softmax"])
@pytest.mark.parametrize("n", [1, 17, 128, 1000])
def test_row_bits(key, n):
    x = samples("f4", (3, n))
    runs = []
    for isa in runnable():
        out, scratch = np.zeros_like(x), np.zeros(2 * n + 64)
        row_kernel(key, isa)[0]((VOID * 2)(out.ctypes.data, x.ctypes.data), (LONG * 2)(4 * n, 4 * n), 3, n, None, scratch.ctypes.data)
        runs.append([out])
    assert same_bits(runs)
    assert np.allclose(np.exp(runs[0][0]).sum(1) if key == "_log_softmax" else runs[0][0].sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("isa", sorted(target.TARGETS))
def test_no_library_calls(isa):
    """LLVM lowers nothing of these families to a call of libm or libc, on any target."""
    for key, family in (("sum.dim_IntList", reduce), ("max.dim", reduce), ("cumsum", scan), ("_softmax", rows)):
        module = family.emit(DEFINITIONS[key], Module())
        image = target.object_code(module.text(isa), isa)
        assert objects.undefined(image) <= target.RUNTIME_SYMBOLS
    body = [("Compute", E.remainder_trunc(E.rint(E.input("x", "f32")), E.input("y", "f32")))]
    module = Module()
    pointwise.emit_kernel(module, "kd_test", "f32", [("Compute", "x"), ("Compute", "y")], [], body)
    assert objects.undefined(target.object_code(module.text(isa), isa)) <= target.RUNTIME_SYMBOLS


@pytest.fixture(scope="module", params=["scalar", "avx2", "avx512"])
def conversions(request):
    if request.param not in runnable():
        pytest.skip("not on this processor")
    module, names = Module(), {}
    for key, name in convert.symbols().items():
        if key in {("load", "float16", "f32"), ("store", "f32", "float16"), ("store", "f32", "bfloat16"), ("load", "int8", "f64"),
                   ("store", "f64", "int16"), ("load", "bool_", "i32"), ("store", "c64", "bool_")}:
            source, into = (key[1], convert.COMPUTE_DTYPE[key[2]]) if key[0] == "load" else (convert.COMPUTE_DTYPE[key[1]], key[2])
            convert.emit_conversion(module, name, source, into, "src" if key[0] == "load" else "dst")
            names[key] = name
    addresses, library = jit.link(module.text(request.param), request.param, [f"{n}_{request.param}" for n in names.values()])
    kind = ctypes.CFUNCTYPE(None, VOID, VOID, LONG, LONG)
    table = {key: kind(address) for key, address in zip(names, addresses)}
    table["library"] = library
    return table


def test_half_exactly(conversions):
    """Every half; and floats around every half and around the middle of two, rounded to even as NumPy does."""
    halves = np.arange(65536, dtype=np.uint16)
    floats = np.empty(65536, np.float32)
    conversions["load", "float16", "f32"](floats.ctypes.data, halves.ctypes.data, 2, halves.size)
    assert np.array_equal(floats, halves.view(np.float16).astype(np.float32), equal_nan=True)
    bits = np.concatenate([floats.view(np.uint32) + np.uint32(d) for d in (0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF)])
    result = np.empty(bits.size, np.uint16)
    conversions["store", "f32", "float16"](result.ctypes.data, bits.ctypes.data, 2, bits.size)
    with np.errstate(all="ignore"):
        expected = bits.view(np.float32).astype(np.float16)
    assert np.all((result == expected.view(np.uint16)) | (np.isnan(expected) & np.isnan(result.view(np.float16))))


def test_bfloat16_rounds_to_even(conversions):
    x = np.array([1.0, 1.00390625, 1.01171875, -1.00390625, np.inf, np.nan, 3.4e38, 1e-40], np.float32)
    result = np.empty(x.size, np.uint16)
    conversions["store", "f32", "bfloat16"](result.ctypes.data, x.ctypes.data, 2, x.size)
    assert [hex(b) for b in result] == ["0x3f80", "0x3f80", "0x3f82", "0xbf80", "0x7f80", "0x7fc0", "0x7f80", "0x1"]


@pytest.mark.parametrize("n", [1, 15, 16, 50])
@pytest.mark.parametrize("stride", [1, 3, 0])
def test_strided_conversions(conversions, n, stride):
    x = np.arange(-75, 75, dtype=np.int8)
    out = np.empty(n)
    conversions["load", "int8", "f64"](out.ctypes.data, x.ctypes.data, stride, n)
    assert np.array_equal(out, x[::stride][:n] if stride else np.repeat(x[:1], n))
    back = np.zeros(3 * n, np.int16)
    conversions["store", "f64", "int16"](back.ctypes.data, out.ctypes.data, 2 * max(stride, 1), n)
    assert np.array_equal(back[::max(stride, 1)][:n], out)


def test_bool_is_nonzero(conversions):
    z = np.array([0, 1, 1j, -0.0, np.nan], np.complex64)
    out = np.empty(5, np.bool_)
    conversions["store", "c64", "bool_"](out.ctypes.data, z.ctypes.data, 1, 5)
    assert out.tolist() == [False, True, True, False, True]
    truth = np.array([0, 1, 2, 255], np.uint8)
    wide = np.empty(4, np.int32)
    conversions["load", "bool_", "i32"](wide.ctypes.data, truth.ctypes.data, 1, 4)
    assert wide.tolist() == [0, 1, 1, 1]
