#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "attention.h"
#include "gemm.h"
#include "norm.h"

#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma")

namespace kindling {
namespace {

template <class T>
struct Vec;
template <>
struct Vec<float> {
  typedef float type __attribute__((vector_size(64)));
  typedef int index __attribute__((vector_size(64)));
};
template <>
struct Vec<double> {
  typedef double type __attribute__((vector_size(64)));
  typedef long index __attribute__((vector_size(64)));
};
inline Vec<float>::type fma(Vec<float>::type a, Vec<float>::type b, Vec<float>::type c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec<double>::type fma(Vec<double>::type a, Vec<double>::type b, Vec<double>::type c) { return _mm512_fmadd_pd(a, b, c); }
inline __mmask16 first(int n) { return __mmask16((1u << n) - 1); }
inline Vec<float>::type load_part(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
inline Vec<double>::type load_part(const double* p, int n) { return _mm512_maskz_loadu_pd(__mmask8(first(n)), p); }
inline void store_part(float* p, Vec<float>::type v, int n) { _mm512_mask_storeu_ps(p, first(n), v); }
inline void store_part(double* p, Vec<double>::type v, int n) { _mm512_mask_storeu_pd(p, __mmask8(first(n)), v); }
constexpr int kRows = 14, kVectors = 2;

#include "gemm_kernel.h"
#include "attention_kernel.h"
#include "norm_kernel.h"

}  // namespace

extern const GemmKernels<float> kGemmAvx512F = kernels<float>();
extern const GemmKernels<double> kGemmAvx512D = kernels<double>();
extern const AttentionKernels<float> kAttentionAvx512F = attention<float>();
extern const AttentionKernels<double> kAttentionAvx512D = attention<double>();
extern const NormKernels<float> kNormAvx512F = norms<float>();
extern const NormKernels<double> kNormAvx512D = norms<double>();

}  // namespace kindling
#endif
