"""From definitions to overloads: every schema the runtime will know, with the role it plays.

A definition lists functional schemas (or schemas that only exist in place); in-place and `out=` forms are derived here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .._opdefs.language import UNKNOWN
from .schema import OPTIONS, Schema, inplace_of, out_of, parse

# schema prefix -> the namespace in which Python finds the function
NAMESPACES = {"linalg_": "linalg", "fft_": "fft", "special_": "special"}


@dataclass(eq=False)
class Overload:
    """One row of the operator table."""

    definition: object
    schema: Schema
    role: str = "functional"                  # functional, inplace, out
    functional: Overload | None = None        # what an inplace or out form is derived from
    python: frozenset = frozenset()
    hidden: bool = False
    index: int = -1
    node_name: str = ""
    forms: list = field(default_factory=list)  # inplace and out forms derived from this one

    @property
    def family(self):
        return self.definition.family

    @property
    def formulas(self):
        """{arguments: formula} of the gradients; what is UNKNOWN is a formula that raises."""
        grad = self.definition.grad or {}
        if grad is UNKNOWN:
            names = [a.name for a in self.schema.args if a.base == "Tensor" and not (a.write and a.kwarg_only)]
            return {", ".join(names): _refusal(f"derivative for aten::{self.schema.name} is not implemented")}
        return {key: _refusal(f"the derivative for '{self.schema.name}: {key}' is not implemented.") if f is UNKNOWN else f for key, f in grad.items()}

    @property
    def derived(self):
        """Runs through its functional form's kernel."""
        return self.functional is not None


def _refusal(text):
    return f'raise NotImplementedError("{text}")'


def _python_of(definition, schema):
    words = definition.python
    if words == "function method":
        for prefix, namespace in NAMESPACES.items():
            if schema.name.startswith(prefix):
                words = namespace
    places = set(words.split())
    if "method" in places and not any(a.name == "self" and a.is_tensor for a in schema.args):
        places.discard("method")
    return frozenset(places)


def _explicit(option):
    return [parse(s) for s in option] if isinstance(option, (list, tuple)) else None


def _wanted(definition, schema, kind):
    """Whether the derived form exists when the definition leaves it to the default."""
    option = getattr(definition, kind)
    if option != "auto":
        return bool(option)
    tensors = all(r.is_tensor and not r.alias for r in schema.returns) and schema.returns
    if kind == "inplace":
        return definition.family == "pointwise" and len(schema.returns) == 1 and schema.args[0].is_tensor and schema.args[0].name == "self" and tensors
    return definition.family in ("pointwise", "reduction", "scan", "fused", "kernel") and bool(tensors) and not schema.is_view


def _core(schema):
    return [(a.name, a.base, a.list) for a in schema.args if not (a.write and a.kwarg_only) and a.name not in OPTIONS]


def _base_of(form, functionals):
    """The functional schema that an explicitly listed in-place or out form belongs to."""
    core = _core(form)
    exact = [f for f in functionals if _core(f.schema) == core]
    named = [f for f in functionals if [n for n, *_ in _core(f.schema)] == [n for n, *_ in core]]
    return (exact or named or [None])[0]


def _inplace(schema, option, plain):
    return inplace_of(schema)


def _out(schema, option, plain):
    """`out` belongs to the overload without a name, if the operator has one, otherwise to `Tensor`."""
    if option == "below":
        return out_of(schema, f"{schema.overload}_out" if schema.overload else "out")
    if isinstance(option, str) and option != "auto":
        return out_of(schema, option, option, named=False)
    return out_of(schema, f"{schema.overload}_out" if schema.name in plain and schema.overload else None)


def expand(definitions, problem=None):
    """All overloads of `definitions`, functional ones before their forms, with in-place and out forms linked to them.

    What is wrong with them is a ValueError, or a call of `problem` with its text where one is given.
    """
    table, seen, counts = [], {}, {}
    plain = {text.split("(")[0] for definition in definitions for text in definition.schemas}
    if problem is None:
        def problem(text):
            raise ValueError(text)
    for definition in definitions:
        functionals = []
        for text in definition.schemas:
            schema = parse(text)
            role = "inplace" if schema.is_inplace else "out" if schema.is_out else "functional"
            overload = Overload(definition, schema, role, python=_python_of(definition, schema), hidden=schema.key in definition.hidden)
            functionals.append(overload)
        rows = list(functionals)
        for kind, derive in (("inplace", _inplace), ("out", _out)):
            option = getattr(definition, kind)
            listed = _explicit(option)
            if listed is None:
                pairs = [(f, derive(f.schema, option, plain)) for f in functionals if f.role == "functional" and _wanted(definition, f.schema, kind)]
            else:
                pairs = [(_base_of(s, functionals), s) for s in listed]
            for base, schema in pairs:
                if base is None:
                    problem(f"{schema.key}: no functional schema of {definition.name} has these arguments")
                    continue
                hidden = schema.key in definition.hidden or base.hidden or option == "below"
                form = Overload(definition, schema, kind, base, base.python, hidden)
                base.forms.append(form)
                rows.append(form)
        for row in rows:
            if row.schema.key in seen:
                problem(f"{row.schema.key} comes from {definition.module} and from {seen[row.schema.key].definition.module}")
                continue
            seen[row.schema.key] = row
            row.index = len(table)
            table.append(row)
        for f in functionals:
            if definition.grad:
                base = f.schema.name.strip("_") if f.schema.name.startswith("_") else f.schema.name.rstrip("_")
                number = counts.get(base, 0)
                counts[base] = number + 1
                f.node_name = definition.node or f"{base.title().replace('_', '')}Backward{number}"
    for row in table:   # a copy of a view is differentiated as the view
        view = seen.get(row.schema.key.replace("_copy", "", 1)) if row.schema.name.endswith("_copy") else None
        if row.node_name and view and view.schema.is_view and view.node_name and not row.definition.node:
            row.node_name = f"{view.node_name}_copy"
    return table
