"""Names for the kinds of arguments that functions take."""

import os
from collections.abc import Sequence
from typing import IO, Union

import torch

__all__ = ["Number", "Device", "FileLike", "Storage"]

_TensorOrTensors = Union[torch.Tensor, Sequence[torch.Tensor]]
_TensorOrTensorsOrGradEdge = _TensorOrTensors
_dtype, _device, _layout = torch.dtype, torch.device, torch.layout
_bool, _int, _float, _complex, _str, _bytes = bool, int, float, complex, str, bytes
_size = Union[torch.Size, list[int], tuple[int, ...]]
_dispatchkey = str
Number = Union[int, float, bool]
Device = Union[torch.device, str, int, None]
FileLike = Union[str, os.PathLike, IO[bytes]]
Storage = Union[torch.UntypedStorage, torch.storage.TypedStorage]
