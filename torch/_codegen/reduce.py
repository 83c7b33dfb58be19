"""Reductions: folds over contiguous rows or columns, merging of partial states, and reading the result.

The order of combination is part of the kernel, not of the machine: a row is taken in blocks of `BLOCK` vectors of one virtual
width, each block combined as a tree and then into one accumulator; what remains goes vector by vector; the lanes are combined
as a tree at the end. The driver (csrc/cpu/reduce.cpp) cuts long reductions into pieces of fixed length and merges those as a tree.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field

from .._opdefs import expr as E
from .._opdefs import language as L
from .._opdefs.complexes import Complex
from . import lower
from .emit import BYTES, LLVM_TYPE, Block, Module, vector
from .pointwise import COMPONENT, COMPUTES, bind_scalars, coerce, component, computes_of_kinds, element_bytes, parts, store, symbol
from .schema import parse

BLOCK, HEAVY_BLOCK = 8, 2
HEAVY = 40                        # folds of more instructions an element than this are emitted in fewer copies
ROOT_ARGS = ("self", "dim", "keepdim", "dtype", "mode")


@dataclass
class Plan:
    """What the tables say of one overload of a reduction."""

    name: str
    nout: int
    dim: int
    keepdim: int
    dtype: int
    scalars: list[int]
    operands: list[str]
    results: list[str]
    floats: bool
    widens: bool
    identity: bool
    indexed: bool
    kinds: str
    error: str | None
    empty: str | None
    choice: int
    choices: tuple
    components: dict                  # {compute: bytes of the state's components}
    symbols: list[dict] = field(default_factory=list)   # by variant: {compute: base symbol or None}
    family: str = "reduction"


class State:
    """The components of a fold's state for one compute dtype: "acc" is the compute dtype, "wide" the same in double precision,
    "real" its component, others are expression types."""

    def __init__(self, fold, compute):
        self.compute = compute
        self.types = tuple(fold.types or ("acc",) * len(fold.init))
        self.flat = []                # component types, in memory order
        for kind in self.types:
            self.flat += [self._scalar(kind)] * (2 if self._pair(kind) else 1)

    def _pair(self, kind):
        return kind in ("acc", "wide") and self.compute in COMPONENT

    def _scalar(self, kind):
        if kind == "wide":
            return "f64" if component(self.compute) in E.FLOATS else self.compute
        return component(self.compute) if kind in ("acc", "real") else kind

    def symbols(self, prefix):
        """A state of symbolic scalars."""
        def one(name, kind):
            type_ = self._scalar(kind)
            return Complex(E.input(name + ".re", type_), E.input(name + ".im", type_)) if self._pair(kind) else E.input(name, type_)

        return tuple(one(f"{prefix}{k}", kind) for k, kind in enumerate(self.types))

    def flatten(self, values):
        """The expressions of a state's components, in their types."""
        flat = []
        for value, kind in zip(values, self.types, strict=True):
            target = self._scalar(kind)
            if self._pair(kind):
                flat += parts(E.cast(coerce(value, "Compute", self.compute), target) if not isinstance(value, Complex) else E.cast(value, target))
            elif isinstance(value, E.Expr):
                flat.append(E.cast(value, target))
            else:
                flat.append(E.const(_bounded(value, target), target))
        return flat


def _bounded(value, kind):
    """An infinity among integers is their largest or smallest value."""
    if kind in E.INTS and math.isinf(value):
        bits = 32 if kind == "i32" else 64
        low, high = (0, (1 << bits) - 1) if kind == "u64" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        return high if value > 0 else low
    return value


def memory_type(kind):
    """How a state's component lies in memory."""
    return "i32" if kind == "bool" else LLVM_TYPE[kind]


def memory_bytes(kind):
    return 4 if kind == "bool" else BYTES[kind]


