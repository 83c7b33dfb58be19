// Products of tensors that kernels share: the last two dimensions are matrices, those before are a batch.
#pragma once
#include "../core/tensor.h"

namespace kindling {

// out = alpha * a @ b + beta * out, for 2-d or 3-d tensors of one dtype and the right shapes; out is contiguous.
// `name` goes into the error for dtypes that have no product.
void matrix_product(const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& alpha, const Scalar& beta,
                    const char* name);

}  // namespace kindling
