"""LLVM IR text: modules, functions, and expressions over explicit vectors.

Text is the same for every instruction set: names end in `$ISA` until `Module.text` settles them, and `llvm.fma` becomes a call
of the runtime where the instruction is missing. There are no fast-math flags anywhere.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from .._opdefs import expr as E
from . import target
from .lower import post_order

LLVM_TYPE = {"f32": "float", "f64": "double", "i32": "i32", "i64": "i64", "u64": "i64", "bool": "i1"}
BYTES = {"f32": 4, "f64": 8, "i32": 4, "i64": 8, "u64": 8, "bool": 1}
SUFFIX = {"float": "f32", "double": "f64"}
INTEGER_OF = {"f32": "i32", "f64": "i64"}

FLOAT_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
INT_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor", "shl": "shl", "lshr": "lshr"}
FLOAT_UNARY = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "roundeven", "abs": "fabs"}
FLOAT_COMPARE = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


def vector(llvm_type, lanes):
    """`lanes` of `llvm_type`; one lane is the scalar itself."""
    return llvm_type if lanes == 1 else f"<{lanes} x {llvm_type}>"


def mangled(llvm_type, lanes):
    """The suffix of an intrinsic's name."""
    name = SUFFIX.get(llvm_type, llvm_type)
    return name if lanes == 1 else f"v{lanes}{name}"


def literal(value, type):
    """A constant as LLVM writes it: floats by their bits, as a double."""
    if type == "bool":
        return "true" if value else "false"
    if type == "f32":
        try:
            value = struct.unpack("f", struct.pack("f", value))[0]
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
    if type in ("f32", "f64"):
        return f"0x{struct.unpack('Q', struct.pack('d', value))[0]:016X}"
    bits = 32 if type == "i32" else 64
    value &= (1 << bits) - 1
    return str(value - (1 << bits) if value >> (bits - 1) else value)


class Module:
    """Functions under construction, with the helpers and declarations they ask for."""

    def __init__(self):
        self.functions = {}
        self.externals = set()
        self.constants = {}
        self.shared = {}

    def add(self, name, text):
        self.functions[name] = text

    def add_shared(self, name, text):
        """Adds a function of which an equal one may exist under another name: it then becomes a second name of that."""
        content = text.replace(f"@{name}$ISA", "@")
        known = self.shared.setdefault(content, name)
        if known == name:
            self.functions[name] = text
        else:
            self.functions[name] = f"@{name}$ISA = alias void (), ptr @{known}$ISA"

    def helper(self, name, make):
        """An internal function, made on first need by `make(module, name)`."""
        if name not in self.functions:
            self.functions[name] = ""
            self.functions[name] = make(self, name)
        return f"@{name}"

    def text(self, isa):
        body = "\n\n".join(self.functions.values()).replace("$ISA", f"_{isa}")
        extra = []
        if not target.TARGETS[isa].fma:
            for suffix in sorted(set(re.findall(r"@llvm\.fma\.(\w+)", body))):
                extra.append(_software_fma(suffix))
            body = body.replace("@llvm.fma.", "@kd.fma.")
        for name in sorted(set(re.findall(r"@(llvm\.[\w.]+)\(", body))):
            extra.append(_declaration(name, body))
        extra += [f"declare double @{name}({', '.join(['double'] * count)})" for name, count in sorted(self.externals)]
        if "@kd_fma" in "".join(extra):
            extra.append("declare float @kd_fmaf(float, float, float)\ndeclare double @kd_fma(double, double, double)")
        return "\n\n".join([*self.constants.values(), body, *extra, target.attributes(isa)]) + "\n"


def _declaration(name, body):
    """The declaration of an intrinsic, read off its first call."""
    call = re.search(r"call (\S+|<[^>]*>) @" + re.escape(name) + r"\(", body)
    depth, at = 1, call.end()
    while depth:
        depth += {"(": 1, ")": -1}.get(body[at], 0)
        at += 1
    kinds = [re.match(r"\s*(<[^>]*>|\w+)", a).group(1) for a in re.split(r",(?![^<(]*[>)])", body[call.end():at - 1])]
    return f"declare {call.group(1)} @{name}({', '.join(kinds)})"