class Traced:
    """A fold as expressions over named inputs: x (the element), index, a* and b* (states), count."""

    def __init__(self, fold, compute):
        self.state = State(fold, compute)
        self.compute = compute
        self.x = symbol("x", "Compute", compute)
        self.index, self.count = E.input("index", "i64"), E.input("count", "i64")
        a, b = self.state.symbols("a"), self.state.symbols("b")
        self.a = [p for v in a for p in parts(v)]
        self.b = [p for v in b for p in parts(v)]
        self.init = self.state.flatten(fold.init)
        self.mapped = lower.expand(self.state.flatten(_call(fold.map, self.x, self.index)))
        self.combined = lower.expand(self.state.flatten(_tuple(fold.combine(a, b))))
        self.result = _tuple(fold.finish(a, self.count) if fold.finish else a)
        self.block = None
        self.heavy = lower.weight([*self.mapped, *self.combined]) > HEAVY
        self.count_block = HEAVY_BLOCK if lower.weight(self.mapped) > HEAVY else BLOCK
        if fold.block:
            self.xs = [symbol(f"x{k}", "Compute", compute) for k in range(self.count_block)]
            self.block = lower.expand(self.state.flatten(_tuple(fold.block(self.xs))))
        self.indexed = self.index in lower.post_order(self.mapped)
        one = 64 // BYTES[component(compute)]
        self.lanes = one

    def fold_tree(self, b, states):
        """Combines a list of states (lists of operands) as a tree."""
        while len(states) > 1:
            half = (len(states) + 1) // 2
            states = [self.join(b, states[k], states[k + half]) if k + half < len(states) else states[k] for k in range(half)]
        return states[0]

    def join(self, b, left, right):
        return b.evaluate(self.combined, {**b.uniform, **dict(zip(self.a, left)), **dict(zip(self.b, right))})

    def from_element(self, b, x, index):
        """The state of one element (a list of its parts' operands)."""
        return b.evaluate(self.mapped, {**b.uniform, **dict(zip(parts(self.x), x)), self.index: index})

    def from_block(self, b, xs, indices):
        """The state of a block of elements."""
        if self.block:
            bound = dict(b.uniform)
            for value, operands in zip(self.xs, xs):
                bound.update(zip(parts(value), operands))
            return b.evaluate(self.block, bound)
        return self.fold_tree(b, [self.from_element(b, x, i) for x, i in zip(xs, indices)])

    def start(self, b):
        return [b.constant(n.attr, n.type) for n in self.init]


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)


def _call(function, x, index):
    count = len(inspect.signature(function).parameters)
    return _tuple(function(*(x, index)[:count]))


# ---- memory ----

def load_element(b, compute, pointer, mask=None):
    """Operands of the parts of one block of elements; lanes that `mask` (a count of lanes, as i32) leaves out are zero."""
    scalar, count = LLVM_TYPE[component(compute)], 2 if compute in COMPONENT else 1
    n, align = b.lanes * count, BYTES[component(compute)]
    v = vector(scalar, n)
    if mask is None:
        raw = b.value(f"load {v}, ptr {pointer}, align {align}")
    else:
        limit = mask if count == 1 else b.value(f"shl i32 {mask}, 1")
        flags = b.value(f"call <{n} x i1> @llvm.get.active.lane.mask.v{n}i1.i32(i32 0, i32 {limit})")
        name = f"v{n}{ {'float': 'f32', 'double': 'f64'}.get(scalar, scalar)}"
        raw = b.value(f"call {v} @llvm.masked.load.{name}.p0(ptr align {align} {pointer}, <{n} x i1> {flags}, {v} zeroinitializer)")
    if count == 1:
        return [raw]
    if b.lanes == 1:
        return [b.value(f"extractelement {v} {raw}, i64 {k}") for k in (0, 1)]
    return [b.value(f"shufflevector {v} {raw}, {v} poison, <{b.lanes} x i32> <{', '.join(f'i32 {2 * i + k}' for i in range(b.lanes))}>")
            for k in (0, 1)]


def _iota(b):
    return "0" if b.lanes == 1 else "<" + ", ".join(f"i64 {k}" for k in range(b.lanes)) + ">"


