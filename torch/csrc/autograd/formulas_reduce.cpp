// Gradients of reductions.
#include <cmath>

#include "call.h"
#include "formulas.h"
#include "ops.h"

namespace kindling::formulas {

namespace {

std::vector<bool> reduced(int64_t ndim, std::optional<IntList> dim) {
  bool all = !dim || dim->empty();
  std::vector<bool> mask(size_t(ndim), all);
  if (!all && ndim > 0)
    for (int64_t d : *dim) mask[size_t(kindling::wrap_dim(d, ndim))] = true;
  return mask;
}

double number(const std::optional<Scalar>& s, double otherwise) { return s ? s->to_double() : otherwise; }

Tensor mean_over(const Tensor& self, std::optional<IntList> dim) {
  return !dim || dim->empty() ? ops::mean(self, DType::none) : ops::mean_dim(self, dim, true, DType::none);
}

}  // namespace

Tensor restore_dims(const Tensor& grad, int64_t ndim, std::optional<IntList> dim, bool keepdim) {
  if (keepdim || ndim == 0 || !dim || dim->empty()) return grad;
  std::vector<bool> mask = reduced(ndim, dim);
  Tensor t = grad;
  for (int64_t i = 0; i < ndim; i++)
    if (mask[size_t(i)]) t = ops::unsqueeze(t, i);
  return t;
}

Tensor restore_view(const Tensor& t, IntList sizes, std::optional<IntList> dim, bool keepdim) {
  if (keepdim) return t;
  std::vector<bool> mask = reduced(int64_t(sizes.size()), dim);
  Dims shape(sizes);
  for (int64_t i = 0; i < shape.size(); i++)
    if (mask[size_t(i)]) shape[i] = 1;
  return ops::reshape(t, shape);
}

int64_t reduced_count(IntList sizes, std::optional<IntList> dim) {
  std::vector<bool> mask = reduced(int64_t(sizes.size()), dim);
  int64_t n = 1;
  for (size_t i = 0; i < sizes.size(); i++)
    if (mask[i]) n *= sizes[i];
  return n;
}

Tensor var_backward(const Tensor& grad, const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction,
                    bool keepdim) {
  double n = double(reduced_count(self.sizes(), dim)), free = n - number(correction, 1);
  Tensor g = self.dim() > 1 ? restore_dims(grad, self.dim(), dim, keepdim) : grad;
  Tensor deviation = ops::sub_Tensor(self, mean_over(self, dim), Scalar(1));
  return ops::mul_Tensor(ops::mul_Scalar(g, Scalar(2 / free)), deviation);
}

Tensor std_backward(const Tensor& grad, const Tensor& self, const Tensor& result, std::optional<IntList> dim,
                    std::optional<Scalar> correction, bool keepdim) {
  Tensor g = ops::div_Tensor(grad, ops::mul_Scalar(result, Scalar(2)));
  g = ops::masked_fill__Scalar(g, ops::eq_Scalar(result, Scalar(0)), Scalar(0));
  return var_backward(g, self, dim, correction, keepdim);
}

Tensor norm_backward(const Tensor& grad, const Tensor& self, const Scalar& ord, const Tensor& result, std::optional<IntList> dim,
                     bool keepdim) {
  double p = ord.to_double();
  Tensor g = restore_dims(grad, self.dim(), dim, keepdim), norm = restore_dims(result, self.dim(), dim, keepdim);
  auto without_zero_norms = [&](const Tensor& t) {
    return ops::masked_fill__Scalar(t, ops::eq_Scalar(norm, Scalar(0)), Scalar(0));
  };
  if (p == 0) return {};
  if (p == 1) return ops::mul_Tensor(ops::sgn(self), g);
  if (p == 2) return ops::mul_Tensor(g, without_zero_norms(ops::div_Tensor(self, norm)));
  if (std::isinf(p)) {  // the elements that attain it share the gradient
    Tensor size = ops::abs(self);
    Tensor attained = ops::eq_Tensor(size, norm), mask = ops::logical_or(attained, ops::isnan(size));
    Tensor share = ops::div_Tensor(g, ops::sum_dim_IntList(mask, dim, true, DType::none));
    return ops::mul_Tensor(ops::sgn(self), ops::mul_Tensor(share, mask));
  }
  if (p < 1) {
    Tensor power = ops::pow__Scalar(ops::abs(self), Scalar(p - 1));
    power = ops::masked_fill__Scalar(power, ops::eq_Scalar(self, Scalar(0)), Scalar(0));
    Tensor scaled = ops::mul_Tensor(ops::sgn(self), power);
    return ops::mul_Tensor(ops::mul_Tensor(scaled, g), ops::pow_Tensor_Scalar(norm, Scalar(1 - p)));
  }
  if (p < 2) {
    Tensor scaled = ops::mul_Tensor(ops::sgn(self), ops::pow__Scalar(ops::abs(self), Scalar(p - 1)));
    return ops::mul_Tensor(scaled, without_zero_norms(ops::div_Tensor(g, ops::pow_Tensor_Scalar(norm, Scalar(p - 1)))));
  }
  Tensor scaled = ops::mul_Tensor(self, ops::pow__Scalar(ops::abs(self), Scalar(p - 2)));
  return ops::mul_Tensor(scaled, without_zero_norms(ops::div_Tensor(g, ops::pow_Tensor_Scalar(norm, Scalar(p - 1)))));
}

}  // namespace kindling::formulas
