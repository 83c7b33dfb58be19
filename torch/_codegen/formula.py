"""Formulas: a subset of Python over aten operators, translated to C++.

Gradient formulas and the bodies of composites are written in it. The translator knows the type of every expression (from
schemas), resolves each operator call to one overload, and emits a call of its C++ function. What it cannot translate is
an error that names the formula.

Types: tensor, int, float, bool, scalar, str, dtype, device, layout, memory_format, generator, ints, floats, tensors, values, none,
each of them also as "optional T"; "tuple" for several results.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

CPP_TYPES = {
    "tensor": "Tensor", "int": "int64_t", "float": "double", "bool": "bool", "scalar": "Scalar", "str": "std::string_view",
    "dtype": "DType", "device": "Device", "layout": "Layout", "memory_format": "MemoryFormat", "generator": "Generator*", "ints": "Dims",
    "floats": "std::vector<double>", "tensors": "std::vector<Tensor>", "values": "std::span<const Value>", "storage": "Storage*",
}
_SCHEMA_TYPES = {
    "Tensor": "tensor", "Scalar": "scalar", "Int": "int", "Float": "float", "Bool": "bool", "Str": "str", "DType": "dtype", "Device": "device",
    "Layout": "layout", "MemoryFormat": "memory_format", "Generator": "generator", "Storage": "storage", "Object": "object",
}
DTYPE_DEFAULTS = {4: "int64", 6: "float32"}   # schemas write a default dtype by PyTorch's number
_NUMBERS = ("int", "float", "bool", "scalar")
# types whose C++ form has a "not given" of its own
_NULLABLE = ("tensor", "dtype", "generator")
# members of a tensor that are not operators: Python name -> (C++, type)
MEMBERS = {
    "shape": ("{}.sizes()", "ints"), "dtype": ("{}.dtype()", "dtype"), "device": ("{}.device()", "device"), "ndim": ("{}.dim()", "int"),
    "requires_grad": ("{}.requires_grad()", "bool"),
}
METHODS = {
    "size": "int", "dim": "int", "numel": "int", "stride": "int", "defined": "bool", "is_contiguous": "bool", "is_complex": "bool",
    "is_floating_point": "bool", "storage_offset": "int", "sizes": "ints", "strides": "ints", "is_conj": "bool", "is_neg": "bool", "is_meta": "bool",
}
_METHOD_CPP = {"is_floating_point": "is_floating", "storage_offset": "offset"}
_META = {"shape", "dtype", "device", "ndim", "size", "dim", "numel", "is_complex", "is_floating_point", "sizes", "strides", "storage_offset"}
_ERRORS = {
    "RuntimeError": "Runtime", "TypeError": "Type", "ValueError": "Value", "IndexError": "Index", "NotImplementedError": "NotImplemented",
    "AssertionError": "Assertion",
}
_OPERATORS = {ast.Add: ("add", "+"), ast.Sub: ("sub", "-"), ast.Mult: ("mul", "*"), ast.Div: ("div", "/"), ast.FloorDiv: ("floor_divide", "/"),
              ast.Mod: ("remainder", "%"), ast.Pow: ("pow", None), ast.MatMult: ("matmul", None), ast.BitAnd: ("bitwise_and", "&"),
              ast.BitOr: ("bitwise_or", "|")}
_COMPARISONS = {ast.Eq: ("eq", "=="), ast.NotEq: ("ne", "!="), ast.Lt: ("lt", "<"), ast.LtE: ("le", "<="), ast.Gt: ("gt", ">"), ast.GtE: ("ge", ">=")}


_GRADIENT = re.compile(r"(?:at\(c\.grads, int64_t\(|c\.grad\()(\d+)\)?\)")


class FormulaError(Exception):
    """A formula uses something outside the subset, or an operator that no definition gives."""


def type_of(arg):
    """The formula type of a schema argument or result."""
    base = _SCHEMA_TYPES[arg.type]
    if arg.list:
        base = {"tensor": "tensors", "int": "ints", "float": "floats"}.get(base, "values")
    return f"optional {base}" if arg.optional and base not in _NULLABLE and base != "tensors" else base


def parameter_type(arg):
    """The C++ type of a parameter of this schema argument."""
    kind = type_of(arg)
    if kind == "tensor":
        return "const Tensor&"
    base = kind.removeprefix("optional ")
    cpp = {"ints": "IntList", "tensors": "TensorList", "floats": "std::span<const double>", "values": "std::span<const Value>"}.get(base, CPP_TYPES.get(base))
    if kind.startswith("optional "):
        return f"std::optional<{cpp}>"
    return f"const {cpp}&" if base == "scalar" else cpp


def result_type(schema):
    """The C++ result type of a schema."""
    kinds = ["std::vector<Tensor>" if r.is_tensor_list else CPP_TYPES[type_of(r)] for r in schema.returns]
    return "void" if not kinds else kinds[0] if len(kinds) == 1 else f"std::tuple<{', '.join(kinds)}>"


def source_ast(formula):
    """The statements of a formula: a string (an expression, or lines of statements), or a function's body."""
    if isinstance(formula, str):
        body = ast.parse(textwrap.dedent(formula).strip()).body
        return [ast.Return(body[0].value)] if len(body) == 1 and isinstance(body[0], ast.Expr) else body
    tree = ast.parse(textwrap.dedent(inspect.getsource(formula))).body[0]
    if isinstance(tree, ast.FunctionDef):
        body = tree.body
        return body[1:] if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else body
    raise FormulaError(f"{formula}: give a formula as a string or a def")