def component_pointers(b, state, at):
    """Pointers to the components of state number `at`."""
    pointers, offset = [], 0
    for kind in state.flat:
        start = b.value(f"mul i64 %capacity, {offset}")
        within = b.value(f"mul i64 {at}, {memory_bytes(kind)}")
        pointers.append(b.value(f"getelementptr i8, ptr %states, i64 {b.value(f'add i64 {start}, {within}')}"))
        offset += memory_bytes(kind)
    return pointers


def read_state(b, state, pointers, mask=None):
    values = []
    for kind, pointer in zip(state.flat, pointers):
        memory, align = memory_type(kind), memory_bytes(kind)
        v = vector(memory, b.lanes)
        if mask is None:
            value = b.value(f"load {v}, ptr {pointer}, align {align}")
        else:
            name = f"v{b.lanes}{ {'float': 'f32', 'double': 'f64'}.get(memory, memory)}"
            value = b.value(f"call {v} @llvm.masked.load.{name}.p0(ptr align {align} {pointer}, <{b.lanes} x i1> {mask}, {v} zeroinitializer)")
        if kind == "bool":
            value = b.value(f"icmp ne {v} {value}, {'0' if b.lanes == 1 else 'zeroinitializer'}")
        values.append(value)
    return values


def write_state(b, state, pointers, values, mask=None):
    for kind, pointer, value in zip(state.flat, pointers, values):
        memory, align = memory_type(kind), memory_bytes(kind)
        v = vector(memory, b.lanes)
        if kind == "bool":
            value = b.value(f"zext {vector('i1', b.lanes)} {value} to {v}")
        if mask is None:
            b.line(f"store {v} {value}, ptr {pointer}, align {align}")
        else:
            name = f"v{b.lanes}{ {'float': 'f32', 'double': 'f64'}.get(memory, memory)}"
            b.line(f"call void @llvm.masked.store.{name}.p0({v} {value}, ptr align {align} {pointer}, <{b.lanes} x i1> {mask})")


def state_phis(b, traced, name, edges):
    """Phi nodes for a state; `edges`: [(list of operands, block label)], operands may be names defined later."""
    for k, kind in enumerate(traced.state.flat):
        incoming = ", ".join(f"[{operands[k]}, %{label}]" for operands, label in edges)
        b.line(f"%{name}{k} = phi {b.type(kind)} {incoming}")
    return [f"%{name}{k}" for k in range(len(traced.state.flat))]


def name_state(b, name, values):
    """What a state's names in phi nodes above stand for."""
    for k, value in enumerate(values):
        b.alias(f"%{name}{k}", value)


def _index_vector(b, traced, at):
    """Indices of one block whose first element is number `at` (from 0); None where the fold does not ask."""
    if not traced.indexed:
        return "poison"
    first = b.splat(b.value(f"add i64 %index0, {at}"), "i64")
    return b.binary("add", "i64", first, _iota(b))


# ---- kernels ----

KERNEL = "ptr %states, i64 %capacity, i64 %at, ptr %x, i64 %outer, i64 %n, i64 %stride, i64 %index0, ptr %scalars"


def emit_rows(module, name, traced, slots):
    """One state for each row of contiguous elements."""
    b = Block(module, traced.lanes)
    lanes = b.lanes
    b.label("entry")
    b.uniform = {}
    bind_scalars(b, slots, traced.compute, b.uniform)
    b.line(f"%blocks = and i64 %n, {-lanes * traced.count_block}")
    b.line(f"%whole = and i64 %n, {-lanes}")
    b.line("%left = sub i64 %n, %whole")
    b.line("%left32 = trunc i64 %left to i32")
    b.line("%some = icmp sgt i64 %outer, 0")
    b.line("br i1 %some, label %row, label %done")
    b.label("row")
    b.line("%j = phi i64 [0, %entry], [%j.next, %end]")
    b.line(f"%from = getelementptr i8, ptr %x, i64 {b.value('mul i64 %j, %stride')}")
    start = _emit_row_loop(b, traced, "block", traced.count_block, "0", "%blocks", "row", "middle", traced.start(b))
    start = _emit_row_loop(b, traced, "vector", 1, "%blocks", "%whole", "middle", "last", start)
    total = _across_lanes(b, traced, _emit_row_tail(b, traced, start))
    at = b.value("add i64 %at, %j")
    write_state(b, traced.state, component_pointers(b, traced.state, at), total)
    b.line("%j.next = add i64 %j, 1")
    b.line("%again = icmp slt i64 %j.next, %outer")
    b.line("br i1 %again, label %row, label %done")
    b.label("done")
    b.line("ret void")
    module.add_shared(name, b.text(f"define void @{name}$ISA({KERNEL}) #0"))