def _software_fma(suffix):
    """fma lane by lane through the runtime's correctly rounded function."""
    lanes, kind = re.fullmatch(r"(?:v(\d+))?(f32|f64)", suffix).groups()
    scalar = LLVM_TYPE[kind]
    function = "@kd_fmaf" if kind == "f32" else "@kd_fma"
    if lanes is None:
        return (f"define internal {scalar} @kd.fma.{suffix}({scalar} %a, {scalar} %b, {scalar} %c) #0 {{\n"
                f"  %r = call {scalar} {function}({scalar} %a, {scalar} %b, {scalar} %c)\n  ret {scalar} %r\n}}")
    return lane_loop(f"kd.fma.{suffix}", function, scalar, int(lanes), 3, scalar)


def lane_loop(name, function, kind, lanes, count, wide):
    """An internal function applying a scalar C function of `count` arguments of type `wide` to each lane of vectors of `kind`."""
    v = vector(kind, lanes)
    parameters = ", ".join(f"{v} %a{k}" for k in range(count))
    lines = [f"define internal {v} @{name}({parameters}) noinline #0 {{", "entry:", "  br label %loop", "loop:",
             "  %i = phi i64 [0, %entry], [%next, %loop]", f"  %acc = phi {v} [zeroinitializer, %entry], [%new, %loop]"]
    arguments = []
    for k in range(count):
        lines.append(f"  %x{k} = extractelement {v} %a{k}, i64 %i")
        if kind != wide:
            lines.append(f"  %w{k} = fpext {kind} %x{k} to {wide}")
        arguments.append(f"{wide} %{'x' if kind == wide else 'w'}{k}")
    lines.append(f"  %y = call {wide} {function}({', '.join(arguments)})")
    if kind != wide:
        lines.append(f"  %z = fptrunc {wide} %y to {kind}")
    lines += [f"  %new = insertelement {v} %acc, {kind} %{'y' if kind == wide else 'z'}, i64 %i", "  %next = add i64 %i, 1",
              f"  %more = icmp ult i64 %next, {lanes}", "  br i1 %more, label %loop, label %done", "done:", f"  ret {v} %new", "}"]
    return "\n".join(lines)


@dataclass
class RarePart:
    """What only the rare operands of the selects of one condition need (`results`), and what must be there before."""

    condition: E.Expr
    before: list
    nodes: dict         # in order, with constant time to ask for one
    results: list


def rare_parts(order, roots):
    """{node before which to emit it: RarePart}; `order` is the post-order of `roots`."""
    groups, users, place = {}, {}, {node: i for i, node in enumerate(order)}
    for node in order:
        if node.op == "select" and node.attr == "rare":
            groups.setdefault(node.args[0], []).append(node)
        for k, a in enumerate(node.args):
            users.setdefault(a, []).append((node, k))
    parts = {}
    for condition, selects in groups.items():
        ends = [s.args[1] for s in selects]
        inside, wanted = set(), set(post_order(ends)) - set(roots)
        for node in reversed(order):
            if node in wanted and node.op not in ("const", "input") and all(
                    u in inside or (u in selects and k == 1) for u, k in users[node]):
                inside.add(node)
        nodes = [n for n in order if n in inside]
        if not any(n.op not in ("cast", "neg") for n in nodes):
            continue
        outside = {a for n in nodes for a in n.args if a not in inside} | {condition}
        before = [n for n in post_order(list(outside)) if n in place]
        if inside & set(before) or set(selects) & set(before):
            continue
        first = min([*nodes, *selects], key=place.__getitem__)
        results = list(dict.fromkeys(e for e in ends if e in inside))
        parts[first] = RarePart(condition, before, dict.fromkeys(nodes), results)
    return parts


