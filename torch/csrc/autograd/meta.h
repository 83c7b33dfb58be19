// Autograd metadata of a tensor; absent on tensors that never met autograd.
#pragma once
#include "node.h"

namespace kindling {

enum class CreationKind : uint8_t { Default, MultiOutput, NoGrad, Inference, InCustomFunction };

struct ViewMeta {
  Tensor base;  // never itself a view
  CreationKind creation = CreationKind::Default;
  uint32_t attr_version = 0;  // version at which grad_fn was made; older: regenerate from the base
  // Views that as_strided on the base cannot express (another dtype, conjugation) replay `op(via, args[1:])`.
  Tensor via;
  const Op* op = nullptr;
  std::vector<OwnedValue> args;
  uint32_t index = 0;  // which of the views that `op` returns
};

struct Tangent {
  uint32_t level;
  Tensor value;
};

struct AutogradMeta {
  bool requires_grad = false;  // of a leaf
  bool retains_grad = false;
  uint32_t output_nr = 0;
  Ref<Node> grad_fn;
  Tensor grad;
  Node* accumulator = nullptr;  // weak: AccumulateGrad of a leaf, which clears this when it dies
  NodeHooks* hooks = nullptr;   // of a leaf; those of a computed tensor live on its grad_fn
  ViewMeta* view = nullptr;
  std::vector<Tangent> tangents;   // of the dual levels it takes part in, outermost first; those of closed levels mean nothing
  DType grad_dtype = DType::none;  // none: the tensor's own
  bool any_grad_dtype = false;     // grad_dtype = None: `.grad` may have any dtype
};
AutogradMeta& autograd_meta(const Tensor& t);  // makes it if absent
void destroy_autograd_meta(AutogradMeta* m);
Ref<Node> grad_fn(const Tensor& t);  // regenerates a stale view's
Tensor detach(const Tensor& t);      // shares storage and version, no history, no view metadata

inline ViewMeta* view_of(const Tensor& t) { return t->autograd ? t->autograd->view : nullptr; }
inline bool is_leaf(const Tensor& t) { return !t.requires_grad() || !grad_fn(t); }
void set_requires_grad(const Tensor& t, bool on);  // RuntimeError for a computed tensor, an integer dtype
void detach_inplace(const Tensor& t);              // Tensor.detach_
Ref<Node> accumulator_of(const Tensor& leaf);      // AccumulateGrad; null when the leaf needs no gradient

}  // namespace kindling
