"""Element-wise kernels: one loop over blocks of fixed size per definition, variant and compute dtype.

A kernel follows `PointwiseKernel` (csrc/cpu/kernel_table.h). Operands that are one element are splat into a buffer of one block
and read with step 0, so that one loop serves every combination. What is left over after the last whole block is copied into
buffers and the kernel calls itself on them: there is one copy of the body, and no masked access to bytes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from .._opdefs import expr as E
from .._opdefs import language as L
from .._opdefs.complexes import Complex
from . import lower
from .emit import BYTES, LLVM_TYPE, Block, Module, vector
from .schema import parse

COMPUTES = ("i32", "i64", "u64", "f32", "f64", "c64", "c128")
COMPONENT = {"c64": "f32", "c128": "f64"}
KIND_COMPUTES = {"i32": "bus", "i64": "bus", "u64": "u", "f32": "f", "f64": "f", "c64": "c", "c128": "c"}
LIGHT = 12   # bodies of fewer instructions than this run two vectors at a time


@dataclass
class Static:
    """An argument that selects a kernel variant. `values` None: absent or False, present or True."""

    position: int
    values: tuple | None = None

    @property
    def count(self):
        return len(self.values) if self.values else 2


@dataclass
class Plan:
    """What the tables say of one overload of a pointwise definition."""

    name: str
    nout: int
    inputs: list[int]                 # argument positions of tensor inputs, in operand order (absent optional ones have no operand)
    scalars: list[int]                # argument positions of number arguments, in slot order
    operands: list[str]               # operand kinds, outputs then inputs
    result: str
    kinds: str                        # dtype kinds it is defined for
    promotes: bool
    statics: list[Static] = field(default_factory=list)
    symbols: list[dict] = field(default_factory=list)   # by variant: {compute dtype: base symbol or None}
    family: str = "pointwise"

    @property
    def nin(self):
        return len(self.inputs)


def component(compute):
    """The type of the scalars that a compute dtype's kernels work on."""
    return COMPONENT.get(compute, compute)


def stored(kind, compute):
    """(memory type, elements per value) of an operand of `kind`."""
    if kind == "Bool":
        return "i8", 1
    if kind == "Int64":
        return "i64", 1
    return LLVM_TYPE[component(compute)], 2 if kind == "Compute" and compute in COMPONENT else 1


def element_bytes(kind, compute):
    memory, count = stored(kind, compute)
    return {"i8": 1, "i32": 4, "float": 4, "i64": 8, "double": 8}[memory] * count


def symbol(name, kind, compute):
    """The symbolic scalar of an operand or a number argument."""
    if kind == "Bool":
        return E.input(name, "bool")
    if kind == "Int64":
        return E.input(name, "i64")
    if kind == "Compute" and compute in COMPONENT:
        return Complex(E.input(name + ".re", COMPONENT[compute]), E.input(name + ".im", COMPONENT[compute]))
    return E.input(name, component(compute))


def parts(value):
    """The real expressions of a value."""
    return (value.re, value.im) if isinstance(value, Complex) else (value,)


def coerce(value, kind, compute):
    """A body's result in the type its operand is stored as."""
    target = {"Bool": "bool", "Int64": "i64"}.get(kind, component(compute))
    if not isinstance(value, (E.Expr, Complex)):
        value = E.const(value, target)
    if kind == "Compute" and compute in COMPONENT:
        return E.cast(value, target) if isinstance(value, Complex) else Complex(E.like(value, E.input("", target)), E.const(0, target))
    if isinstance(value, Complex):
        raise TypeError(f"a complex result where {kind} is stored")
    return E.cast(value, target)


# ---- loops ----

def lanes_of(compute, roots):
    """Values per block: one 64-byte vector of the component type, two for light bodies."""
    one = 64 // BYTES[component(compute)]
    return 2 * one if lower.weight(roots) <= LIGHT else one


def load(b, kind, compute, name, pointer, bound):
    """Reads one block of an operand into the inputs that `symbol` made."""
    memory, count = stored(kind, compute)
    n = b.lanes
    align = {"i8": 1, "i32": 4, "float": 4}.get(memory, 8)
    raw = b.value(f"load {vector(memory, n * count)}, ptr {pointer}, align {align}")
    if kind == "Bool":
        bound[E.input(name, "bool")] = b.value(f"icmp ne {vector('i8', n)} {raw}, zeroinitializer")
    elif count == 2:
        t = vector(memory, 2 * n)
        for part, first in (("re", 0), ("im", 1)):
            mask = ", ".join(f"i32 {2 * i + first}" for i in range(n))
            bound[E.input(f"{name}.{part}", component(compute))] = b.value(f"shufflevector {t} {raw}, {t} poison, <{n} x i32> <{mask}>")
    else:
        bound[E.input(name, "i64" if kind == "Int64" else component(compute))] = raw


