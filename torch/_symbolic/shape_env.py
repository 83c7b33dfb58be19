"""`ShapeEnv`: the symbols of one trace, what is known of them, and the guards under which the trace holds."""

from __future__ import annotations

import contextlib
import enum
import math
import weakref
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import _C
from torch._symbolic import expr as E
from torch._symbolic.expr import Apply, Poly, Symbol
from torch._symbolic.numbers import SymBool, SymFloat, SymInt, SymNode

__all__ = ["ShapeEnv", "DimDynamic", "StatelessSymbolicContext", "GuardOnDataDependentSymNode", "ShapeGuard", "ValueRanges", "RelaxedUnspecConstraint",
           "StrictMinMaxConstraint", "ConstraintViolationError"]


class DimDynamic(enum.Enum):
    """How a size becomes a symbol."""

    DYNAMIC = 0       # always, equal sizes of the example get the same one
    DUCK = 1          # likewise
    STATIC = 2        # it stays a number
    UNBACKED = 3      # a symbol of which nothing is known
    INFER_STRIDE = 4

    OBLIVIOUS_SIZE = 5


class GuardOnDataDependentSymNode(RuntimeError):
    """A number or truth value was asked for that depends on elements."""

    def __init__(self, cond, *args):
        super().__init__(*args)
        self.cond = cond


class ConstraintViolationError(RuntimeError):
    """Sizes do not meet the guards of a trace."""


class ShapeGuard(NamedTuple):
    """A condition that held in the example."""

    expr: Any
    sloc: Any = None
    size_oblivious: bool = False


class ValueRanges(NamedTuple):
    """The values that a number may have, both ends included."""

    lower: float
    upper: float

    def __str__(self):
        upper = "int_oo" if self.upper == math.inf else self.upper
        return f"VR[{'-int_oo' if self.lower == -math.inf else self.lower}, {upper}]"

    __repr__ = __str__


@dataclass(frozen=True)
class RelaxedUnspecConstraint:
    """The size must not become a number."""

    warn_only: bool = False


@dataclass(frozen=True)
class StrictMinMaxConstraint:
    """The size stays in a range."""

    vr: ValueRanges
    warn_only: bool = False


@dataclass
class StatelessSymbolicContext:
    """How the sizes of one tensor become symbols: a `DimDynamic` for each dimension."""

    dynamic_sizes: list
    dynamic_strides: list | None = None
    constraint_sizes: list | None = None
    constraint_strides: list | None = None
    specialize_on: list | None = None
    view_base_context: Any = None
    excluded_sizes: Any = None
    shape_ids: dict = field(default_factory=dict)


_UNKNOWN = ValueRanges(-math.inf, math.inf)