def _row_pointer(b, traced, at):
    size = element_bytes("Compute", traced.compute)
    return b.value(f"getelementptr i8, ptr %from, i64 {b.value(f'mul i64 {at}, {size}')}")


def _emit_row_loop(b, traced, label, count, first, limit, before, after, start):
    """Folds elements [first, limit), `count` vectors a step, into `start`; the state in block `after`."""
    new = [f"%{label}.new{k}" for k in range(len(traced.state.flat))]
    b.line(f"%{label}.any = icmp ult i64 {first}, {limit}")
    b.line(f"br i1 %{label}.any, label %{label}, label %{after}")
    b.label(label)
    b.line(f"%{label}.i = phi i64 [{first}, %{before}], [%{label}.n, %{label}]")
    acc = state_phis(b, traced, f"{label}.acc", [(start, before), (new, label)])
    xs, indices = [], []
    for k in range(count):
        at = b.value(f"add i64 %{label}.i, {k * b.lanes}")
        xs.append(load_element(b, traced.compute, _row_pointer(b, traced, at)))
        indices.append(_index_vector(b, traced, at))
    state = traced.from_block(b, xs, indices) if count > 1 else traced.from_element(b, xs[0], indices[0])
    name_state(b, f"{label}.new", traced.join(b, acc, state))
    b.line(f"%{label}.n = add i64 %{label}.i, {b.lanes * count}")
    b.line(f"%{label}.more = icmp ult i64 %{label}.n, {limit}")
    b.line(f"br i1 %{label}.more, label %{label}, label %{after}")
    b.label(after)
    return state_phis(b, traced, f"{after}.acc", [(start, before), (new, label)])


def _emit_row_tail(b, traced, start):
    """Folds the elements that fill no vector; leaves off in block `end`."""
    b.line("%ragged = icmp ne i64 %left, 0")
    b.line("br i1 %ragged, label %tail, label %end")
    b.label("tail")
    x = load_element(b, traced.compute, _row_pointer(b, traced, "%whole"), "%left32")
    flags = b.value(f"call <{b.lanes} x i1> @llvm.get.active.lane.mask.v{b.lanes}i1.i32(i32 0, i32 %left32)")
    state = traced.from_element(b, x, _index_vector(b, traced, "%whole"))
    state = [b.select(flags, kind, value, init) for kind, value, init in zip(traced.state.flat, state, traced.start(b))]
    name_state(b, "tail.new", traced.join(b, start, state))
    b.line("br label %end")
    b.label("end")
    return state_phis(b, traced, "total", [(start, "last"), ([f"%tail.new{k}" for k in range(len(traced.state.flat))], "tail")])


def _across_lanes(b, traced, values):
    """The lanes' states combined as a tree; leaves `b` at one lane."""
    uniform = b.uniform
    while b.lanes > 1:
        half = b.lanes // 2
        low, high = [], []
        for kind, value in zip(traced.state.flat, values):
            t = b.type(kind)
            for side, first in ((low, 0), (high, half)):
                if half == 1:
                    side.append(b.value(f"extractelement {t} {value}, i64 {first}"))
                else:
                    mask = ", ".join(f"i32 {first + k}" for k in range(half))
                    side.append(b.value(f"shufflevector {t} {value}, {t} poison, <{half} x i32> <{mask}>"))
        b.uniform = {node: _narrow(b, node, operand, half) for node, operand in b.uniform.items()}
        b.lanes = half
        values = traced.join(b, low, high)
    b.uniform = uniform
    return values


