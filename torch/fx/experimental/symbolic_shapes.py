"""Symbolic sizes, by the names that programs import: the parts live in `torch._symbolic`."""

from __future__ import annotations

import torch
from torch import _C
from torch._symbolic import expr as _expr
from torch._symbolic.numbers import SymBool, SymFloat, SymInt
from torch._symbolic.shape_env import (
    ConstraintViolationError,
    DimDynamic,
    GuardOnDataDependentSymNode,
    RelaxedUnspecConstraint,
    ShapeEnv,
    ShapeGuard,
    StatelessSymbolicContext,
    StrictMinMaxConstraint,
    ValueRanges,
)

__all__ = ["ShapeEnv", "DimDynamic", "StatelessSymbolicContext", "GuardOnDataDependentSymNode", "ConstraintViolationError", "ShapeGuard",
           "RelaxedUnspecConstraint", "StrictMinMaxConstraint", "ValueRanges", "guard_int", "guard_float", "guard_bool", "guard_scalar", "hint_int",
           "is_symbolic", "is_concrete_int", "is_concrete_float", "is_concrete_bool", "has_symbolic_sizes_strides", "has_free_symbols",
           "has_free_unbacked_symbols", "free_symbols", "free_unbacked_symbols", "statically_known_true", "statically_known_false", "guard_or_true",
           "guard_or_false", "guard_size_oblivious", "definitely_true", "definitely_false", "parallel_or", "parallel_and", "sym_eq", "sym_and", "sym_or",
           "constrain_range", "constrain_unify", "expect_true", "fx_placeholder_vals", "bind_symbols", "eval_guards",
           "is_accessor_node", "has_hint"]

_SYMBOLIC = (SymInt, SymFloat, SymBool)


def guard_int(a) -> int:
    """The number of the example, which a guard then demands."""
    return a.node.guard_int() if isinstance(a, SymInt) else a


def guard_float(a) -> float:
    """The number of the example, which a guard then demands."""
    return float(a) if isinstance(a, SymFloat) else a


def guard_bool(a) -> bool:
    """The truth in the example, which a guard then demands."""
    return bool(a)


def guard_scalar(a):
    """The number or truth of the example, which a guard then demands."""
    return {SymInt: guard_int, SymFloat: guard_float, SymBool: guard_bool}.get(type(a), lambda x: x)(a)


def has_hint(a) -> bool:
    """Has the number a value in the example?"""
    return not isinstance(a, _SYMBOLIC) or a.node.has_hint()


def hint_int(a, fallback=None) -> int:
    """The value in the example, without a guard."""
    return a.node.require_hint(fallback) if isinstance(a, SymInt) else a


def is_symbolic(x) -> bool:
    """Is the number symbolic, and not known by now?"""
    return isinstance(x, _SYMBOLIC) and not x.node.is_constant()


def is_concrete_int(a) -> bool:
    """Is it an int, or a SymInt that is known by now?"""
    return type(a) is int or isinstance(a, SymInt) and a.node.is_constant()


def is_concrete_float(a) -> bool:
    """Is it a float?"""
    return type(a) is float


def is_concrete_bool(a) -> bool:
    """Is it a bool?"""
    return type(a) is bool


def has_symbolic_sizes_strides(tensor) -> bool:
    """Is a size, a stride or the offset of the tensor symbolic?"""
    return _C._has_symbolic_sizes_strides(tensor)


def _numbers_in(val):
    if isinstance(val, _SYMBOLIC):
        yield val
    elif isinstance(val, torch.Tensor):
        yield from _numbers_in((*val.size(), *val.stride(), val.storage_offset()))
    elif isinstance(val, (list, tuple)):
        for x in val:
            yield from _numbers_in(x)


def free_symbols(val) -> set:
    """The symbols of a number, an expression, a tensor's sizes or a list of them."""
    if isinstance(val, (_expr.Poly, _expr.Apply, _expr.Symbol)):
        return _expr.free_symbols(val)
    return set().union(*(_expr.free_symbols(x.node.expr) for x in _numbers_in(val)))


def free_unbacked_symbols(x) -> set:
    """Those of the symbols that depend on elements."""
    return {s for s in free_symbols(x) if s.hint is None}


def has_free_symbols(val) -> bool:
    """Is there a symbol in it?"""
    return bool(free_symbols(val))


def has_free_unbacked_symbols(x) -> bool:
    """Is there a symbol in it that depends on elements?"""
    return bool(free_unbacked_symbols(x))


def _known(x, otherwise):
    if not isinstance(x, SymBool):
        return bool(x)
    known = x.node.shape_env.static_truth(x.node.expr)
    return otherwise if known is None else known


