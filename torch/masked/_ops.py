"""The masked operations: put the identity where the mask says no, then reduce as usual."""

import builtins
import math

import torch


def _broadcast_mask(input, mask):
    """`mask` in the shape of input."""
    if mask.ndim > input.ndim:
        raise IndexError(f"_input_mask expected broadcastable mask (got mask dimensionality higher than of the input): {mask.ndim} and {input.ndim}")
    if mask.shape != input.shape:
        mask = torch.broadcast_to(mask.clone(), input.shape)     # later writes to the mask do not count
    return mask if mask.dtype == torch.bool else mask.bool()


def _lowest(dtype):
    return -math.inf if dtype.is_floating_point or dtype.is_complex else torch.iinfo(dtype).min


def _highest(dtype):
    return math.inf if dtype.is_floating_point or dtype.is_complex else torch.iinfo(dtype).max


def _filled(input, mask, value):
    """input with `value` where the mask is false."""
    if mask is None:
        return input
    mask = _broadcast_mask(input, mask)
    return torch.where(mask, input, torch.tensor(value, dtype=input.dtype, device=input.device))


def _dims(dim, ndim):
    """A tuple of dimensions in 0 .. ndim; all of them for None or ()."""
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        return tuple(range(ndim))
    dims = []
    for d in dim if isinstance(dim, (tuple, list)) else (dim,):
        bound = builtins.max(ndim, 1)
        if not -bound <= d < bound:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {d})")
        if d % bound in dims:
            raise RuntimeError(f"dim {d % bound} appears multiple times in the list of dims")
        dims.append(d % bound)
    return tuple(dims)


def _reduced_input(input, dtype, integers_widen=True):
    """input in the dtype of the result: `dtype`, or int64 for smaller integers where sums need it."""
    if dtype is None and integers_widen and not (input.is_floating_point() or input.is_complex()):
        dtype = torch.int64
    return input if dtype is None or input.dtype == dtype else input.to(dtype)


def _count(input, dim, keepdim, mask):
    """How many elements each result is made of; mask is in the shape of input."""
    if mask is None:
        return sum(torch.ones(input.shape, dtype=torch.int64, device=input.device), dim, keepdim=keepdim)
    return torch.sum(mask, dim, keepdim=bool(keepdim))


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum along dim (an int, a tuple, or None for all) of the elements that the mask selects; 0 if there are none."""
    x = _filled(_reduced_input(input, dtype), mask, 0)
    return torch.sum(x, _dims(dim, input.ndim), keepdim=bool(keepdim), dtype=x.dtype)


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product along dim (an int, a tuple, or None for all) of the elements that the mask selects; 1 if there are none."""
    x = _filled(_reduced_input(input, dtype), mask, 1)
    for d in sorted(_dims(dim, input.ndim), reverse=True):
        x = x.prod(d, keepdim=bool(keepdim))
    return x


