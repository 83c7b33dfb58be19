"""The generalized Pareto distribution."""

from __future__ import annotations

import torch
from torch import inf

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """GeneralizedPareto(loc, scale, concentration): what lies above a high threshold; 1 - cdf = (1 + c (x - loc) / scale)^(-1 / c)."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        """From `loc` on, up to loc - scale / concentration where the concentration is negative."""
        upper = torch.where(self.concentration < 0, self.loc - self.scale / self.concentration, inf)
        return constraints.interval(self.loc, upper)

    def log_survival_function(self, value):
        """log(1 - cdf(value)): -z where the concentration is zero, z = (value - loc) / scale."""
        z, c = (value - self.loc) / self.scale, self.concentration
        zero = torch.isclose(c, torch.zeros_like(c))
        safe = torch.where(zero, torch.ones_like(c), c)
        return torch.where(zero, -z, -torch.log1p(safe * z) / safe)

    mode = property(lambda self: self.loc)

    @property
    def mean(self):
        c = self.concentration
        return torch.where(c < 1, self.loc + self.scale / (1 - c), inf)

    @property
    def variance(self):
        c = self.concentration
        return torch.where(c < 0.5, self.scale.square() / ((1 - c).square() * (1 - 2 * c)), inf)

    def rsample(self, sample_shape=torch.Size()):
        return self.icdf(torch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return (1 + self.concentration) * self.log_survival_function(value) - self.scale.log()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return -torch.expm1(self.log_survival_function(value))

    def log_cdf(self, value):
        """log(cdf(value))."""
        return torch.log1p(-torch.exp(self.log_survival_function(value)))

    def icdf(self, value):
        c, t = self.concentration, -torch.log1p(-value)
        zero = torch.isclose(c, torch.zeros_like(c))
        safe = torch.where(zero, torch.ones_like(c), c)
        return self.loc + self.scale * torch.where(zero, t, torch.expm1(safe * t) / safe)

    def entropy(self):
        return self.scale.log() + self.concentration + 1
