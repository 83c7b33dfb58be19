// Random fills with PyTorch's streams and transforms. Compiled with -ffp-contract=off: every fma here is written out,
// since which products are fused decides the last bit.
#include "random.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "kernel_table.h"
#include "kernels.h"
#include "threads.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kindling {

using namespace random;

namespace random {

Tensor as_real(const Tensor& t) {
  Dims sizes(t.sizes()), strides;
  for (int64_t s : t.strides()) strides.push_back(2 * s);
  sizes.push_back(2);
  strides.push_back(1);
  Tensor r = alias(t);
  r->dtype = to_real(t.dtype());
  r->offset = 2 * t.offset();
  r->set_sizes_strides(sizes, strides);
  return r;
}

}  // namespace random

// ---- normal ----
// A block is 16 uniforms d; for j = 0..7: u1 = 1 - d[j], u2 = d[j + 8], r = sqrt(-2 log u1), t = 2 pi u2,
// d[j] = r cos t, d[j + 8] = r sin t, both times std plus mean in one fma.

namespace {

template <class T>
void normal_block_libm(T* d, T mean, T std) {
  for (int j = 0; j < 8; j++) {
    const T u1 = 1 - d[j], u2 = d[j + 8];
    const T r = std::sqrt(T(-2) * std::log(u1)), theta = T(2.0 * std::numbers::pi * u2);
    d[j] = std::fma(r * std::cos(theta), std, mean);
    d[j + 8] = std::fma(r * std::sin(theta), std, mean);
  }
}

template <class T>
void normal_blocks_libm(T* d, int64_t n, T mean, T std) {
  for (int64_t i = 0; i < n; i += 16) normal_block_libm(d + i, mean, std);
}

#if defined(__x86_64__)
// Cephes' single-precision logf and sincosf on eight lanes; the fused steps are those of the reference build.
#define KD_AVX2 [[gnu::target("avx2,fma"), gnu::always_inline]] inline

KD_AVX2 __m256 all(float x) { return _mm256_set1_ps(x); }

KD_AVX2 __m256 log8(__m256 x) {
  x = _mm256_max_ps(x, all(0x1p-126f));
  const __m256i bits = _mm256_castps_si256(x);
  __m256 e = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(0x7f)));
  e = _mm256_add_ps(e, all(1));
  const __m256i mantissa =
      _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(int(0x807fffffu))), _mm256_set1_epi32(0x3f000000));
  const __m256 m = _mm256_castsi256_ps(mantissa);
  const __m256 low = _mm256_cmp_ps(m, all(0.707106781186547524f), _CMP_LT_OS);
  e = _mm256_sub_ps(e, _mm256_and_ps(low, all(1)));
  x = _mm256_add_ps(_mm256_sub_ps(m, all(1)), _mm256_and_ps(low, m));
  const __m256 z = _mm256_mul_ps(x, x);
  __m256 y = all(7.0376836292E-2f);
  y = _mm256_fmadd_ps(y, x, all(-1.1514610310E-1f));
  y = _mm256_fmadd_ps(y, x, all(1.1676998740E-1f));
  y = _mm256_fmadd_ps(y, x, all(-1.2420140846E-1f));
  y = _mm256_fmadd_ps(y, x, all(1.4249322787E-1f));
  y = _mm256_fmadd_ps(y, x, all(-1.6668057665E-1f));
  y = _mm256_fmadd_ps(y, x, all(2.0000714765E-1f));
  y = _mm256_fmadd_ps(y, x, all(-2.4999993993E-1f));
  y = _mm256_fmadd_ps(y, x, all(3.3333331174E-1f));
  y = _mm256_mul_ps(y, x);
  y = _mm256_fmadd_ps(y, z, _mm256_mul_ps(e, all(-2.12194440e-4f)));
  y = _mm256_fnmadd_ps(z, all(0.5f), y);
  return _mm256_fmadd_ps(e, all(0.693359375f), _mm256_add_ps(x, y));
}

