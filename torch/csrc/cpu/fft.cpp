// Discrete Fourier transforms along any dimensions, of any length.
//
// Lengths are split into factors of 4, 2, 3 and small primes, one pass each; a length with a large prime becomes a
// convolution of a smooth length (Bluestein). Several lines go through the passes side by side, so that every pass works on
// contiguous lanes; one long line is split into a matrix whose columns and then rows are such lines (Bailey).
#include "fft.h"

#include <cmath>
#include <complex>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "copy.h"
#include "fft_lanes.h"
#include "kernel_table.h"
#include "kernels.h"
#include "scratch.h"
#include "threads.h"
#include "views.h"

namespace kindling {

namespace {

constexpr int kLargestRadix = 61;
constexpr int64_t kLongLine = 16384, kLanes = 16;
constexpr int64_t kSkew = 80;  // keeps arrays of a power of two from sharing the same few places of the cache

template <class T>
using Complex = std::complex<T>;

// exp(-2 pi i k / n)
Complex<double> root(int64_t k, int64_t n) {
  const double angle = -2 * 3.14159265358979323846 * double(k % n) / double(n);
  return {std::cos(angle), std::sin(angle)};
}

template <class T>
std::vector<T> roots(int64_t count, int64_t n) {
  std::vector<T> table(size_t(2 * count));
  for (int64_t k = 0; k < count; k++) {
    const Complex<double> w = root(k, n);
    table[size_t(2 * k)] = T(w.real());
    table[size_t(2 * k + 1)] = T(w.imag());
  }
  return table;
}

template <class T>
fft::Pass<T> pass_of() {
#if defined(__x86_64__)
  const fft::Passes& p = isa >= kAvx2 ? fft::avx2_passes : fft::generic_passes;
#else
  const fft::Passes& p = fft::generic_passes;
#endif
  if constexpr (std::is_same_v<T, float>) return p.single;
  else return p.twice;
}

// n numbers for each of `lanes` lines, lanes together; `other` is where a pass writes.
template <class T>
struct Buffers {
  T *re, *im, *other_re, *other_im;
  void swap() {
    std::swap(re, other_re);
    std::swap(im, other_im);
  }
};

template <class T>
class Plan {
  struct Stage {
    int radix;
    int64_t m;
    std::vector<T> twiddles, roots;
  };
  std::vector<Stage> stages_;
  std::shared_ptr<const Plan> convolution_;  // Bluestein: of the length in which the chirps are convolved
  std::vector<T> chirp_, chirp_spectrum_;

  void add_stage(int radix, int64_t m);
  void prepare_bluestein();
  void run_bluestein(Buffers<T>& b, int64_t lanes) const;