def _narrow(b, node, operand, half):
    t = b.type(node.type)
    if half == 1:
        return b.value(f"extractelement {t} {operand}, i64 0")
    return b.value(f"shufflevector {t} {operand}, {t} poison, <{half} x i32> <{', '.join(f'i32 {k}' for k in range(half))}>")


def emit_columns(module, name, traced, slots):
    """One state for each column: blocks of rows, and within them strips of columns, so that rows are read as streams."""
    b = Block(module, traced.lanes)
    lanes, size, rows = b.lanes, element_bytes("Compute", traced.compute), traced.count_block
    b.label("entry")
    b.uniform = {}
    bind_scalars(b, slots, traced.compute, b.uniform)
    b.line("%any = icmp sgt i64 %outer, 0")
    b.line("br i1 %any, label %rows, label %done")
    b.label("rows")
    b.line("%r = phi i64 [0, %entry], [%r.next, %rows.end]")
    b.line("%rest = sub i64 %outer, %r")
    b.line(f"%full = icmp uge i64 %rest, {rows}")
    b.line(f"%take = select i1 %full, i64 {rows}, i64 1")
    b.line("%first = icmp eq i64 %r, 0")
    b.line(f"%from = getelementptr i8, ptr %x, i64 {b.value('mul i64 %r, %stride')}")
    b.line("br i1 %full, label %block, label %single")
    for kind, count in (("block", rows), ("single", 1)):
        _emit_strips(b, traced, kind, count, lanes, size)
    b.label("rows.end")
    b.line("%r.next = add i64 %r, %take")
    b.line("%again = icmp slt i64 %r.next, %outer")
    b.line("br i1 %again, label %rows, label %done")
    b.label("done")
    b.line("ret void")
    module.add_shared(name, b.text(f"define void @{name}$ISA({KERNEL}) #0"))


def _emit_strips(b, traced, label, count, lanes, size):
    """A loop over strips of columns, folding `count` rows into the states (which the first rows set)."""
    b.label(label)
    b.line(f"%{label}.i = phi i64 [0, %rows], [%{label}.n, %{label}.next]")
    b.line(f"%{label}.left = sub i64 %n, %{label}.i")
    b.line(f"%{label}.whole = icmp uge i64 %{label}.left, {lanes}")
    b.line(f"%{label}.at = add i64 %at, %{label}.i")
    offset = b.value(f"mul i64 %{label}.i, {size}")
    b.line(f"%{label}.from = getelementptr i8, ptr %from, i64 {offset}")
    b.line(f"br i1 %{label}.whole, label %{label}.{'m' if traced.heavy else 'w'}, label %{label}.m")
    for variant in ("m",) if traced.heavy else ("w", "m"):
        b.label(f"{label}.{variant}")
        lane_count = flags = None
        if variant == "m":
            width = b.value(f"select i1 %{label}.whole, i64 {lanes}, i64 %{label}.left")
            lane_count = b.value(f"trunc i64 {width} to i32")
            flags = b.value(f"call <{lanes} x i1> @llvm.get.active.lane.mask.v{lanes}i1.i32(i32 0, i32 {lane_count})")
        pointers = component_pointers(b, traced.state, f"%{label}.at")
        xs, indices = [], []
        for k in range(count):
            pointer = b.value(f"getelementptr i8, ptr %{label}.from, i64 {b.value(f'mul i64 %stride, {k}')}")
            xs.append(load_element(b, traced.compute, pointer, lane_count))
            number = b.value(f"add i64 {b.value(f'add i64 %r, {k}')}, %index0") if traced.indexed else None
            indices.append(b.splat(number, "i64") if number else "poison")
        state = traced.from_block(b, xs, indices) if count > 1 else traced.from_element(b, xs[0], indices[0])
        b.line(f"br i1 %first, label %{label}.{variant}.store, label %{label}.{variant}.join")
        b.label(f"{label}.{variant}.join")
        joined = traced.join(b, read_state(b, traced.state, pointers, flags), state)
        b.line(f"br label %{label}.{variant}.store")
        b.label(f"{label}.{variant}.store")
        final = []
        for kind, fresh, old in zip(traced.state.flat, state, joined):
            final.append(b.value(f"phi {b.type(kind)} [{fresh}, %{label}.{variant}], [{old}, %{label}.{variant}.join]"))
        write_state(b, traced.state, pointers, final, flags)
        b.line(f"br label %{label}.next")
    b.label(f"{label}.next")
    b.line(f"%{label}.n = add i64 %{label}.i, {lanes}")
    again = b.value(f"icmp slt i64 %{label}.n, %n")
    b.line(f"br i1 {again}, label %{label}, label %rows.end")