// sin and cos of x >= 0
KD_AVX2 void sincos8(__m256 x, __m256& sin, __m256& cos) {
  const __m256i one = _mm256_set1_epi32(1), two = _mm256_set1_epi32(2), four = _mm256_set1_epi32(4);
  __m256i j = _mm256_cvttps_epi32(_mm256_mul_ps(x, all(1.27323954473516f)));
  j = _mm256_andnot_si256(one, _mm256_add_epi32(j, one));
  const __m256 y = _mm256_cvtepi32_ps(j);
  x = _mm256_fmadd_ps(y, all(-0.78515625f), x);
  x = _mm256_fmadd_ps(y, all(-2.4187564849853515625e-4f), x);
  x = _mm256_fmadd_ps(y, all(-3.77489497744594108e-8f), x);
  const __m256 z = _mm256_mul_ps(x, x);
  __m256 c = all(2.443315711809948e-5f);
  c = _mm256_fmadd_ps(c, z, all(-1.388731625493765e-3f));
  c = _mm256_fmadd_ps(c, z, all(4.166664568298827e-2f));
  c = _mm256_mul_ps(c, z);
  c = _mm256_fmsub_ps(c, z, _mm256_mul_ps(z, all(0.5f)));
  c = _mm256_add_ps(c, all(1));
  __m256 s = all(-1.9515295891e-4f);
  s = _mm256_fmadd_ps(s, z, all(8.3321608736e-3f));
  s = _mm256_fmadd_ps(s, z, all(-1.6666654611e-1f));
  s = _mm256_fmadd_ps(_mm256_mul_ps(s, z), x, x);
  const __m256 straight = _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(j, two), _mm256_setzero_si256()));
  const __m256i sin_sign = _mm256_slli_epi32(_mm256_and_si256(j, four), 29);
  const __m256i cos_sign = _mm256_slli_epi32(_mm256_and_si256(_mm256_sub_epi32(j, two), four), 29);
  sin = _mm256_xor_ps(_mm256_blendv_ps(c, s, straight), _mm256_castsi256_ps(sin_sign));
  // (j - 2) & 4 clear means negated
  cos = _mm256_xor_ps(_mm256_blendv_ps(s, c, straight), _mm256_xor_ps(_mm256_castsi256_ps(cos_sign), all(-0.0f)));
}

[[gnu::target("avx2,fma")]] void normal_blocks_avx2(float* d, int64_t n, float mean, float std) {
  const __m256 m = all(mean), sd = all(std);
  for (int64_t i = 0; i < n; i += 16) {
    const __m256 u1 = _mm256_sub_ps(all(1), _mm256_loadu_ps(d + i)), u2 = _mm256_loadu_ps(d + i + 8);
    const __m256 r = _mm256_sqrt_ps(_mm256_mul_ps(all(-2), log8(u1)));
    __m256 s, c;
    sincos8(_mm256_mul_ps(all(float(2 * std::numbers::pi)), u2), s, c);
    _mm256_storeu_ps(d + i, _mm256_fmadd_ps(_mm256_mul_ps(r, c), sd, m));
    _mm256_storeu_ps(d + i + 8, _mm256_fmadd_ps(_mm256_mul_ps(r, s), sd, m));
  }
}
#undef KD_AVX2
#endif

void normal_blocks(float* d, int64_t n, double mean, double std) {
#if defined(__x86_64__)
  if (isa >= kAvx2) return normal_blocks_avx2(d, n, float(mean), float(std));
#endif
  normal_blocks_libm(d, n, float(mean), float(std));
}
void normal_blocks(double* d, int64_t n, double mean, double std) { normal_blocks_libm(d, n, mean, std); }

void uniforms(Generator& g, float* d, int64_t n) { g.fill24(d, n); }
void uniforms(Generator& g, double* d, int64_t n) { g.fill53(d, n); }

// All n uniforms are drawn first, then turned in blocks of 16; a rest overwrites the last 16 from 16 more.
template <class T>
void normal_contiguous(Generator& g, T* d, int64_t n, double mean, double std) {
  constexpr int64_t kChunk = 1 << 18;  // drawn by one thread, turned by all of them while it is in the cache
  const int64_t whole = n / 16 * 16;
  for (int64_t i = 0; i < n; i += kChunk) {
    uniforms(g, d + i, std::min(kChunk, n - i));
    const int64_t blocks = (std::min(i + kChunk, whole) - i) / 16;
    parallel_for(0, blocks, 1024,
                 [&](int64_t from, int64_t to) { normal_blocks(d + i + 16 * from, 16 * (to - from), mean, std); });
  }
  if (whole == n) return;
  uniforms(g, d + n - 16, 16);
  normal_blocks(d + n - 16, 16, mean, std);
}