 public:
  const int64_t n;
  explicit Plan(int64_t length);
  static std::shared_ptr<const Plan> of(int64_t n);
  void run(Buffers<T>& b, int64_t lanes) const;  // leaves the result in b.re, b.im
};

template <class T>
Plan<T>::Plan(int64_t length) : n(length) {
  std::vector<int> factors;
  int64_t rest = n;
  for (int r : {4, 2, 3})
    for (; rest % r == 0; rest /= r) factors.push_back(r);
  for (int r = 5; r <= kLargestRadix && rest > 1; r += 2)
    for (; rest % r == 0; rest /= r) factors.push_back(r);
  int64_t m = n;
  if (rest > 1) prepare_bluestein();
  else
    for (int r : factors) add_stage(r, m /= r);
}

template <class T>
void Plan<T>::add_stage(int radix, int64_t m) {
  Stage stage{radix, m, std::vector<T>(size_t(2 * (radix - 1) * m)), {}};
  T* w = stage.twiddles.data();
  for (int64_t p = 0; p < m; p++) {
    for (int j = 1; j < radix; j++) {
      const Complex<double> z = root(j * p, radix * m);
      *w++ = T(z.real());
      *w++ = T(z.imag());
    }
  }
  if (radix > 4) stage.roots = kindling::roots<T>(radix, radix);
  stages_.push_back(std::move(stage));
}

// x_j c_j convolved with conj(c), times c, where c_j = exp(-pi i j^2 / n).
template <class T>
void Plan<T>::prepare_bluestein() {
  int64_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  convolution_ = of(m);
  chirp_.resize(size_t(2 * n));
  Scratch<T> space(4 * m);
  std::fill(space.get(), space.get() + 4 * m, T(0));
  Buffers<T> b{space, space + m, space + 2 * m, space + 3 * m};
  for (int64_t j = 0; j < n; j++) {
    const Complex<double> c = root(int64_t((unsigned __int128)(j)*j % (2 * n)), 2 * n);
    chirp_[size_t(2 * j)] = T(c.real());
    chirp_[size_t(2 * j + 1)] = T(c.imag());
    b.re[j] = b.re[(m - j) % m] = T(c.real());
    b.im[j] = b.im[(m - j) % m] = T(-c.imag());
  }
  convolution_->run(b, 1);
  chirp_spectrum_.resize(size_t(2 * m));
  for (int64_t k = 0; k < m; k++) {
    chirp_spectrum_[size_t(2 * k)] = b.re[k] / T(m);
    chirp_spectrum_[size_t(2 * k + 1)] = b.im[k] / T(m);
  }
}

template <class T>
void Plan<T>::run_bluestein(Buffers<T>& out, int64_t lanes) const {
  const int64_t m = convolution_->n, size = m * lanes + kSkew;
  Scratch<T> space(4 * size);
  Buffers<T> b{space, space + size, space + 2 * size, space + 3 * size};
  const auto multiply = [&](const T* table, T* re, T* im, const T* from_re, const T* from_im, int64_t count, T sign) {
    for (int64_t j = 0; j < count; j++) {
      const T wr = table[2 * j], wi = table[2 * j + 1];
      for (int64_t q = j * lanes; q < (j + 1) * lanes; q++) {
        const T xr = from_re[q], xi = from_im[q];
        re[q] = xr * wr - xi * wi;
        im[q] = sign * (xr * wi + xi * wr);
      }
    }
  };
  multiply(chirp_.data(), b.re, b.im, out.re, out.im, n, T(1));
  std::fill(b.re + n * lanes, b.re + m * lanes, T(0));
  std::fill(b.im + n * lanes, b.im + m * lanes, T(0));
  convolution_->run(b, lanes);
  multiply(chirp_spectrum_.data(), b.re, b.im, b.re, b.im, m, T(-1));  // conjugates, so that the forward plan inverts
  convolution_->run(b, lanes);
  for (int64_t q = 0; q < n * lanes; q++) b.im[q] = -b.im[q];
  multiply(chirp_.data(), out.re, out.im, b.re, b.im, n, T(1));
}

template <class T>
void Plan<T>::run(Buffers<T>& b, int64_t lanes) const {
  if (convolution_) return run_bluestein(b, lanes);
  static const fft::Pass<T> pass = pass_of<T>();
  int64_t s = lanes;
  for (const Stage& stage : stages_) {
    pass(stage.radix, b.re, b.im, b.other_re, b.other_im, stage.m, s, stage.twiddles.data(), stage.roots.data());
    b.swap();
    s *= stage.radix;
  }
}

// The plans of the lengths used so far; begun anew when there are many.
template <class V>
struct Cache {
  std::mutex lock;
  std::unordered_map<int64_t, std::shared_ptr<const V>> items;
  template <class F>
  std::shared_ptr<const V> get(int64_t n, F&& make) {
    {
      std::lock_guard hold(lock);
      if (const auto it = items.find(n); it != items.end()) return it->second;
    }
    std::shared_ptr<const V> made = make();
    std::lock_guard hold(lock);
    if (items.size() >= 64) items.clear();
    return items.emplace(n, std::move(made)).first->second;
  }
};

template <class T>
std::shared_ptr<const Plan<T>> Plan<T>::of(int64_t n) {
  static Cache<Plan<T>> cache;
  return cache.get(n, [&] { return std::make_shared<const Plan<T>>(n); });
}

template <class T>
std::shared_ptr<const std::vector<T>> roots_of(int64_t n) {
  static Cache<std::vector<T>> cache;
  return cache.get(n, [&] { return std::make_shared<const std::vector<T>>(roots<T>(n, n)); });
}

// Runs `count` lines of length n in groups: gather(first, lanes, re, im), transform, scatter(first, lanes, re, im).
template <class T, class Gather, class Scatter>
void transform_lines(int64_t n, int64_t count, Gather&& gather, Scatter&& scatter) {
  const auto plan = Plan<T>::of(n);
  const int64_t lanes = std::clamp<int64_t>(65536 / (n * int64_t(sizeof(T))), 1, kLanes), groups = (count + lanes - 1) / lanes;
  parallel_for(0, groups, std::max<int64_t>(1, 8192 / (n * lanes)), [&](int64_t begin, int64_t end) {
    const int64_t size = n * lanes + kSkew;
    Scratch<T> space(4 * size);
    for (int64_t g = begin; g < end; g++) {
      const int64_t first = g * lanes, some = std::min(lanes, count - first);
      Buffers<T> b{space, space + size, space + 2 * size, space + 3 * size};
      gather(first, some, b.re, b.im);
      plan->run(b, some);
      scatter(first, some, b.re, b.im);
    }
  });
}

// The factor of n nearest to its square root; 1 where the parts would not be short.
int64_t split_of(int64_t n) {
  for (int64_t a = int64_t(std::sqrt(double(n))); a > 64; a--)
    if (n % a == 0) return a;
  return 1;
}

// One long line as an (a, b) matrix: columns, a twist, rows. x_j2 + j1 b -> X_k1 + k2 a.
template <class T>
void transform_long(Complex<T>* x, int64_t n, int64_t a, bool forward, T scale) {
  const int64_t b = n / a;
  const auto twist = roots_of<T>(n);
  const T sign = forward ? T(1) : T(-1);
  Scratch<Complex<T>> between(n);
  transform_lines<T>(
      a, b, [&](int64_t j2, int64_t lanes, T* re, T* im) { fft::gather_neighbours(x + j2, a, b, lanes, sign, re, im); },
      [&](int64_t j2, int64_t lanes, T* re, T* im) {
        for (int64_t k1 = 0; k1 < a; k1++)
          for (int64_t q = 0; q < lanes; q++) {
            const T* w = &(*twist)[size_t(2 * (k1 * (j2 + q)))];
            T &zr = re[k1 * lanes + q], &zi = im[k1 * lanes + q];
            const T product = zr * w[0] - zi * w[1];
            zi = zr * w[1] + zi * w[0];
            zr = product;
          }
        fft::scatter_neighbours(between + j2, a, b, lanes, T(1), T(1), re, im);
      });
  transform_lines<T>(
      b, a,
      [&](int64_t k1, int64_t lanes, T* re, T* im) {
        const Complex<T>* rows[kLanes];
        for (int64_t q = 0; q < lanes; q++) rows[q] = between + (k1 + q) * b;
        fft::gather_rows(rows, b, lanes, T(1), re, im);
      },
      [&](int64_t k1, int64_t lanes, const T* re, const T* im) {
        fft::scatter_neighbours(x + k1, b, a, lanes, scale, sign, re, im);
      });
}

// In place, along a dimension of n elements with `inner` elements between neighbours, of `count` lines.
template <class T>
void transform(Complex<T>* data, int64_t n, int64_t inner, int64_t count, bool forward, T scale) {
  if (inner == 1 && n >= kLongLine)
    if (const int64_t a = split_of(n); a > 1) {
      for (int64_t line = 0; line < count; line++) transform_long<T>(data + line * n, n, a, forward, scale);
      return;
    }
  const T sign = forward ? T(1) : T(-1);
  if (inner == 1)
    return transform_lines<T>(
        n, count,
        [&](int64_t first, int64_t lanes, T* re, T* im) {
          const Complex<T>* rows[kLanes];
          for (int64_t q = 0; q < lanes; q++) rows[q] = data + (first + q) * n;
          fft::gather_rows(rows, n, lanes, sign, re, im);
        },
        [&](int64_t first, int64_t lanes, const T* re, const T* im) {
          Complex<T>* rows[kLanes];
          for (int64_t q = 0; q < lanes; q++) rows[q] = data + (first + q) * n;
          fft::scatter_rows(rows, n, lanes, scale, sign, re, im);
        });
  for (int64_t block = 0; block < count; block += inner, data += n * inner)
    transform_lines<T>(
        n, inner,
        [&](int64_t first, int64_t lanes, T* re, T* im) { fft::gather_neighbours(data + first, n, inner, lanes, sign, re, im); },
        [&](int64_t first, int64_t lanes, const T* re, const T* im) {
          fft::scatter_neighbours(data + first, n, inner, lanes, scale, sign, re, im);
        });
}

template <class F>
void by_precision(DType d, F&& f) {
  switch (d) {
    case DType::complex64:
    case DType::float32: return f(float());
    case DType::complex128:
    case DType::float64: return f(double());
    default: fail(ErrorKind::Runtime, "Unsupported dtype ", legacy_name(d));
  }
}

// normalization: 0 none, 1 by the root of the number of elements, 2 by the number.
double scale_of(int64_t normalization, IntList sizes, IntList dims) {
  double n = 1;
  for (int64_t d : dims) n *= double(sizes[size_t(d)]);
  return normalization == 0 ? 1 : normalization == 1 ? 1 / std::sqrt(n) : 1 / n;
}

Dims wrapped(IntList dims, int64_t ndim) {
  Dims r;
  for (int64_t d : dims) r.push_back(wrap_dim(d, ndim));
  return r;
}

// The dimensions of a transform between real and complex: some, none of them empty.
Dims transformed(IntList dim, const Tensor& self) {
  KD_CHECK(!dim.empty(), Runtime, "fft: a transform needs at least one dimension");
  Dims dims = wrapped(dim, self.dim());
  for (int64_t d : dims)
    KD_CHECK(self.sizes()[d] > 0, Runtime, "Invalid number of data points (", self.sizes()[d], ") specified");
  return dims;
}

// All of `dims` of a contiguous complex tensor, in place.
void transform_dims(const Tensor& t, IntList dims, bool forward, double scale) {
  if (t.is_meta() || t.numel() == 0) return;
  by_precision(t.dtype(), [&](auto real) {
    using T = decltype(real);
    for (size_t i = 0; i < dims.size(); i++) {
      const int64_t d = dims[i], n = t.sizes()[d], inner = t.strides()[d];
      transform<T>(t.data<Complex<T>>(), n, inner, t.numel() / n, forward, i + 1 == dims.size() ? T(scale) : T(1));
    }
  });
}

// n real numbers as n / 2 complex ones z; the spectrum of the even and the odd ones comes out of z's.
template <class T>
void spectrum_of_real(const T* x, Complex<T>* out, int64_t n, int64_t lines, T scale) {
  const int64_t half = n / 2, stored = half + 1;
  Scratch<Complex<T>> z(half * lines);
  std::copy(x, x + n * lines, reinterpret_cast<T*>(z.get()));
  transform<T>(z, half, 1, lines, true, T(1));
  const auto w = roots_of<T>(n);
  parallel_for(0, lines, std::max<int64_t>(1, 16384 / n), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; line++) {
      const Complex<T>* from = z + line * half;
      Complex<T>* to = out + line * stored;
      for (int64_t k = 0; k <= half; k++) {
        const Complex<T> a = from[k == half ? 0 : k], b = std::conj(from[k == 0 ? 0 : half - k]);
        const T er = a.real() + b.real(), ei = a.imag() + b.imag(), dr = a.imag() - b.imag(), di = b.real() - a.real();
        const T wr = (*w)[size_t(2 * k)], wi = (*w)[size_t(2 * k + 1)];
        to[k] = {(er + dr * wr - di * wi) * T(0.5) * scale, (ei + dr * wi + di * wr) * T(0.5) * scale};
      }
    }
  });
}

