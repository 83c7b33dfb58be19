"""Which dtypes an operator is for, and in which of them its kernel does not compute."""

from __future__ import annotations

import ast

from .._opdefs.language import ALL, FLOAT8, FLOATING, HALF, SINGLE, WIDE_UNSIGNED
from . import formula
from .convert import DTYPES, PAIRS
from .pointwise import kinds_allowed, layout

KINDS = {"b": ("bool_",), "u": ("uint8", *WIDE_UNSIGNED), "s": ("int8", "int16", "int32", "int64"), "f": tuple(d for d in DTYPES if "float" in d), "c": tuple(PAIRS)}
_NARROW = {SINGLE: ("float16", "bfloat16", "complex32", *FLOAT8), HALF: ("complex32", *FLOAT8)}
# operators that say nothing of the dtype of the composites that call them: they make tensors, or look at shapes
_BUILTINS = {"max", "min", "abs", "int", "float", "bool", "round", "len", "range"}   # called by these names: of numbers
_NEUTRAL = {"where", "zeros", "ones", "full", "empty", "arange", "to", "one_hot", "_linalg_check_errors"}


def dtypes_of(kinds):
    """The dtypes that a string of kinds ("usf") stands for."""
    return [d for k in kinds for d in KINDS[k]]


def narrow_dtypes(definition):
    """Dtypes of a kernel's definition for which its operands are converted."""
    options = definition.options
    narrow = [*_NARROW.get(options.get("compute"), ()), *(WIDE_UNSIGNED if options.get("modular") else ())]
    allowed = declared(definition)
    return [d for d in narrow if d in allowed]


def declared(definition):
    """The dtypes that a definition says, or by its family's rule."""
    options = definition.options
    kinds = kinds_allowed(definition) if definition.family == "pointwise" else options.get("kinds", FLOATING if definition.family == "fused" else ALL)
    return frozenset(dtypes_of(kinds)) - frozenset(options.get("without", ()))


def calls(body):
    """Names of the operators that a formula calls whatever its arguments are."""
    names = set()

    def visit(node):
        if isinstance(node, (ast.If, ast.IfExp)):
            return visit(node.test)
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(value=ast.Attribute(value=ast.Name(id="aten"), attr=name)) | ast.Attribute(attr=name):
                    names.add(name)
                case ast.Name(id=name) if name not in _BUILTINS:
                    names.add(name)
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in formula.source_ast(body):
        visit(statement)
    return names - _NEUTRAL


def _types(row):
    return [(a.name, a.base) for a in row.schema.args]


class Support:
    """The dtypes of every functional row of the operator table.

    An operator made of others has those that all it always calls have in common, unless its definition gives `kinds`.
    """

    def __init__(self, rows):
        self.rows = [r for r in rows if not r.derived]
        self.named: dict = {}
        for row in self.rows:
            self.named.setdefault(row.schema.name, []).append(row)
        self.known: dict = {}

    def __getitem__(self, row):
        row = row.functional or row
        key = row.schema.key
        if key not in self.known:
            self.known[key] = None   # in work: an operator may call itself
            self.known[key] = self.of_calls(row) if self.is_inferred(row) else self.of_definition(row)
        return self.known[key]

    def is_inferred(self, row):
        options = row.definition.options
        return row.family in ("composite", "decomposed") and "kinds" not in options and not options.get("python_only")

    def of_calls(self, row):
        found = declared(row.definition)
        for name in calls(row.definition.body):
            overloads = self.named.get(name) or self.named.get(name.rstrip("_"), ())
            alike = [r for r in overloads if r.schema.key != row.schema.key and _types(r) == _types(row)]
            known = [dtypes for dtypes in map(self.__getitem__, alike or overloads) if dtypes is not None]
            if known:
                found &= frozenset().union(*known)
        return found

    def of_definition(self, row):
        found = declared(row.definition)
        if row.family == "pointwise" and "int64" in found:
            operands = layout(row.definition).inputs
            if any(a.name in operands and not a.is_tensor and not a.optional for a in row.schema.args):
                found |= {"bool_"}   # a number that is no bool promotes it
        return found
