// Helper functions that formulas may call by name.
#pragma once
#include "call.h"

namespace kindling::formulas {

// ---- reductions (formulas_reduce.cpp); no `dim` or an empty one stands for all dimensions ----
// The reduced dimensions of a result or its gradient put back as ones: by unsqueeze, or in one view.
Tensor restore_dims(const Tensor& reduced, int64_t ndim, std::optional<IntList> dim, bool keepdim);
Tensor restore_view(const Tensor& reduced, IntList sizes, std::optional<IntList> dim, bool keepdim);
int64_t reduced_count(IntList sizes, std::optional<IntList> dim);
Tensor var_backward(const Tensor& grad, const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction, bool keepdim);
Tensor std_backward(const Tensor& grad, const Tensor& self, const Tensor& result, std::optional<IntList> dim, std::optional<Scalar> correction, bool keepdim);
Tensor norm_backward(const Tensor& grad, const Tensor& self, const Scalar& p, const Tensor& norm, std::optional<IntList> dim, bool keepdim);
Tensor prod_backward(const Tensor& grad, const Tensor& self, int64_t dim);
Tensor cumprod_backward(const Tensor& grad, const Tensor& self, int64_t dim, const Tensor& result);
Tensor logcumsumexp_backward(const Tensor& grad, const Tensor& self, const Tensor& result, int64_t dim);

}  // namespace kindling::formulas
