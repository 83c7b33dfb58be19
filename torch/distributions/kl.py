"""Kullback-Leibler divergences, by pairs of distribution classes."""

from __future__ import annotations

import math

import torch
from torch import inf

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .log_normal import LogNormal
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost
from .utils import euler_constant as _euler_gamma

__all__ = ["register_kl", "kl_divergence"]

_registry: dict = {}
_found: dict = {}


def register_kl(type_p, type_q):
    """Decorator: the function gives KL(p || q) for p of `type_p` and q of `type_q`, and their subclasses unless a closer pair is registered."""
    for t in (type_p, type_q):
        if not isinstance(t, type) or not issubclass(t, Distribution):
            raise TypeError(f"Expected a Distribution subclass but got {t}")

    def add(fun):
        _registry[type_p, type_q] = fun
        _found.clear()
        return fun
    return add


def _closest(type_p, type_q):
    """The function of the registered pair that is nearest by the method resolution orders, p's first."""
    matches = [pair for pair in _registry if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not matches:
        return None
    return _registry[min(matches, key=lambda pair: (type_p.__mro__.index(pair[0]), type_q.__mro__.index(pair[1])))]


def kl_divergence(p, q):
    """KL(p || q), the expectation under p of log p - log q, for each distribution of the batch.

    Raises NotImplementedError for a pair of classes without a formula.
    """
    pair = type(p), type(q)
    if pair not in _found:
        _found[pair] = _closest(*pair)
    if _found[pair] is None:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
    return _found[pair](p, q)


@register_kl(Bernoulli, Bernoulli)
def _kl_bernoulli(p, q):
    softplus = torch.nn.functional.softplus
    t1 = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    t1 = torch.where(q.probs == 0, inf, t1)
    t1 = torch.where(p.probs == 0, 0.0, t1)
    t2 = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    t2 = torch.where(q.probs == 1, inf, t2)
    t2 = torch.where(p.probs == 1, 0.0, t2)
    return t1 + t2


@register_kl(Beta, Beta)
def _kl_beta(p, q):
    return _kl_dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _kl_dirichlet(p, q):
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    norm = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return norm + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Binomial, Binomial)
def _kl_binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return torch.where(p.total_count > q.total_count, inf, kl)


@register_kl(Categorical, Categorical)
def _kl_categorical(p, q):
    t = p.probs * (p.logits - q.logits)
    t = torch.where(q.probs == 0, inf, t)
    return torch.where(p.probs.expand_as(t) == 0, 0.0, t).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _kl_one_hot(p, q):
    return _kl_categorical(p._categorical, q._categorical)


@register_kl(Cauchy, Cauchy)
def _kl_cauchy(p, q):
    t1 = ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log()
    return t1 - (4 * p.scale * q.scale).log()


@register_kl(Exponential, Exponential)
def _kl_exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _kl_continuous_bernoulli(p, q):
    own = p._log_normalizing_constant() + torch.log1p(-p.probs)
    other = q._log_normalizing_constant() + torch.log1p(-q.probs)
    return p.mean * (p.logits - q.logits) + own - other


@register_kl(Gamma, Gamma)
def _kl_gamma(p, q):
    t1 = q.concentration * (p.rate / q.rate).log() + torch.lgamma(q.concentration) - torch.lgamma(p.concentration)
    t2 = (p.concentration - q.concentration) * torch.digamma(p.concentration)
    return t1 + t2 + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Geometric, Geometric)
def _kl_geometric(p, q):
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _kl_gumbel(p, q):
    ratio, shift = p.scale / q.scale, p.loc / q.scale
    moved = q.loc / q.scale
    t = torch.exp(moved - shift + torch.lgamma(1 + ratio))
    return -ratio.log() - (moved - shift) + ratio * _euler_gamma + t - (1 + _euler_gamma)


@register_kl(HalfNormal, HalfNormal)
def _kl_half_normal(p, q):
    return _kl_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _kl_laplace(p, q):
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * torch.exp(-distance / p.scale) - 1


@register_kl(LogNormal, LogNormal)
def _kl_log_normal(p, q):
    return _kl_normal(p.base_dist, q.base_dist)


@register_kl(Normal, Normal)
def _kl_normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(MultivariateNormal, MultivariateNormal)
def _kl_multivariate_normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two Multivariate Normals with different event shapes cannot be computed")
    n = p.event_shape[0]
    batch = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    a, b = p._unbroadcasted_scale_tril.expand(batch + (n, n)), q._unbroadcasted_scale_tril.expand(batch + (n, n))
    trace = torch.linalg.solve_triangular(b, a, upper=False).pow(2).sum((-2, -1))
    distance = _batch_mahalanobis(b, (q.loc - p.loc).expand(batch + (n,)))
    return q._half_log_det() - p._half_log_det() + 0.5 * (trace + distance - n)


@register_kl(Pareto, Pareto)
def _kl_pareto(p, q):
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return torch.where(p.scale < q.scale, inf, kl)


@register_kl(Poisson, Poisson)
def _kl_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _kl_uniform(p, q):
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return torch.where((q.low > p.low) | (q.high < p.high), inf, kl)


@register_kl(TransformedDistribution, TransformedDistribution)
def _kl_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _kl_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


# ---- pairs of different families ----

@register_kl(Laplace, Normal)
def _kl_laplace_normal(p, q):
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    t1 = 0.5 * torch.log(2 * ratio / math.pi)
    return -t1 + ratio + (0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)) / variance - 1


