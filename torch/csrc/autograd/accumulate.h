// The sink of a leaf: adds the gradients that reach it into `.grad`.
#pragma once
#include "meta.h"

namespace kindling {

struct AccumulateGrad final : Node {
  Tensor variable;

  explicit AccumulateGrad(const Tensor& leaf);
  ~AccumulateGrad() override;
  TensorVec apply(TensorVec grads) override;
  const char* name() const override { return "torch::autograd::AccumulateGrad"; }
  bool is_accumulate() const override { return true; }
  NodeHooks* tensor_hooks() const override { return variable->autograd ? variable->autograd->hooks : nullptr; }
  static void* operator new(size_t size);
  static void operator delete(void* p);
};

// Adds `grad` to `into`: takes `grad` over where nobody else holds it, else copies; in place unless a graph is wanted.
void accumulate_grad(const Tensor& variable, Tensor& into, Tensor grad);

}  // namespace kindling
