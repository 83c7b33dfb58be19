"""Products of matrices in 8-bit floats with scales, and of groups of matrices."""

from __future__ import annotations

import enum

import torch

from .grouped import grouped_mm

__all__ = ["ScalingType", "SwizzleType", "scaled_grouped_mm", "scaled_mm"]


class ScalingType(enum.IntEnum):
    """What one scale is for: the tensor, a row (a column of the second matrix), or a block."""

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class SwizzleType(enum.IntEnum):
    """How scales lie in memory."""

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


_BLOCKS = {ScalingType.BlockWise1x16: (1, 16), ScalingType.BlockWise1x32: (1, 32), ScalingType.BlockWise1x128: (1, 128),
           ScalingType.BlockWise128x128: (128, 128)}


def _one(value, what):
    """The only entry of a list of scales or recipes, or what is no list."""
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 1:
        raise NotImplementedError(f"{what}: several levels of scales are not supported, got {len(value)}")
    return value[0]


def _scaled(mat, scale, recipe, swizzle, transposed):
    """A matrix (..., m, k) times its scales, in float32; `transposed`: (..., k, n), whose blocks are those of its columns."""
    scale, recipe, swizzle = _one(scale, "scale"), ScalingType(_one(recipe, "scale_recipe")), _one(swizzle, "swizzle")
    if swizzle is not None and SwizzleType(swizzle) is not SwizzleType.NO_SWIZZLE:
        raise NotImplementedError(f"scales in the order {SwizzleType(swizzle).name} are not supported: pass them row by row")
    values, scale = mat.float(), scale.float()
    if recipe in (ScalingType.TensorWise, ScalingType.RowWise):
        if recipe is ScalingType.RowWise and scale.dim() < mat.dim():
            scale = scale.unsqueeze(-2 if transposed else -1)
        return values * scale
    rows, columns = _BLOCKS[recipe]
    if transposed:
        return _scaled(mat.mT, scale.mT if scale.shape[-1] == -(-mat.shape[-1] // rows) else scale, recipe, None, False).mT
    full = scale.repeat_interleave(rows, -2).repeat_interleave(columns, -1)
    return values * full[..., :mat.shape[-2], :mat.shape[-1]]


def scaled_mm(mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None, output_dtype=torch.bfloat16,
              contraction_dim=(), use_fast_accum=False):
    """(scale_a * mat_a) @ (scale_b * mat_b) + bias of matrices (m, k) and (k, n), usually 8-bit floats; the sums are in float32.

    A recipe says what one scale is for. Raises NotImplementedError for scales of several levels and swizzled ones.

    >>> a = torch.ones(16, 16).to(torch.float8_e4m3fn)
    >>> kind = torch.nn.functional.ScalingType.TensorWise
    >>> torch.nn.functional.scaled_mm(a, a.t(), torch.tensor(2.0), kind, torch.tensor(1.0), kind)[0, 0]
    tensor(32., dtype=torch.bfloat16)
    """
    product = _scaled(mat_a, scale_a, scale_recipe_a, swizzle_a, False) @ _scaled(mat_b, scale_b, scale_recipe_b, swizzle_b, True)
    product = product if bias is None else product + bias
    return product.to(mat_a.dtype if output_dtype is None else output_dtype)


def scaled_grouped_mm(mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None, offs=None,
                      output_dtype=torch.bfloat16, contraction_dim=(), use_fast_accum=False):
    """:func:`grouped_mm` of matrices with scales, as in :func:`scaled_mm`."""
    product = grouped_mm(_scaled(mat_a, scale_a, scale_recipe_a, swizzle_a, False), _scaled(mat_b, scale_b, scale_recipe_b, swizzle_b, True), offs=offs,
                         bias=bias)
    return product.to(mat_a.dtype if output_dtype is None else output_dtype)
