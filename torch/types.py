"""Names for the kinds of arguments that functions take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any, Union

import torch

__all__ = ["Number", "Device", "FileLike", "Storage"]

_TensorOrTensors = Union[torch.Tensor, Sequence[torch.Tensor]]
_dtype, _device, _layout = torch.dtype, torch.device, torch.layout
_bool, _int, _float, _complex, _str, _bytes = bool, int, float, complex, str, bytes
_size = Union[torch.Size, list[int], tuple[int, ...]]
_symint, _symfloat, _symbool = int, float, bool
_dispatchkey = str
Number = int | float | bool
_Number = (int, float, bool)
Device = torch.device | str | int | None
FileLike = Union[str, os.PathLike, IO[bytes]]


class Storage:
    """What typed and untyped storages have in common, for annotations."""

    _cdata: int
    device: torch.device
    dtype: torch.dtype
    _torch_load_uninitialized: bool

    def __deepcopy__(self, memo: dict[int, Any]) -> Storage:
        raise NotImplementedError

    def element_size(self) -> int:
        """Bytes of one element."""
        raise NotImplementedError

    def nbytes(self) -> int:
        """The number of bytes."""
        raise NotImplementedError

    def data_ptr(self) -> int:
        """The address of the first byte."""
        raise NotImplementedError

    def is_shared(self) -> bool:
        """Whether other processes can map the bytes."""
        raise NotImplementedError

    def share_memory_(self) -> Storage:
        """Moves the bytes to shared memory."""
        raise NotImplementedError

    def cpu(self) -> Storage:
        """This storage on the CPU."""
        raise NotImplementedError

    def from_file(self, filename, shared=False, nbytes=0) -> Storage:
        """A storage over the bytes of a file."""
        raise NotImplementedError


def __getattr__(name):
    if name == "_TensorOrTensorsOrGradEdge":
        from torch.autograd.graph import GradientEdge

        return Union[torch.Tensor, Sequence[torch.Tensor], GradientEdge, Sequence[GradientEdge]]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