def store(b, kind, compute, pointer, values):
    """Writes one block of a result given as the operands of its parts."""
    memory, count = stored(kind, compute)
    n = b.lanes
    align = {"i8": 1, "i32": 4, "float": 4}.get(memory, 8)
    value = values[0]
    if kind == "Bool":
        value = b.value(f"zext {vector('i1', n)} {value} to {vector('i8', n)}")
    elif count == 2:
        t = vector(memory, n)
        mask = ", ".join(f"i32 {i // 2 + (n if i % 2 else 0)}" for i in range(2 * n))
        value = b.value(f"shufflevector {t} {values[0]}, {t} {values[1]}, <{2 * n} x i32> <{mask}>")
    b.line(f"store {vector(memory, n * count)} {value}, ptr {pointer}, align {align}")


def bind_scalars(b, slots, compute, bound, base="%scalars"):
    """Number arguments from their 16-byte slots, splat. Integers of any width come as 8 bytes."""
    kind = component(compute)
    for slot, name in enumerate(slots):
        offsets = ((".re", 0), (".im", BYTES[kind])) if compute in COMPONENT else (("", 0),)
        for suffix, offset in offsets:
            node = E.input(name + suffix, kind)
            pointer = b.value(f"getelementptr i8, ptr {base}, i64 {16 * slot + offset}")
            scalar = b.value(f"load {LLVM_TYPE[kind]}, ptr {pointer}, align {BYTES[kind]}")
            bound[node] = b.splat(scalar, kind)


@dataclass
class Operands:
    """The operands of a kernel: outputs [(kind, coerced expression)] and inputs [(kind, name)], with their bytes per element."""

    compute: str
    outs: list
    ins: list

    def __post_init__(self):
        self.nout = len(self.outs)
        self.sizes = [element_bytes(kind, self.compute) for kind, _ in (*self.outs, *self.ins)]


def emit_kernel(module, name, compute, ins, slots, outs):
    """Adds the kernel `name`. `ins`: [(kind, name)], `slots`: scalar names, `outs`: [(kind, coerced expression)]."""
    roots = lower.expand([p for _, value in outs for p in parts(value)])
    operands = Operands(compute, outs, ins)
    b = Block(module, lanes_of(compute, roots))
    bound = {}
    _emit_entry(b, operands, slots, bound)
    _emit_loop(b, operands, roots, bound)
    _emit_rest(b, operands, name)
    header = f"define void @{name}$ISA(ptr %operands, i64 %n, ptr %scalars, i32 %broadcast) #0 {{\n"
    module.add(name, header + "\n".join(b.lines) + "\n}")


def _emit_entry(b, operands, slots, bound):
    """Pointers, number arguments, and the buffers of single elements: what is read from (%from) and how far apart (%step)."""
    n, nout, sizes = b.lanes, operands.nout, operands.sizes
    b.label("entry")
    for k in range(len(sizes)):
        b.line(f"%p{k} = load ptr, ptr {b.value(f'getelementptr ptr, ptr %operands, i64 {k}')}, align 8")
    for k in range(nout, len(sizes)):
        b.line(f"%buffer{k} = alloca [{n * sizes[k]} x i8], align 64")
    b.line(f"%whole = and i64 %n, {-n}")
    bind_scalars(b, slots, operands.compute, bound)
    b.line("%plain = icmp eq i32 %broadcast, 0")
    b.line("%empty = icmp eq i64 %whole, 0")
    if operands.ins:
        b.line("%skip = or i1 %plain, %empty")
        b.line("br i1 %skip, label %ready, label %splat")
        b.label("splat")
        for k, (kind, _) in enumerate(operands.ins, nout):
            _emit_splat(b, k, k - nout, kind, operands.compute, sizes[k])
    b.line("br label %ready")
    b.label("ready")
    for k in range(nout, len(sizes)):
        b.line(f"%from{k} = phi ptr [%p{k}, %entry], [%q{k}, %splat]")
        b.line(f"%step{k} = phi i64 [{n * sizes[k]}, %entry], [%s{k}, %splat]")
    b.line("br i1 %empty, label %rest, label %loop")


