"""Discrete Fourier transforms: X_k = sum_j x_j exp(-2 pi i j k / n)."""

from functools import partial

from .language import FLOATING, FLOATING_COMPLEX, REALS, SINGLE, composite, kernel

transform = partial(kernel, kinds=FLOATING_COMPLEX, compute=SINGLE)


@transform("_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor", kinds="c", python="function",
        grad={"self": "_fft_c2c(grad, dim, normalization, not forward)"}, jvp="linear", out_dtype="cast")
def fft_c2c():
    """Transform of complex numbers along dimensions. normalization: 0 none, 1 by the root of the number of elements, 2 by the number."""


@transform("_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor", kinds=FLOATING, python="function",
        grad={"self": "fft_half_backward(grad, dim, normalization, onesided, self.shape[dim[-1]])"}, jvp="linear", out_dtype="cast")
def fft_r2c():
    """Transform of real numbers along dimensions; onesided keeps n // 2 + 1 elements of the last one, which determine the others."""


@transform("_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor", kinds="c", python="function",
        grad={"self": "fft_real_backward(grad, dim, normalization)"}, jvp="linear", out_dtype="cast")
def fft_c2r():
    """Inverse of _fft_r2c: from half of a spectrum to last_dim_size real numbers."""


@composite("fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_fft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_fft(self, n, dim, norm):
    """Spectrum of one dimension, cut or padded with zeros to n elements.

    >>> torch.fft.fft(torch.tensor([1., 0., 0., 0.])).real
    tensor([1., 1., 1., 1.])
    """
    return fft_line(self, n, dim, "backward" if norm is None else norm, True)


@composite("fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_fft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_fft2(self, s, dim, norm):
    """Like fft, of the last two dimensions; s gives their lengths.

    >>> torch.fft.fft2(torch.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return fft_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_fftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_fftn(self, s, dim, norm):
    """Like fft, of several dimensions, all unless given; s gives their lengths.

    >>> torch.fft.fftn(torch.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    return fft_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_ifft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ifft(self, n, dim, norm):
    """Inverse of fft.

    >>> torch.fft.ifft(torch.tensor([4., 0., 0., 0.])).real
    tensor([1., 1., 1., 1.])
    """
    return fft_line(self, n, dim, "backward" if norm is None else norm, False)


@composite("fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_ifft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ifft2(self, s, dim, norm):
    """Like ifft, of the last two dimensions; s gives their lengths.

    >>> torch.fft.ifft2(torch.tensor([[4., 0.], [0., 0.]])).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    return fft_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_ifftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ifftn(self, s, dim, norm):
    """Like ifft, of several dimensions, all unless given; s gives their lengths.

    >>> torch.fft.ifftn(torch.tensor([[4., 0.], [0., 0.]])).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    return fft_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", kinds=REALS, python="fft",
           out=["fft_rfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_rfft(self, n, dim, norm):
    """Spectrum of real numbers along one dimension: its first n // 2 + 1 elements, which determine the others.

    >>> torch.fft.rfft(torch.ones(4)).real
    tensor([4., 0., 0.])
    """
    return fft_half_line(self, n, dim, "backward" if norm is None else norm, True)


@composite("fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", kinds=REALS, python="fft",
           out=["fft_rfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_rfft2(self, s, dim, norm):
    """Like rfft, of the last two dimensions; s gives their lengths.

    >>> torch.fft.rfft2(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", kinds=REALS, python="fft",
           out=["fft_rfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_rfftn(self, s, dim, norm):
    """Like rfft, of several dimensions, all unless given; s gives their lengths.

    >>> torch.fft.rfftn(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_irfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_irfft(self, n, dim, norm):
    """Inverse of rfft: n real numbers, 2 (size - 1) unless given.

    >>> torch.fft.irfft(torch.tensor([4., 0., 0.]))
    tensor([1., 1., 1., 1.])
    """
    return fft_real_line(self, n, dim, "backward" if norm is None else norm, False)


@composite("fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_irfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_irfft2(self, s, dim, norm):
    """Like irfft, of the last two dimensions; s gives their lengths.

    >>> torch.fft.irfft2(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_irfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_irfftn(self, s, dim, norm):
    """Like irfft, of several dimensions, all unless given; s gives their lengths.

    >>> torch.fft.irfftn(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", python="fft",
           out=["fft_hfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_hfft(self, n, dim, norm):
    """Transform of a signal of which half is given, because it is symmetric up to conjugation: n real numbers.

    >>> torch.fft.hfft(torch.ones(2))
    tensor([2., 0.])
    """
    return fft_real_line(self, n, dim, "backward" if norm is None else norm, True)


@composite("fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", python="fft",
           out=["fft_hfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_hfft2(self, s, dim, norm):
    """Like hfft, of the last two dimensions; s gives their lengths.

    >>> torch.fft.hfft2(torch.ones(2, 2)).shape
    torch.Size([2, 2])
    """
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", python="fft",
           out=["fft_hfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_hfftn(self, s, dim, norm):
    """Like hfft, of several dimensions, all unless given; s gives their lengths.

    >>> torch.fft.hfftn(torch.ones(2, 2)).shape
    torch.Size([2, 2])
    """
    return fft_real_grid(self, s, dim, "backward" if norm is None else norm, True)


@composite("fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", kinds=REALS, python="fft",
           out=["fft_ihfft.out(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ihfft(self, n, dim, norm):
    """Inverse of hfft.

    >>> torch.fft.ihfft(torch.tensor([2., 0.])).real
    tensor([1., 1.])
    """
    return fft_half_line(self, n, dim, "backward" if norm is None else norm, False)


@composite("fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", kinds=REALS, python="fft",
           out=["fft_ihfft2.out(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ihfft2(self, s, dim, norm):
    """Like ihfft, of the last two dimensions; s gives their lengths.

    >>> torch.fft.ihfft2(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", kinds=REALS, python="fft",
           out=["fft_ihfftn.out(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor(a!) out) -> Tensor(a!)"])
def fft_ihfftn(self, s, dim, norm):
    """Like ihfft, of several dimensions, all unless given; s gives their lengths.

    >>> torch.fft.ihfftn(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return fft_half_grid(self, s, dim, "backward" if norm is None else norm, False)


@composite("fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor", python="fft")
def fft_fftshift(self, dim):
    """The frequency zero moved to the middle of each dimension.

    >>> torch.fft.fftshift(torch.arange(4))
    tensor([2, 3, 0, 1])
    """
    return fft_shift(self, dim, True)


@composite("fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor", python="fft")
def fft_ifftshift(self, dim):
    """Inverse of fftshift.

    >>> torch.fft.ifftshift(torch.arange(4))
    tensor([2, 3, 0, 1])
    """
    return fft_shift(self, dim, False)


# ---- short windows ----


@composite("stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode=\"reflect\", "
           "bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor", kinds=FLOATING_COMPLEX)
def stft(self, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided, return_complex, align_to_window):
    """Spectra of windows of n_fft elements, hop_length (n_fft // 4) apart: (..., frequencies, windows).

    With `center`, window i is centred on element i * hop_length, and the signal is padded by pad_mode at both ends.

    >>> torch.stft(torch.ones(8), 4, return_complex=True, window=torch.ones(4)).shape
    torch.Size([3, 9])
    """
    is_complex = self.is_complex() or (window is not None and window.is_complex())
    if return_complex is None and not is_complex:
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True "
                           "in a future PyTorch release.")
    if align_to_window is not None and center:
        raise RuntimeError("stft align_to_window should only be set when center = false.")
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    half = not is_complex if onesided is None else onesided
    spectra = short_time_spectra(self, n_fft, hop, length, window, center, pad_mode, normalized, half)
    as_complex = is_complex if return_complex is None else return_complex
    return spectra if as_complex else spectra.view_as_real()


@composite("stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, "
           "bool? return_complex=None, bool? align_to_window=None) -> Tensor", kinds=FLOATING_COMPLEX, python="")
def stft_uncentered(self, n_fft, hop_length, win_length, window, normalized, onesided, return_complex, align_to_window):
    """stft of windows that lie within the signal."""
    return aten.stft.center(self, n_fft, hop_length, win_length, window, False, "reflect", normalized, onesided, return_complex, None)


@composite("istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, "
           "bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor", kinds=FLOATING_COMPLEX)
def istft(self, n_fft, hop_length, win_length, window, center, normalized, onesided, length, return_complex):
    """The signal whose stft this is, by least squares (Griffin and Lim): windows are weighted, added and divided by the sum of squared weights.

    >>> torch.istft(torch.stft(torch.ones(8), 4, return_complex=True, window=torch.ones(4)), 4, window=torch.ones(4))
    tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    width = n_fft if win_length is None else win_length
    hop = width // 4 if hop_length is None else hop_length
    half = self.size(-2) != n_fft if onesided is None else onesided
    if return_complex and half:
        raise RuntimeError("istft: cannot have onesided input when return_complex=True")
    return overlap_add(self, n_fft, hop, width, window, center, normalized, half, -1 if length is None else length, return_complex)