class ShapeEnv:
    """Makes symbols, simplifies expressions of them, decides conditions and remembers the decisions as guards.

    Args:
        specialize_zero_one: sizes 0 and 1 of the example stay numbers, others are taken to be at least 2.
        duck_shape: equal sizes of the example get the same symbol.
        assume_static_by_default: sizes stay numbers unless a context asks otherwise.
        allow_scalar_outputs, allow_dynamic_output_shape_ops: numbers and sizes that depend on elements become symbols u0, u1...
    """

    def __init__(self, *, specialize_zero_one=True, duck_shape=True, assume_static_by_default=False, allow_scalar_outputs=True,
                 allow_dynamic_output_shape_ops=True, allow_complex_guards_as_runtime_asserts=False, co_fields=None, prefer_deferred_runtime_asserts_over_guards=False,
                 tracked_fakes=None):
        self.specialize_zero_one, self.duck_shape = specialize_zero_one, duck_shape
        self.assume_static_by_default = assume_static_by_default
        self.allow_scalar_outputs, self.allow_dynamic_output_shape_ops = allow_scalar_outputs, allow_dynamic_output_shape_ops
        self.tracked_fakes = tracked_fakes
        self.guards: list[ShapeGuard] = []
        self.replacements: dict[Symbol, Poly] = {}
        self.var_to_range: dict[Symbol, ValueRanges] = {}
        self.var_to_sources: dict[Symbol, list] = {}
        self.deferred_runtime_asserts: list = []
        self.size_like: set = set()
        self.frozen = False
        self.version = 0
        self._nodes: dict = {}
        self._ducks: dict = {}
        self._facts: dict = {}
        self._simplified: dict = {}
        self._counts = {"s": 0, "u": 0, "zuf": 0}
        weakref.finalize(self, _release, self._nodes)

    # ---- numbers of this environment ----
    def _node(self, expr, kind):
        key = kind, expr
        found = self._nodes.get(key)
        if found is None:
            self._nodes[key] = found = SymNode(expr, self, kind)
        return found

    def integer(self, expr):
        """A polynomial as a SymInt, or an int where it is known."""
        expr = self.simplify(expr)
        n = expr.number
        return SymInt(self._node(expr, int)) if n is None else n

    def float(self, expr):
        """A tree of floats as a SymFloat (of integer operations on integers: a SymInt), or a number where it is known."""
        integral = expr.name in ("bitand", "bitor")
        if not E.free_symbols(expr):
            return E.evaluate(expr, None)
        return self.integer_of_float(expr) if integral else SymFloat(self._node(expr, float))

    def integer_of_float(self, expr):
        """An integer that is no polynomial, as an atom of its own."""
        if not E.free_symbols(expr):
            return int(E.evaluate(expr, None))
        if expr.name in ("trunc", "floor") and isinstance(expr.args[0], Apply) and expr.args[0].name == "truediv" and \
                all(isinstance(a, (Poly, int)) for a in expr.args[0].args):
            a, b = (E.as_poly(x) for x in expr.args[0].args)
            if self.bounds(a).lower >= 0 and self.bounds(b).lower >= 0:
                return self.integer(E.floordiv(a, b))
        known = self._simplified.get(("atom", expr))
        if known is None:
            hint = self.hint_of(expr)
            known = Symbol(f"({expr})", None if hint is None else int(hint))
            self._simplified["atom", expr] = known
            self.var_to_range[known] = _UNKNOWN
        return self.integer(E.symbol(known))

    def truth(self, expr):
        """A condition as a SymBool, or a bool where it is known."""
        known = self.static_truth(expr)
        return SymBool(self._node(expr, bool)) if known is None else known

    def relation(self, name, a, b):
        """The condition ``a name b`` (lt, le, eq, ne)."""
        return self.truth(Apply(name, a, b))

    def negation(self, expr):
        """The contrary of a condition."""
        flipped = {"lt": "le", "le": "lt"}
        if expr.name in flipped:
            return self.truth(Apply(flipped[expr.name], expr.args[1], expr.args[0]))
        other = {"eq": "ne", "ne": "eq"}.get(expr.name)
        return self.truth(Apply(other, *expr.args) if other else Apply("not", expr))

    def conditional(self, condition, a, b, floating):
        """a where the condition holds, else b."""
        known = self.static_truth(condition)
        if known is not None:
            return self.integer(a if known else b) if isinstance(a, Poly) else (a if known else b)
        tree = Apply("ite", condition, a, b)
        return self.float(tree) if floating else self.integer_of_float(tree)

    def extreme(self, name, a, b):
        """The smaller ("min") or larger ("max") of two polynomials: one of them where the ranges say which."""
        difference = self.bounds(a - b)
        if difference.upper <= 0:
            return a if name == "min" else b
        if difference.lower >= 0:
            return b if name == "min" else a
        return E.minimum(a, b) if name == "min" else E.maximum(a, b)

    # ---- making symbols ----
    def _symbol(self, prefix, hint, lower, upper=math.inf):
        s = Symbol(f"{prefix}{self._counts[prefix]}", hint, prefix != "zuf")
        self._counts[prefix] += 1
        self.var_to_range[s] = ValueRanges(lower, upper)
        return s

    def create_symbol(self, value, source=None, dynamic_dim=DimDynamic.DUCK, constraint_dim=None, positive=True, do_not_specialize_zero_one=False,
                      symbolic_context=None):
        """The polynomial for a size whose value in the example is `value`."""
        if dynamic_dim is DimDynamic.STATIC or (self.specialize_zero_one and not do_not_specialize_zero_one and value in (0, 1)):
            return E.constant(value)
        if dynamic_dim is DimDynamic.UNBACKED:
            s = self._symbol("u", None, 0)
            self.size_like.add(s)
            return E.symbol(s)
        ducks = self.duck_shape and dynamic_dim is DimDynamic.DUCK
        if ducks and value in self._ducks:
            s = self._ducks[value]
        else:
            s = self._symbol("s", value, (2 if self.specialize_zero_one and not do_not_specialize_zero_one else 0) if positive else -math.inf)
            if ducks:
                self._ducks[value] = s
        if isinstance(constraint_dim, StrictMinMaxConstraint):
            old = self.var_to_range[s]
            self.var_to_range[s] = ValueRanges(max(old.lower, constraint_dim.vr.lower), min(old.upper, constraint_dim.vr.upper))
        if source is not None:
            self.var_to_sources.setdefault(s, []).append(source)
        return E.symbol(s)

    def create_symbolic_sizes_strides_storage_offset(self, ex, source=None, *, symbolic_context=None):
        """(sizes, strides, offset) of a tensor as symbols and formulas of them."""
        default = DimDynamic.STATIC if self.assume_static_by_default else DimDynamic.DUCK
        dynamic = symbolic_context.dynamic_sizes if symbolic_context is not None else [default] * ex.dim()
        constraints = getattr(symbolic_context, "constraint_sizes", None) or [None] * ex.dim()
        sizes = [self.integer(self.create_symbol(n, (source, "size", i), d, c)) for i, (n, d, c) in enumerate(zip(ex.size(), dynamic, constraints))]
        strides: list = [None] * ex.dim()
        example = list(zip(ex.size(), ex.stride()))
        for i in sorted(range(ex.dim()), key=lambda i: (ex.stride(i), -i)):
            step = ex.stride(i)
            if step in (0, 1):
                strides[i] = step
                continue
            inner = next((j for j in range(ex.dim()) if strides[j] is not None and j != i and example[j][0] * example[j][1] == step), None)
            strides[i] = sizes[inner] * strides[inner] if inner is not None else \
                self.integer(self.create_symbol(step, (source, "stride", i), DimDynamic.STATIC if all(type(s) is int for s in sizes) else DimDynamic.DYNAMIC))
        return tuple(sizes), tuple(strides), ex.storage_offset()

    def create_symint_input(self, value):
        """An integer argument of the traced function as a symbol."""
        return self.integer(self.create_symbol(value, None, DimDynamic.DUCK, positive=value >= 0))

    def create_symintnode(self, sym, *, hint=None, source=None):
        """A polynomial as a SymInt."""
        return self.integer(E.as_poly(sym))

    def create_symboolnode(self, sym):
        """A condition as a SymBool."""
        return self.truth(sym)

    def create_unbacked_symint(self, source=None):
        """An integer of which nothing is known: it depends on elements."""
        return self.integer(E.symbol(self._symbol("u", None, -math.inf)))

    def create_unbacked_symfloat(self):
        """A float of which nothing is known."""
        return SymFloat(self._node(self._symbol("zuf", None, -math.inf), float))

    def create_unbacked_symbool(self):
        """A truth value of which nothing is known."""
        return self.truth(Apply("eq", E.symbol(self._symbol("u", None, 0, 1)), E.constant(1)))

    def is_unbacked_symint(self, symbol):
        """Does the symbol depend on elements?"""
        return symbol.hint is None

    # ---- what is known ----
    def simplify(self, expr):
        """The expression with what guards fixed put in."""
        if not self.replacements or isinstance(expr, (int, bool, float)):
            return expr
        return E.substitute(expr, self.replacements)

    def hint_of(self, expr):
        """The value in the example; None where it depends on elements."""
        if any(s.hint is None for s in E.free_symbols(expr)):
            return None
        return E.evaluate(expr, lambda s: s.hint)

    def size_hint(self, expr, *, allow_none=False):
        """The value in the example. GuardOnDataDependentSymNode where it depends on elements."""
        hint = self.hint_of(self.simplify(expr))
        return hint if hint is not None or allow_none else self.refuse(expr)

    def bounds(self, expr) -> ValueRanges:
        """Between which numbers the expression lies."""
        if not isinstance(expr, Poly):
            return _UNKNOWN if not isinstance(expr, (int, float)) else ValueRanges(expr, expr)
        low = high = 0
        for monomial, c in expr.terms.items():
            a, b = 1, 1
            for atom, power in monomial:
                lower, upper = self._atom_bounds(atom)
                for _ in range(power):
                    ends = [_product(x, y) for x in (a, b) for y in (lower, upper)]
                    a, b = min(ends), max(ends)
            low += min(_product(a, c), _product(b, c))
            high += max(_product(a, c), _product(b, c))
        return ValueRanges(low, high)

    bound_sympy = bounds

    def _atom_bounds(self, atom):
        if isinstance(atom, Symbol):
            return self.var_to_range.get(atom, _UNKNOWN)
        a, b = (self.bounds(x) for x in atom.args)
        if atom.name == "min":
            return min(a.lower, b.lower), min(a.upper, b.upper)
        if atom.name == "max":
            return max(a.lower, b.lower), max(a.upper, b.upper)
        if b.lower <= 0:
            return -math.inf, math.inf
        if atom.name == "mod":
            return 0, (b.upper - 1 if a.lower < 0 else min(a.upper, b.upper - 1))
        ends = [_quotient(x, y) for x in a for y in b]
        return min(ends), max(ends)

    def static_truth(self, expr):
        """Whether a condition holds for all values that the symbols may have; None: for some."""
        if isinstance(expr, bool):
            return expr
        if expr.name in ("and", "or", "not"):
            parts = [self.static_truth(a) for a in expr.args]
            if expr.name == "not":
                return None if parts[0] is None else not parts[0]
            stops = expr.name == "or"
            return stops if stops in parts else None if None in parts else not stops
        if expr.name not in ("lt", "le", "eq", "ne"):
            return self._facts.get(expr) if E.free_symbols(expr) else E.evaluate(expr, None)
        a, b = (self.simplify(x) for x in expr.args)
        if not isinstance(a, Poly) or not isinstance(b, Poly):
            return self._facts.get(expr) if E.free_symbols(expr) else E.evaluate(expr, None)
        d = a - b
        low, high = self.bounds(d)
        if expr.name in ("eq", "ne"):
            if d.number is None and (low > 0 or high < 0 or not self._divisible(d)):
                return expr.name == "ne"
            if d.number is not None:
                return (d.number == 0) == (expr.name == "eq")
            known = self._facts.get(("eq", d), self._facts.get(("eq", -d)))
            return None if known is None else known == (expr.name == "eq")
        strict = expr.name == "lt"
        if high < 0 or (high <= 0 and not strict):
            return True
        if low > 0 or (low >= 0 and strict):
            return False
        return self._facts.get((expr.name, d))

    @staticmethod
    def _divisible(d):
        """Can the polynomial be 0, as far as divisors tell?"""
        rest = d.terms.get((), 0)
        g = math.gcd(*(c for m, c in d.terms.items() if m))
        return rest % g == 0

    # ---- deciding ----
    def refuse(self, expr):
        """GuardOnDataDependentSymNode."""
        what = "guard on data-dependent expression" if isinstance(expr, Apply) else "extract specialized integer from data-dependent expression"
        raise GuardOnDataDependentSymNode(expr, f"Could not {what} {expr} (unhinted: {expr}).  It depends on elements of a tensor; use torch._check to say "
                                                "what holds of it, or guard_or_false, guard_or_true, statically_known_true to ask without a guard.")

    def evaluate_expr(self, expr, hint=None, fx_node=None, size_oblivious=False, fallback_value=None, *, forcing_spec=False):
        """The truth of a condition in the example, remembered as a guard unless it always holds."""
        known = self.static_truth(expr)
        if known is not None:
            return known
        value = self.hint_of(self.simplify(expr))
        if value is None and size_oblivious:
            value = self._oblivious(expr)
            if value is not None:
                return value
        if value is None:
            if fallback_value is not None:
                return fallback_value
            self.refuse(self.simplify(expr))
        self._add_guard(expr, bool(value))
        return bool(value)

    def _oblivious(self, expr):
        """The truth where sizes that depend on elements are taken to be at least 2."""
        saved = dict(self.var_to_range)
        try:
            for s in E.free_symbols(expr) & self.size_like:
                self.var_to_range[s] = ValueRanges(max(2, saved[s].lower), saved[s].upper)
            return self.static_truth(expr)
        finally:
            self.var_to_range = saved

    def specialize(self, expr):
        """The number of the example, from now on the only one."""
        if isinstance(expr, Poly) and expr.number is not None:
            return expr.number
        value = self.hint_of(expr)
        if value is None:
            self.refuse(expr)
        self._add_guard(Apply("eq", expr, E.constant(value) if isinstance(value, int) else value), True)
        return value

    def _add_guard(self, expr, value):
        held = expr if value else Apply(*_NEGATED[expr.name](*expr.args)) if expr.name in _NEGATED else Apply("not", expr)
        if not self.frozen:
            self.guards.append(ShapeGuard(held))
        self._learn(held)
        self._facts[expr] = value

    def expect_true(self, expr):
        """Takes a condition for true: decided now where the example can, else when the program runs. False where it never holds."""
        known = self.static_truth(expr)
        if known is not None:
            return known
        if self.hint_of(self.simplify(expr)) is not None:
            return self.evaluate_expr(expr)
        self.deferred_runtime_asserts.append(expr)
        self._learn(expr)
        self._facts[expr] = True
        return True

    def _learn(self, held):
        """Draws conclusions from a condition that holds."""
        if held.name == "and":
            for part in held.args:
                self._learn(part)
        if held.name not in ("lt", "le", "eq", "ne") or not all(isinstance(self.simplify(a), Poly) for a in held.args):
            return
        d = self.simplify(held.args[0]) - self.simplify(held.args[1])
        if held.name in ("eq", "ne"):
            self._facts["eq", d] = held.name == "eq"
            if held.name == "eq":
                self._solve(d)
        else:
            self._facts[held.name, d] = True
            self._facts["le", d] = True
            self._facts["lt", -d] = False
            self._narrow(d, held.name == "lt")
        self.version += 1

    def _solve(self, d):
        """d = 0: replaces a symbol that it gives."""
        candidates = []
        for monomial, c in d.terms.items():
            if len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], Symbol):
                s = monomial[0][0]
                rest = Poly({m: k for m, k in d.terms.items() if m != monomial})
                if s not in rest.free_symbols and (abs(c) == 1 or all(k % c == 0 for k in rest.terms.values())):
                    candidates.append((s.hint is not None, len(s.name), s.name, s, Poly({m: -k // c for m, k in rest.terms.items()})))
        if not candidates:
            return
        s, value = max(candidates, key=lambda t: (not t[0], t[1], t[2]))[3:]
        allowed = self.var_to_range.get(s, _UNKNOWN)
        self.replacements = {k: E.substitute(v, {s: value}) for k, v in self.replacements.items()}
        self.replacements[s] = value
        if (other := value.atom) is not None and isinstance(other, Symbol):
            old = self.var_to_range.get(other, _UNKNOWN)
            self.var_to_range[other] = ValueRanges(max(old.lower, allowed.lower), min(old.upper, allowed.upper))
        if value.number is not None:
            self.var_to_range[s] = ValueRanges(value.number, value.number)
        self._facts = {k: v for k, v in self._facts.items() if isinstance(k, Apply)}

    def _narrow(self, d, strict):
        """d < 0 or d <= 0 with one symbol: narrows its range."""
        variable = [m for m in d.terms if m]
        if len(variable) != 1 or len(variable[0]) != 1 or variable[0][0][1] != 1 or not isinstance(variable[0][0][0], Symbol):
            return
        s, c, k = variable[0][0][0], d.terms[variable[0]], d.terms.get((), 0) + (1 if strict else 0)
        low, high = self.var_to_range.get(s, _UNKNOWN)
        self.var_to_range[s] = ValueRanges(low, min(high, math.floor(-k / c))) if c > 0 else ValueRanges(max(low, math.ceil(-k / c)), high)

    def constrain_symbol_range(self, s, compiler_min, compiler_max):
        """The symbol lies between these numbers."""
        old = self.var_to_range.get(s, _UNKNOWN)
        self.var_to_range[s] = ValueRanges(max(old.lower, compiler_min), min(old.upper, compiler_max))
        self.version += 1

    # ---- guards, later ----
    def bindings(self, fakes, args):
        """{symbol: value} for real arguments in place of the fake ones."""
        found: dict = {}

        def bind(number, value):
            if isinstance(number, SymInt):
                atom = number.node._expr.atom if isinstance(number.node._expr, Poly) else None
                if isinstance(atom, Symbol):
                    found.setdefault(atom, value)
        for fake, arg in zip(fakes, args):
            if isinstance(fake, SymInt):
                bind(fake, arg)
            elif hasattr(fake, "shape"):
                for a, b in (*zip(fake.shape, arg.shape), *zip(fake.stride(), arg.stride())):
                    bind(a, b)
        return found

    def evaluate_guards_for_args(self, placeholders, args, *, ignore_static=True):
        """Do all guards hold for these arguments in place of the traced ones?"""
        values = self.bindings(placeholders, args)
        for fake, arg in zip(placeholders, args):
            if hasattr(fake, "shape") and (fake.dim() != arg.dim() or any(type(a) is int and a != b for a, b in zip(fake.shape, arg.shape))):
                return False
        for s, n in values.items():
            low, high = self.var_to_range.get(s, _UNKNOWN)
            if s not in self.replacements and not low <= n <= high:
                return False
        try:
            return all(E.evaluate(g.expr, lambda s: values[s]) for g in self.guards if all(s in values for s in E.free_symbols(g.expr)))
        except ZeroDivisionError:
            return False

    def produce_guards_expression(self, placeholders, *, guards=None, ignore_static=True):
        """The guards as Python code over ``L['t0']``, the symbols in order; None where there are none."""
        texts = [str(g.expr) for g in (guards or self.guards)]
        return " and ".join(texts) or None

    def format_guards(self, verbose=False):
        """The guards, a line each."""
        return "\n".join(f" - {g.expr}" for g in self.guards)

    def get_nontrivial_guards(self):
        """The conditions of the guards that do not always hold."""
        return [g.expr for g in self.guards if self.static_truth(g.expr) is None]

    def get_pruned_guards(self, symints):
        """The guards on symbols of these numbers."""
        wanted = set().union(*(s.node.expr.free_symbols for s in symints if isinstance(s, SymInt)))
        return [g for g in self.guards if E.free_symbols(g.expr) <= wanted]

    def freeze(self):
        """No further guards are remembered."""
        self.frozen = True

    @contextlib.contextmanager
    def suppress_guards(self):
        """Decisions made inside are not remembered as guards."""
        before, self.frozen = self.frozen, True
        try:
            yield
        finally:
            self.frozen = before


_NEGATED = {"lt": lambda a, b: ("le", b, a), "le": lambda a, b: ("lt", b, a), "eq": lambda a, b: ("ne", a, b), "ne": lambda a, b: ("eq", a, b)}


def _release(nodes):
    _C._release_tags([node.tag for node in nodes.values() if node.tag is not None])


def _product(a, b):
    return 0 if a == 0 or b == 0 else a * b


def _quotient(a, b):
    if math.isinf(a):
        return a if not math.isinf(b) else math.copysign(math.inf, a)
    return (0 if a >= 0 else -1) if math.isinf(b) else a // b
