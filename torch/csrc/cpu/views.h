// Views of a tensor for the kernels: no dispatch, no autograd.
#pragma once
#include "../core/tensor.h"

namespace kindling {

Tensor view_of(const Tensor& t, IntList sizes);  // -1 is inferred; RuntimeError where only a copy would do
Tensor expand_to(const Tensor& t, IntList sizes);
Tensor permuted(const Tensor& t, IntList dims);
Tensor select_at(const Tensor& t, int64_t dim, int64_t index);
Tensor sliced(const Tensor& t, int64_t dim, int64_t start, int64_t end, int64_t step = 1);
Tensor diagonal_of(const Tensor& t, int64_t offset, int64_t dim1, int64_t dim2);
Tensor unfolded(const Tensor& t, int64_t dim, int64_t size, int64_t step);
Tensor as_strided_view(const Tensor& t, IntList sizes, IntList strides, int64_t offset);
Tensor reinterpreted(const Tensor& t, DType d);  // the same bits

}  // namespace kindling