template <class T>
void real_of_spectrum(const Complex<T>* x, T* out, int64_t n, int64_t lines, T scale) {
  const int64_t half = n / 2, stored = half + 1;
  Scratch<Complex<T>> z(half * lines);
  const auto w = roots_of<T>(n);
  parallel_for(0, lines, std::max<int64_t>(1, 16384 / n), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; line++) {
      const Complex<T>* from = x + line * stored;
      Complex<T>* to = z + line * half;
      const auto at = [&](int64_t k) { return k == 0 || k == half ? Complex<T>(from[k].real()) : from[k]; };
      for (int64_t k = 0; k < half; k++) {
        const Complex<T> a = at(k), b = std::conj(at(half - k));
        const T wr = (*w)[size_t(2 * k)], wi = -(*w)[size_t(2 * k + 1)];
        const T dr = a.real() - b.real(), di = a.imag() - b.imag(), or_ = dr * wr - di * wi, oi = dr * wi + di * wr;
        to[k] = {a.real() + b.real() - oi, a.imag() + b.imag() + or_};
      }
    }
  });
  transform<T>(z, half, 1, lines, false, scale);
  std::copy(z.get(), z.get() + half * lines, reinterpret_cast<Complex<T>*>(out));
}

// The other half of a spectrum of real numbers along the last dimension: X_k = conj(X_n-k), the other dimensions reversed too.
void fill_hermitian(const Tensor& full, const Tensor& stored, IntList dims) {
  const int64_t last = IntList(dims).back(), n = full.sizes()[last], kept = stored.sizes()[last];
  copy_into(sliced(full, last, 0, kept), stored);
  if (n == kept) return;
  Tensor mirror = sliced(stored, last, 1, n - kept + 1);
  mirror = ops::flip(mirror, Dims{last});
  for (size_t i = 0; i + 1 < dims.size(); i++)  // index k -> -k mod n
    mirror = ops::roll(ops::flip(mirror, Dims{dims[i]}), Dims{1}, Dims{dims[i]});
  mirror = alias(mirror);
  mirror->set(TensorImpl::Conj, !mirror.is_conj());
  copy_into(sliced(full, last, kept, n), mirror);
}

