// Row operations between the two products of attention; one instance for each instruction set.
#pragma once
#include <cstdint>

namespace kindling {

template <class T>
struct AttentionKernels {
  // s[j] = s[j] * scale + mask[j] (mask may be null); returns the largest.
  T (*scale_max)(int64_t n, T* s, T scale, const T* mask);
  // s[j] = exp(s[j] - max); returns the sum.
  T (*exp_sum)(int64_t n, T* s, T max);
  // s[j] = exp(s[j] * scale + mask[j] - log_sum)
  void (*exp_scaled)(int64_t n, T* s, T scale, const T* mask, T log_sum);
  // p[j] = p[j] * (dp[j] - delta) * scale
  void (*softmax_grad)(int64_t n, T* p, const T* dp, T delta, T scale);
};

template <class T>
const AttentionKernels<T>& attention_kernels();

}  // namespace kindling
