"""Integer polynomials over atoms: symbols and floordiv, mod, min, max of polynomials. Equal polynomials are equal objects' values.

A `Poly` maps monomials to coefficients; a monomial is a sorted tuple of (atom, power). The empty monomial is the constant term.
Relations and expressions of floats are trees (`Apply`) over them.
"""

from __future__ import annotations

import math
from functools import cached_property

__all__ = ["Symbol", "Function", "Poly", "Apply", "constant", "symbol", "floordiv", "mod", "minimum", "maximum", "as_poly", "evaluate", "free_symbols",
           "substitute", "to_sympy"]


class Symbol:
    """A number that is not known. `hint` is the value it had in the example, None for one that depends on elements."""

    __slots__ = ("name", "hint", "integer")

    def __init__(self, name, hint=None, integer=True):
        self.name, self.hint, self.integer = name, hint, integer

    def __str__(self):
        return self.name

    __repr__ = __str__

    @property
    def key(self):
        return (0, self.name)


class Function:
    """floordiv, mod, min or max of two polynomials, as an atom."""

    __slots__ = ("name", "args", "_hash")

    def __init__(self, name, args):
        self.name, self.args = name, args
        self._hash = hash((name, args))

    def __eq__(self, other):
        return isinstance(other, Function) and self.name == other.name and self.args == other.args

    def __hash__(self):
        return self._hash

    def __str__(self):
        a, b = self.args
        if self.name == "floordiv":
            return f"({_bracketed(a)}//{_bracketed(b)})"
        return f"{_PRINTED[self.name]}({a}, {b})"

    @property
    def key(self):
        return (1, str(self))


_PRINTED = {"mod": "Mod", "min": "Min", "max": "Max", "and": "And", "or": "Or", "not": "Not", "eq": "Eq", "ne": "Ne", "truediv": "IntTrueDiv",
            "float": "ToFloat", "int": "TruncToInt", "floor": "FloorToInt", "ceil": "CeilToInt", "sqrt": "OpaqueUnaryFn_sqrt", "pow": "PowByNatural",
            "ite": "Piecewise"}
_SIGNS = {"lt": "<", "le": "<=", "add": "+", "sub": "-", "mul": "*"}


def _bracketed(p):
    text = str(p)
    return f"({text})" if isinstance(p, Poly) and len(p.terms) > 1 else text


class Poly:
    """An integer polynomial. Immutable; `terms` maps monomials to coefficients other than 0."""

    __slots__ = ("terms", "__dict__")

    def __init__(self, terms):
        self.terms = terms

    @cached_property
    def _hash(self):
        return hash(frozenset(self.terms.items()))

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        return isinstance(other, Poly) and self._hash == other._hash and self.terms == other.terms

    def __add__(self, other):
        terms = dict(self.terms)
        for m, c in other.terms.items():
            c += terms.get(m, 0)
            if c:
                terms[m] = c
            else:
                del terms[m]
        return Poly(terms)

    def __neg__(self):
        return Poly({m: -c for m, c in self.terms.items()})

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        terms: dict = {}
        for m, c in self.terms.items():
            for n, d in other.terms.items():
                key = _times(m, n)
                value = terms.get(key, 0) + c * d
                if value:
                    terms[key] = value
                else:
                    del terms[key]
        return Poly(terms)

    def __pow__(self, n):
        out = constant(1)
        for _ in range(n):
            out = out * self
        return out

    @property
    def number(self):
        """The value of a constant polynomial; None of another."""
        if not self.terms:
            return 0
        return self.terms[()] if len(self.terms) == 1 and () in self.terms else None

    @property
    def atom(self):
        """The atom that this polynomial is, or None."""
        if len(self.terms) != 1:
            return None
        (monomial, coefficient), = self.terms.items()
        return monomial[0][0] if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 else None

    @cached_property
    def atoms(self):
        return {atom for monomial in self.terms for atom, _ in monomial}

    @cached_property
    def free_symbols(self):
        """The symbols in it, those inside of atoms too."""
        found = set()
        for atom in self.atoms:
            found |= {atom} if isinstance(atom, Symbol) else atom.args[0].free_symbols | atom.args[1].free_symbols
        return found

    @property
    def is_number(self):
        return self.number is not None

    def _sympy_(self):
        """What ``sympy.sympify`` makes of it."""
        return to_sympy(self)

    is_integer = True

    @cached_property
    def _text(self):
        if not self.terms:
            return "0"
        items = sorted(self.terms.items(), key=lambda t: (-sum(p for _, p in t[0]), [a.key for a, _ in t[0]]))
        first = next((i for i, (_, c) in enumerate(items) if c > 0), 0)
        items.insert(0, items.pop(first))
        out = ""
        for i, (m, c) in enumerate(items):
            factors = "*".join(f"{a}**{p}" if p > 1 else str(a) for a, p in m)
            size = abs(c)
            term = factors if size == 1 and factors else f"{size}*{factors}" if factors else str(size)
            out += (f"-{term}" if c < 0 else term) if i == 0 else f" {'-' if c < 0 else '+'} {term}"
        return out

    def __str__(self):
        return self._text

    __repr__ = __str__