def _emit_loop(b, operands, roots, bound):
    """The loop over whole blocks."""
    n, nout, sizes, compute = b.lanes, operands.nout, operands.sizes, operands.compute
    used = {node for node in lower.post_order(roots) if node.op == "input"}
    b.label("loop")
    b.line("%i = phi i64 [0, %ready], [%i.next, %latch]")
    for k in range(len(sizes)):
        b.line(f"%at{k} = phi ptr [{'%p' if k < nout else '%from'}{k}, %ready], [%at{k}.next, %latch]")
    for k, (kind, operand) in enumerate(operands.ins, nout):
        if any(p in used for p in parts(symbol(operand, kind, compute))):
            load(b, kind, compute, operand, f"%at{k}", bound)
    results = iter(b.evaluate(roots, bound, branches=True))
    for k, (kind, value) in enumerate(operands.outs):
        store(b, kind, compute, f"%at{k}", [next(results) for _ in parts(value)])
    b.line("br label %latch")
    b.label("latch")
    for k in range(len(sizes)):
        b.line(f"%at{k}.next = getelementptr i8, ptr %at{k}, i64 {n * sizes[k] if k < nout else f'%step{k}'}")
    b.line(f"%i.next = add i64 %i, {n}")
    b.line("%more = icmp ult i64 %i.next, %whole")
    b.line("br i1 %more, label %loop, label %rest")


def _emit_rest(b, operands, name):
    """What is left after the last whole block, through the shared function of these operand sizes."""
    n, nout, sizes = b.lanes, operands.nout, operands.sizes
    b.label("rest")
    b.line("%left = sub i64 %n, %whole")
    b.line("%ragged = icmp ne i64 %left, 0")
    b.line("br i1 %ragged, label %tail, label %done")
    b.label("tail")
    signature = "_".join(map(str, sizes))
    helper = b.module.helper(f"kd.tail.{nout}.{n}.{signature}", lambda module, title: _tail(module, title, nout, sizes, n))
    b.line(f"call void {helper}(ptr @{name}$ISA, ptr %operands, i64 %whole, i64 %left, ptr %scalars, i32 %broadcast)")
    b.line("br label %done")
    b.label("done")
    b.line("ret void")


def _emit_splat(b, k, bit, kind, compute, size):
    """In the block `splat`: input `k` in every lane of its buffer, and which of the two the loop reads."""
    memory, count = stored(kind, compute)
    lanes = b.lanes * count
    flag = b.value(f"and i32 %broadcast, {1 << bit}")
    flag = b.value(f"icmp ne i32 {flag}, 0")
    v = vector(memory, lanes)
    align = min(size, 8)
    if count == 2:
        one = b.value(f"load <2 x {memory}>, ptr %p{k}, align {size // 2}")
        mask = ", ".join(f"i32 {i % 2}" for i in range(lanes))
        full = b.value(f"shufflevector <2 x {memory}> {one}, <2 x {memory}> poison, <{lanes} x i32> <{mask}>")
    else:
        one = b.value(f"load {memory}, ptr %p{k}, align {align}")
        start = b.value(f"insertelement {v} poison, {memory} {one}, i64 0")
        full = b.value(f"shufflevector {v} {start}, {v} poison, <{lanes} x i32> zeroinitializer")
    b.line(f"store {v} {full}, ptr %buffer{k}, align 64")
    b.line(f"%q{k} = select i1 {flag}, ptr %buffer{k}, ptr %p{k}")
    b.line(f"%s{k} = select i1 {flag}, i64 0, i64 {b.lanes * size}")


