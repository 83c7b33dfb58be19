// The vmap layer of a call: peels the innermost batch off the arguments and applies the operator's rule.
#include "../dispatch/state.h"
#include "rules.h"

namespace kindling {

namespace {

int32_t level_of(const Value& v) {
  if (v.tag == Tag::Tensor) return is_batched(v.tensor_) ? batch_of(v.tensor_).level : 0;
  int32_t level = 0;
  for (const Value& e : v.list()) level = std::max(level, level_of(e));
  return level;
}

int32_t level_of(const Op& op, const Value* args) {
  int32_t level = 0;
  for (int i = 0; i < op.nargs; i++) level = std::max(level, level_of(args[i]));
  return level;
}

void refuse_escaped(const Op& op, const TensorImpl* t) {
  const BatchStorage& b = batch_of(t);
  const auto& levels = vmap_levels();
  KD_CHECK(size_t(b.level) <= levels.size() && levels[size_t(b.level) - 1].serial == b.serial, Runtime,
           "Either your tensor may have escaped from inside a function being vmapped and this is a user error (see "
           "https://pytorch.org/functorch/stable/ux_limitations.html), or there is an internal functorch error in `",
           op.name, "`. The tensor belongs to a vmap that has returned: let the function return it instead.");
}

void refuse_escaped(const Op& op, const Value* args) {
  for (int i = 0; i < op.nargs; i++) {
    if (args[i].tag == Tag::Tensor && is_batched(args[i].tensor_)) refuse_escaped(op, args[i].tensor_);
    for (const Value& e : args[i].list())
      if (e.tag == Tag::Tensor && is_batched(e.tensor_)) refuse_escaped(op, e.tensor_);
  }
}

// A tensor that all examples share cannot take what is different for each.
void refuse_write(const VmapCall& c) {
  if (c.op.vmap == vmap_random) return;
  for (int i = 0; i < c.op.nargs; i++)
    KD_CHECK(
        !c.op.args[i].write || c.args[i].is_none() || c.batched(i), Runtime, "vmap: ", c.op.name,
        "(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more elements than `",
        c.op.args[i].name, "`. This happened due to `other` being vmapped over but `", c.op.args[i].name,
        "` not being vmapped over in a vmap. Please try to use out-of-place operators instead of ", c.op.name,
        ". If said operator is being called inside the PyTorch framework, please file a bug report instead.");
}

}  // namespace

bool takes_batches(const Op& op, const Value* args) {
  return (tls.vmap_level > 0 && op.vmap == vmap_random) || level_of(op, args) > 0;
}

void call_batched(const Op& op, const Value* args, OwnedValue* rets) {
  refuse_escaped(op, args);
  int32_t level = op.vmap == vmap_random ? std::max(tls.vmap_level, level_of(op, args)) : level_of(op, args);
  VmapCall c{op, args, rets, level, vmap_levels()[size_t(level) - 1].batch};
  KD_CHECK(!op.out_variant, Runtime, "Batching rule not implemented for aten::", op.name, ".", op.overload,
           "; the fallback path doesn't work on out= or view ops.");
  refuse_write(c);
  (op.vmap ? op.vmap : vmap_loop)(c);
  if (op.inplace) rets[0] = OwnedValue(args[0].tensor());
}

// ---- what rules are made of ----

bool VmapCall::batched(const Value& v) const {
  if (v.tag == Tag::Tensor) return is_batched_at(v.tensor_, level);
  for (const Value& e : v.list())
    if (batched(e)) return true;
  return false;
}

bool VmapCall::any_batched() const {
  for (int i = 0; i < op.nargs; i++)
    if (batched(i)) return true;
  return false;
}

Tensor batch_front(const Tensor& value, int64_t dim) { return dim == 0 ? value : ops::movedim_int(value, dim, 0); }

Tensor VmapCall::front(const Tensor& t) const {
  if (!t.defined() || !is_batched_at(t.get(), level)) return t;
  const BatchStorage& b = batch_of(t.get());
  BelowLevel below(level);
  return batch_front(b.value, b.dim);
}

Tensor VmapCall::spread(const Tensor& t) const {
  if (!t.defined() || is_batched_at(t.get(), level)) return front(t);
  BelowLevel below(level);
  return ops::expand(t, prepended(batch, t.sizes()));
}

Tensor VmapCall::wrap(Tensor value, int64_t dim) const {
  return value.defined() ? make_batched(std::move(value), dim, level) : value;
}

void VmapCall::run(const Arguments& a) const {
  {
    BelowLevel below(level);
    call(op, a.values.data(), rets);
  }
  if (op.inplace) return;
  for (int i = 0; i < op.nrets; i++) {
    if (rets[i].tag == Tag::Tensor) {
      set(i, rets[i].take());
    } else if (rets[i].tag == Tag::List && op.rets[i].type == Type::Tensor) {
      auto list = rets[i].take_list();
      for (Tensor& t : list) t = wrap(std::move(t));
      rets[i] = OwnedValue::tensors({list.data(), size_t(list.size())});
    }
  }
}

Dims prepended(int64_t batch, IntList sizes) {
  Dims all{batch};
  for (int64_t s : sizes) all.push_back(s);
  return all;
}

Tensor with_rank(const Tensor& front, int64_t rank) {
  int64_t missing = rank - (front.dim() - 1);
  if (missing <= 0) return front;
  Dims sizes{front.size(0)};
  for (int64_t i = 0; i < missing; i++) sizes.push_back(1);
  for (int64_t s : front.sizes().subspan(1)) sizes.push_back(s);
  return ops::view(front, sizes);
}

Tensor merged(const Tensor& front) {
  Dims sizes(front.sizes());
  sizes[1] *= sizes[0];
  sizes.erase(0);
  return ops::reshape(front, sizes);
}

Tensor parted(const Tensor& t, int64_t batch, int64_t items) {
  Dims sizes(t.sizes());
  sizes[0] = items;
  return ops::reshape(t, prepended(batch, sizes));
}

}  // namespace kindling
