#include "autocast.h"

#include <unordered_map>

#include "../autograd/meta.h"
#include "ops.h"
#include "state.h"

namespace kindling {

thread_local constinit AutocastState autocast;

namespace {

struct Casting {
  Casting() { tls.autocast = false; }
  ~Casting() { tls.autocast = autocast.cpu | autocast.cuda; }
};

// The weights of a model are cast once a context, not once a use: parameter -> (itself, kept alive; its cast).
std::unordered_map<const TensorImpl*, std::pair<Tensor, Tensor>>& kept() {
  static thread_local std::unordered_map<const TensorImpl*, std::pair<Tensor, Tensor>> map;
  return map;
}

bool enabled_for(const TensorImpl* t) {
  return t->device.type == DeviceType::cpu ? autocast.cpu : t->device.type == DeviceType::cuda && autocast.cuda;
}
DType lower_dtype(const TensorImpl* t) { return t->device.type == DeviceType::cpu ? autocast.cpu_dtype : autocast.cuda_dtype; }

// float64 is never lowered: who uses it means it.
bool eligible(const TensorImpl* t) { return enabled_for(t) && is_floating(t->dtype) && t->dtype != DType::float64; }

bool worth_keeping(const TensorImpl* t, DType to) {
  if (!autocast.cache || t->dtype != DType::float32 || to != lower_dtype(t) || !t->autograd) return false;
  return t->autograd->requires_grad && !t->autograd->grad_fn && !t->autograd->view && tls.grad_enabled;
}

Tensor converted(TensorImpl* t, DType to) {
  if (!worth_keeping(t, to)) return ops::to_dtype(Tensor::share(t), to);
  auto [at, fresh] = kept().try_emplace(t);
  if (fresh || at->second.second.dtype() != to) {
    Tensor source = Tensor::share(t);
    Tensor cast = ops::to_dtype(source, to);
    kept()[t] = {std::move(source), std::move(cast)};
  }
  return kept()[t].second;
}

// The widest dtype among the eligible arguments, float32 above both half types.
struct Widest {
  DType dtype = DType::none;
  void meet(const Value& v) {
    if (!v.is_tensor() || !eligible(v.tensor_)) return;
    if (dtype == DType::none) dtype = lower_dtype(v.tensor_);
    if (v.tensor_->dtype != dtype) dtype = DType::float32;
  }
};

DType widest(const Op& op, const Value* args) {
  Widest found;
  for (int i = 0; i < op.nargs; i++) {
    found.meet(args[i]);
    for (const Value& e : args[i].list()) found.meet(e);
  }
  return found.dtype;
}

}  // namespace

void set_autocast(DeviceType device, bool on) {
  (device == DeviceType::cpu ? autocast.cpu : autocast.cuda) = on;
  tls.autocast = autocast.cpu | autocast.cuda;
}

void clear_autocast_cache() { kept().clear(); }

void call_autocast(const Op& op, const Value* args, OwnedValue* rets) {
  Casting off;
  DType all = op.cast == CastPolicy::Widest ? widest(op, args) : DType::float32;
  auto cast = [&](const Value& v, SmallVec<Tensor, 8>& held) -> Value {
    if (!v.is_tensor() || !eligible(v.tensor_)) return v;
    DType to = op.cast == CastPolicy::Lower ? lower_dtype(v.tensor_) : all;
    if (v.tensor_->dtype == to) return v;
    held.push_back(converted(v.tensor_, to));
    return held[held.size() - 1];
  };
  SmallVec<Tensor, 8> held;
  SmallVec<Value, 8> changed;
  std::vector<std::vector<Value>> lists;
  for (int i = 0; i < op.nargs; i++) {
    if (args[i].tag != Tag::List) {
      changed.push_back(cast(args[i], held));
      continue;
    }
    auto& list = lists.emplace_back();
    for (const Value& e : args[i].list()) list.push_back(cast(e, held));
    changed.push_back(Value(std::span<const Value>(list)));
  }
  call(op, changed.data(), rets);
}

}  // namespace kindling
