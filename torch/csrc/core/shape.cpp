// Shape and stride arithmetic.
#include <numeric>

#include "tensor.h"

namespace kindling {

int64_t wrap_dim(int64_t d, int64_t ndim) {
  const int64_t n = std::max<int64_t>(ndim, 1);
  KD_CHECK(-n <= d && d < n, Index, "Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", d,
           ")");
  return d < 0 ? d + n : d;
}

int64_t numel_of(IntList sizes) {
  int64_t n = 1;
  bool overflow = false, zero = false, symbolic = false;
  for (int64_t s : sizes) {
    KD_CHECK(s >= 0, Runtime, "Trying to create tensor with negative dimension ", s, ": ", sizes);
    zero |= s == 0;
    symbolic |= is_symbolic(s);
    overflow |= __builtin_mul_overflow(n, s, &n);
  }
  if (__builtin_expect(symbolic, 0) && !zero) return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), product);
  KD_CHECK(!overflow || zero, Runtime, "numel: integer multiplication overflow with sizes=", sizes);
  return zero ? 0 : n;
}

// Strides of a dense layout in which `order` lists the dimensions from the fastest on.
template <class Order>
static Dims dense_strides(IntList sizes, const Order& order) {
  Dims strides(int64_t(sizes.size()));
  int64_t stride = 1;
  for (int64_t d : order) {
    strides[d] = stride;
    stride = product(stride, std::max<int64_t>(sizes[d], 1));
  }
  return strides;
}

Dims contiguous_strides(IntList sizes) {
  Dims order;
  for (int64_t i = int64_t(sizes.size()); i-- > 0;) order.push_back(i);
  return dense_strides(sizes, order);
}

Dims strides_for(IntList sizes, MemoryFormat f) {
  if (f == MemoryFormat::channels_last) {
    KD_CHECK(sizes.size() == 4, Runtime, "required rank 4 tensor to use channels_last format");
    return dense_strides(sizes, Dims{1, 3, 2, 0});
  }
  if (f == MemoryFormat::channels_last_3d) {
    KD_CHECK(sizes.size() == 5, Runtime, "required rank 5 tensor to use channels_last_3d format");
    return dense_strides(sizes, Dims{1, 4, 3, 2, 0});
  }
  return contiguous_strides(sizes);
}

// Insertion sort, because the comparison is no order: a stride of 0 is ambiguous and leaves its dimension where it is.
Dims dense_strides_like(IntList sizes, IntList strides) {
  const int64_t n = int64_t(sizes.size());
  Dims order;
  for (int64_t i = n; i-- > 0;) order.push_back(i);
  const auto compare = [&](int64_t a, int64_t b) {  // > 0: a is slower than b
    if (strides[a] == 0 || strides[b] == 0) return 0;
    if (strides[a] != strides[b]) return strides[a] < strides[b] ? -1 : 1;
    return sizes[a] > sizes[b] ? 1 : 0;
  };
  for (int64_t i = 1; i < n; i++) {
    int64_t moving = i;
    for (int64_t j = i; j-- > 0;) {
      const int c = compare(order[j], order[moving]);
      if (c > 0) {
        std::swap(order[j], order[moving]);
        moving = j;
      } else if (c < 0) {
        break;
      }
    }
  }
  return dense_strides(sizes, order);
}

Dims broadcast_shapes(IntList a, IntList b) {
  const int64_t na = int64_t(a.size()), nb = int64_t(b.size()), n = std::max(na, nb);
  Dims r(n);
  for (int64_t i = n; i-- > 0;) {
    const int64_t x = i - n + na >= 0 ? a[i - n + na] : 1, y = i - n + nb >= 0 ? b[i - n + nb] : 1;
    KD_CHECK(x == y || x == 1 || y == 1, Runtime, "The size of tensor a (", x, ") must match the size of tensor b (", y,
             ") at non-singleton dimension ", i);
    r[i] = x == 1 ? y : x;
  }
  return r;
}