class Block:
    """Instructions of one function in order; `value` names results."""

    def __init__(self, module, lanes):
        self.module, self.lanes, self.lines, self.count, self.block = module, lanes, [], 0, ""
        self.aliases = {}

    def line(self, text):
        self.lines.append("  " + text)

    def label(self, name):
        self.block = name
        self.lines.append(f"{name}:")

    def value(self, text):
        self.count += 1
        name = f"%t{self.count}"
        self.line(f"{name} = {text}")
        return name

    def type(self, kind, lanes=None):
        return vector(LLVM_TYPE[kind], lanes or self.lanes)

    def alias(self, name, value):
        """What `name`, used before in a phi node, stands for."""
        self.aliases[name] = value

    def text(self, header):
        """The function, its `header` being all before the brace."""
        body = "\n".join(self.lines)
        if self.aliases:
            body = re.sub(r"%[\w.]+", lambda m: self.aliases.get(m.group(), m.group()), body)
        return f"{header} {{\n{body}\n}}"

    def splat(self, scalar, kind, lanes=None):
        """A scalar of `kind` in every lane."""
        lanes = lanes or self.lanes
        if lanes == 1:
            return scalar
        v, t = self.type(kind, lanes), LLVM_TYPE[kind]
        one = self.value(f"insertelement {v} poison, {t} {scalar}, i64 0")
        return self.value(f"shufflevector {v} {one}, {v} poison, <{lanes} x i32> zeroinitializer")

    def constant(self, value, kind):
        text = literal(value, kind)
        return text if self.lanes == 1 else f"splat ({LLVM_TYPE[kind]} {text})"

    def intrinsic(self, name, kind, *operands, extra=""):
        t = self.type(kind)
        arguments = ", ".join(f"{t} {o}" for o in operands)
        return self.value(f"call {t} @llvm.{name}.{mangled(LLVM_TYPE[kind], self.lanes)}({arguments}{extra})")

    def binary(self, op, kind, a, b):
        return self.value(f"{op} {self.type(kind)} {a}, {b}")

    def select(self, condition, kind, a, b):
        t = self.type(kind)
        return self.value(f"select {self.type('bool')} {condition}, {t} {a}, {t} {b}")

    def compare(self, op, kind, a, b):
        if kind in FLOAT_COMPARE_TYPES:
            return self.value(f"fcmp {FLOAT_COMPARE[op]} {self.type(kind)} {a}, {b}")
        sign = "" if op in ("eq", "ne") else "u" if kind in ("u64", "bool") else "s"
        return self.value(f"icmp {sign}{op} {self.type(kind)} {a}, {b}")

    def evaluate(self, roots, bound, branches=False):
        """Emits the expressions `roots`, inputs being looked up in `bound` (which gains every node); their operands.

        With `branches`, what only rare cases need is behind a branch, so that the code after it is in another basic block.
        """
        order = post_order(roots, bound)
        self.emit_all(order, bound, rare_parts(order, roots) if branches else {})
        return [bound[root] for root in roots]

    def emit_all(self, order, bound, rare):
        """Emits nodes in order, the parts of `rare` among them behind branches, a part within a part within its branch."""
        inner = {first for first, part in rare.items() if any(first in other.nodes for other in rare.values() if other is not part)}
        elsewhere = {node for part in rare.values() for node in part.nodes}
        for node in order:
            if node in rare and node not in inner:
                self.emit_rare(rare[node], bound, {first: rare[first] for first in inner})
            if node not in elsewhere:
                self.emit(node, bound)

    def emit(self, node, bound):
        if node not in bound:
            bound[node] = self.constant(node.attr, node.type) if node.op == "const" else OPS[node.op](self, node, *(bound[a] for a in node.args))

    def emit_rare(self, part, bound, inner):
        """The nodes of a RarePart, computed if its condition holds in some lane; else its results are 0 and nobody looks."""
        for node in part.before:
            self.emit(node, bound)
        some = bound[part.condition]
        if self.lanes > 1:
            some = self.value(f"call i1 @llvm.vector.reduce.or.v{self.lanes}i1({self.type('bool')} {some})")
        self.count += 1
        block = f"rare{self.count}"
        self.line(f"br label %{block}.test")
        self.label(f"{block}.test")
        self.line(f"br i1 {some}, label %{block}, label %{block}.done")
        self.label(block)
        inside = dict(bound)
        self.emit_all(list(part.nodes), inside, {first: p for first, p in inner.items() if first in part.nodes})
        last = self.block
        self.line(f"br label %{block}.done")
        self.label(f"{block}.done")
        for node in part.results:
            bound[node] = self.value(f"phi {self.type(node.type)} [{inside[node]}, %{last}], [{self.constant(0, node.type)}, %{block}.test]")


