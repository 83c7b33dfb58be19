"""Fused row kernels: expressions over a row and folds of it, as few passes over the row as its folds ask for.

A pass computes everything whose folds are known, and the folds of that. Values that a later pass needs again are recomputed,
or kept in a scratch row where that costs more than reading them back. The order of summation is that of torch/_codegen/reduce.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

from .._opdefs import expr as E
from . import lower
from .emit import BYTES, LLVM_TYPE, Block, Module, vector
from .pointwise import COMPUTES, Static
from .schema import parse

FOLD_BLOCK, PLAIN_BLOCK = 8, 2     # vectors a step, in passes with and without folds
KEEP = 8                           # a value of more instructions than this is kept rather than recomputed
ROW_COMPUTES = ("f32", "f64")
IDENTITY = {"add": 0.0, "max": -math.inf}


@dataclass
class Plan:
    """What the tables say of one overload of a fused definition."""

    name: str
    nout: int
    inputs: list[int]
    scalars: list[int]
    operands: list[str]                # Row, Each, Shared or Total: outputs, then inputs
    rows: int                          # position of the argument that says what a row is
    by_shape: bool                     # it is a shape of trailing dimensions
    statics: list[Static] = field(default_factory=list)
    scratch: int = 0                   # scratch rows
    symbols: list[dict] = field(default_factory=list)
    family: str = "fused"


class Schedule:
    """Which pass computes what."""

    def __init__(self, roots, varying_inputs):
        self.order = lower.post_order(roots)
        self.varying, self.level = {}, {}
        for node in self.order:
            below = max((self.level[a] for a in node.args), default=0)
            self.varying[node] = node.op != "fold" and (node in varying_inputs or any(self.varying[a] for a in node.args))
            self.level[node] = below + (node.op == "fold")
        self.folds = [n for n in self.order if n.op == "fold"]
        self.passes = 1 + max((self.level[r] for r in roots if self.varying[r]), default=-1)
        self.passes = max(self.passes, max((self.level[f] for f in self.folds), default=0))
        needed_later = set()
        for node in self.order:
            needed_later.update(a for a in node.args if self.varying[a] and self._pass(node) > self.level[a])
        self.kept = [n for n in self.order if n in needed_later and n.args and any(n is f.args[0] for f in self.folds)
                     and lower.weight([n]) > KEEP]

    def _pass(self, node):
        """The pass that uses the arguments of `node`."""
        return self.level[node] - 1 if node.op == "fold" else self.level[node]


class Row:
    """Emits one kernel."""

    def __init__(self, module, compute, outs, ins, slots):
        self.compute, self.outs, self.ins, self.slots = compute, outs, ins, slots
        self.lanes = 64 // BYTES[compute]
        self.b = Block(module, self.lanes)
        self.kind, self.size = LLVM_TYPE[compute], BYTES[compute]
        roots = lower.expand([value for _, value in outs])
        self.roots = roots
        self.elements = {E.input(name, compute): k for k, (kind, name) in enumerate(ins, len(outs)) if kind in ("Row", "Shared")}
        self.schedule = Schedule(roots, self.elements)
        self.uniform = {}               # node -> scalar operand, the same over the row
        self.splats = {}

    # ---- memory ----
    def load(self, pointer, at, left=None):
        b, v = self.b, vector(self.kind, self.lanes)
        where = b.value(f"getelementptr {self.kind}, ptr {pointer}, i64 {at}")
        if left is None:
            return b.value(f"load {v}, ptr {where}, align {self.size}")
        return b.value(f"call {v} @llvm.masked.load.v{self.lanes}{self.compute}.p0(ptr align {self.size} {where}, <{self.lanes} x i1> {left}, "
                       f"{v} zeroinitializer)")

    def store(self, value, pointer, at, left=None):
        b, v = self.b, vector(self.kind, self.lanes)
        where = b.value(f"getelementptr {self.kind}, ptr {pointer}, i64 {at}")
        if left is None:
            b.line(f"store {v} {value}, ptr {where}, align {self.size}")
        else:
            b.line(f"call void @llvm.masked.store.v{self.lanes}{self.compute}.p0({v} {value}, ptr align {self.size} {where}, "
                   f"<{self.lanes} x i1> {left})")

    # ---- one block of one pass ----
    def values(self, number, nodes, at, left=None):
        """Vector operands of `nodes` for the elements from `at`."""
        s, b = self.schedule, self.b
        bound = {}
        stack = list(nodes)
        seen = set()
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in self.elements:
                bound[node] = self.load(f"%row{self.elements[node]}", at, left)
            elif node in s.kept and s.level[node] < number:
                bound[node] = self.load(f"%scratch{s.kept.index(node)}", at, left)
            elif not s.varying[node]:
                if node.op != "const":
                    bound[node] = self.splat(node)
            else:
                stack.extend(node.args)
        return b.evaluate(nodes, bound)

    def splat(self, node):
        return self.splats[node]

    def step(self, number, folds, at, left=None):
        """Stores what this pass computes of one vector; the elements of its folds."""
        s = self.schedule
        kept = [n for n in s.kept if s.level[n] == number]
        results = [(k, kind) for k, (kind, _) in enumerate(self.outs)
                   if s.varying[self.roots[k]] and s.level[self.roots[k]] == number]
        nodes = [*(f.args[0] for f in folds), *kept, *(self.roots[k] for k, _ in results)]
        operands = self.values(number, nodes, at, left)
        elements, rest = operands[:len(folds)], operands[len(folds):]
        for n, value in zip(kept, rest):
            self.store(value, f"%scratch{s.kept.index(n)}", at, left)
        for (k, kind), value in zip(results, rest[len(kept):]):
            if kind == "Total":
                value = self.b.binary("fadd", self.compute, self.load(f"%row{k}", at, left), value)
            self.store(value, f"%row{k}", at, left)
        return elements

    def join(self, op, left, right):
        a, c = E.input("a", self.compute), E.input("b", self.compute)
        return self.b.evaluate([E.binary(op, a, c)], {a: left, c: right})[0]

    def tree(self, op, values):
        while len(values) > 1:
            half = (len(values) + 1) // 2
            values = [self.join(op, values[k], values[k + half]) if k + half < len(values) else values[k] for k in range(half)]
        return values[0]

    # ---- one pass ----
    def emit_pass(self, number, entry):
        """Emits pass `number`, entered from block `entry`; the label it ends in."""
        s, b, lanes = self.schedule, self.b, self.lanes
        folds = [f for f in s.folds if s.level[f.args[0]] == number and s.varying[f.args[0]]]
        block = FOLD_BLOCK if folds else PLAIN_BLOCK
        p = f"p{number}"
        start = [b.constant(IDENTITY[f.attr], self.compute) for f in folds]
        b.line(f"%{p}.blocks = and i64 %n, {-lanes * block}")
        b.line(f"%{p}.has = icmp ne i64 %{p}.blocks, 0")
        b.line(f"br i1 %{p}.has, label %{p}.block, label %{p}.mid")
        before = entry
        for label, count, first, limit, after in (("block", block, "0", f"%{p}.blocks", "mid"),
                                                  ("vector", 1, f"%{p}.blocks", "%whole", "last")):
            b.label(f"{p}.{label}")
            i = f"%{p}.{label}.i"
            b.line(f"{i} = phi i64 [{first}, %{before}], [{i}.n, %{p}.{label}]")
            acc = self.phis(folds, f"{p}.{label}.acc", [(start, before), ([f"%{p}.{label}.new{k}" for k in range(len(folds))], f"{p}.{label}")])
            per_fold = [[] for _ in folds]
            for k in range(count):
                at = b.value(f"add i64 {i}, {k * lanes}")
                for j, value in enumerate(self.step(number, folds, at)):
                    per_fold[j].append(value)
            for j, f in enumerate(folds):
                b.alias(f"%{p}.{label}.new{j}", self.join(f.attr, acc[j], self.tree(f.attr, per_fold[j])))
            b.line(f"{i}.n = add i64 {i}, {count * lanes}")
            again = b.value(f"icmp ult i64 {i}.n, {limit}")
            b.line(f"br i1 {again}, label %{p}.{label}, label %{p}.{after}")
            b.label(f"{p}.{after}")
            start = self.phis(folds, f"{p}.{after}.acc", [(start, before), ([f"%{p}.{label}.new{k}" for k in range(len(folds))], f"{p}.{label}")])
            before = f"{p}.{after}"
            if label == "block":
                b.line(f"%{p}.more = icmp ult i64 %{p}.blocks, %whole")
                b.line(f"br i1 %{p}.more, label %{p}.vector, label %{p}.last")
        b.line(f"br i1 %ragged, label %{p}.tail, label %{p}.end")
        b.label(f"{p}.tail")
        for j, value in enumerate(self.step(number, folds, "%whole", "%mask")):
            padded = b.select("%mask", self.compute, value, b.constant(IDENTITY[folds[j].attr], self.compute))
            b.alias(f"%{p}.tail.new{j}", self.join(folds[j].attr, start[j], padded))
        b.line(f"br label %{p}.end")
        b.label(f"{p}.end")
        totals = self.phis(folds, f"{p}.total", [(start, before), ([f"%{p}.tail.new{k}" for k in range(len(folds))], f"{p}.tail")])
        for f, total in zip(folds, totals):
            self.uniform[f] = self.across(f.attr, total)
        return f"{p}.end"

    def phis(self, folds, name, edges):
        for k in range(len(folds)):
            incoming = ", ".join(f"[{operands[k]}, %{label}]" for operands, label in edges)
            self.b.line(f"%{name}{k} = phi {vector(self.kind, self.lanes)} {incoming}")
        return [f"%{name}{k}" for k in range(len(folds))]

    def across(self, op, value):
        b, lanes = self.b, self.lanes
        while b.lanes > 1:
            half, t = b.lanes // 2, b.type(self.compute)
            sides = []
            for first in (0, half):
                if half == 1:
                    sides.append(b.value(f"extractelement {t} {value}, i64 {first}"))
                else:
                    mask = ", ".join(f"i32 {first + k}" for k in range(half))
                    sides.append(b.value(f"shufflevector {t} {value}, {t} poison, <{half} x i32> <{mask}>"))
            b.lanes = half
            value = self.join(op, *sides)
        b.lanes = lanes
        return value

    def settle(self, number):
        """Scalars that are known before pass `number`: those the row's varying values and results read."""
        s, b = self.schedule, self.b
        wanted = {r for r in self.roots if not s.varying[r]}
        for node in s.order:
            if s.varying[node] or node.op == "fold":
                wanted.update(a for a in node.args if not s.varying[a] and a.op != "const")
        ready = [n for n in s.order if n in wanted and s.level[n] <= number and n not in self.splats]
        if not ready:
            return
        b.lanes = 1
        for node, operand in zip(ready, b.evaluate(ready, self.uniform)):
            b.lanes = self.lanes
            self.splats[node] = b.splat(operand, node.type)
            b.lanes = 1
        b.lanes = self.lanes

    # ---- the kernel ----
    def emit(self, module, name):
        b, s = self.b, self.schedule
        total = len(self.outs) + len(self.ins)
        b.label("entry")
        for k in range(total):
            b.line(f"%base{k} = load ptr, ptr {b.value(f'getelementptr ptr, ptr %operands, i64 {k}')}, align 8")
            b.line(f"%stride{k} = load i64, ptr {b.value(f'getelementptr i64, ptr %strides, i64 {k}')}, align 8")
        for k in range(len(s.kept)):
            b.line(f"%scratch{k} = getelementptr {self.kind}, ptr %scratch, i64 {b.value(f'mul i64 %n, {k}')}")
        b.lanes = 1
        for k, slot in enumerate(self.slots):
            pointer = b.value(f"getelementptr i8, ptr %scalars, i64 {16 * k}")
            self.uniform[E.input(slot, self.compute)] = b.value(f"load {self.kind}, ptr {pointer}, align {self.size}")
        b.lanes = self.lanes
        self.uniform[E.input("row_length", "i64")] = "%n"
        b.line(f"%whole = and i64 %n, {-self.lanes}")
        b.line("%left = sub i64 %n, %whole")
        b.line("%left32 = trunc i64 %left to i32")
        b.line("%ragged = icmp ne i64 %left, 0")
        b.line(f"%mask = call <{self.lanes} x i1> @llvm.get.active.lane.mask.v{self.lanes}i1.i32(i32 0, i32 %left32)")
        b.line("%any = icmp sgt i64 %rows, 0")
        b.line("br i1 %any, label %row, label %done")
        b.label("row")
        b.line("%r = phi i64 [0, %entry], [%r.n, %row.end]")
        for k in range(total):
            offset = b.value(f"mul i64 %r, %stride{k}")
            b.line(f"%row{k} = getelementptr i8, ptr %base{k}, i64 {offset}")
        for k, (kind, title) in enumerate(self.ins, len(self.outs)):
            if kind == "Each":
                self.uniform[E.input(title, self.compute)] = b.value(f"load {self.kind}, ptr %row{k}, align {self.size}")
        label = "row"
        for number in range(s.passes):
            self.settle(number)
            label = self.emit_pass(number, label)
        self.settle(s.passes)
        for k, (_, _) in enumerate(self.outs):
            if not s.varying[self.roots[k]]:
                b.lanes = 1
                value, = b.evaluate([self.roots[k]], self.uniform)
                b.lanes = self.lanes
                b.line(f"store {self.kind} {value}, ptr %row{k}, align {self.size}")
        b.line("br label %row.end")
        b.label("row.end")
        b.line("%r.n = add i64 %r, 1")
        b.line("%again = icmp slt i64 %r.n, %rows")
        b.line("br i1 %again, label %row, label %done")
        b.label("done")
        b.line("ret void")
        module.add(name, b.text(f"define void @{name}$ISA(ptr %operands, ptr %strides, i64 %rows, i64 %n, ptr %scalars, ptr %scratch) #0"))


