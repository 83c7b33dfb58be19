"""Kullback-Leibler divergences in closed form."""

import math

import torch

from .combined import Independent, MultivariateNormal
from .continuous import Beta, Dirichlet, Exponential, Gamma, HalfNormal, Laplace, LogNormal, Uniform
from .discrete import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical, Poisson
from .normal import Normal
from .transforms import _sum_trailing

__all__ = ["register_kl", "kl_divergence"]

_registry = {}


def register_kl(type_p, type_q):
    """Decorator: the function gives KL(p || q) for the two classes (and their subclasses)."""
    def decorate(function):
        _registry[type_p, type_q] = function
        return function

    return decorate


def kl_divergence(p, q):
    """KL(p || q) for each batch element. Raises NotImplementedError for a pair without a closed form here."""
    best, nearest = None, None
    for (first, second), function in _registry.items():
        if isinstance(p, first) and isinstance(q, second):
            distance = (type(p).__mro__.index(first), type(q).__mro__.index(second))
            if nearest is None or distance < nearest:
                best, nearest = function, distance
    if best is None:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
    return best(p, q)


@register_kl(Normal, Normal)
@register_kl(LogNormal, LogNormal)
def _normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p, q):
    return _normal(p._whole(), q._whole())


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p, q):
    def term(a, b):
        return torch.where(a == 0, 0.0, torch.where(b == 0, math.inf, torch.xlogy(a, a) - a * b.log()))

    return term(p.probs, q.probs) + term(1 - p.probs, 1 - q.probs)


@register_kl(Binomial, Binomial)
def _binomial(p, q):
    result = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return torch.where(p.total_count > q.total_count, math.inf, result)


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _categorical(p, q):
    terms = p.probs * (p.logits - q.logits)
    terms = torch.where((q.probs == 0).expand_as(terms), math.inf, terms)
    return torch.where((p.probs == 0).expand_as(terms), 0.0, terms).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _gamma(p, q):
    return (q.concentration * (p.rate / q.rate).log() + torch.lgamma(q.concentration) - torch.lgamma(p.concentration)
            + (p.concentration - q.concentration) * torch.digamma(p.concentration)
            + (q.rate - p.rate) * (p.concentration / p.rate))


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p, q):
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    norms = torch.lgamma(total_p) - torch.lgamma(total_q)
    each = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    slopes = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return norms - each + ((p.concentration - q.concentration) * slopes).sum(-1)


@register_kl(Beta, Beta)
def _beta(p, q):
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Geometric, Geometric)
def _geometric(p, q):
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(Laplace, Laplace)
def _laplace(p, q):
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * torch.exp(-distance / p.scale) - 1


@register_kl(Poisson, Poisson)
def _poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform(p, q):
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return torch.where((q.low > p.low) | (q.high < p.high), math.inf, result)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p, q):
    root_p, root_q = p.scale_tril, q.scale_tril
    half_logs = root_q.diagonal(dim1=-2, dim2=-1).log().sum(-1) - root_p.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    ratio = torch.linalg.solve_triangular(root_q, root_p, upper=False)
    shift = torch.linalg.solve_triangular(root_q, (q.loc - p.loc).unsqueeze(-1), upper=False)
    return half_logs + 0.5 * (ratio.pow(2).sum((-2, -1)) + shift.pow(2).sum((-2, -1)) - p.event_shape[0])


@register_kl(Independent, Independent)
def _independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independents with different numbers of event dimensions")
    return _sum_trailing(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
