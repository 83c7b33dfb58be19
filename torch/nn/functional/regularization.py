"""Dropout in all its shapes: Srivastava et al. 2014, Tompson et al. 2014 (whole channels), Klambauer et al. 2017 (alpha)."""

import warnings

import torch


def _check_probability(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """In training, zero each element with probability `p` and scale the others by 1 / (1 - p).

    >>> F.dropout(torch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    if p < 0.0 or p > 1.0:
        _check_probability(p)
    return torch.dropout_(input, p, training) if inplace else torch.dropout(input, p, training)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps the mean and variance of SELU activations.

    >>> F.alpha_dropout(torch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    return torch.alpha_dropout_(input, p, training) if inplace else torch.alpha_dropout(input, p, training)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Alpha dropout of whole channels.

    >>> F.feature_alpha_dropout(torch.ones(1, 3), training=False)
    tensor([[1., 1., 1.]])
    """
    _check_probability(p)
    function = torch.feature_alpha_dropout_ if inplace else torch.feature_alpha_dropout
    return function(input, p, training)


def _drop_channels(name, spatial, input, p, training, inplace):
    """Zero whole channels of (C, *spatial) or (N, C, *spatial) input."""
    _check_probability(p)
    ndim = input.dim()
    if ndim not in (spatial + 1, spatial + 2):
        warnings.warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future "
            f"release. To retain the behavior and silence this warning, please use dropout instead. Note that {name} "
            f"exists to provide channel-wise dropout on inputs with {spatial} spatial dimensions, a channel dimension, "
            "and an optional batch dimension.", stacklevel=3)
    batched = ndim == spatial + 2 or spatial != 1 and ndim != spatial + 1
    if not batched:
        input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = (torch.feature_dropout_ if inplace else torch.feature_dropout)(input, p, training)
    if not batched:
        result = result.squeeze_(0) if inplace else result.squeeze(0)
    return result


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (C, L) or (N, C, L) input with probability `p`.

    >>> F.dropout1d(torch.ones(1, 2, 3), training=False).shape
    torch.Size([1, 2, 3])
    """
    ndim = input.dim()
    if ndim not in (2, 3):
        _check_probability(p)
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists "
                           "to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and "
                           "an optional batch dimension (i.e. 2D or 3D inputs).")
    return _drop_channels("dropout1d", 1, input, p, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, H, W) input with probability `p`.

    >>> F.dropout2d(torch.ones(1, 2, 3, 3), training=False).shape
    torch.Size([1, 2, 3, 3])
    """
    _check_probability(p)
    ndim = input.dim()
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
            "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future "
            "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.", stacklevel=2)
        return (torch.feature_dropout_ if inplace else torch.feature_dropout)(input, p, training)
    return _drop_channels("dropout2d", 2, input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (C, D, H, W) or (N, C, D, H, W) input with probability `p`.

    >>> F.dropout3d(torch.ones(1, 2, 3, 3, 3), training=False).shape
    torch.Size([1, 2, 3, 3, 3])
    """
    return _drop_channels("dropout3d", 3, input, p, training, inplace)
