// Forward mode: tangents travel with the tensors while their dual level is open.
//
// Levels nest: a tangent of an inner level may carry tangents of outer ones, which are its derivatives in their direction. A
// formula for one level sees tensors without the tangents of that level and of those inside it.
#pragma once
#include "meta.h"

namespace kindling {

// What a jvp formula sees: arguments and results as they are, tangents where there are any.
struct ForwardContext {
  const Op& op;
  const Value* args;
  const OwnedValue* results;
  uint32_t level;  // of the tangents
  TensorVec& out;  // tangent of each result, undefined means zero

  const Value& arg(int position) const { return args[position]; }
  Tensor primal(int position) const;     // without its tangents of this level and inner ones
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
std::span<const uint32_t> open_dual_levels();  // outermost first
uint32_t open_dual_level();
void close_dual_level(uint32_t level);  // RuntimeError unless it is the innermost
Tensor tangent_of(const Tensor& t, uint32_t level);
void set_tangent(const Tensor& t, Tensor tangent, uint32_t level);              // checks the shape
Tensor make_dual(const Tensor& primal, const Tensor& tangent, uint32_t level);  // a view of the primal
Tensor primal_of(const Tensor& t, uint32_t level);  // the same history, no tangents of this level and inner ones

}  // namespace kindling