def names_used(statements):
    """{name: set of attributes used on it, "" where it is used whole}."""
    used: dict = {}

    def walk(node):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
            return
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Is, ast.IsNot)) and isinstance(node.left, ast.Name):
            used.setdefault(node.left.id, set()).add("shape")
            return
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Subscript) and isinstance(node.value.value, ast.Name):
            used.setdefault(node.value.value.id, set()).add(node.attr)      # of an element of a list
            return walk(node.value.slice)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and isinstance(node.args[0], ast.Name):
            used.setdefault(node.args[0].id, set()).add("shape")
            return
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Name):   # what is used of the elements
            used.setdefault(node.iter.id, set()).update(names_used(node.body).get(node.target.id, set()) or {"shape"})
            for child in node.body:
                walk(child)
            return
        if isinstance(node, ast.Name):
            used.setdefault(node.id, set()).add("")
        for child in ast.iter_child_nodes(node):
            walk(child)

    for statement in statements:
        walk(statement)
    return used


def sizes_used(bodies):
    """{name: dimensions d of which it says name.size(d)}."""
    found: dict = {}
    for body in bodies:
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "size" and isinstance(node.func.value, ast.Name) and node.args:
                    try:
                        found.setdefault(node.func.value.id, set()).add(ast.literal_eval(node.args[0]))
                    except ValueError:
                        continue    # a dimension that is computed
    return found


def is_meta_only(attributes):
    """Only the shape, dtype or device of the tensor is asked for."""
    return attributes <= _META


