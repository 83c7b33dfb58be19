"""Functions of torch that take their tensors in a looser form than an operator does: variadic, nested, by keyword."""

from __future__ import annotations

import math
from typing import Sequence

import torch
from torch import _C, Tensor
from torch._lowrank import pca_lowrank, svd_lowrank

__all__ = [
    "align_tensors", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors", "cartesian_prod", "cdist",
    "chain_matmul", "einsum", "istft", "lu", "meshgrid", "nonzero", "norm", "pca_lowrank", "split", "stft",
    "svd_lowrank", "tensordot", "unique", "unique_consecutive", "unravel_index",
]

_F = _C._VariableFunctions
overridable = _C._overridable
istft = _F.istft


def _listed(tensors):
    """(a, b, c) for the calls f(a, b, c) and f([a, b, c])."""
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


@overridable
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape; views of the given ones.

    Raises RuntimeError if the shapes do not broadcast.

    >>> a, b = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(4))
    >>> a.shape == b.shape == (3, 4)
    True
    """
    tensors = _listed(tensors)
    return tuple(torch.ops.aten.broadcast_tensors.default(tensors))


def broadcast_shapes(*shapes):
    """The shape to which tensors of the given shapes (tuples or numbers) broadcast.

    Raises RuntimeError if they do not.

    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    result: list[int] = []
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if len(shape) > len(result):
            result = [1] * (len(shape) - len(result)) + result
        for i in range(-1, -1 - len(shape), -1):
            size = shape[i]
            if size < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({size}): ({size})")
            if size == 1 or size == result[i]:
                continue
            if result[i] != 1:
                raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape: "
                                   f"{', '.join(str(tuple(s) if not isinstance(s, int) else s) for s in shapes)}")
            result[i] = size
    return torch.Size(result)


@overridable
def split(tensor: Tensor, split_size_or_sections, dim: int = 0):
    """Parts of a tensor along `dim`: of one size (the last may be smaller), or of the given sizes. The parts are views.

    >>> [p.tolist() for p in torch.split(torch.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    return tensor.split(split_size_or_sections, dim)


@overridable
def einsum(*args):
    """Sums of products by Einstein's convention: ``einsum("ij,jk->ik", a, b)``, or operands each followed by a list of indices.

    >>> torch.einsum("i,i->", torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if len(args) < 2:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list")
    equation, operands = _equation(args)
    from torch._einsum import contract

    return contract(equation, operands)


def _subscripts(indices):
    """The letters of a list of indices: numbers below 52, or Ellipsis."""
    out = []
    for i in indices:
        if i is Ellipsis:
            out.append("...")
        elif 0 <= i < 26:
            out.append(chr(ord("A") + i))
        elif 26 <= i < 52:
            out.append(chr(ord("a") + i - 26))
        else:
            raise ValueError(f"einsum(): subscript in subscript list is not within the valid range [0, 52), but got {i}")
    return "".join(out)


def _equation(args):
    """(equation, operands) of either calling form."""
    if not isinstance(args[0], Tensor):
        equation, operands = args[0], args[1:]
        return equation, tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    equation = ",".join(_subscripts(indices) for indices in args[1::2])
    operands = args[0::2]
    if len(args) % 2:
        equation += "->" + _subscripts(args[-1])
        operands = args[:-1:2]
    return equation, operands


@overridable
def meshgrid(*tensors, indexing: str | None = None):
    """Coordinates of the grid that vectors span: result i varies as vector i along dimension i ("ij", the default), or with the first
    two dimensions in each other's place ("xy").

    >>> x, y = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4, 5]), indexing="ij")
    >>> x.shape
    torch.Size([2, 3])
    """
    tensors = _listed(tensors)
    return tuple(_F.meshgrid(tensors, indexing="ij" if indexing is None else indexing))


@overridable
def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None):
    """Distinct elements in order, or distinct slices along `dim`; on request also where each element is among them, and how often each occurs.

    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    if dim is not None:
        results = _F.unique_dim(input, dim, sorted, return_inverse, return_counts)
    else:
        results = _F._unique2(input, sorted, return_inverse, return_counts)
    return _asked_for(results, return_inverse, return_counts)


@overridable
def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None):
    """Elements (or slices along `dim`) with runs of equal ones joined; on request also the run of each element, and the runs' lengths.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _asked_for(_F.unique_consecutive(input, return_inverse, return_counts, dim), return_inverse, return_counts)


