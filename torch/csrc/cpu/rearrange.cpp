// Copies in another order: flip, roll, rotate, repeat.
#include "convert.h"
#include "copy.h"
#include "kernels.h"
#include "views.h"
#include "walk.h"

namespace kindling {

namespace {

uint64_t mask_of(IntList dims, int64_t ndim) {
  uint64_t mask = 0;
  for (int64_t d : dims) {
    const uint64_t bit = uint64_t(1) << wrap_dim(d, ndim);
    KD_CHECK(!(mask & bit), Runtime, "dim ", d, " appears multiple times in the list of dims");
    mask |= bit;
  }
  return mask;
}

void roll_dim(const Tensor& out, const Tensor& self, int64_t shift, int64_t dim) {
  KD_CHECK(self.dim() > 0, Index, "Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, self.dim());
  const int64_t n = self.sizes()[dim];
  if (n == 0) return;
  const int64_t s = (shift % n + n) % n;
  copy_into(sliced(out, dim, s, n), sliced(self, dim, 0, n - s));
  copy_into(sliced(out, dim, 0, s), sliced(self, dim, n - s, n));
}

}  // namespace

namespace kernels {

Tensor flip(const Tensor& self, IntList dims) {
  const uint64_t mask = mask_of(dims, self.dim());
  Tensor out = kindling::empty_like(self);
  if (out.is_meta() || out.numel() == 0) return out;
  const Tensor from = self.is_conj() || self.is_neg() ? clone_of(self) : self;
  Walk w(out.sizes());
  w.add(out);
  w.add(from);
  for (int64_t d = 0; d < self.dim(); d++) {
    if (!(mask >> d & 1)) continue;
    w.data[1] += (self.sizes()[d] - 1) * w.strides[1][d];
    w.strides[1][d] *= -1;
  }
  w.arrange();
  const int64_t columns = std::min(w.size(0), kGrain), rows = std::max<int64_t>(1, std::min(w.size(1), 4096 / columns));
  for_tiles(w, columns, rows, [&](auto&& next) {
    next([&](char* const* at, int64_t c, int64_t r) {
      convert_tile(at[0], out.dtype(), w.stride(0, 0), w.stride(0, 1), at[1], out.dtype(), w.stride(1, 0), w.stride(1, 1), c, r);
    });
  });
  return out;
}

Tensor roll(const Tensor& self, IntList shifts, IntList dims) {
  KD_CHECK(!shifts.empty(), Runtime, "`shifts` required");
  if (dims.empty()) {
    KD_CHECK(shifts.size() == 1, Runtime, "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
    const Tensor flat = view_of(contiguous_of(self), Dims{self.numel()});
    Tensor out = kindling::empty(flat.sizes(), self.options());
    roll_dim(out, flat, shifts[0], 0);
    return view_of(out, self.sizes());
  }
  KD_CHECK(shifts.size() == dims.size(), Runtime, "shifts and dimensions must align. shifts: ", shifts.size(),
           ", dims:", dims.size());
  Tensor from = self;
  for (size_t i = 0; i < dims.size(); i++) {
    Tensor out = kindling::empty(self.sizes(), self.options());
    roll_dim(out, from, shifts[i], dims[i]);
    from = out;
  }
  return from;
}

Tensor rot90(const Tensor& self, int64_t k, IntList dims) {
  KD_CHECK(dims.size() == 2, Runtime, "expected total rotation dims == 2, but got dims = ", dims.size());
  KD_CHECK(self.dim() >= 2, Runtime, "expected total dims >= 2, but got total dims = ", self.dim());
  const int64_t a = wrap_dim(dims[0], self.dim()), b = wrap_dim(dims[1], self.dim());
  KD_CHECK(a != b, Runtime, "expected rotation dims to be different, but got dim0 = ", dims[0], " and dim1 = ", dims[1]);
  Dims order(self.dim());
  for (int64_t i = 0; i < order.size(); i++) order[i] = i == a ? b : i == b ? a : i;
  switch ((k % 4 + 4) % 4) {
    case 1: return permuted(flip(self, Dims{b}), order);
    case 2: return flip(self, Dims{a, b});
    case 3: return permuted(flip(self, Dims{a}), order);
    default: return clone_of(self, MemoryFormat::contiguous);
  }
}

// Every dimension is split into (repeats, size), and the tensor is broadcast along the repeats.
Tensor repeat(const Tensor& self, IntList repeats) {
  const int64_t n = int64_t(repeats.size()), missing = n - self.dim();
  KD_CHECK(missing >= 0, Runtime, "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
  Dims sizes, split, strides;
  for (int64_t i = 0; i < n; i++) {
    const int64_t size = i < missing ? 1 : self.sizes()[i - missing];
    KD_CHECK(repeats[i] >= 0, Runtime, "Trying to create tensor with negative dimension ", repeats[i] * size, ": ", repeats);
    sizes.push_back(repeats[i] * size);
    split.push_back(repeats[i]);
    split.push_back(size);
    strides.push_back(0);
    strides.push_back(i < missing ? 0 : self.strides()[i - missing]);
  }
  Tensor out = kindling::empty(sizes, self.options());
  if (out.numel()) copy_into(view_of(out, split), kindling::alias(self, split, strides, self.offset()));
  return out;
}

}  // namespace kernels
}  // namespace kindling
