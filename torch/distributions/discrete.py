"""Distributions of integers and categories."""

import torch
import torch.nn.functional as F

from . import constraints
from .distribution import Distribution, Logits, Parametric
from .utils import broadcast_all

__all__ = ["Bernoulli", "Categorical", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Binomial", "Geometric",
           "Poisson", "Multinomial", "NegativeBinomial"]


class Bernoulli(Logits):
    """1 with probability `probs`, else 0."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        by_probs = self._choose(probs, logits)
        self._set(validate_args, **({"probs": probs} if by_probs else {"logits": logits}))

    @property
    def mean(self):
        """p."""
        return self.probs

    @property
    def mode(self):
        """1 for p > 1/2, 0 for p < 1/2, else nan."""
        return torch.where(self.probs == 0.5, float("nan"), (self.probs >= 0.5).to(self.probs))

    @property
    def variance(self):
        """p (1 - p)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        with torch.no_grad():
            return torch.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        """x log p + (1 - x) log(1 - p)."""
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        """Entropy in nats."""
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand=True):
        """0 and 1."""
        values = torch.arange(2, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class Categorical(Logits):
    """The number of a category, with probabilities in proportion to the last dimension of `probs`."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs=None, logits=None, validate_args=None):
        given = probs if self._choose(probs, logits) else logits
        if given.dim() < 1:
            raise ValueError(f"`{'probs' if probs is not None else 'logits'}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._num_events = given.size(-1)
        Distribution.__init__(self, given.size()[:-1], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        fresh = self._copy_for(torch.Size(batch_shape))
        for name in ("probs", "logits"):
            if name in self.__dict__:
                setattr(fresh, name, self.__dict__[name].expand(torch.Size(batch_shape) + (self._num_events,)))
        fresh._num_events = self._num_events
        return fresh

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        """0 to the number of categories less one."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self):
        """nan: categories have no mean."""
        return torch.full(self._batch_shape, float("nan"), dtype=self.probs.dtype, device=self.probs.device)

    variance = mean

    @property
    def mode(self):
        """The most probable category."""
        return self.probs.argmax(dim=-1)

    def sample(self, sample_shape=torch.Size()):
        """Draws, as int64."""
        sample_shape = torch.Size(sample_shape)
        rows = self.probs.reshape(-1, self._num_events)
        return torch.multinomial(rows, sample_shape.numel(), True).T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        """Logarithm of the probability of category `value`."""
        self._validate_sample(value)
        value = value.long().unsqueeze(-1)
        value, logits = torch.broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        """Entropy in nats."""
        logits = torch.clamp(self.logits, min=torch.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        """All categories."""
        values = torch.arange(self._num_events, dtype=torch.long, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class OneHotCategorical(Distribution):
    """A one-hot vector of a category."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        fresh = self._copy_for(torch.Size(batch_shape))
        fresh._categorical = self._categorical.expand(batch_shape)
        return fresh

    @property
    def probs(self):
        """Probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Their logarithms."""
        return self._categorical.logits

    @property
    def mean(self):
        """The probabilities."""
        return self.probs

    @property
    def mode(self):
        """The most probable vector."""
        return F.one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs)

    @property
    def variance(self):
        """p (1 - p)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        return F.one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs)

    def log_prob(self, value):
        """Logarithm of the probability of the category."""
        self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        """Entropy in nats."""
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        """All one-hot vectors."""
        count = self._event_shape[0]
        values = torch.eye(count, dtype=self.probs.dtype, device=self.probs.device)
        values = values.view((count,) + (1,) * len(self._batch_shape) + (count,))
        return values.expand((count, *self._batch_shape, count)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot draws whose gradient is that of the probabilities; Bengio et al. 2013."""

    has_rsample = True

    def rsample(self, sample_shape=torch.Size()):
        """Draws with the gradient of the probabilities."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Binomial(Logits):
    """Successes in `total_count` trials."""

    arg_constraints = {"total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval,
                       "logits": constraints.real}
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        name, value = ("probs", probs) if self._choose(probs, logits) else ("logits", logits)
        value = value if isinstance(value, torch.Tensor) else torch.tensor(float(value))
        self._set(validate_args, **{"total_count": total_count, name: value})
        self.total_count = self.total_count.type_as(self._param)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        """0 to total_count."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        """n p."""
        return self.total_count * self.probs

    @property
    def mode(self):
        """floor((n + 1) p), at most n."""
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        """n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            return torch.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        """Logarithm of the probability of `value` successes."""
        self._validate_sample(value)
        n, logits = self.total_count, self.logits
        binomial = torch.lgamma(n + 1) - torch.lgamma(value + 1) - torch.lgamma(n - value + 1)
        # x l - n log(1 + exp(l)), without overflow for large |l|
        return binomial + value * logits - n * (logits.clamp(min=0) + torch.log1p(torch.exp(-logits.abs())))

    def entropy(self):
        """Entropy in nats, for equal counts."""
        values = self.enumerate_support(False)
        log_prob = self.log_prob(values)
        return -(torch.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        """0 to total_count, which must be the same everywhere."""
        total = int(self.total_count.max())
        if not int(self.total_count.min()) == total:
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        values = torch.arange(1 + total, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class Geometric(Logits):
    """Failures before the first success."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        by_probs = self._choose(probs, logits)
        self._set(validate_args, **({"probs": probs} if by_probs else {"logits": logits}))
        if self._validate_args and by_probs and not bool((self.probs > 0).all()):
            raise ValueError(f"Expected parameter probs of distribution {self!r} to be positive but found invalid values:\n"
                             f"{self.probs}")

    @property
    def mean(self):
        """1 / p - 1."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        """0."""
        return torch.zeros_like(self.probs)

    @property
    def variance(self):
        """(1 / p - 1) / p."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=torch.Size()):
        """floor(log u / log(1 - p))."""
        tiny = torch.finfo(self.probs.dtype).tiny
        with torch.no_grad():
            u = self._noise(self.probs, sample_shape).uniform_(tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        """x log(1 - p) + log p."""
        self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = torch.where((probs == 1) & (value == 0), 0.0, probs)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self):
        """Entropy of one trial divided by p."""
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class Poisson(Parametric):
    """rate^x exp(-rate) / x!."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate, validate_args=None):
        self._set(validate_args, rate=rate)

    @property
    def mean(self):
        """rate."""
        return self.rate

    variance = mean

    @property
    def mode(self):
        """floor(rate)."""
        return self.rate.floor()

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        """x log rate - rate - log x!."""
        self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return torch.xlogy(value, rate) - rate - torch.lgamma(value + 1)


class NegativeBinomial(Logits):
    """Successes, each of probability `probs`, before `total_count` failures."""

    arg_constraints = {"total_count": constraints.greater_than_eq(0), "probs": constraints.half_open_interval(0.0, 1.0),
                       "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        name, value = ("probs", probs) if self._choose(probs, logits) else ("logits", logits)
        value = value if isinstance(value, torch.Tensor) else torch.tensor(float(value))
        self._set(validate_args, **{"total_count": total_count, name: value})
        self.total_count = self.total_count.type_as(self._param)

    @property
    def mean(self):
        """n exp(logit)."""
        return self.total_count * torch.exp(self.logits)

    @property
    def variance(self):
        """mean / (1 - p)."""
        return self.mean / torch.sigmoid(-self.logits)

    def sample(self, sample_shape=torch.Size()):
        """Poisson draws with gamma-distributed rates."""
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            rate = torch._standard_gamma(self.total_count.expand(shape)) / torch.exp(-self.logits).expand(shape)
            return torch.poisson(rate)

    def log_prob(self, value):
        """Logarithm of the probability."""
        self._validate_sample(value)
        unnormalised = self.total_count * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        norm = -torch.lgamma(self.total_count + value) + torch.lgamma(1.0 + value) + torch.lgamma(self.total_count)
        return unnormalised - norm.masked_fill(self.total_count + value == 0.0, 0.0)


class Multinomial(Distribution):
    """Counts of categories in `total_count` draws."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        fresh = self._copy_for(torch.Size(batch_shape))
        fresh.total_count, fresh._categorical = self.total_count, self._categorical.expand(batch_shape)
        return fresh

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        """Counts that add up to total_count."""
        return constraints.multinomial(self.total_count)

    @property
    def probs(self):
        """Probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Their logarithms."""
        return self._categorical.logits

    @property
    def mean(self):
        """n p."""
        return self.probs * self.total_count

    @property
    def variance(self):
        """n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        draws = self._categorical.sample(torch.Size((self.total_count,)) + torch.Size(sample_shape))
        draws = draws.permute(*range(1, draws.dim()), 0)
        counts = draws.new_zeros(self._extended_shape(sample_shape))
        counts.scatter_add_(-1, draws, torch.ones_like(draws))
        return counts.type_as(self.probs)

    def log_prob(self, value):
        """Logarithm of the probability of the counts."""
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = torch.where((value == 0) & (logits == -float("inf")), 0.0, logits)
        return torch.lgamma(value.sum(-1) + 1) - torch.lgamma(value + 1).sum(-1) + (logits * value).sum(-1)
