"""Distribution, the base class, and Parametric, for distributions whose parameters broadcast against each other."""

import torch

from . import constraints
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Distribution"]


class Distribution:
    """Base of distributions: samples have the shape sample_shape + batch_shape + event_shape.

    Args:
        validate_args: check parameters and the values given to ``log_prob`` (default on; ValueError).
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value):
        """Turn checking on or off for distributions made afterwards."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=torch.Size(), event_shape=torch.Size(), validate_args=None):
        self._batch_shape, self._event_shape = torch.Size(batch_shape), torch.Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self):
        for name, constraint in self.arg_constraints.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property):
                continue  # derived from the parameter that was given
            value = getattr(self, name)
            if not bool(constraint.check(value).all()):
                raise ValueError(f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                                 f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n"
                                 f"{value}")

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        raise NotImplementedError

    def _copy_for(self, batch_shape):
        """An object of the same class with another batch shape and parameters still to be set."""
        fresh = type(self).__new__(type(self))
        Distribution.__init__(fresh, batch_shape, self._event_shape, validate_args=False)
        fresh._validate_args = self._validate_args
        return fresh

    @property
    def batch_shape(self):
        """Shape of the parameters: one distribution each."""
        return self._batch_shape

    @property
    def event_shape(self):
        """Shape of one draw."""
        return self._event_shape

    @property
    def arg_constraints(self):
        """The set each parameter lies in."""
        raise NotImplementedError

    @property
    def support(self):
        """The set that draws lie in."""
        raise NotImplementedError

    @property
    def mean(self):
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self):
        """The most probable value."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape=torch.Size()):
        """Draws without gradient."""
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=torch.Size()):
        """Draws that are differentiable functions of the parameters."""
        raise NotImplementedError

    def sample_n(self, n):
        """`n` draws."""
        return self.sample(torch.Size((n,)))

    def log_prob(self, value):
        """Logarithm of the density or probability at `value`."""
        raise NotImplementedError

    def cdf(self, value):
        """Probability of a draw not above `value`."""
        raise NotImplementedError

    def icdf(self, value):
        """Inverse of :meth:`cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        """All values of a discrete distribution along a new first dimension."""
        raise NotImplementedError

    def entropy(self):
        """Entropy in nats."""
        raise NotImplementedError

    def perplexity(self):
        """exp of the entropy."""
        return torch.exp(self.entropy())

    def _extended_shape(self, sample_shape=torch.Size()):
        return torch.Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value):
        if not self._validate_args:
            return
        if not isinstance(value, torch.Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        whole = self._batch_shape + self._event_shape
        if value.size()[value.dim() - len(self._event_shape):] != self._event_shape:
            raise ValueError("The right-most size of value must match event_shape: "
                             f"{value.size()} vs {self._event_shape}.")
        for given, own in zip(reversed(value.size()), reversed(whole)):
            if given != 1 and own != 1 and given != own:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.size()} vs {whole}.")
        if not bool(self.support.check(value).all()):
            raise ValueError(f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                             f"support ({self.support!r}) of the distribution {self!r}, but found invalid values:\n{value}")

    def __repr__(self):
        shown = ((name, self.__dict__[name]) for name in self.arg_constraints if name in self.__dict__)
        return f"{type(self).__name__}(" + ", ".join(
            f"{name}: {value if value.numel() == 1 else value.size()}" for name, value in shown) + ")"


class Parametric(Distribution):
    """A distribution of single numbers with parameters that broadcast; `arg_constraints` names them."""

    def _set(self, validate_args, **parameters):
        tensors = broadcast_all(*parameters.values())
        for name, value in zip(parameters, tensors):
            setattr(self, name, value)
        super().__init__(tensors[0].size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch shape."""
        batch_shape = torch.Size(batch_shape)
        fresh = self._copy_for(batch_shape)
        for name in self.arg_constraints:
            if name in self.__dict__:
                setattr(fresh, name, getattr(self, name).expand(batch_shape))
        return fresh

    def _noise(self, like, sample_shape):
        """An empty tensor for as many draws as are asked for."""
        return like.new_empty(self._extended_shape(sample_shape))


class Logits(Parametric):
    """A distribution given by `probs` or `logits`, of one event or of categories in the last dimension."""

    _binary = True

    def _choose(self, probs, logits):
        """Whether `probs` was given. Raises ValueError unless exactly one was."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        return probs is not None

    @lazy_property
    def logits(self):
        """Logarithms of the odds, or of the probabilities of categories."""
        return probs_to_logits(self.probs, is_binary=self._binary)

    @lazy_property
    def probs(self):
        """Probabilities."""
        return logits_to_probs(self.logits, is_binary=self._binary)

    @property
    def _param(self):
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.__dict__["logits"]

    @property
    def param_shape(self):
        """Shape of the parameter."""
        return self._param.size()