Dims infer_size(IntList shape, int64_t numel) {
  Dims r(shape);
  int64_t known = 1, inferred = -1;
  for (int64_t i = 0; i < r.size(); i++) {
    if (r[i] == -1) {
      KD_CHECK(inferred < 0, Runtime, "only one dimension can be inferred");
      inferred = i;
    } else {
      KD_CHECK(r[i] >= 0, Runtime, "invalid shape dimension ", r[i], " at index ", i, " of shape ", shape);
      known *= r[i];
    }
  }
  if (inferred >= 0 && known > 0 && numel % known == 0) {
    r[inferred] = numel / known;
    return r;
  }
  KD_CHECK(numel == known, Runtime, "shape '", shape, "' is invalid for input of size ", numel);
  KD_CHECK(inferred < 0, Runtime, "cannot reshape tensor of 0 elements into shape ", shape,
           " because the unspecified dimension size -1 can be any value and is ambiguous");
  return r;
}

// Runs of old dimensions that are laid out as one are matched with the new dimensions that split them.
bool compute_view_strides(IntList sizes, IntList strides, IntList new_sizes, Dims& out) {
  out = Dims(int64_t(new_sizes.size()));
  const int64_t numel = numel_of(sizes);
  if (numel == 0) {
    if (same(sizes, new_sizes)) out = Dims(strides);
    else out = contiguous_strides(new_sizes);
    return true;
  }
  int64_t view = int64_t(new_sizes.size()) - 1, run = 1, viewed = 1;
  if (sizes.empty()) {
    std::fill(out.begin(), out.end(), 1);
    return true;
  }
  int64_t base = strides[sizes.size() - 1];
  for (int64_t d = int64_t(sizes.size()) - 1; d >= 0; d--) {
    run *= sizes[d];
    const bool ends = d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != run * base);
    if (!ends) continue;
    while (view >= 0 && (viewed < run || new_sizes[view] == 1)) {
      out[view] = viewed * base;
      viewed *= new_sizes[view--];
    }
    if (viewed != run) return false;
    if (d > 0) {
      base = strides[d - 1];
      run = viewed = 1;
    }
  }
  return view == -1;
}

static bool strides_follow(IntList sizes, IntList strides, std::initializer_list<int> order) {
  int64_t least = 0;
  if (strides[1] == 0) return false;
  for (int d : order) {
    if (sizes[d] == 0 || strides[d] < least) return false;
    if (d == 0 && least == strides[1]) return false;  // N1HW or NC11 without a hint: row-major
    least = strides[d] * (sizes[d] > 1 ? sizes[d] : 1);
  }
  return true;
}

MemoryFormat suggest_memory_format(const Tensor& t) {
  if (t.dim() == 4 && strides_follow(t.sizes(), t.strides(), {1, 3, 2, 0})) return MemoryFormat::channels_last;
  if (t.dim() == 5 && strides_follow(t.sizes(), t.strides(), {1, 4, 3, 2, 0})) return MemoryFormat::channels_last_3d;
  return MemoryFormat::contiguous;
}

bool overlaps_internally(const Tensor& t) {
  if (t.is_contiguous()) return false;
  for (int64_t i = 0; i < t.dim(); i++)
    if (t.strides()[i] == 0 && t.sizes()[i] > 1) return true;
  return false;
}

Overlap overlap(const Tensor& a, const Tensor& b) {
  if (a.is(b)) return Overlap::Full;
  if (a.storage().get() != b.storage().get() || a.numel() == 0 || b.numel() == 0 || a.is_meta()) return Overlap::None;
  if (!a.is_non_overlapping_and_dense() || !b.is_non_overlapping_and_dense()) return Overlap::None;  // too hard to tell
  const char *a0 = a.raw(), *a1 = a0 + a.numel() * a.itemsize(), *b0 = b.raw(), *b1 = b0 + b.numel() * b.itemsize();
  if (a0 == b0 && a1 == b1) return same(a.strides(), b.strides()) ? Overlap::Full : Overlap::Partial;
  return a0 < b1 && b0 < a1 ? Overlap::Partial : Overlap::None;
}

void resize(const Tensor& t, IntList sizes) {
  if (same(t.sizes(), sizes)) return;
  const Dims wanted(sizes);
  t->set_sizes_contiguous(wanted);
  const size_t need = t.numel() ? size_t((t.offset() + t.numel()) * t.itemsize()) : 0;
  if (t->storage->nbytes < need) t->storage->resize(need);
}

}  // namespace kindling
