"""Normalisation: batch, instance, layer, group, RMS, local response, and unit vectors."""

import math

import torch

from .padding import pad
from .pooling import avg_pool2d


def _check_batch(size):
    if size[0] * math.prod(size[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """(x - mean) / sqrt(var + eps) * weight + bias per channel; Ioffe and Szegedy 2015.

    In training the statistics are the batch's and update the running ones in place; else the running ones are used.

    >>> F.batch_norm(torch.tensor([[1.], [3.]]), torch.zeros(1), torch.ones(1), eps=0.0)
    tensor([[1.],
            [3.]])
    """
    if training:
        _check_batch(input.size())
        if eps <= 0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return torch.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps,
                            torch.backends.cudnn.enabled)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1,
                  eps=1e-05):
    """Batch normalisation with the statistics of each (sample, channel); Ulyanov et al. 2016.

    >>> F.instance_norm(torch.tensor([[[1., 3.]]]), eps=0.0)
    tensor([[[-1.,  1.]]])
    """
    if use_input_stats and math.prod(input.size()[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    return torch.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps,
                               torch.backends.cudnn.enabled)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """(x - mean) / sqrt(var + eps) * weight + bias over the trailing `normalized_shape`; Ba et al. 2016.

    >>> F.layer_norm(torch.tensor([1., 3.]), (2,), eps=0.0)
    tensor([-1.,  1.])
    """
    return torch.layer_norm(input, normalized_shape, weight, bias, eps, torch.backends.cudnn.enabled)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x^2) + eps) * weight over the trailing `normalized_shape`; Zhang and Sennrich 2019.

    >>> F.rms_norm(torch.tensor([1., 1.]), (2,), eps=0.0)
    tensor([1., 1.])
    """
    return torch.rms_norm(input, normalized_shape, weight, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Normalise each of `num_groups` groups of channels; Wu and He 2018. Input (N, C, *).

    >>> F.group_norm(torch.tensor([[1., 3.]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    _check_batch([input.size(0) * input.size(1) // num_groups, num_groups] + list(input.size()[2:]))
    return torch.group_norm(input, num_groups, weight, bias, eps, torch.backends.cudnn.enabled)


def local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0):
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta; Krizhevsky et al. 2012.

    >>> F.local_response_norm(torch.zeros(1, 2, 3), 2).shape
    torch.Size([1, 2, 3])
    """
    ndim = input.dim()
    if ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {ndim} dimensions)")
    if input.numel() == 0:
        return input
    squares = input.mul(input)
    squares = squares.unsqueeze(1) if ndim == 3 else squares.view(input.size(0), 1, input.size(1), -1)
    means = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), stride=1)
    means = means.squeeze(1) if ndim == 3 else means.view(input.size())
    return input / means.mul(alpha).add(k).pow(beta)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(||x||_p, eps) along `dim`.

    >>> F.normalize(torch.tensor([3., 4.]), dim=0)
    tensor([0.6000, 0.8000])
    """
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / norm if out is None else torch.div(input, norm, out=out)
