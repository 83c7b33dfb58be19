// Forward mode: tangents of results from the tangents of arguments.
#include "forward.h"

#include "../dispatch/state.h"
#include "ops.h"
#include "views.h"

namespace kindling {

namespace {

thread_local uint32_t open_level = 0;  // a new number for each level, so that tangents of a closed one are forgotten
thread_local uint32_t levels_made = 0;

const Tensor* tangent_at(const TensorImpl* t) {
  const AutogradMeta* m = t->autograd;
  return m && open_level && m->forward_level == open_level && m->forward_grad.defined() ? &m->forward_grad : nullptr;
}

bool has_tangent(const Value& v) {
  if (v.tag == Tag::Tensor) return tangent_at(v.tensor_);
  for (const Value& e : v.list())
    if (has_tangent(e)) return true;
  return false;
}

Tensor zeros_of(const Tensor& t) {
  BelowAutograd below;
  return ops::zeros_like(t, DType::none, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
}

Tensor tangent_or_zeros(const Value& v) {
  if (!v.is_tensor()) return {};
  const Tensor* t = tangent_at(v.tensor_);
  return t ? *t : zeros_of(detach(Tensor::share(v.tensor_)));
}

// Same history, no tangent: what a jvp formula computes with, so that it can itself be differentiated backwards.
Tensor without_tangent(const Value& v) {
  Tensor t = v.tensor();
  if (!t.defined() || !tangent_at(t.get())) return t;
  Tensor primal = detach(t);
  if (t.requires_grad()) {
    Edge e = gradient_edge(t);
    AutogradMeta& m = autograd_meta(primal);
    m.grad_fn = e.fn;
    m.output_nr = e.input;
  }
  return primal;
}

}  // namespace

Tensor ForwardContext::primal(int position) const { return without_tangent(args[position]); }
bool ForwardContext::has_tangent(int position) const { return kindling::has_tangent(args[position]); }
Tensor ForwardContext::tangent(int position) const { return tangent_or_zeros(args[position]); }
SmallVec<Tensor, 4> ForwardContext::primal_list(int position) const {
  SmallVec<Tensor, 4> list;
  for (const Value& e : args[position].list()) list.push_back(without_tangent(e));
  return list;
}
SmallVec<Tensor, 4> ForwardContext::tangent_list(int position) const {
  SmallVec<Tensor, 4> list;
  for (const Value& e : args[position].list()) list.push_back(tangent_or_zeros(e));
  return list;
}
Tensor ForwardContext::result(int i) const { return without_tangent(results[i]); }

namespace {

struct Sink final : Node {
  TensorVec apply(TensorVec) override { return {}; }
  const char* name() const override { return "Tangent"; }
};

// The node that backward of this call would have, over primals; its edges are null.
Ref<OpNode> backward_node(const ForwardContext& c) {
  const Derivative& d = *c.op.derivative;
  auto node = Ref<OpNode>::make(c.op, d);
  for (int i = 0; i < c.op.nargs; i++) {
    const Value& v = c.args[i];
    bool tensors = c.op.args[i].list && c.op.args[i].type == Type::Tensor;
    node->values.push_back(tensors ? OwnedValue(int64_t(v.len)) : v.is_tensor() ? OwnedValue() : OwnedValue(v));
  }
  for (int s = 0; s < d.nsaves; s++) {
    const SaveSlot& slot = d.saves[s];
    auto keep = [&](const Value& v) {
      Tensor t = v.is_tensor() ? without_tangent(v) : Tensor();
      if (slot.meta_only) {
        node->metas.push_back(t.defined() ? SavedMeta(t) : SavedMeta());
        return;
      }
      SavedTensor saved;
      saved.save(t, false);
      node->tensors.push_back(std::move(saved));
    };
    node->begins.push_back(uint16_t(slot.meta_only ? node->metas.size() : node->tensors.size()));
    const Value& v = slot.source == SaveSlot::Arg ? c.args[slot.index] : c.results[slot.index];
    if (v.tag != Tag::List) keep(v);
    else
      for (const Value& e : v.list()) keep(e);
  }
  for (int k = 0; k < d.ninputs; k++)
    for (int e = 0; e < node->edges_of(k); e++) node->next.push_back({});
  for (int i = 0; i < c.op.nrets; i++) {
    if (c.results[i].tag == Tag::Tensor) node->outputs.push_back(OutputMeta(c.results[i].tensor()));
    else
      for (const Value& e : c.results[i].list()) node->outputs.push_back(OutputMeta(e.tensor()));
  }
  return node;
}

}  // namespace

// An element-wise operator has a diagonal Jacobian: d_out = sum over inputs of J_i d_in, while backward gives conj(J_i) grad.
void pointwise_jvp(ForwardContext& c) {
  const Derivative& d = *c.op.derivative;
  Ref<OpNode> node = backward_node(c);
  auto sink = Ref<Sink>::make();
  Tensor total;
  for (int k = 0; k < d.ninputs; k++) {
    if (!c.has_tangent(d.inputs[k])) continue;
    node->next[k].fn = sink;
    Tensor tangent = c.tangent(d.inputs[k]);
    bool complex = tangent.is_complex() || c.result().is_complex();
    if (complex != tangent.is_complex()) tangent = ops::to_dtype(tangent, c.result().dtype(), false, false, std::nullopt);
    TensorVec grads{complex ? ops::conj(tangent) : tangent};
    TensorVec out(d.ninputs);
    BackwardContext back{*node, grads, out};
    d.backward(back);
    node->next[k].fn = nullptr;
    Tensor part = out[k];
    if (!part.defined()) continue;
    if (complex && part.is_complex()) part = ops::conj(part);
    total = total.defined() ? ops::add_Tensor(total, part, Scalar(1)) : part;
  }
  if (total.defined() && total.is_complex() && !c.result().is_complex()) total = ops::real(total);
  if (total.defined() && !same(total.sizes(), c.result().sizes())) total = ops::expand(total, c.result().sizes(), false);
  c.set(0, std::move(total));
}

// Backward is linear in the gradients u of the results: x* = J^H u. Its own backward, from the tangents, gives J t.
void transposed_jvp(ForwardContext& c) {
  const Derivative& d = *c.op.derivative;
  AboveAutograd above;
  GradMode on(true);
  Ref<OpNode> node = backward_node(c);
  auto sink = Ref<Sink>::make();
  TensorVec grads;
  SmallVec<Edge, 4> targets;
  for (const OutputMeta& m : node->outputs) {
    bool differentiable = is_differentiable(m.dtype);
    grads.push_back(differentiable ? ops::zeros(m.sizes, m.dtype, std::nullopt, m.device, std::nullopt) : Tensor());
    if (differentiable) set_requires_grad(grads.back(), true);
    targets.push_back(differentiable ? gradient_edge(grads.back()) : Edge());
  }
  TensorVec tangents;
  for (int k = 0; k < d.ninputs; k++) {
    const Value& v = c.args[d.inputs[k]];
    int edge = node->edge_of(k);
    auto add = [&](const Value& e) {
      bool has = e.is_tensor() && tangent_at(e.tensor_);
      tangents.push_back(has ? *tangent_at(e.tensor_) : Tensor());
      if (has) node->next[edge].fn = sink;
      edge++;
    };
    if (v.tag != Tag::List) add(v);
    else
      for (const Value& e : v.list()) add(e);
  }
  TensorVec out(node->next.size());
  BackwardContext back{*node, grads, out};
  d.backward(back);
  SmallVec<Edge, 4> roots;
  TensorVec weights;
  for (int64_t i = 0; i < out.size(); i++) {
    if (!tangents[i].defined() || !out[i].defined() || !out[i].requires_grad()) continue;
    roots.push_back(gradient_edge(out[i]));
    Tensor shaped = same(tangents[i].sizes(), out[i].sizes()) ? tangents[i] : ops::expand(tangents[i], out[i].sizes(), false);
    weights.push_back(std::move(shaped));
  }
  if (roots.empty()) return;
  TensorVec found = run_backward(roots, {weights.data(), size_t(weights.size())}, targets,
                                 {.retain_graph = true, .create_graph = true, .accumulate = false});
  for (int64_t i = 0; i < found.size(); i++) c.set(int(i), found[i]);
}

void linear_jvp(ForwardContext& c) {
  SmallVec<Value, 8> args;
  SmallVec<Tensor, 4> kept;
  std::vector<std::vector<Tensor>> lists;
  std::vector<std::vector<Value>> list_values;
  const Derivative& d = *c.op.derivative;
  auto differentiable = [&](int position) { return std::find(d.inputs, d.inputs + d.ninputs, position) != d.inputs + d.ninputs; };
  for (int i = 0; i < c.op.nargs; i++) {
    bool tangent = differentiable(i);
    if (c.args[i].is_tensor()) {
      kept.push_back(tangent ? c.tangent(i) : c.primal(i));
      args.push_back(kept.back());
    } else if (tangent && c.args[i].tag == Tag::List) {
      auto tangents = c.tangent_list(i);
      lists.emplace_back(tangents.begin(), tangents.end());
      list_values.emplace_back(lists.back().begin(), lists.back().end());
      args.push_back(Value(std::span<const Value>(list_values.back())));
    } else {
      args.push_back(c.args[i]);
    }
  }
  std::vector<OwnedValue> rets(c.op.nrets);
  call(c.op, args.data(), rets.data());
  int64_t at = 0;
  for (int i = 0; i < c.op.nrets; i++) {
    if (rets[i].tag != Tag::List) {
      c.set(int(at++), rets[i].take());
      continue;
    }
    for (const Value& e : rets[i].list()) c.set(int(at++), e.tensor());
  }
}

bool any_tangent(const Op& op, const Value* args) {
  for (int i = 0; i < op.nargs; i++)
    if (has_tangent(args[i])) return true;
  return false;
}

// After an in-place write. Tangents of views are views of their base's tangent, so that writing to one changes the other.
static void overwrite_tangent(const Tensor& t, const Tensor& tangent) {
  Tensor place = tangent_of(t);
  const ViewMeta* v = view_of(t);
  if (!place.defined() && v) {
    if (!tangent_of(v->base).defined()) set_tangent(v->base, zeros_of(detach(v->base)));
    place = ViewPath::of(t).apply(tangent_of(v->base));
  }
  if (!place.defined()) return set_tangent(t, tangent);
  if (!place.is(tangent)) ops::copy_(place, tangent, false);
  set_tangent(t, place);
}

void propagate_tangents(const Op& op, const Derivative& d, const Value* args, OwnedValue* rets, const Tensor& old_self) {
  bool any = false;
  for (int k = 0; k < d.ninputs; k++) any |= has_tangent(args[d.inputs[k]]);
  if (!any) return;
  std::vector<Value> primals(args, args + op.nargs);
  if (old_self.defined()) primals[0] = Value(old_self);
  TensorVec out;
  std::vector<Tensor> results;
  for (int i = 0; i < op.nrets; i++) {
    if (rets[i].tag == Tag::Tensor) results.push_back(rets[i].tensor());
    else if (rets[i].tag == Tag::List)
      for (const Value& e : rets[i].list()) results.push_back(e.tensor());
    else results.emplace_back();
  }
  out.resize(int64_t(results.size()));
  ForwardContext context{op, primals.data(), rets, out};
  (d.jvp ? d.jvp : transposed_jvp)(context);
  for (size_t i = 0; i < results.size(); i++) {
    if (!out[i].defined() || !results[i].defined() || !is_differentiable(results[i].dtype())) continue;
    if (op.inplace) overwrite_tangent(results[i], out[i]);
    else set_tangent(results[i], out[i]);
  }
}

Tensor tangent_of(const Tensor& t) {
  const Tensor* tangent = tangent_at(t.get());
  return tangent ? *tangent : Tensor();
}

void set_tangent(const Tensor& t, Tensor tangent) {
  KD_CHECK(open_level, Runtime,
           "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.");
  KD_CHECK(same(t.sizes(), tangent.sizes()), Runtime,
           "Trying to set a forward gradient that has a different size than that of the original "
           "Tensor, this is not supported. Tensor is of size ",
           t.sizes(), " while the given forward gradient is of size ", tangent.sizes(), ".");
  if (tangent.is_conj() != t.is_conj())
    tangent = t.is_conj() ? ops::conj(ops::conj_physical(tangent)) : ops::resolve_conj(tangent);
  AutogradMeta& m = autograd_meta(t);
  m.forward_grad = std::move(tangent);
  m.forward_level = open_level;
}

int enter_dual_level() {
  KD_CHECK(!open_level, Runtime, "Nested forward mode AD is not supported at the moment");
  open_level = ++levels_made;
  tls.forward_ad = true;
  return 0;
}

void exit_dual_level(int level) {
  KD_CHECK(open_level, Runtime, "Trying to exit a forward AD level that was not the last one that was created.");
  KD_CHECK(level == 0, Runtime,
           "Trying to exit a forward AD level that was not the last one that was created. This is not supported.");
  open_level = 0;
  tls.forward_ad = false;
}

}  // namespace kindling
