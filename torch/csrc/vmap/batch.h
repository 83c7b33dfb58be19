// Batched tensors: what a function under vmap sees of a tensor that holds one example for each index of a hidden dimension.
#pragma once
#include <vector>

#include "../core/tensor.h"

namespace kindling {

// Stands where a plain tensor has its elements. A batched tensor shows the sizes and strides of one example.
struct BatchStorage final : Storage {
  Tensor value;
  int64_t dim;      // of `value`: the hidden one
  int32_t level;    // of the vmap that made it, from 1
  uint64_t serial;  // of that vmap: it may be over

  BatchStorage(Tensor v, int64_t d, int32_t l, uint64_t s) : value(std::move(v)), dim(d), level(l), serial(s) {
    device = value.device();
  }
  void destroy() const override { delete this; }
};

enum class Randomness : uint8_t { Error, Same, Different };

struct VmapLevel {
  int64_t batch;
  Randomness randomness;
  uint64_t serial;
  int32_t outer;      // the level in force where vmap was called
  bool grad_enabled;  // there: values are recorded only if they would have been
};
std::vector<VmapLevel>& vmap_levels();  // of this thread, outermost first; tls.vmap_level says how many are in force now
int32_t enter_vmap(int64_t batch, Randomness randomness);  // its level
void exit_vmap();

inline bool is_batched(const TensorImpl* t) { return t->has(TensorImpl::Batched); }
inline const BatchStorage& batch_of(const TensorImpl* t) { return *static_cast<const BatchStorage*>(t->storage.get()); }
inline bool is_batched_at(const TensorImpl* t, int32_t level) { return is_batched(t) && batch_of(t).level == level; }

Tensor make_batched(Tensor value, int64_t dim, int32_t level);
// Lets `t` show another value: what in-place changes of sizes do.
void set_batched(const Tensor& t, Tensor value, int64_t dim);

// While a rule runs: calls see the values of the levels below, and are recorded if those ask for it.
struct BelowLevel {
  int32_t level;
  bool autograd, grad;
  explicit BelowLevel(int32_t now);
  ~BelowLevel();
};

}  // namespace kindling
