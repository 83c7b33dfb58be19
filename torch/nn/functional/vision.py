"""Resampling and rearranging of images: interpolate, grid_sample, affine_grid, fold, unfold."""

import math
import warnings

import torch

from .._tuples import tuple_of
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_nn = torch._C._nn
_pair = tuple_of(2)
pixel_shuffle, pixel_unshuffle = torch.pixel_shuffle, torch.pixel_unshuffle
channel_shuffle, native_channel_shuffle = torch.channel_shuffle, torch.native_channel_shuffle

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}
_SMOOTH = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _resize_arguments(input, size, scale_factor, mode, recompute):
    """(output size or None, scale factors or None): exactly one of them is left for the operator."""
    spatial = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (list, tuple)) and len(size) != spatial:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
                f"of {list(input.shape[2:])} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ..."
                ",dK) format and output size in (o1, o2, ...,oK) format.")
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with size specified.")
        return list(tuple_of(spatial)(size)), None
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (list, tuple)) and len(scale_factor) != spatial:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(input.shape[2:])} and scale_factor of shape {scale_factor}. Please provide input tensor "
            "in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format.")
    factors = [float(factor) for factor in tuple_of(spatial)(scale_factor)]
    if recompute or mode == "area":
        return [math.floor(float(length) * factor) for length, factor in zip(input.shape[2:], factors)], None
    return None, factors


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resize the spatial dimensions of (N, C, *) input to `size` or by `scale_factor`.

    mode: "nearest", "nearest-exact", "linear" (3-D input), "bilinear" and "bicubic" (4-D), "trilinear" (5-D), "area".

    >>> F.interpolate(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    nearest = mode in ("nearest", "nearest-exact")
    if nearest or mode == "area":
        if align_corners is not None:
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | "
                             "bicubic | trilinear")
    elif align_corners is None:
        align_corners = False
    output_size, factors = _resize_arguments(input, size, scale_factor, mode, recompute_scale_factor)
    spatial = input.dim() - 2
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and spatial == 2):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input")
    if spatial in (1, 2, 3):
        if nearest:
            prefix = "upsample_nearest" if mode == "nearest" else "_upsample_nearest_exact"
            return getattr(_nn, f"{prefix}{spatial}d")(input, output_size, factors)
        if mode == "area":
            pools = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
            return pools[spatial](input, output_size)
        if antialias:
            return getattr(_nn, f"_upsample_{mode}2d_aa")(input, output_size, align_corners, factors)
        if mode == _SMOOTH[spatial] or mode == "bicubic" and spatial == 2:
            return getattr(_nn, f"upsample_{mode}{spatial}d")(input, output_size, align_corners, factors)
        for wanted, name in _SMOOTH.items():
            if mode == name:
                raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {wanted + 2}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for the modes: nearest | linear | "
        f"bilinear | bicubic | trilinear | area | nearest-exact (got {mode})")


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Deprecated name of :func:`interpolate`.

    >>> F.upsample(torch.tensor([[[1., 2.]]]), scale_factor=2).shape
    torch.Size([1, 1, 4])
    """
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """Deprecated: interpolate(mode="nearest").

    >>> F.upsample_nearest(torch.ones(1, 1, 2, 2), scale_factor=2).shape
    torch.Size([1, 1, 4, 4])
    """
    warnings.warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """Deprecated: interpolate(mode="bilinear", align_corners=True).

    >>> F.upsample_bilinear(torch.ones(1, 1, 2, 2), scale_factor=2).shape
    torch.Size([1, 1, 4, 4])
    """
    warnings.warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Sample (N, C, *) input at the positions `grid` (N, *, 2 or 3), given in [-1, 1]; Jaderberg et al. 2015.

    >>> F.grid_sample(torch.arange(4.).view(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[1.5000]]]])
    """
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
                         f"'{mode}'")
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
                         f"but got: '{padding_mode}'")
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
                      "specify align_corners=True if the old behavior is desired.", stacklevel=2)
        align_corners = False
    return torch.grid_sampler(input, grid, GRID_SAMPLE_INTERPOLATION_MODES[mode], GRID_SAMPLE_PADDING_MODES[padding_mode], align_corners)


def _check_affine(theta, size):
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    for length, spatial in ((4, 2), (5, 3)):
        if len(size) == length:
            if theta.dim() != 3 or theta.shape[-2] != spatial or theta.shape[-1] != spatial + 1:
                raise ValueError(f"Expected a batch of {spatial}D affine matrices of shape Nx{spatial}x{spatial + 1} for "
                                 f"size {size}. Got {theta.shape}.")
            break
    else:
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
                                  f"respectively. Got size {size}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")


def affine_grid(theta, size, align_corners=None):
    """The grid for :func:`grid_sample` of the affine maps `theta` (N, 2, 3) or (N, 3, 4) to output of `size`.

    >>> F.affine_grid(torch.tensor([[[1., 0., 0.], [0., 1., 0.]]]), [1, 1, 2, 2], align_corners=True).shape
    torch.Size([1, 2, 2, 2])
    """
    _check_affine(theta, size)
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
                      "specify align_corners=True if the old behavior is desired.", stacklevel=2)
        align_corners = False
    return torch.affine_grid_generator(theta, size, align_corners)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of (N, C, H, W) input as a column: (N, C * kernel elements, windows).

    >>> F.unfold(torch.arange(4.).view(1, 1, 2, 2), (2, 2)).flatten()
    tensor([0., 1., 2., 3.])
    """
    return _nn.im2col(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns made by :func:`unfold` back into an image of `output_size`.

    >>> F.fold(torch.ones(1, 4, 1), (2, 2), (2, 2))
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    return _nn.col2im(input, _pair(output_size), _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))
