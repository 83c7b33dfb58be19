// Autograd metadata of a tensor; absent on tensors that never met autograd.
#pragma once
#include "node.h"

namespace kindling {

enum class CreationKind : uint8_t { Default, MultiOutput, NoGrad, Inference, InCustomFunction };

struct ViewMeta {
  Tensor base;                   // never itself a view
  CreationKind creation = CreationKind::Default;
  uint32_t attr_version = 0;     // version at which grad_fn was made; older: regenerate from the base
  const Op* op = nullptr;        // replays the view on another base: op(base, args[1:])
  std::vector<OwnedValue> args;
};

struct AutogradMeta {
  bool requires_grad = false;    // of a leaf
  bool retains_grad = false;
  uint32_t output_nr = 0;
  Ref<Node> grad_fn;
  Tensor grad;
  Node* accumulator = nullptr;   // weak: AccumulateGrad of a leaf, which clears this when it dies
  NodeHooks* hooks = nullptr;    // tensor hooks
  ViewMeta* view = nullptr;
  Tensor forward_grad;           // tangent at the open dual level
};
AutogradMeta& autograd_meta(const Tensor& t);          // makes it if absent
void destroy_autograd_meta(AutogradMeta* m);
Ref<Node> grad_fn(const Tensor& t);                    // regenerates a stale view's
Tensor detach(const Tensor& t);                        // shares storage and version, no history, no view metadata

}  // namespace kindling
