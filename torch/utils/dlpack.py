"""Exchange of tensors with other libraries without copies."""

import enum

import torch

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """Kinds of devices as DLPack numbers them."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLMetal = 8
    kDLROCM = 10
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLMAIA = 17


def to_dlpack(tensor):
    """A DLPack capsule of a tensor's memory; a capsule can be consumed once."""
    return tensor.__dlpack__()


def from_dlpack(ext_tensor, **kwargs):
    """A tensor over the memory of `ext_tensor`, an object with ``__dlpack__`` or a DLPack capsule."""
    return torch.from_dlpack(ext_tensor, **kwargs)
