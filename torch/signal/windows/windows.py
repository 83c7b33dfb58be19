"""The formulas of the windows."""

from __future__ import annotations

import math

import torch

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser", "nuttall"]


def _check(name, M, dtype, layout):
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not torch.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")


def _window(name, M, dtype, layout, device, requires_grad, ends, shape):
    """shape(k) over M points from ends(): an empty window has none, a single element is 1."""
    dtype = dtype or torch.get_default_dtype()
    _check(name, M, dtype, layout)
    options = {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}
    if M == 0:
        return torch.empty((0,), **options)
    if M == 1:
        return torch.ones((1,), **options)
    start, end = ends()
    return shape(torch.linspace(start, end, M, **options))


def _span(M, sym):
    return M - 1 if sym else M


def general_cosine(M, *, a, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Sum of (-1)^i a[i] cos(i x), where x goes from 0 to 2 pi.

    >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")

    def shape(k):
        weights = torch.tensor([(-1) ** i * x for i, x in enumerate(a)], device=device, dtype=k.dtype)
        order = torch.arange(len(a), dtype=k.dtype, device=device)
        return (weights.unsqueeze(-1) * torch.cos(order.unsqueeze(-1) * k)).sum(0)

    return _window("general_cosine", M, dtype, layout, device, requires_grad, lambda: (0, 2 * math.pi * (M - 1) / _span(M, sym)), shape)


def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """alpha - (1 - alpha) cos x.

    >>> torch.signal.windows.general_hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hamming(M, *, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Hamming window: 0.54 - 0.46 cos x.

    >>> torch.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M, *, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Hann window: (1 - cos x) / 2.

    >>> torch.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def blackman(M, *, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Blackman window: 0.42 - 0.5 cos x + 0.08 cos 2x.

    >>> torch.signal.windows.blackman(5).shape
    torch.Size([5])
    """
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def nuttall(M, *, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Minimum four-term Blackman-Harris window (Nuttall, 1981).

    >>> torch.signal.windows.nuttall(5).shape
    torch.Size([5])
    """
    a = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def bartlett(M, *, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Bartlett window: a triangle that is zero at its ends.

    >>> torch.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", M, dtype, layout, device, requires_grad, lambda: (-1, -1 + 2 * (M - 1) / _span(M, sym)), lambda k: 1 - torch.abs(k))


def cosine(M, *, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """Half a period of the sine, taken at the middles of the intervals.

    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    step = math.pi / max(M if sym else M + 1, 1)
    return _window("cosine", M, dtype, layout, device, requires_grad, lambda: (0.5 * step, (M - 0.5) * step), torch.sin)


def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """exp(-|n - center| / tau), about the middle unless a center is given (periodic windows only).

    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = _span(M, sym) / 2 if center is None else center
    return _window("exponential", M, dtype, layout, device, requires_grad, lambda: (-middle / tau, (M - 1 - middle) / tau), lambda k: torch.exp(-torch.abs(k)))


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """exp(-n^2 / (2 std^2)) about the middle.

    >>> torch.signal.windows.gaussian(3, std=1.0)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle, scale = _span(M, sym) / 2, 1 / (std * math.sqrt(2))
    return _window("gaussian", M, dtype, layout, device, requires_grad, lambda: (-middle * scale, (M - 1 - middle) * scale), lambda k: torch.exp(-(k**2)))


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=torch.strided, device=None, requires_grad=False):
    """I0(sqrt(beta^2 - x^2)) / I0(beta), where x goes from -beta to beta.

    >>> torch.signal.windows.kaiser(3)
    tensor([5.2773e-05, 1.0000e+00, 5.2773e-05])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape(k):
        whole = torch.tensor(beta, dtype=k.dtype, device=device)
        return torch.i0(torch.sqrt((whole * whole - k**2).clamp(min=0))) / torch.i0(whole)

    return _window("kaiser", M, dtype, layout, device, requires_grad, lambda: (-beta, min(beta, -beta + 2 * beta * (M - 1) / _span(M, sym))), shape)
