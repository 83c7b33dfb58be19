"""Symbolic numbers as nodes of a graph: for each expression that an argument holds, nodes that compute it from sizes of tensors."""

from __future__ import annotations

import math
import operator

import torch
from torch._symbolic.expr import Apply, Poly, Symbol

_FUNCTIONS = {"lt": operator.lt, "le": operator.le, "eq": operator.eq, "ne": operator.ne, "truediv": operator.truediv, "add": operator.add,
              "sub": operator.sub, "mul": operator.mul, "pow": operator.pow, "floordiv": operator.floordiv, "mod": operator.mod, "neg": operator.neg,
              "abs": operator.abs, "bitand": operator.and_, "bitor": operator.or_, "and": operator.and_, "or": operator.or_, "trunc": math.trunc,
              "floor": math.floor, "ceil": math.ceil, "round": round}


class SymbolicNodes:
    """Which node gives which symbol, and the nodes of expressions made so far."""

    def __init__(self, graph):
        self.graph = graph
        self.active = False
        self._sources: dict = {}     # symbol -> a function that makes its node
        self._made: dict = {}        # expression -> node

    def bind(self, number, function, node, dim):
        """A size or stride of the tensor of `node`: where it is a symbol not met before, ``function(node, dim)`` gives it."""
        if type(number) is torch.SymInt:
            s = _symbol(number)
            if s is not None and s not in self._sources:
                self._sources[s] = lambda: self.graph.call_function(function, (node, dim))

    def bind_value(self, number, node):
        """The value of `node` is this number."""
        if type(number) in (torch.SymInt, torch.SymFloat, torch.SymBool):
            expr = number.node.expr
            self._made.setdefault(expr, node)
            s = _symbol(number)
            if s is not None:
                self._sources.setdefault(s, lambda: node)
            elif isinstance(expr, Apply) and expr.name == "eq" and (s := expr.args[0].atom) is not None:
                self._sources.setdefault(s, lambda: self.graph.call_function(torch.sym_ite, (node, 1, 0)))

    def knows(self, number) -> bool:
        """Can this number be computed in the graph?"""
        return type(number) in (torch.SymInt, torch.SymFloat, torch.SymBool) and all(
            s in self._sources or s in self._made for s in number.node.expr.free_symbols)

    def node_of(self, number):
        """The node of a symbolic number, or the number itself where it is known by now."""
        known = number.node.maybe_as_int()
        if known is not None:
            return known
        node = self._node(number.node.expr)
        if hasattr(node, "meta"):
            node.meta.setdefault("val", number)
        return node

    def _node(self, expr):
        if isinstance(expr, Poly) and expr.number is not None:
            return expr.number
        if isinstance(expr, (int, float, bool)):
            return expr
        made = self._made.get(expr)
        if made is None:
            self._made[expr] = made = self._make(expr)
        return made

    def _make(self, expr):
        call = self.graph.call_function
        if isinstance(expr, Symbol):
            source = self._sources.get(expr)
            if source is None:
                raise RuntimeError(f"the symbol {expr} comes from no input or result of the traced function")
            return source()
        if isinstance(expr, Apply):
            args = tuple(self._node(a) for a in expr.args)
            function = {"float": torch.sym_float, "not": torch.sym_not, "ite": torch.sym_ite, "sqrt": torch.sym_sqrt, "min": torch.sym_min,
                        "max": torch.sym_max}.get(expr.name) or _FUNCTIONS[expr.name]
            return call(function, args)
        atom = expr.atom
        if isinstance(atom, Symbol):
            return self._node(atom)
        if atom is not None:
            function = {"min": torch.sym_min, "max": torch.sym_max}.get(atom.name) or _FUNCTIONS[atom.name]
            return call(function, tuple(self._node(a) for a in atom.args))
        return self._sum(expr)

    def _sum(self, expr):
        call, total = self.graph.call_function, None
        terms = sorted(expr.terms.items(), key=lambda t: (not t[0], t[1] < 0))     # positive ones first, the constant last
        for monomial, c in terms:
            factors = [self._node(Poly({((atom, 1),): 1})) for atom, power in monomial for _ in range(power)]
            size = abs(c) if total is not None else c
            term = None
            for f in factors:
                term = f if term is None else call(operator.mul, (term, f))
            if term is None:
                term = size
            elif size != 1:
                term = call(operator.mul, (term, size))
            total = term if total is None else call(operator.sub if c < 0 else operator.add, (total, term))
        return total


def _symbol(number):
    expr = number.node.expr
    if isinstance(expr, Symbol):
        return expr
    atom = expr.atom if isinstance(expr, Poly) else None
    return atom if isinstance(atom, Symbol) else None
