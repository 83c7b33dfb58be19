"""Order: sorting, selection, distinct values, binary search, counting."""

from .language import FLOATING, HALF, ORDERED, UNKNOWN, composite, kernel


def _selected(grad, self, dim, keepdim, result1):
    if keepdim or self.dim() == 0:
        return grad.new_zeros(self.shape).scatter(dim, result1, grad)
    part = grad.unsqueeze(dim)
    places = result1.unsqueeze(dim)
    return part.new_zeros(self.shape).scatter(dim, places, part)


@kernel("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
        "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
        kinds=ORDERED, compute=HALF, grad={"self": "grad.new_zeros(self.shape).scatter(dim, result1, grad)"}, node="SortBackward0",
        out=["sort.values(Tensor self, int dim=-1, bool descending=False, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)",
             "sort.values_stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False, Tensor(a!) values, Tensor(b!) indices) "
             "-> (Tensor(a!) values, Tensor(b!) indices)"])
def sort():
    """Sorts along dim; NaN is larger than everything, equal values keep their order. Gives values and where they were.

    >>> torch.sort(torch.tensor([3, 1, 2]))
    torch.return_types.sort(
    values=tensor([1, 2, 3]),
    indices=tensor([1, 2, 0]))
    """


@composite("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", out="below")
def argsort_stable(self, stable, dim, descending):
    """The indices that sort along dim.

    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    _, indices = aten.sort.stable(self, stable=stable, dim=dim, descending=descending)
    return indices


@composite("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor")
def argsort(self, dim, descending):
    """The indices that sort along dim.

    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    _, indices = aten.sort.default(self, dim, descending)
    return indices


@composite("msort(Tensor self) -> Tensor", out=True, out_dtype="exact")
def msort(self):
    """Sorts along the first dimension.

    >>> torch.msort(torch.tensor([[3, 1], [2, 5]]))
    tensor([[2, 1],
            [3, 5]])
    """
    values, _ = aten.sort.default(self, 0, False)
    return values


@kernel("topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
        kinds=ORDERED, compute=HALF, grad={"self": "grad.new_zeros(self.shape).scatter(dim, result1, grad)"},
        out=["topk.values(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True, *, Tensor(a!) values, Tensor(b!) indices) "
             "-> (Tensor(a!) values, Tensor(b!) indices)"])
def topk():
    """The k largest (or least) elements along dim, in order, and where they were.

    >>> torch.topk(torch.tensor([3, 1, 2]), 2)
    torch.return_types.topk(
    values=tensor([3, 2]),
    indices=tensor([0, 2]))
    """


@kernel("kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
        kinds=ORDERED, compute=HALF, grad={"self": _selected},
        out=["kthvalue.values(Tensor self, SymInt k, int dim=-1, bool keepdim=False, *, Tensor(a!) values, Tensor(b!) indices) "
             "-> (Tensor(a!) values, Tensor(b!) indices)"], out_apart=True)
def kthvalue():
    """The k-th least element along dim (k counts from 1) and where it was.

    >>> torch.kthvalue(torch.tensor([3, 1, 2]), 2)
    torch.return_types.kthvalue(
    values=tensor(2),
    indices=tensor(2))
    """


def _spread(grad, self, result):
    both_nan = logical_and(isnan(self), isnan(result))
    mask = both_nan.logical_or_(self == result)
    return mask * (grad / mask.sum())


def _median_batch(self):
    values, _ = median(self.reshape([-1]), 0)
    return values


def _nanmedian_batch(self):
    values, _ = nanmedian(self.reshape([-1]), 0)
    return values


@kernel("median(Tensor self) -> Tensor", kinds=ORDERED, compute=HALF, grad={"self": _spread}, vmap=_median_batch)
def median():
    """The median of all elements, the lower one of two; NaN if there is one.

    >>> torch.median(torch.tensor([3, 1, 2, 4]))
    tensor(2)
    """


@kernel("nanmedian(Tensor self) -> Tensor", kinds=ORDERED, compute=HALF, grad={"self": _spread}, vmap=_nanmedian_batch)
def nanmedian():
    """The median of all elements that are not NaN, the lower one of two.

    >>> torch.nanmedian(torch.tensor([float("nan"), 1., 2.]))
    tensor(1.)
    """