def emit_merge(module, name, traced, slots):
    """state[into + j] <- combine(state[into + j], state[from + j])."""
    b = Block(module, traced.lanes)
    lanes = b.lanes
    b.label("entry")
    wide, narrow = {}, {}
    bind_scalars(b, slots, traced.compute, wide)
    b.lanes = 1
    bind_scalars(b, slots, traced.compute, narrow)
    b.line(f"%whole = and i64 %n, {-lanes}")
    b.line("%has = icmp sgt i64 %whole, 0")
    b.line("br i1 %has, label %loop, label %rest")
    for label, width, first, previous, limit, after, bound in (("loop", lanes, "0", "entry", "%whole", "rest", wide),
                                                             ("each", 1, "%whole", "rest", "%n", "done", narrow)):
        b.lanes, b.uniform = width, bound
        b.label(label)
        b.line(f"%{label}.i = phi i64 [{first}, %{previous}], [%{label}.n, %{label}]")
        left = component_pointers(b, traced.state, b.value(f"add i64 %into, %{label}.i"))
        right = component_pointers(b, traced.state, b.value(f"add i64 %from, %{label}.i"))
        joined = traced.join(b, read_state(b, traced.state, left), read_state(b, traced.state, right))
        write_state(b, traced.state, left, joined)
        b.line(f"%{label}.n = add i64 %{label}.i, {width}")
        again = b.value(f"icmp slt i64 %{label}.n, {limit}")
        b.line(f"br i1 {again}, label %{label}, label %{after}")
        if label == "loop":
            b.label("rest")
            b.line("%some = icmp slt i64 %whole, %n")
            b.line("br i1 %some, label %each, label %done")
    b.label("done")
    b.line("ret void")
    header = f"define void @{name}$ISA(ptr %states, i64 %capacity, i64 %into, i64 %from, i64 %n, ptr %scalars) #0"
    module.add_shared(name, b.text(header))


def emit_finish(module, name, traced, slots, kinds):
    """Results from states, a whole virtual vector at a time."""
    b = Block(module, 16)
    outs = [(kind, coerce(value, kind, traced.compute)) for kind, value in zip(kinds, traced.result, strict=True)]
    roots = lower.expand([p for _, value in outs for p in parts(value)])
    b.label("entry")
    bound = {}
    bind_scalars(b, slots, traced.compute, bound)
    bound[traced.count] = b.splat("%count", "i64")
    for k, (kind, _) in enumerate(outs):
        b.line(f"%out{k} = load ptr, ptr {b.value(f'getelementptr ptr, ptr %outputs, i64 {k}')}, align 8")
    b.line("%some = icmp sgt i64 %n, 0")
    b.line("br i1 %some, label %loop, label %done")
    b.label("loop")
    b.line("%i = phi i64 [0, %entry], [%i.next, %loop]")
    pointers = component_pointers(b, traced.state, b.value("add i64 %at, %i"))
    bound.update(zip(traced.a, read_state(b, traced.state, pointers)))
    results = iter(b.evaluate(roots, bound))
    for k, (kind, value) in enumerate(outs):
        size = element_bytes(kind, traced.compute)
        pointer = b.value(f"getelementptr i8, ptr %out{k}, i64 {b.value(f'mul i64 %i, {size}')}")
        store(b, kind, traced.compute, pointer, [next(results) for _ in parts(value)])
    b.line("%i.next = add i64 %i, 16")
    b.line("%more = icmp slt i64 %i.next, %n")
    b.line("br i1 %more, label %loop, label %done")
    b.label("done")
    b.line("ret void")
    header = f"define void @{name}$ISA(ptr %outputs, ptr %states, i64 %capacity, i64 %at, i64 %n, i64 %count, ptr %scalars) #0"
    module.add_shared(name, b.text(header))