// Half types go block by block through float: the rest's uniforms are not drawn first.
template <class T>
void normal_contiguous_half(Generator& g, T* d, int64_t n, double mean, double std) {
  float block[16];
  auto put = [&](T* to) {
    g.fill24(block, 16);
    normal_blocks(block, 16, mean, std);
    for (int j = 0; j < 16; j++) to[j] = store_as<T>(block[j]);
  };
  for (int64_t i = 0; i + 16 <= n; i += 16) put(d + i);
  if (n % 16) put(d + n - 16);
}

}  // namespace

namespace kernels {

Tensor normal_(const Tensor& self, double mean, double std, Generator* generator) {
  KD_CHECK(std >= 0, Runtime, "normal expects std >= 0.0, but found std ", std);
  if (self.is_complex()) {
    normal_(as_real(self), mean, std * std::sqrt(0.5), generator);
    return self;
  }
  check_writable(self);
  if (!is_floating(self.dtype()) || is_float8(self.dtype())) fail_dtype("normal_kernel_cpu", self.dtype());
  if (self.is_meta()) return self;
  Draws draws(generator);
  if (self.numel() >= 16 && self.is_contiguous()) {
    visit<kFloatsT | kHalvesT>(self.dtype(), "normal_kernel_cpu", [&]<class T>(Of<T>) {
      if constexpr (is_half<T>) normal_contiguous_half(draws.g, self.data<T>(), self.numel(), mean, std);
      else normal_contiguous(draws.g, self.data<T>(), self.numel(), mean, std);
    });
  } else {
    fill<double, kFloatsT | kHalvesT>(self, "normal_kernel_cpu", [&](double* x, int64_t n) {
      for (int64_t i = 0; i < n; i++) x[i] = std::fma(draws.g.normal(), std, mean);
    });
  }
  return self;
}

// ---- uniform ----
namespace {

double largest(DType d) {
  return d == DType::float16    ? 65504.0
         : d == DType::bfloat16 ? 0x1.fep127
         : d == DType::float32  ? double(std::numeric_limits<float>::max())
                                : std::numeric_limits<double>::max();
}

const char* c_name(DType d) {
  switch (d) {
    case DType::bool_: return "bool";
    case DType::uint8: return "unsigned char";
    case DType::int8: return "signed char";
    case DType::int16: return "short";
    case DType::int32: return "int";
    case DType::int64: return "long";
    case DType::uint16: return "unsigned short";
    case DType::uint32: return "unsigned int";
    case DType::uint64: return "unsigned long";
    case DType::float16: return "c10::Half";
    case DType::bfloat16: return "c10::BFloat16";
    case DType::float32: return "float";
    default: return "double";
  }
}

void check_uniform(const Tensor& self, double from, double to) {
  const DType d = self.dtype();
  if (!is_floating(d) || is_float8(d)) fail_dtype("check_uniform_bounds", d);
  const double limit = largest(d);
  KD_CHECK(from >= -limit && from <= limit, Runtime, "from is out of bounds for ", c_name(d));
  KD_CHECK(to >= -limit && to <= limit, Runtime, "to is out of bounds for ", c_name(d));
  KD_CHECK(from <= to, Runtime, "uniform_ expects to return a [from, to) range, but found from=", from, " > to=", to);
  KD_CHECK(to - from <= limit, Runtime, "uniform_ expects to-from <= std::numeric_limits<", legacy_name(d),
           ">::max(), but found to=", to, " and from=", from, " which result in to-from to exceed the limit");
}

// x * span + from, rounded once
template <class C>
void scale_block(C* x, int64_t n, C span, C from) {
  for (int64_t i = 0; i < n; i++) x[i] = std::fma(x[i], span, from);
}
#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] void scale_block_avx2(float* x, int64_t n, float span, float from) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(x + i, _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(span), _mm256_set1_ps(from)));
  for (; i < n; i++) x[i] = __builtin_fmaf(x[i], span, from);
}
[[gnu::target("avx2,fma")]] void scale_block_avx2(double* x, int64_t n, double span, double from) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    _mm256_storeu_pd(x + i, _mm256_fmadd_pd(_mm256_loadu_pd(x + i), _mm256_set1_pd(span), _mm256_set1_pd(from)));
  for (; i < n; i++) x[i] = __builtin_fma(x[i], span, from);
}
#endif

