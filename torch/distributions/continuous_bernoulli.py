"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(ExponentialFamily):
    """ContinuousBernoulli(probs) or ContinuousBernoulli(logits=...): on [0, 1], with density proportional to p^x (1 - p)^(1 - x).

    Loaiza-Ganem and Cunningham (2019). Between `lims`, where the formulas are 0/0, series about p = 1/2 stand in.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        if probs is not None:
            (self.probs,) = broadcast_all(probs)
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        else:
            (self.logits,) = broadcast_all(logits)
        self._lims = lims
        super().__init__((self.probs if probs is not None else self.logits).size(), validate_args=validate_args)

    @lazy_property
    def logits(self):
        """The logits of `probs`."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """p."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    param_shape = property(lambda self: self.probs.size())
    stddev = property(lambda self: self.variance.sqrt())

    def _outside(self):
        """Where the formulas hold."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _away(self):
        """`probs`, moved to where the formulas hold."""
        return torch.where(self._outside(), self.probs, self._lims[0])

    def _log_normalizing_constant(self):
        """log C, C = 2 atanh(u) / u for u = 1 - 2 p."""
        u = 1 - 2 * self._away()
        exact = torch.log(2 * torch.atanh(u) / u)
        square = (1 - 2 * self.probs).pow(2)
        return torch.where(self._outside(), exact, math.log(2.0) + torch.log1p(square * (1 / 3 + square / 5)))

    @property
    def mean(self):
        p = self._away()
        exact = p / (2 * p - 1) + 0.5 / torch.atanh(1 - 2 * p)
        d = self.probs - 0.5
        return torch.where(self._outside(), exact, 0.5 + d * (1 / 3 + 16 / 45 * d.pow(2)))

    @property
    def variance(self):
        p = self._away()
        exact = p * (p - 1) / (1 - 2 * p).pow(2) + 0.25 / torch.atanh(1 - 2 * p).pow(2)
        square = (self.probs - 0.5).pow(2)
        return torch.where(self._outside(), exact, 1 / 12 - square * (1 / 15 + 128 / 945 * square))

    def sample(self, sample_shape=torch.Size()):
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=torch.Size()):
        return self.icdf(torch.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return self._log_normalizing_constant() - binary_cross_entropy_with_logits(logits, value, reduction="none")

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        p = self._away()
        inside = (p.pow(value) * (1 - p).pow(1 - value) + p - 1) / (2 * p - 1)
        return torch.where(self._outside(), inside, value).masked_fill(value <= 0, 0.0).masked_fill(value >= 1, 1.0)

    def icdf(self, value):
        p = self._away()
        exact = (torch.log1p(-p + value * (2 * p - 1)) - torch.log1p(-p)) / (p.log() - torch.log1p(-p))
        return torch.where(self._outside(), exact, value)

    def entropy(self):
        log_of_zero, log_of_one = torch.log1p(-self.probs), self.probs.log()
        return self.mean * (log_of_zero - log_of_one) - self._log_normalizing_constant() - log_of_zero

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        """log of the integral of exp(x t) over [0, 1], (e^x - 1) / x."""
        near_zero = x.abs() < 2e-3
        safe = torch.where(near_zero, 1.0, x)
        return torch.where(near_zero, x / 2 + x.pow(2) / 24, torch.log(torch.expm1(safe).abs()) - safe.abs().log())