def _asked_for(results, return_inverse, return_counts):
    values, inverse, counts = results
    if not return_inverse and not return_counts:
        return values
    return (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))


@overridable
def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False):
    """The indices of the elements that are not zero: (count, dimensions), or with `as_tuple` one vector for each dimension.

    >>> torch.nonzero(torch.tensor([0, 2, 3]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(input.nonzero_numpy())
    return _F.nonzero(input) if out is None else _F.nonzero(input, out=out)


@overridable
def stft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False, onesided=None,
         return_complex=None, align_to_window=None):
    """Fourier transforms of windows of a signal (..., samples): (..., frequencies, frames), complex.

    Windows have `win_length` samples (n_fft unless given), lie `hop_length` apart (n_fft // 4 unless given) and are multiplied by `window`;
    with `center` the signal is first padded by n_fft // 2 at both ends, so that frame t is around sample t * hop_length.

    >>> torch.stft(torch.zeros(16), 4, window=torch.ones(4), return_complex=True).shape
    torch.Size([3, 17])
    """
    return _F.stft(input, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided, return_complex=return_complex,
                   align_to_window=align_to_window)


@overridable
def tensordot(a, b, dims=2, out: Tensor | None = None):
    """Sum of products over pairs of dimensions: the last `dims` of `a` and the first of `b`, or the two given lists.

    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), dims=1).shape
    torch.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.numel() > 1 else int(dims.item())
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    else:
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    op = torch.ops.aten.tensordot
    return op.default(a, b, dims_a, dims_b) if out is None else op.out(a, b, dims_a, dims_b, out=out)


@overridable
def cartesian_prod(*tensors):
    """All combinations of one element from each vector, as rows.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3])).tolist()
    [[1, 3], [2, 3]]
    """
    tensors = _listed(tensors)
    return _F.cartesian_prod(tensors)


@overridable
def block_diag(*tensors):
    """The matrix with the given matrices along its diagonal; vectors count as rows.

    >>> torch.block_diag(torch.ones(1, 2), torch.ones(2, 1)).shape
    torch.Size([3, 3])
    """
    tensors = _listed(tensors)
    return _F.block_diag(tensors)


@overridable
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distances of all pairs of rows: (..., m, d) and (..., n, d) to (..., m, n).

    `compute_mode` says when the 2-norm is computed by a matrix product: if more than 25 rows stand on a side (the default),
    always ("use_mm_for_euclid_dist") or never ("donot_use_mm_for_euclid_dist").

    >>> torch.cdist(torch.tensor([[0., 0.]]), torch.tensor([[3., 4.]]))
    tensor([[5.]])
    """
    modes = {"use_mm_for_euclid_dist_if_necessary": None, "use_mm_for_euclid_dist": 1, "donot_use_mm_for_euclid_dist": 2}
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    return _F.cdist(x1, x2, p, modes[compute_mode])


def _each(function, public):
    def apply(*tensors):
        tensors = _listed(tensors) if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return function(tensors[0])
        return tuple(function(t) for t in tensors)
    apply.__name__ = apply.__qualname__ = public
    apply.__module__ = __name__
    return overridable(apply)


atleast_1d = _each(_F.atleast_1d, "atleast_1d")
atleast_1d.__doc__ = """Each tensor with at least one dimension; a tuple for several.

    >>> torch.atleast_1d(torch.tensor(2.0)).shape
    torch.Size([1])
    """
atleast_2d = _each(_F.atleast_2d, "atleast_2d")
atleast_2d.__doc__ = """Each tensor with at least two dimensions, new ones in front; a tuple for several.

    >>> torch.atleast_2d(torch.zeros(3)).shape
    torch.Size([1, 3])
    """
atleast_3d = _each(_F.atleast_3d, "atleast_3d")
atleast_3d.__doc__ = """Each tensor with at least three dimensions: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1); a tuple for several.

    >>> torch.atleast_3d(torch.zeros(2, 3)).shape
    torch.Size([2, 3, 1])
    """


@overridable
def norm(input, p="fro", dim=None, keepdim: bool = False, out: Tensor | None = None, dtype=None):
    """A norm of vectors, or of matrices when `dim` names two dimensions ("fro", "nuc"); prefer torch.linalg's functions.

    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    dims = None if dim is None else [dim] if isinstance(dim, int) else list(dim)
    extra = {} if out is None else {"out": out}
    if p == "nuc":
        return torch.linalg.matrix_norm(input, "nuc", tuple(range(input.dim())) if dims is None else tuple(dims), keepdim, dtype=dtype, **extra)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found {p}")
    if p is None or p == "fro":
        p = 2.0
    return torch.linalg.vector_norm(input, p, dims, keepdim, dtype=dtype, **extra)


