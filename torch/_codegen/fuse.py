"""Fused gradients: a formula over element-wise operators, as one element-wise operator of its own.

The formula is evaluated with symbolic scalars: every operator in it stands for the body of its definition. In float32 and
float64 the kernel rounds where the formula's sequence of operators rounds, so the two give the same bits; the formula itself
runs wherever somebody could see the difference (modes, `create_graph`, broadcasting, half types).
"""

from __future__ import annotations

import ast
import math

from .._opdefs import expr as E
from .._opdefs.language import FLOATING, Definition
from . import formula


class NotFusable(Exception):
    """The formula needs more than element-wise operators of known definition."""


class Evaluator(ast.NodeVisitor):
    """Evaluates one formula: tensors are expressions, numbers are Python numbers or number arguments' expressions."""

    def __init__(self, bodies, values):
        self.bodies, self.values, self.operators = bodies, values, 0

    def generic_visit(self, node):
        raise NotFusable(ast.dump(node))

    def visit_Name(self, node):
        if node.id not in self.values:
            raise NotFusable(node.id)
        return self.values[node.id]

    def visit_Constant(self, node):
        if isinstance(node.value, (int, float)):
            return node.value
        raise NotFusable("constant")

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name) and node.value.id == "math":
            return getattr(math, node.attr)
        raise NotFusable(node.attr)

    def visit_UnaryOp(self, node):
        x = self.visit(node.operand)
        if not isinstance(node.op, ast.USub):
            raise NotFusable("operator")
        return self.apply("neg", [x], {}) if isinstance(x, E.Expr) else -x

    def visit_BinOp(self, node):
        name = formula._OPERATORS[type(node.op)][0]
        a, b = self.visit(node.left), self.visit(node.right)
        if not isinstance(a, E.Expr) and not isinstance(b, E.Expr):
            return {"add": a + b, "sub": a - b, "mul": a * b}[name] if name in ("add", "sub", "mul") else self.fail(name)
        if not isinstance(a, E.Expr) and name in ("add", "mul"):
            a, b = b, a
        return self.apply(name, [a, b], {})

    def visit_Compare(self, node):
        if len(node.ops) != 1 or type(node.ops[0]) not in formula._COMPARISONS:
            raise NotFusable("comparison")
        name = formula._COMPARISONS[type(node.ops[0])][0]
        return self.apply(name, [self.visit(node.left), self.visit(node.comparators[0])], {})

    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute):
            name, args = node.func.attr, [self.visit(node.func.value), *map(self.visit, node.args)]
        elif isinstance(node.func, ast.Name):
            name, args = node.func.id, list(node.args)
            if name == "scalar_tensor":
                return self.visit(args[0])
            args = [self.visit(a) for a in args]
        else:
            raise NotFusable("call")
        if name == "conj":
            return args[0]
        return self.apply(name, args, {k.arg: self.visit(k.value) for k in node.keywords})

    def fail(self, name):
        raise NotFusable(name)

    def apply(self, name, args, keywords):
        """The body of the element-wise operator `name` on expressions."""
        for schema, body in self.bodies.get(name, ()):
            names = [a.name for a in schema.args]
            if len(args) > len(names) or not set(keywords) <= set(names):
                continue
            given = dict(zip(names, args)) | keywords
            missing = [a for a in schema.args if a.name not in given]
            if any(a.default is None for a in missing):
                continue
            given |= {a.name: a.value for a in missing}
            self.operators += 1
            like = next(v for v in given.values() if isinstance(v, E.Expr) and v.type != "bool")
            values = [given[n] if given[n] is None or isinstance(given[n], E.Expr) else E.const(given[n], like.type) for n in names]
            return body(*values)
        raise NotFusable(name)


def _bodies(rows):
    table: dict = {}
    for row in rows:
        if row.family == "pointwise" and row.role == "functional" and not row.definition.options.get("choices"):
            table.setdefault(row.schema.name, []).append((row.schema, row.definition.body))
    return table


def fused_gradients(rows):
    """Definitions of the fused gradients of element-wise operators: {(schema key, argument): definition}."""
    bodies, found = _bodies(rows), {}
    for row in rows:
        if row.family != "pointwise" or row.role != "functional" or not row.definition.grad or len(row.schema.returns) != 1:
            continue
        for name, text in row.formulas.items():
            if not isinstance(text, str) or text.startswith("raise ") or name not in row.schema.index or row.schema.args[row.schema.index[name]].base != "Tensor":
                continue
            definition = _fused(bodies, row, name, text)
            if definition is not None:
                found[row.schema.key, name] = definition
    return found


def _fused(bodies, row, name, text):
    tree = ast.parse(text.strip(), mode="eval").body
    used = formula.names_used([ast.Return(tree)])
    tensors, numbers = ["grad"], []
    for a in row.schema.args:
        if a.name in used and a.name not in ("scalar_tensor",):
            if a.base == "Tensor" and not a.optional:
                tensors.append(a.name)
            elif a.base in ("Scalar", "float") and not a.optional and not a.list:
                numbers.append(a.name)
            else:
                return None
    if "result" in used:
        tensors.append("result")
    names = tensors + numbers

    def body(*values):
        return Evaluator(bodies, dict(zip(names, values))).visit(tree)

    probe = Evaluator(bodies, {n: E.input(n, "f32") for n in names})
    try:
        probe.visit(tree)
    except (NotFusable, TypeError, StopIteration, AttributeError):
        return None
    if probe.operators < 2:
        return None
    args = [f"Tensor {n}" for n in tensors] + [f"Scalar {n}" for n in numbers]
    schema = f"_fused_{row.schema.unique}_{name}({', '.join(args)}) -> Tensor"
    body.__doc__ = f"The gradient of {row.schema.key} for {name}, as one kernel."
    body.__module__ = row.definition.module
    return Definition("pointwise", [schema], body, body.__doc__, row.definition.module, grad=None, inplace=False, out=False, python="",
                      options={"kinds": FLOATING, "promotes": False})


