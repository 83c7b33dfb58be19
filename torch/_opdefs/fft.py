"""Discrete Fourier transforms: X_k = sum_j x_j exp(-2 pi i j k / n)."""

from .language import composite, kernel


@kernel("_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor", python="function",
        grad={"self": "_fft_c2c(grad, dim, normalization, not forward)"}, jvp="linear")
def fft_c2c():
    """Transform of complex numbers along dimensions. normalization: 0 none, 1 by the root of the number of elements, 2 by the number."""


@kernel("_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor", python="function",
        grad={"self": "fft_half_backward(grad, dim, normalization, onesided, self.shape[dim[-1]])"}, jvp="linear")
def fft_r2c():
    """Transform of real numbers along dimensions; onesided keeps n // 2 + 1 elements of the last one, which determine the others."""


@kernel("_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor", python="function",
        grad={"self": "fft_real_backward(grad, dim, normalization)"}, jvp="linear")
def fft_c2r():
    """Inverse of _fft_r2c: from half of a spectrum to last_dim_size real numbers."""


@composite("fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_fft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_fft(self, n, dim, norm):
    """Spectrum of one dimension, cut or padded with zeros to n elements.

    >>> torch.fft.fft(torch.tensor([1., 0., 0., 0.]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return fft_line(self, n, dim, "backward" if norm is None else norm, True)


@composite("fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_fft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_fft2(self, s, dim, norm):
    """Like fft, of the last two dimensions; s gives their lengths."""
    return fft_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_fftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_fftn(self, s, dim, norm):
    """Like fft, of several dimensions, all unless given; s gives their lengths."""
    return fft_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_ifft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ifft(self, n, dim, norm):
    """Inverse of fft."""
    return fft_line(self, n, dim, "backward" if norm is None else norm, False)


@composite("fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_ifft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ifft2(self, s, dim, norm):
    """Like ifft, of the last two dimensions; s gives their lengths."""
    return fft_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_ifftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ifftn(self, s, dim, norm):
    """Like ifft, of several dimensions, all unless given; s gives their lengths."""
    return fft_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_rfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_rfft(self, n, dim, norm):
    """Spectrum of real numbers along one dimension: its first n // 2 + 1 elements, which determine the others."""
    return fft_half_line(self, n, dim, "backward" if norm is None else norm, True)


@composite("fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_rfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_rfft2(self, s, dim, norm):
    """Like rfft, of the last two dimensions; s gives their lengths."""
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_rfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_rfftn(self, s, dim, norm):
    """Like rfft, of several dimensions, all unless given; s gives their lengths."""
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_irfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_irfft(self, n, dim, norm):
    """Inverse of rfft: n real numbers, 2 (size - 1) unless given."""
    return fft_real_line(self, n, dim, "backward" if norm is None else norm, False)


@composite("fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_irfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_irfft2(self, s, dim, norm):
    """Like irfft, of the last two dimensions; s gives their lengths."""
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_irfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_irfftn(self, s, dim, norm):
    """Like irfft, of several dimensions, all unless given; s gives their lengths."""
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_hfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_hfft(self, n, dim, norm):
    """Transform of a signal of which half is given, because it is symmetric up to conjugation: n real numbers."""
    return fft_real_line(self, n, dim, "backward" if norm is None else norm, True)


@composite("fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_hfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_hfft2(self, s, dim, norm):
    """Like hfft, of the last two dimensions; s gives their lengths."""
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_hfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_hfftn(self, s, dim, norm):
    """Like hfft, of several dimensions, all unless given; s gives their lengths."""
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_ihfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ihfft(self, n, dim, norm):
    """Inverse of hfft."""
    return fft_half_line(self, n, dim, "backward" if norm is None else norm, False)


@composite("fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_ihfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ihfft2(self, s, dim, norm):
    """Like ihfft, of the last two dimensions; s gives their lengths."""
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_ihfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ihfftn(self, s, dim, norm):
    """Like ihfft, of several dimensions, all unless given; s gives their lengths."""
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor", python="fft")
def fft_fftshift(self, dim):
    """The frequency zero moved to the middle of each dimension."""
    return fft_shift(self, dim, True)


@composite("fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor", python="fft")
def fft_ifftshift(self, dim):
    """Inverse of fftshift."""
    return fft_shift(self, dim, False)
