// Gradients of products and scans.
#include "../dispatch/state.h"
#include "call.h"
#include "formulas.h"
#include "ops.h"

namespace kindling::formulas {

namespace {

Tensor reversed_cumsum(const Tensor& t, int64_t dim) {
  return ops::flip(ops::cumsum(ops::flip(t, Dims{dim}), dim, DType::none), Dims{dim});
}

}  // namespace

// d prod / d x_i is the product of all others: prod / x_i where there are no zeros, else that of those before it times that of
// those after it.
Tensor prod_backward(const Tensor& grad, const Tensor& self, const Tensor& result, int64_t dim) {
  if (self.dim() == 0 || self.numel() == 0) return grad;
  dim = kindling::wrap_dim(dim, self.dim());
  int64_t n = self.size(dim);
  if (n == 1) return grad;
  bool values = !tls.interposed && !tls.grad_enabled && !self.is_meta() && !self->unusual();
  if (values && !item(ops::any(ops::eq_Scalar(self, Scalar(0)))).to_bool())
    return ops::mul_Tensor(grad, conj_if_complex(ops::div_Tensor(result, self)));
  Dims sizes(self.sizes());
  sizes[dim] = 1;
  Tensor one = ops::ones(sizes, self.dtype(), std::nullopt, self.device(), std::nullopt);
  std::vector<Tensor> before{one, ops::slice_Tensor(self, dim, 0, n - 1, 1)};
  Tensor left = ops::cumprod(ops::cat(before, dim), dim, DType::none);
  std::vector<Tensor> after{one, ops::flip(ops::slice_Tensor(self, dim, 1, n, 1), Dims{dim})};
  Tensor right = ops::flip(ops::cumprod(ops::cat(after, dim), dim, DType::none), Dims{dim});
  return ops::mul_Tensor(grad, conj_if_complex(ops::mul_Tensor(left, right)));
}

// y_j = x_1 ... x_j. Before the first zero z of a row, dx_k = sum_{j >= k} g_j y_j / x_k; at z it is y_{z - 1} times the sum of
// g_j x_{z + 1} ... x_j up to the next zero; behind z every y_j holds x_z, so that dx is 0.
// The same by its definition, which can be differentiated where there are zeros, in n steps.
static Tensor cumprod_backward_by_element(const Tensor& grad, const Tensor& x, int64_t dim) {
  int64_t n = x.size(dim);
  std::vector<Tensor> parts;
  for (int64_t k = 0; k < n; k++) {
    Tensor part = ops::slice_Tensor(grad, dim, k, k + 1, 1);
    if (k + 1 < n) {
      Tensor behind = ops::cumprod(ops::slice_Tensor(x, dim, k + 1, n, 1), dim, DType::none);
      Tensor weighted = ops::mul_Tensor(ops::slice_Tensor(grad, dim, k + 1, n, 1), behind);
      part = ops::add_Tensor(part, ops::sum_dim_IntList(weighted, IntList(&dim, 1), true, DType::none), Scalar(1));
    }
    if (k > 0) part = ops::mul_Tensor(part, ops::prod_dim_int(ops::slice_Tensor(x, dim, 0, k, 1), dim, true, DType::none));
    parts.push_back(part);
  }
  return ops::cat(parts, dim);
}

Tensor cumprod_backward(const Tensor& grad, const Tensor& self, int64_t dim, const Tensor& result) {
  if (self.numel() <= 1) return grad;
  dim = kindling::wrap_dim(dim, self.dim());
  if (self.size(dim) == 1) return grad;
  IntList along(&dim, 1);
  Tensor x = conj_if_complex(self), y = conj_if_complex(result);
  Tensor weighted = ops::mul_Tensor(y, grad);
  Tensor is_zero = ops::eq_Scalar(self, Scalar(0));
  bool values = !tls.interposed && !self.is_meta() && !self->unusual();
  if (tls.grad_enabled && values && item(ops::any(is_zero)).to_bool()) return cumprod_backward_by_element(grad, x, dim);
  Tensor nothing = ops::zeros(self.sizes(), weighted.dtype(), std::nullopt, weighted.device(), std::nullopt);
  Tensor zeros_so_far = ops::cumsum(is_zero, dim, DType::none);

  Tensor before = ops::eq_Scalar(zeros_so_far, Scalar(0));
  Tensor visible = ops::masked_fill_Scalar(weighted, ops::bitwise_not(before), Scalar(0.0));
  Tensor ahead = ops::where_self(before, ops::div_Tensor(reversed_cumsum(visible, dim), x), nothing);

  Tensor one_zero = ops::eq_Scalar(zeros_so_far, Scalar(1));
  Tensor first_index = std::get<1>(ops::max_dim(one_zero, dim, true));
  Tensor first = ops::zeros_like(one_zero, DType::none, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
  ops::scatter__value(first, dim, first_index, Scalar(1));
  ops::logical_and_(first, one_zero);
  ops::bitwise_and__Tensor(one_zero, ops::bitwise_not(first));
  Tensor without = ops::cumprod(ops::masked_fill_Scalar(x, ops::bitwise_not(one_zero), Scalar(1.0)), dim, DType::none);
  Tensor behind = ops::masked_fill_Scalar(grad, ops::ne_Scalar(zeros_so_far, Scalar(1)), Scalar(0.0));
  Tensor last_before = ops::relu_(ops::sub_Scalar(first_index, Scalar(1), Scalar(1)));
  Tensor so_far = ops::gather(y, dim, last_before, false);
  ops::masked_fill__Scalar(so_far, ops::eq_Scalar(first_index, Scalar(0)), Scalar(1.0));
  Tensor at_zero = ops::mul_Tensor(ops::sum_dim_IntList(ops::mul_Tensor(without, behind), along, true, DType::none), so_far);
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
