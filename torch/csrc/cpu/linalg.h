// What the linear algebra kernels share: checks, and batches of column-major matrices as LAPACK wants them.
#pragma once
#include <algorithm>

#include "dispatch.h"
#include "kernels.h"
#include "lapack.h"
#include "scratch.h"
#include "threads.h"

namespace kindling::linalg {

inline int64_t rows(const Tensor& t) { return t.sizes()[t.dim() - 2]; }
inline int64_t columns(const Tensor& t) { return t.sizes()[t.dim() - 1]; }
inline IntList batch_sizes(const Tensor& t) { return t.sizes().first(size_t(t.dim() - 2)); }
inline Dims with(IntList batch, std::initializer_list<int64_t> last) {
  Dims d(batch);
  for (int64_t x : last) d.push_back(x);
  return d;
}

inline void check_matrix(const Tensor& t, const char* name, const char* what = "A") {
  KD_CHECK(t.dim() >= 2, Runtime, name, ": The input tensor ", what, " must have at least 2 dimensions.");
}
inline void check_square(const Tensor& t, const char* name, const char* what = "A") {
  check_matrix(t, name, what);
  KD_CHECK(rows(t) == columns(t), Runtime, name, ": ", what, " must be batches of square matrices, but they are ", rows(t),
           " by ", columns(t), " matrices");
}
inline void check_float(const Tensor& t, const char* name) {
  KD_CHECK(is_floating(t.dtype()) || t.is_complex(), Runtime, name,
           ": Expected a floating point or complex tensor as input. Got ", legacy_name(t.dtype()));
}

// Matrices in the last two dimensions, column-major, dense.
Tensor column_major(IntList sizes, TensorOptions options);
Tensor column_major_copy(const Tensor& t);
Tensor column_major_copy(const Tensor& t, IntList sizes);  // expanded to `sizes`
Tensor info_like(const Tensor& t);                         // int32, one for each matrix, zero

inline TensorOptions real_options(const Tensor& t) { return {to_real(t.dtype()), t.device()}; }

// fn(i) for each matrix of the batch.
template <class F>
void for_matrices(int64_t batch, F&& fn) {
  lapack_library();
  parallel_for(0, batch, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) fn(i);
  });
}
inline int64_t batch_count(const Tensor& t) { return numel_of(batch_sizes(t)); }

template <class F>
void visit_type(DType d, const char* name, F&& fn) {
  visit<kFloatsT | kComplexT>(d, name, [&](auto tag) { fn(tag); });
}

template <class T>
inline int work_size(T query) {
  if constexpr (is_complex_type<T>) return std::max(1, int(query.real()));
  else return std::max(1, int(query));
}

}  // namespace kindling::linalg
