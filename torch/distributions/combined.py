"""Distributions made of others, and the multivariate normal."""

import math

import torch

from . import constraints
from .discrete import Categorical
from .distribution import Distribution, Logits
from .transforms import ComposeTransform, SigmoidTransform, Transform, _sum_trailing
from .utils import lazy_property

__all__ = ["Independent", "TransformedDistribution", "MixtureSameFamily", "MultivariateNormal", "RelaxedBernoulli",
           "RelaxedOneHotCategorical"]


class Independent(Distribution):
    """A distribution whose last batch dimensions count as one event."""

    arg_constraints = {}

    def __init__(self, base_distribution, reinterpreted_batch_ndims, validate_args=None):
        count = reinterpreted_batch_ndims
        if count > len(base_distribution.batch_shape):
            raise ValueError("Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                             f"{count} vs {len(base_distribution.batch_shape)}")
        shape = base_distribution.batch_shape + base_distribution.event_shape
        events = count + len(base_distribution.event_shape)
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, count
        super().__init__(shape[:len(shape) - events], shape[len(shape) - events:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        own = self.base_dist.batch_shape[len(self.base_dist.batch_shape) - self.reinterpreted_batch_ndims:]
        return Independent(self.base_dist.expand(torch.Size(batch_shape) + own), self.reinterpreted_batch_ndims,
                           validate_args=False)

    @property
    def has_rsample(self):
        """As the base's."""
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self):
        """The base's, over more dimensions."""
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def mean(self):
        """As the base's."""
        return self.base_dist.mean

    @property
    def mode(self):
        """As the base's."""
        return self.base_dist.mode

    @property
    def variance(self):
        """As the base's."""
        return self.base_dist.variance

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=torch.Size()):
        """Draws with gradient."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value):
        """The base's, summed over the event."""
        return _sum_trailing(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self):
        """The base's, summed over the event."""
        return _sum_trailing(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self):
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """Draws of a base distribution sent through invertible maps."""

    arg_constraints = {}

    def __init__(self, base_distribution, transforms, validate_args=None):
        transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(transform, Transform) for transform in transforms):
            raise ValueError("transforms must be a Transform or a list of Transforms")
        self.transforms = transforms
        needed = max([transform.event_dim for transform in transforms], default=0) - len(base_distribution.event_shape)
        self.base_dist = Independent(base_distribution, needed) if needed > 0 else base_distribution
        super().__init__(self.base_dist.batch_shape, self.base_dist.event_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        return TransformedDistribution(self.base_dist.expand(batch_shape), self.transforms, validate_args=False)

    @property
    def has_rsample(self):
        """As the base's."""
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self):
        """Where the last map leads."""
        return self.transforms[-1].codomain if self.transforms else self.base_dist.support

    def _map(self, x):
        return ComposeTransform(self.transforms)(x)

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        with torch.no_grad():
            return self._map(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=torch.Size()):
        """Draws with gradient."""
        return self._map(self.base_dist.rsample(sample_shape))

    def log_prob(self, value):
        """The base's at the argument, less the logarithm of the derivative."""
        event_dim, result, y = len(self.event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform._inverse(y)
            result = result - _sum_trailing(transform.log_abs_det_jacobian(x, y), event_dim - transform.event_dim)
            y = x
        base = self.base_dist
        return result + _sum_trailing(base.log_prob(y), event_dim - len(base.event_shape))

    def cdf(self, value):
        """The base's at the argument; one minus it when the maps decrease."""
        sign = 1
        for transform in reversed(self.transforms):
            value, sign = transform._inverse(value), sign * transform.sign
        result = self.base_dist.cdf(value)
        return sign * (result - 0.5) + 0.5


class MixtureSameFamily(Distribution):
    """One of several components, chosen by a Categorical; the components are the last batch dimension."""

    arg_constraints = {}

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an instance of torch.distributions.Categorical")
        if mixture_distribution.logits.shape[-1] != component_distribution.batch_shape[-1]:
            raise ValueError("`mixture_distribution component` does not equal component_distribution.batch_shape[-1]")
        self._mixture, self._component = mixture_distribution, component_distribution
        super().__init__(component_distribution.batch_shape[:-1], component_distribution.event_shape,
                         validate_args=validate_args)

    @property
    def mixture_distribution(self):
        """The Categorical that chooses."""
        return self._mixture

    @property
    def component_distribution(self):
        """The components."""
        return self._component

    @constraints.dependent_property
    def support(self):
        """The components'."""
        return self._component.support

    def _over(self, value):
        return value.unsqueeze(-1 - len(self._event_shape))

    def _weights(self):
        probs = self._mixture.probs
        return probs.reshape(probs.shape + (1,) * len(self._event_shape))

    @property
    def mean(self):
        """The weighted mean."""
        return (self._weights() * self._component.mean).sum(-1 - len(self._event_shape))

    @property
    def variance(self):
        """Mean of the variances plus variance of the means."""
        dim, weights = -1 - len(self._event_shape), self._weights()
        spread = (self._component.mean - self._over(self.mean)).pow(2)
        return (weights * self._component.variance).sum(dim) + (weights * spread).sum(dim)

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        with torch.no_grad():
            dim = len(sample_shape) + len(self._batch_shape)
            chosen = self._mixture.sample(sample_shape)
            draws = self._component.sample(sample_shape)
            index = chosen.reshape(chosen.shape + (1,) * (len(self._event_shape) + 1))
            index = index.expand(chosen.shape + (1,) + tuple(self._event_shape))
            return torch.gather(draws, dim, index).squeeze(dim)

    def log_prob(self, value):
        """log of the weighted sum of the components' probabilities."""
        self._validate_sample(value)
        return torch.logsumexp(self._component.log_prob(self._over(value)) + torch.log_softmax(self._mixture.logits, dim=-1), -1)


class MultivariateNormal(Distribution):
    """A normal vector with mean `loc` and one of covariance, precision, or lower triangular root of the covariance."""

    arg_constraints = {"loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
                       "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        (name, matrix), = given.items()
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = torch.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch + matrix.shape[-2:]))
        self.loc = loc.expand(batch + loc.shape[-1:])
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = scale_tril
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = torch.linalg.cholesky(covariance_matrix)
        else:
            eye = torch.eye(loc.shape[-1], dtype=loc.dtype, device=loc.device)
            flipped = torch.linalg.cholesky(torch.flip(precision_matrix, (-2, -1)))
            self._unbroadcasted_scale_tril = torch.linalg.solve_triangular(torch.flip(flipped, (-2, -1)).mT, eye, upper=False)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        batch_shape = torch.Size(batch_shape)
        fresh = self._copy_for(batch_shape)
        fresh.loc = self.loc.expand(batch_shape + self.event_shape)
        fresh._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        fresh.scale_tril = self.scale_tril.expand(batch_shape + self.event_shape + self.event_shape)
        return fresh

    @lazy_property
    def scale_tril(self):
        """Lower triangular root of the covariance."""
        return self._unbroadcasted_scale_tril.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def covariance_matrix(self):
        """L L^T."""
        root = self._unbroadcasted_scale_tril
        return (root @ root.mT).expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def precision_matrix(self):
        """Inverse of the covariance."""
        return torch.cholesky_inverse(self._unbroadcasted_scale_tril).expand(
            self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self):
        """loc."""
        return self.loc

    mode = mean

    @property
    def variance(self):
        """The diagonal of the covariance."""
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=torch.Size()):
        """loc + L e, e of standard normal draws."""
        noise = self.loc.new_empty(self._extended_shape(sample_shape)).normal_()
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        root = self.scale_tril
        difference = (value - self.loc).unsqueeze(-1)
        root, difference = root.expand(difference.shape[:-2] + root.shape[-2:]), difference
        solved = torch.linalg.solve_triangular(root, difference, upper=False).squeeze(-1)
        half_log_det = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + solved.pow(2).sum(-1)) - half_log_det

    def entropy(self):
        """n (1 + log(2 pi)) / 2 + log det L."""
        half_log_det = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det).expand(self._batch_shape)


