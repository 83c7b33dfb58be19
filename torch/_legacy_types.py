"""torch.FloatTensor and its kin: constructors and isinstance tests from before dtypes, and torch.FloatStorage likewise."""

from __future__ import annotations

import torch
from torch import _C
from torch.storage import _LEGACY as _storages


class tensortype(type):  # noqa: N801
    """The class of the legacy tensor types."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, torch.Tensor) and instance.dtype is cls.dtype and instance.device.type == "cpu"

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"

    def __getattr__(cls, name):
        return getattr(torch.Tensor, name)

    def __dir__(cls):
        return sorted({*vars(cls), *dir(torch.Tensor)})

    def __call__(cls, *args, **kwargs):
        return _C._legacy_tensor(cls.dtype, *args, **kwargs)


tensortype.__module__ = "torch"

_NAMES = {
    "FloatTensor": torch.float, "DoubleTensor": torch.double, "HalfTensor": torch.half, "BFloat16Tensor": torch.bfloat16,
    "ByteTensor": torch.uint8, "CharTensor": torch.int8, "ShortTensor": torch.int16, "IntTensor": torch.int, "LongTensor": torch.long,
    "BoolTensor": torch.bool,
}
for _name, _dtype in _NAMES.items():
    globals()[_name] = tensortype(_name, (), {"dtype": _dtype, "layout": torch.strided, "is_cuda": False, "is_sparse": False,
                                              "__module__": "torch", "__doc__": f"Tensors of {_dtype} on the CPU."})
globals().update(_storages)
