// The autograd layer of a call: records the node of a differentiable operation, keeps track of views and of writes.
#include "../dispatch/state.h"
#include "forward.h"
#include "hooks.h"
#include "meta.h"
#include "ops.h"

namespace kindling {

namespace {

bool requires_grad(const Value& v) {
  if (v.tag == Tag::Tensor) {
    const AutogradMeta* m = v.tensor_->autograd;
    if (!m) return false;
    return m->requires_grad || m->grad_fn || (m->view && m->view->base.requires_grad());
  }
  for (const Value& e : v.list())
    if (requires_grad(e)) return true;
  return false;
}

// For operators that write without a derivative (random_): what was there before gets no gradient.
void no_gradient(BackwardContext&) {}
const uint8_t kFirst[] = {0};

const Derivative& overwrite() {
  static const Derivative d{"NotImplemented", kFirst, 1, nullptr, 0, 1, no_gradient, nullptr};
  return d;
}

// A tensor that somebody else keeps alive meanwhile: no counting.
struct Borrowed {
  Tensor t;
  explicit Borrowed(TensorImpl* p) : t(Tensor::steal(p)) {}
  Borrowed(const Borrowed&) = delete;
  ~Borrowed() { t.detach_impl(); }
};

Edge edge_from(const Value& v) {
  const AutogradMeta* m = v.tensor_->autograd;
  if (!m) return {};
  if (m->grad_fn && !m->view) return {m->grad_fn, m->output_nr};
  return gradient_edge(Borrowed(v.tensor_).t);
}

void add_edges(OpNode& node, const Value* args, uint32_t& wanted) {
  const Derivative& d = *node.derivative;
  for (int k = 0; k < d.ninputs; k++) {
    const Value& v = args[d.inputs[k]];
    if (v.tag == Tag::Tensor) {
      Edge e = edge_from(v);
      if (e.fn) wanted |= 1u << k;
      node.next.push_back(std::move(e));
    } else if (node.op->args[d.inputs[k]].list) {
      for (const Value& element : v.list()) {
        Edge e = element.is_tensor() ? edge_from(element) : Edge();
        if (e.fn) wanted |= 1u << k;
        node.next.push_back(std::move(e));
      }
    } else {
      node.next.push_back({});
    }
  }
}

void save_argument(OpNode& node, const Value& v, const SaveSlot& slot, bool wanted, bool overwritten) {
  auto keep = [&](const Value& value) {
    Tensor t = wanted && value.is_tensor() ? Tensor::share(value.tensor_) : Tensor();
    if (slot.meta_only) {
      node.metas.push_back(t.defined() ? SavedMeta(t) : SavedMeta());
      return;
    }
    SavedTensor saved;
    saved.save(overwritten && t.defined() ? ops::clone(t, std::nullopt) : t, false);
    node.tensors.push_back(std::move(saved));
  };
  if (!node.op->args[slot.index].list) return keep(v);
  for (const Value& e : v.list()) keep(e);
}

// Saved results; those of lists come behind everything else, since their length is known only now.
void save_results(OpNode& node, const OwnedValue* rets) {
  const Derivative& d = *node.derivative;
  for (int i = 0; i < d.nsaves; i++) {
    const SaveSlot& slot = d.saves[i];
    if (slot.source != SaveSlot::Result) continue;
    const OwnedValue& ret = rets[slot.index];
    if (ret.tag == Tag::Tensor) {
      Tensor t = ret.tensor();
      if (slot.meta_only) node.metas[node.begins[i]] = SavedMeta(t);
      else node.tensors[node.begins[i]].save(t, true);
    } else if (ret.tag == Tag::List) {
      node.begins[i] = uint16_t(slot.meta_only ? node.metas.size() : node.tensors.size());
      for (const Value& e : ret.list()) {
        if (slot.meta_only) {
          node.metas.push_back(SavedMeta(e.tensor()));
          continue;
        }
        SavedTensor saved;
        saved.save(e.tensor(), true);
        node.tensors.push_back(std::move(saved));
      }
    }
  }
}

bool is_argument(const Op& op, const Value* args, const TensorImpl* t) {
  for (int i = 0; i < op.nargs; i++)
    if (args[i].tag == Tag::Tensor && args[i].tensor_ == t) return true;
  return false;
}

// A kernel that hands an argument back unchanged still makes a new tensor for autograd.
void separate_results(const Op& op, const Value* args, OwnedValue* rets) {
  for (int i = 0; i < op.nrets; i++)
    if (rets[i].tag == Tag::Tensor && is_argument(op, args, rets[i].tensor_)) rets[i] = OwnedValue(detach(rets[i].tensor()));
}

void attach(const Op& op, const Ref<OpNode>& node, OwnedValue* rets) {
  uint32_t output = 0;
  auto one = [&](const Value& v, bool differentiable) {
    if (v.tag == Tag::Tensor && differentiable && is_differentiable(v.tensor_->dtype)) {
      Borrowed result(v.tensor_);
      node->outputs.push_back(OutputMeta(result.t));
      AutogradMeta& m = autograd_meta(result.t);
      m.grad_fn = Ref<Node>::share(node.get());
      m.output_nr = output;
    } else {
      node->outputs.push_back(OutputMeta());
    }
    output++;
  };
  for (int i = 0; i < op.nrets; i++) {
    bool differentiable = node->derivative->differentiable_results >> i & 1;
    if (rets[i].tag != Tag::List) one(rets[i], differentiable);
    else
      for (const Value& e : rets[i].list()) one(e, differentiable);
  }
}

void mark_views(const Op& op, const Value* args, OwnedValue* rets) {
  Tensor parent = args[0].tensor();
  if (!parent.defined()) return;
  for (int i = 0; i < op.nrets; i++) {
    if (rets[i].tag == Tag::Tensor) {
      if (rets[i].tensor_ != parent.get()) mark_view(rets[i].tensor(), parent, op.nrets > 1, op, args, i);
    } else if (rets[i].tag == Tag::List) {
      int index = 0;
      for (const Value& e : rets[i].list()) mark_view(e.tensor(), parent, true, op, args, index++);
    }
  }
}

void count_writes(const Op& op, const Value* args) {
  for (int i = 0; i < op.nargs; i++) {
    if (!op.args[i].write) continue;
    if (args[i].tag == Tag::Tensor) args[i].tensor().bump_version();
    for (const Value& e : args[i].list())
      if (e.is_tensor()) e.tensor().bump_version();
  }
}

void refuse_inference_writes(const Op& op, const Value* args) {
  if (args[0].tag != Tag::Tensor || !args[0].tensor_->has(TensorImpl::Inference) || tls.inference_mode) return;
  args[0].tensor().bump_version();
}

void call_below(const Op& op, const Value* args, OwnedValue* rets) {
  BelowAutograd below;
  call_below_autograd(op, args, rets);
}

void call_plain(const Op& op, const Value* args, OwnedValue* rets) {
  if (op.inplace) refuse_inference_writes(op, args);
  call_below(op, args, rets);
  if (op.inplace | op.out_variant) count_writes(op, args);
  if (op.is_view && op.derivative) mark_views(op, args, rets);
}

bool any_argument_requires_grad(const Op& op, const Value* args) {
  for (int i = 0; i < op.nargs; i++)
    if (requires_grad(args[i])) return true;
  return false;
}

void refuse_out(const Op& op, const Value* args) {
  KD_CHECK(
      !tls.grad_enabled || !any_argument_requires_grad(op, args), Runtime, op.name,
      "(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.");
}

Ref<OpNode> call_recorded(const Op& op, const Derivative& d, const Value* args, OwnedValue* rets) {
  if (op.inplace) check_inplace(args[0].tensor());
  Ref<OpNode> node = record(op, d, args, op.inplace);
  call_below(op, args, rets);
  if (op.inplace) {
    Tensor self = args[0].tensor();
    count_writes(op, args);
    node->outputs.push_back(OutputMeta(self));
    int self_edge = -1;
    for (int k = 0, edge = 0; k < d.ninputs; edge += node->edges_of(k++))
      if (d.inputs[k] == 0) self_edge = edge;
    rebase_history(self, node, self_edge);
  } else {
    separate_results(op, args, rets);
    attach(op, node, rets);
    if (op.is_view) mark_views(op, args, rets);
  }
  return node;
}

}  // namespace

bool any_requires_grad(const Op& op, const Value* args) {
  const Derivative* d = op.derivative;
  if (!d) return op.inplace && requires_grad(args[0]);
  for (int k = 0; k < d->ninputs; k++)
    if (requires_grad(args[d->inputs[k]])) return true;
  return false;
}

Ref<OpNode> record(const Op& op, const Derivative& d, const Value* args, bool inplace) {
  auto node = Ref<OpNode>::make(op, d);
  uint32_t wanted = 0;
  add_edges(*node, args, wanted);
  for (int i = 0; i < op.nargs; i++) {
    const Value& v = args[i];
    if (op.args[i].list && op.args[i].type == Type::Tensor) node->values.push_back(OwnedValue(int64_t(v.len)));
    else if (v.tag == Tag::Tensor) node->values.push_back(OwnedValue());
    else node->values.push_back(OwnedValue(v));
  }
  for (int i = 0; i < d.nsaves; i++) {
    const SaveSlot& slot = d.saves[i];
    node->begins.push_back(uint16_t(slot.meta_only ? node->metas.size() : node->tensors.size()));
    if (slot.source == SaveSlot::Arg) {
      save_argument(*node, args[slot.index], slot, slot.needed_by & wanted, inplace && slot.index == 0);
    } else if (!op.rets[slot.index].list) {
      if (slot.meta_only) node->metas.push_back(SavedMeta());
      else node->tensors.push_back(SavedTensor());
    }
  }
  return node;
}

void call_autograd(const Op& op, const Value* args, OwnedValue* rets) {
  if (op.out_variant) refuse_out(op, args);
  bool forward = tls.forward_ad && tls.forward_grad_enabled && op.derivative && any_tangent(op, args);
  bool backward = tls.grad_enabled && !op.out_variant && any_requires_grad(op, args);
  const Derivative& d = op.derivative ? *op.derivative : overwrite();
  Tensor old_self;
  if (forward && op.inplace) {
    Tensor self = args[0].tensor();
    {
      BelowAutograd below;
      old_self = ops::clone(self, std::nullopt);
    }
    if (self->autograd) autograd_meta(old_self).tangents = self->autograd->tangents;
  }
  Ref<OpNode> node;
  if (backward) node = call_recorded(op, d, args, rets);
  else call_plain(op, args, rets);
  if (forward) propagate_tangents(op, d, args, rets, old_self);
  if (node) save_results(*node, rets);  // with their tangents
}

}  // namespace kindling