class _LogitRelaxed(Logits):
    """The logit of a relaxed Bernoulli draw; Maddison et al. 2016."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        by_probs = self._choose(probs, logits)
        self._set(validate_args, **({"probs": probs} if by_probs else {"logits": logits}))

    def rsample(self, sample_shape=torch.Size()):
        """(log u - log(1 - u) + logit) / temperature."""
        from .utils import clamp_probs

        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(torch.rand(shape, dtype=probs.dtype, device=probs.device))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        """Logarithm of the density."""
        self._validate_sample(value)
        difference = self.logits - value.mul(self.temperature)
        return torch.as_tensor(self.temperature).log() + difference - 2 * difference.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """A number in (0, 1) near 0 or 1, differentiable in the probability; lower `temperature` is nearer."""

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        super().__init__(_LogitRelaxed(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self):
        """The temperature."""
        return self.base_dist.temperature

    @property
    def probs(self):
        """Probabilities."""
        return self.base_dist.probs

    @property
    def logits(self):
        """Logarithms of the odds."""
        return self.base_dist.logits


class RelaxedOneHotCategorical(Distribution):
    """A point of the simplex near a corner, differentiable in the probabilities; Jang et al. 2016."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self._categorical, self.temperature = Categorical(probs, logits), temperature
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    @property
    def probs(self):
        """Probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Their logarithms."""
        return self._categorical.logits

    def rsample(self, sample_shape=torch.Size()):
        """softmax((logits + Gumbel noise) / temperature)."""
        from .utils import clamp_probs

        u = clamp_probs(torch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device))
        scores = (self.logits - (-(u.log())).log()) / self.temperature
        return (scores - scores.logsumexp(dim=-1, keepdim=True)).exp()

    def log_prob(self, value):
        """Logarithm of the density."""
        count, temperature = self._event_shape[0], torch.as_tensor(self.temperature)
        log_value = value.log()
        scale = math.lgamma(count) + (count - 1) * temperature.log()
        score = self.logits - log_value * temperature
        return (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1) + scale - log_value.sum(-1)
