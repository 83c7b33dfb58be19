// Short-time Fourier transforms: spectra of overlapping windows of a signal, and the signal from them.
#include "../autograd/formulas.h"
#include "ops.h"

namespace kindling::formulas {

namespace {

// A window of n_fft weights: the given one, or ones, with zeros on both sides.
Tensor padded_window(const Tensor& window, const Tensor& like, int64_t n_fft, int64_t win_length) {
  const DType d = window.defined() ? window.dtype() : to_real(like.dtype());
  if (!window.defined()) {
    const Tensor ones = ops::ones(Dims{win_length}, d, std::nullopt, like.device(), std::nullopt);
    if (win_length == n_fft) return ones;
    return padded_window(ones, like, n_fft, win_length);
  }
  if (win_length == n_fft) return window;
  const int64_t left = (n_fft - win_length) / 2;
  return ops::constant_pad_nd(window, Dims{left, n_fft - win_length - left}, Scalar(0));
}

Tensor padded_signal(const Tensor& self, int64_t pad, std::string_view mode) {
  Dims extended;
  for (int64_t i = self.dim(); i < 3; i++) extended.push_back(1);
  for (int64_t s : self.sizes()) extended.push_back(s);
  const Tensor x = ops::view(self, extended);
  const Dims sides{pad, pad};
  Tensor y;
  if (mode == "reflect") y = ops::reflection_pad1d(x, sides);
  else if (mode == "replicate") y = ops::replication_pad1d(x, sides);
  else if (mode == "constant") y = ops::constant_pad_nd(x, sides, Scalar(0));
  else fail(ErrorKind::NotImplemented, "Unrecognised padding mode ", mode);
  return ops::view(y, IntList(y.sizes()).subspan(size_t(3 - self.dim())));
}

}  // namespace

Tensor short_time_spectra(const Tensor& self, int64_t n_fft, int64_t hop, int64_t win_length, const Tensor& window, bool center,
                          std::string_view pad_mode, bool normalized, bool onesided) {
  KD_CHECK(is_differentiable(self.dtype()), Runtime, "stft: expected a tensor of floating point or complex values");
  KD_CHECK(self.dim() == 1 || self.dim() == 2, Runtime, "stft: expected a 1D or 2D tensor, got ", self.dim(), "D");
  Tensor x = center ? padded_signal(self, n_fft / 2, pad_mode) : self;
  if (self.dim() == 1) x = ops::unsqueeze(x, 0);
  const int64_t length = x.size(1);
  KD_CHECK(0 < n_fft && n_fft <= length, Runtime, "stft: expected 0 < n_fft <= ", length, ", but got n_fft=", n_fft);
  KD_CHECK(hop > 0, Runtime, "stft: expected hop_length > 0, but got hop_length=", hop);
  KD_CHECK(0 < win_length && win_length <= n_fft, Runtime,
           "stft: expected 0 < win_length <= n_fft, but got win_length=", win_length);
  KD_CHECK(!window.defined() || (window.dim() == 1 && window.size(0) == win_length), Runtime,
           "stft: expected a 1D window tensor of size equal to win_length=", win_length);
  if (!window.defined())
    warn(
        WarningKind::User,
        "A window was not provided. A rectangular window will be applied,which is known to cause spectral leakage. "
        "Other windows such as torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage.To suppress this "
        "warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`.");
  const int64_t frames = 1 + (length - n_fft) / hop;
  x = ops::as_strided(x, Dims{x.size(0), frames, n_fft}, Dims{x.stride(0), hop * x.stride(1), x.stride(1)}, std::nullopt);
  if (window.defined() || win_length < n_fft) x = ops::mul_Tensor(x, padded_window(window, self, n_fft, win_length));
  const Dims dims{2};
  Tensor out = x.is_complex() ? ops::_fft_c2c(x, dims, normalized, true) : ops::_fft_r2c(x, dims, normalized, onesided);
  KD_CHECK(!x.is_complex() || !onesided, Runtime, "Cannot have onesided output if window or input is complex");
  out = ops::transpose_(out, 1, 2);
  return self.dim() == 1 ? ops::squeeze__dim(out, 0) : out;
}

Tensor overlap_add(const Tensor& self, int64_t n_fft, int64_t hop, int64_t win_length, const Tensor& window, bool center,
                   bool normalized, bool onesided, int64_t length, bool return_complex) {
  KD_CHECK(self.is_complex(), Runtime,
           "istft requires a complex-valued input tensor matching the output from stft with return_complex=True.");
  KD_CHECK(self.dim() == 2 || self.dim() == 3, Runtime, "istft: expected a tensor with 2 or 3 dimensions, got ", self.dim());
  KD_CHECK(self.numel() > 0, Runtime, "istft: input tensor cannot be empty.");
  const int64_t bins = self.size(-2), frames = self.size(-1), whole = n_fft + hop * (frames - 1);
  KD_CHECK(bins == (onesided ? n_fft / 2 + 1 : n_fft), Runtime,
           "istft: expected the frequency dimension (3rd to the last) of the input tensor to match ",
           onesided ? "n_fft / 2 + 1 when onesided=True" : "n_fft when onesided=False", ", but got ", bins);
  KD_CHECK(0 < hop && hop <= win_length, Runtime, "istft: expected 0 < hop_length <= win_length");
  KD_CHECK(0 < win_length && win_length <= n_fft, Runtime, "istft: expected 0 < win_length <= n_fft");
  KD_CHECK(!window.defined() || (window.dim() == 1 && window.size(0) == win_length), Runtime,
           "istft: Invalid window shape. window has to be 1D and length of `win_length`");
  Tensor x = ops::view_as_real(ops::resolve_conj(self));
  const Tensor w = padded_window(window, self, n_fft, win_length);
  x = ops::view_as_complex(ops::transpose_int(self.dim() == 2 ? ops::unsqueeze(x, 0) : x, 1, 2));
  const Dims dims{2};
  const int64_t mode = normalized ? 1 : 2;
  if (return_complex) x = ops::_fft_c2c(x, dims, mode, false);
  else x = ops::_fft_c2r(onesided ? x : ops::slice_Tensor(x, 2, 0, n_fft / 2 + 1, 1), dims, mode, n_fft);
  x = ops::mul_Tensor(x, ops::view(w, Dims{1, 1, n_fft}));
  Tensor y = ops::unfold_backward(x, Dims{x.size(0), whole}, 1, n_fft, hop);
  const Tensor squares = ops::expand(ops::pow_Tensor_Scalar(w, Scalar(2)), Dims{1, frames, n_fft}, false);
  Tensor envelope = ops::unfold_backward(squares, Dims{1, whole}, 1, n_fft, hop);
  const int64_t start = center ? n_fft / 2 : 0, end = length >= 0 ? start + length : center ? whole - n_fft / 2 : whole;
  y = ops::slice_Tensor(y, 1, start, end, 1);
  envelope = ops::slice_Tensor(envelope, 1, start, end, 1);
  if (!self.is_meta()) {
    const Tensor uncovered = ops::lt_Scalar(ops::min(ops::abs(envelope)), Scalar(1e-11));
    const Tensor yes = ops::new_ones(uncovered, Dims{}, DType::bool_, std::nullopt, std::nullopt, std::nullopt);
    KD_CHECK(!ops::equal(uncovered, yes), Runtime,
             "window overlap add min: 1: the windows leave a part of the signal without weight");
  }
  y = ops::div_Tensor(y, envelope);
  if (self.dim() == 2) y = ops::squeeze_dim(y, 0);
  if (end > whole) {
    warn(WarningKind::User,
         "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
         "Please check your center and hop_length settings.");
    y = ops::constant_pad_nd(y, Dims{0, end - whole}, Scalar(0));
  }
  return y;
}

}  // namespace kindling::formulas
