// The graph that backward walks: nodes, edges and what a node saved from its forward.
#pragma once
#include <vector>

#include "../dispatch/op.h"

namespace kindling {

struct Node;

struct Edge {
  Ref<Node> fn;
  uint32_t input = 0;
};

// What one output of the forward looked like: backward checks and expands incoming gradients against it.
struct OutputMeta {
  Dims sizes;
  DType dtype = DType::none;
  Device device;
};

using TensorVec = SmallVec<Tensor, 4>;

struct NodeHooks;  // tensor pre-hooks, pre-hooks, post-hooks (autograd/hooks.h)

struct Node : RefCounted {
  SmallVec<Edge, 2> next;              // one per differentiable input of the forward
  SmallVec<OutputMeta, 1> outputs;     // one per result of the forward
  uint64_t sequence = 0;               // later nodes run first
  NodeHooks* hooks = nullptr;
  void* pyobj = nullptr;               // the Python object that shows this node, borrowed
  void* metadata = nullptr;            // PyObject* dict: anomaly traceback and the user's own

  Node();
  ~Node() override;
  virtual TensorVec apply(TensorVec grads) = 0;   // gradients of outputs -> gradients of inputs
  virtual const char* name() const = 0;
  virtual void release_saved() {}                 // after backward without retain_graph
  virtual bool is_accumulate() const { return false; }
  void destroy() const override;                  // iterative: long chains must not overflow the stack
};

// A tensor kept for backward; knows whether it was changed since, and does not make the node own itself.
struct SavedTensor {
  Tensor tensor;                       // detached copy when it is the node's own output
  Ref<Node> grad_fn;                   // for an input that is not a leaf
  uint32_t version = 0, output_nr = 0;
  bool is_output = false, requires_grad = false;
  void* hook_data = nullptr;           // PyObject* from a pack hook
  void* unpack = nullptr;

  void save(const Tensor& t, bool is_output);
  Tensor unpack_for(const Node& node) const;      // RuntimeError if changed in place or already freed
};

// Backward of one operator call, driven by its generated formula.
struct OpNode final : Node {
  const Op* op;
  std::vector<SavedTensor> tensors;    // saved tensors, in slot order; list arguments expand
  std::vector<OwnedValue> values;      // all non-tensor arguments, by argument position
  std::vector<OutputMeta> metas;       // meta_only slots
  SmallVec<uint16_t, 4> list_lengths;  // of Tensor[] arguments among the differentiable inputs
  bool released = false;

  TensorVec apply(TensorVec grads) override;
  const char* name() const override { return op->derivative->node_name; }
  void release_saved() override;
};

// What generated formulas see. Slots are numbered as in Derivative::saves.
struct BackwardContext {
  const OpNode& node;
  const TensorVec& grads;              // of the forward's results; undefined means zero
  TensorVec& out;                      // one per edge

  const Tensor& grad(int i = 0) const { return grads[i]; }
  bool needs(int input) const;                         // does differentiable input `input` need its gradient?
  Tensor saved(int slot) const;
  SmallVec<Tensor, 4> saved_list(int slot) const;
  const OutputMeta& meta(int slot) const;
  const Value& arg(int position) const { return node.values[position]; }
  void set(int input, Tensor grad);
  void set_list(int input, std::span<Tensor> grads);
};

// ---- the autograd layer ----
void call_autograd(const Op& op, const Value* args, OwnedValue* rets);
bool any_requires_grad(const Op& op, const Value* args);
Edge gradient_edge(const Tensor& t);                   // grad_fn, or the accumulator of a leaf
void set_history(const Tensor& result, const Ref<Node>& node, uint32_t output);
void rebase_history(const Tensor& changed, const Ref<Node>& node);   // in-place on a tensor, or on a view (CopySlices)
void check_inplace(const Tensor& t, const Op& op);     // leaf, multi-output view, ...: RuntimeError as PyTorch words it
void mark_view(const Tensor& view, const Tensor& base, bool multi_output);

// ---- engine ----
struct BackwardOptions { bool retain_graph = false, create_graph = false, accumulate = true; };
// Gradients of `roots` (weighted by `grads`); with `inputs`, returns theirs instead of accumulating into leaves.
TensorVec run_backward(TensorList roots, TensorList grads, const SmallVec<Edge, 4>& inputs, BackwardOptions options);

}  // namespace kindling
