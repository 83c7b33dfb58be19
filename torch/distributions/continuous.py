"""Distributions of real numbers."""

import math

import torch

from . import constraints
from .distribution import Distribution, Parametric
from .utils import broadcast_all, euler_constant

__all__ = ["Uniform", "Exponential", "Gamma", "Chi2", "Beta", "Dirichlet", "Laplace", "Cauchy", "StudentT", "Gumbel",
           "HalfNormal", "HalfCauchy", "Weibull", "Pareto", "LogNormal"]


class Uniform(Parametric):
    """1 / (high - low) in [low, high)."""

    arg_constraints = {"low": constraints.dependent, "high": constraints.dependent}
    has_rsample = True

    def __init__(self, low, high, validate_args=None):
        self._set(validate_args, low=low, high=high)
        if self._validate_args and not bool(torch.lt(self.low, self.high).all()):
            raise ValueError("Uniform is not defined when low>= high")

    @constraints.dependent_property
    def support(self):
        """[low, high]."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self):
        """(low + high) / 2."""
        return (self.high + self.low) / 2

    @property
    def variance(self):
        """(high - low)^2 / 12."""
        return (self.high - self.low).pow(2) / 12

    def rsample(self, sample_shape=torch.Size()):
        """low + U (high - low)."""
        noise = torch.rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + noise * (self.high - self.low)

    def log_prob(self, value):
        """-log(high - low) within, -inf outside."""
        self._validate_sample(value)
        within = self.low.le(value).type_as(self.low) * self.high.gt(value).type_as(self.low)
        return torch.log(within) - torch.log(self.high - self.low)

    def cdf(self, value):
        """(x - low) / (high - low), clamped."""
        self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value):
        """Inverse of :meth:`cdf`."""
        return value * (self.high - self.low) + self.low

    def entropy(self):
        """log(high - low)."""
        return torch.log(self.high - self.low)


class Exponential(Parametric):
    """rate exp(-rate x)."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate, validate_args=None):
        self._set(validate_args, rate=rate)

    @property
    def mean(self):
        """1 / rate."""
        return self.rate.reciprocal()

    stddev = mean

    @property
    def mode(self):
        """0."""
        return torch.zeros_like(self.rate)

    @property
    def variance(self):
        """1 / rate^2."""
        return self.rate.pow(-2)

    def rsample(self, sample_shape=torch.Size()):
        """Standard draws divided by the rate."""
        return self._noise(self.rate, sample_shape).exponential_() / self.rate

    def log_prob(self, value):
        """log rate - rate x."""
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value):
        """1 - exp(-rate x)."""
        self._validate_sample(value)
        return 1 - torch.exp(-self.rate * value)

    def icdf(self, value):
        """Inverse of :meth:`cdf`."""
        return -torch.log1p(-value) / self.rate

    def entropy(self):
        """1 - log rate."""
        return 1.0 - torch.log(self.rate)


class Gamma(Parametric):
    """rate^a x^(a - 1) exp(-rate x) / Gamma(a), a = `concentration`."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        self._set(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self):
        """a / rate."""
        return self.concentration / self.rate

    @property
    def mode(self):
        """(a - 1) / rate, at least 0."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        """a / rate^2."""
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=torch.Size()):
        """Standard draws divided by the rate."""
        shape = self._extended_shape(sample_shape)
        value = torch._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=torch.finfo(value.dtype).tiny)
        return value

    def log_prob(self, value):
        """Logarithm of the density."""
        value = torch.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._validate_sample(value)
        return (torch.xlogy(self.concentration, self.rate) + torch.xlogy(self.concentration - 1, value) - self.rate * value
                - torch.lgamma(self.concentration))

    def entropy(self):
        """a - log rate + lgamma(a) + (1 - a) digamma(a)."""
        return (self.concentration - torch.log(self.rate) + torch.lgamma(self.concentration)
                + (1.0 - self.concentration) * torch.digamma(self.concentration))


class Chi2(Gamma):
    """Gamma(df / 2, 1 / 2)."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        df, = broadcast_all(df)
        super().__init__(0.5 * df, torch.full_like(df, 0.5), validate_args=validate_args)

    @property
    def df(self):
        """Degrees of freedom."""
        return self.concentration * 2

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        return type(self)(self.df.expand(torch.Size(batch_shape)), validate_args=False)


