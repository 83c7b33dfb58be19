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
  DType dtype = DType::none;  // none: not differentiable, or never made
  Device device;

  OutputMeta() = default;
  explicit OutputMeta(const Tensor& t) : sizes(t.sizes()), dtype(t.dtype()), device(t.device()) {}
};

// Likewise of a tensor of which a formula needs no values: also where it lies in its storage.
struct SavedMeta : OutputMeta {
  Dims strides;
  int64_t offset = 0;

  SavedMeta() = default;
  explicit SavedMeta(const Tensor& t) : OutputMeta(t), strides(t.strides()), offset(t.offset()) {}
};

using TensorVec = SmallVec<Tensor, 4>;

struct NodeHooks;  // tensor pre-hooks, pre-hooks, post-hooks (autograd/hooks.h)

struct Node : RefCounted {
  SmallVec<Edge, 2> next;           // one per differentiable input of the forward
  SmallVec<OutputMeta, 1> outputs;  // one per result of the forward
  uint64_t sequence;                // later nodes run first
  uint64_t run = 0;                 // the backward that visits this node now, and its slot there
  uint32_t slot = 0;
  NodeHooks* hooks = nullptr;
  void* pyobj = nullptr;     // the Python object that shows this node, borrowed
  void* metadata = nullptr;  // PyObject* dict: anomaly traceback and the user's own

  Node();
  ~Node() override;
  virtual TensorVec apply(TensorVec grads) = 0;  // gradients of outputs -> gradients of inputs
  virtual const char* name() const = 0;
  virtual void release_saved() {}  // after backward without retain_graph
  virtual bool is_accumulate() const { return false; }
  virtual NodeHooks* tensor_hooks() const { return hooks; }  // where the hooks of the tensors it made are kept
  void destroy() const override;                             // iterative: long chains must not overflow the stack
};
uint64_t peek_sequence();                 // number of the next node of this thread
std::string base_name(const Node& node);  // "Mul" of MulBackward0, as error messages call it

// A tensor kept for backward; knows whether it was changed since, and does not make the node own itself.
struct SavedTensor {
  Tensor tensor;      // detached copy when it is the node's own output
  Ref<Node> grad_fn;  // of an output saved by an in-place operation on a view
  uint32_t version = 0, output_nr = 0;
  bool is_output = false, requires_grad = false, present = false, leaf = false;
  void* hook_data = nullptr;  // PyObject* from a pack hook
  void* unpack = nullptr;

  SavedTensor() = default;
  SavedTensor(SavedTensor&& o) noexcept { swap(o); }
  SavedTensor& operator=(SavedTensor&& o) noexcept {
    swap(o);
    return *this;
  }
  ~SavedTensor() {
    if (unpack) drop_hook();
  }
  void swap(SavedTensor& o) noexcept;
  void drop_hook();
  void reset();

  void save(const Tensor& t, bool is_output);
  void pack(void* packed, void* unpack_callable);  // from now on hold `packed` instead of the tensor; takes both references
  // RuntimeError if changed in place or already freed. `node` is null where an output is asked for outside of backward.
  Tensor unpack_for(const Node& node) const;
};

// Backward of one operator call, driven by its generated formula.
struct OpNode final : Node {
  const Op* op;
  const Derivative* derivative;
  SmallVec<SavedTensor, 2> tensors;  // saved tensors, in slot order; list arguments expand
  SmallVec<SavedMeta, 1> metas;      // meta_only slots; list arguments expand
  SmallVec<OwnedValue, 4> values;    // arguments by position: numbers and the like; of a tensor list its length (Int)
  SmallVec<uint16_t, 4> begins;      // slot -> first of its entries in `tensors` or `metas`
  bool released = false;

  OpNode(const Op& o, const Derivative& d) : op(&o), derivative(&d) {}
  TensorVec apply(TensorVec grads) override;
  const char* name() const override { return derivative->node_name; }
  void release_saved() override;
  int edge_of(int input) const;     // first edge of differentiable input `input`
  int edges_of(int input) const;    // how many: the length of a list, else 1
  int slot_length(int slot) const;  // entries of a slot
  static void* operator new(size_t size);
  static void operator delete(void* p);
};

// What generated formulas see. Slots are numbered as in Derivative::saves.
struct BackwardContext {
  const OpNode& node;
  const TensorVec& grads;                                  // of the forward's results; undefined means zero
  TensorVec& out;                                          // one per edge
  mutable std::vector<std::pair<int, Tensor>> unpacked{};  // by user's hooks, which run once for each saved tensor

  const Tensor& grad(int i = 0) const { return grads[i]; }
  Tensor grad_or_zeros(int i) const;                 // zeros of the result's shape where no gradient arrived
  bool needs(int input) const;                       // does differentiable input `input` need its gradient?
  bool needs_element(int input, int element) const;  // likewise of an element of a list
  Tensor saved(int slot) const;
  SmallVec<Tensor, 4> saved_list(int slot) const;
  Tensor unpack(int i) const;
  const SavedMeta& meta(int slot) const;
  std::span<const SavedMeta> metas(int slot) const;  // of a list
  bool has(int slot) const;                          // was an optional argument given?
  const Value& arg(int position) const { return node.values[position]; }
  void set(int input, Tensor grad);
  void set_list(int input, std::span<Tensor> grads);
};

// ---- the autograd layer ----
void call_autograd(const Op& op, const Value* args, OwnedValue* rets);
bool any_requires_grad(const Op& op, const Value* args);
// The node of a call with its edges and saved arguments; `inplace` saves a copy of what the call overwrites.
Ref<OpNode> record(const Op& op, const Derivative& d, const Value* args, bool inplace);
Edge gradient_edge(const Tensor& t);  // grad_fn, or the accumulator of a leaf
void set_history(const Tensor& result, const Ref<Node>& node, uint32_t output);
void rebase_history(const Tensor& changed, const Ref<Node>& node,
                    int self_edge = 0);  // in-place on a tensor, or on a view (CopySlices)
void check_inplace(const Tensor& t);     // leaf, multi-output view, ...: RuntimeError as PyTorch words it
void mark_view(const Tensor& view, const Tensor& base, bool multi_output);
// Likewise of the result of a view operator: keeps what replays it where as_strided on the base would not do.
void mark_view(const Tensor& view, const Tensor& parent, bool multi_output, const Op& op, const Value* args, int index);

// ---- engine ----
struct BackwardOptions {
  bool retain_graph = false, create_graph = false, accumulate = true;
};
// Gradients of `roots` (weighted by `grads`); with `inputs`, returns theirs instead of accumulating into leaves
// (options.accumulate: accumulates into them, and into no other leaf).
TensorVec run_backward(TensorList roots, TensorList grads, const SmallVec<Edge, 4>& inputs, BackwardOptions options);
TensorVec run_backward(const SmallVec<Edge, 4>& roots, TensorList grads, const SmallVec<Edge, 4>& inputs,
                       BackwardOptions options);
bool edge_needed(const Node& node, int edge);              // by the backward that runs now
bool in_backward();                                        // on this thread
bool will_run(const Node& node);                           // in the backward that runs now
bool reaches_all_leaves();                                 // no inputs were named to the current backward
int64_t current_graph_task();                              // its number, -1 outside of backward
const Node* current_node();                                // the node that runs now
void queue_callback(void (*callback)(void*), void* data);  // when the current backward ends

// Sums over broadcast dimensions until the shape fits.
Tensor sum_to(const Tensor& t, IntList sizes);
bool expandable_to(IntList from, IntList to);

}  // namespace kindling