class Apply:
    """A relation, or an operation on floats: a name and arguments that are polynomials, trees or Python numbers."""

    __slots__ = ("name", "args", "_hash")

    def __init__(self, name, *args):
        self.name, self.args = name, args
        self._hash = hash((name, args))

    def __eq__(self, other):
        return isinstance(other, Apply) and self.name == other.name and self.args == other.args

    def __hash__(self):
        return self._hash

    @property
    def free_symbols(self):
        return free_symbols(self)

    is_number = False
    number = None

    def __str__(self):
        if self.name in _SIGNS:
            return f"{self.args[0]} {_SIGNS[self.name]} {self.args[1]}" if self.name in ("lt", "le") else \
                f"({self.args[0]} {_SIGNS[self.name]} {self.args[1]})"
        return f"{_PRINTED.get(self.name, self.name)}({', '.join(map(str, self.args))})"

    __repr__ = __str__


def _times(m, n):
    if not m:
        return n
    if not n:
        return m
    powers = dict(m)
    for atom, p in n:
        powers[atom] = powers.get(atom, 0) + p
    return tuple(sorted(powers.items(), key=lambda t: t[0].key))


_SMALL = {n: Poly({(): n} if n else {}) for n in range(-1, 65)}


def constant(n) -> Poly:
    """A constant polynomial."""
    found = _SMALL.get(n)
    return found if found is not None else Poly({(): n})


def symbol(atom) -> Poly:
    """The polynomial that is one atom."""
    return Poly({((atom, 1),): 1})


def as_poly(x) -> Poly:
    """A number as a polynomial."""
    return constant(int(x)) if isinstance(x, int) else x


# ---- atoms, simplified where that is certain ----

def _divide_monomial(m, n):
    """m / n for monomials, or None."""
    powers = dict(m)
    for atom, p in n:
        left = powers.get(atom, 0) - p
        if left < 0:
            return None
        powers[atom] = left
    return tuple(sorted(((a, p) for a, p in powers.items() if p), key=lambda t: t[0].key))


