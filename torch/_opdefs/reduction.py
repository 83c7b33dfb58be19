"""Reductions: sums, extrema, moments, norms, and the composites over them."""
# Bodies of composites and gradient formulas name aten operators and the helpers of csrc/autograd/formulas.h.
# ruff: noqa: F821

from __future__ import annotations

import math

from . import expr as E
from .complexes import Complex
from .expr import cast, eq, exp, isnan, log, maximum, minimum, ne, sqrt, where
from .language import BOOL, FLOAT8, FLOATING_COMPLEX, INT64, ORDERED, REAL, REALS, SAME, UINT64, Fold, composite, decomposed, reduction


def tree(values, join):
    """The values joined pairwise."""
    while len(values) > 1:
        half = (len(values) + 1) // 2
        values = [join(values[k], values[k + half]) if k + half < len(values) else values[k] for k in range(half)]
    return values[0]


def add(a, b):
    return a + b


def square(x):
    """|x|**2, real."""
    return x.re * x.re + x.im * x.im if isinstance(x, Complex) else x * x


# ---- sums and products ----

def sum_fold():
    return Fold((0,), map=lambda x: (x,), combine=lambda a, b: (a[0] + b[0],))


@reduction("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", widens=True,
           out=["sum.IntList_out(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "restore_dims(grad, self.ndim, dim, keepdim).expand(self.shape)"}, jvp="linear", node="SumBackward1")
def sum_dim():
    """Sum over dimensions. Integers add up in int64.

    >>> torch.ones(2, 3).sum(1)
    tensor([3., 3.])
    """
    return sum_fold()


@reduction("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", widens=True, kernels="sum_dim_IntList",
           grad={"self": "grad.expand(self.shape)"}, jvp="linear", out=["sum.out(Tensor self, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"], node="SumBackward0",
           vmap="sum(self, [], False, dtype=dtype)")
def sum():
    """Sum of all elements.

    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), 0)
    tensor([4, 6])
    """
    return sum_fold()


@reduction("nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", kinds="busf", widens=True,
           grad={"self": "restore_dims(grad, self.ndim, dim, keepdim).expand(self.shape) * self.isnan().logical_not()"})
def nansum():
    """Sum over dimensions, NaN counting as 0.

    >>> torch.nansum(torch.tensor([1., float("nan"), 3.]))
    tensor(4.)
    """
    return Fold((0,), map=lambda x: (where(isnan(x), 0, x),), combine=lambda a, b: (a[0] + b[0],))


def prod_fold():
    return Fold((1,), map=lambda x: (x,), combine=lambda a, b: (a[0] * b[0],))


@reduction("prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", widens=True,
           out=["prod.int_out(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "prod_backward(restore_dims(grad, self.ndim, [dim], keepdim), self, restore_dims(result, self.ndim, [dim], keepdim), dim)"}, node="ProdBackward1")
def prod_dim():
    """Product over one dimension."""
    return prod_fold()


@reduction("prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", widens=True, kernels="prod_dim_int",
           grad={"self": "prod_backward(grad, self.reshape([-1]), result, 0).view(self.shape)"},
           out=["prod.out(Tensor self, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"], node="ProdBackward0",
           vmap="prod(self.reshape([-1]), 0, False, dtype=dtype)")
def prod():
    """Product of all elements.

    >>> torch.prod(torch.tensor([2, 3, 4]))
    tensor(24)
    """
    return prod_fold()


MEAN_ERROR = "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "


def mean_fold():
    return Fold((0,), map=lambda x: (x,), combine=lambda a, b: (a[0] + b[0],), finish=lambda a, count: a[0] / cast(count, a[0].type))


@reduction("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", kinds="fc", error=MEAN_ERROR,
           out=["mean.out(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"],
           grad={"self": "restore_dims(grad, self.ndim, dim, keepdim).expand(self.shape) / reduced_count(self.shape, dim)"}, jvp="linear", node="MeanBackward1")
def mean_dim():
    """Mean over dimensions."""
    return mean_fold()


@reduction("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", kinds="fc", error=MEAN_ERROR, kernels="mean_dim",
           grad={"self": "grad.expand(self.shape) / self.numel()"}, jvp="linear",
           out=["mean.dtype_out(Tensor self, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"], node="MeanBackward0",
           vmap="mean(self, [], False, dtype=dtype)")
def mean():
    """Mean of all elements.

    >>> torch.mean(torch.tensor([[1., 3.], [5., 2.]]), 1)
    tensor([2.0000, 3.5000])
    """
    return mean_fold()


@composite("nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
           kinds=REALS, without=FLOAT8, out=["nanmean.out(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)"])
def nanmean(self, dim, keepdim, dtype):
    """Mean over dimensions of what is not NaN.

    >>> torch.nanmean(torch.tensor([1., float("nan"), 3.]))
    tensor(2.)
    """
    factor = self.detach().ne(self).logical_not_().sum(dim, keepdim)
    return nansum(self, dim, keepdim, dtype=dtype) / factor


@reduction("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", result=INT64, grad=None)
def count_nonzero_dims():
    """Number of elements over dimensions that are not 0.

    >>> torch.count_nonzero(torch.tensor([0, 2, 3]))
    tensor(2)
    """
    return Fold((0,), map=lambda x: (cast(ne(x, 0), "i64"),), combine=lambda a, b: (a[0] + b[0],), types=("i64",))


@reduction("count_nonzero(Tensor self, int? dim=None) -> Tensor", result=INT64, grad=None, kernels="count_nonzero_dim_IntList")
def count_nonzero():
    """Number of elements that are not 0."""
    return count_nonzero_dims()


@reduction("hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor", kinds=REALS, result=UINT64, identity=False,
           empty="hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.",
           grad=None)
def hash_tensor():
    """Exclusive or of the bits of the elements over dimensions, floats as double precision and integers as int64.

    >>> torch.hash_tensor(torch.tensor([1, 2])).shape
    torch.Size([])
    """
    def bits(x):
        return E.bitcast(cast(x, "f64"), "i64") if x.is_float else cast(x, "i64")

    return Fold((0,), map=lambda x: (bits(x),), combine=lambda a, b: (a[0] ^ b[0],), types=("i64",))


# ---- truth ----

def any_fold():
    return Fold((False,), map=lambda x: (ne(x, 0),), combine=lambda a, b: (a[0] | b[0],), types=("bool",))


def all_fold():
    return Fold((True,), map=lambda x: (ne(x, 0),), combine=lambda a, b: (a[0] & b[0],), types=("bool",))


@reduction("any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", result=BOOL, grad=None)
def any_dims():
    """Whether any element over dimensions is not 0."""
    return any_fold()


@reduction("any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", result=BOOL, grad=None, kernels="any_dims",
           out=["any.out(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"])
def any_dim():
    """Whether any element over one dimension is not 0."""
    return any_fold()


@reduction("any(Tensor self) -> Tensor", result=BOOL, grad=None, kernels="any_dims",
           out=["any.all_out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"], vmap="any(self.reshape([-1]), 0)")
def any():
    """Whether any element is not 0.

    >>> torch.any(torch.tensor([[True, False], [False, False]]), 1)
    tensor([ True, False])
    """
    return any_fold()


@reduction("all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", result=BOOL, grad=None)
def all_dims():
    """Whether no element over dimensions is 0."""
    return all_fold()


@reduction("all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", result=BOOL, grad=None, kernels="all_dims",
           out=["all.out(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"])
def all_dim():
    """Whether no element over one dimension is 0."""
    return all_fold()


@reduction("all(Tensor self) -> Tensor", result=BOOL, grad=None, kernels="all_dims",
           out=["all.all_out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"], vmap="all(self.reshape([-1]), 0)")
def all():
    """Whether no element is 0.

    >>> torch.all(torch.tensor([[True, False], [True, True]]), 1)
    tensor([False,  True])
    """
    return all_fold()


# ---- extrema ----

def greatest_fold():
    return Fold((-math.inf,), map=lambda x: (x,), combine=lambda a, b: (maximum(a[0], b[0]),))


def least_fold():
    return Fold((math.inf,), map=lambda x: (x,), combine=lambda a, b: (minimum(a[0], b[0]),))


def _spread(grad, result, self, dim, keepdim):
    """The gradient shared evenly by the elements that equal the extremum."""
    mask = restore_view(result, self.shape, dim, keepdim) == self
    return restore_view(grad, self.shape, dim, keepdim) / mask.sum(dim, True) * mask


def _spread_full(grad, result, self):
    nan = result.isnan().logical_and(self.isnan())
    mask = (self == result).logical_or_(nan)
    return grad / mask.sum() * mask


def _selected(grads, result1, self, dim, keepdim):
    """The gradient at the selected index, zeros elsewhere."""
    g = grads[0]
    indices = result1
    if not keepdim and self.ndim > 0:
        g = g.unsqueeze(dim)
        indices = indices.unsqueeze(dim)
    return g.new_zeros(self.shape).scatter(dim, indices, g)


@reduction("amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", kinds=ORDERED, identity=False, grad={"self": _spread})
def amax():
    """Largest value over dimensions; a NaN wins. Equal ones share the gradient.

    >>> torch.amax(torch.tensor([[1, 3], [5, 2]]), 1)
    tensor([3, 5])
    """
    return greatest_fold()


@reduction("amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", kinds=ORDERED, identity=False, grad={"self": _spread})
def amin():
    """Smallest value over dimensions; a NaN wins. Equal ones share the gradient.

    >>> torch.amin(torch.tensor([[1, 3], [5, 2]]), 1)
    tensor([1, 2])
    """
    return least_fold()


@reduction("max(Tensor self) -> Tensor", kinds=ORDERED, identity=False, kernels="amax", grad={"self": _spread_full},
           out=["max.unary_out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"], node="MaxBackward1", vmap="amax(self, [])")
def max():
    """Largest element; a NaN wins.

    >>> torch.max(torch.tensor([[1, 3], [5, 2]]), 1)
    torch.return_types.max(
    values=tensor([3, 5]),
    indices=tensor([1, 0]))
    """
    return greatest_fold()


@reduction("min(Tensor self) -> Tensor", kinds=ORDERED, identity=False, kernels="amin", grad={"self": _spread_full},
           out=["min.unary_out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"], node="MinBackward1", vmap="amin(self, [])")
def min():
    """Smallest element; a NaN wins.

    >>> torch.min(torch.tensor([[1, 3], [5, 2]]), 1)
    torch.return_types.min(
    values=tensor([1, 2]),
    indices=tensor([0, 1]))
    """
    return least_fold()


def _aminmax(grads, result0, result1, self, dim, keepdim):
    dims = [dim] if dim is not None else [i for i in range(self.ndim)]
    g = None
    if grads[0] is not None:
        part = restore_view(grads[0], self.shape, dims, keepdim)
        low = self == restore_view(result0, self.shape, dims, keepdim)
        g = part / low.sum(dims, True) * low
    if grads[1] is not None:
        part = restore_view(grads[1], self.shape, dims, keepdim)
        high = self == restore_view(result1, self.shape, dims, keepdim)
        to_high = part / high.sum(dims, True) * high
        g = to_high if g is None else g + to_high
    return g


@reduction("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)", kinds=ORDERED, identity=False,
           empty="aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
           grad={"self": _aminmax}, out_dtype="exact")
def aminmax():
    """Smallest and largest value, of all elements or over one dimension.

    >>> torch.aminmax(torch.tensor([1, 3, 2]))
    torch.return_types.aminmax(
    min=tensor(1),
    max=tensor(3))
    """
    return Fold((math.inf, -math.inf), map=lambda x: (x, x), combine=lambda a, b: (minimum(a[0], b[0]), maximum(a[1], b[1])))


def _indexed(better, start):
    """The best value with its index; NaN is better than all, the lower index better among equals."""
    last = (1 << 63) - 1

    def combine(a, b):
        if a[0].is_float:
            equal = eq(a[0], b[0]) | (isnan(a[0]) & isnan(b[0]))
            first = better(a[0], b[0]) | (isnan(a[0]) & ~isnan(b[0]))
        else:
            equal, first = eq(a[0], b[0]), better(a[0], b[0])
        first = first | (equal & (a[1] < b[1]))
        return where(first, a[0], b[0]), where(first, a[1], b[1])

    return Fold((start, last), map=lambda x, i: (x, i), combine=combine, types=("acc", "i64"))


def _greater(a, b):
    return a > b


def _less(a, b):
    return a < b


@reduction("max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", kinds=ORDERED, identity=False,
           result=(SAME, INT64), grad={"self": _selected}, jvp=None,
           out=["max.dim_max(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) max, Tensor(b!) max_values) "
                "-> (Tensor(a!) values, Tensor(b!) indices)"], node="MaxBackward0")
def max_dim():
    """Largest value over one dimension and the index of its first occurrence."""
    return _indexed(_greater, -math.inf)


@reduction("min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", kinds=ORDERED, identity=False,
           result=(SAME, INT64), grad={"self": _selected}, jvp=None,
           out=["min.dim_min(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) min, Tensor(b!) min_indices) "
                "-> (Tensor(a!) values, Tensor(b!) indices)"], node="MinBackward0")
def min_dim():
    """Smallest value over one dimension and the index of its first occurrence."""
    return _indexed(_less, math.inf)


def _index_only(fold):
    fold.finish = lambda a, count: a[1]
    return fold


@reduction("argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", kinds=ORDERED, identity=False, result=INT64, grad=None)
def argmax():
    """Index of the first largest value over one dimension, or of the flattened tensor.

    >>> torch.argmax(torch.tensor([[1, 3], [5, 2]]), 1)
    tensor([1, 0])
    """
    return _index_only(_indexed(_greater, -math.inf))


@reduction("argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", kinds=ORDERED, identity=False, result=INT64, grad=None)
def argmin():
    """Index of the first smallest value over one dimension, or of the flattened tensor.

    >>> torch.argmin(torch.tensor([[1, 3], [5, 2]]), 1)
    tensor([0, 1])
    """
    return _index_only(_indexed(_less, math.inf))


# ---- moments ----

MOMENT_ERROR = " only support floating point and complex dtypes"


def moments(finish):
    """Mean and sum of squared deviations, merged by Chan, Golub and LeVeque's rule."""
    def block(xs):
        mean = tree(xs, add) * (1.0 / len(xs))
        return mean, tree([square(x - mean) for x in xs], add), E.const(len(xs), mean.type)

    def combine(a, b):
        count = a[2] + b[2]
        share = where(eq(count, 0.0), 0.0, b[2] / count)
        delta = b[0] - a[0]
        return a[0] + delta * share, a[1] + b[1] + square(delta) * (a[2] * share), count

    return Fold((0, 0, 0), map=lambda x: (x, 0, 1), combine=combine, finish=finish, types=("acc", "real", "real"), block=block)


def variance(a, count, correction):
    return a[1] / maximum(cast(count, a[1].type) - correction, 0.0)


def mean_of(a):
    """The mean, NaN of nothing."""
    return where(eq(a[2], 0.0), a[0] * math.nan, a[0])


VAR = "(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "


@reduction("var.correction" + VAR + "Tensor", kinds="fc", result=REAL, error="std and var" + MOMENT_ERROR,
           grad={"self": "var_backward(grad, self, dim, correction, keepdim)"})
def var(correction):
    """Variance over dimensions: squared deviations from the mean over N - correction (default 1)."""
    return moments(lambda a, count: variance(a, count, correction))


@reduction("std.correction" + VAR + "Tensor", kinds="fc", result=REAL, error="std and var" + MOMENT_ERROR,
           grad={"self": "std_backward(grad, self, result, dim, correction, keepdim)"})
def std(correction):
    """Standard deviation over dimensions."""
    return moments(lambda a, count: sqrt(variance(a, count, correction)))


def _var_mean(grads, self, dim, correction, keepdim):
    g = None
    if grads[0].defined():
        g = var_backward(grads[0], self, dim, correction, keepdim)
    if grads[1].defined():
        m = restore_dims(grads[1], self.ndim, dim, keepdim).expand(self.shape) / reduced_count(self.shape, dim)
        g = m if g is None else g + m
    return g


def _std_mean(grads, self, result0, dim, correction, keepdim):
    g = None
    if grads[0].defined():
        g = std_backward(grads[0], self, result0, dim, correction, keepdim)
    if grads[1].defined():
        m = restore_dims(grads[1], self.ndim, dim, keepdim).expand(self.shape) / reduced_count(self.shape, dim)
        g = m if g is None else g + m
    return g


@reduction("var_mean.correction" + VAR + "(Tensor, Tensor)", kinds="fc", result=(REAL, SAME), error="var_mean" + MOMENT_ERROR,
           python="function", grad={"self": _var_mean})
def var_mean(correction):
    """Variance and mean over dimensions."""
    return moments(lambda a, count: (variance(a, count, correction), mean_of(a)))


@reduction("std_mean.correction" + VAR + "(Tensor, Tensor)", kinds="fc", result=(REAL, SAME), error="std_mean" + MOMENT_ERROR,
           python="function", grad={"self": _std_mean})
def std_mean(correction):
    """Standard deviation and mean over dimensions."""
    return moments(lambda a, count: (sqrt(variance(a, count, correction)), mean_of(a)))


@composite("var(Tensor self, bool unbiased=True) -> Tensor")
def var_all(self, unbiased):
    """Variance of all elements.

    >>> torch.var(torch.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return aten.var.correction(self, None, correction=1 if unbiased else 0, keepdim=False)


@composite("var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
           out=["var.out(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"])
def var_dims(self, dim, unbiased, keepdim):
    """Variance over dimensions."""
    return aten.var.correction(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)


@composite("std(Tensor self, bool unbiased=True) -> Tensor")
def std_all(self, unbiased):
    """Standard deviation of all elements.

    >>> torch.std(torch.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return aten.std.correction(self, None, correction=1 if unbiased else 0, keepdim=False)


@composite("std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
           out=["std.out(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"])
def std_dims(self, dim, unbiased, keepdim):
    """Standard deviation over dimensions."""
    return aten.std.correction(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)


@composite("var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)", python="function")
def var_mean_all(self, unbiased):
    """Variance and mean of all elements.

    >>> torch.var_mean(torch.tensor([1., 2., 3.]))
    (tensor(1.), tensor(2.))
    """
    return aten.var_mean.correction(self, None, correction=1 if unbiased else 0, keepdim=False)


@composite("var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)", python="function")
def var_mean_dims(self, dim, unbiased, keepdim):
    """Variance and mean over dimensions."""
    return aten.var_mean.correction(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)


@composite("std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)", python="function")
def std_mean_all(self, unbiased):
    """Standard deviation and mean of all elements.

    >>> torch.std_mean(torch.tensor([1., 2., 3.]))
    (tensor(1.), tensor(2.))
    """
    return aten.std_mean.correction(self, None, correction=1 if unbiased else 0, keepdim=False)


@composite("std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)", python="function")
def std_mean_dims(self, dim, unbiased, keepdim):
    """Standard deviation and mean over dimensions."""
    return aten.std_mean.correction(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)


# ---- norms ----

def modulus(x):
    return E.abs(x)


@reduction("linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
           kinds="fc", result=REAL, choices={"ord": (2.0, 1.0, math.inf, -math.inf, 0.0)},
           error="linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
           grad={"self": "norm_backward(grad, self, ord, result, dim, keepdim)"})
def linalg_vector_norm(ord):
    """(sum |x|**ord) ** (1/ord) over dimensions; the largest or smallest |x| for ord = inf or -inf, the number of non-zeros for 0.

    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    def total(function, finish=None):
        return Fold((0,), map=lambda x: (function(x),), combine=lambda a, b: (a[0] + b[0],), finish=finish, types=("real",))

    if ord == 2.0:
        return total(square, lambda a, count: sqrt(a[0]))
    if ord == 1.0:
        return total(modulus)
    if ord == 0.0:
        return total(lambda x: cast(ne(x, 0), modulus(x).type))
    if ord == math.inf:
        return Fold((0,), map=lambda x: (modulus(x),), combine=lambda a, b: (maximum(a[0], b[0]),), types=("real",))
    if ord == -math.inf:
        return Fold((math.inf,), map=lambda x: (modulus(x),), combine=lambda a, b: (minimum(a[0], b[0]),), types=("real",))
    return total(lambda x: E.pow(modulus(x), ord), lambda a, count: E.pow(a[0], 1.0 / ord))


@composite("norm.Scalar(Tensor self, Scalar p=2) -> Tensor", out="below")
def norm(self, p):
    """The p-norm of all elements."""
    return linalg_vector_norm(self, p, None, False)


@decomposed("norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor",
           grad={"self": "norm_backward(grad, self, p if p is not None else 2, result, dim, keepdim)"}, jvp=None, node="NormBackward1",
           out=["norm.out(Tensor self, Scalar? p, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)"])
def norm_dim(self, p, dim, keepdim):
    """The p-norm over dimensions."""
    return linalg_vector_norm(self, p if p is not None else 2, dim, keepdim)


@composite("norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor",
           kinds=FLOATING_COMPLEX, out=["norm.dtype_out(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact")
def norm_dim_dtype(self, p, dim, keepdim, dtype):
    """The p-norm over dimensions, computed in `dtype`."""
    return linalg_vector_norm(self, p if p is not None else 2, dim, keepdim, dtype=dtype)


@composite("norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", kinds=FLOATING_COMPLEX, out="below")
def norm_dtype(self, p, dtype):
    """The p-norm of all elements, computed in `dtype`."""
    return linalg_vector_norm(self, p if p is not None else 2, None, False, dtype=dtype)


def _dist_other(grad, self, other, p, result):
    g = norm_backward(grad, self - other, p, result, None, False)
    return None if g is None else -g


@decomposed("dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", kinds=FLOATING_COMPLEX, jvp="transposed",
            grad={"self": "norm_backward(grad, self - other, p, result, None, False)", "other": _dist_other}, out="below")
def dist(self, other, p):
    """The p-norm of self - other.

    >>> torch.dist(torch.tensor([3., 0.]), torch.tensor([0., 4.]))
    tensor(5.)
    """
    return aten.norm.Scalar(self - other, p)


# ---- logsumexp ----

def log_sum_fold():
    """Largest real part and the sum of exp(x - largest)."""
    def anchor(x):
        return where(eq(E.abs(x), math.inf), 0.0, x)

    def combine(a, b):
        largest = maximum(a[0], b[0])
        at = anchor(largest)
        return largest, a[1] * exp(a[0] - at) + b[1] * exp(b[0] - at)

    def block(xs):
        largest = tree([x.real for x in xs], maximum)
        at = anchor(largest)
        return largest, tree([exp(x - at) for x in xs], add)

    def finish(a, count):
        total = log(a[1]) + anchor(a[0])
        return total if isinstance(total, Complex) else where(eq(a[0], math.inf), a[0], total)

    return Fold((-math.inf, 0), map=lambda x: (x.real, exp(x - anchor(x.real))), combine=combine, finish=finish, block=block,
                types=("real", "acc"))


@reduction("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", floats=True,
           grad={"self": "restore_dims(grad, self.ndim, dim, keepdim) * (self - restore_dims(result, self.ndim, dim, keepdim)).exp().conj()"})
def logsumexp():
    """log(sum(exp(x))) over dimensions, without overflow.

    >>> torch.logsumexp(torch.zeros(2), 0)
    tensor(0.6931)
    """
    return log_sum_fold()
