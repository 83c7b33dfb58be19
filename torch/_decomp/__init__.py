"""Operators in terms of simpler ones: tables {operator: function} for `make_fx` and the compiler.

Most entries are derived: pointwise operators from the expression of one element (`torch._decomp.pointwise`), operators defined by
others from the body of their definition (`torch._decomp.bodies`). `torch._decomp.decompositions` writes the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch._ops import OpOverload, OpOverloadPacket

__all__ = ["decomposition_table", "pre_autograd_decomposition_table", "meta_table", "register_decomposition", "get_decompositions",
           "core_aten_decompositions", "remove_decompositions", "global_decomposition_table"]

_TYPES = ("post_autograd", "pre_autograd", "meta")
global_decomposition_table: dict[str, dict[OpOverload, Callable]] = {kind: {} for kind in _TYPES}
pre_autograd_decomposition_table = global_decomposition_table["pre_autograd"]
meta_table = global_decomposition_table["meta"]


def _overloads(op):
    if isinstance(op, OpOverload):
        return [op]
    if isinstance(op, OpOverloadPacket):
        return [getattr(op, name) for name in op.overloads()]
    if isinstance(op, (list, tuple)):
        return [o for item in op for o in _overloads(item)]
    raise TypeError(f"expected an operator of torch.ops, got {type(op).__name__}")


def register_decomposition(aten_op, registry=None, *, type="post_autograd", unsafe=False):  # noqa: A002
    """Decorator: the function decomposes these operators (an overload, a packet or a list). RuntimeError if one has a decomposition.

    >>> @register_decomposition(torch.ops.aten.celu.default, {})
    ... def celu(x, alpha=1.0):
    ...     return torch.where(x > 0, x, alpha * torch.expm1(x / alpha))
    """
    if type not in _TYPES:
        raise AssertionError(f"type must be one of {_TYPES}, got {type}")

    def register(function):
        table = global_decomposition_table[type] if registry is None else registry
        for op in _overloads(aten_op):
            if op in table:
                raise RuntimeError(f"duplicate registrations for {op}")
            table[op] = function
        return function
    return register


def get_decompositions(aten_ops: Sequence, type: str = "post_autograd") -> dict[OpOverload, Callable]:  # noqa: A002
    """{operator: function} for those of these operators (overloads or packets) that have a decomposition.

    >>> list(get_decompositions([torch.ops.aten.silu.default]))
    [<OpOverload(op='aten.silu', overload='default')>]
    """
    table = _full_table() if type == "post_autograd" else global_decomposition_table[type]
    return {op: table[op] for op in _overloads(list(aten_ops)) if op in table}


def remove_decompositions(decompositions: dict, aten_ops: Sequence) -> None:
    """Takes operators (overloads or packets) out of a table."""
    for op in _overloads(list(aten_ops)):
        decompositions.pop(op, None)


def core_aten_decompositions() -> dict[OpOverload, Callable]:
    """A new table that takes any graph to operators tagged `torch.Tag.core`, as far as they are written in these."""
    return {op: function for op, function in _full_table().items() if torch.Tag.core not in op.tags}


@functools.cache
def _derived():
    """What follows from the definitions."""
    from torch import _C
    from torch._decomp import pointwise
    from torch._decomp.bodies import _definitions, body_of, has_body

    table = {}
    for key, (definition, _) in _definitions().items():
        name, _, overload = key.partition(".")
        if definition.family not in ("pointwise", "decomposed") or _C._get_op(name, overload) is None:
            continue
        op = torch._ops._overload_object(name, overload)
        if torch.Tag.core in op.tags or op._schema.is_mutable:
            continue
        if definition.family == "pointwise":
            function = pointwise.decomposition(name, overload)
        else:
            function = _from_body(body_of(name, overload), name, overload, op) if has_body(name, overload) else None
        if function is not None:
            table[op] = function
    return table


def _from_body(body, name, overload, op):
    """The body of a definition as a decomposition."""
    arguments = op._schema.arguments

    def decomposed(*args, **kwargs):
        given = [args[i] if i < len(args) and not a.kwarg_only else kwargs.get(a.name, a.default_value) for i, a in enumerate(arguments)]
        return body(*given)
    decomposed.__name__ = decomposed.__qualname__ = f"{name}_{overload or 'default'}"
    return decomposed


def _full_table():
    import torch._decomp.decompositions  # registers

    table = dict(_derived())
    table.update(global_decomposition_table["post_autograd"])
    return table


def __getattr__(name):
    if name == "decomposition_table":
        return _full_table()
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
