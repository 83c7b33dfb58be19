#include "accumulate.h"

#include "../dispatch/state.h"
#include "freelist.h"
#include "hooks.h"
#include "ops.h"

namespace kindling {

void* AccumulateGrad::operator new(size_t) { return Freelist<AccumulateGrad>::take(); }
void AccumulateGrad::operator delete(void* p) { Freelist<AccumulateGrad>::give(p); }

AccumulateGrad::AccumulateGrad(const Tensor& leaf) : variable(leaf) {
  sequence = UINT64_MAX;  // as soon as its gradient is there, so that it need not be kept
  outputs.push_back(OutputMeta(leaf));
}

AccumulateGrad::~AccumulateGrad() {
  if (variable->autograd && variable->autograd->accumulator == this) variable->autograd->accumulator = nullptr;
}

namespace {

// `.grad` has the strides of its tensor when that fills its memory without overlap, else it is row-major.
bool obeys_layout(const Tensor& grad, const Tensor& variable) {
  if (!variable.is_non_overlapping_and_dense()) return grad.is_contiguous();
  for (int64_t i = 0; i < grad.dim(); i++)
    if (grad.sizes()[i] > 1 && grad.strides()[i] != variable.strides()[i]) return false;
  return true;
}

Tensor clone_like(const Tensor& grad, const Tensor& variable) {
  if (!variable.is_non_overlapping_and_dense() || !same(grad.sizes(), variable.sizes()))
    return ops::clone(grad, MemoryFormat::contiguous);
  bool watched = tls.interposed || grad->unusual();
  Tensor made = watched ? ops::new_empty_strided(grad, variable.sizes(), variable.strides(), grad.dtype(), Layout::strided,
                                                 grad.device(), std::nullopt)
                        : empty_strided(variable.sizes(), variable.strides(), grad.options());
  return ops::copy_(made, grad, false);
}

// Nothing but the tensor, and the base that it is a view of and alone keeps alive, looks at its memory.
bool owns_memory(const Tensor& t) {
  if (t->has(TensorImpl::Batched)) return false;
  if (!t.storage() || t->has(TensorImpl::PythonDispatch)) return true;  // a wrapper's memory is its own affair
  const ViewMeta* v = view_of(t);
  bool own_base =
      v && !v->via.defined() && v->base->refs.load(std::memory_order_acquire) == 1 && v->base.storage() == t.storage();
  return t.storage()->refs.load(std::memory_order_acquire) == 1u + own_base;
}

}  // namespace

void accumulate_grad(const Tensor& variable, Tensor& into, Tensor grad) {
  if (!into.defined()) {
    // views of one gradient may go to several leaves: only memory that nothing else looks at is taken over
    bool steal =
        !tls.grad_enabled && grad->refs.load(std::memory_order_acquire) == 1 && obeys_layout(grad, variable) && owns_memory(grad);
    if (!steal) into = clone_like(grad, variable);
    else if (tls.interposed || grad->autograd || grad->has(TensorImpl::PythonDispatch)) into = ops::detach(grad);
    else into = std::move(grad);
  } else if (!tls.grad_enabled) {
    ops::add__Tensor(into, grad, Scalar(1));
  } else {
    into = ops::add_Tensor(into, grad, Scalar(1));
  }
}

TensorVec AccumulateGrad::apply(TensorVec grads) {
  if (!grads[0].defined() || !variable->autograd || !variable->autograd->requires_grad) return {};
  Tensor grad = std::move(grads[0]);
  AutogradMeta& m = autograd_meta(variable);
  accumulate_grad(variable, m.grad, std::move(grad));
  if (m.hooks && !m.hooks->post_accumulate.empty()) {
    auto hooks = m.hooks->post_accumulate;
    TensorVec self{variable};
    for (const auto& hook : hooks) hook->run(self, nullptr);
  }
  return {};
}

}  // namespace kindling