def statically_known_true(x) -> bool:
    """Does the condition hold for all values of its symbols? Adds no guard."""
    return _known(x, False)


def statically_known_false(x) -> bool:
    """Does the condition fail for all values of its symbols? Adds no guard."""
    return not _known(x, True)


definitely_true, definitely_false = statically_known_true, statically_known_false


def _guard_or(x, otherwise):
    if not isinstance(x, SymBool):
        return bool(x)
    return x.node.shape_env.evaluate_expr(x.node.expr, fallback_value=otherwise)


def guard_or_true(x) -> bool:
    """The truth of the condition, guarded; True where it depends on elements."""
    return _guard_or(x, True)


def guard_or_false(x) -> bool:
    """The truth of the condition, guarded; False where it depends on elements."""
    return _guard_or(x, False)


def guard_size_oblivious(expr) -> bool:
    """The truth of the condition, guarded, where sizes that depend on elements are taken to be neither 0 nor 1."""
    return expr.node.shape_env.evaluate_expr(expr.node.expr, size_oblivious=True) if isinstance(expr, SymBool) else bool(expr)


def parallel_or(*args) -> bool:
    """Does one of the conditions (functions without arguments) hold? Those that hold always are looked for first."""
    return any(statically_known_true(f()) for f in args) or any(f() for f in args)


def parallel_and(*args) -> bool:
    """Do all conditions (functions without arguments) hold? Those that never hold are looked for first."""
    return not any(statically_known_false(f()) for f in args) and all(f() for f in args)


def sym_eq(x, y):
    """Are two numbers, or two tuples of numbers, equal? Symbolic where they are."""
    if isinstance(x, (tuple, list)) and isinstance(y, (tuple, list)):
        return len(x) == len(y) and sym_and(*(sym_eq(a, b) for a, b in zip(x, y)))
    return x == y


def sym_and(x=True, *others):
    """The conjunction of conditions, symbolic where they are."""
    for y in others:
        x = y & x if isinstance(y, SymBool) else x & y
    return x


def sym_or(x=False, *others):
    """The disjunction of conditions, symbolic where they are."""
    for y in others:
        x = y | x if isinstance(y, SymBool) else x | y
    return x


def expect_true(a, skip=0) -> bool:
    """Takes the condition for true: checked now where the example can tell, else when the program runs."""
    return a.node.expect_true() if isinstance(a, SymBool) else bool(a)


def constrain_range(a, *, min, max=None) -> None:
    """The number lies between `min` and `max`. ValueError where it is known and does not."""
    top = float("inf") if max is None else max
    if top < min:
        raise ValueError("Maximum value to constrain_as_size can't be less than the specified min value, received min={min} and max={max}")
    if isinstance(a, SymInt) and not a.node.is_constant():
        atom = a.node.expr.atom
        if not isinstance(atom, _expr.Symbol):
            raise TypeError("constraining non-Symbols NYI")
        a.node.shape_env.constrain_symbol_range(atom, min, top)
    elif not min <= int(a) <= top:
        raise ValueError(f"Invalid value {a} for range [{min}:{top}]")


def _constrain_range_for_size(a, min=None, max=None):
    """The number is a size: 0 or more, and taken to be at least 2 by `guard_size_oblivious`."""
    if isinstance(a, (SymFloat, SymBool)):
        raise ValueError("Constraining SymFloat/SymBool is nyi")
    constrain_range(a, min=0 if min is None else min, max=max)
    if isinstance(a, SymInt):
        a.node.shape_env.size_like |= a.node.expr.free_symbols


def constrain_unify(a, b) -> None:
    """The two numbers are equal."""
    if not expect_true(a == b):
        raise ValueError(f"{a} and {b} are not equal")


def fx_placeholder_vals(gm):
    """The example values of the inputs of a graph."""
    return [node.meta["val"] for node in gm.graph.nodes if node.op == "placeholder"]


def bind_symbols(gm, *args):
    """{symbol: value} for inputs of a graph that `make_fx` made with tracing_mode="symbolic"."""
    return gm.shape_env.bindings(fx_placeholder_vals(gm), args)


def eval_guards(gm, *args, ignore_static=True) -> bool:
    """Do the guards of a symbolic trace hold for these inputs?"""
    return gm.shape_env.evaluate_guards_for_args(fx_placeholder_vals(gm), args, ignore_static=ignore_static)


def is_accessor_node(node) -> bool:
    """Does the node read a size, stride or offset of a tensor?"""
    aten = torch.ops.aten
    return node.op == "call_function" and node.target in (aten.sym_size.int, aten.sym_stride.int, aten.sym_storage_offset.default, aten.sym_size.default)
