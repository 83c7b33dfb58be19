"""Dropout modules."""

from .. import functional as F
from .module import Module

__all__ = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """A dropout function with its probability; active in training only."""

    _function = None

    def __init_subclass__(cls, function=None):
        super().__init_subclass__()
        if function is not None:
            cls._function = staticmethod(function)

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input):
        """Drop in training, return the input otherwise."""
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd, function=F.dropout):
    """Zero each element with probability `p` and scale the rest by 1 / (1 - p)."""


class Dropout1d(_DropoutNd, function=F.dropout1d):
    """Zero whole channels of (C, L) or (N, C, L) input."""


class Dropout2d(_DropoutNd, function=F.dropout2d):
    """Zero whole channels of (N, C, H, W) input."""


class Dropout3d(_DropoutNd, function=F.dropout3d):
    """Zero whole channels of (C, D, H, W) or (N, C, D, H, W) input."""


class AlphaDropout(_DropoutNd, function=F.alpha_dropout):
    """Dropout that keeps the mean and variance of SELU activations."""


class FeatureAlphaDropout(_DropoutNd, function=F.feature_alpha_dropout):
    """Alpha dropout of whole channels."""
