#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "attention.h"
#include "gemm.h"
#include "norm.h"

namespace kindling {
namespace {

template <class T>
struct Vec;
template <>
struct Vec<float> {
  typedef float type __attribute__((vector_size(16)));
  typedef int index __attribute__((vector_size(16)));
};
template <>
struct Vec<double> {
  typedef double type __attribute__((vector_size(16)));
  typedef long index __attribute__((vector_size(16)));
};
template <class V>
inline V fma(V a, V b, V c) {
  return a * b + c;
}
template <class T>
inline typename Vec<T>::type load_part(const T* p, int n) {
  typename Vec<T>::type v = {};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
template <class T>
inline void store_part(T* p, typename Vec<T>::type v, int n) {
  for (int i = 0; i < n; i++) p[i] = v[i];
}
#if defined(__aarch64__)
constexpr int kRows = 8, kVectors = 3;  // 32 registers
#else
constexpr int kRows = 4, kVectors = 2;
#endif

#include "gemm_kernel.h"
#include "attention_kernel.h"
#include "norm_kernel.h"

}  // namespace

extern const GemmKernels<float> kGemmGenericF = kernels<float>();
extern const GemmKernels<double> kGemmGenericD = kernels<double>();
extern const AttentionKernels<float> kAttentionGenericF = attention<float>();
extern const AttentionKernels<double> kAttentionGenericD = attention<double>();
extern const NormKernels<float> kNormGenericF = norms<float>();
extern const NormKernels<double> kNormGenericD = norms<double>();

}  // namespace kindling