Tensor move_last(const Tensor& t, int64_t dim) {
  Dims order;
  for (int64_t d = 0; d < t.dim(); d++)
    if (d != dim) order.push_back(d);
  order.push_back(dim);
  return permuted(t, order);
}

Tensor move_back(const Tensor& t, int64_t dim) {
  Dims order;
  for (int64_t d = 0; d + 1 < t.dim(); d++) order.push_back(d);
  order.insert(dim, t.dim() - 1);
  return permuted(t, order);
}

}  // namespace

namespace kernels {

Tensor _fft_c2c(const Tensor& self, IntList dim, int64_t normalization, bool forward) {
  KD_CHECK(self.is_complex(), Runtime, "_fft_c2c expects a complex tensor, got ", info(self.dtype()).name);
  Tensor out = clone_of(self, MemoryFormat::contiguous);
  const Dims dims = wrapped(dim, self.dim());
  transform_dims(out, dims, forward, scale_of(normalization, self.sizes(), dims));
  return out;
}

Tensor _fft_r2c(const Tensor& self, IntList dim, int64_t normalization, bool onesided) {
  KD_CHECK(self.is_floating(), Runtime, "_fft_r2c expects a real floating point tensor, got ", info(self.dtype()).name);
  const Dims dims = transformed(dim, self);
  const int64_t last = IntList(dims).back(), n = self.sizes()[last], kept = n / 2 + 1;
  const double scale = scale_of(normalization, self.sizes(), dims);
  const TensorOptions options{to_complex(self.dtype()), self.device()};
  Dims sizes(self.sizes());
  sizes[last] = kept;
  Tensor half;
  if (self.is_meta()) {
    half = empty(sizes, options);
  } else {
    const Tensor rows = contiguous_of(move_last(self, last));
    Dims row_sizes(rows.sizes());
    row_sizes.back() = kept;
    Tensor spectrum = empty(row_sizes, options);
    by_precision(self.dtype(), [&](auto real) {
      using T = decltype(real);
      const int64_t lines = rows.numel() / std::max<int64_t>(n, 1);
      if (n % 2 == 0 && n > 0) return spectrum_of_real<T>(rows.data<T>(), spectrum.data<Complex<T>>(), n, lines, T(scale));
      const Tensor whole = converted(rows, options.dtype);
      transform<T>(whole.data<Complex<T>>(), n, 1, lines, true, T(scale));
      copy_into(spectrum, sliced(whole, -1, 0, kept));
    });
    half = contiguous_of(move_back(spectrum, last));
    Dims others(dims);
    others.pop_back();
    transform_dims(half, others, true, 1);
  }
  if (onesided) return half;
  Tensor full = empty(self.sizes(), options);
  if (!full.is_meta()) fill_hermitian(full, half, dims);
  return full;
}

Tensor _fft_c2r(const Tensor& self, IntList dim, int64_t normalization, int64_t n) {
  KD_CHECK(self.is_complex(), Runtime, "_fft_c2r expects a complex tensor, got ", info(self.dtype()).name);
  const Dims dims = transformed(dim, self);
  const int64_t last = IntList(dims).back(), kept = n / 2 + 1;
  KD_CHECK(n > 0, Runtime, "Invalid number of data points (", n, ") specified");
  const TensorOptions options{to_real(self.dtype()), self.device()};
  Dims sizes(self.sizes());
  sizes[last] = n;
  if (self.is_meta()) return empty(sizes, options);
  Dims others(dims);
  others.pop_back();
  Tensor half = clone_of(sliced(self, last, 0, kept), MemoryFormat::contiguous);
  transform_dims(half, others, false, 1);
  const Tensor rows = contiguous_of(move_last(half, last));
  Dims row_sizes(rows.sizes());
  row_sizes.back() = n;
  Tensor out = empty(row_sizes, options);
  by_precision(options.dtype, [&](auto real) {
    using T = decltype(real);
    const T scale = T(scale_of(normalization, sizes, dims));
    const int64_t lines = out.numel() / std::max<int64_t>(n, 1);
    if (n % 2 == 0) return real_of_spectrum<T>(rows.data<Complex<T>>(), out.data<T>(), n, lines, scale);
    Scratch<Complex<T>> z(n * lines);
    for (int64_t line = 0; line < lines; line++) {
      const Complex<T>* x = rows.data<Complex<T>>() + line * kept;
      z[line * n] = x[0].real();
      for (int64_t k = 1; k < kept; k++) {
        z[line * n + k] = x[k];
        z[line * n + n - k] = std::conj(x[k]);
      }
    }
    transform<T>(z, n, 1, lines, false, scale);
    for (int64_t i = 0; i < n * lines; i++) out.data<T>()[i] = z[i].real();
  });
  return contiguous_of(move_back(out, last));
}

}  // namespace kernels
}  // namespace kindling