@kernel("median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", kinds=ORDERED, compute=HALF, grad={"self": _selected},
        node="MedianBackward1",
        out=["median.dim_values(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) values, Tensor(b!) indices) "
             "-> (Tensor(a!) values, Tensor(b!) indices)"])
def median_dim():
    """Medians along dim and where they were."""


@kernel("nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", kinds=ORDERED, compute=HALF, grad={"self": _selected},
        node="NanmedianBackward1",
        out=["nanmedian.dim_values(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) values, Tensor(b!) indices) "
             "-> (Tensor(a!) values, Tensor(b!) indices)"])
def nanmedian_dim():
    """Medians along dim of what is not NaN, and where they were."""


@kernel("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)", kinds=ORDERED, compute=HALF, grad={"self": _selected},
        out=["mode.values(Tensor self, int dim=-1, bool keepdim=False, *, Tensor(a!) values, Tensor(b!) indices) "
             "-> (Tensor(a!) values, Tensor(b!) indices)"])
def mode():
    """The most frequent value along dim, the least of those, and a place of it.

    >>> torch.mode(torch.tensor([1, 2, 2, 3]))
    torch.return_types.mode(
    values=tensor(2),
    indices=tensor(2))
    """


# ---- distinct values ----

@kernel("_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
        kinds=ORDERED, compute=HALF, grad=UNKNOWN, python="function", vmap="dynamic")
def _unique2():
    """Distinct values in order, the place of each element among them, and how often each occurs."""


@kernel("_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)", kinds=ORDERED, compute=HALF, grad=UNKNOWN, python="function", vmap="dynamic")
def _unique():
    """Distinct values in order and the place of each element among them."""


@kernel("unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
        kinds=ORDERED, compute=HALF, grad=UNKNOWN, python="function", vmap="dynamic")
def unique_dim():
    """Distinct slices along dim, in lexicographic order.

    >>> torch.unique_dim(torch.tensor([[1, 2], [1, 2]]), 0)[0]
    tensor([[1, 2]])
    """


@kernel("unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)",
        kinds=ORDERED, compute=HALF, grad=UNKNOWN, python="function", vmap="dynamic")
def unique_consecutive():
    """Values with runs of equal ones joined.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """


@kernel("unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
        kinds=ORDERED, compute=HALF, grad=UNKNOWN, python="function", vmap="dynamic")
def unique_dim_consecutive():
    """Slices along dim with runs of equal ones joined.

    >>> torch.unique_dim_consecutive(torch.tensor([[1, 2], [1, 2]]), 0)[0]
    tensor([[1, 2]])
    """


# ---- binary search and counting ----

@kernel("searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, "
        "Tensor? sorter=None) -> Tensor",
        "searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, "
        "Tensor? sorter=None) -> Tensor",
        kinds=ORDERED, compute=HALF, grad=None, python="function",
        out=["searchsorted.Tensor_out(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, "
             "Tensor? sorter=None, Tensor(a!) out) -> Tensor(a!)",
             "searchsorted.Scalar_out(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, "
             "Tensor? sorter=None, Tensor(a!) out) -> Tensor(a!)"], vmap="elements")
def searchsorted():
    """Where each value of self would be inserted into the sorted rows: the first place not below it, or past equal ones with right.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6]))
    tensor([1, 3])
    """


@kernel("bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
        "bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
        kinds=ORDERED, compute=HALF, grad=None, python="function",
        out=["bucketize.Tensor_out(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False, Tensor(a!) out) -> Tensor(a!)",
             "bucketize.Scalar_out(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False, Tensor(a!) out) -> Tensor(a!)"],
        vmap="elements")
def bucketize():
    """The number of the bucket, between the boundaries, in which each value lies.

    >>> torch.bucketize(torch.tensor([0.5, 2.0, 9.0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([0, 1, 3])
    """


@kernel("bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor", grad=None, vmap="loop")
def bincount():
    """How often each non-negative integer occurs, or the sum of its weights: (n,) to (max + 1,) at least minlength.

    >>> torch.bincount(torch.tensor([0, 1, 1, 3]))
    tensor([1, 2, 0, 1])
    """


@kernel("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", kinds=FLOATING, compute=HALF, grad=None, vmap="loop")
def histc():
    """Counts of elements in equal bins between min and max; between the extremes when both are equal.

    >>> torch.histc(torch.tensor([1., 2., 2., 3.]), 3)
    tensor([1., 2., 1.])
    """
