#include "batch.h"

#include "../dispatch/state.h"

namespace kindling {

std::vector<VmapLevel>& vmap_levels() {
  static thread_local std::vector<VmapLevel> levels;
  return levels;
}

int32_t enter_vmap(int64_t batch, Randomness randomness) {
  static std::atomic<uint64_t> made{0};
  vmap_levels().push_back({batch, randomness, ++made, tls.vmap_level, tls.grad_enabled});
  unusual_tensors_exist = true;
  return tls.vmap_level = int32_t(vmap_levels().size());
}

void exit_vmap() {
  KD_CHECK(!vmap_levels().empty(), Runtime, "no vmap is open");
  tls.vmap_level = vmap_levels().back().outer;
  vmap_levels().pop_back();
}

uint64_t batch_levels(const TensorImpl* t) {
  uint64_t levels = 0;
  for (; is_batched(t); t = batch_of(t).value.get()) levels |= uint64_t(1) << (batch_of(t).level & 63);
  return levels;
}

static void show(TensorImpl& t, Ref<BatchStorage> batch) {
  const Tensor& value = batch->value;
  KD_CHECK(batch->dim < value.dim(), Runtime, "a batch of examples needs dimension ", batch->dim, ", but has the shape ",
           value.sizes());
  Dims sizes(value.sizes()), strides(value.strides());
  sizes.erase(batch->dim);
  strides.erase(batch->dim);
  t.set_sizes_strides(sizes, strides);
  t.offset = value.offset();
  t.version = value->version;  // a write to the value is a write to its examples
  t.storage = std::move(batch);
}

void set_batched(const Tensor& t, Tensor value, int64_t dim) {
  const BatchStorage& old = batch_of(t.get());
  show(*t.get(), Ref<BatchStorage>::make(std::move(value), dim, old.level, old.serial));
}

Tensor make_batched(Tensor value, int64_t dim, int32_t level) {
  TensorImpl* t = new_impl();
  t->dtype = value.dtype();
  t->device = value.device();
  t->layout = value->layout;
  constexpr uint16_t inherited = TensorImpl::Conj | TensorImpl::Neg | TensorImpl::Inference;
  t->flags |= (value->flags & inherited) | TensorImpl::Batched;
  show(*t, Ref<BatchStorage>::make(std::move(value), dim, level, vmap_levels()[size_t(level) - 1].serial));
  return Tensor::steal(t);
}

BelowLevel::BelowLevel(int32_t now) : level(tls.vmap_level), autograd(tls.below_autograd), grad(tls.grad_enabled) {
  const VmapLevel& own = vmap_levels()[size_t(now) - 1];
  tls.vmap_level = own.outer;
  tls.below_autograd = false;
  tls.grad_enabled &= own.grad_enabled;
}
BelowLevel::~BelowLevel() {
  tls.vmap_level = level;
  tls.below_autograd = autograd;
  tls.grad_enabled = grad;
}

}  // namespace kindling
