// torch.fft over its three operators: which dimensions, which lengths, which scale.
#include "../autograd/formulas.h"
#include "ops.h"

namespace kindling::formulas {

namespace {

// 0 no scale, 1 by the root of the number of elements, 2 by the number.
int64_t mode_of(std::string_view norm, bool forward) {
  if (norm == "ortho") return 1;
  if (norm == "backward") return forward ? 0 : 2;
  if (norm == "forward") return forward ? 2 : 0;
  fail(ErrorKind::Runtime, "Invalid normalization mode: \"", norm, "\"");
}

Tensor floating(const Tensor& t, bool complex) {
  DType d = is_differentiable(t.dtype()) ? t.dtype() : default_dtype();
  if (complex) d = to_complex(d);
  return d == t.dtype() ? t : ops::to_dtype(t, d, false, false, std::nullopt);
}

void check_real(const Tensor& t, const char* name) {
  KD_CHECK(!t.is_complex(), Runtime, name, " expects a real input tensor, but got ", legacy_name(t.dtype()));
}

void check_length(int64_t n) { KD_CHECK(n >= 1, Runtime, "Invalid number of data points (", n, ") specified"); }

int64_t line_of(const Tensor& t, int64_t dim) {
  KD_CHECK(t.dim() > 0, Index, "Dimension specified as ", dim, " but tensor has no dimensions");
  return kindling::wrap_dim(dim, t.dim());
}

Tensor resized(const Tensor& t, int64_t dim, int64_t n) {
  const int64_t size = t.size(dim);
  if (size == n) return t;
  if (size > n) return ops::slice_Tensor(t, dim, 0, n, 1);
  Dims pad(2 * (t.dim() - dim));
  pad[pad.size() - 1] = n - size;
  return ops::constant_pad_nd(t, pad, Scalar(0));
}

Tensor conjugate(const Tensor& t) { return ops::_conj(t); }

struct Grid {
  Dims dims, lengths;
};

Grid grid_of(const Tensor& t, std::optional<IntList> s, std::optional<IntList> dim) {
  Grid g;
  const int64_t ndim = t.dim();
  if (dim) {
    uint64_t seen = 0;
    for (int64_t d : *dim) {
      g.dims.push_back(line_of(t, d));
      KD_CHECK(!(seen >> g.dims.back() & 1), Runtime, "FFT dims must be unique");
      seen |= uint64_t(1) << g.dims.back();
    }
    KD_CHECK(!s || s->size() == dim->size(), Runtime, "When given, dim and shape arguments must have the same length");
  } else {
    const int64_t n = s ? int64_t(s->size()) : ndim;
    KD_CHECK(n <= ndim, Runtime, "Got shape with ", n, " values but input tensor only has ", ndim, " dimensions.");
    for (int64_t d = ndim - n; d < ndim; d++) g.dims.push_back(d);
  }
  for (int64_t i = 0; i < g.dims.size(); i++) {
    g.lengths.push_back(s && (*s)[size_t(i)] != -1 ? (*s)[size_t(i)] : t.size(g.dims[i]));
    check_length(g.lengths.back());
  }
  return g;
}

Tensor resized(Tensor t, const Grid& g) {
  for (int64_t i = 0; i < g.dims.size(); i++)
    if (t.size(g.dims[i]) > g.lengths[i]) t = ops::slice_Tensor(t, g.dims[i], 0, g.lengths[i], 1);
  Dims pad(2 * t.dim());
  bool grows = false;
  for (int64_t i = 0; i < g.dims.size(); i++) {
    const int64_t more = g.lengths[i] - t.size(g.dims[i]);
    pad[2 * (t.dim() - 1 - g.dims[i]) + 1] = more;
    grows |= more > 0;
  }
  return grows ? ops::constant_pad_nd(t, pad, Scalar(0)) : t;
}

// The spectrum's last dimension holds half of the real length.
Grid real_grid(const Tensor& t, std::optional<IntList> s, std::optional<IntList> dim, int64_t& last) {
  Grid g = grid_of(t, s, dim);
  KD_CHECK(!g.dims.empty(), Runtime, "irfftn must transform at least one axis");
  last = s && s->back() != -1 ? s->back() : 2 * (t.size(IntList(g.dims).back()) - 1);
  check_length(last);
  g.lengths.back() = last / 2 + 1;
  return g;
}

}  // namespace

Tensor fft_line(const Tensor& self, std::optional<int64_t> n, int64_t dim, std::string_view norm, bool forward) {
  dim = line_of(self, dim);
  const int64_t length = n.value_or(self.size(dim));
  check_length(length);
  const Tensor x = resized(floating(self, false), dim, length);
  const Dims dims{dim};
  if (x.is_complex()) return ops::_fft_c2c(x, dims, mode_of(norm, forward), forward);
  const Tensor spectrum = ops::_fft_r2c(x, dims, mode_of(norm, forward), false);
  return forward ? spectrum : conjugate(spectrum);
}

Tensor fft_grid(const Tensor& self, std::optional<IntList> s, std::optional<IntList> dim, std::string_view norm, bool forward) {
  const Grid g = grid_of(self, s, dim);
  return ops::_fft_c2c(resized(floating(self, true), g), g.dims, mode_of(norm, forward), forward);
}

Tensor fft_half_line(const Tensor& self, std::optional<int64_t> n, int64_t dim, std::string_view norm, bool forward) {
  check_real(self, forward ? "rfft" : "ihfft");
  dim = line_of(self, dim);
  const int64_t length = n.value_or(self.size(dim));
  check_length(length);
  const Tensor spectrum = ops::_fft_r2c(resized(floating(self, false), dim, length), Dims{dim}, mode_of(norm, forward), true);
  return forward ? spectrum : conjugate(spectrum);
}

Tensor fft_half_grid(const Tensor& self, std::optional<IntList> s, std::optional<IntList> dim, std::string_view norm,
                     bool forward) {
  check_real(self, forward ? "rfftn" : "ihfftn");
  const Grid g = grid_of(self, s, dim);
  KD_CHECK(!g.dims.empty(), Runtime, forward ? "rfftn" : "ihfftn", " must transform at least one axis");
  const Tensor x = resized(floating(self, false), g);
  if (forward) return ops::_fft_r2c(x, g.dims, mode_of(norm, true), true);
  const Tensor line = ops::_fft_r2c(x, Dims{IntList(g.dims).back()}, mode_of(norm, false), true);
  if (g.dims.size() == 1) return conjugate(line);
  Dims others(g.dims);
  others.pop_back();
  return ops::_fft_c2c(ops::conj_physical(line), others, mode_of(norm, false), false);
}

Tensor fft_real_line(const Tensor& self, std::optional<int64_t> n, int64_t dim, std::string_view norm, bool forward) {
  dim = line_of(self, dim);
  const int64_t length = n.value_or(2 * (self.size(dim) - 1));
  check_length(length);
  Tensor x = resized(floating(self, true), dim, length / 2 + 1);
  if (forward) x = conjugate(x);
  return ops::_fft_c2r(x, Dims{dim}, mode_of(norm, forward), length);
}

Tensor fft_real_grid(const Tensor& self, std::optional<IntList> s, std::optional<IntList> dim, std::string_view norm,
                     bool forward) {
  int64_t last;
  const Grid g = real_grid(self, s, dim, last);
  Tensor x = resized(floating(self, true), g);
  if (!forward) return ops::_fft_c2r(x, g.dims, mode_of(norm, false), last);
  if (g.dims.size() > 1) {
    Dims others(g.dims);
    others.pop_back();
    x = ops::_fft_c2c(x, others, mode_of(norm, true), true);
  }
  return ops::_fft_c2r(conjugate(x), Dims{IntList(g.dims).back()}, mode_of(norm, true), last);
}

Tensor fft_shift(const Tensor& self, std::optional<IntList> dim, bool forward) {
  Dims dims, shifts;
  if (dim) dims = Dims(*dim);
  else
    for (int64_t d = 0; d < self.dim(); d++) dims.push_back(d);
  for (int64_t d : dims) shifts.push_back((self.size(d) + !forward) / 2);
  return ops::roll(self, shifts, dims);
}

// Where only half of the spectrum was made, the other half has no gradient.
Tensor fft_half_backward(const Tensor& grad, IntList dim, int64_t normalization, bool onesided, int64_t last_dim_size) {
  if (!onesided) return ops::_fft_c2c(grad, dim, normalization, false);
  const int64_t last = dim.back(), kept = grad.size(last);
  if (kept == last_dim_size) return ops::_fft_c2c(grad, dim, normalization, false);
  Dims sizes(grad.sizes());
  sizes[kindling::wrap_dim(last, grad.dim())] = last_dim_size;
  const Tensor whole = ops::new_zeros(grad, sizes, DType::none, std::nullopt, std::nullopt, std::nullopt);
  ops::copy_(ops::slice_Tensor(whole, last, 0, kept, 1), grad, false);
  return ops::_fft_c2c(whole, dim, normalization, false);
}

// All but the first and the middle of the spectrum stand for two of its elements.
Tensor fft_real_backward(const Tensor& grad, IntList dim, int64_t normalization) {
  const Tensor half = ops::_fft_r2c(grad, dim, normalization, true);
  const int64_t last = dim.back(), twice = grad.size(last) - half.size(last);
  if (twice > 0) ops::mul__Scalar(ops::slice_Tensor(half, last, 1, 1 + twice, 1), Scalar(2));
  return half;
}

}  // namespace kindling::formulas