# ---- definitions ----

def _variants(definition):
    """(argument, value) of each variant; value None: any other."""
    choices = definition.options.get("choices")
    if not choices:
        return [(None, None)]
    (name, values), = choices.items()
    return [*((name, v) for v in values), (name, None)]


def scalar_names(schema):
    """Number arguments, apart from those that every reduction has."""
    return [a.name for a in schema.args if a.base in ("Scalar", "float", "int", "bool") and a.name not in ROOT_ARGS]


def folded(definition, compute, variant=(None, None)):
    """The definition's fold for one compute dtype and variant."""
    values = []
    for name in scalar_names(parse(definition.schemas[0])):
        fixed = name == variant[0] and variant[1] is not None
        values.append(variant[1] if fixed else E.input(name + ".re" if compute in COMPONENT else name, component(compute)))
    return Traced(definition.body(*values), compute)


def result_rules(definition):
    result = definition.options.get("result", L.SAME)
    count = len(parse(definition.schemas[0]).returns)
    return list(result) if isinstance(result, (tuple, list)) else [result] * count


def output_kinds(results):
    return [{L.BOOL: "Bool", L.INT64: "Int64", L.UINT64: "Int64", L.REAL: "Real"}.get(r, "Compute") for r in results]


def computes(definition):
    """Compute dtypes with kernels; integers that widen are folded as i64 only."""
    kinds = definition.options.get("kinds", L.ALL)
    found = computes_of_kinds(kinds, definition.options.get("floats", False))
    return [c for c in found if not (definition.options.get("widens") and c in ("i32", "u64"))]


def base_symbol(definition):
    return "kd_" + (definition.options.get("kernels") or parse(definition.schemas[0]).unique)


def plan(definition, schema=None):
    """The Plan of one overload (default: the first)."""
    schema = parse(schema) if isinstance(schema, str) else schema or parse(definition.schemas[0])
    position = {a.name: i for i, a in enumerate(schema.args)}
    first = parse(definition.schemas[0])
    options, defined, base = definition.options, computes(definition), base_symbol(definition)
    variants = _variants(definition)
    results = result_rules(definition)
    components, indexed = {}, False
    for compute in defined:
        flats = []
        for variant in variants:
            traced = folded(definition, compute, variant)
            flats.append([memory_bytes(kind) for kind in traced.state.flat])
            indexed |= traced.indexed
        components[compute] = max(flats, key=sum)
    suffix = [f"_v{v}" if len(variants) > 1 else "" for v in range(len(variants))]
    choice = variants[0][0]
    return Plan(
        name=schema.name, nout=len(results), dim=position.get("dim", 255), keepdim=position.get("keepdim", 255),
        dtype=position.get("dtype", 255), scalars=[position.get(n, 255) for n in scalar_names(first)],
        operands=output_kinds(results), results=results, floats=options.get("floats", False), widens=options.get("widens", False),
        identity=options.get("identity", True), indexed=indexed, kinds=options.get("kinds", L.ALL), error=options.get("error"), empty=options.get("empty"),
        choice=position[choice] if choice else 255, choices=tuple(v for _, v in variants if v is not None), components=components,
        symbols=[{c: f"{base}{suffix[v]}_{c}" if c in defined else None for c in COMPUTES} for v in range(len(variants))])


