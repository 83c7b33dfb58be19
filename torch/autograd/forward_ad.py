"""Forward-mode differentiation: tangents that travel with the tensors.

>>> import torch.autograd.forward_ad as fwAD
>>> with fwAD.dual_level():
...     x = fwAD.make_dual(torch.tensor(3.0), torch.tensor(1.0))
...     fwAD.unpack_dual(x * x).tangent
tensor(6.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import _C
from torch.utils._contextlib import _DecoratorContextManager

__all__ = ["UnpackedDualTensor", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual", "dual_level"]

_current_level = -1


def enter_dual_level() -> int:
    """Opens a level for tangents and gives its number. RuntimeError if one is open: levels do not nest."""
    global _current_level
    level = _C._enter_dual_level()
    if level != _current_level + 1:
        raise RuntimeError("Entering a new forward AD level but the current level is not valid. Make sure you did not modified it directly.")
    _current_level = level
    return level


def exit_dual_level(*, level=None) -> None:
    """Closes the level; all tangents made in it are gone."""
    global _current_level
    level = _current_level if level is None else level
    if level != _current_level or level < 0:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not supported.")
    _C._exit_dual_level(level=level)
    _current_level = level - 1


def make_dual(tensor, tangent, *, level=None):
    """A view of `tensor` that carries `tangent`, a tensor of the same shape and dtype, through all that is computed from it."""
    level = _current_level if level is None else level
    if level < 0:
        raise RuntimeError("Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.")
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise ValueError(f"Expected primal to be floating point or complex, but got: {tensor.dtype}")
    if not (tangent.is_floating_point() or tangent.is_complex()):
        raise ValueError(f"Expected tangent to be floating point or complex, but got: {tangent.dtype}")
    return _C._make_dual(tensor, tangent, level=level)


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives; `tangent` is None where there is none."""

    primal: torch.Tensor
    tangent: torch.Tensor | None


def unpack_dual(tensor, *, level=None) -> UnpackedDualTensor:
    """The tensor without its tangent, and the tangent."""
    level = _current_level if level is None else level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*_C._unpack_dual(tensor, level=level))


class dual_level(_DecoratorContextManager):
    """Context manager: a level for tangents, open inside."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exc) -> None:
        exit_dual_level()


class _set_fwd_grad_enabled(_DecoratorContextManager):
    """Whether tangents are carried along."""

    def __init__(self, mode: bool) -> None:
        self.prev = _C._is_fwd_grad_enabled()
        self.mode = mode
        _C._set_fwd_grad_enabled(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc) -> None:
        _C._set_fwd_grad_enabled(self.prev)

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)