# ---- definitions ----

def _layout(definition):
    """(tensor arguments, number arguments) of the first schema."""
    schema = parse(definition.schemas[0])
    return [a for a in schema.args if a.is_tensor], [a for a in schema.args if a.base == "float"]


def _variants(definition):
    optional = [a.name for a in _layout(definition)[0] if a.optional]
    for given in itertools.product((False, True), repeat=len(optional)):
        yield dict(zip(optional, given))


def traced(definition, compute, given):
    """(outputs with kinds, inputs with kinds) of one variant."""
    tensors, numbers = _layout(definition)
    kinds = definition.options.get("operands", {})
    values, ins = [], []
    for a in parse(definition.schemas[0]).args:
        if a.is_tensor:
            present = given.get(a.name, True)
            values.append(E.input(a.name, compute) if present else None)
            if present:
                ins.append((kinds.get(a.name, "Row"), a.name))
        elif a.base == "float":
            values.append(E.input(a.name, compute))
    results = definition.body(*values)
    results = results if isinstance(results, tuple) else (results,)
    outputs = definition.options.get("outputs", ("Row",) * len(results))
    return list(zip(outputs, results, strict=True)), ins


def base_symbol(definition):
    return "kd_" + parse(definition.schemas[0]).unique


def plan(definition, schema=None):
    """The Plan of one overload (default: the first)."""
    schema = parse(schema) if isinstance(schema, str) else schema or parse(definition.schemas[0])
    position = {a.name: i for i, a in enumerate(schema.args)}
    tensors, numbers = _layout(definition)
    variants = list(_variants(definition))
    suffix = [f"_v{v}" if len(variants) > 1 else "" for v in range(len(variants))]
    rows = definition.options.get("rows", "dim")
    scratch = 0
    for given in variants:
        outs, ins = traced(definition, "f32", given)
        scratch = max(scratch, len(Row(Module(), "f32", outs, ins, []).schedule.kept))
    kinds = definition.options.get("operands", {})
    return Plan(
        name=schema.name, nout=len(outs), inputs=[position[a.name] for a in tensors], scalars=[position[a.name] for a in numbers],
        operands=[*(k for k, _ in outs), *(kinds.get(a.name, "Row") for a in tensors)], rows=position[rows], by_shape=rows != "dim",
        statics=[Static(position[a.name]) for a in tensors if a.optional], scratch=scratch,
        symbols=[{c: f"{base_symbol(definition)}{suffix[v]}_{c}" if c in ROW_COMPUTES else None for c in COMPUTES} for v in range(len(variants))])


