"""Helpers of distributions."""

from numbers import Number

import torch

__all__ = ["broadcast_all", "logits_to_probs", "clamp_probs", "probs_to_logits", "lazy_property"]

euler_constant = 0.57721566490153286060


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape and the tensors' dtype. Raises ValueError for anything else."""
    if not all(isinstance(value, (Number, torch.Tensor)) for value in values):
        raise ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                         "__torch_function__.")
    like = next((value for value in values if isinstance(value, torch.Tensor)), None)
    dtype = torch.get_default_dtype() if like is None else like.dtype
    device = None if like is None else like.device
    tensors = [value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=dtype, device=device)
               for value in values]
    return list(torch.broadcast_tensors(*tensors))


def clamp_probs(probs):
    """Probabilities kept away from 0 and 1 by the dtype's epsilon."""
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits, is_binary=False):
    """Sigmoid, or softmax over the last dimension."""
    return torch.sigmoid(logits) if is_binary else logits.softmax(-1)


def probs_to_logits(probs, is_binary=False):
    """log p, or log(p / (1 - p)) for binary ones."""
    clamped = clamp_probs(probs)
    return torch.log(clamped) - torch.log1p(-clamped) if is_binary else torch.log(clamped)


class lazy_property:
    """A property computed at the first access and kept as an attribute."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with torch.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
