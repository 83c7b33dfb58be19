"""Probability distributions: sampling, log-probabilities, entropies and divergences.

Example::

    policy = Categorical(logits=network(state))
    action = policy.sample()
    loss = -policy.log_prob(action) * reward
"""

import sys as _sys

from . import combined, constraints, continuous, discrete, normal, transforms
from .combined import *  # noqa: F403
from .continuous import *  # noqa: F403
from .discrete import *  # noqa: F403
from .distribution import Distribution
from .kl import kl_divergence, register_kl
from .normal import Normal
from .transforms import *  # noqa: F403

__all__ = ["Distribution", "Normal", "kl_divergence", "register_kl", *combined.__all__, *continuous.__all__,
           *discrete.__all__, *(name for name in transforms.__all__)]

# The modules that code imports single distributions from, such as torch.distributions.categorical.
for _name, _home in {"bernoulli": discrete, "beta": continuous, "binomial": discrete, "categorical": discrete,
                     "cauchy": continuous, "chi2": continuous, "dirichlet": continuous, "exponential": continuous,
                     "gamma": continuous, "geometric": discrete, "gumbel": continuous, "half_cauchy": continuous,
                     "half_normal": continuous, "independent": combined, "laplace": continuous, "log_normal": continuous,
                     "mixture_same_family": combined, "multinomial": discrete, "multivariate_normal": combined,
                     "negative_binomial": discrete, "one_hot_categorical": discrete, "pareto": continuous, "poisson": discrete,
                     "relaxed_bernoulli": combined, "relaxed_categorical": combined, "studentT": continuous,
                     "transformed_distribution": combined, "uniform": continuous, "weibull": continuous}.items():
    _sys.modules[f"{__name__}.{_name}"] = _home
del _name, _home