FLOAT_COMPARE_TYPES = ("f32", "f64")


def _arithmetic(b, node, x, y):
    table = FLOAT_BINARY if node.is_float else INT_BINARY
    return b.binary(table[node.op], node.type, x, y)


def _neg(b, node, x):
    if node.is_float:
        return b.value(f"fneg {b.type(node.type)} {x}")
    return b.binary("sub", node.type, b.constant(0, node.type), x)


def _unary(b, node, x):
    if node.op == "abs" and not node.is_float:
        return x if node.type in ("u64", "bool") else b.intrinsic("abs", node.type, x, extra=", i1 false")
    return b.intrinsic(FLOAT_UNARY[node.op], node.type, x) if node.is_float else x


def _div(b, node, x, y):
    if node.is_float:
        return b.binary("fdiv", node.type, x, y)
    return _integer_division(b, node.type, x, y)[0]


def _rem(b, node, x, y):
    if node.is_float:
        return _fmod(b, node.type, x, y)
    quotient, divisor = _integer_division(b, node.type, x, y)
    return b.binary("sub", node.type, x, b.binary("mul", node.type, quotient, divisor))


def _integer_division(b, kind, x, y):
    """Quotient towards zero and the divisor used: zero divisors count as 1, and x / -1 is -x (which wraps)."""
    zero = b.compare("eq", kind, y, b.constant(0, kind))
    divisor = b.select(zero, kind, b.constant(1, kind), y)
    if kind == "u64":
        return b.binary("udiv", kind, x, divisor), divisor
    minus = b.compare("eq", kind, divisor, b.constant(-1, kind))
    safe = b.select(minus, kind, b.constant(1, kind), divisor)
    if kind == "i32":
        # exact: the quotient of two 31-bit integers is further than a rounding error from any integer that it is not
        wide, t = b.type("f64"), b.type("i32")
        fx, fy = (b.value(f"sitofp {t} {v} to {wide}") for v in (x, safe))
        quotient = b.value(f"fptosi {wide} {b.binary('fdiv', 'f64', fx, fy)} to {t}")
    else:
        quotient = b.binary("sdiv", kind, x, safe)
    negated = b.binary("sub", kind, b.constant(0, kind), x)
    return b.select(minus, kind, negated, quotient), divisor


def _extremum(b, node, x, y):
    compared = b.compare("lt" if node.op == "min" else "gt", node.type, x, y)
    chosen = b.select(compared, node.type, x, y)
    if not node.is_float:
        return chosen
    nan = b.value(f"fcmp uno {b.type(node.type)} {x}, {x}")
    return b.select(nan, node.type, x, chosen)


def _not(b, node, x):
    return b.binary("xor", node.type, x, b.constant(1 if node.type == "bool" else -1, node.type))


def _shift_right(b, node, x, y):
    return b.binary("lshr" if node.type == "u64" else "ashr", node.type, x, y)


def _compare(b, node, x, y):
    return b.compare(node.op, node.args[0].type, x, y)


def _select(b, node, condition, x, y):
    return b.select(condition, node.type, x, y)


