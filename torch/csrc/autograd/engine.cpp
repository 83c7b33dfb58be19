// The engine: walks the graph from the roots, later nodes first, and adds up the gradients that meet.
#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "../dispatch/state.h"
#include "hooks.h"
#include "meta.h"
#include "ops.h"

namespace kindling {

namespace {

std::atomic<uint64_t> next_run{1};
std::atomic<bool> node_slots_taken{false};

struct Slot {
  Node* node;
  TensorVec grads;       // of the node's outputs
  uint32_t waiting = 0;  // edges into this node that have not brought their gradient yet
  bool target = false;   // its gradient is asked for
  bool needed = true;    // some target lies beyond
};

struct Capture {
  uint32_t slot, input;
};

// One backward. The first to run anywhere notes its slots in the nodes themselves; those that run inside of it, or beside it
// on another thread, look them up.
struct Task {
  uint64_t id = next_run.fetch_add(1, std::memory_order_relaxed);
  bool in_nodes;
  bool filtered = false;
  BackwardOptions options;
  Task* outer;
  const Node* running = nullptr;
  std::vector<Slot> slots;
  std::unordered_map<const Node*, uint32_t> index;
  std::vector<std::pair<uint64_t, uint32_t>> ready;  // heap by sequence alone: equal ones leave it in PyTorch's order
  std::vector<Capture> captures;
  TensorVec captured;
  std::vector<std::pair<void (*)(void*), void*>> callbacks;

