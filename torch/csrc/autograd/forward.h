// Forward mode: tangents travel with the tensors while a dual level is open.
#pragma once
#include "meta.h"

namespace kindling {

// What a jvp formula sees: arguments and results as they are, tangents where there are any.
struct ForwardContext {
  const Op& op;
  const Value* args;
  const OwnedValue* results;
  TensorVec& out;  // tangent of each result, undefined means zero

  const Value& arg(int position) const { return args[position]; }
  Tensor primal(int position) const;     // without its tangent
  bool has_tangent(int position) const;  // of any element, for a list
  Tensor tangent(int position) const;    // zeros where there is none
  SmallVec<Tensor, 4> primal_list(int position) const;
  SmallVec<Tensor, 4> tangent_list(int position) const;
  Tensor result(int i = 0) const;
  void set(int result, Tensor tangent) { out[result] = std::move(tangent); }
};

void pointwise_jvp(ForwardContext& c);   // from the backward formula, which acts on each element by itself
void linear_jvp(ForwardContext& c);      // the operator itself, applied to the tangents
void transposed_jvp(ForwardContext& c);  // where there is no formula: backward, differentiated backwards

bool any_tangent(const Op& op, const Value* args);
void propagate_tangents(const Op& op, const Derivative& d, const Value* args, OwnedValue* rets, const Tensor& old_self);
Tensor tangent_of(const Tensor& t);
void set_tangent(const Tensor& t, Tensor tangent);  // checks shape and dtype
int enter_dual_level();                             // RuntimeError when one is open
void exit_dual_level(int level);

}  // namespace kindling