def _cast(b, node, x):
    source, kind = node.args[0].type, node.type
    s, t = b.type(source), b.type(kind)
    floats = FLOAT_COMPARE_TYPES
    if kind == "bool":
        return b.compare("ne", source, x, b.constant(0, source))
    if source == "bool":
        return b.select(x, kind, b.constant(1, kind), b.constant(0, kind))
    if source in floats and kind in floats:
        return b.value(f"{'fpext' if kind == 'f64' else 'fptrunc'} {s} {x} to {t}")
    if kind in floats:
        return b.value(f"{'uitofp' if source == 'u64' else 'sitofp'} {s} {x} to {t}")
    if source in floats:
        return _float_to_int(b, source, kind, x)
    if BYTES[source] == BYTES[kind]:
        return x
    return b.value(f"{'sext' if BYTES[kind] > BYTES[source] else 'trunc'} {s} {x} to {t}")


def _float_to_int(b, source, kind, x):
    """Towards zero; what does not fit becomes the smallest integer, as x86 has it (u64: through the signed conversion)."""
    t = b.type(kind)
    if kind == "u64":
        half = b.constant(2.0**63, source)
        high = b.compare("ge", source, x, half)
        low = b.select(high, source, b.binary("fsub", source, x, half), x)
        signed = _float_to_int(b, source, "i64", low)
        return b.binary("xor", kind, signed, b.select(high, kind, b.constant(1 << 63, kind), b.constant(0, kind)))
    limit = b.constant(2.0 ** (8 * BYTES[kind] - 1), source)
    fits = b.compare("lt", source, b.intrinsic("fabs", source, x), limit)
    converted = b.value(f"fptosi {b.type(source)} {x} to {t}")
    return b.select(fits, kind, converted, b.constant(-(1 << (8 * BYTES[kind] - 1)), kind))


def _bitcast(b, node, x):
    source, kind = b.type(node.args[0].type), b.type(node.type)
    return x if source == kind else b.value(f"bitcast {source} {x} to {kind}")


def _fma(b, node, x, y, z):
    return b.intrinsic("fma", node.type, x, y, z)


def _call(b, node, *operands):
    b.module.externals.add((node.attr, len(operands)))
    kind, v = LLVM_TYPE[node.type], b.type(node.type)
    if b.lanes == 1 and kind == "double":
        return b.value(f"call double @{node.attr}({', '.join(f'double {o}' for o in operands)})")
    if b.lanes == 1:
        wide = [b.value(f"fpext float {o} to double") for o in operands]
        result = b.value(f"call double @{node.attr}({', '.join(f'double {o}' for o in wide)})")
        return b.value(f"fptrunc double {result} to float")
    helper = b.module.helper(f"kd.lanes.{node.attr}.{mangled(kind, b.lanes)}", lambda module, name: lane_loop(
        name, f"@{node.attr}", kind, b.lanes, len(operands), "double"))
    return b.value(f"call {v} {helper}({', '.join(f'{v} {o}' for o in operands)})")


def _fmod(b, kind, x, y):
    """Exact remainder with the sign of x; a loop over the bits of the quotient, in double."""
    t, wide = b.type(kind), b.type("f64")
    if kind == "f32":
        x, y = (b.value(f"fpext {t} {v} to {wide}") for v in (x, y))
    helper = b.module.helper(f"kd.fmod.{mangled('double', b.lanes)}", lambda module, name: _fmod_function(module, name, b.lanes))
    result = b.value(f"call {wide} {helper}({wide} {x}, {wide} {y})")
    return b.value(f"fptrunc {wide} {result} to {t}") if kind == "f32" else result


