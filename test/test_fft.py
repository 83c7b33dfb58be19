"""Fourier transforms against NumPy's, by their laws, and back again."""

import numpy as np
import pytest

import torch

LENGTHS = [1, 2, 3, 4, 5, 8, 12, 17, 60, 61, 67, 97, 128, 134, 1009, 4096, 20000, 65536]


def near(got, want, dtype):
    scale = np.abs(want).max() or 1
    assert np.abs(got.resolve_conj().numpy() - want).max() <= scale * (1e-12 if dtype in (torch.float64, torch.complex128) else 2e-5)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_lines(n, dtype):
    x = torch.randn(3, n, dtype=dtype)
    a = x.numpy().astype(np.complex128)
    near(torch.fft.fft(x), np.fft.fft(a), dtype)
    near(torch.fft.ifft(x), np.fft.ifft(a), dtype)
    near(torch.fft.rfft(x.real), np.fft.rfft(a.real), dtype)
    near(torch.fft.fft(x.real), np.fft.fft(a.real), dtype)
    near(torch.fft.irfft(torch.fft.rfft(x.real), n), a.real, dtype)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("norm", ["backward", "forward", "ortho"])
def test_every_dimension_and_norm(dim, norm):
    x = torch.randn(6, 20, 7, dtype=torch.complex128)
    near(torch.fft.fft(x, dim=dim, norm=norm), np.fft.fft(x.numpy(), axis=dim, norm=norm), x.dtype)
    near(torch.fft.irfft(x, 10, dim, norm), np.fft.irfft(x.numpy(), 10, dim, norm), x.dtype)
    near(torch.fft.fft(x.transpose(0, 2), dim=dim, norm=norm), np.fft.fft(x.numpy().swapaxes(0, 2), axis=dim, norm=norm), x.dtype)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
@pytest.mark.parametrize("s", [None, (4, 9, 6), (8, 3, 10)])
def test_grids_are_cut_and_padded(name, s):
    x = torch.randn(5, 6, 8, dtype=torch.float64)
    dims = (0, 1, 2)
    near(getattr(torch.fft, name)(x, s, dims), getattr(np.fft, name)(x.numpy(), s, dims), x.dtype)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_gradients(name):
    real = name in ("rfft", "ihfft")
    for n in (5, 6):
        x = torch.randn(3, 4, dtype=torch.float64 if real else torch.complex128, requires_grad=True)
        assert torch.autograd.gradcheck(lambda v, n=n: getattr(torch.fft, name)(v, n), (x,))


def test_shifted_frequencies_ascend():
    f = torch.fft.fftshift(torch.fft.fftfreq(9, 0.5))
    np.testing.assert_allclose(f.numpy(), np.fft.fftshift(np.fft.fftfreq(9, 0.5)), rtol=1e-6)
    assert torch.equal(torch.fft.ifftshift(f), torch.fft.fftfreq(9, 0.5))


def test_bits_do_not_depend_on_threads():
    x = torch.randn(40, 1000)
    before = torch.get_num_threads()
    try:
        results = set()
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.add(torch.fft.rfft(x).numpy().tobytes() + torch.fft.fft(torch.arange(65536.0)).numpy().tobytes())
        assert len(results) == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("onesided", [True, False])
def test_stft_comes_back(onesided):
    x = torch.randn(2, 400, dtype=torch.float64)
    window = torch.hann_window(64, dtype=torch.float64)
    spectra = torch.stft(x, 64, 16, window=window, onesided=onesided, return_complex=True)
    assert spectra.shape == (2, 33 if onesided else 64, 26)
    back = torch.istft(spectra, 64, 16, window=window, onesided=onesided, length=400)
    assert torch.allclose(back, x)


@pytest.mark.parametrize("n", [1, 2, 7, 10])
def test_windows(n):
    windows = torch.signal.windows
    for ours, theirs in ((windows.hann, np.hanning), (windows.hamming, np.hamming), (windows.blackman, np.blackman), (windows.bartlett, np.bartlett)):
        np.testing.assert_allclose(ours(n, dtype=torch.float64).numpy(), theirs(n), atol=1e-12)
    np.testing.assert_allclose(windows.kaiser(n, beta=5.0, dtype=torch.float64).numpy(), np.kaiser(n, 5.0), rtol=1e-10)
    np.testing.assert_allclose(torch.kaiser_window(n, False, 5.0, dtype=torch.float64).numpy(), np.kaiser(n, 5.0), rtol=1e-12)
    assert torch.allclose(torch.hann_window(n), windows.hann(n, sym=False))
