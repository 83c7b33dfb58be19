// Gradients of products and scans.
#include "call.h"
#include "formulas.h"
#include "ops.h"

namespace kindling::formulas {

namespace {

Tensor reversed_cumsum(const Tensor& t, int64_t dim) {
  return ops::flip(ops::cumsum(ops::flip(t, Dims{dim}), dim, DType::none), Dims{dim});
}

}  // namespace

// d prod / d x_i is the product of all others: of those before it times those after it, which is right where x has zeros too.
Tensor prod_backward(const Tensor& grad, const Tensor& self, int64_t dim) {
  if (self.dim() == 0 || self.numel() == 0) return grad;
  dim = kindling::wrap_dim(dim, self.dim());
  int64_t n = self.size(dim);
  if (n == 1) return grad;
  Dims sizes(self.sizes());
  sizes[dim] = 1;
  Tensor one = ops::ones(sizes, self.dtype(), std::nullopt, self.device(), std::nullopt);
  std::vector<Tensor> before{one, ops::slice_Tensor(self, dim, 0, n - 1, 1)};
  Tensor left = ops::cumprod(ops::cat(before, dim), dim, DType::none);
  std::vector<Tensor> after{one, ops::flip(ops::slice_Tensor(self, dim, 1, n, 1), Dims{dim})};
  Tensor right = ops::flip(ops::cumprod(ops::cat(after, dim), dim, DType::none), Dims{dim});
  return ops::mul_Tensor(grad, conj_if_complex(ops::mul_Tensor(left, right)));
}

// y_j = x_1 ... x_j. Before the first zero z of a row, dx_k = sum_{j >= k} g_j y_j / x_k; at z the products are those without
// x_z; behind it every y_j still holds x_z, so that dx is 0.
Tensor cumprod_backward(const Tensor& grad, const Tensor& self, int64_t dim, const Tensor& result) {
  if (self.dim() == 0 || self.numel() == 0) return grad;
  Tensor x = conj_if_complex(self), is_zero = ops::eq_Scalar(x, Scalar(0));
  Tensor zeros_so_far = ops::cumsum(is_zero, dim, DType::none), before = ops::eq_Scalar(zeros_so_far, Scalar(0));
  Tensor weighted = ops::mul_Tensor(grad, conj_if_complex(result));
  Tensor ahead = ops::masked_fill_Scalar(ops::div_Tensor(reversed_cumsum(weighted, dim), x), ops::logical_not(before), Scalar(0));
  Tensor first = ops::logical_and(ops::eq_Scalar(zeros_so_far, Scalar(1)), is_zero);
  Tensor without = ops::cumprod(ops::masked_fill_Scalar(x, first, Scalar(1)), dim, DType::none);
  Tensor parts = ops::masked_fill_Scalar(ops::mul_Tensor(grad, without), before, Scalar(0));
  Tensor at_zero = ops::sum_dim_IntList(parts, IntList(&dim, 1), true, DType::none);
  return ops::where_self(first, at_zero, ahead);
}

// dx_k = exp(x_k) sum_{j >= k} g_j exp(-y_j), summed in the logarithm, the positive gradients apart from the negative ones.
Tensor logcumsumexp_backward(const Tensor& grad, const Tensor& self, const Tensor& result, int64_t dim) {
  if (grad.dim() == 0 || grad.numel() == 0) return grad;
  Tensor x = conj_if_complex(self), y = conj_if_complex(result);
  y = ops::masked_fill_Scalar(y, ops::isinf(y), Scalar(0));  // all that it sums is 0
  auto part = [&](const Tensor& weights) {
    Tensor sums = ops::flip(ops::logcumsumexp(ops::flip(ops::sub_Tensor(weights, y, Scalar(1)), Dims{dim}), dim), Dims{dim});
    return ops::exp(ops::add_Tensor(sums, x, Scalar(1)));
  };
  if (grad.is_complex()) return part(ops::log(grad));
  Tensor lowest = ops::scalar_tensor(Scalar(-kInf), grad.dtype(), std::nullopt, grad.device(), std::nullopt);
  Tensor logs = ops::log(ops::abs(grad));
  Tensor positive = ops::where_self(ops::gt_Scalar(grad, Scalar(0)), logs, lowest);
  Tensor negative = ops::where_self(ops::lt_Scalar(grad, Scalar(0)), logs, lowest);
  Tensor up = part(positive);
  return ops::sub_Tensor(up, part(negative), Scalar(1));
}

}  // namespace kindling::formulas