class Dirichlet(Distribution):
    """Product of x_i^(a_i - 1) over the simplex, a = `concentration`."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        fresh = self._copy_for(torch.Size(batch_shape))
        fresh.concentration = self.concentration.expand(torch.Size(batch_shape) + self.event_shape)
        return fresh

    @property
    def mean(self):
        """a / sum a."""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def variance(self):
        """a (s - a) / (s^2 (s + 1)), s = sum a."""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape=torch.Size()):
        """Draws."""
        return torch._sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        return (torch.xlogy(self.concentration - 1.0, value).sum(-1) + torch.lgamma(self.concentration.sum(-1))
                - torch.lgamma(self.concentration).sum(-1))

    def entropy(self):
        """Entropy in nats."""
        count, total = self.concentration.size(-1), self.concentration.sum(-1)
        return (torch.lgamma(self.concentration).sum(-1) - torch.lgamma(total) - (count - total) * torch.digamma(total)
                - ((self.concentration - 1.0) * torch.digamma(self.concentration)).sum(-1))


class Beta(Distribution):
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b), a = `concentration1`, b = `concentration0`."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        a, b = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(torch.stack([a, b], -1), validate_args=validate_args)
        super().__init__(self._dirichlet.batch_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        batch_shape = torch.Size(batch_shape)
        return type(self)(self.concentration1.expand(batch_shape), self.concentration0.expand(batch_shape),
                          validate_args=False)

    @property
    def concentration1(self):
        """a."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self):
        """b."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self):
        """a / (a + b)."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self):
        """a b / ((a + b)^2 (a + b + 1))."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape=torch.Size()):
        """Draws."""
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        return self._dirichlet.log_prob(torch.stack([value, 1.0 - value], -1))

    def entropy(self):
        """Entropy in nats."""
        return self._dirichlet.entropy()


class Laplace(Parametric):
    """exp(-|x - loc| / scale) / (2 scale)."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self):
        """loc."""
        return self.loc

    mode = mean

    @property
    def variance(self):
        """2 scale^2."""
        return 2 * self.scale.pow(2)

    def rsample(self, sample_shape=torch.Size()):
        """loc - scale sign(u) log(1 - |u|), u in (-1, 1)."""
        info = torch.finfo(self.loc.dtype)
        u = self._noise(self.loc, sample_shape).uniform_(info.eps - 1, 1)
        return self.loc - self.scale * u.sign() * torch.log1p(-u.abs())

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        return -torch.log(2 * self.scale) - torch.abs(value - self.loc) / self.scale

    def cdf(self, value):
        """Probability of a draw not above `value`."""
        self._validate_sample(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * torch.expm1(-distance.abs() / self.scale)

    def icdf(self, value):
        """Inverse of :meth:`cdf`."""
        term = value - 0.5
        return self.loc - self.scale * term.sign() * torch.log1p(-2 * term.abs())

    def entropy(self):
        """1 + log(2 scale)."""
        return 1 + torch.log(2 * self.scale)


class Cauchy(Parametric):
    """1 / (pi scale (1 + ((x - loc) / scale)^2))."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self):
        """nan: there is none."""
        return torch.full_like(self.loc, math.nan)

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """inf."""
        return torch.full_like(self.loc, math.inf)

    def rsample(self, sample_shape=torch.Size()):
        """loc + scale * standard draws."""
        return self.loc + self._noise(self.loc, sample_shape).cauchy_() * self.scale

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value):
        """Probability of a draw not above `value`."""
        self._validate_sample(value)
        return torch.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value):
        """Inverse of :meth:`cdf`."""
        return torch.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self):
        """log(4 pi) + log scale."""
        return math.log(4 * math.pi) + self.scale.log()


class StudentT(Parametric):
    """Student's t with `df` degrees of freedom, moved and scaled."""

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self._set(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self):
        """loc for df > 1, else nan."""
        return torch.where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """scale^2 df / (df - 2) for df > 2, inf for df > 1, else nan."""
        finite = self.scale.pow(2) * self.df / (self.df - 2)
        return torch.where(self.df > 2, finite, torch.where(self.df > 1, math.inf, math.nan))

    def rsample(self, sample_shape=torch.Size()):
        """loc + scale X / sqrt(Z / df), X normal, Z chi-squared."""
        x = self._noise(self.df, sample_shape).normal_()
        z = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * x * torch.rsqrt(z / self.df)

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        y = (value - self.loc) / self.scale
        norm = (self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi) + torch.lgamma(0.5 * self.df)
                - torch.lgamma(0.5 * (self.df + 1.0)))
        return -0.5 * (self.df + 1.0) * torch.log1p(y**2.0 / self.df) - norm

    def entropy(self):
        """Entropy in nats."""
        log_beta = torch.lgamma(0.5 * self.df) + math.lgamma(0.5) - torch.lgamma(0.5 * (self.df + 1))
        return (self.scale.log() + 0.5 * (self.df + 1) * (torch.digamma(0.5 * (self.df + 1)) - torch.digamma(0.5 * self.df))
                + 0.5 * self.df.log() + log_beta)


class Gumbel(Parametric):
    """exp(-(z + exp(-z))) / scale, z = (x - loc) / scale."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self):
        """loc + Euler's constant * scale."""
        return self.loc + self.scale * euler_constant

    @property
    def mode(self):
        """loc."""
        return self.loc

    @property
    def variance(self):
        """pi^2 scale^2 / 6."""
        return (math.pi / math.sqrt(6) * self.scale).pow(2)

    def rsample(self, sample_shape=torch.Size()):
        """loc - scale log(-log u)."""
        info = torch.finfo(self.loc.dtype)
        u = self._noise(self.loc, sample_shape).uniform_(info.tiny, 1 - info.eps)
        return self.loc - self.scale * torch.log(-torch.log(u))

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        z = (self.loc - value) / self.scale
        return z - z.exp() - self.scale.log()

    def entropy(self):
        """log scale + 1 + Euler's constant."""
        return self.scale.log() + (1 + euler_constant)