class Translator:
    """One formula. `registry` maps a base name to its overloads' schemas; `variables` a name to (C++ expression, type)."""

    def __init__(self, where, registry, variables, result=None):
        self.where, self.registry, self.result = where, registry, result
        self.parameters = dict(variables)
        self.missing_gradients = False   # of an operator with several results: some may have got no gradient
        self.needs = None            # {input name: C++ condition} in gradient formulas
        self.types: dict = {}        # locals
        self.emitting = False
        self.operators: set = set()

    def error(self, message, node=None):
        text = f" in `{ast.unparse(node)}`" if node is not None else ""
        raise FormulaError(f"{self.where}: {message}{text}")

    # ---- statements ----
    def function_body(self, statements):
        """C++ statements of a whole body: locals are declared first, since C++ scopes them by block and Python does not."""
        self.emitting = False
        self.block(statements)
        assigned = dict(self.types)
        lines = []
        for name, kind in assigned.items():
            if name in self.parameters:
                cpp, old = self.parameters[name]
                lines.append(f"{self.cpp_type(old)} {name}_v = {cpp};")
                self.parameters[name] = (f"{name}_v", old)
            else:
                lines.append(f"{self.cpp_type(kind)} {name}_v{{}};")
        self.emitting = True
        return lines + self.block(statements)

    def cpp_type(self, kind):
        if kind.startswith("optional "):
            return f"std::optional<{CPP_TYPES[kind[9:]]}>"
        if kind == "none" or kind not in CPP_TYPES:
            self.error(f"a variable of type {kind}")
        return CPP_TYPES[kind]

    def block(self, statements):
        lines = []
        for s in statements:
            lines += self.statement(s)
        return lines

    def statement(self, s):
        if isinstance(s, ast.Return):
            return [f"return {self.returned(s.value)};"]
        if isinstance(s, ast.Assign):
            return self.assign(s.targets[0], s.value)
        if isinstance(s, ast.AugAssign):
            return self.assign(s.target, ast.BinOp(ast.Name(s.target.id, ast.Load()), s.op, s.value))
        if isinstance(s, ast.If):
            lines = [f"if ({self.condition(s.test)}) {{", *self.block(s.body)]
            return [*lines, *(["} else {", *self.block(s.orelse)] if s.orelse else []), "}"]
        if isinstance(s, ast.For):
            return self.loop(s)
        if isinstance(s, ast.Raise):
            return [self.raised(s.exc)]
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant):
            return []
        if isinstance(s, ast.Expr):
            return [f"{self.expression(s.value)[0]};"]
        if isinstance(s, ast.Pass):
            return []
        self.error(f"{type(s).__name__} is outside the formula language", s)

    def assign(self, target, value):
        if isinstance(target, ast.Tuple):
            code, kind = self.expression(value)
            kinds = kind[1] if isinstance(kind, tuple) else ["tensor"] * len(target.elts)
            parts = []
            for t, k in zip(target.elts, kinds):
                if t.id == "_":
                    parts.append("std::ignore")
                    continue
                self.types.setdefault(t.id, k)
                parts.append(self.local(t.id))
            return [f"std::tie({', '.join(parts)}) = {code};"]
        if isinstance(target, ast.Subscript):
            base, kind = self.expression(target.value)
            index, _ = self.expression(target.slice)
            return [f"at({base}, {index}) = {self.expression(value)[0]};"]
        if not isinstance(target, ast.Name):
            self.error("can only assign to names", target)
        code, kind = self.expression(value)
        if isinstance(kind, tuple):
            self.error("several results: unpack them", value)
        known = self.parameters.get(target.id, (None, self.types.get(target.id)))[1]
        if kind == "none":
            kind = known or "tensor"
            code = self.convert("none", "none", kind, value)
        if kind == "empty":      # the first append tells of what
            self.types.setdefault(target.id, known or "ints")
            return [f"{self.local(target.id)} = {{}};"]
        self.types.setdefault(target.id, known or kind)
        wanted = self.types[target.id]
        if wanted != kind:
            if wanted == "int" and kind == "float" and not self.emitting:
                self.types[target.id] = wanted = "float"
            code = self.convert(code, kind, wanted, value)
        return [f"{self.local(target.id)} = {code};"]

    def local(self, name):
        return f"{name}_v"

    def loop(self, s):
        if isinstance(s.iter, ast.Call) and isinstance(s.iter.func, ast.Name) and s.iter.func.id == "range":
            bounds = [self.plain(*self.expression(a)) for a in s.iter.args]
            start, stop = ("0", bounds[0]) if len(bounds) == 1 else bounds[:2]
            step = bounds[2] if len(bounds) == 3 else "1"
            name, kind = s.target.id, "int"
            head = f"for (int64_t {name}_i = {start}; {name}_i < {stop}; {name}_i += {step}) {{"
        else:
            items, kinds = self.expression(s.iter)
            name, kind = s.target.id, {"tensors": "tensor", "ints": "int", "floats": "float"}.get(kinds)
            if kind is None:
                self.error(f"cannot loop over {kinds}", s.iter)
            head = f"for (auto&& {name}_i : {items}) {{"
        saved = self.parameters.get(name)
        self.parameters[name] = (f"{name}_i", kind)
        lines = [head, *self.block(s.body), "}"]
        if saved is None:
            del self.parameters[name]
        else:
            self.parameters[name] = saved
        return lines

    def raised(self, call):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _ERRORS):
            self.error("raise one of " + ", ".join(_ERRORS), call)
        return f"fail(ErrorKind::{_ERRORS[call.func.id]}, {', '.join(self.message_parts(call.args))});"

    def message_parts(self, nodes):
        parts = []
        for a in nodes:
            if isinstance(a, ast.JoinedStr):
                for piece in a.values:
                    if isinstance(piece, ast.FormattedValue) and piece.format_spec:   # {dtype:ScalarType}: PyTorch's other name of it, "Double"
                        parts.append(f"legacy_name({self.expression(piece.value)[0]})")
                    else:
                        parts += self.message_parts([piece.value if isinstance(piece, ast.FormattedValue) else piece])
            else:
                code, kind = self.expression(a)
                code, kind = self.plain(code, kind), kind.removeprefix("optional ")
                parts.append(f"IntList({code})" if kind == "ints" else f"info({code}).name" if kind == "dtype" else code)
        return parts

    def returned(self, value):
        if value is None:
            return ""
        kinds = self.result or ["tensor"]
        if isinstance(value, ast.Tuple) and len(kinds) > 1:
            parts = [self.convert(*self.expression(e), kinds[i], e) for i, e in enumerate(value.elts)]
            return f"{{{', '.join(parts)}}}"
        code, kind = self.expression(value)
        if isinstance(kind, tuple):
            return code
        return self.convert(code, kind, kinds[0], value)

    # ---- expressions: (C++ code, type) ----
    def expression(self, node):
        method = getattr(self, "on_" + type(node).__name__, None)
        if method is None:
            self.error(f"{type(node).__name__} is outside the formula language", node)
        return method(node)

    def condition(self, node):
        code, kind = self.expression(node)
        if kind == "tensor":
            return f"{code}.defined()"
        if kind == "scalar":
            return f"({code}).to_bool()"
        return f"({code}).has_value()" if kind.startswith("optional ") else f"!({code}).empty()" if kind in ("ints", "tensors", "str") else code

    def on_Constant(self, node):
        v = node.value
        if v is None:
            return "none", "none"
        if isinstance(v, bool):
            return ("true" if v else "false"), "bool"
        if isinstance(v, int):
            return (f"int64_t({v})" if abs(v) < 2**63 else f"{v}ull"), "int"
        if isinstance(v, float):
            return repr(v), "float"
        if isinstance(v, complex):
            return f"Scalar(std::complex<double>({v.real!r}, {v.imag!r}))", "scalar"
        if isinstance(v, str):
            escaped = v.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'std::string_view("{escaped}")', "str"
        self.error("constant of a type that formulas don't have", node)

    def on_Name(self, node):
        if node.id in self.parameters:
            return self.parameters[node.id]
        if node.id in self.types:
            return self.local(node.id), self.types[node.id]
        if node.id in ("inf", "nan", "pi"):
            return {"inf": "kInf", "nan": "kNaN", "pi": "kPi"}[node.id], "float"
        self.error(f"the name {node.id} is unknown", node)

    def on_Attribute(self, node):
        if isinstance(node.value, ast.Name) and node.value.id == "math":
            return {"inf": "kInf", "nan": "kNaN", "pi": "kPi", "e": "kE"}[node.attr], "float"
        if isinstance(node.value, ast.Name) and node.value.id == "torch" and "torch" not in self.parameters:
            if node.attr.endswith("_format"):
                name = {"contiguous_format": "contiguous", "preserve_format": "preserve"}.get(node.attr, node.attr)
                return f"MemoryFormat::{name}", "memory_format"
            name = {"bool": "bool_", "float": "float32", "double": "float64", "long": "int64", "int": "int32"}.get(node.attr, node.attr)
            return f"DType::{name}", "dtype"
        code, kind = self.expression(node.value)
        if kind == "tensor" and node.attr in MEMBERS:
            cpp, result = MEMBERS[node.attr]
            return cpp.format(code), result
        if kind == "tensor" and node.attr in ("mT", "T", "mH", "H", "real", "imag"):
            return self.call_operator({"mT": "mT", "T": "numpy_T"}.get(node.attr, node.attr), [(code, kind)], {}, node)
        if kind == "dtype" and node.attr in ("is_complex", "is_floating_point"):
            return f"{_METHOD_CPP.get(node.attr, node.attr)}({code})", "bool"
        self.error(f"{kind} has no attribute {node.attr} here", node)

    def on_Tuple(self, node):
        return self.on_List(node)

    def on_List(self, node):
        parts = [self.expression(e) for e in node.elts]
        kinds = {k for _, k in parts}
        if not parts:
            return "{}", "empty"
        if kinds <= {"tensor", "none"} and "tensor" in kinds:
            return f"std::vector<Tensor>{{{', '.join(self.convert(c, k, 'tensor', node) for c, k in parts)}}}", "tensors"
        if kinds == {"bool"}:
            return f"FlagsOf({{{', '.join(c for c, _ in parts)}}})", "values"
        if kinds <= {"int", "bool", "optional int"}:
            return f"Dims{{{', '.join(self.convert(c, k, 'int', node) for c, k in parts)}}}", "ints"
        if kinds <= {"float", "int"}:
            return f"std::vector<double>{{{', '.join(c for c, _ in parts)}}}", "floats"
        self.error(f"a list of {', '.join(sorted(map(str, kinds)))}", node)

    def on_ListComp(self, node):
        loop = node.generators[0]
        fake = ast.For(loop.target, loop.iter, [], [], None)
        head, *_ = self.loop(fake)
        saved = self.parameters.get(loop.target.id)
        iterates = "int" if isinstance(loop.iter, ast.Call) and getattr(loop.iter.func, "id", "") == "range" else \
            {"tensors": "tensor", "ints": "int"}[self.expression(loop.iter)[1]]
        self.parameters[loop.target.id] = (f"{loop.target.id}_i", iterates)
        code, kind = self.expression(node.elt)
        tests = " && ".join(self.condition(t) for t in loop.ifs) or "true"
        if saved is None:
            del self.parameters[loop.target.id]
        else:
            self.parameters[loop.target.id] = saved
        listed = {"tensor": "tensors", "int": "ints"}[kind]
        cpp = CPP_TYPES[listed]
        return f"[&] {{ {cpp} list; {head} if ({tests}) list.push_back({code}); }} return list; }}()", listed

    def on_Subscript(self, node):
        code, kind = self.expression(node.value)
        if isinstance(node.slice, ast.Slice):
            low = self.expression(node.slice.lower)[0] if node.slice.lower else "0"
            high = self.expression(node.slice.upper)[0] if node.slice.upper else f"int64_t(({code}).size())"
            if kind not in ("ints", "tensors"):
                self.error(f"cannot slice {kind}", node)
            return f"slice_of({code}, {low}, {high})", kind
        index, _ = self.expression(node.slice)
        if kind == "values":
            return f"{code}[{index}].scalar()", "scalar"
        item = {"tensors": "tensor", "ints": "int", "floats": "float", "optional ints": "int", "optional floats": "float"}.get(kind)
        if kind == "values":
            return f"at({code}, {index}).scalar()", "scalar"
        if isinstance(kind, tuple):
            return f"std::get<{ast.literal_eval(node.slice)}>({code})", kind[1][ast.literal_eval(node.slice)]
        if item is None:
            self.error(f"cannot index {kind}", node)
        return f"at({'*' if kind.startswith('optional') else ''}{code}, {index})", item

    def on_UnaryOp(self, node):
        if isinstance(node.op, ast.Not):
            return f"!({self.condition(node.operand)})", "bool"
        code, kind = self.expression(node.operand)
        if kind == "tensor":
            return self.call_operator({ast.USub: "neg", ast.Invert: "bitwise_not"}[type(node.op)], [(code, kind)], {}, node)
        return f"(-{self.plain(code, kind)})", kind.removeprefix("optional ")

    def plain(self, code, kind):
        return f"(*{code})" if kind.startswith("optional ") else code

    def on_BinOp(self, node):
        left, right = self.expression(node.left), self.expression(node.right)
        operator, sign = _OPERATORS.get(type(node.op), (None, None))
        if operator is None:
            self.error("operator", node)
        if "tensor" in (left[1], right[1]):
            if left[1] != "tensor" and operator in ("add", "mul"):
                left, right = right, left
            elif left[1] != "tensor" and operator in ("sub", "div"):   # as C++ programs of PyTorch show it
                self.operators |= {"empty_like", "fill_.Scalar", f"{operator}_.Tensor"}
                return f"{operator}_from_number({self.convert(*left, 'scalar', node)}, {right[0]})", "tensor"
            return self.call_operator(operator, [left, right], {}, node)
        if left[1] == "ints" or right[1] == "ints":
            if operator == "add":
                return f"joined({left[0]}, {right[0]})", "ints"
            if operator == "mul":
                lists, count = (left, right) if left[1] == "ints" else (right, left)
                return f"repeated({lists[0]}, {count[0]})", "ints"
        a, b = self.plain(*left), self.plain(*right)
        kinds = {left[1].removeprefix("optional "), right[1].removeprefix("optional ")}
        if kinds == {"str"}:
            return f"concat({a}, {b})", "str"
        if not kinds <= set(_NUMBERS):
            self.error(f"{left[1]} and {right[1]}", node)
        result = "scalar" if "scalar" in kinds else "float" if "float" in kinds or operator == "div" else "int"
        if operator == "pow":
            return (f"power({a}, {b})", result)
        if result == "scalar":
            return f"(Scalar({a}) {sign} Scalar({b}))", result
        if operator == "div":
            return f"(double({a}) / double({b}))", "float"
        return f"({a} {sign} {b})", result

    def on_BoolOp(self, node):
        sign = " && " if isinstance(node.op, ast.And) else " || "
        return "(" + sign.join(self.condition(v) for v in node.values) + ")", "bool"

    def on_IfExp(self, node):
        test = self.condition(node.test)
        a, b = self.expression(node.body), self.expression(node.orelse)
        kind = self.common(a[1], b[1], node)
        return f"({test} ? {self.typed(a, kind, node)} : {self.typed(b, kind, node)})", kind

    def typed(self, value, kind, node):
        code = self.convert(*value, kind, node)
        return f"{self.cpp_type(kind)}({code})"

    def common(self, a, b, node):
        if a == b:
            return a
        if "none" in (a, b):
            other = b if a == "none" else a
            return other if other in _NULLABLE or other.startswith("optional") or other == "tensors" else f"optional {other}"
        plain = {a.removeprefix("optional "), b.removeprefix("optional ")}
        if len(plain) == 1:
            return plain.pop()
        if plain <= set(_NUMBERS):
            return "scalar" if "scalar" in plain else "float" if "float" in plain else "int"
        self.error(f"branches of types {a} and {b}", node)

    def on_Compare(self, node):
        if len(node.ops) > 1:
            parts = [ast.Compare(a, [op], [b]) for a, op, b in zip([node.left, *node.comparators], node.ops, node.comparators)]
            return self.on_BoolOp(ast.BoolOp(ast.And(), parts))
        op, right_node = node.ops[0], node.comparators[0]
        code, kind = self.expression(node.left)
        if isinstance(op, (ast.Is, ast.IsNot)):
            if kind == "tensor":
                test = f"!{code}.defined()"
            elif kind.startswith("optional "):
                test = f"!({code}).has_value()"
            else:
                test = {"dtype": f"({code} == DType::none)", "generator": f"({code} == nullptr)"}.get(kind, "false")
            return (test if isinstance(op, ast.Is) else f"!({test})"), "bool"
        if isinstance(op, (ast.In, ast.NotIn)):
            choices = " || ".join(f"{code} == {self.expression(e)[0]}" for e in right_node.elts)
            return f"{'!' if isinstance(op, ast.NotIn) else ''}({choices})", "bool"
        name, sign = _COMPARISONS[type(op)]
        right = self.expression(right_node)
        if kind == "tensor":
            return self.call_operator(name, [(code, kind), right], {}, node)
        if kind == "ints" and right[1] == "ints":
            return f"{'!' if name == 'ne' else ''}same({code}, {right[0]})", "bool"
        a, b = self.plain(code, kind), self.plain(*right)
        if "scalar" in (kind, right[1]):
            return {"eq": f"(Scalar({a}) == Scalar({b}))", "ne": f"!(Scalar({a}) == Scalar({b}))", "lt": f"(Scalar({a}) < Scalar({b}))",
                    "gt": f"(Scalar({a}) > Scalar({b}))", "le": f"!(Scalar({a}) > Scalar({b}))", "ge": f"!(Scalar({a}) < Scalar({b}))"}[name], "bool"
        return f"({a} {sign} {b})", "bool"

    def on_Call(self, node):
        keywords = {k.arg: self.expression(k.value) for k in node.keywords}
        f = node.func
        exact = self.exact_overload(f)
        if exact:
            return self.call_operator(exact[0], [self.expression(a) for a in node.args], keywords, node, overload=exact[1])
        if isinstance(f, ast.Attribute):
            return self.method_call(node, f, keywords)
        if not isinstance(f, ast.Name):
            self.error("cannot call this", node)
        return self.function_call(node, f.id, keywords)

    def exact_overload(self, f):
        """aten.sum.dim_IntList -> ("sum", "dim_IntList"); aten.sum.default -> ("sum", "")."""
        if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Attribute) and isinstance(f.value.value, ast.Name) and f.value.value.id == "aten":
            return f.value.attr, "" if f.attr == "default" else f.attr
        return None

    def method_call(self, node, f, keywords):
        if isinstance(f.value, ast.Name) and f.value.id == "math":
            args = [self.plain(*self.expression(a)) for a in node.args]
            return f"std::{f.attr}({', '.join(f'double({a})' for a in args)})", "float"
        if isinstance(f.value, ast.Name) and f.value.id in ("torch", "aten") and f.value.id not in self.parameters:
            return self.function_call(node, f.attr, keywords)
        code, kind = self.expression(f.value)
        args = [self.expression(a) for a in node.args]
        if f.attr in ("append", "insert") and kind in ("ints", "tensors", "floats"):
            if not self.emitting and args[-1][1] == "tensor" and isinstance(f.value, ast.Name):
                self.types[f.value.id] = "tensors"
            values = ", ".join(self.plain(*a) for a in args)
            return f"{code}.{'push_back' if f.attr == 'append' else 'insert'}({values})", "none"
        if kind == "scalar":
            return {"conj": (f"conj_of({code})", "scalar"), "is_complex": (f"{code}.is_complex()", "bool")}[f.attr]
        if kind != "tensor":
            self.error(f"{kind} has no method {f.attr}", node)
        if f.attr == "conj":
            return self.conj(code)
        if f.attr in METHODS and not (f.attr in ("size", "stride") and not args):
            values = ", ".join(self.plain(*a) for a in args)
            return f"{code}.{_METHOD_CPP.get(f.attr, f.attr)}({values})", METHODS[f.attr]
        if f.attr in ("size", "stride"):
            return f"{code}.{f.attr}s()".replace("strides()s", "strides()"), "ints"
        return self.call_operator(f.attr, [(code, kind), *args], keywords, node)

    def conj(self, code):
        self.operators.add("conj")
        return f"conj_if_complex({code})", "tensor"

    def function_call(self, node, name, keywords):
        if name == "needs":
            return self.needs[ast.literal_eval(node.args[0])], "bool"
        args = [self.expression(a) for a in node.args]
        if name == "len":
            return f"int64_t(({self.plain(*args[0])}).size())", "int"
        if name in ("min", "max") and all(k.removeprefix("optional ") in _NUMBERS for _, k in args) and len(args) == 2:
            kind = self.common(args[0][1], args[1][1], node).removeprefix("optional ")
            return f"std::{name}<{CPP_TYPES[kind]}>({', '.join(self.plain(*a) for a in args)})", kind
        if name == "abs" and args[0][1] in ("int", "float"):
            return f"std::abs({args[0][0]})", args[0][1]
        if name in ("int", "float", "bool") and args[0][1].removeprefix("optional ") in _NUMBERS:
            return self.convert(*args[0], name, node, explicit=True), name
        if name == "list" and args[0][1] in ("ints", "tensors"):
            return f"{CPP_TYPES[args[0][1]]}({args[0][0]}{'' if args[0][1] == 'ints' else '.begin(), ' + args[0][0] + '.end()'})", args[0][1]
        if name == "Scalar":
            return f"Scalar({self.plain(*args[0])})", "scalar"
        if name == "conj":
            return self.conj(args[0][0])
        if name in HELPERS:
            kinds, result = HELPERS[name]
            values = [self.convert(*a, k, node) for a, k in zip(args, kinds)]
            return f"formulas::{name}({', '.join(values)})", result
        return self.call_operator(name, args, keywords, node)

    # ---- operator calls ----
    def call_operator(self, name, args, keywords, node, overload=None):
        candidates = self.registry.get(name, [])
        if overload is not None:
            candidates = [s for s in candidates if s.overload == overload]
        best, best_cost = None, None
        for schema in candidates:
            cost = self.match(schema, args, keywords)
            if cost is not None and (best is None or cost < best_cost):
                best, best_cost = schema, cost
        if best is None:
            given = ", ".join([str(k) for _, k in args] + [f"{n}={k}" for n, (_, k) in keywords.items()])
            self.error(f"no overload of {name} takes ({given})" if candidates else f"there is no operator {name}", node)
        self.operators.add(best.key)
        values = []
        positional = iter(args)
        for a in best.args:
            value = None if a.kwarg_only else next(positional, None)
            value = keywords.get(a.name) if value is None else value
            if value is not None and self.missing_gradients and not a.optional:
                value = (_GRADIENT.sub(r"c.grad_or_zeros(\1)", value[0]) if _GRADIENT.fullmatch(value[0]) else value[0], value[1])
            values.append(self.default(a) if value is None else self.convert(*value, type_of(a), node, size=a.size))
        kinds = [type_of(r) for r in best.returns]
        return f"ops::{best.unique}({', '.join(values)})", kinds[0] if len(kinds) == 1 else ("tuple", kinds)

    def default(self, arg):
        return default_value(arg)

    def match(self, schema, args, keywords):
        """Cost of calling `schema` so, or None."""
        positional = [a for a in schema.args if not a.kwarg_only]
        if len(args) > len(positional):
            return None
        given = dict(zip((a.name for a in positional), args))
        for name, value in keywords.items():
            if name in given or name not in schema.index:
                return None
            given[name] = value
        cost = 0
        for a in schema.args:
            if a.name not in given:
                if a.default is None:
                    return None
                cost += 0.01
                continue
            step = conversion_cost(given[a.name][1], type_of(a), a.size)
            if step is None:
                return None
            cost += step
        return cost

    def convert(self, code, kind, wanted, node, size=None, explicit=False):
        """`code` of type `kind` as `wanted`."""
        if kind == wanted:
            return code
        plain, target = kind.removeprefix("optional ") if isinstance(kind, str) else kind, wanted.removeprefix("optional ")
        if kind == "empty":
            return {"ints": "Dims{}", "tensors": "std::vector<Tensor>{}", "floats": "std::vector<double>{}"}[target]
        if kind == "none":
            if wanted in _NULLABLE or wanted.startswith("optional ") or wanted == "tensors":
                return {"tensor": "Tensor()", "dtype": "DType::none", "generator": "nullptr", "tensors": "TensorList()"}.get(wanted, "std::nullopt")
        elif plain == target:
            if not wanted.startswith("optional "):
                return f"*({code})"
            return f"IntList({code})" if target == "ints" else code
        elif target == "scalar" and plain in _NUMBERS:
            return f"Scalar({self.plain(code, kind)})"
        elif target == "tensor" and plain in _NUMBERS:
            return f"wrap_number(Scalar({self.plain(code, kind)}))"
        elif target == "float" and plain in _NUMBERS:
            return f"{self.plain(code, kind)}.to_double()" if plain == "scalar" else f"double({self.plain(code, kind)})"
        elif target == "int" and (plain == "bool" or explicit):
            return f"{self.plain(code, kind)}.to_int()" if plain == "scalar" else f"int64_t({self.plain(code, kind)})"
        elif target == "bool" and plain in _NUMBERS:
            return f"{self.plain(code, kind)}.to_bool()" if plain == "scalar" else f"bool({self.plain(code, kind)})"
        elif target == "ints" and plain == "int":
            return f"Dims({size or 1}, {self.plain(code, kind)})"
        elif target == "tensors" and plain == "tensor":
            return f"std::vector<Tensor>{{{code}}}"
        self.error(f"{kind} where {wanted} is wanted", node)