@overridable
def unravel_index(indices: Tensor, shape: int | Sequence[int]):
    """The coordinates, one tensor for each dimension, of positions in row-major order in a tensor of `shape`.

    >>> torch.unravel_index(torch.tensor(5), (2, 3))
    (tensor(1), tensor(2))
    """
    if not isinstance(indices, Tensor):
        raise TypeError(f"unravel_index(): argument 'indices' must be Tensor, not {type(indices).__name__}")
    if indices.is_complex() or indices.is_floating_point() or indices.dtype == torch.bool:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if isinstance(shape, int):
        shape = (shape,)
    if any(not isinstance(n, int) for n in shape):
        raise TypeError(f"expected 'shape' elements to be int, but got {shape}")
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    strides = [math.prod(shape[i + 1:]) for i in range(len(shape))]
    parts = indices.unsqueeze(-1) // torch.tensor(strides, dtype=torch.int64)
    return (parts % torch.tensor(list(shape), dtype=torch.int64)).unbind(-1)


@overridable
def chain_matmul(*matrices, out: Tensor | None = None):
    """The product of matrices, in the order that costs least; prefer ``torch.linalg.multi_dot``.

    >>> torch.chain_matmul(torch.ones(1, 2), torch.ones(2, 1))
    tensor([[2.]])
    """
    matrices = _listed(matrices)
    return _F.chain_matmul(matrices) if out is None else _F.chain_matmul(matrices, out=out)


@overridable
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out=None):
    """LU factors of square matrices in one, with the pivots (and, with `get_infos`, whether each is singular); see ``torch.linalg.lu_factor``.

    >>> torch.lu(torch.tensor([[0., 1.], [2., 0.]]))[1]
    tensor([2, 2], dtype=torch.int32)
    """
    results = torch.linalg.lu_factor_ex(A, pivot=pivot, check_errors=not get_infos)
    results = results if get_infos else tuple(results)[:2]
    if out is None:
        return results
    for target, value in zip(out, results):
        target.resize_(value.shape).copy_(value)
    return out


@overridable
def detach_(input):
    """Takes a tensor out of the graph, as a leaf. Returns it. See :meth:`Tensor.detach_`."""
    return input.detach_()


def from_file(filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False):
    """A vector of `size` elements over the bytes of a file; with `shared`, changes are written to the file, which is made if need be."""
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if shared:
        open(filename, "ab").close()
    storage = torch.UntypedStorage.from_file(filename, bool(shared), size * dtype.itemsize)
    return torch.empty(0, dtype=dtype, layout=layout, device=device).set_(storage, 0, (size,), (1,)).requires_grad_(requires_grad)


def align_tensors(*tensors):
    """Named dimensions are not supported: raises RuntimeError."""
    raise RuntimeError("align_tensors: named tensors are not part of this build; use permute and unsqueeze")


@overridable
def _assert(condition, message):
    """`assert` as a function, which tracing records. Raises AssertionError(message) when `condition` is false."""
    if not condition:
        raise AssertionError(message)
    return None


_assert.__module__ = nonzero.__module__ = "torch"
