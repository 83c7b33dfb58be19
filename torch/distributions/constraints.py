"""Sets that parameters and samples of distributions lie in; ``constraint.check(value)`` tells element by element."""

import torch

__all__ = [
    "Constraint", "boolean", "dependent", "dependent_property", "greater_than", "greater_than_eq", "half_open_interval",
    "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular",
    "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
    "positive_semidefinite", "real", "real_vector", "simplex", "square", "symmetric", "unit_interval",
]


class Constraint:
    """A set of values. `is_discrete`: only separate values; `event_dim`: trailing dimensions that are checked together."""

    is_discrete = False
    event_dim = 0

    def __init__(self, name=None, check=None, is_discrete=False, event_dim=0):
        self._name, self.is_discrete, self.event_dim = name or type(self).__name__, is_discrete, event_dim
        if check is not None:
            self.check = check

    def check(self, value):
        """A boolean for each event: whether it lies in the set."""
        raise NotImplementedError

    def __repr__(self):
        return self._name


class _Dependent(Constraint):
    """A set that depends on the other parameters."""

    def __init__(self, *, is_discrete=False, event_dim=0):
        super().__init__("Dependent()", None, is_discrete, event_dim)

    def __call__(self, *, is_discrete=False, event_dim=0):
        return _Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, value):
        """Cannot be told without the distribution. Raises ValueError."""
        raise ValueError("Cannot determine validity of dependent constraint")


class _DependentProperty(property, _Dependent):
    """A support that a distribution computes from its parameters."""

    def __init__(self, fn=None, *, is_discrete=False, event_dim=0):
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)
        self._settings = {"is_discrete": is_discrete, "event_dim": event_dim}

    def __call__(self, fn):
        return _DependentProperty(fn, **self._settings)


class _Independent(Constraint):
    """A set of trailing dimensions, all of whose elements lie in `base_constraint`."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims
        super().__init__(f"Independent({base_constraint!r}, {reinterpreted_batch_ndims})", None, base_constraint.is_discrete,
                         base_constraint.event_dim + reinterpreted_batch_ndims)

    def check(self, value):
        """Whether every element of the trailing dimensions lies in the base set."""
        result = self.base_constraint.check(value)
        if result.dim() < self.reinterpreted_batch_ndims:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return result.reshape(result.shape[:result.dim() - self.reinterpreted_batch_ndims] + (-1,)).all(-1)


class _Interval(Constraint):
    """Numbers between bounds, either of which may belong to the set."""

    def __init__(self, lower_bound=None, upper_bound=None, lower_open=False, upper_open=False, integer=False):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        self.lower_open, self.upper_open, self.integer = lower_open, upper_open, integer
        left, right = "(" if lower_open else "[", ")" if upper_open else "]"
        name = f"{'Integer' if integer else ''}Interval{left}{lower_bound}, {upper_bound}{right}"
        super().__init__(name, None, integer)

    def check(self, value):
        """Element by element."""
        result = value % 1 == 0 if self.integer else torch.ones_like(value, dtype=torch.bool)
        if self.lower_bound is not None:
            result = result & (value > self.lower_bound if self.lower_open else value >= self.lower_bound)
        if self.upper_bound is not None:
            result = result & (value < self.upper_bound if self.upper_open else value <= self.upper_bound)
        return result


def interval(lower_bound, upper_bound):
    """[lower, upper]."""
    return _Interval(lower_bound, upper_bound)


def half_open_interval(lower_bound, upper_bound):
    """[lower, upper)."""
    return _Interval(lower_bound, upper_bound, upper_open=True)


def greater_than(lower_bound):
    """(lower, infinity)."""
    return _Interval(lower_bound, lower_open=True)


def greater_than_eq(lower_bound):
    """[lower, infinity)."""
    return _Interval(lower_bound)


def less_than(upper_bound):
    """(-infinity, upper)."""
    return _Interval(None, upper_bound, upper_open=True)


def integer_interval(lower_bound, upper_bound):
    """The integers from lower to upper."""
    return _Interval(lower_bound, upper_bound, integer=True)


class multinomial(Constraint):
    """Counts that add up to at most `upper_bound`."""

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound
        super().__init__("Multinomial()", None, True, 1)

    def check(self, x):
        """Whether the counts of the last dimension are allowed."""
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)


def is_dependent(constraint):
    """Whether a set depends on other parameters."""
    return isinstance(constraint, _Dependent)


def _one_hot(value):
    return ((value == 0) | (value == 1)).all(-1) & value.sum(-1).eq(1)


def _square(value):
    return torch.full(value.shape[:-2], value.dim() > 1 and value.shape[-1] == value.shape[-2], dtype=torch.bool)


def _symmetric(value):
    return torch.isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


def _triangular(value):
    return (value.tril() == value).all(-1).all(-1)


dependent = _Dependent()
dependent_property = _DependentProperty
independent = _Independent
boolean = Constraint("Boolean()", lambda value: (value == 0) | (value == 1), True)
one_hot = Constraint("OneHot()", _one_hot, True, 1)
nonnegative_integer = _Interval(0, integer=True)
positive_integer = _Interval(1, integer=True)
real = Constraint("Real()", lambda value: value == value)
real_vector = _Independent(real, 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = Constraint("Simplex()", lambda value: (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6), False, 1)
lower_triangular = Constraint("LowerTriangular()", _triangular, False, 2)
lower_cholesky = Constraint(
    "LowerCholesky()", lambda value: _triangular(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1), False, 2)
square = Constraint("Square()", _square, False, 2)
symmetric = Constraint("Symmetric()", _symmetric, False, 2)
positive_semidefinite = Constraint(
    "PositiveSemidefinite()", lambda value: _symmetric(value) & (torch.linalg.eigvalsh(value) >= 0).all(-1), False, 2)
positive_definite = Constraint(
    "PositiveDefinite()", lambda value: _symmetric(value) & torch.linalg.cholesky_ex(value)[1].eq(0), False, 2)
