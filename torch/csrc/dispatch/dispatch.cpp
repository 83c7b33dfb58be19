// The call path: which layers a call goes through.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "../autograd/meta.h"
#include "../autograd/node.h"
#include "autocast.h"
#include "op.h"
#include "state.h"

namespace kindling {

thread_local constinit ThreadState tls;
bool (*python_dispatch)(const Op&, const Value*, OwnedValue*) = nullptr;
void (*python_composite)(const Op&, const Value*, OwnedValue*) = nullptr;
bool unusual_tensors_exist = false;

namespace {

template <class F>
inline bool any_tensor(const Op& op, const Value* args, F&& test) {
  for (int i = 0; i < op.nargs; i++) {
    const Value& v = args[i];
    if (v.tag == Tag::Tensor) {
      if (test(v.tensor_)) return true;
    } else if (v.tag == Tag::List) {
      for (const Value& e : v.list())
        if (e.tag == Tag::Tensor && test(e.tensor_)) return true;
    }
  }
  return false;
}

// A view of a plain tensor needs its base remembered, and a write its version counted: the autograd layer does both.
inline bool meets_autograd(const Op& op, const Value* args) {
  if (op.inplace | op.out_variant | op.is_view) return true;
  return any_tensor(op, args, [](const TensorImpl* t) { return t->autograd != nullptr; });
}

// Inference mode: results are inference tensors, unless they share the storage of a normal one.
void mark_inference(const Op& op, const Value* args, OwnedValue* rets) {
  auto mark = [&](TensorImpl* t) {
    bool shares = any_tensor(op, args, [&](const TensorImpl* a) {
      return a == t || (!a->has(TensorImpl::Inference) && a->storage.get() == t->storage.get());
    });
    if (!shares) t->set(TensorImpl::Inference, true);
  };
  for (int i = 0; i < op.nrets; i++) {
    if (rets[i].tag == Tag::Tensor) mark(rets[i].tensor_);
    else if (rets[i].tag == Tag::List)
      for (const Value& e : rets[i].list())
        if (e.tag == Tag::Tensor) mark(e.tensor_);
  }
}

// Operators that modes see with conjugated arguments as they are; before any other, a mode sees the copy that resolves them.
bool takes_conjugated(const Op& op) {
  // clang-format off
  static const std::unordered_set<std::string_view> names = {
      "clone", "copy_", "mm", "addmm", "addmm_", "bmm", "baddbmm", "baddbmm_", "dot", "vdot", "_conj", "_conj_physical",
      "conj_physical", "conj_physical_", "resolve_conj", "resolve_neg", "empty_like", "full_like", "linalg_solve_triangular",
      "detach", "alias", "is_same_size"};
  // clang-format on
  return op.is_view || names.contains(op.name);
}

// The arguments of a call with copies in place of conjugated tensors.
class Resolved {
  SmallVec<Value, 8> plain_;
  std::vector<std::vector<Value>> lists_;
  std::vector<std::pair<Tensor, OwnedValue>> copies_;

  Value resolve(const Value& v) {
    if (v.tag != Tag::Tensor || !v.tensor_->has(TensorImpl::Conj)) return v;
    static const Op* const clone = find_op("clone", "");
    const Value given[] = {v, Value()};
    OwnedValue copy;
    call_below_autograd(*clone, given, &copy);
    copies_.emplace_back(v.tensor(), std::move(copy));
    return copies_.back().second;
  }

 public:
  Resolved(const Op& op, const Value* args) {
    for (int i = 0; i < op.nargs; i++) {
      plain_.push_back(resolve(args[i]));
      if (args[i].tag != Tag::List) continue;
      lists_.emplace_back();
      for (const Value& e : args[i].list()) lists_.back().push_back(resolve(e));
      plain_[i] = Value(std::span<const Value>(lists_.back()));
    }
  }
  const Value* args() const { return plain_.data(); }

