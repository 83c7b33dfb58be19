#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "attention.h"
#include "gemm.h"
#include "norm.h"

#pragma GCC target("avx2,fma")

namespace kindling {
namespace {

template <class T>
struct Vec;
template <>
struct Vec<float> {
  typedef float type __attribute__((vector_size(32)));
  typedef int index __attribute__((vector_size(32)));
};
template <>
struct Vec<double> {
  typedef double type __attribute__((vector_size(32)));
  typedef long index __attribute__((vector_size(32)));
};
inline Vec<float>::type fma(Vec<float>::type a, Vec<float>::type b, Vec<float>::type c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec<double>::type fma(Vec<double>::type a, Vec<double>::type b, Vec<double>::type c) { return _mm256_fmadd_pd(a, b, c); }
inline __m256i first(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
inline Vec<float>::type load_part(const float* p, int n) { return _mm256_maskload_ps(p, first(n)); }
inline Vec<double>::type load_part(const double* p, int n) {
  return _mm256_castps_pd(_mm256_maskload_ps(reinterpret_cast<const float*>(p), first(2 * n)));
}
inline void store_part(float* p, Vec<float>::type v, int n) { _mm256_maskstore_ps(p, first(n), v); }
inline void store_part(double* p, Vec<double>::type v, int n) {
  _mm256_maskstore_ps(reinterpret_cast<float*>(p), first(2 * n), _mm256_castpd_ps(v));
}
constexpr int kRows = 6, kVectors = 2;

#include "gemm_kernel.h"
#include "attention_kernel.h"
#include "norm_kernel.h"

}  // namespace

extern const GemmKernels<float> kGemmAvx2F = kernels<float>();
extern const GemmKernels<double> kGemmAvx2D = kernels<double>();
extern const AttentionKernels<float> kAttentionAvx2F = attention<float>();
extern const AttentionKernels<double> kAttentionAvx2D = attention<double>();
extern const NormKernels<float> kNormAvx2F = norms<float>();
extern const NormKernels<double> kNormAvx2D = norms<double>();

}  // namespace kindling
#endif
