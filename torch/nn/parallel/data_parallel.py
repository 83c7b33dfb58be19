"""Data parallelism over the devices of one process."""

import torch

from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


def _check_devices(device_ids):
    count = torch.cuda.device_count()
    for device in device_ids or ():
        index = torch.device(device).index if not isinstance(device, int) else device
        if index is None or index >= count:
            raise RuntimeError(f"DataParallel: device {device} does not exist, there are {count} devices")
    if count > 1 and len(device_ids or range(count)) > 1:
        raise RuntimeError("DataParallel over several devices is not available; use one process a device")


class DataParallel(Module):
    """Wraps a module for several devices; with no device or one, calls go straight to the wrapped ``module``."""

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        _check_devices(device_ids)
        self.module, self.device_ids = module, list(device_ids or [])
        self.output_device, self.dim = output_device, dim

    def forward(self, *inputs, **kwargs):
        """The wrapped module's result."""
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call `module` as :class:`DataParallel` would."""
    _check_devices(device_ids)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
