"""Data parallelism over the devices of one process."""

import torch

from ..modules.module import Module
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _devices(device_ids):
    """The devices to use; none means the module is called where it is."""
    count = torch.cuda.device_count()
    chosen = list(range(count)) if device_ids is None else list(device_ids)
    for device in chosen if count else ():
        index = torch.device(device).index if not isinstance(device, int) else device
        if index is None or index >= count:
            raise RuntimeError(f"DataParallel: device {device} does not exist, there are {count} devices")
    return chosen if count else []


class DataParallel(Module):
    """Wraps a module so that each device works on its share of the batch (dimension `dim`).

    With no device or one, calls go straight to the wrapped ``module``.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module, self.dim, self.device_ids = module, dim, _devices(device_ids)
        self.output_device = output_device if output_device is not None or not self.device_ids else self.device_ids[0]

    def replicate(self, module, device_ids):
        """Copies of a module on the devices."""
        return replicate(module, device_ids, not torch.is_grad_enabled())

    def scatter(self, inputs, kwargs, device_ids):
        """Each device's share of the arguments."""
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """The results of all copies."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[:len(replicas)])

    def gather(self, outputs, output_device):
        """The results joined on one device."""
        return gather(outputs, output_device, dim=self.dim)

    def forward(self, *inputs, **kwargs):
        """The wrapped module's result."""
        if len(self.device_ids) < 2:
            return self.module(*inputs, **kwargs)
        inputs, kwargs = self.scatter(inputs, kwargs, self.device_ids)
        replicas = self.replicate(self.module, self.device_ids[:len(inputs)])
        return self.gather(self.parallel_apply(replicas, inputs, kwargs), self.output_device)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call `module` as :class:`DataParallel` would."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return DataParallel(module, device_ids, output_device, dim)(*inputs, **(module_kwargs or {}))