// C computes; a value that rounds to `to` in the dtype becomes `from`, since the range is half open.
template <class C>
void fill_uniform(Generator& g, const Tensor& self, C from, C to) {
  constexpr int64_t kBlock = 512;
  const C span = to - from;
  visit<kFloatsT | kHalvesT>(self.dtype(), "uniform", [&]<class T>(Of<T>) {
    const compute_t<T> low = load(store_as<T>(from)), high = load(store_as<T>(to));
    C block[kBlock];
    memory_runs(self, [&](Run run) {
      T* p = reinterpret_cast<T*>(run.data);
      if constexpr (std::same_as<T, C>)
        if (run.stride == 1 && from == 0 && to == 1) return uniforms(g, p, run.n);
      for (int64_t i = 0; i < run.n; i += kBlock) {
        const int64_t k = std::min(kBlock, run.n - i);
        uniforms(g, block, k);
#if defined(__x86_64__)
        if (isa >= kAvx2) scale_block_avx2(block, k, span, from);
        else
#endif
          scale_block(block, k, span, from);
        for (int64_t j = 0; j < k; j++) {
          const T x = store_as<T>(block[j]);
          p[(i + j) * run.stride] = load(x) == high ? store_as<T>(low) : x;
        }
      }
    });
  });
}

}  // namespace

Tensor uniform_(const Tensor& self, double from, double to, Generator* generator) {
  if (self.is_complex()) {
    uniform_(as_real(self), from, to, generator);
    return self;
  }
  check_writable(self);
  check_uniform(self, from, to);
  if (self.is_meta()) return self;
  Draws draws(generator);
  if (self.dtype() == DType::float64) fill_uniform(draws.g, self, from, to);
  else fill_uniform(draws.g, self, float(from), float(to));
  return self;
}

// ---- one 53-bit uniform an element, transformed in double ----
namespace {

template <uint32_t Mask, class F>
Tensor fill_transformed(const Tensor& self, const char* name, Generator* generator, F f) {
  check_writable(self);
  if (self.is_meta()) return self;
  Draws draws(generator);
  fill<double, Mask>(self, name, [&](double* x, int64_t n) {
    draws.g.fill53(x, n);
    for (int64_t i = 0; i < n; i++) x[i] = f(x[i]);
  });
  return self;
}

void check_continuous(const Tensor& self, const char* distribution) {
  KD_CHECK(is_floating(self.dtype()), Runtime, distribution,
           " distribution is a continuous probability distribution. dtype must be a floating point but you specified ",
           legacy_name(self.dtype()));
}

}  // namespace

Tensor exponential_(const Tensor& self, double lambd, Generator* generator) {
  check_continuous(self, "Exponential");
  KD_CHECK(lambd > 0, Runtime, "exponential_ expects lambda > 0.0, but found lambda=", lambd);
  const double scale = -1.0 / lambd;
  return fill_transformed<kFloatsT | kHalvesT>(self, "exponential_cpu", generator,
                                               [=](double u) { return scale * std::log1p(-u); });
}