def default_value(arg):
    """The C++ value of a schema default."""
    kind, value = type_of(arg), arg.value
    if value is None:
        return {"tensor": "Tensor()", "dtype": "DType::none", "generator": "nullptr", "tensors": "TensorList()"}.get(kind, "std::nullopt")
    base = kind.removeprefix("optional ")
    if base == "scalar":
        return f"Scalar({'true' if value is True else 'false' if value is False else repr(float(value)) if isinstance(value, float) else f'int64_t({value})'})"
    if base == "bool":
        return "true" if value else "false"
    if base == "float":
        return repr(float(value))
    if base == "int":
        return f"int64_t({value})"
    if base == "ints":
        items = value if isinstance(value, (list, tuple)) else [value] * (arg.size or 1)
        return f"Dims{{{', '.join(f'int64_t({v})' for v in items)}}}"
    if base == "str":
        return f'"{value}"'
    if base == "memory_format":
        return "MemoryFormat::" + str(value).replace("_format", "")
    if base == "dtype":
        return f"DType::{DTYPE_DEFAULTS.get(value, value)}"
    if base == "values":
        return "std::span<const Value>()"
    raise FormulaError(f"default {arg.default!r} of {arg.name}")


def conversion_cost(kind, wanted, size=None):
    """How far `kind` is from the parameter type `wanted`: None where it does not fit."""
    if kind == wanted:
        return 0
    if not isinstance(kind, str):
        return None
    plain, target = kind.removeprefix("optional "), wanted.removeprefix("optional ")
    if kind == "empty":
        return 1 if target in ("ints", "tensors", "floats") else None
    if kind == "none":
        return 0.5 if wanted.startswith("optional ") or wanted in _NULLABLE or wanted == "tensors" else None
    if plain == target:
        return 0.5
    if target == "scalar" and plain in _NUMBERS:
        return 1
    if target == "float" and plain in ("int", "scalar"):
        return 1 if plain == "int" else 3
    if target == "int" and plain == "bool":
        return 2
    if target == "bool" and plain == "int":
        return 3
    if target == "ints" and plain == "int":
        return 1.5
    if target == "tensors" and plain == "tensor":
        return 4
    if target == "tensor" and plain in _NUMBERS:
        return 5
    return None


