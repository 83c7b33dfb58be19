"""Histograms, reductions of segments, and lists of tensors cut into equal chunks."""
# Bodies name aten operators.
# ruff: noqa: F821

from __future__ import annotations

from .language import FLOATING, HALF, SINGLE, UNKNOWN, composite, decomposed, kernel

REST = "Tensor? weight=None, bool density=False"


@kernel("histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, " + REST + ") -> (Tensor hist, Tensor bin_edges)", kinds=FLOATING, compute=SINGLE, grad=UNKNOWN, vmap="loop")
def histogram():
    """Counts (or weights) of the elements in `bins` equal bins over `range` (lowest and highest if not given), and the bins' edges."""


@kernel("histogram.bins_tensor(Tensor self, Tensor bins, *, " + REST + ") -> (Tensor hist, Tensor bin_edges)", kinds=FLOATING, compute=SINGLE, grad=UNKNOWN, vmap="loop")
def histogram_edges():
    """Counts (or weights) of the elements between the given edges.

    >>> torch.histogram(torch.tensor([1., 2., 2., 3.]), 2)
    torch.return_types.histogram(
    hist=tensor([1., 3.]),
    bin_edges=tensor([1., 2., 3.]))
    """


@kernel("_histogramdd_bin_edges(Tensor self, int[] bins, *, float[]? range=None, " + REST + ") -> Tensor[]", kinds=FLOATING, compute=SINGLE, python="function", grad=UNKNOWN, out="below", vmap="loop")
def histogramdd_edges():
    """Edges of equal bins for each column of a matrix of points."""


@kernel("_histogramdd_from_bin_cts(Tensor self, int[] bins, *, float[]? range=None, " + REST + ") -> Tensor", kinds=FLOATING, compute=SINGLE, python="function", grad=None, vmap="loop")
def histogramdd_from_counts():
    """Histogram of points (rows) over equal bins in each dimension."""


@kernel("_histogramdd_from_bin_tensors(Tensor self, Tensor[] bins, *, " + REST + ") -> Tensor", kinds=FLOATING, compute=SINGLE, python="function", grad=None, vmap="loop")
def histogramdd_from_edges():
    """Histogram of points (rows) between given edges in each dimension."""


DD = "float[]? range=None, " + REST + ") -> (Tensor hist, Tensor[] bin_edges)"


@composite("histogramdd(Tensor self, int[] bins, " + DD, python="function")
def histogramdd(self, bins, range, weight, density):
    """Histogram of points (..., D) over bins[d] equal bins in dimension d, and the edges.

    >>> torch.histogramdd(torch.tensor([[0., 0.], [1., 1.]]), [2, 2]).hist
    tensor([[1., 0.],
            [0., 1.]])
    """
    edges = _histogramdd_bin_edges(self, bins, range=range, weight=weight, density=density)
    return _histogramdd_from_bin_cts(self, bins, range=range, weight=weight, density=density), edges


@composite("histogramdd.int_bins(Tensor self, int bins, " + DD, python="function")
def histogramdd_int(self, bins, range, weight, density):
    """Histogram of points with the same number of bins in each dimension."""
    counts = [bins for i in range(self.size(-1))]
    edges = _histogramdd_bin_edges(self, counts, range=range, weight=weight, density=density)
    return _histogramdd_from_bin_cts(self, counts, range=range, weight=weight, density=density), edges


@composite("histogramdd.TensorList_bins(Tensor self, Tensor[] bins, " + DD, python="function")
def histogramdd_tensors(self, bins, range, weight, density):
    """Histogram of points between given edges."""
    return _histogramdd_from_bin_tensors(self, bins, weight=weight, density=density), [edges for edges in bins]


SEGMENTS = "str reduce, *, Tensor? lengths=None, {indices}Tensor? offsets=None, int axis=0, {unsafe}Scalar? initial=None) -> Tensor"


@kernel("segment_reduce(Tensor data, " + SEGMENTS.format(indices="Tensor? indices=None, ", unsafe="bool unsafe=False, "), kinds=FLOATING, compute=HALF, python="function",
        grad={"data": "_segment_reduce_backward(grad, result, data, reduce, lengths=lengths, offsets=offsets, axis=axis, initial=initial)"}, jvp=None,
        vmap="loop")
def segment_reduce():
    """Sum, mean, max, min or product of runs of rows along `axis`, given by their lengths or offsets.

    >>> torch.segment_reduce(torch.tensor([1., 2., 3.]), "sum", lengths=torch.tensor([1, 2]))
    tensor([1., 5.])
    """


@kernel("_segment_reduce_backward(Tensor grad, Tensor output, Tensor data, " + SEGMENTS.format(indices="", unsafe=""), kinds=FLOATING, compute=HALF, python="", grad=UNKNOWN, vmap="loop")
def segment_reduce_backward():
    """Gradient of segment_reduce."""


@decomposed("_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor", python="function", grad=UNKNOWN,
            out=["_chunk_cat.out(Tensor[] tensors, int dim, int num_chunks, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="cast")
def _chunk_cat(tensors, dim, num_chunks):
    """Cuts each tensor along `dim` into `num_chunks` (padded with zeros), flattens the chunks and joins those of equal number."""
    if len(tensors) == 0:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    for i in range(len(tensors)):
        if tensors[i].numel() == 0:
            raise RuntimeError("_chunk_cat expects non-empty tensor")
        if dim < 0 and tensors[i].ndim != tensors[0].ndim:
            raise RuntimeError("_chunk_cat expects non-negative dim when input tensors have different ndims")
    axis = dim if dim >= 0 else dim + tensors[0].ndim
    for i in range(len(tensors)):
        if axis >= tensors[i].ndim:
            raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
    lead = [tensors[0].size(d) for d in range(axis)]
    for i in range(len(tensors)):
        for d in range(axis):
            if tensors[i].size(d) != tensors[0].size(d):
                raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")
    padded = [constant_pad_nd(t, [0 for i in range(2 * (t.ndim - 1 - axis) + 1)] + [(num_chunks - t.size(axis) % num_chunks) % num_chunks])
              for t in tensors]
    return cat([p.reshape(lead + [num_chunks, -1]) for p in padded], axis + 1)
