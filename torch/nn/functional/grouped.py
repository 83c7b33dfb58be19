"""Matrix products of groups of different sizes that lie one after the other, as in mixtures of experts."""

import torch

__all__ = ["grouped_mm"]


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Products group by group; `offs` holds where each group ends along the dimension that a 2-D matrix has too few.

    ========== ========== ======================================= ==============
    `mat_a`    `mat_b`    groups                                  result
    ========== ========== ======================================= ==============
    (T, K)     (G, K, N)  rows of `mat_a`                         (T, N)
    (G, M, K)  (K, T)     columns of `mat_b`                      (M, T)
    (M, T)     (T, N)     columns of `mat_a`, rows of `mat_b`     (G, M, N)
    (G, M, K)  (G, K, N)  none: a batched product                 (G, M, N)
    ========== ========== ======================================= ==============

    Raises RuntimeError for a bias, for offsets that are missing or too many, and for another `out_dtype` than `mat_a`'s.

    >>> offs = torch.tensor([1, 4], dtype=torch.int32)
    >>> F.grouped_mm(torch.ones(4, 2, dtype=torch.bfloat16), torch.ones(2, 2, 8, dtype=torch.bfloat16), offs=offs).shape
    torch.Size([4, 8])
    """
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and out_dtype != mat_a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    if (offs is None) != (mat_a.dim() == 3 and mat_b.dim() == 3):
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if offs is None:
        return torch.bmm(mat_a, mat_b)
    ends = offs.tolist()
    groups = [slice(first, last) for first, last in zip([0, *ends], ends)]
    if mat_a.dim() == 2 and mat_b.dim() == 2:
        return torch.stack([mat_a[:, group] @ mat_b[group] for group in groups])
    if mat_a.dim() == 2:
        parts = [mat_a[group] @ matrix for group, matrix in zip(groups, mat_b)]
        return _joined(parts, mat_a.size(0), 0)
    return _joined([matrix @ mat_b[:, group] for group, matrix in zip(groups, mat_a)], mat_b.size(1), 1)


def _joined(parts, length, dim):
    """The parts one after the other, and zeros for what is after the last group."""
    rest = length - sum(part.size(dim) for part in parts)
    if rest > 0:
        shape = list(parts[0].shape)
        shape[dim] = rest
        parts.append(parts[0].new_zeros(shape))
    return torch.cat(parts, dim)
