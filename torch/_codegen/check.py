"""Refuses incomplete definitions: each line it prints names the definition and what is missing."""

from __future__ import annotations

from .._opdefs.language import CONFLICTS, MISSING, UNKNOWN
from . import batching
from .overloads import expand
from .schema import parse

_NEEDS_GRADIENT = ("reduction", "scan", "fused", "kernel", "decomposed")


def problems(definitions):
    """What is wrong with `definitions`, a sentence each."""
    found = list(CONFLICTS)
    for d in definitions:
        where = f"{d.module.rsplit('.', 1)[-1]}: {d.schemas[0].split('(')[0]}"
        if not d.doc.strip():
            found.append(f"{where} has no docstring")
        try:
            schemas = [parse(s) for s in d.schemas]
        except ValueError as e:
            found.append(f"{where}: {e}")
            continue
        found += [f"{where}: {text}" for text in _gradient_problems(d, schemas)]
        if d.family != "composite" and any(batching.rule_of(d, s) == "auto" for s in schemas):
            found.append(f"{where}: say what it means for a batch, vmap=")
    try:
        expand(definitions)
    except ValueError as e:
        found.append(str(e))
    return found


def _gradient_problems(d, schemas):
    names = {a.name for s in schemas for a in s.args}
    if d.grad and d.grad is not UNKNOWN:
        for key in d.grad:
            for name in key.split(","):
                if name.strip() not in names:
                    yield f"the gradient of {name.strip()}, which is no argument"
    elif d.grad is MISSING and d.family in _NEEDS_GRADIENT and not all(s.is_inplace or s.is_out for s in schemas):
        if any(r.base == "Tensor" for s in schemas for r in s.returns) and any(a.base == "Tensor" for s in schemas for a in s.args):
            yield "give grad={argument: formula}, grad=None if it is not differentiable, or grad=UNKNOWN"