  // What the operator wrote to a copy goes back to its original, which is the result, too.
  void write_back(const Op& op, OwnedValue* rets) {
    static const Op* const copy_ = find_op("copy_", "");
    for (int i = 0; i < op.nargs; i++) {
      if (!op.args[i].write || plain_[i].tag != Tag::Tensor) continue;
      for (auto& [original, copy] : copies_) {
        if (copy.tensor_ != plain_[i].tensor_) continue;
        const Value given[] = {original, copy, Value(false)};
        OwnedValue written;
        call_below_autograd(*copy_, given, &written);
        for (int k = 0; k < op.nrets; k++)
          if (rets[k].tag == Tag::Tensor && rets[k].tensor_ == copy.tensor_) rets[k] = OwnedValue(original);
      }
    }
  }
};

constexpr int64_t kOpenEnd = std::numeric_limits<int64_t>::max();  // of a slice: a number, not a tag of a symbolic size

// Compiled bodies of composites compute with sizes as numbers; where one is a formula, the Python body runs.
bool takes_symbolic(const Op& op, const Value* args) {
  for (int i = 0; i < op.nargs; i++)
    if ((args[i].tag == Tag::Int && is_symbolic(args[i].int_) && args[i].int_ != kOpenEnd) || any_symbolic(args[i].ints()))
      return true;
  return any_tensor(op, args, [](const TensorImpl* t) {
    return t->has(TensorImpl::PythonDispatch) && any_symbolic({t->dims, size_t(2 * t->ndim)});
  });
}

// A wrapper subclass has no elements: its handler must replace it before a kernel reads or writes.
void refuse_wrappers(const Op& op, const Value* args) {
  bool found = any_tensor(op, args, [](const TensorImpl* t) {
    return t->storage && t->storage->device.type == DeviceType::meta && t->device.type != DeviceType::meta;
  });
  KD_CHECK(!found, Runtime, "Cannot access data pointer of Tensor that doesn't have storage: ", op.name,
           " was called on a wrapper subclass below its __torch_dispatch__; hand it the tensor inside");
}

}  // namespace

void call_kernel(const Op& op, const Value* args, OwnedValue* rets) {
  if (op.family == Family::PyComposite) return python_composite(op, args, rets);
  if (op.family != Family::Kernel) return op.kernel(op, args, rets);
  BelowAutograd guard;  // a hand-written kernel may call operators
  op.kernel(op, args, rets);
}

namespace {

void call_python(const Op& op, const Value* args, OwnedValue* rets) {
  BelowAutograd guard;
  std::optional<Resolved> resolved;
  if (any_tensor(op, args, [](const TensorImpl* t) { return t->has(TensorImpl::Conj); }) && !takes_conjugated(op))
    args = resolved.emplace(op, args).args();
  if (!python_dispatch(op, args, rets)) call_kernel(op, args, rets);
  if (resolved) resolved->write_back(op, rets);
}

bool python_watches(const Op& op, const Value* args) {
  if (tls.torch_dispatch_disabled || !python_dispatch) return false;
  return tls.dispatch_modes > 0 || any_tensor(op, args, [](const TensorImpl* t) { return t->has(TensorImpl::PythonDispatch); });
}

}  // namespace

void call_below_autograd(const Op& op, const Value* args, OwnedValue* rets) {
  bool ask = (tls.dispatch_modes | tls.vmap_level) != 0 ||
             (unusual_tensors_exist && any_tensor(op, args, [](const TensorImpl* t) { return t->unusual(); }));
  if (__builtin_expect(!ask, 1)) return call_kernel(op, args, rets);
  if (takes_batches(op, args)) return call_batched(op, args, rets);
  if (python_watches(op, args)) return call_python(op, args, rets);
  refuse_wrappers(op, args);
  call_kernel(op, args, rets);
}

void call(const Op& op, const Value* args, OwnedValue* rets) {
  if (__builtin_expect(tls.autocast, 0) && op.cast != CastPolicy::AsGiven && !tls.below_autograd)
    return call_autocast(op, args, rets);
  if (op.family >= Family::Composite) {
    if (op.family == Family::PyComposite || (symbolic_sizes_exist && takes_symbolic(op, args)))
      return python_composite(op, args, rets);
    return op.kernel(op, args, rets);
  }
  if (!tls.below_autograd && meets_autograd(op, args)) call_autograd(op, args, rets);
  else call_below_autograd(op, args, rets);
  if (__builtin_expect(tls.inference_mode, 0)) mark_inference(op, args, rets);
}

const Op* find_op(std::string_view name, std::string_view overload) {
  static const std::unordered_map<std::string, const Op*> table = [] {
    std::unordered_map<std::string, const Op*> made;
    made.reserve(size_t(kNumOps) * 2);
    for (int i = 0; i < kNumOps; i++) made.emplace(concat(kOps[i]->name, '.', kOps[i]->overload), kOps[i]);
    return made;
  }();
  auto found = table.find(concat(name, '.', overload));
  return found == table.end() ? nullptr : found->second;
}

}  // namespace kindling
