"""Low-rank factors of large matrices by random projection (Halko, Martinsson, Tropp, 2009)."""

from __future__ import annotations

import torch
from torch import _C

__all__ = ["get_approximate_basis", "pca_lowrank", "svd_lowrank"]


def get_approximate_basis(A, q, niter=2, M=None):
    """Orthonormal columns Q (..., m, q) whose span holds most of the range of A - M: `niter` power iterations on a random start."""
    dtype = A.dtype if A.is_floating_point() or A.is_complex() else torch.get_default_dtype()

    def times(X):
        return A @ X if M is None else A @ X - M @ X

    def adjoint_times(X):
        return A.mH @ X if M is None else A.mH @ X - M.mH @ X

    Q = torch.linalg.qr(times(torch.randn(A.shape[-1], q, dtype=dtype, device=A.device))).Q
    for _ in range(2 if niter is None else niter):
        Q = torch.linalg.qr(adjoint_times(Q)).Q
        Q = torch.linalg.qr(times(Q)).Q
    return Q


@_C._overridable
def svd_lowrank(A, q=6, niter=2, M=None):
    """(U, S, V) with U diag(S) V^H close to A - M: the `q` greatest singular values of matrices (..., m, n), or a little more than wanted.

    >>> A = torch.ones(5, 2) @ torch.ones(2, 4)
    >>> torch.svd_lowrank(A, q=2)[1][0]
    tensor(8.9443)
    """
    q = 6 if q is None else q
    M = None if M is None else M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A, M = A.mH, None if M is None else M.mH
    Q = get_approximate_basis(A, q, niter, M)
    small = Q.mH @ A if M is None else Q.mH @ (A - M)
    U, S, Vh = torch.linalg.svd(small, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


@_C._overridable
def pca_lowrank(A, q=None, center=True, niter=2):
    """Principal components of rows: (U, S, V) of :func:`svd_lowrank` of A (..., m, n), its columns' means taken away with `center`.

    Column i of V is the i-th principal direction. ValueError unless 0 <= q <= min(m, n) (default: 6 or fewer), or `niter` is negative.
    """
    smaller = min(A.shape[-2:])
    q = min(6, smaller) if q is None else q
    if not 0 <= q <= smaller:
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={smaller}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)


for _function in (svd_lowrank, pca_lowrank):
    _function.__module__ = "torch.functional"
