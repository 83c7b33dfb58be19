"""The Wishart distribution of positive definite matrices."""

from __future__ import annotations

import math
import warnings

import torch

from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import HasCovariance, _factor_of, _only_one

__all__ = ["Wishart"]


def _mvdigamma(x, p):
    """The derivative of mvlgamma."""
    return torch.digamma(x.unsqueeze(-1) - torch.arange(p, dtype=x.dtype, device=x.device) / 2).sum(-1)


class Wishart(HasCovariance, ExponentialFamily):
    """Wishart(df, covariance_matrix), or with `precision_matrix` or the Cholesky factor `scale_tril`: sums of `df` outer products of normal vectors.

    Raises ValueError unless df > n - 1 for n x n matrices.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _event_dims = {"df": 0, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2, "_unbroadcasted_scale_tril": 2}

    @property
    def arg_constraints(self):
        return {"covariance_matrix": constraints.positive_definite, "precision_matrix": constraints.positive_definite,
                "scale_tril": constraints.lower_cholesky, "df": constraints.greater_than(self._event_shape[-1] - 1)}

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        name, matrix = _only_one(covariance_matrix=covariance_matrix, scale_tril=scale_tril, precision_matrix=precision_matrix)
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = torch.as_tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch, event = torch.broadcast_shapes(matrix.shape[:-2], df.shape), matrix.shape[-2:]
        self.df = df.expand(batch)
        setattr(self, name, matrix.expand(batch + (-1, -1)))
        if self.df.le(event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        super().__init__(batch, event, validate_args=validate_args)
        if self.df.lt(event[-1]).any():
            warnings.warn("Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.", stacklevel=2)
        self._unbroadcasted_scale_tril = _factor_of(name, matrix)

    @property
    def mean(self):
        return self.df.view(self._batch_shape + (1, 1)) * self.covariance_matrix

    @property
    def mode(self):
        factor = (self.df - self._event_shape[-1] - 1).masked_fill(self.df <= self._event_shape[-1] + 1, math.nan)
        return factor.view(self._batch_shape + (1, 1)) * self.covariance_matrix

    @property
    def variance(self):
        diagonal = self.covariance_matrix.diagonal(dim1=-2, dim2=-1)
        spread = self.covariance_matrix.pow(2) + torch.einsum("...i,...j->...ij", diagonal, diagonal)
        return self.df.view(self._batch_shape + (1, 1)) * spread

    def _bartlett(self, sample_shape):
        """L A (L A)^T, where A has chi variables on the diagonal and normal ones below (Bartlett, 1933)."""
        n = self._event_shape[-1]
        df = self.df.unsqueeze(-1) - torch.arange(n, dtype=self.df.dtype, device=self.df.device)
        noise = Chi2(df).rsample(sample_shape).sqrt().diag_embed(dim1=-2, dim2=-1)
        rows, columns = torch.tril_indices(n, n, offset=-1)
        below = torch.randn(torch.Size(sample_shape) + self._batch_shape + (n * (n - 1) // 2,), dtype=noise.dtype, device=noise.device)
        noise[..., rows, columns] = below
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape=torch.Size(), max_try_correction=None):
        """Random matrices; singular ones are drawn again up to `max_try_correction` times (3 where ndim - 1 < df < ndim, else 10 at most)."""
        tries = (3 if self._batch_shape else 10) if max_try_correction is None else max_try_correction
        sample = self._bartlett(torch.Size(sample_shape))
        singular = ~self.support.check(sample)
        for _ in range(tries):
            if not singular.any():
                break
            fresh = self._bartlett(torch.Size(sample_shape))
            replace = singular & self.support.check(fresh)
            sample = torch.where(replace[..., None, None], fresh, sample)
            singular = singular & ~replace
        return sample

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        nu, n = self.df, self._event_shape[-1]
        normalizer = nu * (n * math.log(2) / 2 + self._half_log_det()) + torch.mvlgamma(nu / 2, p=n)
        trace = torch.cholesky_solve(value, self._unbroadcasted_scale_tril).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (nu - n - 1) / 2 * torch.linalg.slogdet(value).logabsdet - trace / 2 - normalizer

    def entropy(self):
        nu, n = self.df, self._event_shape[-1]
        return ((n + 1) * (n * math.log(2) / 2 + self._half_log_det()) + torch.mvlgamma(nu / 2, p=n)
                - (nu - n - 1) / 2 * _mvdigamma(nu / 2, p=n) + nu * n / 2)

    @property
    def _natural_params(self):
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x, y):
        n = self._event_shape[-1]
        return (y + (n + 1) / 2) * (n * math.log(2) - torch.linalg.slogdet(-2 * x).logabsdet) + torch.mvlgamma(y + (n + 1) / 2, p=n)
