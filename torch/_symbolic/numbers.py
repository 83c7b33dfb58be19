"""`torch.SymInt`, `SymFloat`, `SymBool`: numbers that are expressions of a `ShapeEnv`, and the functions on them.

Where a result is known it is a Python number. Asking for a number or a truth value that is not known (`int(s)`, `if s < 5`) takes
that of the example and remembers the condition as a guard.
"""

from __future__ import annotations

import math

from torch import _C
from torch._symbolic import expr as E
from torch._symbolic.expr import Apply, Poly

__all__ = ["SymInt", "SymFloat", "SymBool", "SymNode", "sym_int", "sym_float", "sym_not", "sym_max", "sym_min", "sym_ite", "sym_sqrt", "sym_sum"]


class SymNode:
    """An expression in its environment: what the three kinds of number hold as ``node``."""

    __slots__ = ("_expr", "shape_env", "pytype", "tag", "_seen", "__weakref__")

    def __init__(self, expr, shape_env, pytype):
        self._expr, self.shape_env, self.pytype, self.tag, self._seen = expr, shape_env, pytype, None, -1

    @property
    def expr(self):
        """The expression, with what is known by now put in."""
        env = self.shape_env
        if self._seen != env.version:
            self._expr, self._seen = env.simplify(self._expr), env.version
        return self._expr

    @property
    def hint(self):
        """The value in the example; None where it depends on elements."""
        return self.shape_env.hint_of(self.expr)

    def has_hint(self):
        """Is there a value in the example?"""
        return self.hint is not None

    def maybe_as_int(self):
        """The number where it is known, else None."""
        e = self.expr
        return e.number if isinstance(e, Poly) else None

    maybe_as_bool = maybe_as_float = maybe_as_int

    def is_constant(self):
        """Is the number known?"""
        return self.maybe_as_int() is not None

    def is_symbolic(self):
        """True."""
        return True

    def is_int(self):
        """Is it an integer?"""
        return self.pytype is int

    def is_float(self):
        """Is it a float?"""
        return self.pytype is float

    def is_bool(self):
        """Is it a truth value?"""
        return self.pytype is bool

    def require_hint(self, fallback=None):
        """The value in the example. GuardOnDataDependentSymNode where there is none, and no fallback."""
        hint = self.hint
        if hint is None and fallback is not None:
            return fallback
        return hint if hint is not None else self.shape_env.refuse(self.expr)

    def guard_int(self, file="", line=0):
        """The integer of the example, from now on the only one."""
        return self.shape_env.specialize(self.expr)

    guard_float = guard_int

    def guard_bool(self, file="", line=0):
        """The truth value of the example, from now on the only one."""
        return self.shape_env.evaluate_expr(self.expr)

    def expect_true(self, file="", line=0):
        """Takes the condition for true: checked now where it can be, else when the program runs."""
        return self.shape_env.expect_true(self.expr)

    def __str__(self):
        return str(self.expr)

    __repr__ = __str__


def _expression(x):
    """The expression of a number, symbolic or not; None for anything else."""
    kind = type(x)
    if kind is SymInt or kind is SymFloat or kind is SymBool:
        return x.node.expr
    if kind is bool or kind is int:
        return E.constant(int(x))
    return x if kind is float else None


def _env(*numbers):
    return next(x.node.shape_env for x in numbers if isinstance(x, (SymInt, SymFloat, SymBool)))


def _integers(build):
    """An operation of polynomials as a method of SymInt, and its reflection."""
    def forward(self, other):
        if type(other) is float or type(other) is SymFloat:
            return NotImplemented
        b = _expression(other)
        return NotImplemented if b is None else self.node.shape_env.integer(build(self.node.expr, b))

    def backward(self, other):
        b = _expression(other)
        return NotImplemented if b is None or type(other) is float else self.node.shape_env.integer(build(b, self.node.expr))
    return forward, backward


def _floats(name):
    """An operation of floats as a method, and its reflection."""
    def forward(self, other):
        b = _expression(other)
        return NotImplemented if b is None else self.node.shape_env.float(Apply(name, self.node.expr, _plain(b)))

    def backward(self, other):
        b = _expression(other)
        return NotImplemented if b is None else self.node.shape_env.float(Apply(name, _plain(b), self.node.expr))
    return forward, backward


