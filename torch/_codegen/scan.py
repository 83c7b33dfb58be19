"""Scans: prefix folds, many columns side by side and each strictly in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._opdefs import language as L
from . import lower
from .emit import Block, Module
from .pointwise import COMPUTES, coerce, computes_of_kinds, element_bytes, parts, stored, vector
from .reduce import Traced, component_pointers, load_element, memory_bytes, name_state, output_kinds, read_state, result_rules, state_phis, write_state
from .schema import parse


@dataclass
class Plan:
    """What the tables say of one overload of a scan."""

    name: str
    nout: int
    dim: int
    dtype: int
    operands: list[str]
    results: list[str]
    widens: bool
    kinds: str
    state_bytes: dict
    symbols: list[dict] = field(default_factory=list)
    family: str = "scan"


def emit_scan(module, name, traced, kinds):
    """The kernel: strips of columns, and down each strip row by row."""
    b = Block(module, traced.lanes)
    b.uniform = {}
    lanes, size = b.lanes, element_bytes("Compute", traced.compute)
    outs = [(kind, coerce(value, kind, traced.compute)) for kind, value in zip(kinds, traced.result, strict=True)]
    roots = lower.expand([p for _, value in outs for p in parts(value)])
    b.label("entry")
    b.line("%at = add i64 0, 0")
    for k in range(len(outs)):
        b.line(f"%out{k} = load ptr, ptr {b.value(f'getelementptr ptr, ptr %outputs, i64 {k}')}, align 8")
        b.line(f"%step{k} = load i64, ptr {b.value(f'getelementptr i64, ptr %out_strides, i64 {k}')}, align 8")
    b.line("%some = icmp sgt i64 %length, 0")
    b.line("%wide = icmp sgt i64 %columns, 0")
    b.line("%any = and i1 %some, %wide")
    b.line("br i1 %any, label %strip, label %done")
    b.label("strip")
    b.line("%i = phi i64 [0, %entry], [%i.next, %strip.end]")
    b.line("%left = sub i64 %columns, %i")
    b.line(f"%whole = icmp uge i64 %left, {lanes}")
    b.line("br i1 %whole, label %w, label %m")
    for variant in ("w", "m"):
        _emit_strip(b, traced, variant, lanes, size, outs, roots)
    b.label("strip.end")
    b.line(f"%i.next = add i64 %i, {lanes}")
    b.line("%again = icmp slt i64 %i.next, %columns")
    b.line("br i1 %again, label %strip, label %done")
    b.label("done")
    b.line("ret void")
    parameters = ("ptr %outputs, ptr %x, i64 %length, i64 %columns, i64 %x_stride, ptr %out_strides, ptr %states, i64 %capacity, "
                  "i64 %index0, i1 zeroext %first")
    module.add(name, b.text(f"define void @{name}$ISA({parameters}) #0"))


def _emit_strip(b, traced, v, lanes, size, outs, roots):
    """One strip of columns: whole ("w") or what is left of them ("m")."""
    b.label(v)
    count = flags = None
    if v == "m":
        count = b.value("trunc i64 %left to i32")
        flags = b.value(f"call <{lanes} x i1> @llvm.get.active.lane.mask.v{lanes}i1.i32(i32 0, i32 {count})")
    pointers = component_pointers(b, traced.state, "%i")
    b.line(f"br i1 %first, label %{v}.start, label %{v}.resume")
    b.label(f"{v}.resume")
    carried = read_state(b, traced.state, pointers, flags)
    b.line(f"br label %{v}.start")
    b.label(f"{v}.start")
    begin = state_phis(b, traced, f"{v}.begin", [(traced.start(b), v), (carried, f"{v}.resume")])
    b.line(f"br label %{v}.loop")
    b.label(f"{v}.loop")
    b.line(f"%{v}.j = phi i64 [0, %{v}.start], [%{v}.j.next, %{v}.loop]")
    state = state_phis(b, traced, f"{v}.state", [(begin, f"{v}.start"), ([f"%{v}.new{k}" for k in range(len(traced.state.flat))], f"{v}.loop")])
    offset = b.value(f"add i64 {b.value(f'mul i64 %{v}.j, %x_stride')}, {b.value(f'mul i64 %i, {size}')}")
    element = load_element(b, traced.compute, b.value(f"getelementptr i8, ptr %x, i64 {offset}"), count)
    index = b.splat(b.value(f"add i64 %index0, %{v}.j"), "i64") if traced.indexed else "poison"
    state = traced.join(b, state, traced.from_element(b, element, index))
    name_state(b, f"{v}.new", state)
    results = iter(b.evaluate(roots, dict(zip(traced.a, state))))
    for k, (kind, value) in enumerate(outs):
        width = element_bytes(kind, traced.compute)
        offset = b.value(f"add i64 {b.value(f'mul i64 %{v}.j, %step{k}')}, {b.value(f'mul i64 %i, {width}')}")
        _store(b, traced.compute, kind, b.value(f"getelementptr i8, ptr %out{k}, i64 {offset}"), [next(results) for _ in parts(value)], count)
    b.line(f"%{v}.j.next = add i64 %{v}.j, 1")
    again = b.value(f"icmp slt i64 %{v}.j.next, %length")
    b.line(f"br i1 {again}, label %{v}.loop, label %{v}.end")
    b.label(f"{v}.end")
    write_state(b, traced.state, pointers, state, flags)
    b.line("br label %strip.end")


def _store(b, compute, kind, pointer, values, count):
    """One row of results; `count` lanes of it, if given."""
    memory, per = stored(kind, compute)
    n = b.lanes * per
    value = values[0]
    if per == 2:
        t = vector(memory, b.lanes)
        mask = ", ".join(f"i32 {i // 2 + (b.lanes if i % 2 else 0)}" for i in range(n))
        value = b.value(f"shufflevector {t} {values[0]}, {t} {values[1]}, <{n} x i32> <{mask}>")
    align = element_bytes(kind, compute) // per
    if count is None:
        b.line(f"store {vector(memory, n)} {value}, ptr {pointer}, align {align}")
        return
    limit = count if per == 1 else b.value(f"shl i32 {count}, 1")
    flags = b.value(f"call <{n} x i1> @llvm.get.active.lane.mask.v{n}i1.i32(i32 0, i32 {limit})")
    name = f"v{n}{ {'float': 'f32', 'double': 'f64'}.get(memory, memory)}"
    b.line(f"call void @llvm.masked.store.{name}.p0({vector(memory, n)} {value}, ptr align {align} {pointer}, <{n} x i1> {flags})")


# ---- definitions ----

def computes(definition):
    """Compute dtypes with kernels; integers that widen are scanned as i64 only."""
    found = computes_of_kinds(definition.options.get("kinds", L.ALL), False)
    return [c for c in found if not (definition.options.get("widens") and c in ("i32", "u64"))]


def plan(definition, schema=None):
    """The Plan of one overload (default: the first)."""
    schema = parse(schema) if isinstance(schema, str) else schema or parse(definition.schemas[0])
    position = {a.name: i for i, a in enumerate(schema.args)}
    defined, results = computes(definition), result_rules(definition)
    base = "kd_" + parse(definition.schemas[0]).unique
    return Plan(
        name=schema.name, nout=len(results), dim=position["dim"], dtype=position.get("dtype", 255), operands=output_kinds(results), results=results,
        widens=definition.options.get("widens", False), kinds=definition.options.get("kinds", L.ALL),
        state_bytes={c: sum(memory_bytes(k) for k in Traced(definition.body(), c).state.flat) for c in defined},
        symbols=[{c: f"{base}_{c}" if c in defined else None for c in COMPUTES}])


def emit(definition, module=None):
    """Adds the kernels of every compute dtype."""
    module = module or Module()
    kinds = output_kinds(result_rules(definition))
    for compute, name in plan(definition).symbols[0].items():
        if name:
            emit_scan(module, name, Traced(definition.body(), compute), kinds)
    return module


SIGNATURE = "(char* const*, const char*, int64_t, int64_t, int64_t, const int64_t*, char*, int64_t, int64_t, bool)"


def record(unique, plan, schema, isas):
    """The `ScanInfo` of one overload, as C++ text."""
    symbols = plan.symbols[0]
    externs = [f"void {s}_{isa}{SIGNATURE};" for s in symbols.values() if s for isa in isas]
    kernels = ", ".join("{" + ", ".join(f"{symbols[c]}_{isa}" if symbols[c] else "nullptr" for c in COMPUTES) + "}" for isa in isas)
    kinds = sum({"b": 1, "u": 2, "s": 4, "f": 8, "c": 16}[k] for k in plan.kinds)
    sizes = ", ".join(str(plan.state_bytes.get(c, 0)) for c in COMPUTES)
    return "\n".join([
        f'extern "C" {{ {" ".join(externs)} }}',
        f"static const ScanKernel kernels_{unique}[][kComputes] = {{{kernels}}};",
        f"static const OperandKind operands_{unique}[] = {{{', '.join(f'OperandKind::{k}' for k in plan.operands)}}};",
        f"static const ResultDType results_{unique}[] = {{{', '.join(f'ResultDType::{r}' for r in plan.results)}}};",
        f"extern const ScanInfo info_{unique};",
        f"const ScanInfo info_{unique} = {{\"{schema.name}\", {plan.nout}, {plan.dim}, {plan.dtype}, operands_{unique}, results_{unique}, "
        f"{int(plan.widens)}, {kinds}u, {{{sizes}}}, kernels_{unique}}};"])
