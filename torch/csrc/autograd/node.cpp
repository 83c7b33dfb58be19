// Nodes and what they save.
#include "node.h"

#include <cctype>
#include <cstring>

#include "../dispatch/state.h"
#include "freelist.h"
#include "hooks.h"
#include "meta.h"
#include "ops.h"

namespace kindling {

namespace {

thread_local uint64_t next_sequence = 0;

constexpr const char* kFreed =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
    "you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";

// A copy of an output without its history; a tangent stays, so that forward mode runs through backward.
Tensor bare(const Tensor& t) {
  Tensor copy = detach(t);
  if (tls.forward_ad && t->autograd && !t->autograd->tangents.empty()) autograd_meta(copy).tangents = t->autograd->tangents;
  return copy;
}

}  // namespace

uint64_t peek_sequence() { return next_sequence; }

Node::Node() : sequence(next_sequence++) {
  if (__builtin_expect(tls.anomaly, 0) && python_autograd.anomaly_record) python_autograd.anomaly_record(*this);
}

Node::~Node() {
  delete hooks;
  if (metadata) python_autograd.drop_object(metadata);
}

void Node::destroy() const {
  static thread_local std::vector<const Node*> waiting;
  static thread_local bool busy = false;
  if (busy) {
    waiting.push_back(this);
    return;
  }
  busy = true;
  delete this;
  while (!waiting.empty()) {
    const Node* n = waiting.back();
    waiting.pop_back();
    delete n;
  }
  busy = false;
}

std::string base_name(const Node& node) {
  std::string name = node.name();
  size_t end = name.size();
  while (end > 0 && isdigit(static_cast<unsigned char>(name[end - 1]))) end--;
  constexpr std::string_view suffix = "Backward";
  if (end > suffix.size() && std::string_view(name).substr(0, end).ends_with(suffix)) name.resize(end - suffix.size());
  return name;
}

void* OpNode::operator new(size_t size) { return size == sizeof(OpNode) ? Freelist<OpNode>::take() : ::operator new(size); }
void OpNode::operator delete(void* p) { Freelist<OpNode>::give(p); }

// ---- saved tensors ----

void SavedTensor::swap(SavedTensor& o) noexcept {
  std::swap(tensor, o.tensor);
  std::swap(grad_fn, o.grad_fn);
  std::swap(version, o.version);
  std::swap(output_nr, o.output_nr);
  std::swap(is_output, o.is_output);
  std::swap(requires_grad, o.requires_grad);
  std::swap(present, o.present);
  std::swap(leaf, o.leaf);
  std::swap(hook_data, o.hook_data);
  std::swap(unpack, o.unpack);
}

void SavedTensor::drop_hook() {
  python_autograd.drop_object(hook_data);
  python_autograd.drop_object(unpack);
  hook_data = unpack = nullptr;
}

void SavedTensor::reset() {
  tensor = Tensor();
  grad_fn = nullptr;
  if (unpack) drop_hook();
}

void SavedTensor::save(const Tensor& t, bool output) {
  if (!t.defined()) return;
  KD_CHECK(!t->has(TensorImpl::Inference), Runtime,
           "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
           "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
           "`torch.no_grad()` instead of `torch.inference_mode()`.");
  present = true;
  if (output && !(t->autograd && t->autograd->grad_fn)) output = false;  // a result that is not differentiable makes no cycle
  is_output = output;
  output_nr = t->autograd ? t->autograd->output_nr : 0;
  requires_grad = t.requires_grad();
  leaf = !t->autograd || (!t->autograd->grad_fn && !t->autograd->view);
  if (output) leaf = false;
  if (__builtin_expect(tls.saved_tensor_hooks != nullptr, 0)) {
    void *packed, *unpacker;
    if (leaf && requires_grad) tensor = t;  // keeps the leaf's accumulator: what unpack returns takes its place in the graph
    Ref<Node> history = output ? Ref<Node>() : kindling::grad_fn(t);
    if (python_autograd.pack(output ? detach(t) : t, &packed, &unpacker)) {
      grad_fn = std::move(history);
      pack(packed, unpacker);
      return;
    }
  }
  if (t->version) t->version->watched.store(true, std::memory_order_relaxed);
  else t->set(TensorImpl::Watched, true);
  if (!output) tensor = t;
  else if (tls.interposed || t->has(TensorImpl::PythonDispatch))
    tensor = [&] {
      BelowAutograd below;
      return ops::detach(t);
    }();
  else tensor = bare(t);
  version = t.version();
}

void SavedTensor::pack(void* packed, void* unpack_callable) {
  hook_data = packed;
  unpack = unpack_callable;
}

static std::string last_write(const Tensor& t) {
  std::string place = t->version && python_autograd.told_write ? python_autograd.told_write(*t->version) : std::string();
  return place.empty() ? place : concat(" It was changed at ", place, ".");
}

Tensor SavedTensor::unpack_for(const Node& node) const {
  if (!present) return {};
  Ref<Node> fn = grad_fn ? grad_fn : is_output ? Ref<Node>::share(const_cast<Node*>(&node)) : nullptr;
  if (unpack) {
    Tensor made = python_autograd.unpack(hook_data, unpack);
    if (!requires_grad || made.requires_grad()) return made;
    Tensor t = detach(made);
    AutogradMeta& m = autograd_meta(t);
    m.grad_fn = fn || !tensor.defined() ? fn : accumulator_of(tensor);
    m.output_nr = output_nr;
    return t;
  }
  KD_CHECK(tensor.defined(), Runtime, kFreed);
  uint32_t now = tensor.version();
  if (now != version) {
    const AutogradMeta* m = tensor->autograd;
    Ref<Node> source = is_output ? fn : m ? m->grad_fn : nullptr;
    std::string of =
        source ? concat(", which is output ", int(is_output ? output_nr : m->output_nr), " of ", base_name(*source), ",") : "";
    fail(ErrorKind::Runtime,
         "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.",
         legacy_name(tensor.dtype()), "Tensor ", tensor.sizes(), "]", of, " is at version ", now, "; expected version ", version,
         " instead. Hint: ",
         tls.anomaly
             ? "the backtrace further above shows the operation that failed to compute its gradient. The variable in question "
               "was changed in there or anywhere later. Good luck!"
             : "enable anomaly detection to find the operation that failed to compute its gradient, with "
               "torch.autograd.set_detect_anomaly(True, check_nan=False).",
         last_write(tensor));
  }
  if (!is_output) return tensor;
  Tensor t;
  if (tls.interposed || tensor->has(TensorImpl::PythonDispatch)) {
    BelowAutograd below;
    t = ops::detach(tensor);
  } else if (!requires_grad || (!tls.grad_enabled && in_backward()))
    return tensor;  // no graph is being made: the copy itself will do
  else t = bare(tensor);
  if (requires_grad) {
    AutogradMeta& m = autograd_meta(t);
    m.grad_fn = fn;
    m.output_nr = output_nr;
  }
  return t;
}

// ---- nodes of operators ----

int OpNode::edges_of(int input) const {
  int position = derivative->inputs[input];
  return op->args[position].list ? int(values[position].to_int()) : 1;
}

int OpNode::edge_of(int input) const {
  int edge = 0;
  for (int k = 0; k < input; k++) edge += edges_of(k);
  return edge;
}

int OpNode::slot_length(int slot) const {
  const SaveSlot& s = derivative->saves[slot];
  if (s.source == SaveSlot::Arg) return op->args[s.index].list ? int(values[s.index].to_int()) : 1;
  if (!op->rets[s.index].list) return 1;
  return int(s.meta_only ? metas.size() : tensors.size()) - begins[slot];  // list results are saved last
}

TensorVec OpNode::apply(TensorVec grads) {
  TensorVec out(next.size());
  bool any = false;
  for (const Tensor& g : grads) any |= g.defined();
  if (!any) return out;
  BackwardContext context{*this, grads, out};
  derivative->backward(context);
  return out;
}

void OpNode::release_saved() {
  released = true;
  for (SavedTensor& t : tensors) t.reset();
}

Tensor BackwardContext::grad_or_zeros(int i) const {
  if (grads[i].defined()) return grads[i];
  const OutputMeta& m = node.outputs[i];
  if (m.dtype == DType::none) return {};
  return ops::zeros(m.sizes, m.dtype, std::nullopt, m.device, std::nullopt);
}

bool BackwardContext::needs(int input) const {
  int first = node.edge_of(input), n = node.edges_of(input);
  for (int i = first; i < first + n; i++)
    if (edge_needed(node, i)) return true;
  return false;
}

bool BackwardContext::needs_element(int input, int element) const { return edge_needed(node, node.edge_of(input) + element); }

Tensor BackwardContext::saved(int slot) const {
  KD_CHECK(!node.released, Runtime, kFreed);
  const SaveSlot& s = node.derivative->saves[slot];
  if (s.source == SaveSlot::Arg && node.values[s.index].is_number()) return wrap_number(node.values[s.index].scalar());
  return unpack(node.begins[slot]);
}

Tensor BackwardContext::unpack(int i) const {
  const SavedTensor& t = node.tensors[i];
  if (!t.unpack) return t.unpack_for(node);
  for (const auto& [at, tensor] : unpacked)
    if (at == i) return tensor;
  return unpacked.emplace_back(i, t.unpack_for(node)).second;
}

SmallVec<Tensor, 4> BackwardContext::saved_list(int slot) const {
  KD_CHECK(!node.released, Runtime, kFreed);
  SmallVec<Tensor, 4> list;
  int first = node.begins[slot], n = node.slot_length(slot);
  for (int i = first; i < first + n; i++) list.push_back(unpack(i));
  return list;
}

const SavedMeta& BackwardContext::meta(int slot) const { return node.metas[node.begins[slot]]; }

std::span<const SavedMeta> BackwardContext::metas(int slot) const {
  return {node.metas.data() + node.begins[slot], size_t(node.slot_length(slot))};
}

bool BackwardContext::has(int slot) const {
  const SaveSlot& s = node.derivative->saves[slot];
  if (s.meta_only) return node.metas[node.begins[slot]].dtype != DType::none;
  return node.tensors[node.begins[slot]].present || (s.source == SaveSlot::Arg && node.values[s.index].is_number());
}

void BackwardContext::set(int input, Tensor grad) { out[node.edge_of(input)] = std::move(grad); }

void BackwardContext::set_list(int input, std::span<Tensor> grads) {
  int first = node.edge_of(input), n = node.edges_of(input);
  for (int i = 0; i < n && i < int(grads.size()); i++) out[first + i] = std::move(grads[i]);
}

}  // namespace kindling
