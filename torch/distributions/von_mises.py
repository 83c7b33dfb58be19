"""The von Mises distribution on the circle."""

from __future__ import annotations

import math

import torch

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """VonMises(loc, concentration): angles with density proportional to exp(concentration cos(x - loc)).

    Samples lie in [-pi, pi); `variance` is the circular one, 1 - I1(k) / I0(k).
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @lazy_property
    def variance(self):
        """The circular variance."""
        return 1 - torch.special.i1e(self.concentration) / torch.special.i0e(self.concentration)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * torch.cos(value - self.loc) - math.log(2 * math.pi) - torch.special.i0e(k).log() - k

    @torch.no_grad()
    def sample(self, sample_shape=torch.Size()):
        """Rejection from a wrapped Cauchy envelope (Best and Fisher 1979), in float64."""
        shape = self._extended_shape(sample_shape)
        k = self.concentration.double().expand(shape)
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        r = torch.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))
        x, done = torch.zeros_like(k), torch.zeros(shape, dtype=torch.bool, device=k.device)
        while not done.all():
            u1, u2, u3 = torch.rand((3, *shape), dtype=k.dtype, device=k.device)
            z = torch.cos(math.pi * u1)
            f = (1 + r * z) / (r + z)
            c = k * (r - f)
            accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
            x = torch.where(accept & ~done, (u3 - 0.5).sign() * f.clamp(-1, 1).acos(), x)
            done = done | accept
        angle = (x + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
        return angle.to(self.loc.dtype)