def _fmod_function(module, name, lanes):
    """x <- x - n t with t = y 2**k and an integer n < 2**52, exactly, until |x| < |y|."""
    b = Block(module, lanes)
    t, bits, flags = b.type("f64"), b.type("i64"), b.type("bool")
    b.label("entry")
    x, y = b.intrinsic("fabs", "f64", "%a"), b.intrinsic("fabs", "f64", "%b")
    defined = b.value(f"fcmp one {t} {y}, {b.constant(0.0, 'f64')}")
    defined = b.binary("and", "bool", defined, b.compare("lt", "f64", x, b.constant(float("inf"), "f64")))
    tiny = b.compare("lt", "f64", y, b.constant(2.0**-900, "f64"))
    normal = b.select(tiny, "f64", b.binary("fmul", "f64", y, b.constant(2.0**100, "f64")), y)
    ey = b.binary("lshr", "i64", b.value(f"bitcast {t} {normal} to {bits}"), b.constant(52, "i64"))
    ey = b.binary("sub", "i64", ey, b.select(tiny, "i64", b.constant(100, "i64"), b.constant(0, "i64")))
    start = b.binary("and", "bool", b.compare("ge", "f64", x, y), defined)
    any_ = f"call i1 @llvm.vector.reduce.or.v{lanes}i1({flags} {{}})" if lanes > 1 else "or i1 {}, false"
    b.line(f"br i1 {b.value(any_.format(start))}, label %loop, label %done")
    b.label("loop")
    b.line(f"%x = phi {t} [{x}, %entry], [%smaller, %loop]")
    b.line(f"%active = phi {flags} [{start}, %entry], [%still, %loop]")
    ex = b.binary("lshr", "i64", b.value(f"bitcast {t} %x to {bits}"), b.constant(52, "i64"))
    k = b.binary("sub", "i64", b.binary("sub", "i64", ex, ey), b.constant(50, "i64"))
    k = b.select(b.compare("gt", "i64", k, b.constant(0, "i64")), "i64", k, b.constant(0, "i64"))
    first = b.binary("lshr", "i64", k, b.constant(1, "i64"))
    second = b.binary("sub", "i64", k, first)
    scaled = y
    for part in (first, second):
        biased = b.binary("shl", "i64", b.binary("add", "i64", part, b.constant(1023, "i64")), b.constant(52, "i64"))
        scaled = b.binary("fmul", "f64", scaled, b.value(f"bitcast {bits} {biased} to {t}"))
    n = b.intrinsic("trunc", "f64", b.binary("fdiv", "f64", "%x", scaled))
    rest = b.intrinsic("fma", "f64", b.value(f"fneg {t} {n}"), scaled, "%x")
    negative = b.compare("lt", "f64", rest, b.constant(0.0, "f64"))
    rest = b.select(negative, "f64", b.binary("fadd", "f64", rest, scaled), rest)
    b.line(f"%smaller = select {flags} %active, {t} {rest}, {t} %x")
    again = b.compare("ge", "f64", "%smaller", y)
    b.line(f"%still = and {flags} {again}, %active")
    b.line(f"br i1 {b.value(any_.format('%still'))}, label %loop, label %done")
    b.label("done")
    b.line(f"%rest = phi {t} [{x}, %entry], [%smaller, %loop]")
    signed = b.intrinsic("copysign", "f64", "%rest", "%a")
    result = b.select(defined, "f64", signed, b.constant(float("nan"), "f64"))
    b.line(f"ret {t} {result}")
    return f"define internal {t} @{name}({t} %a, {t} %b) noinline #0 {{\n" + "\n".join(b.lines) + "\n}"


OPS = {
    **{op: _arithmetic for op in ("add", "sub", "mul", "and", "or", "xor", "shl", "lshr")},
    **{op: _unary for op in ("abs", "sqrt", "floor", "ceil", "trunc", "rint")},
    **{op: _compare for op in ("eq", "ne", "lt", "le", "gt", "ge")},
    "neg": _neg, "not": _not, "div": _div, "rem": _rem, "min": _extremum, "max": _extremum, "shr": _shift_right,
    "select": _select, "cast": _cast, "bitcast": _bitcast, "fma": _fma, "call": _call,
    "popcount": lambda b, node, x: b.intrinsic("ctpop", node.type, x),
    "clz": lambda b, node, x: b.intrinsic("ctlz", node.type, x, extra=", i1 false"),
    "copysign": lambda b, node, x, y: b.intrinsic("copysign", node.type, x, y),
}