def _split(p, q):
    """(a, r) with p = a * q + r, where r takes the terms that q does not divide."""
    n = q.number
    if n is not None:
        return Poly({m: c // n for m, c in p.terms.items() if c % n == 0}), Poly({m: c for m, c in p.terms.items() if c % n})
    if len(q.terms) == 1:
        (monomial, coefficient), = q.terms.items()
        whole, rest = {}, {}
        for m, c in p.terms.items():
            d = _divide_monomial(m, monomial)
            if d is not None and c % coefficient == 0:
                whole[d] = c // coefficient
            else:
                rest[m] = c
        return Poly(whole), Poly(rest)
    return _long_division(p, q)


def _long_division(p, q):
    """Exact division by a polynomial of several terms; (0, p) where it leaves a remainder."""
    def leading(x):
        return max(x.terms.items(), key=lambda t: (sum(k for _, k in t[0]), [a.key for a, _ in t[0]]))
    lead, factor = leading(q)
    quotient, rest = constant(0), p
    for _ in range(64):
        if not rest.terms:
            return quotient, rest
        m, c = leading(rest)
        d = _divide_monomial(m, lead)
        if d is None or c % factor:
            break
        term = Poly({d: c // factor})
        quotient, rest = quotient + term, rest - term * q
    return constant(0), p


def floordiv(p: Poly, q: Poly) -> Poly:
    """p // q. ZeroDivisionError for the constant 0."""
    a, b = p.number, q.number
    if b == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    if a is not None and b is not None:
        return constant(a // b)
    whole, rest = _split(p, q)
    if not rest.terms:
        return whole
    if b is not None:
        g = math.gcd(b, *rest.terms.values())
        if g > 1:       # (g r) // (g n) = r // n
            rest, q = Poly({m: c // g for m, c in rest.terms.items()}), constant(b // g)
        if rest.number is not None:
            return whole + constant(rest.number // q.number)
        inner = rest.atom
        if isinstance(inner, Function) and inner.name == "floordiv" and inner.args[1].number is not None and q.number > 0:
            return whole + floordiv(inner.args[0], constant(inner.args[1].number * q.number))
    return whole + symbol(Function("floordiv", (rest, q)))


def mod(p: Poly, q: Poly) -> Poly:
    """p % q, with the sign of q."""
    a, b = p.number, q.number
    if b == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    if a is not None and b is not None:
        return constant(a % b)
    _, rest = _split(p, q)
    if b is not None:
        rest = Poly({m: c % b for m, c in rest.terms.items()})
    if rest.number is not None and (b is not None or rest.number == 0):
        return constant(rest.number % b) if b is not None else constant(0)
    return symbol(Function("mod", (rest, q)))


def _extreme(name, p, q):
    difference = (p - q).number
    if difference is not None:
        return p if (difference <= 0) == (name == "min") else q
    first, second = sorted((p, q), key=str)
    return symbol(Function(name, (first, second)))


def minimum(p: Poly, q: Poly) -> Poly:
    """The smaller of the two."""
    return _extreme("min", p, q)


def maximum(p: Poly, q: Poly) -> Poly:
    """The larger of the two."""
    return _extreme("max", p, q)


# ---- values ----

_ATOMS = {"floordiv": lambda a, b: a // b, "mod": lambda a, b: a % b, "min": min, "max": max}
_APPLIED = {
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "not": lambda a: not a,
    "and": lambda a, b: bool(a and b), "or": lambda a, b: bool(a or b), "truediv": lambda a, b: a / b, "float": float, "int": int,
    "floor": math.floor, "ceil": math.ceil, "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "pow": lambda a, b: a ** b,
    "neg": lambda a: -a, "abs": abs, "sqrt": math.sqrt, "ite": lambda c, a, b: a if c else b, "min": min, "max": max, "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b, "bitand": lambda a, b: a & b, "bitor": lambda a, b: a | b, "lshift": lambda a, b: a << b, "rshift": lambda a, b: a >> b,
    "round": round, "trunc": math.trunc, "is_integer": lambda a: float(a).is_integer(),
}


def evaluate(expr, values):
    """The number that an expression is for values of its symbols; KeyError where one is missing."""
    if isinstance(expr, Poly):
        total = 0
        for monomial, c in expr.terms.items():
            for atom, p in monomial:
                value = values(atom) if isinstance(atom, Symbol) else _ATOMS[atom.name](*(evaluate(a, values) for a in atom.args))
                c = c * value ** p
            total += c
        return total
    if isinstance(expr, Symbol):
        return values(expr)
    if isinstance(expr, Apply):
        return _APPLIED[expr.name](*(evaluate(a, values) for a in expr.args))
    return expr


def free_symbols(expr) -> set:
    """The symbols of an expression."""
    if isinstance(expr, Poly):
        return expr.free_symbols
    if isinstance(expr, Symbol):
        return {expr}
    if isinstance(expr, Apply):
        return set().union(*(free_symbols(a) for a in expr.args))
    return set()


_BUILD = {"floordiv": floordiv, "mod": mod, "min": minimum, "max": maximum}


def substitute(expr, replacements):
    """The expression with symbols replaced by polynomials."""
    if isinstance(expr, Poly):
        if not expr.free_symbols & replacements.keys():
            return expr
        total = constant(0)
        for monomial, c in expr.terms.items():
            term = constant(c)
            for atom, p in monomial:
                if isinstance(atom, Symbol):
                    value = replacements.get(atom)
                    value = symbol(atom) if value is None else value
                else:
                    value = _BUILD[atom.name](*(substitute(a, replacements) for a in atom.args))
                term = term * value ** p
            total = total + term
        return total
    if isinstance(expr, Apply):
        return Apply(expr.name, *(substitute(a, replacements) for a in expr.args))
    return replacements.get(expr, expr) if isinstance(expr, Symbol) else expr


def to_sympy(expr):
    """The expression as SymPy shows it. ImportError where SymPy is not installed."""
    import sympy

    def atom_of(atom):
        if isinstance(atom, Symbol):
            return sympy.Symbol(atom.name, integer=atom.integer)
        a, b = map(to_sympy, atom.args)
        return {"floordiv": lambda: sympy.floor(a / b), "mod": lambda: sympy.Mod(a, b), "min": lambda: sympy.Min(a, b), "max": lambda: sympy.Max(a, b)}[
            atom.name]()
    if isinstance(expr, Poly):
        return sympy.Add(*(sympy.Mul(c, *(atom_of(a) ** p for a, p in m)) for m, c in expr.terms.items()))
    if isinstance(expr, Apply):
        args = [to_sympy(a) for a in expr.args]
        relations = {"lt": sympy.Lt, "le": sympy.Le, "eq": sympy.Eq, "ne": sympy.Ne, "not": sympy.Not, "and": sympy.And, "or": sympy.Or}
        if expr.name in relations:
            return relations[expr.name](*args)
        return {"add": lambda: args[0] + args[1], "sub": lambda: args[0] - args[1], "mul": lambda: args[0] * args[1], "truediv": lambda: args[0] / args[1]}.get(
            expr.name, lambda: sympy.Function(_PRINTED.get(expr.name, expr.name))(*args))()
    return atom_of(expr) if isinstance(expr, Symbol) else sympy.sympify(expr)
