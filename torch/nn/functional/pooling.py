"""Pooling."""

import math

import torch

from .._tuples import tuple_of

_nn = torch._C._nn

avg_pool1d, adaptive_avg_pool1d = torch.avg_pool1d, torch.adaptive_avg_pool1d
avg_pool2d, avg_pool3d = _nn.avg_pool2d, _nn.avg_pool3d


def _strides(stride):
    """An absent stride is an empty list to the operators, which then take the kernel size."""
    return [] if stride is None else stride


def max_pool1d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """max_pool1d together with the position of each maximum."""
    return torch.max_pool1d_with_indices(input, kernel_size, _strides(stride), padding, dilation, ceil_mode)


def max_pool2d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """max_pool2d together with the position of each maximum in its plane."""
    return _nn.max_pool2d_with_indices(input, kernel_size, _strides(stride), padding, dilation, ceil_mode)


def max_pool3d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """max_pool3d together with the position of each maximum in its volume."""
    return _nn.max_pool3d_with_indices(input, kernel_size, _strides(stride), padding, dilation, ceil_mode)


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Maximum over windows of (C, L) or (N, C, L); with `return_indices` also where each was.

    >>> F.max_pool1d(torch.arange(4.).view(1, 4), 2)
    tensor([[1., 3.]])
    """
    if return_indices:
        return max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return torch.max_pool1d(input, kernel_size, _strides(stride), padding, dilation, ceil_mode)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Maximum over windows of (C, H, W) or (N, C, H, W); with `return_indices` also where each was.

    >>> F.max_pool2d(torch.arange(4.).view(1, 2, 2), 2)
    tensor([[[3.]]])
    """
    if return_indices:
        return max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return torch.max_pool2d(input, kernel_size, _strides(stride), padding, dilation, ceil_mode)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Maximum over windows of (C, D, H, W) or (N, C, D, H, W); with `return_indices` also where each was.

    >>> F.max_pool3d(torch.ones(1, 2, 2, 2), 2).shape
    torch.Size([1, 1, 1, 1])
    """
    if return_indices:
        return max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return torch.max_pool3d(input, kernel_size, _strides(stride), padding, dilation, ceil_mode)


def _adaptive_size(input, output_size):
    """`output_size` as a list whose None entries are filled with the input's own sizes."""
    if not isinstance(output_size, (list, tuple)):
        return output_size
    if input.dim() <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    own = input.size()[-len(output_size):]
    return [have if want is None else want for want, have in zip(output_size, own)]


def adaptive_avg_pool2d(input, output_size):
    """Mean over windows chosen so that the result has `output_size` (an int or (H, W); None keeps the input's).

    >>> F.adaptive_avg_pool2d(torch.arange(4.).view(1, 2, 2), 1)
    tensor([[[1.5000]]])
    """
    return _nn.adaptive_avg_pool2d(input, _adaptive_size(input, output_size))


def adaptive_avg_pool3d(input, output_size):
    """Mean over windows chosen so that the result has `output_size` (an int or (D, H, W); None keeps the input's).

    >>> F.adaptive_avg_pool3d(torch.ones(1, 2, 2, 2), 1).shape
    torch.Size([1, 1, 1, 1])
    """
    return _nn.adaptive_avg_pool3d(input, _adaptive_size(input, output_size))


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool1d together with the position of each maximum."""
    return torch.adaptive_max_pool1d(input, output_size)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool2d together with the position of each maximum."""
    return _nn.adaptive_max_pool2d(input, _adaptive_size(input, output_size))


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool3d together with the position of each maximum."""
    return _nn.adaptive_max_pool3d(input, _adaptive_size(input, output_size))


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maximum over windows chosen so that the result has `output_size`.

    >>> F.adaptive_max_pool1d(torch.arange(4.).view(1, 4), 2)
    tensor([[1., 3.]])
    """
    result = adaptive_max_pool1d_with_indices(input, output_size)
    return result if return_indices else result[0]


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maximum over windows chosen so that the result has `output_size` (an int or (H, W); None keeps the input's).

    >>> F.adaptive_max_pool2d(torch.arange(4.).view(1, 2, 2), 1)
    tensor([[[3.]]])
    """
    result = adaptive_max_pool2d_with_indices(input, output_size)
    return result if return_indices else result[0]


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maximum over windows chosen so that the result has `output_size` (an int or (D, H, W); None keeps the input's).

    >>> F.adaptive_max_pool3d(torch.ones(1, 2, 2, 2), 1).shape
    torch.Size([1, 1, 1, 1])
    """
    result = adaptive_max_pool3d_with_indices(input, output_size)
    return result if return_indices else result[0]


def _fractional_max_pool(spatial, operator, input, kernel_size, output_size, output_ratio, samples):
    name = f"fractional_max_pool{spatial}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratios = tuple_of(spatial)(output_ratio)
        output_size = [int(size * ratio) for size, ratio in zip(input.size()[-spatial:], ratios)]
    if samples is None:
        batch = 1 if input.dim() == spatial + 1 else input.size(0)
        samples = torch.rand(batch, input.size(-spatial - 1), spatial, dtype=input.dtype, device=input.device)
    return operator(input, kernel_size, output_size, samples)


def fractional_max_pool2d_with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                                       _random_samples=None):
    """fractional_max_pool2d together with the position of each maximum."""
    return _fractional_max_pool(2, _nn.fractional_max_pool2d, input, kernel_size, output_size, output_ratio,
                                _random_samples)