# C++ helpers of csrc/autograd/formulas.h: argument types, result type; read from the header's declarations.
HELPERS: dict = {}
_HELPER_TYPES = {"void": "none", "const Tensor&": "tensor", "Tensor": "tensor", "int64_t": "int", "double": "float", "bool": "bool", "const Scalar&": "scalar",
                 "Scalar": "scalar", "IntList": "ints", "Dims": "ints", "TensorList": "tensors", "std::vector<Tensor>": "tensors", "DType": "dtype",
                 "std::string_view": "str", "std::optional<int64_t>": "optional int", "std::optional<IntList>": "optional ints",
                 "std::optional<double>": "optional float", "std::optional<Scalar>": "optional scalar", "std::optional<MemoryFormat>": "optional memory_format"}


def read_helpers(header):
    """Learn the helper functions from `TYPE name(TYPE name, ...);` lines of formulas.h."""
    import re
    for line in re.findall(r"^([\w:<>]+(?:<[^;(]*>)?) (\w+)\(([^;{]*)\);", header, re.M):
        result, name, inside = line
        kinds, known = [], True
        depth_split = re.findall(r"(?:[^,<]|<[^>]*>)+", inside) if inside.strip() else []
        for part in depth_split:
            declared = part.split("=")[0].strip()
            kind = _HELPER_TYPES.get(re.sub(r"\s+\w+$", "", declared).strip())
            known = known and kind is not None
            kinds.append(kind)
        tuple_result = re.match(r"std::tuple<(.*)>", result)
        kind = ("tuple", ["tensor"] * len(tuple_result[1].split(","))) if tuple_result else _HELPER_TYPES.get(result)
        if known and kind is not None:
            HELPERS[name] = (kinds, kind)