def _tail(module, name, nout, sizes, lanes):
    """Runs a kernel on the last `left` < `lanes` elements through buffers, inputs padded with zeros."""
    b = Block(module, lanes)
    b.label("entry")
    total = len(sizes)
    for k, size in enumerate(sizes):
        b.line(f"%buffer{k} = alloca [{lanes * size} x i8], align 64")
    b.line(f"%table = alloca [{total} x ptr], align 8")
    previous = "entry"
    pointers = []
    for k, size in enumerate(sizes):
        whole = b.value(f"load ptr, ptr {b.value(f'getelementptr ptr, ptr %operands, i64 {k}')}, align 8")
        at = b.value(f"getelementptr i8, ptr {whole}, i64 {b.value(f'mul i64 %done, {size}')}")
        pointers.append(at)
        chosen = f"%buffer{k}"
        if k >= nout:
            flag = b.value(f"and i32 %broadcast, {1 << (k - nout)}")
            single = b.value(f"icmp ne i32 {flag}, 0")
            b.line(f"br i1 {single}, label %next{k}, label %copy{k}")
            b.label(f"copy{k}")
            inside = copy_some(b, f"in{k}", size, lanes, f"%buffer{k}", at, zero=True) or f"copy{k}"
            b.line(f"br label %next{k}")
            b.label(f"next{k}")
            chosen = b.value(f"phi ptr [{whole}, %{previous}], [%buffer{k}, %{inside}]")
            previous = f"next{k}"
        slot = b.value(f"getelementptr ptr, ptr %table, i64 {k}")
        b.line(f"store ptr {chosen}, ptr {slot}, align 8")
    b.line(f"call void %kernel(ptr %table, i64 {lanes}, ptr %scalars, i32 %broadcast)")
    for k in range(nout):
        copy_some(b, f"out{k}", sizes[k], lanes, pointers[k], f"%buffer{k}", zero=False)
    b.line("ret void")
    parameters = "ptr %kernel, ptr %operands, i64 %done, i64 %left, ptr %scalars, i32 %broadcast"
    return f"define internal void @{name}({parameters}) noinline #0 {{\n" + "\n".join(b.lines) + "\n}"