def _plain(e):
    return e.number if isinstance(e, Poly) and e.number is not None else e


def _relation(name, swapped=False):
    def method(self, other):
        b = _expression(other)
        if b is None:
            return NotImplemented
        a, b = (b, self.node.expr) if swapped else (self.node.expr, b)
        return self.node.shape_env.relation(name, a, b)
    return method


def _either(integer, floating):
    """The integer method, or that on floats where the other operand is one."""
    def method(self, other):
        return floating(self, other) if type(other) in (float, SymFloat) else integer(self, other)
    return method


class _Number:
    __slots__ = ("node", "__weakref__")

    def __init__(self, node):
        self.node = node

    def __repr__(self):
        return str(self.node)

    __lt__, __le__, __gt__, __ge__ = _relation("lt"), _relation("le"), _relation("lt", True), _relation("le", True)
    __eq__, __ne__ = _relation("eq"), _relation("ne")

    def __hash__(self):
        raise TypeError(f"unhashable type: non-nested {type(self).__name__}")

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self


class SymInt(_Number):
    """An integer that is not known when a program is traced, such as a size.

    Arithmetic gives formulas; comparing two gives a `SymBool`. ``int(s)`` fixes it to its value in the example.
    """

    __slots__ = ()
    __hash__ = _Number.__hash__
    __add__, __radd__ = _integers(lambda a, b: a + b)
    __sub__, __rsub__ = _integers(lambda a, b: a - b)
    __mul__, __rmul__ = _integers(lambda a, b: a * b)
    __floordiv__, __rfloordiv__ = _integers(E.floordiv)
    __mod__, __rmod__ = _integers(E.mod)
    __truediv__, __rtruediv__ = _floats("truediv")
    __and__, __rand__ = _floats("bitand")
    __or__, __ror__ = _floats("bitor")
    __lshift__, __rlshift__ = _integers(lambda a, b: a * E.constant(2 ** b.number))
    __rshift__, __rrshift__ = _integers(lambda a, b: E.floordiv(a, E.constant(2 ** b.number)))
    for _name in ("add", "sub", "mul"):
        for _reflected in ("", "r"):
            vars()[f"__{_reflected}{_name}__"] = _either(vars()[f"__{_reflected}{_name}__"], _floats(_name)[_reflected == "r"])
    del _name, _reflected

    def __pow__(self, other):
        if type(other) is int and other >= 0:
            return self.node.shape_env.integer(self.node.expr ** other)
        return self.__float_pow(other)

    def __float_pow(self, other):
        b = _expression(other)
        return NotImplemented if b is None else self.node.shape_env.float(Apply("pow", self.node.expr, _plain(b)))

    def __rpow__(self, other):
        return self.node.shape_env.float(Apply("pow", other, self.node.expr))

    def __neg__(self):
        return self.node.shape_env.integer(-self.node.expr)

    def __pos__(self):
        return self

    def __abs__(self):
        return sym_max(self, -self)

    def __divmod__(self, other):
        return self // other, self % other

    def __int__(self):
        return self.node.guard_int()

    __index__ = __int__

    def __round__(self, ndigits=None):
        return self

    __trunc__ = __floor__ = __ceil__ = __pos__

    def __bool__(self):
        return bool(self != 0)

    def __float__(self):
        return float(int(self))

    def __sym_max__(self, other):
        return sym_max(self, other)

    def __sym_min__(self, other):
        return sym_min(self, other)

    def __sym_float__(self):
        return self.node.shape_env.float(Apply("float", self.node.expr))

    def as_integer_ratio(self):
        """The number and 1."""
        return self, 1

    def bit_length(self):
        """As of the number, which this fixes."""
        return int(self).bit_length()

    def conjugate(self):
        """The number itself."""
        return self

    def is_integer(self):
        """True."""
        return True