class _Half(Parametric):
    """|X| of a symmetric distribution X around zero."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale, validate_args=None):
        self._set(validate_args, scale=scale)

    def _whole(self):
        raise NotImplementedError

    @property
    def mode(self):
        """0."""
        return torch.zeros_like(self.scale)

    def rsample(self, sample_shape=torch.Size()):
        """Absolute values of draws."""
        return self._whole().rsample(sample_shape).abs()

    def log_prob(self, value):
        """Logarithm of twice the density."""
        self._validate_sample(value)
        return torch.where(value >= 0, self._whole().log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value):
        """2 F(x) - 1."""
        self._validate_sample(value)
        return 2 * self._whole().cdf(value) - 1

    def icdf(self, value):
        """Inverse of :meth:`cdf`."""
        return self._whole().icdf((value + 1) / 2)

    def entropy(self):
        """The whole's entropy less log 2."""
        return self._whole().entropy() - math.log(2)


class HalfNormal(_Half):
    """|X| for X of Normal(0, scale)."""

    def _whole(self):
        from .normal import Normal

        return Normal(torch.zeros_like(self.scale), self.scale, validate_args=False)

    @property
    def mean(self):
        """scale sqrt(2 / pi)."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self):
        """scale^2 (1 - 2 / pi)."""
        return self.scale.pow(2) * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """|X| for X of Cauchy(0, scale)."""

    def _whole(self):
        return Cauchy(torch.zeros_like(self.scale), self.scale, validate_args=False)

    @property
    def mean(self):
        """inf."""
        return torch.full_like(self.scale, math.inf)

    @property
    def variance(self):
        """inf."""
        return torch.full_like(self.scale, math.inf)


class Weibull(Parametric):
    """(k / scale) (x / scale)^(k - 1) exp(-(x / scale)^k), k = `concentration`."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, scale, concentration, validate_args=None):
        self._set(validate_args, scale=scale, concentration=concentration)

    @property
    def mean(self):
        """scale Gamma(1 + 1 / k)."""
        return self.scale * torch.exp(torch.lgamma(1 + self.concentration.reciprocal()))

    @property
    def variance(self):
        """scale^2 (Gamma(1 + 2 / k) - Gamma(1 + 1 / k)^2)."""
        inverse = self.concentration.reciprocal()
        return self.scale.pow(2) * (torch.exp(torch.lgamma(1 + 2 * inverse)) - torch.exp(2 * torch.lgamma(1 + inverse)))

    def rsample(self, sample_shape=torch.Size()):
        """scale E^(1 / k), E exponential."""
        return self.scale * self._noise(self.scale, sample_shape).exponential_().pow(self.concentration.reciprocal())

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        ratio = value / self.scale
        return (torch.log(self.concentration / self.scale) + (self.concentration - 1) * torch.log(ratio)
                - ratio.pow(self.concentration))

    def entropy(self):
        """Entropy in nats."""
        inverse = self.concentration.reciprocal()
        return euler_constant * (1 - inverse) + torch.log(self.scale * inverse) + 1


class Pareto(Parametric):
    """alpha scale^alpha / x^(alpha + 1) for x >= scale."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    has_rsample = True

    def __init__(self, scale, alpha, validate_args=None):
        self._set(validate_args, scale=scale, alpha=alpha)

    @constraints.dependent_property
    def support(self):
        """[scale, infinity)."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        """alpha scale / (alpha - 1), inf for alpha <= 1."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self):
        """scale."""
        return self.scale

    @property
    def variance(self):
        """scale^2 alpha / ((alpha - 1)^2 (alpha - 2)), inf for alpha <= 2."""
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def rsample(self, sample_shape=torch.Size()):
        """scale exp(E / alpha), E exponential."""
        return self.scale * torch.exp(self._noise(self.scale, sample_shape).exponential_() / self.alpha)

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        return torch.log(self.alpha) + self.alpha * torch.log(self.scale) - (self.alpha + 1) * torch.log(value)

    def entropy(self):
        """log(scale / alpha) + 1 + 1 / alpha."""
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class LogNormal(Parametric):
    """exp(X) for X of Normal(loc, scale)."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self):
        """exp(loc + scale^2 / 2)."""
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self):
        """exp(loc - scale^2)."""
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self):
        """(exp(scale^2) - 1) exp(2 loc + scale^2)."""
        return self.scale.pow(2).expm1() * (2 * self.loc + self.scale.pow(2)).exp()

    def rsample(self, sample_shape=torch.Size()):
        """exp of normal draws."""
        return (self.loc + self._noise(self.loc, sample_shape).normal_() * self.scale).exp()

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        x = value.log()
        return -((x - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - math.log(math.sqrt(2 * math.pi)) - x

    def entropy(self):
        """Entropy of the normal plus loc."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + torch.log(self.scale) + self.loc
