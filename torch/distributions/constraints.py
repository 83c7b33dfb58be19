"""Regions of values that parameters and samples must lie in. `check(value)` is True for each event inside."""

from __future__ import annotations

import torch


class Constraint:
    """A region. `event_dim` dimensions make up one value; `is_discrete` says that the values are apart."""

    is_discrete = False
    event_dim = 0

    def check(self, value):
        """A bool tensor: which events of `value` satisfy the constraint."""
        raise NotImplementedError

    def __repr__(self):
        return self.__class__.__name__[1:] + "()"


class _Dependent(Constraint):
    """Depends on other parameters: not to be checked by itself."""

    def __init__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def _known(self, value, name):
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    @property
    def is_discrete(self):
        """Whether the values are apart, if known."""
        return self._known(self._is_discrete, "is_discrete")

    @property
    def event_dim(self):
        """Dimensions of one value, if known."""
        return self._known(self._event_dim, "event_dim")

    def __call__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        return _Dependent(is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
                          event_dim=self._event_dim if event_dim is NotImplemented else event_dim)

    def check(self, x):
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint):
    """Whether a constraint depends on other parameters."""
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of a distribution that is a constraint, and on the class a dependent constraint."""

    def __init__(self, fn=None, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn):
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims

    @property
    def is_discrete(self):
        """That of the base constraint."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        """That of the base constraint and the reinterpreted dimensions."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        result = self.base_constraint.check(value)
        n = self.reinterpreted_batch_ndims
        if result.dim() < n:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return result.reshape(result.shape[: result.dim() - n] + (-1,)).all(-1)

    def __repr__(self):
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """What satisfies `base_constraint` with a dimension of components put in."""

    def __init__(self, base_constraint):
        self.base_constraint = base_constraint

    @property
    def is_discrete(self):
        """That of the base constraint."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        """That of the base constraint."""
        return self.base_constraint.event_dim

    def check(self, value):
        inside = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return inside.reshape(inside.shape[: inside.dim() - self.event_dim] + (-1,)).all(-1) if self.event_dim else inside.all(-1)

    def __repr__(self):
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


def _simple(name, test, *, is_discrete=False, event_dim=0, doc=""):
    """A constraint without parameters: the class `_Name` whose check is `test`."""
    members = {"check": lambda self, value: test(value), "is_discrete": is_discrete, "event_dim": event_dim, "__doc__": doc, "__module__": __name__}
    return type("_" + name, (Constraint,), members)()


class _Bounded(Constraint):
    """A constraint with bounds, which its repr shows."""

    def __repr__(self):
        return f"{self.__class__.__name__[1:]}({', '.join(f'{name}={value}' for name, value in vars(self).items())})"


class _Above(_Bounded):
    def __init__(self, lower_bound):
        self.lower_bound = lower_bound


class _Below(_Bounded):
    def __init__(self, upper_bound):
        self.upper_bound = upper_bound


class _Between(_Bounded):
    def __init__(self, lower_bound, upper_bound):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound


class _GreaterThan(_Above):
    def check(self, value):
        return self.lower_bound < value


class _GreaterThanEq(_Above):
    def check(self, value):
        return self.lower_bound <= value


class _LessThan(_Below):
    def check(self, value):
        return value < self.upper_bound


class _Interval(_Between):
    def check(self, value):
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_Between):
    def check(self, value):
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _IntegerInterval(_Between):
    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Above):
    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (value >= self.lower_bound)


class _Multinomial(_Below):
    """Counts of a number of trials, along the last dimension."""

    is_discrete = True
    event_dim = 1

    def check(self, x):
        return (x >= 0).all(dim=-1) & (x.sum(dim=-1) <= self.upper_bound)


class _Cat(Constraint):
    """Constraints side by side along a dimension, `lengths` entries each."""

    def __init__(self, cseq, dim=0, lengths=None):
        self.cseq, self.dim = list(cseq), dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    @property
    def is_discrete(self):
        """Whether any of them is."""
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self):
        """The largest of theirs."""
        return max(c.event_dim for c in self.cseq)

    def check(self, value):
        parts = value.split(self.lengths, self.dim)
        return torch.cat([c.check(v) for v, c in zip(parts, self.cseq)], self.dim)


class _Stack(_Cat):
    """Constraints on the slices of a dimension."""

    def __init__(self, cseq, dim=0):
        super().__init__(cseq, dim)

    def check(self, value):
        return torch.stack([c.check(v) for v, c in zip(value.unbind(self.dim), self.cseq)], self.dim)

    @property
    def event_dim(self):
        """The largest of theirs, and one more where the dimension lies inside of the event."""
        dim = max(c.event_dim for c in self.cseq)
        return dim + 1 if self.dim + dim < 0 else dim


def _flat_all(x, dims):
    return x.reshape(x.shape[: x.dim() - dims] + (-1,)).all(-1)


def _is_square(x):
    return torch.full(x.shape[:-2], x.dim() >= 2 and x.shape[-2] == x.shape[-1], dtype=torch.bool, device=x.device)


def _is_symmetric(x):
    return _is_square(x) & torch.isclose(x, x.mT, atol=1e-6).all(-2).all(-1)


def _is_corr_cholesky(x):
    tolerance = torch.finfo(x.dtype).eps * x.size(-1) * 10
    unit_rows = ((torch.linalg.norm(x, dim=-1) - 1.0).abs() < tolerance).all(-1)
    return lower_cholesky.check(x) & unit_rows


dependent = _Dependent()
dependent_property = _DependentProperty
independent = _IndependentConstraint
boolean = _simple("Boolean", lambda x: (x == 0) | (x == 1), is_discrete=True, doc="0 or 1.")
one_hot = _simple("OneHot", lambda x: ((x == 0) | (x == 1)).all(-1) & x.sum(-1).eq(1), is_discrete=True, event_dim=1, doc="One 1, the rest 0.")
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _simple("Real", lambda x: x == x, doc="Any number that is not nan.")
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _simple("Simplex", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), event_dim=1, doc="Nonnegative, with sum 1.")
lower_triangular = _simple("LowerTriangular", lambda x: _flat_all(x.tril() == x, 2), event_dim=2, doc="Nothing above the diagonal.")
lower_cholesky = _simple("LowerCholesky", lambda x: _flat_all(x.tril() == x, 2) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1), event_dim=2,
                         doc="Lower triangular with a positive diagonal.")
corr_cholesky = _simple("CorrCholesky", _is_corr_cholesky, event_dim=2, doc="Cholesky factor of a correlation matrix.")
square = _simple("Square", _is_square, event_dim=2, doc="Square matrices.")
symmetric = _simple("Symmetric", _is_symmetric, event_dim=2, doc="Symmetric matrices.")
positive_semidefinite = _simple("PositiveSemidefinite", lambda x: _is_symmetric(x) & (torch.linalg.eigvalsh(x) >= 0).all(-1), event_dim=2,
                                doc="Symmetric matrices without negative eigenvalues.")
positive_definite = _simple("PositiveDefinite", lambda x: _is_symmetric(x) & (torch.linalg.cholesky_ex(x).info == 0), event_dim=2,
                            doc="Symmetric matrices with positive eigenvalues.")
cat = _Cat
stack = _Stack

__all__ = ["Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property", "greater_than",
           "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
           "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
           "positive_semidefinite", "real", "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval"]
