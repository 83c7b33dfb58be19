#include "call.h"

#include "../dispatch/state.h"
#include "ops.h"

namespace kindling {

Tensor conj_if_complex(const Tensor& t) { return t.defined() && t.is_complex() ? ops::conj(t) : t; }

static Tensor filled_like(const Tensor& t, const Scalar& number) {
  return ops::fill__Scalar(ops::empty_like(t, DType::none, std::nullopt, std::nullopt, std::nullopt, std::nullopt), number);
}
Tensor sub_from_number(const Scalar& number, const Tensor& t) { return ops::sub__Tensor(filled_like(t, number), t, Scalar(1)); }
Tensor div_from_number(const Scalar& number, const Tensor& t) { return ops::div__Tensor(filled_like(t, number), t); }

bool fusable(std::initializer_list<const Tensor*> operands) {
  if (tls.grad_enabled || tls.interposed || tls.forward_ad) return false;
  const Tensor& first = **operands.begin();
  if (first.dtype() != DType::float32 && first.dtype() != DType::float64) return false;
  constexpr uint16_t plain = TensorImpl::WrappedNumber | TensorImpl::Conj | TensorImpl::Neg | TensorImpl::kUnusual;
  for (const Tensor* t : operands)
    if (!t->defined() || t->dtype() != first.dtype() || t->get()->flags & plain || !t->is_cpu() ||
        !same(t->sizes(), first.sizes()))
      return false;
  return true;
}

Tensor run_fused(int op, std::initializer_list<Value> args) {
  OwnedValue result;
  call_kernel(*kOps[op], args.begin(), &result);
  return result.take();
}

}  // namespace kindling