def _extremum(reduce, worst, input, dim, keepdim, dtype, mask):
    x = _reduced_input(input, dtype, integers_widen=False)
    return reduce(_filled(x, mask, worst(x.dtype)), _dims(dim, input.ndim), bool(keepdim))


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest along dim of the elements that the mask selects; the least value of the dtype if there are none."""
    return _extremum(torch.amax, _lowest, input, dim, keepdim, dtype, mask)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest along dim of the elements that the mask selects; the greatest value of the dtype if there are none."""
    return _extremum(torch.amin, _highest, input, dim, keepdim, dtype, mask)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The index along dim (None: of the flattened input) of the largest of the elements that the mask selects, in the dtype of input."""
    x = _reduced_input(input, dtype, integers_widen=False)
    return torch.argmax(_filled(x, mask, _lowest(x.dtype)), dim, bool(keepdim)).to(x.dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The index along dim (None: of the flattened input) of the smallest of the elements that the mask selects, in the dtype of input."""
    x = _reduced_input(input, dtype, integers_widen=False)
    return torch.argmin(_filled(x, mask, _highest(x.dtype)), dim, bool(keepdim)).to(x.dtype)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean along dim of the elements that the mask selects; NaN if there are none."""
    if dtype is None and input.dtype == torch.bool:
        raise TypeError("mean of boolean tensors: give a dtype")
    x = _reduced_input(input, dtype, integers_widen=False)
    mask = None if mask is None else _broadcast_mask(input, mask)
    count = _count(input, dim, keepdim, mask)
    return sum(x, dim, keepdim=keepdim, dtype=x.dtype, mask=mask) / count


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median along dim of the elements that the mask selects; NaN if there are none. For floating dtypes."""
    x = _reduced_input(input, dtype, integers_widen=False)
    if not x.is_floating_point():
        raise ValueError(f"input must be a floating-point tensor, got {x.dtype}")
    if mask is not None and torch.isnan(x).any():
        raise ValueError("masked median expects no fully masked out rows if any element of them is NaN")
    return torch.nanmedian(_filled(x, mask, math.nan), dim, bool(keepdim)).values


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """log(sum(exp(x))) along dim of the elements that the mask selects; -inf if there are none."""
    x = _reduced_input(input, dtype)
    return torch.logsumexp(_filled(x, mask, _lowest(x.dtype)), _dims(dim, input.ndim), bool(keepdim)).to(x.dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), where a masked-out element adds nothing."""
    x, y = (_reduced_input(v, dtype, integers_widen=False) for v in (input, other))
    return torch.logaddexp(_filled(x, input_mask, -math.inf), _filled(y, other_mask, -math.inf))


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of order `ord` along dim of the elements that the mask selects."""
    x = _reduced_input(input, dtype, integers_widen=False)
    identity = math.inf if ord is not None and ord < 0 else 0
    return torch.linalg.vector_norm(_filled(x, mask, identity), ord, _dims(dim, input.ndim), bool(keepdim), dtype=x.dtype)


def _variance(input, dim, unbiased, correction, keepdim, dtype, mask, root):
    x = _reduced_input(input, dtype, integers_widen=False)
    if not (x.is_floating_point() or x.is_complex()):
        x = x.to(torch.float32)
    if correction is not None and unbiased is not None:
        raise ValueError("give correction or unbiased, not both")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    mask = None if mask is None else _broadcast_mask(input, mask)
    count = _count(input, dim, True, mask)
    centred = x - sum(x, dim, keepdim=True, mask=mask) / count
    squares = centred * centred.conj()
    total = sum(squares, dim, keepdim=keepdim, mask=mask)
    if not keepdim:
        count = count.reshape(total.shape)
    if correction != 0:
        count = count.to(x.abs().dtype if x.is_complex() else x.dtype) - float(correction)
        count = torch.maximum(count, count.new_zeros([]))
    result = total / count
    return result.sqrt() if root else result


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance along dim of the elements that the mask selects, divided by their number less `correction` (1)."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask, root=False)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation along dim of the elements that the mask selects; see var."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask, root=True)


def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums along dim; what the mask leaves out adds nothing."""
    x = _reduced_input(input, dtype)
    return torch.cumsum(_filled(x, mask, 0), _dims(dim, input.ndim)[0], dtype=x.dtype)


def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products along dim; what the mask leaves out multiplies nothing."""
    x = _reduced_input(input, dtype)
    return torch.cumprod(_filled(x, mask, 1), _dims(dim, input.ndim)[0], dtype=x.dtype)


def softmax(input, dim, *, dtype=None, mask=None):
    """exp(x) / sum(exp(x)) along dim over the elements that the mask selects, 0 elsewhere."""
    x = _reduced_input(input, dtype, integers_widen=False)
    return torch.nn.functional.softmax(_filled(x, mask, _lowest(x.dtype)), _dims(dim, input.ndim)[0], dtype=dtype)


def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of softmax."""
    x = _reduced_input(input, dtype, integers_widen=False)
    return torch.nn.functional.log_softmax(_filled(x, mask, _lowest(x.dtype)), _dims(dim, input.ndim)[0], dtype=dtype)


def softmin(input, dim, *, dtype=None, mask=None):
    """softmax of -x."""
    x = _reduced_input(input, dtype, integers_widen=False)
    return torch.nn.functional.softmin(_filled(x, mask, _highest(x.dtype)), _dims(dim, input.ndim)[0], dtype=dtype)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """x / max(norm(x), eps) along dim, the norm over the elements that the mask selects, 0 elsewhere."""
    x = _reduced_input(input, dtype, integers_widen=False)
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0) / torch.maximum(size, size.new_full([], eps))