  explicit Task(BackwardOptions o);
  ~Task();
  int64_t find(const Node* n) const;
  uint32_t slot_of(Node* n, bool& fresh);
  void discover(const SmallVec<Edge, 4>& roots);
  void mark_needed();
  void push(uint32_t slot);
  void run();
  void evaluate(uint32_t at);
  void deliver(Node& node, TensorVec& grads);
};

thread_local Task* current = nullptr;
thread_local std::vector<Slot> spare_slots;

Task::Task(BackwardOptions o) : options(o), outer(current) {
  in_nodes = !node_slots_taken.exchange(true, std::memory_order_acquire);
  slots.swap(spare_slots);
  current = this;
}

Task::~Task() {
  if (in_nodes) node_slots_taken.store(false, std::memory_order_release);
  slots.clear();
  spare_slots.swap(slots);
  current = outer;
}

int64_t Task::find(const Node* n) const {
  if (in_nodes) return n->run == id ? int64_t(n->slot) : -1;
  auto found = index.find(n);
  return found == index.end() ? -1 : int64_t(found->second);
}

uint32_t Task::slot_of(Node* n, bool& fresh) {
  int64_t known = find(n);
  fresh = known < 0;
  if (!fresh) return uint32_t(known);
  uint32_t at = uint32_t(slots.size());
  slots.push_back(Slot{n, {}});
  if (in_nodes) {
    n->run = id;
    n->slot = at;
  } else {
    index.emplace(n, at);
  }
  return at;
}

void Task::discover(const SmallVec<Edge, 4>& roots) {
  bool fresh;
  for (const Edge& e : roots)
    if (e.fn) slot_of(e.fn.get(), fresh);
  for (size_t at = 0; at < slots.size(); at++) {  // a new node is appended, and looked at in its turn
    Node* n = slots[at].node;
    for (const Edge& e : n->next) {
      if (!e.fn) continue;
      uint32_t to = slot_of(e.fn.get(), fresh);
      slots[to].waiting++;
    }
  }
}

// needed: the node is a target to be run, or leads to one. Nodes are settled after all that they lead to.
void Task::mark_needed() {
  enum : uint8_t { unseen, open, done };
  std::vector<uint8_t> state(slots.size(), unseen);
  std::vector<std::pair<uint32_t, int64_t>> stack;
  for (Slot& s : slots) s.needed = s.target && options.accumulate && s.node->is_accumulate();
  for (uint32_t start = 0; start < slots.size(); start++) {
    if (state[start] != unseen) continue;
    stack.emplace_back(start, 0);
    while (!stack.empty()) {
      auto& [at, edge] = stack.back();
      Node* n = slots[at].node;
      state[at] = open;
      if (edge == n->next.size()) {
        for (const Edge& e : n->next)
          if (e.fn) {
            const Slot& to = slots[find(e.fn.get())];
            slots[at].needed |= to.needed || to.target;
          }
        state[at] = done;
        stack.pop_back();
        continue;
      }
      const Edge& e = n->next[edge++];
      if (!e.fn) continue;
      uint32_t to = uint32_t(find(e.fn.get()));
      if (state[to] == unseen) stack.emplace_back(to, 0);
    }
  }
}

bool runs_later(const std::pair<uint64_t, uint32_t>& a, const std::pair<uint64_t, uint32_t>& b) { return a.first < b.first; }

void Task::push(uint32_t slot) {
  ready.emplace_back(slots[slot].node->sequence, slot);
  std::push_heap(ready.begin(), ready.end(), runs_later);
}

bool sole_owner(const Tensor& t) {
  return t->refs.load(std::memory_order_acquire) == 1 && t.storage() && t.storage()->refs.load(std::memory_order_acquire) == 1 &&
         t.is_non_overlapping_and_dense();
}

void add_into(Tensor& sum, Tensor grad) {
  if (!sum.defined()) {
    sum = std::move(grad);
  } else if (tls.grad_enabled || tls.interposed || sum->unusual() || grad->unusual()) {
    sum = ops::add_Tensor(sum, grad, Scalar(1));
  } else if (sole_owner(sum)) {
    ops::add__Tensor(sum, grad, Scalar(1));
  } else if (sole_owner(grad)) {
    ops::add__Tensor(grad, sum, Scalar(1));
    sum = std::move(grad);
  } else {
    sum = ops::add_Tensor(sum, grad, Scalar(1));
  }
}

// Makes `grad` look like the tensor whose gradient it is: sums broadcast dimensions, takes the real part, converts.
void fit(Tensor& grad, const OutputMeta& meta, const char* name, int64_t i) {
  if (meta.dtype == DType::none) return;
  if (__builtin_expect(!same(grad.sizes(), meta.sizes), 0) && !same_sizes(grad.sizes(), meta.sizes)) {
    KD_CHECK(expandable_to(meta.sizes, grad.sizes()), Runtime, "Function ", name, " returned an invalid gradient at index ", i,
             " - got ", grad.sizes(), " but expected shape compatible with ", IntList(meta.sizes));
    grad = sum_to(grad, meta.sizes);
  }
  if (__builtin_expect(grad.dtype() != meta.dtype, 0)) {
    if (grad.is_complex() && !is_complex(meta.dtype)) grad = ops::real(grad);
    if (grad.dtype() != meta.dtype) grad = ops::to_dtype(grad, meta.dtype, false, false, std::nullopt);
  }
  KD_CHECK(grad.device().type == meta.device.type, Runtime, "Function ", name, " returned an invalid gradient at index ", i,
           " - expected device ", to_string(meta.device), " but got ", to_string(grad.device()));
}

void run_tensor_hooks(NodeHooks& hooks, TensorVec& grads) {
  auto pre = hooks.tensor_pre;  // a copy: a hook may remove itself
  for (auto& h : pre) {
    if (h.output >= uint32_t(grads.size()) || !grads[h.output].defined()) continue;
    TensorVec one{grads[h.output]};
    h.hook->run(one, nullptr);
    grads[h.output] = one[0];
  }
  for (auto& r : hooks.retained) {
    const Tensor& grad = grads[r.output];
    if (!grad.defined()) continue;
    AutogradMeta& m = autograd_meta(Tensor::share(r.tensor));
    m.grad = !m.grad.defined() ? ops::clone(grad, std::nullopt) : ops::add_Tensor(m.grad, grad, Scalar(1));
  }
}

void check_nan(const Node& n, const TensorVec& grads) {
  GradMode off(false);
  for (int64_t i = 0; i < grads.size(); i++)
    KD_CHECK(!grads[i].defined() || !item(ops::any(ops::isnan(grads[i]))).to_bool(), Runtime, "Function '", n.name(),
             "' returned nan values in its ", i, "th output.");
}

TensorVec apply(Node& n, TensorVec grads) {
  NodeHooks* hooks = n.hooks;
  if (__builtin_expect(!hooks || (hooks->pre.empty() && hooks->post.empty()), 1)) return n.apply(std::move(grads));
  auto pre = hooks->pre;
  for (auto& h : pre) h->run(grads, nullptr);
  TensorVec given = grads;
  TensorVec out = n.apply(std::move(grads));
  auto post = hooks->post;
  for (auto& h : post) h->run(out, &given);
  return out;
}

void Task::evaluate(uint32_t at) {
  Node& n = *slots[at].node;
  running = &n;
  TensorVec grads = std::move(slots[at].grads);
  grads.resize(std::max<int64_t>(n.outputs.size(), grads.size()));
  if (NodeHooks* hooks = n.tensor_hooks(); __builtin_expect(hooks != nullptr, 0)) run_tensor_hooks(*hooks, grads);
  if (slots[at].target)
    for (size_t i = 0; i < captures.size(); i++)
      if (captures[i].slot == at && captures[i].input < grads.size()) captured[i] = grads[captures[i].input];
  bool runs = slots[at].needed;
  TensorVec out;
  if (runs) {
    try {
      out = apply(n, std::move(grads));
      if (__builtin_expect(tls.anomaly && tls.anomaly_nan, 0)) check_nan(n, out);
    } catch (...) {
      if (tls.anomaly && python_autograd.anomaly_report) python_autograd.anomaly_report(n);
      throw;
    }
    if (!options.retain_graph) n.release_saved();
  }
  deliver(n, out);
}

void Task::deliver(Node& n, TensorVec& grads) {
  for (int64_t i = 0; i < n.next.size(); i++) {
    const Edge& e = n.next[i];
    if (!e.fn) continue;
    uint32_t to = uint32_t(find(e.fn.get()));
    if (i < grads.size() && grads[i].defined()) {
      if (e.input < e.fn->outputs.size()) fit(grads[i], e.fn->outputs[e.input], n.name(), i);
      Slot& s = slots[to];
      if (s.grads.size() <= e.input) s.grads.resize(e.input + 1);
      add_into(s.grads[e.input], std::move(grads[i]));
    }
    if (--slots[to].waiting == 0) push(to);
  }
}

void Task::run() {
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), runs_later);
    uint32_t at = ready.back().second;
    ready.pop_back();
    evaluate(at);
  }
  running = nullptr;
  for (size_t i = 0; i < callbacks.size(); i++) callbacks[i].first(callbacks[i].second);
}

}  // namespace

