"""A few extreme eigenpairs of a large symmetric matrix by the locally optimal block conjugate gradient method (Knyazev, 2001)."""

from __future__ import annotations

import torch
from torch import _C

__all__ = ["lobpcg"]


@_C._overridable
def lobpcg(A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
           ortho_iparams=None, ortho_fparams=None, ortho_bparams=None):
    """The `k` greatest (or, unless `largest`, smallest) solutions of A x = lambda B x: eigenvalues (..., k) and eigenvectors (..., m, k).

    A (..., m, m) is symmetric, B symmetric and positive definite (the identity unless given); `X` holds starting vectors, `iK` approximates
    the inverse of A. Stops when the residuals are below `tol` (relative to the norms of A and B), or after `niter` steps.
    `method` "ortho" (default) keeps the basis orthonormal, "basic" does not need to; both do here. `tracker`, called with an object
    that has the state as attributes, observes the steps. ValueError if m < 3 n, where n is the number of vectors iterated (k unless given).
    Eigenvalues and vectors have gradients with respect to A where B is None.
    """
    if method not in (None, "basic", "ortho"):
        raise ValueError(f'method must be "basic" or "ortho", but got {method!r}')
    if A.shape[-1] != A.shape[-2]:
        raise ValueError(f"lobpcg expects square matrices, but got A of shape {tuple(A.shape)}")
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if X is None else X.shape[-1]) if n is None else n
    m = A.shape[-1]
    if m < 3 * n:
        raise ValueError(f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of requested eigenpairs (={n})")
    with torch.no_grad():
        X = torch.randn((*A.shape[:-2], m, n), dtype=A.dtype, device=A.device) if X is None else X
        solutions = [_solve(a, b, x, i, niter, tol, largest is None or largest, tracker) for a, b, x, i in _matrices(A, B, X, iK)]
        values = torch.stack([v for v, _ in solutions]).reshape(*A.shape[:-2], n)[..., :k]
        vectors = torch.stack([v for _, v in solutions]).reshape(*A.shape[:-2], m, n)[..., :k]
    if torch.is_grad_enabled() and (A.requires_grad or B is not None and B.requires_grad):
        if B is not None:
            raise RuntimeError("lobpcg has gradients only for B=None: give a matrix A whose eigenvalues are those of the pencil")
        return _differentiable(A, values, vectors)
    return values, vectors


def _matrices(A, B, X, iK):
    """The members of a batch: matrices, or None."""
    def flat(t):
        return [t] if t is None or t.dim() == 2 else list(t.reshape(-1, *t.shape[-2:]))
    count = len(flat(A))
    return zip(*(part * count if len(part) == 1 else part for part in map(flat, (A, B, X, iK))))


class _State:
    """What a tracker sees: matrices A, B, iK, iterates X with eigenvalues E and residuals R, and the number of steps."""


def _orthonormal(S, BS):
    """A basis of the span of S that is orthonormal by <x, B y>; directions that are lost to rounding are left out."""
    scale = (S * BS).sum(0).clamp_min(torch.finfo(S.dtype).tiny).rsqrt()
    values, vectors = torch.linalg.eigh((S.mT @ BS) * scale * scale.unsqueeze(-1))
    keep = values > values[-1] * torch.finfo(S.dtype).eps * len(values)
    return S @ (scale.unsqueeze(-1) * vectors[:, keep] * values[keep].rsqrt())


def _solve(A, B, X, iK, niter, tol, largest, tracker):
    """(values, vectors) of one pencil, best first."""
    state = _State()
    state.A, state.B, state.iK = A, B, iK
    n, eps = X.shape[-1], torch.finfo(X.dtype).eps
    tol = eps ** 0.5 if tol is None else tol
    norms = torch.linalg.matrix_norm(A), 1.0 if B is None else torch.linalg.matrix_norm(B)

    def times_b(S):
        return S if B is None else B @ S

    basis = _orthonormal(X, times_b(X))
    previous = None
    for step in range((1000 if niter is None or niter < 0 else niter) + 1):
        values, vectors = torch.linalg.eigh(basis.mT @ (A @ basis))
        if largest:
            values, vectors = values.flip(0), vectors.flip(1)
        state.E, state.X = values[:n], basis @ vectors[:, :n]
        state.R = A @ state.X - times_b(state.X) * state.E
        state.istep = step
        if tracker is not None:
            tracker(state)
        error = torch.linalg.vector_norm(state.R, dim=0) / (torch.linalg.vector_norm(state.X, dim=0) * (norms[0] + state.E.abs() * norms[1]))
        active = error > tol
        if not active.any():
            break
        W = state.R[:, active]
        W = W if iK is None else iK @ W
        parts = [state.X, W] if previous is None else [state.X, W, state.X - previous @ (previous.mT @ times_b(state.X))]
        previous = state.X
        # twice is enough: the second pass mends what rounding left of the first
        basis = torch.cat(parts, 1)
        for _ in range(2):
            basis = _orthonormal(basis, times_b(basis))
    return state.E, state.X


def _differentiable(A, values, vectors):
    """Eigenpairs that depend on A to first order: lambda' = x^T A' x, x' = (lambda - A)^+ A' x."""
    A = (A + A.mT) / 2
    Ax = A @ vectors
    identity = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    new_values = (vectors * Ax).sum(-2)
    with torch.no_grad():
        shifted = values[..., None, None] * identity - A.unsqueeze(-3)
        inverse = torch.linalg.pinv(shifted, hermitian=True, rtol=torch.finfo(A.dtype).eps ** 0.5)
    correction = inverse @ (Ax - Ax.detach()).mT.unsqueeze(-1)
    return new_values - (new_values - values).detach(), vectors + correction.squeeze(-1).mT


lobpcg.__module__ = "torch"
