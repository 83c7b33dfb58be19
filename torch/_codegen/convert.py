"""Conversion kernels: every storage dtype to and from every compute dtype, contiguous, strided or (loads) one value repeated.

Small floats are integers with a scale: their bits, shifted to where float32 keeps its exponent and mantissa, are the value
times a power of two, also for subnormals; adding a power of two rounds to nearest even in the same way on the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._opdefs import expr as E
from .._opdefs.complexes import Complex
from . import lower
from .emit import LLVM_TYPE, Block, Module, vector
from .pointwise import COMPUTES

LANES = 16


@dataclass(frozen=True)
class SmallFloat:
    """A binary format of fewer than 32 bits. Overflow becomes infinity or, where there is none, NaN, or the `largest` value."""

    exponent_bits: int
    mantissa_bits: int
    bias: int
    infinity: int | None = None
    nan: int = 0
    largest: int | None = None
    unsigned_zero: bool = False     # fnuz: the bits of -0 are the only NaN

    @property
    def sign(self):
        return 1 << (self.exponent_bits + self.mantissa_bits)

    def decode(self, bits):
        """float32 of the bits (i32)."""
        shift = 23 - self.mantissa_bits
        size = bits & (self.sign - 1)
        moved = size << shift
        value = E.bitcast(E.bitcast(moved, "f32") * 2.0 ** (127 - self.bias), "i32")
        if self.infinity is not None:
            special = moved | 0x7F800000 | E.where(size > self.infinity, 0x400000, E.const(0, "i32"))
            value = E.where(size >= self.infinity, special, value)
        elif self.unsigned_zero:
            value = E.where(E.eq(bits, self.nan), 0x7FC00000, value)
        else:
            value = E.where(E.eq(size, self.nan), 0x7FC00000, value)
        return E.bitcast(value | ((bits & self.sign) << (31 - self.exponent_bits - self.mantissa_bits)), "f32")

    def encode(self, x):
        """The bits (i32) of a float32, rounded to nearest even."""
        shift = 23 - self.mantissa_bits
        bits = E.bitcast(x, "i32")
        size = bits & 0x7FFFFFFF
        normal = E.shift_right_logical(size + ((1 << (shift - 1)) - 1) + (E.shift_right_logical(size, shift) & 1)
                                       - ((127 - self.bias) << 23), shift)
        magic = 2.0 ** (1 - self.bias + shift)
        subnormal = E.bitcast(E.abs(x) + magic, "i32") - E.bitcast(E.const(magic, "f32"), "i32")
        code = E.where(size < ((128 - self.bias) << 23), subnormal, normal)
        overflow = next(c for c in (self.infinity, self.largest, self.nan) if c is not None)
        code = E.where((code > overflow) | E.eq(size, 0x7F800000), overflow, code)
        nan = self.nan if self.infinity is None or self.mantissa_bits < 7 else \
            self.nan | (E.shift_right_logical(size, shift) & ((1 << self.mantissa_bits) - 1))
        code = E.where(size > 0x7F800000, nan, code)
        sign = E.shift_right_logical(bits, 31 - self.exponent_bits - self.mantissa_bits) & self.sign
        if self.unsigned_zero:
            special = E.eq(code, 0) | (code >= self.sign)
            return E.where(special, E.minimum(code, self.sign), code | sign)
        return code | sign


class BFloat16:
    """The upper half of a float32."""

    @staticmethod
    def decode(bits):
        return E.bitcast(bits << 16, "f32")

    @staticmethod
    def encode(x):
        bits = E.bitcast(x, "i32")
        rounded = E.shift_right_logical(bits + 0x7FFF + (E.shift_right_logical(bits, 16) & 1), 16)
        return E.where(E.isnan(x), E.shift_right_logical(bits, 16) | 0x40, rounded)


class Exponent8:
    """e8m0fnu: 2**(bits - 127), 255 is NaN; rounds to nearest, ties up."""

    @staticmethod
    def decode(bits):
        value = E.where(E.eq(bits, 0), 0x400000, bits << 23)
        return E.bitcast(E.where(E.eq(bits, 255), 0x7FC00000, value), "f32")

    @staticmethod
    def encode(x):
        bits = E.bitcast(x, "i32")
        exponent, mantissa = E.shift_right_logical(bits, 23) & 255, bits & 0x7FFFFF
        up = (mantissa > 0x400000) | (E.eq(mantissa, 0x400000) & (exponent > 0))
        return E.where(E.eq(exponent, 255), 255, exponent + E.where(up, 1, E.const(0, "i32")))


HALF = SmallFloat(5, 10, 15, infinity=0x7C00, nan=0x7E00)
SMALL_FLOATS = {
    "float16": ("i16", HALF), "bfloat16": ("i16", BFloat16),
    "float8_e5m2": ("i8", SmallFloat(5, 2, 15, infinity=0x7C, nan=0x7F)),
    "float8_e4m3fn": ("i8", SmallFloat(4, 3, 7, nan=0x7F, largest=0x7E)),
    "float8_e5m2fnuz": ("i8", SmallFloat(5, 2, 16, nan=0x80, unsigned_zero=True)),
    "float8_e4m3fnuz": ("i8", SmallFloat(4, 3, 8, nan=0x80, unsigned_zero=True)),
    "float8_e8m0fnu": ("i8", Exponent8),
}
# memory type, how it widens, expression type
PLAIN = {
    "bool_": ("i8", "", "bool"),
    "uint8": ("i8", "zext", "i32"), "int8": ("i8", "sext", "i32"), "int16": ("i16", "sext", "i32"), "uint16": ("i16", "zext", "i32"),
    "int32": ("i32", "", "i32"), "uint32": ("i32", "zext", "i64"), "int64": ("i64", "", "i64"), "uint64": ("i64", "", "u64"),
    "float32": ("float", "", "f32"), "float64": ("double", "", "f64"),
}
PAIRS = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}
DTYPES = ("bool_", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32", "float64",
          *PAIRS, *(name for name in SMALL_FLOATS if name.startswith("float8")))
COMPUTE_DTYPE = {"i32": "int32", "i64": "int64", "u64": "uint64", "f32": "float32", "f64": "float64", "c64": "complex64",
                 "c128": "complex128"}
_BYTES = {"i8": 1, "i16": 2, "i32": 4, "float": 4, "i64": 8, "double": 8}


def memory(dtype):
    """(LLVM type in memory, of these per value)."""
    base = PAIRS.get(dtype, dtype)
    return (SMALL_FLOATS[base][0] if base in SMALL_FLOATS else PLAIN[base][0]), 2 if dtype in PAIRS else 1


def itemsize(dtype):
    word, count = memory(dtype)
    return _BYTES[word] * count


def _read(b, dtype, raw):
    """The value of raw memory operands as expressions bound to `raw`: (value, bindings)."""
    base = PAIRS.get(dtype, dtype)
    bound, values = {}, []
    for k, operand in enumerate(raw):
        if base in SMALL_FLOATS:
            word, form = SMALL_FLOATS[base]
            node = E.input(f"raw{k}", "i32")
            bound[node] = b.value(f"zext {vector(word, b.lanes)} {operand} to {b.type('i32')}")
            values.append(form.decode(node))
            continue
        word, widen, kind = PLAIN[base]
        node = E.input(f"raw{k}", kind)
        if kind == "bool":
            bound[node] = b.value(f"icmp ne {vector(word, b.lanes)} {operand}, {'0' if b.lanes == 1 else 'zeroinitializer'}")
        else:
            bound[node] = b.value(f"{widen} {vector(word, b.lanes)} {operand} to {b.type(kind)}") if widen else operand
        values.append(node)
    return (Complex(*values) if dtype in PAIRS else values[0]), bound


def _through_float(value):
    """A real value as float32, which small floats are rounded from."""
    return E.cast(value, "f32")


def _to_integer(value, dtype):
    """A real value as the integer whose low bits are stored, by the steps that a C cast takes on x86."""
    if not value.is_float:
        return value
    if dtype in ("uint8", "uint16", "uint32", "int64"):
        return E.cast(value, "i64")
    return E.cast(value, "u64" if dtype == "uint64" else "i32")


def converted(value, dtype):
    """`value` as the scalars that are stored for `dtype` (before truncation to memory width)."""
    if dtype in PAIRS:
        value = value if isinstance(value, Complex) else Complex(E.cast(value, "f64") if value.type in ("i64", "u64") else
                                                                 E.cast(value, "f32") if not value.is_float else value,
                                                                 E.const(0, "f32"))
        return [converted(part, PAIRS[dtype])[0] for part in (value.re, value.im)]
    if dtype == "bool_":
        return [E.ne(value.re, 0) | E.ne(value.im, 0) if isinstance(value, Complex) else E.cast(value, "bool")]
    if isinstance(value, Complex):
        value = value.re
    if dtype in SMALL_FLOATS:
        return [SMALL_FLOATS[dtype][1].encode(_through_float(value))]
    kind = PLAIN[dtype][2]
    if kind in E.FLOATS:
        return [E.cast(value, kind)]
    if value.type == "bool":
        return [E.cast(value, kind)]
    return [E.cast(_to_integer(value, dtype), kind)]


def _write(b, dtype, operands, kinds):
    """Narrows stored scalars to memory width; operands to store."""
    word, _ = memory(dtype)
    result = []
    for operand, kind in zip(operands, kinds):
        have = LLVM_TYPE[kind]
        if kind == "bool":
            operand = b.value(f"zext {vector('i1', b.lanes)} {operand} to {vector('i8', b.lanes)}")
        elif have != word:
            operand = b.value(f"trunc {vector(have, b.lanes)} {operand} to {vector(word, b.lanes)}")
        result.append(operand)
    return result


def _load(b, dtype, pointer):
    word, count = memory(dtype)
    n, align = b.lanes, _BYTES[word]
    raw = b.value(f"load {vector(word, n * count)}, ptr {pointer}, align {align}")
    if count == 1:
        return [raw]
    if n == 1:
        return [b.value(f"extractelement <2 x {word}> {raw}, i64 {k}") for k in (0, 1)]
    t = vector(word, 2 * n)
    return [b.value(f"shufflevector {t} {raw}, {t} poison, <{n} x i32> <{', '.join(f'i32 {2 * i + k}' for i in range(n))}>") for k in (0, 1)]


def _joined(b, dtype, operands):
    """The memory operand of one value or block."""
    word, count = memory(dtype)
    if count == 1:
        return operands[0]
    n = b.lanes
    if n == 1:
        one = b.value(f"insertelement <2 x {word}> poison, {word} {operands[0]}, i64 0")
        return b.value(f"insertelement <2 x {word}> {one}, {word} {operands[1]}, i64 1")
    mask = ", ".join(f"i32 {i // 2 + (n if i % 2 else 0)}" for i in range(2 * n))
    t = vector(word, n)
    return b.value(f"shufflevector {t} {operands[0]}, {t} {operands[1]}, <{2 * n} x i32> <{mask}>")


def _step(b, source, target, from_, into, store=True):
    """Converts one block: the memory operand, stored at `into` unless `store` is off."""
    value, bound = _read(b, source, _load(b, source, from_))
    stored = lower.expand(converted(value, target))
    operands = _write(b, target, b.evaluate(stored, bound), [s.type for s in stored])
    joined = _joined(b, target, operands)
    word, count = memory(target)
    if store:
        b.line(f"store {vector(word, b.lanes * count)} {joined}, ptr {into}, align {_BYTES[word]}")
    return joined


def emit_conversion(module, name, source, target, strided):
    """dst[i] = src[i]: `strided` ("src" or "dst") is the side whose elements are %stride bytes apart."""
    b = Block(module, LANES)
    sizes = {"src": itemsize(source), "dst": itemsize(target)}
    contiguous = sizes[strided]
    b.label("entry")
    b.line(f"%blocks = and i64 %n, {-LANES}")
    b.line(f"%unit = icmp eq i64 %stride, {contiguous}")
    b.line("%some = icmp ne i64 %blocks, 0")
    b.line("%wide = and i1 %unit, %some")
    b.line("br i1 %wide, label %loop, label %other")
    b.label("loop")
    b.line("%i = phi i64 [0, %entry], [%i.next, %loop]")
    from_ = b.value(f"getelementptr i8, ptr %src, i64 {b.value('mul i64 %i, ' + str(sizes['src']))}")
    into = b.value(f"getelementptr i8, ptr %dst, i64 {b.value('mul i64 %i, ' + str(sizes['dst']))}")
    _step(b, source, target, from_, into)
    b.line(f"%i.next = add i64 %i, {LANES}")
    b.line("%more = icmp ult i64 %i.next, %blocks")
    b.line("br i1 %more, label %loop, label %scalar")
    b.label("other")
    start = ["[0, %other]", "[%blocks, %loop]"]
    if strided == "src":
        b.line("%same = icmp eq i64 %stride, 0")
        b.line("%fill = and i1 %same, %some")
        b.line("br i1 %fill, label %once, label %scalar")
        b.label("once")
        _emit_fill(b, source, target, sizes["dst"])
        start.append("[%blocks, %fills]")
    else:
        b.line("br label %scalar")
    b.label("scalar")
    b.line(f"%first = phi i64 {', '.join(start)}")
    b.line("%any = icmp slt i64 %first, %n")
    b.line("br i1 %any, label %each, label %done")
    b.label("each")
    b.line("%j = phi i64 [%first, %scalar], [%j.next, %each]")
    apart = {side: b.value(f"mul i64 %j, {'%stride' if side == strided else sizes[side]}") for side in ("src", "dst")}
    b.lanes = 1
    _step(b, source, target, b.value(f"getelementptr i8, ptr %src, i64 {apart['src']}"),
          b.value(f"getelementptr i8, ptr %dst, i64 {apart['dst']}"))
    b.line("%j.next = add i64 %j, 1")
    b.line("%again = icmp slt i64 %j.next, %n")
    b.line("br i1 %again, label %each, label %done")
    b.label("done")
    b.line("ret void")
    module.add(name, f"define void @{name}$ISA(ptr %dst, ptr %src, i64 %stride, i64 %n) #0 {{\n" + "\n".join(b.lines) + "\n}")


def _emit_fill(b, source, target, size):
    """Block `once` and loop `fills`: one converted value in every element of the whole blocks."""
    word, count = memory(target)
    b.lanes = 1
    one = _step(b, source, target, "%src", None, store=False)
    b.lanes = LANES
    if count == 2:
        mask = ", ".join(f"i32 {i % 2}" for i in range(2 * LANES))
        full = b.value(f"shufflevector <2 x {word}> {one}, <2 x {word}> poison, <{2 * LANES} x i32> <{mask}>")
    else:
        v = vector(word, LANES)
        full = b.value(f"insertelement {v} poison, {word} {one}, i64 0")
        full = b.value(f"shufflevector {v} {full}, {v} poison, <{LANES} x i32> zeroinitializer")
    b.line("br label %fills")
    b.label("fills")
    b.line("%f = phi i64 [0, %once], [%f.next, %fills]")
    into = b.value(f"getelementptr i8, ptr %dst, i64 {b.value(f'mul i64 %f, {size}')}")
    b.line(f"store {vector(word, LANES * count)} {full}, ptr {into}, align {_BYTES[word]}")
    b.line(f"%f.next = add i64 %f, {LANES}")
    b.line("%filling = icmp ult i64 %f.next, %blocks")
    b.line("br i1 %filling, label %fills, label %scalar")


def symbols():
    """Every conversion: {("load", dtype, compute) or ("store", compute, dtype): base symbol}."""
    table = {}
    for compute in COMPUTES:
        for dtype in DTYPES:
            table["load", dtype, compute] = f"kd_load_{dtype}_{compute}"
            table["store", compute, dtype] = f"kd_store_{compute}_{dtype}"
    return table


def emit():
    """The module of all conversions."""
    module = Module()
    for (direction, a, b), name in symbols().items():
        if direction == "load":
            emit_conversion(module, name, a, COMPUTE_DTYPE[b], "src")
        else:
            emit_conversion(module, name, COMPUTE_DTYPE[a], b, "dst")
    return module
