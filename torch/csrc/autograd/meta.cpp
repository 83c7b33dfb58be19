// Autograd metadata: making and dropping it, leaves, detaching.
#include "meta.h"

#include "../dispatch/state.h"
#include "accumulate.h"
#include "forward.h"
#include "freelist.h"
#include "hooks.h"
#include "ops.h"

namespace kindling {

PythonAutograd python_autograd{};

AutogradMeta& autograd_meta(const Tensor& t) {
  TensorImpl* p = t.get();
  if (!p->autograd) p->autograd = new (Freelist<AutogradMeta>::take()) AutogradMeta;
  return *p->autograd;
}

void destroy_autograd_meta(AutogradMeta* m) {
  if (!m) return;
  if (m->retains_grad && m->grad_fn && m->grad_fn->hooks)
    std::erase_if(m->grad_fn->hooks->retained, [&](const NodeHooks::Retained& r) { return r.tensor->autograd == m; });
  delete m->hooks;
  if (m->view) {
    m->view->~ViewMeta();
    Freelist<ViewMeta>::give(m->view);
  }
  m->~AutogradMeta();
  Freelist<AutogradMeta>::give(m);
}

// A view takes part as soon as its base does: its grad_fn is made when it is asked for.
bool Tensor::requires_grad() const {
  const AutogradMeta* m = p_->autograd;
  return m && (m->requires_grad || m->grad_fn || (m->view && m->view->base.requires_grad()));
}

void Tensor::bump_version() const {
  if (p_->has(TensorImpl::Inference)) {
    KD_CHECK(tls.inference_mode, Runtime,
             "Inplace update to inference tensor outside InferenceMode is not allowed."
             "You can make a clone to get a normal tensor before doing inplace update."
             "See https://github.com/pytorch/rfcs/pull/17 for more details.");
    return;
  }
  VersionCounter& version = p_->version_counter();
  version.value.fetch_add(1, std::memory_order_relaxed);
  if (__builtin_expect(version.watched.load(std::memory_order_relaxed), 0)) {
    version.watched.store(false, std::memory_order_relaxed);  // the first write after a save is the one to blame
    if (python_autograd.note_write) python_autograd.note_write(version);
  }
}

Tensor detach(const Tensor& t) {
  if (!t->has(TensorImpl::PythonDispatch) || tls.torch_dispatch_disabled) return alias(t);
  BelowAutograd below;  // a subclass decides what its copy is
  return ops::detach(t);
}

Ref<Node> accumulator_of(const Tensor& leaf) {
  AutogradMeta* m = leaf->autograd;
  if (!m || !m->requires_grad) return nullptr;
  if (m->accumulator) return Ref<Node>::share(m->accumulator);
  auto node = Ref<AccumulateGrad>::make(leaf);
  m->accumulator = node.get();
  return node;
}

Edge gradient_edge(const Tensor& t) {
  AutogradMeta* m = t->autograd;
  if (!m) return {};
  if (m->view) {
    if (Ref<Node> fn = grad_fn(t)) return {std::move(fn), m->output_nr};
  } else if (m->grad_fn) {
    return {m->grad_fn, m->output_nr};
  }
  return {accumulator_of(t), 0};
}

void set_requires_grad(const Tensor& t, bool on) {
  bool leaf = is_leaf(t);
  KD_CHECK(leaf || on, Runtime,
           "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
           "that doesn't require differentiation use var_no_grad = var.detach().");
  if (!leaf) return;
  KD_CHECK(!on || is_differentiable(t.dtype()), Runtime, "only Tensors of floating point dtype can require gradients");
  KD_CHECK(!on || !t->has(TensorImpl::Inference) || tls.inference_mode, Runtime,
           "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (on || t->autograd) autograd_meta(t).requires_grad = on;
}

void detach_inplace(const Tensor& t) {
  AutogradMeta* m = t->autograd;
  if (!m) return;
  KD_CHECK(!m->view, Runtime,
           "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and "
           "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
           "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py "
           "as the solution.");
  m->requires_grad = false;
  m->grad_fn = nullptr;
  m->output_nr = 0;
}

void retain_grad(const Tensor& t) {
  KD_CHECK(t.requires_grad(), Runtime, "can't retain_grad on Tensor that has requires_grad=False");
  if (is_leaf(t)) return;
  AutogradMeta& m = autograd_meta(t);
  if (m.retains_grad) return;
  m.retains_grad = true;
  hooks_of(grad_fn(t)->hooks).retained.push_back({m.output_nr, t.get()});
}

}  // namespace kindling
