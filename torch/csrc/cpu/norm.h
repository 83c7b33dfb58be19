// Row operations of the normalisations; one instance for each instruction set.
#pragma once
#include <cstdint>

namespace kindling {

template <class T>
struct NormKernels {
  T (*sum)(int64_t n, const T* x);
  T (*square_sum)(int64_t n, const T* x, T mean);                                 // sum of (x - mean)^2
  T (*product_sum)(int64_t n, const T* g, const T* x, T mean);                    // sum of g (x - mean)
  void (*scale)(int64_t n, const T* x, T mean, T a, T b, T* y);                   // y = a (x - mean) + b
  void (*blend)(int64_t n, const T* g, const T* x, T mean, T a, T b, T c, T* y);  // y = a g + b (x - mean) + c
};

template <class T>
const NormKernels<T>& norm_kernels();

}  // namespace kindling
