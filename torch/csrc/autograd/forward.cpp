// Forward mode: tangents of results from the tangents of arguments.
#include "forward.h"

#include "../dispatch/state.h"
#include "ops.h"
#include "views.h"

namespace kindling {

namespace {

thread_local std::vector<uint32_t> open_levels;
thread_local uint32_t levels_made = 0;  // each level has a number of its own, so that tangents of a closed one are forgotten

const Tensor* tangent_at(const TensorImpl* t, uint32_t level) {
  if (!t->autograd) return nullptr;
  for (const Tangent& x : t->autograd->tangents)
    if (x.level == level) return &x.value;
  return nullptr;
}

bool has_tangent(const Value& v, uint32_t level) {
  if (v.tag == Tag::Tensor) return tangent_at(v.tensor_, level);
  for (const Value& e : v.list())
    if (has_tangent(e, level)) return true;
  return false;
}

Tensor zeros_of(const Tensor& t) {
  BelowAutograd below;
  return ops::zeros_like(t, DType::none, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
}

Tensor tangent_or_zeros(const Value& v, uint32_t level) {
  if (!v.is_tensor()) return {};
  const Tensor* t = tangent_at(v.tensor_, level);
  return t ? *t : zeros_of(detach(Tensor::share(v.tensor_)));
}

Tensor without_tangent(const Value& v, uint32_t level) { return v.is_tensor() ? primal_of(v.tensor(), level) : v.tensor(); }

}  // namespace

Tensor ForwardContext::primal(int position) const { return without_tangent(args[position], level); }
bool ForwardContext::has_tangent(int position) const { return kindling::has_tangent(args[position], level); }
Tensor ForwardContext::tangent(int position) const { return tangent_or_zeros(args[position], level); }
SmallVec<Tensor, 4> ForwardContext::primal_list(int position) const {
  SmallVec<Tensor, 4> list;
  for (const Value& e : args[position].list()) list.push_back(without_tangent(e, level));
  return list;
}
SmallVec<Tensor, 4> ForwardContext::tangent_list(int position) const {
  SmallVec<Tensor, 4> list;
  for (const Value& e : args[position].list()) list.push_back(tangent_or_zeros(e, level));
  return list;
}
Tensor ForwardContext::result(int i) const { return without_tangent(results[i], level); }

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
      Tensor t = v.is_tensor() ? without_tangent(v, c.level) : Tensor();
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
    if (complex && part.is_complex()) part = ops::resolve_conj(ops::conj(part));
    total = total.defined() ? ops::add_Tensor(total, part, Scalar(1)) : part;
  }
  if (total.defined() && total.is_complex() && !c.result().is_complex()) total = ops::real(total);
  IntList sizes = c.result().sizes();
  if (total.defined() && !same(total.sizes(), sizes))
    total = ops::clone(ops::expand(total, sizes, false), MemoryFormat::contiguous);
  c.set(0, std::move(total));
}

static bool any_history(const ForwardContext& c) {
  auto has = [&](const Value& v) {
    if (!v.is_tensor()) return false;
    const Tensor* tangent = tangent_at(v.tensor_, c.level);
    return v.tensor().requires_grad() || (tangent && tangent->requires_grad());
  };
  for (int i = 0; i < c.op.nargs; i++) {
    if (has(c.args[i])) return true;
    for (const Value& e : c.args[i].list())
      if (has(e)) return true;
  }
  return false;
}

// Backward is linear in the gradients u of the results: x* = J^H u. Its own backward, from the tangents, gives J t.
void transposed_jvp(ForwardContext& c) {
  const Derivative& d = *c.op.derivative;
  const bool recorded = tls.grad_enabled && any_history(c);
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
      const Tensor* tangent = e.is_tensor() ? tangent_at(e.tensor_, c.level) : nullptr;
      tangents.push_back(tangent ? *tangent : Tensor());
      if (tangent) node->next[edge].fn = sink;
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
  for (int64_t i = 0; i < found.size(); i++) {
    Tensor t = found[i];
    if (t.defined() && !recorded) {
      t = detach(t);
      if (found[i]->autograd) autograd_meta(t).tangents = found[i]->autograd->tangents;
    }
    c.set(int(i), t);
  }
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
  for (uint32_t level : open_levels)
    for (int i = 0; i < op.nargs; i++)
      if (has_tangent(args[i], level)) return true;
  return false;
}

uint64_t batch_levels(const TensorImpl* t);  // vmap/batch.cpp: a bit for each vmap of which it is an example

// Can `place` take the values of `t`, which may differ between examples?
static bool holds(const Tensor& place, const Tensor& t) { return !(batch_levels(t.get()) & ~batch_levels(place.get())); }

// `place`, or a copy of it that can.
static Tensor able_to_hold(const Tensor& place, const Tensor& t) {
  if (holds(place, t)) return place;
  return ops::add_Tensor(place, ops::new_zeros(t, Dims{}, DType::none, std::nullopt, std::nullopt, std::nullopt), Scalar(1));
}

// After an in-place write. Tangents of views are views of their base's tangent, so that writing to one changes the other.
static void overwrite_tangent(const Tensor& t, const Tensor& tangent, uint32_t level) {
  const ViewMeta* v = view_of(t);
  Tensor place = tangent_of(t, level);
  if (v && !(place.defined() && holds(place, tangent))) {
    Tensor whole = tangent_of(v->base, level);
    if (!whole.defined()) whole = zeros_of(detach(v->base));
    whole = able_to_hold(whole, tangent);
    set_tangent(v->base, whole, level);
    place = ViewPath::of(t).apply(whole);
  }
  if (place.defined()) place = able_to_hold(place, tangent);
  if (!place.defined()) return set_tangent(t, tangent, level);
  if (!place.is(tangent)) ops::copy_(place, tangent, false);
  set_tangent(t, place, level);
}

