#include "walk.h"

namespace kindling {

Walk::Walk(IntList shape) : ndim(int(shape.size())), numel(numel_of(shape)) {
  KD_CHECK(ndim <= kDims, Runtime, "too many dimensions: tensors have at most 64, got ", ndim);
  std::copy(shape.begin(), shape.end(), sizes);
}

void Walk::add(const Tensor& t) {
  KD_CHECK(count < kOperands, Runtime, "too many operands of one element-wise operation");
  const IntList s = t.sizes(), st = t.strides();
  const int64_t item = t.itemsize();
  const int missing = ndim - int(s.size());
  for (int d = 0; d < ndim; d++) {
    const int i = d - missing;
    strides[count][d] = i < 0 || (s[i] == 1 && sizes[d] != 1) ? 0 : st[i] * item;
  }
  data[count++] = t.is_meta() ? nullptr : t.raw();
}

void Walk::add_element(char* p) {
  std::fill(strides[count], strides[count] + ndim, 0);
  data[count++] = p;
}

// Fastest first. Insertion sort: where strides are 0 the comparison is ambiguous and decides nothing.
void Walk::permutation(int* perm) const {
  for (int i = 0; i < ndim; i++) perm[i] = ndim - 1 - i;
  const auto compare = [&](int a, int b) {  // > 0: a is slower than b
    for (int k = 0; k < count; k++) {
      const int64_t x = strides[k][a], y = strides[k][b];
      if (x == 0 || y == 0) continue;
      if (x != y) return x < y ? -1 : 1;
      if (sizes[a] > sizes[b]) return 1;
    }
    return 0;
  };
  for (int i = 1; i < ndim; i++) {
    int moving = i;
    for (int j = i; j-- > 0;) {
      const int c = compare(perm[j], perm[moving]);
      if (c > 0) {
        std::swap(perm[j], perm[moving]);
        moving = j;
      } else if (c < 0) {
        break;
      }
    }
  }
}

Dims Walk::output_strides() const {
  int perm[kDims];
  permutation(perm);
  Dims out(ndim);
  int64_t stride = 1;
  for (int i = 0; i < ndim; i++) {
    out[perm[i]] = stride;
    stride *= std::max<int64_t>(sizes[perm[i]], 1);
  }
  return out;
}

void Walk::arrange() {
  int perm[kDims];
  permutation(perm);
  int64_t old_sizes[kDims], old[kDims];
  std::copy(sizes, sizes + ndim, old_sizes);
  for (int i = 0; i < ndim; i++) sizes[i] = old_sizes[perm[i]];
  for (int k = 0; k < count; k++) {
    std::copy(strides[k], strides[k] + ndim, old);
    for (int i = 0; i < ndim; i++) strides[k][i] = old[perm[i]];
  }
  const auto joins = [&](int a, int b) {  // b follows a without a gap, in every operand
    for (int k = 0; k < count; k++)
      if (strides[k][a] * sizes[a] != strides[k][b]) return false;
    return true;
  };
  int last = -1;
  for (int d = 0; d < ndim; d++) {
    if (sizes[d] == 1) continue;
    if (last >= 0 && joins(last, d)) {
      sizes[last] *= sizes[d];
      continue;
    }
    last++;
    sizes[last] = sizes[d];
    for (int k = 0; k < count; k++) strides[k][last] = strides[k][d];
  }
  ndim = last + 1;
}

}  // namespace kindling
