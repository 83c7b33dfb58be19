"""Discrete Fourier transforms. `norm` says where the factor 1/n goes: "backward" (default), "forward", or "ortho" half to each.

>>> torch.fft.irfft(torch.fft.rfft(torch.tensor([1., 2., 3., 4.])))
tensor([1., 2., 3., 4.])
"""

import torch
from torch import _C

_PREFIX = "fft_"
_functions = {name.removeprefix(_PREFIX): getattr(_C._fft, name) for name in dir(_C._fft) if name.startswith(_PREFIX)}
globals().update(_functions)


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Frequencies of the elements of a spectrum of n samples that lie d apart: 0, 1, ..., -2, -1 over n d.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    dtype = dtype or torch.get_default_dtype()
    index = torch.arange(n, dtype=dtype, layout=layout, device=device)
    index[(n + 1) // 2:] -= n
    result = index * (1.0 / (n * d))
    return out.resize_(result.shape).copy_(result) if out is not None else result.requires_grad_(requires_grad)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Frequencies of the elements of the half spectrum that rfft gives of n samples that lie d apart.

    >>> torch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    dtype = dtype or torch.get_default_dtype()
    result = torch.arange(n // 2 + 1, dtype=dtype, layout=layout, device=device) * (1.0 / (n * d))
    return out.resize_(result.shape).copy_(result) if out is not None else result.requires_grad_(requires_grad)


__all__ = sorted([*_functions, "fftfreq", "rfftfreq"])
