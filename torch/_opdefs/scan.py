"""Scans: running sums, products and extrema along one dimension."""
# Gradient formulas name aten operators and the helpers of csrc/autograd/formulas.h.
# ruff: noqa: F821

from __future__ import annotations

import math

from . import expr as E
from .complexes import Complex
from .expr import cast, eq, exp, isnan, log1p, maximum, where
from .language import INT64, ORDERED, SAME, Fold, scan


def _reversed_sum(grad, self, dim):
    if self.numel() <= 1 or self.size(dim) == 1:
        return grad
    return grad.flip([dim]).cumsum(dim).flip([dim])


@scan("cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", widens=True, grad={"self": _reversed_sum}, jvp="linear",
      inplace=["cumsum_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)"])
def cumsum():
    """Running sum along `dim`, in double precision; integers in int64.

    >>> torch.arange(4).cumsum(0)
    tensor([0, 1, 3, 6])
    """
    return Fold((0,), map=lambda x: (x,), combine=lambda a, b: (a[0] + b[0],), types=("wide",), ordered=True)


@scan("cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", widens=True,
      grad={"self": "cumprod_backward(grad, self, dim, result)"}, jvp=None,
      inplace=["cumprod_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)"])
def cumprod():
    """Running product along `dim`, in double precision; integers in int64.

    >>> torch.cumprod(torch.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return Fold((1,), map=lambda x: (x,), combine=lambda a, b: (a[0] * b[0],), types=("wide",), ordered=True)


def _log_add(a, b):
    """log(exp(a) + exp(b))."""
    above = a.real >= b.real
    if isinstance(a, Complex):
        larger, smaller = where(above, a, b), where(above, b, a)
        total = larger + log1p(exp(smaller - larger))
        return where(eq(smaller.real, -math.inf), larger, total)
    total = maximum(a, b) + log1p(exp(-E.abs(a - b)))
    return where(eq(a, b) & eq(E.abs(a), math.inf), a, total)


def _logcumsumexp_tangent(self_p, self_t, dim, result):
    y = result.masked_fill(result.isinf(), 0)
    if self_t.is_complex():
        return ((self_p + self_t.log()).logcumsumexp(dim) - y).exp()
    up = (self_p + self_t.clamp_min(0).log()).logcumsumexp(dim)
    down = (self_p + self_t.neg().clamp_min(0).log()).logcumsumexp(dim)
    return (up - y).exp() - (down - y).exp()


@scan("logcumsumexp(Tensor self, int dim) -> Tensor", kinds="fc", grad={"self": "logcumsumexp_backward(grad, self, result, dim)"}, jvp={"result": _logcumsumexp_tangent})
def logcumsumexp():
    """log of the running sum of exp(x) along `dim`.

    >>> torch.logcumsumexp(torch.zeros(3), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    return Fold((-math.inf,), map=lambda x: (cast(x, "f64"),), combine=lambda a, b: (_log_add(a[0], b[0]),), types=("wide",), ordered=True)


def _at_extrema(grads, self, dim, result1):
    return zeros(self.shape, dtype=grads[0].dtype, device=grads[0].device).scatter_add(dim, result1, grads[0])


def _running(later_wins, start):
    """The extremum so far and its index; of equal ones the later, and NaN stays."""
    def combine(a, b):
        take = later_wins(b[0], a[0])
        if a[0].is_float:
            take = isnan(b[0]) | (~isnan(a[0]) & take)
        return where(take, b[0], a[0]), where(take, b[1], a[1])

    return Fold((start, 0), map=lambda x, i: (x, i), combine=combine, types=("acc", "i64"), ordered=True)


@scan("cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)", kinds=ORDERED, result=(SAME, INT64), grad={"self": _at_extrema}, jvp=None)
def cummax():
    """Running maximum along `dim` and where it was met last.

    >>> torch.cummax(torch.tensor([1, 3, 2]), 0)
    torch.return_types.cummax(
    values=tensor([1, 3, 3]),
    indices=tensor([0, 1, 1]))
    """
    return _running(lambda x, best: x >= best, -math.inf)


@scan("cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)", kinds=ORDERED, result=(SAME, INT64), grad={"self": _at_extrema}, jvp=None)
def cummin():
    """Running minimum along `dim` and where it was met last.

    >>> torch.cummin(torch.tensor([3, 1, 2]), 0)
    torch.return_types.cummin(
    values=tensor([3, 1, 1]),
    indices=tensor([0, 1, 1]))
    """
    return _running(lambda x, best: x <= best, math.inf)
