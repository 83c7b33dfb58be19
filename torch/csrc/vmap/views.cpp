// Rules of views and of other operators whose dimensions need more than a shift.
#include "../dispatch/state.h"
#include "rules.h"

namespace kindling {

// as_strided and its kin: the strides of one example, and the batch as it lies.
void vmap_as_strided(VmapCall& c) {
  Arguments a(c.op, c.args);
  Tensor value = c.spread(0);
  Dims strides{value.strides()[0]};
  for (int64_t s : c.args[2].ints()) strides.push_back(s);
  a.set(0, OwnedValue(value));
  a.set(1, OwnedValue(Value(prepended(c.batch, c.args[1].ints()))));
  a.set(2, OwnedValue(Value(strides)));
  if (c.args[3].is_none()) a.set(3, OwnedValue(c.tensor(0).offset()));
  c.run(a);
}

// new_empty_strided(self, size, stride): the examples lie one behind the other.
void vmap_new_strided(VmapCall& c) {
  Arguments a(c.op, c.args);
  IntList sizes = c.args[1].ints(), strides = c.args[2].ints();
  int64_t extent = 1;
  for (size_t i = 0; i < sizes.size(); i++) extent += sizes[i] ? (sizes[i] - 1) * strides[i] : 0;
  a.set(0, OwnedValue(c.front(0)));
  a.set(1, OwnedValue(Value(prepended(c.batch, sizes))));
  a.set(2, OwnedValue(Value(prepended(extent, strides))));
  c.run(a);
}

void vmap_t(VmapCall& c) {
  const int64_t rank = c.tensor(0).dim();
  KD_CHECK(rank <= 2, Runtime, "t() expects a tensor with <= 2 dimensions, but self is ", rank, "D");
  Tensor value = c.front(0);
  BelowLevel below(c.level);
  c.set(0, rank == 2 ? ops::transpose_int(value, 1, 2) : ops::alias(value));
}

void vmap_permute(VmapCall& c) {
  const int64_t rank = c.tensor(0).dim();
  KD_CHECK(c.args[1].len == rank, Runtime,
           "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
           "dimensions i.e. input.dim() = ",
           rank, " is not equal to len(dims) = ", int64_t(c.args[1].len));
  Dims dims{0};
  for (int64_t d : c.args[1].ints()) dims.push_back(wrap_dim(d, rank) + 1);
  Arguments a(c.op, c.args);
  a.set(0, OwnedValue(c.front(0)));
  a.set(1, OwnedValue(Value(dims)));
  c.run(a);
}

void vmap_squeeze(VmapCall& c) {
  Tensor value = c.front(0);
  BelowLevel below(c.level);
  Dims dims;
  for (int64_t d = 1; d < value.dim(); d++) dims.push_back(d);
  c.set(0, ops::squeeze_dims(value, dims));
}

// Without dims it rolls the elements in their order.
void vmap_roll(VmapCall& c) {
  if (c.args[2].ints().size()) return vmap_shift(c);
  BelowAutograd recorded;
  const int64_t first[] = {0};
  Tensor self = c.tensor(0);
  c.rets[0] = OwnedValue(ops::reshape(ops::roll(ops::reshape(self, Dims{-1}), c.args[1].ints(), first), self.sizes()));
}

}  // namespace kindling