def copy_some(b, title, size, lanes, into, source, zero):
    """Copies %left < `lanes` elements of `size` bytes; with `zero`, a whole block is written. The label of the last block, if new."""
    if size == 1:
        if zero:
            b.line(f"store {vector('i8', lanes)} zeroinitializer, ptr {into}, align 1")
        before = f"{title}.before"
        b.line(f"br label %{before}")
        b.label(before)
        b.line(f"br label %{title}.loop")
        b.label(f"{title}.loop")
        b.line(f"%{title}.i = phi i64 [0, %{before}], [%{title}.n, %{title}.loop]")
        byte = b.value(f"load i8, ptr {b.value(f'getelementptr i8, ptr {source}, i64 %{title}.i')}, align 1")
        b.line(f"store i8 {byte}, ptr {b.value(f'getelementptr i8, ptr {into}, i64 %{title}.i')}, align 1")
        b.line(f"%{title}.n = add i64 %{title}.i, 1")
        again = b.value(f"icmp ult i64 %{title}.n, %left")
        b.line(f"br i1 {again}, label %{title}.loop, label %{title}.end")
        b.label(f"{title}.end")
        return f"{title}.end"
    word, count = ("i32", lanes) if size == 4 else ("i64", lanes * size // 8)
    limit = b.value("trunc i64 %left to i32")
    limit = limit if size <= 8 else b.value(f"shl i32 {limit}, 1")
    v, align = vector(word, count), 4 if size == 4 else 8
    mask = b.value(f"call <{count} x i1> @llvm.get.active.lane.mask.v{count}i1.i32(i32 0, i32 {limit})")
    data = b.value(f"call {v} @llvm.masked.load.v{count}{word}.p0(ptr align {align} {source}, <{count} x i1> {mask}, {v} zeroinitializer)")
    if zero:
        b.line(f"store {v} {data}, ptr {into}, align 8")
    else:
        b.line(f"call void @llvm.masked.store.v{count}{word}.p0({v} {data}, ptr align {align} {into}, <{count} x i1> {mask})")
    return None


# ---- definitions ----

@dataclass
class Layout:
    """How the arguments of a definition reach its kernels."""

    args: list            # (schema argument, role): role "input", "scalar", "optional", "bool", "str"
    inputs: list[str]
    scalars: list[str]
    statics: list         # (name, values)


def layout(definition):
    """Roles of arguments: what is a tensor in one overload is an operand in all (a number there is a wrapped number)."""
    schemas = [parse(s) for s in definition.schemas]
    tensors = {a.name for s in schemas for a in s.args if a.is_tensor} | set(definition.options.get("operands", ()))
    choices = definition.options.get("choices", {})
    args, inputs, scalars, statics = [], [], [], []
    for a in schemas[0].args:
        if a.base == "str":
            statics.append((a.name, tuple(choices[a.name])))
            args.append((a, "str"))
        elif a.base == "bool":
            statics.append((a.name, None))
            args.append((a, "bool"))
        else:
            (inputs if a.name in tensors else scalars).append(a.name)
            optional = a.optional or any(b.name == a.name and b.optional for s in schemas for b in s.args)
            if optional:
                statics.append((a.name, None))
            args.append((a, "optional" if optional else "given"))
    return Layout(args, inputs, scalars, statics)


def variants(lay):
    """Every choice of the statics: {name: value}, the first static most significant."""
    names = [n for n, _ in lay.statics]
    for values in itertools.product(*(v or (False, True) for _, v in lay.statics)):
        yield dict(zip(names, values))


def operand_kinds(definition):
    """(kinds of the outputs, {input: kind})."""
    store_as = definition.options.get("store", {})
    result = definition.options.get("result", L.SAME)
    default = {L.BOOL: "Bool", L.INT64: "Int64", L.REAL: "Real"}.get(result, "Compute")
    returns = parse(definition.schemas[0]).returns
    outs = [store_as.get(r.name or "result", default) for r in returns]
    return outs, {name: store_as.get(name, "Compute") for name in layout(definition).inputs}


def trace(definition, compute, chosen, lay=None):
    """The body's results for one compute dtype and variant: [(kind, expression)]."""
    lay = lay or layout(definition)
    outs, kinds = operand_kinds(definition)
    values = []
    for a, role in lay.args:
        if role in ("str", "bool"):
            values.append(chosen[a.name])
        elif role == "optional" and not chosen[a.name]:
            values.append(None)
        elif a.name in kinds:
            values.append(symbol(a.name, kinds[a.name], compute))
        elif a.base in ("Scalar", "number"):
            values.append(symbol(a.name, "Compute", compute))
        else:
            value = symbol(a.name, "Compute", compute)
            values.append(value.re if isinstance(value, Complex) else value)
    results = definition.body(*values)
    results = results if isinstance(results, tuple) else (results,)
    return [(kind, coerce(value, kind, compute)) for kind, value in zip(outs, results, strict=True)]


def computes_of_kinds(kinds, floats):
    """Compute dtypes for dtypes of `kinds`; with `floats`, integers are computed as floats."""
    found = []
    for compute in COMPUTES:
        wanted = set(KIND_COMPUTES[compute]) & set(kinds)
        if floats and compute in ("f32", "f64"):
            wanted = kinds
        elif floats and compute in ("i32", "i64", "u64"):
            wanted = None
        if wanted:
            found.append(compute)
    return found


def computes(definition):
    """The compute dtypes a definition has kernels for. Without `kinds`, complex is in if the body is defined for it."""
    kinds = definition.options.get("kinds")
    found = computes_of_kinds(kinds or L.ALL, definition.options.get("result", L.SAME) == L.FLOAT)
    return [c for c in found if c not in COMPONENT or kinds or _complex_works(definition, c)]


def _complex_works(definition, compute):
    lay = layout(definition)
    try:
        for chosen in variants(lay):
            trace(definition, compute, chosen, lay)
    except TypeError:
        return False
    return True


def kinds_allowed(definition):
    given = definition.options.get("kinds")
    return given or (L.ALL if "c64" in computes(definition) else L.REALS)


def base_symbol(definition):
    return "kd_" + parse(definition.schemas[0]).unique


def plan(definition, schema=None):
    """The Plan of one overload (default: the first)."""
    lay = layout(definition)
    schema = parse(schema) if isinstance(schema, str) else schema or parse(definition.schemas[0])
    position = {a.name: i for i, a in enumerate(schema.args)}
    outs, kinds = operand_kinds(definition)
    base, defined = base_symbol(definition), computes(definition)
    count = len(list(variants(lay)))
    suffix = [f"_v{v}" if count > 1 else "" for v in range(count)]
    return Plan(
        name=parse(definition.schemas[0]).name, nout=len(outs), inputs=[position[n] for n in lay.inputs],
        scalars=[position[n] for n in lay.scalars], operands=[*outs, *(kinds[n] for n in lay.inputs)],
        result=definition.options.get("result", L.SAME), kinds=kinds_allowed(definition),
        promotes=definition.options.get("promotes", True),
        statics=[Static(position[n], values) for n, values in lay.statics],
        symbols=[{c: f"{base}{suffix[v]}_{c}" if c in defined else None for c in COMPUTES} for v in range(count)])


def emit(definition, module=None):
    """Adds every kernel of a definition to `module` (made if not given)."""
    module = module or Module()
    lay = layout(definition)
    _, kinds = operand_kinds(definition)
    symbols = plan(definition).symbols
    for chosen, names in zip(variants(lay), symbols):
        present = [n for n in lay.inputs if chosen.get(n, True)]
        for compute, name in names.items():
            if name:
                outs = trace(definition, compute, chosen, lay)
                emit_kernel(module, name, compute, [(kinds[n], n) for n in present], lay.scalars, outs)
    return module