TensorVec run_backward(const SmallVec<Edge, 4>& roots, TensorList grads, const SmallVec<Edge, 4>& inputs,
                       BackwardOptions options) {
  Task task(options);
  AboveAutograd above;
  GradMode mode(options.create_graph);
  task.discover(roots);
  task.filtered = !inputs.empty();
  task.captured.resize(inputs.size());
  for (int64_t i = 0; i < inputs.size(); i++) {
    int64_t at = inputs[i].fn ? task.find(inputs[i].fn.get()) : -1;
    task.captures.push_back({uint32_t(at < 0 ? UINT32_MAX : at), inputs[i].input});
    if (at >= 0) task.slots[at].target = true;
  }
  if (task.filtered) task.mark_needed();
  for (int64_t i = 0; i < roots.size(); i++) {
    if (!roots[i].fn) continue;
    Tensor grad = grads[i];
    uint32_t to = uint32_t(task.find(roots[i].fn.get())), input = roots[i].input;
    if (grad.defined() && input < roots[i].fn->outputs.size()) fit(grad, roots[i].fn->outputs[input], "GraphRoot", i);
    Slot& s = task.slots[to];
    if (s.grads.size() <= input) s.grads.resize(input + 1);
    if (grad.defined()) add_into(s.grads[input], std::move(grad));
  }
  for (uint32_t at = 0; at < task.slots.size(); at++)
    if (task.slots[at].waiting == 0) task.push(at);
  task.run();
  return std::move(task.captured);
}

TensorVec run_backward(TensorList roots, TensorList grads, const SmallVec<Edge, 4>& inputs, BackwardOptions options) {
  SmallVec<Edge, 4> edges;
  for (const Tensor& root : roots) edges.push_back(gradient_edge(root));
  return run_backward(edges, grads, inputs, options);
}

bool edge_needed(const Node& node, int edge) {
  const Ref<Node>& fn = node.next[edge].fn;
  if (!fn) return false;
  if (!current || !current->filtered) return true;
  int64_t at = current->find(fn.get());
  return at < 0 || current->slots[at].needed || current->slots[at].target;
}

bool in_backward() { return current != nullptr; }

bool will_run(const Node& node) {
  KD_CHECK(current, Runtime, "_will_engine_execute_node should only be called during the backward pass");
  int64_t at = current->find(&node);
  return at >= 0 && (current->slots[at].needed || current->slots[at].target);
}
bool reaches_all_leaves() { return !current || !current->filtered; }
int64_t current_graph_task() { return current ? int64_t(current->id) : -1; }
const Node* current_node() { return current ? current->running : nullptr; }

void queue_callback(void (*callback)(void*), void* data) {
  KD_CHECK(current, Runtime, "Final callbacks can only be installed during backward pass.");
  current->callbacks.emplace_back(callback, data);
}

bool expandable_to(IntList from, IntList to) {
  if (from.size() > to.size()) return false;
  size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); i++)
    if (from[i] != to[lead + i] && from[i] != 1) return false;
  return true;
}

Tensor sum_to(const Tensor& t, IntList sizes) {
  if (sizes.empty()) return ops::sum(t, DType::none);
  int64_t lead = t.dim() - int64_t(sizes.size());
  Dims dims;
  for (int64_t i = 0; i < t.dim(); i++)
    if (i < lead || (sizes[i - lead] == 1 && t.sizes()[i] != 1)) dims.push_back(i);
  Tensor sum = dims.empty() ? t : ops::sum_dim_IntList(t, IntList(dims), true, DType::none);
  return lead > 0 ? ops::view(sum, sizes) : sum;
}

}  // namespace kindling
