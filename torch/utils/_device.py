"""The default device as a mode: ``with torch.device("meta"):`` and ``torch.set_default_device``."""

import functools

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["DeviceContext", "set_device"]

_CONSTRUCTORS = (
    "empty empty_permuted empty_strided ones arange bartlett_window blackman_window eye fill fft.fftfreq fft.rfftfreq full "
    "hamming_window hann_window kaiser_window linspace logspace nested.nested_tensor rand randn randint randperm range "
    "sparse_coo_tensor sparse_compressed_tensor sparse_csr_tensor tril_indices triu_indices zeros asarray tensor as_tensor "
    "scalar_tensor"
).split()


@functools.cache
def _device_constructors():
    """The functions that make tensors from nothing and so take the default device."""
    found = set()
    for path in _CONSTRUCTORS:
        value = torch
        for name in path.split("."):
            value = getattr(value, name, None)
        if value is not None:
            found.add(value)
    return found


class DeviceContext(TorchFunctionMode):
    """While it is on, constructors called without a device make tensors on this one."""

    def __init__(self, device):
        self.device = torch.device(device)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _device_constructors() and kwargs.get("device") is None:
            kwargs["device"] = self.device
        return func(*args, **kwargs)


def set_device(device):
    """Decorator: run the function with this default device."""
    def decorate(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with DeviceContext(device):
                return function(*args, **kwargs)

        return wrapped

    return decorate