@register_kl(Normal, Laplace)
def _kl_normal_laplace(p, q):
    d = p.loc - q.loc
    ratio, z = p.scale / q.scale, d / p.scale
    t1 = torch.log(ratio)
    t2 = math.sqrt(2 / math.pi) * p.scale * torch.exp(-0.5 * z.pow(2))
    t3 = d * torch.erf(math.sqrt(0.5) * z)
    return -t1 + (t2 + t3) / q.scale - (0.5 * (1 + math.log(0.5 * math.pi)))


@register_kl(Uniform, Beta)
def _kl_uniform_beta(p, q):
    width = p.high - p.low

    def moment(f):
        return (torch.special.xlogy(f(p.high), f(p.high)) - torch.special.xlogy(f(p.low), f(p.low))) / width
    t1 = (q.concentration1 - 1) * (moment(lambda x: x) - 1)
    t2 = (q.concentration0 - 1) * (-moment(lambda x: 1 - x) - 1)
    t3 = q.concentration1.lgamma() + q.concentration0.lgamma() - (q.concentration1 + q.concentration0).lgamma()
    return torch.where((p.high > 1) | (p.low < 0), inf, t3 - t1 - t2 - width.log())


# KL(p || q) = -H(p) - E_p[log q], where log q is linear in a few moments of p.

def _mean_log(p):
    """E[log x]."""
    if isinstance(p, Gamma):
        return p.concentration.digamma() - p.rate.log()
    if isinstance(p, Exponential):
        return -_euler_gamma - p.rate.log()
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return (torch.xlogy(p.high, p.high) - torch.xlogy(p.low, p.low)) / (p.high - p.low) - 1     # Uniform


def _mean_exp(p, t):
    """E[exp(-t x)]."""
    if isinstance(p, Normal):
        return (-t * p.loc + (t * p.scale).pow(2) / 2).exp()
    if isinstance(p, Uniform):
        return ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low))
    concentration = p.concentration if isinstance(p, Gamma) else 1.0
    return (1 + t / p.rate).pow(-concentration)


def _to_normal(p, q):
    square = (p.variance + (p.mean - q.loc).pow(2)) / q.scale.pow(2)
    kl = -p.entropy() + 0.5 * (square + math.log(2 * math.pi)) + q.scale.log()
    return torch.where(p.alpha <= 2, inf, kl) if isinstance(p, Pareto) else kl


def _to_exponential(p, q):
    return _above_zero(p, -p.entropy() - q.rate.log() + q.rate * p.mean)


def _to_gamma(p, q):
    normalizer = q.concentration.lgamma() - q.concentration * q.rate.log()
    return _above_zero(p, -p.entropy() + normalizer - (q.concentration - 1) * _mean_log(p) + q.rate * p.mean)


def _above_zero(p, kl):
    if isinstance(p, Uniform):
        return torch.where(p.low < 0, inf, kl)
    return torch.where(p.alpha <= 1, inf, kl) if isinstance(p, Pareto) else kl


def _to_gumbel(p, q):
    t = q.scale.reciprocal()
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) * t + (q.loc * t).exp() * _mean_exp(p, t)


def _to_continuous_bernoulli(p, q):
    kl = -p.entropy() - p.mean * q.logits - torch.log1p(-q.probs) - q._log_normalizing_constant()
    return torch.where((p.high > 1) | (p.low < 0), inf, kl) if isinstance(p, Uniform) else kl


@register_kl(ContinuousBernoulli, Uniform)
@register_kl(Beta, Uniform)
def _kl_beta_uniform(p, q):
    return torch.where((q.low > 0) | (q.high < 1), inf, (q.high - q.low).log() - p.entropy())


@register_kl(Uniform, Pareto)
def _kl_uniform_pareto(p, q):
    kl = -p.entropy() - q.alpha.log() - q.alpha * q.scale.log() + (q.alpha + 1) * _mean_log(p)
    return torch.where(p.low < q.scale, inf, kl)


for _sources, _target, _formula in (((Uniform, Exponential, Gamma, Beta, Gumbel, Pareto, ContinuousBernoulli), Normal, _to_normal),
                                    ((Uniform, Gamma, Beta, Pareto, ContinuousBernoulli), Exponential, _to_exponential),
                                    ((Uniform, Beta), ContinuousBernoulli, _to_continuous_bernoulli),
                                    ((Uniform, Exponential, Beta, Pareto), Gamma, _to_gamma),
                                    ((Normal, Uniform, Exponential, Gamma), Gumbel, _to_gumbel)):
    for _source in _sources:
        register_kl(_source, _target)(_formula)


def _never(p, q):
    """p gives weight to what q excludes."""
    return torch.full(torch.broadcast_shapes(p.batch_shape, q.batch_shape), inf)


for _outside in ((Beta, Pareto), (ContinuousBernoulli, Pareto), (Exponential, ContinuousBernoulli), (Gamma, ContinuousBernoulli),
                 (Gumbel, ContinuousBernoulli), (Laplace, ContinuousBernoulli), (Normal, ContinuousBernoulli), (Pareto, ContinuousBernoulli), (Exponential, Beta), (Exponential, Pareto), (Exponential, Uniform), (Gamma, Beta),
                 (Gamma, Pareto), (Gamma, Uniform), (Gumbel, Beta), (Gumbel, Exponential), (Gumbel, Gamma), (Gumbel, Pareto), (Gumbel, Uniform),
                 (Laplace, Beta), (Laplace, Exponential), (Laplace, Gamma), (Laplace, Pareto), (Laplace, Uniform), (Normal, Beta),
                 (Normal, Exponential), (Normal, Gamma), (Normal, Pareto), (Normal, Uniform), (Pareto, Beta), (Pareto, Uniform),
                 (Poisson, Bernoulli), (Poisson, Binomial)):
    register_kl(*_outside)(_never)


@register_kl(Bernoulli, Poisson)
def _kl_bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)
