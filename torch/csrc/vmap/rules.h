// What an operator means for a whole batch. A rule sees the arguments of one call, takes the values of those that are batched at
// the level at hand, calls operators on the values, and hands their results back as batched tensors.
#pragma once
#include <functional>

#include "../autograd/call.h"
#include "../dispatch/op.h"
#include "batch.h"
#include "ops.h"

namespace kindling {

// Arguments of a call, of which some are replaced.
struct Arguments {
  SmallVec<Value, 8> values;
  SmallVec<OwnedValue, 8> kept;

  Arguments(const Op& op, const Value* args) : values(std::span<const Value>(args, op.nargs)) {}
  void set(int i, OwnedValue v) {
    values[i] = v;
    kept.push_back(std::move(v));
  }
};

struct VmapCall {
  const Op& op;
  const Value* args;
  OwnedValue* rets;
  int32_t level;
  int64_t batch;

  bool batched(const Value& v) const;  // itself, or an element of a list
  bool batched(int i) const { return batched(args[i]); }
  bool any_batched() const;
  Tensor tensor(int i) const { return args[i].tensor(); }

  // The value with the batch as dimension 0; tensors that are not batched at this level as they are.
  Tensor front(const Tensor& t) const;
  Tensor front(int i) const { return front(tensor(i)); }
  // Likewise, and others expanded to a batch.
  Tensor spread(const Tensor& t) const;
  Tensor spread(int i) const { return spread(tensor(i)); }
  // A batched tensor of a value of this level; undefined stays undefined.
  Tensor wrap(Tensor value, int64_t dim = 0) const;
  // Calls the operator with other arguments. Its results are batches along dimension 0.
  void run(const Arguments& a) const;
  void set(int i, Tensor value, int64_t dim = 0) const { rets[i] = OwnedValue(wrap(std::move(value), dim)); }
};

Tensor batch_front(const Tensor& value, int64_t dim);
Tensor with_rank(const Tensor& front, int64_t rank);           // ones between the batch and the other dimensions
Tensor merged(const Tensor& front);                            // dimensions 0 and 1 as one
Tensor parted(const Tensor& t, int64_t batch, int64_t items);  // the reverse
Dims prepended(int64_t batch, IntList sizes);

// ---- for whole families ----
void vmap_broadcast(VmapCall& c);       // element-wise, and products of stacks of matrices: dimensions are matched from the right
void vmap_shift(VmapCall& c);           // the batch is one more leading dimension: numbers of dimensions move, sizes grow
const Op* functional_of(const Op& op);  // what an in-place operator is the in-place form of; null if nothing
void vmap_body(VmapCall& c);            // written in other operators: these have rules of their own
void vmap_as_is(VmapCall& c);           // looks at shapes and dtypes only
void vmap_restride(VmapCall& c);        // changes sizes in place
void vmap_merge_items(VmapCall& c, int sample);  // independent items of `sample` dimensions: the batch joins those in front
void vmap_random(VmapCall& c);
void vmap_dynamic(VmapCall& c);                                        // the shape of the result depends on values: refused
void vmap_loop(VmapCall& c);                                           // each example by itself
void loop_examples(VmapCall& c, const std::function<void()>& before);  // calls `before` ahead of each
template <int sample>
void vmap_merge(VmapCall& c) {
  vmap_merge_items(c, sample);
}

// ---- for single operators ----
void vmap_as_strided(VmapCall& c);
void vmap_new_strided(VmapCall& c);
void vmap_t(VmapCall& c);
void vmap_permute(VmapCall& c);
void vmap_squeeze(VmapCall& c);
void vmap_roll(VmapCall& c);
void vmap_item(VmapCall& c);
void vmap_data_dependent(VmapCall& c);
void vmap_refused(VmapCall& c);
void vmap_mm(VmapCall& c);
void vmap_addmm(VmapCall& c);
void vmap_matrices(VmapCall& c);  // solvers: stacks of matrices, or vectors beside them
void vmap_check_errors(VmapCall& c);
void vmap_attention(VmapCall& c);
void vmap_convolution(VmapCall& c);
void vmap_convolution_backward(VmapCall& c);
void vmap_batch_norm(VmapCall& c);
void vmap_batch_norm_backward(VmapCall& c);
void vmap_index(VmapCall& c);
void vmap_index_put(VmapCall& c);
void vmap_index_dim(VmapCall& c);  // index_add and its kin: one vector of indices into one dimension
void vmap_elements(VmapCall& c);   // looks up each element of one argument
void vmap_embedding(VmapCall& c);
void vmap_embedding_backward(VmapCall& c);
void vmap_layer_norm(VmapCall& c);
void vmap_layer_norm_backward(VmapCall& c);
void vmap_group_norm(VmapCall& c);
void vmap_group_norm_backward(VmapCall& c);

}  // namespace kindling