Tensor cauchy_(const Tensor& self, double median, double sigma, Generator* generator) {
  KD_CHECK(sigma > 0, Runtime, "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  check_continuous(self, "Cauchy");
  return fill_transformed<kFloatsT | kHalvesT>(
      self, "cauchy_cpu", generator, [=](double u) { return std::fma(sigma, std::tan(std::numbers::pi * (u - 0.5)), median); });
}

Tensor geometric_(const Tensor& self, double p, Generator* generator) {
  KD_CHECK(p > 0 && p < 1, Runtime, "geometric_ expects p to be in (0, 1), but got p=", p);
  const double log_miss = std::log1p(-p);
  return fill_transformed<kRealT>(self, "geometric_cpu", generator, [=](double u) { return std::ceil(std::log(u) / log_miss); });
}

Tensor log_normal_(const Tensor& self, double mean, double std, Generator* generator) {
  KD_CHECK(std > 0, Runtime, "log_normal_ expects std > 0.0, but found std=", std);
  check_writable(self);
  if (!is_floating(self.dtype())) fail_dtype("log_normal_cpu", self.dtype());
  if (self.is_meta()) return self;
  Draws draws(generator);
  fill<double, kFloatsT | kHalvesT>(self, "log_normal_cpu", [&](double* x, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = std::exp(std::fma(draws.g.normal(), std, mean));
  });
  return self;
}

Tensor bernoulli__float(const Tensor& self, double p, Generator* generator) {
  KD_CHECK(p >= 0 && p <= 1, Runtime, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  return fill_transformed<kOrderedT>(self, "bernoulli_scalar_cpu_", generator, [=](double u) { return u < p ? 1.0 : 0.0; });
}

// ---- integers ----
namespace {

constexpr uint64_t kWide = 1ull << 28;  // ranges from here on take 64-bit draws

struct Bounds {
  int64_t low;
  uint64_t high;
};  // what a dtype holds: integers exactly

Bounds bounds(DType d) {
  switch (d) {
    case DType::bool_: return {0, 1};
    case DType::uint8: return {0, 255};
    case DType::int8: return {-128, 127};
    case DType::int16: return {-32768, 32767};
    case DType::int32: return {INT32_MIN, INT32_MAX};
    case DType::int64: return {INT64_MIN, INT64_MAX};
    case DType::uint16: return {0, 65535};
    case DType::uint32: return {0, UINT32_MAX};
    case DType::uint64: return {0, UINT64_MAX};
    case DType::float16: return {-65504, 65504};
    case DType::bfloat16:
    case DType::float32:
    case DType::float64: return {INT64_MIN, INT64_MAX};
    default: fail_dtype("random_kernel_cpu", d);
  }
}

int mantissa_bits(DType d) { return d == DType::bfloat16 ? 8 : d == DType::float16 ? 11 : d == DType::float32 ? 24 : 53; }

// draw % range + base; range 0 stands for 2^64
Tensor fill_integers(const Tensor& self, uint64_t range, int64_t base, Generator* generator) {
  check_writable(self);
  if (self.is_meta()) return self;
  Draws draws(generator);
  auto put = [&](auto draw) { fill<int64_t, kAnyT & ~kComplexT>(self, "random_kernel_cpu", draw); };
  if (range != 0 && range < kWide) {
    put([&](int64_t* x, int64_t n) {
      uint32_t w[512];
      const uint64_t inverse = UINT64_MAX / range + 1;  // w % range by two multiplications (Lemire, Kaser, Kurz 2019)
      draws.g.fill32(w, n);
      if (range == 1) std::fill_n(x, n, base);
      else
        for (int64_t i = 0; i < n; i++) x[i] = int64_t(uint64_t((unsigned __int128)(inverse * w[i]) * range >> 64)) + base;
    });
  } else {
    put([&](int64_t* x, int64_t n) {
      uint64_t* w = reinterpret_cast<uint64_t*>(x);
      draws.g.fill64(w, n);
      for (int64_t i = 0; i < n; i++) x[i] = int64_t((range ? w[i] % range : w[i]) + uint64_t(base));
    });
  }
  return self;
}

void check_from(DType d, int64_t from) {
  const Bounds b = bounds(d);
  KD_CHECK(from >= b.low && (from < 0 || uint64_t(from) <= b.high), Runtime, "from is out of bounds for ", c_name(d));
}

Tensor random_range(const Tensor& self, int64_t from, int64_t to, Generator* generator) {
  KD_CHECK(from < to, Runtime, "random_ expects 'from' to be less than 'to', but got from=", from, " >= to=", to);
  const DType d = self.dtype();
  const Bounds b = bounds(d);
  check_from(d, from);
  const int64_t last = to - 1;
  KD_CHECK(last >= b.low && (last < 0 || uint64_t(last) <= b.high), Runtime, "to - 1 is out of bounds for ", c_name(d));
  return fill_integers(self, uint64_t(to) - uint64_t(from), from, generator);
}

}  // namespace

Tensor random_(const Tensor& self, Generator* generator) {
  const DType d = self.dtype();
  bounds(d);
  if (is_floating(d)) return fill_integers(self, (1ull << mantissa_bits(d)) + 1, 0, generator);
  if (d == DType::uint16 || d == DType::uint32 || d == DType::uint64) fail_dtype("random_kernel_cpu", d);
  // int64 takes 63 bits of a 64-bit draw, smaller ones as many bits of a 32-bit draw as they have above zero
  check_writable(self);
  if (self.is_meta()) return self;
  Draws draws(generator);
  const uint64_t mask = bounds(d).high;
  fill<int64_t, kIntsT | kBoolT>(self, "random_kernel_cpu", [&](int64_t* x, int64_t n) {
    if (d == DType::int64) {
      draws.g.fill64(reinterpret_cast<uint64_t*>(x), n);
      for (int64_t i = 0; i < n; i++) x[i] &= int64_t(mask);
    } else {
      uint32_t w[512];
      draws.g.fill32(w, n);
      for (int64_t i = 0; i < n; i++) x[i] = int64_t(w[i] & mask);
    }
  });
  return self;
}

Tensor random__from(const Tensor& self, int64_t from, std::optional<int64_t> to, Generator* generator) {
  if (to) return random_range(self, from, *to, generator);
  const DType d = self.dtype();
  check_from(d, from);
  if (from == INT64_MIN) return fill_integers(self, 0, 0, generator);
  const int64_t last = is_floating(d) ? int64_t(1) << mantissa_bits(d) : int64_t(std::min<uint64_t>(bounds(d).high, INT64_MAX));
  KD_CHECK(from <= last, Runtime,
           "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
           "but got from=",
           from, " > to_inc=", last);
  return fill_integers(self, uint64_t(last) - uint64_t(from) + 1, from, generator);
}

Tensor random__to(const Tensor& self, int64_t to, Generator* generator) { return random_range(self, 0, to, generator); }

// Fisher-Yates from the front; one draw for every place but the last.
Tensor randperm_generator(int64_t n, Generator* generator, DType dtype, std::optional<Layout>, std::optional<Device> device,
                          std::optional<bool>) {
  KD_CHECK(n >= 0, Runtime, "Trying to create tensor with negative dimension ", n, ": [", n, "]");
  const DType d = dtype == DType::none ? DType::int64 : dtype;
  if (is_floating(d)) {
    const int64_t limit = (int64_t(1) << mantissa_bits(d)) + 1;
    KD_CHECK(n <= limit, Runtime, "n cannot be greater than ", limit, " for ", legacy_name(d), " type.");
  } else {
    KD_CHECK(n == 0 || uint64_t(n - 1) <= bounds(d).high, Runtime, "n cannot be greater than ", bounds(d).high, " for ",
             legacy_name(d), " type.");
  }
  Tensor result = empty(Dims{n}, {d, device.value_or(Device{})});
  if (result.is_meta()) return result;
  Draws draws(generator);
  visit<kRealT | kWideUnsignedT>(d, "randperm", [&]<class T>(Of<T>) {
    T* p = result.data<T>();
    for (int64_t i = 0; i < n; i++) p[i] = store_as<T>(compute_t<T>(i));
    if (uint64_t(n) >= UINT32_MAX / 20) {  // the modulo of 32-bit draws would be too uneven
      for (int64_t i = 0; i + 1 < n; i++) std::swap(p[i], p[i + int64_t(draws.g.random64() % uint64_t(n - i))]);
      return;
    }
    uint32_t w[512];
    for (int64_t i = 0; i + 1 < n; i += 512) {
      const int64_t k = std::min<int64_t>(512, n - 1 - i);
      draws.g.fill32(w, k);
      for (int64_t j = i; j < i + k; j++) std::swap(p[j], p[j + w[j - i] % uint32_t(n - j)]);
    }
  });
  return result;
}

}  // namespace kernels
}  // namespace kindling
