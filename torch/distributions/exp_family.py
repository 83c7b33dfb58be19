"""Exponential families: densities h(x) exp(<natural parameters, t(x)> - A(natural parameters))."""

from __future__ import annotations

import torch

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution given by its natural parameters and log-normalizer A, from which its entropy follows by differentiation."""

    @property
    def _natural_params(self):
        """The natural parameters, a tuple."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        """A, as a function of them."""
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        """E[log h(x)]."""
        raise NotImplementedError

    def entropy(self):
        """-E[log h] + A(eta) - <eta, grad A(eta)>."""
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*params)
        gradients = torch.autograd.grad(normalizer.sum(), params, create_graph=True)
        result = -self._mean_carrier_measure + normalizer
        for p, g in zip(params, gradients):
            result = result - (p * g).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
