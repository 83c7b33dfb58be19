"""The LKJ distribution of correlation matrices."""

from __future__ import annotations

import math

import torch

from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """LKJCholesky(dim, concentration): Cholesky factors L of correlation matrices, whose density is proportional to det(L L^T)^(concentration - 1).

    Lewandowski, Kurowicka and Joe (2009). 1 means uniform over correlation matrices. Raises ValueError for dim < 2.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.size(), torch.Size((dim, dim)), validate_args)

    def sample(self, sample_shape=torch.Size()):
        # row k of L lies in a ball: its squared radius is a beta variable, its direction uniform (the onion method)
        k = torch.arange(-1, self.dim - 1, dtype=self.concentration.dtype, device=self.concentration.device).clamp_min(0)
        half = self.concentration.unsqueeze(-1) + 0.5 * (self.dim - 2)
        square_radius = Beta(k + 0.5, half - 0.5 * k).sample(sample_shape).unsqueeze(-1)
        normal = torch.randn(self._extended_shape(sample_shape), dtype=square_radius.dtype, device=square_radius.device).tril(-1)
        direction = normal / normal.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)
        below = square_radius.sqrt() * direction
        smallest = torch.finfo(below.dtype).tiny
        return below + (1 - below.pow(2).sum(-1)).clamp(min=smallest).sqrt().diag_embed()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        power = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - torch.arange(2, self.dim + 1, device=self.concentration.device)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + torch.mvlgamma(alpha - 0.5, p=n) - n * torch.lgamma(alpha)
        return (power * diagonal.log()).sum(-1) - normalizer
