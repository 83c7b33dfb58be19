"""Sampling of images at given places: grid_sampler."""
# Bodies and gradient formulas name aten operators.
# ruff: noqa: F821

from __future__ import annotations

from .language import FLOATING, HALF, UNKNOWN, composite, kernel

MODES = "int interpolation_mode, int padding_mode, bool align_corners"
FORWARD = f"(Tensor input, Tensor grid, {MODES}) -> Tensor"
BACKWARD = f"(Tensor grad_output, Tensor input, Tensor grid, {MODES}, bool[2] output_mask) -> (Tensor, Tensor)"


def _grad_2d(grad, input, grid, interpolation_mode, padding_mode, align_corners):
    return grid_sampler_2d_backward(grad, input, grid, interpolation_mode, padding_mode, align_corners, [needs("input"), needs("grid")])


def _grad_3d(grad, input, grid, interpolation_mode, padding_mode, align_corners):
    return grid_sampler_3d_backward(grad, input, grid, interpolation_mode, padding_mode, align_corners, [needs("input"), needs("grid")])


@kernel("grid_sampler_2d" + FORWARD, python="function", grad={"input, grid": _grad_2d}, jvp=None, vmap="merge<3>", kinds=FLOATING, compute=HALF)
def grid_sampler_2d():
    """Values of images (N, C, H, W) at the places of grid (N, h, w, 2), x before y, from -1 to 1: (N, C, h, w).

    >>> torch.grid_sampler_2d(torch.arange(4.).view(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[1.5000]]]])
    """


@kernel("grid_sampler_3d" + FORWARD, python="function", grad={"input, grid": _grad_3d}, jvp=None, vmap="merge<4>", kinds=FLOATING, compute=HALF)
def grid_sampler_3d():
    """Values of volumes (N, C, D, H, W) at the places of grid (N, d, h, w, 3): (N, C, d, h, w).

    >>> torch.grid_sampler_3d(torch.arange(8.).view(1, 1, 2, 2, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, True)
    tensor([[[[[3.5000]]]]])
    """

@kernel("grid_sampler_2d_backward" + BACKWARD, python="", grad=UNKNOWN, vmap="merge<3>", kinds=FLOATING, compute=HALF)
def grid_sampler_2d_backward():
    """Gradients of grid_sampler_2d with respect to images and grid."""


@kernel("grid_sampler_3d_backward" + BACKWARD, python="", grad=UNKNOWN, vmap="merge<4>", kinds=FLOATING, compute=HALF)
def grid_sampler_3d_backward():
    """Gradients of grid_sampler_3d with respect to volumes and grid."""


@composite("grid_sampler" + FORWARD, python="function")
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """Values of images or volumes at the places of a grid.

    interpolation_mode: 0 linear, 1 nearest, 2 cubic (images only); padding_mode: 0 zeros, 1 border, 2 reflection.

    >>> torch.grid_sampler(torch.arange(4.).view(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[1.5000]]]])
    """
    if input.size(0) != grid.size(0):
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {input.shape} "
                           f"and grid with sizes {grid.shape}")
    if input.ndim == 4 and grid.ndim == 4:
        return grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners)
    if input.ndim != 5 or grid.ndim != 5:
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
                           f"{input.shape} and grid with sizes {grid.shape}")
    if interpolation_mode == 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    return grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners)