def fractional_max_pool3d_with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                                       _random_samples=None):
    """fractional_max_pool3d together with the position of each maximum."""
    return _fractional_max_pool(3, _nn.fractional_max_pool3d, input, kernel_size, output_size, output_ratio,
                                _random_samples)


def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                          _random_samples=None):
    """Maximum over windows at random positions (Graham 2014); one of `output_size`, `output_ratio` is needed.

    >>> F.fractional_max_pool2d(torch.ones(1, 4, 4), 2, output_size=2).shape
    torch.Size([1, 2, 2])
    """
    result = fractional_max_pool2d_with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
    return result if return_indices else result[0]


def fractional_max_pool3d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                          _random_samples=None):
    """Maximum over windows at random positions (Graham 2014); one of `output_size`, `output_ratio` is needed.

    >>> F.fractional_max_pool3d(torch.ones(1, 4, 4, 4), 2, output_size=2).shape
    torch.Size([1, 2, 2, 2])
    """
    result = fractional_max_pool3d_with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
    return result if return_indices else result[0]


def _lp_pool(spatial, pool, input, norm_type, kernel_size, stride, ceil_mode):
    """(sum of x^p over the window)^(1/p), as mean times count; the sign survives an odd power."""
    kernel = tuple_of(spatial)(kernel_size)
    if stride is None:
        stride = []
    means = pool(input.pow(norm_type), kernel if spatial > 1 else kernel[0], stride, 0, ceil_mode)
    return (torch.sign(means) * torch.relu(torch.abs(means))).mul(math.prod(kernel)).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """p-norm over windows, p = `norm_type`.

    >>> F.lp_pool1d(torch.tensor([[3., 4.]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool(1, avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """p-norm over windows, p = `norm_type`.

    >>> F.lp_pool2d(torch.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp_pool(2, avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """p-norm over windows, p = `norm_type`.

    >>> F.lp_pool3d(torch.ones(1, 2, 2, 2), 2, 2).shape
    torch.Size([1, 1, 1, 1])
    """
    return _lp_pool(3, avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode)


def _unpool_size(input, kernel, stride, padding, output_size):
    """The size before pooling: as given when it is possible, else the smallest."""
    spatial = len(kernel)
    default = [(size - 1) * stride[d] + kernel[d] - 2 * padding[d] for d, size in enumerate(input.size()[-spatial:])]
    if output_size is None:
        return default
    output_size = list(output_size)
    if len(output_size) == spatial + 2:
        output_size = output_size[2:]
    if len(output_size) != spatial:
        raise ValueError("output_size should be a sequence containing "
                         f"{spatial} or {spatial + 2} elements, but it has a length of '{len(output_size)}'")
    for d, wanted in enumerate(output_size):
        least, most = default[d] - stride[d], default[d] + stride[d]
        if not least < wanted < most:
            raise ValueError(f'invalid output_size "{output_size}" (dim {d} must be between {least} and {most})')
    return output_size


def _max_unpool(spatial, input, indices, kernel_size, stride, padding, output_size):
    parse = tuple_of(spatial)
    kernel, padding = parse(kernel_size), parse(padding)
    stride = kernel if stride is None else parse(stride)
    size = _unpool_size(input, kernel, stride, padding, output_size)
    if spatial == 3:
        return _nn.max_unpool3d(input, indices, size, stride, padding)
    if spatial == 2:
        return _nn.max_unpool2d(input, indices, size)
    return _nn.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), size + [1]).squeeze(-1)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put each maximum back where max_pool1d found it, zeros elsewhere.

    >>> F.max_unpool1d(torch.tensor([[5.]]), torch.tensor([[1]]), 2)
    tensor([[0., 5.]])
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put each maximum back where max_pool2d found it, zeros elsewhere.

    >>> F.max_unpool2d(torch.tensor([[[5.]]]), torch.tensor([[[3]]]), 2)
    tensor([[[0., 0.],
             [0., 5.]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put each maximum back where max_pool3d found it, zeros elsewhere.

    >>> F.max_unpool3d(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1, dtype=torch.int64), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