class SymFloat(_Number):
    """A float that is not known when a program is traced."""

    __slots__ = ()
    __hash__ = _Number.__hash__
    __add__, __radd__ = _floats("add")
    __sub__, __rsub__ = _floats("sub")
    __mul__, __rmul__ = _floats("mul")
    __truediv__, __rtruediv__ = _floats("truediv")
    __floordiv__, __rfloordiv__ = _floats("floordiv")
    __mod__, __rmod__ = _floats("mod")
    __pow__, __rpow__ = _floats("pow")

    def _apply(self, name):
        return self.node.shape_env.float(Apply(name, self.node.expr))

    def _to_int(self, name):
        return self.node.shape_env.integer_of_float(Apply(name, self.node.expr))

    def __neg__(self):
        return self._apply("neg")

    def __abs__(self):
        return self._apply("abs")

    def __float__(self):
        return self.node.guard_float()

    def __bool__(self):
        return bool(self != 0)

    def __trunc__(self):
        return self._to_int("trunc")

    def __floor__(self):
        return self._to_int("floor")

    def __ceil__(self):
        return self._to_int("ceil")

    def __int__(self):
        return int(self.__trunc__())

    def __round__(self, ndigits=None):
        return self._to_int("round")

    def __sym_int__(self):
        return self.__trunc__()

    def is_integer(self):
        """Is it a whole number? A SymBool."""
        return self.node.shape_env.truth(Apply("is_integer", self.node.expr))

    def hex(self):
        """As of the number, which this fixes."""
        return float(self).hex()

    def conjugate(self):
        """The number itself."""
        return self


class SymBool(_Number):
    """A truth value that is not known when a program is traced. Asking for it (``if``, ``bool()``) adds a guard."""

    __slots__ = ()
    __hash__ = _Number.__hash__

    def __bool__(self):
        return self.node.guard_bool()

    def __int__(self):
        return int(bool(self))

    def _join(self, name, other):
        if isinstance(other, bool):
            absorbs = other == (name == "or")
            return other if absorbs else self
        return self.node.shape_env.truth(Apply(name, self.node.expr, other.node.expr)) if isinstance(other, SymBool) else NotImplemented

    def __and__(self, other):
        return self._join("and", other)

    def __or__(self, other):
        return self._join("or", other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self):
        return self.__sym_not__()

    def __sym_not__(self):
        return self.node.shape_env.negation(self.node.expr)


_C._set_symbolic_types(SymInt, SymFloat)


# ---- functions ----

def sym_int(a):
    """A number as an integer, symbolic where `a` is.

    >>> sym_int(2.7)
    2
    """
    return a.__trunc__() if isinstance(a, SymFloat) else a if isinstance(a, SymInt) else math.trunc(a)


def sym_float(a):
    """A number as a float, symbolic where `a` is."""
    return a if isinstance(a, SymFloat) else a.__sym_float__() if hasattr(a, "__sym_float__") else float(a)


def sym_not(a):
    """``not a``, symbolic where `a` is."""
    return a.__sym_not__() if hasattr(a, "__sym_not__") else not a


def _extreme(name, build):
    def function(a, b):
        if not any(isinstance(x, (SymInt, SymFloat)) for x in (a, b)):
            return {"min": min, "max": max}[name](type(a + b)(a), type(a + b)(b)) if isinstance(a, float) != isinstance(b, float) else \
                {"min": min, "max": max}[name](a, b)
        env, x, y = _env(a, b), _expression(a), _expression(b)
        if isinstance(x, Poly) and isinstance(y, Poly):
            return env.integer(env.extreme(name, x, y))
        return env.float(Apply(name, _plain(x), _plain(y)))
    function.__name__ = function.__qualname__ = f"sym_{name}"
    function.__doc__ = f"The {'smaller' if name == 'min' else 'larger'} of two numbers, without a guard on which it is."
    return function


sym_min, sym_max = _extreme("min", E.minimum), _extreme("max", E.maximum)


def sym_ite(b, t, f):
    """``t if b else f``, without a guard on `b` where that is symbolic."""
    if not isinstance(b, SymBool):
        return t if b else f
    env = b.node.shape_env
    return env.conditional(b.node.expr, _expression(t), _expression(f), isinstance(t, (float, SymFloat)))


def sym_sqrt(a):
    """The square root, symbolic where `a` is."""
    return a.node.shape_env.float(Apply("sqrt", a.node.expr)) if isinstance(a, (SymInt, SymFloat)) else math.sqrt(a)


def sym_sum(*args):
    """The sum of numbers, given as a list or one by one; symbolic where one is."""
    total = 0
    for a in args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args:
        total = total + a
    return total