def emit(definition, module=None, only=None):
    """Adds the four kernels of every variant and compute dtype (or of the compute dtype `only`)."""
    module = module or Module()
    if definition.options.get("kernels"):
        return module
    slots = scalar_names(parse(definition.schemas[0]))
    kinds = output_kinds(result_rules(definition))
    for variant, names in zip(_variants(definition), plan(definition).symbols):
        for compute, name in names.items():
            if name and only in (None, compute):
                traced = folded(definition, compute, variant)
                emit_rows(module, name + "_rows", traced, slots)
                emit_columns(module, name + "_columns", traced, slots)
                emit_merge(module, name + "_merge", traced, slots)
                emit_finish(module, name + "_finish", traced, slots, kinds)
    return module


# ---- tables ----

SIGNATURES = {
    "rows": "(char*, int64_t, int64_t, const char*, int64_t, int64_t, int64_t, int64_t, const char*)",
    "columns": "(char*, int64_t, int64_t, const char*, int64_t, int64_t, int64_t, int64_t, const char*)",
    "merge": "(char*, int64_t, int64_t, int64_t, int64_t, const char*)",
    "finish": "(char* const*, const char*, int64_t, int64_t, int64_t, int64_t, const char*)",
}


def number(value):
    """A float as a C++ constant expression."""
    return ("-" if value < 0 else "") + "__builtin_inf()" if math.isinf(value) else repr(float(value))


def record(unique, plan, schema, isas):
    """The `ReductionInfo` of one overload, as C++ text."""
    bases = sorted({s for variant in plan.symbols for s in variant.values() if s})
    externs = [f"void {s}_{part}_{isa}{signature};" for s in bases for isa in isas for part, signature in SIGNATURES.items()]

    def kernels(symbol, isa):
        return "{" + ", ".join(f"{symbol}_{part}_{isa}" for part in SIGNATURES) + "}" if symbol else "{}"

    variants = ", ".join("{" + ", ".join("{" + ", ".join(kernels(variant[c], isa) for c in COMPUTES) + "}" for isa in isas) + "}"
                         for variant in plan.symbols)
    counts = ", ".join(str(len(plan.components.get(c, ()))) for c in COMPUTES)
    sizes = ", ".join("{" + ", ".join(map(str, plan.components.get(c, (0,)))) + "}" for c in COMPUTES)
    kinds = sum({"b": 1, "u": 2, "s": 4, "f": 8, "c": 16}[k] for k in plan.kinds)
    error, empty = (f'"{message}"' if message else "nullptr" for message in (plan.error, plan.empty))
    flags = ", ".join(str(int(f)) for f in (plan.floats, plan.widens, plan.identity, plan.indexed))
    return "\n".join([
        f'extern "C" {{ {" ".join(externs)} }}',
        f"static const ReductionKernels kernels_{unique}[][kIsas][kComputes] = {{{variants}}};",
        f"static const uint8_t scalars_{unique}[] = {{{', '.join(map(str, plan.scalars)) or '0'}}};",
        f"static const OperandKind operands_{unique}[] = {{{', '.join(f'OperandKind::{k}' for k in plan.operands)}}};",
        f"static const ResultDType results_{unique}[] = {{{', '.join(f'ResultDType::{r}' for r in plan.results)}}};",
        f"static const double choices_{unique}[] = {{{', '.join(map(number, plan.choices)) or '0'}}};",
        f"extern const ReductionInfo info_{unique};",
        f"const ReductionInfo info_{unique} = {{{plan.nout}, {plan.dim}, {plan.keepdim}, {plan.dtype}, {len(plan.scalars)}, scalars_{unique}, "
        f"operands_{unique}, results_{unique}, {flags}, {kinds}u, {error}, {empty}, \"{schema.name}\", {plan.choice}, {len(plan.choices)}, "
        f"choices_{unique}, {{{counts}}}, {{{sizes}}}, kernels_{unique}}};"])


def jitted(definition, compute, isa, variant=0):
    """(function addresses by part, what keeps them alive) of one definition's kernels, for tests."""
    from .jit import link

    module = emit(definition, only=compute)
    name = plan(definition).symbols[variant][compute]
    parts_ = ("rows", "columns", "merge", "finish")
    addresses, library = link(module.text(isa), isa, [f"{name}_{p}_{isa}" for p in parts_])
    return dict(zip(parts_, addresses)), library