def emit(definition, module=None):
    """Adds the kernels of every variant."""
    module = module or Module()
    slots = [a.name for a in _layout(definition)[1]]
    for given, names in zip(_variants(definition), plan(definition).symbols):
        for compute in ROW_COMPUTES:
            outs, ins = traced(definition, compute, given)
            Row(module, compute, outs, ins, slots).emit(module, names[compute])
    return module


# ---- tables ----

SIGNATURE = "(char* const*, const int64_t*, int64_t, int64_t, const char*, char*)"


def record(unique, plan, schema, isas):
    """The `RowsInfo` of one overload, as C++ text."""
    bases = sorted({s for variant in plan.symbols for s in variant.values() if s})
    externs = [f"void {s}_{isa}{SIGNATURE};" for s in bases for isa in isas]
    variants = ", ".join("{" + ", ".join("{" + ", ".join(f"{variant[c]}_{isa}" if variant[c] else "nullptr" for c in COMPUTES) + "}"
                                         for isa in isas) + "}" for variant in plan.symbols)

    def numbers(values):
        return ", ".join(map(str, values)) or "0"

    return "\n".join([
        f'extern "C" {{ {" ".join(externs)} }}',
        f"static const RowKernel kernels_{unique}[][kIsas][kComputes] = {{{variants}}};",
        f"static const uint8_t inputs_{unique}[] = {{{numbers(plan.inputs)}}};",
        f"static const uint8_t scalars_{unique}[] = {{{numbers(plan.scalars)}}};",
        f"static const RowOperand operands_{unique}[] = {{{', '.join(f'RowOperand::{k}' for k in plan.operands)}}};",
        f"extern const RowsInfo info_{unique};",
        f"const RowsInfo info_{unique} = {{\"{schema.name}\", {plan.nout}, {len(plan.inputs)}, {len(plan.scalars)}, inputs_{unique}, "
        f"scalars_{unique}, operands_{unique}, {plan.rows}, {int(plan.by_shape)}, {plan.scratch}, kernels_{unique}}};"])