// A formula may hand on the tangent of an argument as it is; later writes to the argument are not to reach the result.
static bool shares_tangent(const Op& op, const Value* args, const Tensor& tangent, uint32_t level) {
  for (int i = 0; i < op.nargs; i++) {
    const Tensor* t = args[i].is_tensor() ? tangent_at(args[i].tensor_, level) : nullptr;
    if (t && t->storage() == tangent.storage()) return true;
  }
  return false;
}

static void propagate(const Op& op, const Derivative& d, const Value* primals, const OwnedValue* rets, uint32_t level,
                      std::span<const Tensor> results) {
  TensorVec out(int64_t(results.size()));
  ForwardContext context{op, primals, rets, level, out};
  (d.jvp ? d.jvp : transposed_jvp)(context);
  for (size_t i = 0; i < results.size(); i++) {
    if (!results[i].defined() || !is_differentiable(results[i].dtype())) continue;
    if (op.inplace && !out[i].defined() && tangent_at(results[i].get(), level)) out[i] = zeros_of(detach(results[i]));
    if (!out[i].defined()) continue;
    if (op.inplace) overwrite_tangent(results[i], out[i], level);
    else
      set_tangent(results[i],
                  op.is_view || !shares_tangent(op, primals, out[i], level) ? out[i] : ops::clone(out[i], std::nullopt), level);
  }
}

// From the outermost level to the innermost: the tangents of the results of one level are there when inner ones are computed.
void propagate_tangents(const Op& op, const Derivative& d, const Value* args, OwnedValue* rets, const Tensor& old_self) {
  std::vector<Value> primals(args, args + op.nargs);
  if (old_self.defined()) primals[0] = Value(old_self);
  std::vector<Tensor> results;
  for (int i = 0; i < op.nrets; i++) {
    if (rets[i].tag == Tag::Tensor) results.push_back(rets[i].tensor());
    else if (rets[i].tag == Tag::List)
      for (const Value& e : rets[i].list()) results.push_back(e.tensor());
    else results.emplace_back();
  }
  const std::vector<uint32_t> levels = open_levels;
  for (uint32_t level : levels) {
    bool any = false;
    for (int k = 0; k < d.ninputs; k++) any |= has_tangent(primals[d.inputs[k]], level);
    if (any) propagate(op, d, primals.data(), rets, level, results);
  }
}

// ---- levels ----

std::span<const uint32_t> open_dual_levels() { return open_levels; }

uint32_t open_dual_level() {
  tls.forward_ad = true;
  open_levels.push_back(++levels_made);
  return levels_made;
}

void close_dual_level(uint32_t level) {
  KD_CHECK(!open_levels.empty() && open_levels.back() == level, Runtime,
           "Trying to exit a forward AD level that was not the last one that was created. This is not supported.");
  open_levels.pop_back();
  tls.forward_ad = !open_levels.empty();
}

Tensor tangent_of(const Tensor& t, uint32_t level) {
  const Tensor* tangent = tangent_at(t.get(), level);
  return tangent ? *tangent : Tensor();
}

static bool is_open(uint32_t level) { return std::find(open_levels.begin(), open_levels.end(), level) != open_levels.end(); }

void set_tangent(const Tensor& t, Tensor tangent, uint32_t level) {
  KD_CHECK(is_open(level), Runtime,
           "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.");
  KD_CHECK(same(t.sizes(), tangent.sizes()), Runtime,
           "Trying to set a forward gradient that has a different size than that of the original "
           "Tensor, this is not supported. Tensor is of size ",
           t.sizes(), " while the given forward gradient is of size ", tangent.sizes(), ".");
  if (tangent.is_conj() != t.is_conj())
    tangent = t.is_conj() ? ops::conj(ops::conj_physical(tangent)) : ops::resolve_conj(tangent);
  auto& all = autograd_meta(t).tangents;
  std::erase_if(all, [&](const Tangent& x) { return x.level == level || !is_open(x.level); });
  auto at = std::find_if(all.begin(), all.end(), [&](const Tangent& x) { return x.level > level; });
  all.insert(at, {level, std::move(tangent)});
}

Tensor make_dual(const Tensor& primal, const Tensor& tangent, uint32_t level) {
  KD_CHECK(primal.dtype() == tangent.dtype(), Runtime, "Expected the tangent to have the primal's dtype ",
           info(primal.dtype()).name, ", but it has ", info(tangent.dtype()).name);
  Tensor dual = ops::view(primal, primal.sizes());
  set_tangent(dual, tangent, level);
  return dual;
}

Tensor primal_of(const Tensor& t, uint32_t level) {
  const AutogradMeta* m = t->autograd;
  if (!m || std::none_of(m->tangents.begin(), m->tangents.end(), [&](const Tangent& x) { return x.level >= level; })) return t;
  Tensor primal = detach(t);
  if (t.requires_grad()) {
    Edge e = gradient_edge(t);
    set_history(primal, e.fn, e.input);
  }
  for (const Tangent& x : m->tangents)
    if (x.level < level) autograd_meta(primal).tangents.push_back(x);
  return primal;
}

}  // namespace kindling
