"""Padding."""

import torch


def pad(input, pad, mode="constant", value=None):
    """Pad the last dimensions: `pad` is (left, right) of the last one, then of the one before, and so on.

    mode: "constant" (with `value`, default 0), "reflect", "replicate" or "circular". Negative numbers crop.

    >>> F.pad(torch.tensor([1, 2]), (1, 1))
    tensor([0, 1, 2, 0])
    """
    return torch._C._nn.pad(input, pad, mode, value)
