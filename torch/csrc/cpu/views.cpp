// Views: other sizes, strides and offsets over the same storage, and the operators that change them in place.
#include "views.h"

#include <limits>

#include "copy.h"
#include "kernels.h"

namespace kindling {

namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// Sizes and strides of a view in the making.
struct Shape {
  Dims sizes, strides;
  int64_t offset;
  explicit Shape(const Tensor& t) : sizes(t.sizes()), strides(t.strides()), offset(t.offset()) {}
  Tensor of(const Tensor& t) const { return alias(t, sizes, strides, offset); }
  void onto(const Tensor& t) const {
    t->set_sizes_strides(sizes, strides);
    t->offset = offset;
  }
};

std::string type_and_shape(const Tensor& t) { return concat("torch.", legacy_name(t.dtype()), "Tensor{", t.sizes(), "}"); }

void check_storage_holds(const Tensor& t, IntList sizes, IntList strides, int64_t offset) {
  KD_CHECK(sizes.size() == strides.size(), Runtime, "mismatch in length of strides and shape");
  KD_CHECK(offset >= 0, Runtime, "Tensor: invalid storage offset ", offset);
  int64_t last = offset + 1;
  for (size_t i = 0; i < sizes.size(); i++) {
    KD_CHECK(strides[i] >= 0, Runtime, "as_strided: Negative strides are not supported at the moment, got strides: ", strides);
    if (sizes[i] == 0) return;
    last += (sizes[i] - 1) * strides[i];
  }
  const size_t need = size_t(last * t.itemsize());
  KD_CHECK(need <= t.storage()->nbytes, Runtime, "setStorage: sizes ", sizes, ", strides ", strides, ", storage offset ", offset,
           ", and itemsize ", t.itemsize(), " requiring a storage size of ", need, " are out of bounds for storage of size ",
           t.storage()->nbytes);
}

Shape transposed(const Tensor& t, int64_t a, int64_t b) {
  a = wrap_dim(a, t.dim());
  b = wrap_dim(b, t.dim());
  Shape s(t);
  if (t.dim()) {
    std::swap(s.sizes[a], s.sizes[b]);
    std::swap(s.strides[a], s.strides[b]);
  }
  return s;
}

// Without the dimensions of size 1 that `chosen` names.
template <class F>
Shape squeezed(const Tensor& t, F&& chosen) {
  Shape s(t);
  s.sizes.clear();
  s.strides.clear();
  for (int64_t d = 0; d < t.dim(); d++) {
    if (t.sizes()[d] == 1 && chosen(d)) continue;
    s.sizes.push_back(t.sizes()[d]);
    s.strides.push_back(t.strides()[d]);
  }
  return s;
}

Shape squeezed_dims(const Tensor& t, IntList dims) {
  uint64_t mask = 0;
  for (int64_t d : dims) {
    const uint64_t bit = uint64_t(1) << wrap_dim(d, t.dim());
    KD_CHECK(!(mask & bit), Runtime, "dim ", d, " appears multiple times in the list of dims");
    mask |= bit;
  }
  return squeezed(t, [&](int64_t d) { return mask >> d & 1; });
}

Shape unsqueezed(const Tensor& t, int64_t dim) {
  dim = wrap_dim(dim, t.dim() + 1);
  Shape s(t);
  const int64_t stride = dim < t.dim() ? s.sizes[dim] * s.strides[dim] : 1;
  s.sizes.insert(dim, 1);
  s.strides.insert(dim, stride);
  return s;
}

Shape matrix_transposed(const Tensor& t, const char* name) {
  KD_CHECK(t.dim() <= 2, Runtime, name, "() expects a tensor with <= 2 dimensions, but self is ", t.dim(), "D");
  return transposed(t, 0, t.dim() < 2 ? 0 : 1);
}

Tensor part(const Tensor& t, int64_t dim, int64_t start, int64_t length) {
  Shape s(t);
  s.sizes[dim] = length;
  s.offset += start * s.strides[dim];
  return s.of(t);
}

std::vector<Tensor> parts(const Tensor& t, IntList lengths, int64_t dim) {
  std::vector<Tensor> list;
  list.reserve(lengths.size());
  int64_t start = 0;
  for (int64_t n : lengths) {
    list.push_back(part(t, dim, start, n));
    start += n;
  }
  return list;
}

Dims split_lengths(const Tensor& t, int64_t size, int64_t dim) {
  KD_CHECK(t.dim() > 0, Runtime, "split expects at least a 1-dimensional tensor");
  KD_CHECK(size >= 0, Runtime, "split expects split_size be non-negative, but got split_size=", size);
  const int64_t n = t.size(dim);
  KD_CHECK(size > 0 || n == 0, Runtime, "split_size can only be 0 if dimension size is 0, but got dimension size of ", n);
  const int64_t count = size == 0 ? 1 : std::max<int64_t>((n + size - 1) / size, 1);
  Dims lengths(count, size);
  lengths.back() = n - (count - 1) * size;
  return lengths;
}

void check_split_lengths(const Tensor& t, IntList lengths, int64_t dim) {
  KD_CHECK(t.dim() > 0, Runtime, "split expects at least a 1-dimensional tensor");
  int64_t sum = 0;
  for (int64_t n : lengths) {
    KD_CHECK(n >= 0, Runtime,
             "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=", lengths);
    sum += n;
  }
  KD_CHECK(sum == t.size(dim), Runtime, "split_with_sizes expects split_sizes to sum exactly to ", t.size(dim),
           " (input tensor's size at dimension ", dim, "), but got split_sizes=", lengths);
}

std::vector<Tensor> cloned(std::vector<Tensor> list) {
  for (Tensor& t : list) t = clone_of(t);
  return list;
}

Tensor with_dtype(const Tensor& t, DType d, const Shape& s) {
  Tensor r = alias(t);
  r->dtype = d;
  s.onto(r);
  return r;
}

void flip_flag(const Tensor& t, TensorImpl::Flag f) { t->set(f, !t->has(f)); }

Tensor zeros_of(const Tensor& grad, IntList sizes) {
  Tensor z = empty(sizes, grad.options());
  fill_with(z, Scalar(0));
  return z;
}

// A copy of the storage up to the last element, seen as the tensor is: as_strided finds the same places in it.
Tensor clone_with_layout(const Tensor& t) {
  if (t.numel() == 0) return clone_of(t);
  int64_t last = t.offset() + 1;
  for (int64_t i = 0; i < t.dim(); i++) last += (t.sizes()[i] - 1) * t.strides()[i];
  const Tensor copy = clone_of(alias(t, Dims{last}, Dims{1}, 0));
  return alias(copy, t.sizes(), t.strides(), t.offset());
}

}  // namespace

// PyTorch's rule for a dtype of another width: the last dimension absorbs the ratio.
Tensor reinterpreted(const Tensor& t, DType d) {
  Shape s(t);
  const int64_t from = t.itemsize(), to = itemsize(d);
  if (from == to) return with_dtype(t, d, s);
  KD_CHECK(t.dim() > 0, Runtime, "self.dim() cannot be 0 to view ", legacy_name(t.dtype()), " as ", legacy_name(d),
           " (different element sizes)");
  KD_CHECK(s.strides.back() == 1, Runtime, "self.stride(-1) must be 1 to view ", legacy_name(t.dtype()), " as ", legacy_name(d),
           " (different element sizes), but got ", s.strides.back());
  const int64_t ratio = std::max(from, to) / std::min(from, to);
  const auto scale = [&](int64_t& x, const char* what, int64_t at) {
    if (from > to) {
      x *= ratio;
      return;
    }
    KD_CHECK(x % ratio == 0, Runtime, "self.", what, at, " must be divisible by ", ratio, " to view ", legacy_name(t.dtype()),
             " as ", legacy_name(d), " (different element sizes), but got ", x);
    x /= ratio;
  };
  scale(s.sizes.back(), "size(-1), dimension ", t.dim() - 1);
  scale(s.offset, "storage_offset(), at ", 0);
  for (int64_t i = 0; i + 1 < t.dim(); i++) scale(s.strides[i], "stride of dimension ", i);
  return with_dtype(t, d, s);
}

Tensor view_of(const Tensor& t, IntList sizes) {
  const Dims shape = infer_size(sizes, t.numel());
  Dims strides;
  KD_CHECK(compute_view_strides(t.sizes(), t.strides(), shape, strides), Runtime,
           "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
           "subspaces). Use .reshape(...) instead.");
  return alias(t, shape, strides, t.offset());
}

Tensor expand_to(const Tensor& t, IntList sizes) {
  const int64_t n = int64_t(sizes.size()), missing = n - t.dim();
  KD_CHECK(missing >= 0, Runtime, "expand(", type_and_shape(t), ", size=", sizes, "): the number of sizes provided (", n,
           ") must be greater or equal to the number of dimensions in the tensor (", t.dim(), ")");
  Dims shape(sizes), strides(n);
  for (int64_t i = n; i-- > 0;) {
    const int64_t d = i - missing, size = d >= 0 ? t.sizes()[d] : 1;
    if (shape[i] == -1) {
      KD_CHECK(d >= 0, Runtime, "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ", i);
      shape[i] = size;
    }
    KD_CHECK(shape[i] >= 0 && (shape[i] == size || size == 1), Runtime, "The expanded size of the tensor (", shape[i],
             ") must match the existing size (", size, ") at non-singleton dimension ", i, ".  Target sizes: ", sizes,
             ".  Tensor sizes: ", t.sizes());
    strides[i] = d < 0 ? (i + 1 < n ? shape[i + 1] * strides[i + 1] : 1) : t.strides()[d];
    if (shape[i] != size) strides[i] = 0;
  }
  return alias(t, shape, strides, t.offset());
}

Tensor permuted(const Tensor& t, IntList dims) {
  KD_CHECK(int64_t(dims.size()) == t.dim(), Runtime,
           "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
           "dimensions i.e. input.dim() = ",
           t.dim(), " is not equal to len(dims) = ", dims.size());
  Shape s(t);
  uint64_t seen = 0;
  for (int64_t i = 0; i < t.dim(); i++) {
    const int64_t d = wrap_dim(dims[i], t.dim());
    KD_CHECK(!(seen >> d & 1), Runtime, "permute(): duplicate dims are not allowed.");
    seen |= uint64_t(1) << d;
    s.sizes[i] = t.sizes()[d];
    s.strides[i] = t.strides()[d];
  }
  return s.of(t);
}

Tensor select_at(const Tensor& t, int64_t dim, int64_t index) {
  KD_CHECK(t.dim() > 0, Index, "select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, t.dim());
  const int64_t n = t.sizes()[dim];
  KD_CHECK(-n <= index && index < n, Index, "select(): index ", index, " out of range for tensor of size ", t.sizes(),
           " at dimension ", dim);
  Shape s(t);
  s.offset += (index < 0 ? index + n : index) * s.strides[dim];
  s.sizes.erase(dim);
  s.strides.erase(dim);
  return s.of(t);
}

Tensor sliced(const Tensor& t, int64_t dim, int64_t start, int64_t end, int64_t step) {
  KD_CHECK(t.dim() > 0, Runtime, "slice() cannot be applied to a 0-dim tensor.");
  KD_CHECK(step > 0, Runtime, "slice step must be positive");
  dim = wrap_dim(dim, t.dim());
  const int64_t n = t.sizes()[dim];
  const auto clip = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  start = clip(start);
  end = std::max(clip(end), start);
  Shape s(t);
  s.offset += start * s.strides[dim];
  s.sizes[dim] = (end - start + step - 1) / step;
  s.strides[dim] *= step;
  return s.of(t);
}

Tensor diagonal_of(const Tensor& t, int64_t offset, int64_t dim1, int64_t dim2) {
  const int64_t a = wrap_dim(dim1, t.dim()), b = wrap_dim(dim2, t.dim());
  KD_CHECK(a != b, Runtime, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  Shape s(t);
  const int64_t rows = s.sizes[a] + std::min<int64_t>(offset, 0), columns = s.sizes[b] - std::max<int64_t>(offset, 0);
  const int64_t length = std::max<int64_t>(std::min(rows, columns), 0), stride = s.strides[a] + s.strides[b];
  if (length) s.offset += offset >= 0 ? offset * s.strides[b] : -offset * s.strides[a];
  for (int64_t d : {std::max(a, b), std::min(a, b)}) {
    s.sizes.erase(d);
    s.strides.erase(d);
  }
  s.sizes.push_back(length);
  s.strides.push_back(stride);
  return s.of(t);
}

Tensor unfolded(const Tensor& t, int64_t dim, int64_t size, int64_t step) {
  dim = wrap_dim(dim, t.dim());
  const int64_t n = t.dim() ? t.sizes()[dim] : 1;
  KD_CHECK(size >= 0, Runtime, "size is ", size, " but must be >= 0");
  KD_CHECK(size <= n, Runtime, "maximum size for tensor at dimension ", dim, " is ", n, " but size is ", size);
  KD_CHECK(step > 0, Runtime, "step is ", step, " but must be > 0");
  Shape s(t);
  const int64_t stride = t.dim() ? s.strides[dim] : 1;
  if (t.dim()) {
    s.sizes[dim] = (n - size) / step + 1;
    s.strides[dim] *= step;
  }
  s.sizes.push_back(size);
  s.strides.push_back(stride);
  return s.of(t);
}

Tensor as_strided_view(const Tensor& t, IntList sizes, IntList strides, int64_t offset) {
  check_storage_holds(t, sizes, strides, offset);
  return alias(t, sizes, strides, offset);
}

// ---- operators ----

namespace kernels {

Tensor alias(const Tensor& self) { return kindling::alias(self); }
Tensor detach(const Tensor& self) { return kindling::alias(self); }
Tensor lift(const Tensor& self) { return self; }
Tensor lift_fresh(const Tensor& self) { return self; }

Tensor as_strided(const Tensor& self, IntList size, IntList stride, std::optional<int64_t> offset) {
  return as_strided_view(self, size, stride, offset.value_or(self.offset()));
}
Tensor as_strided_(const Tensor& self, IntList size, IntList stride, std::optional<int64_t> offset) {
  check_storage_holds(self, size, stride, offset.value_or(self.offset()));
  self->set_sizes_strides(size, stride);
  self->offset = offset.value_or(self.offset());
  return self;
}

Tensor expand(const Tensor& self, IntList size, bool) { return expand_to(self, size); }
Tensor permute(const Tensor& self, IntList dims) { return permuted(self, dims); }
Tensor transpose_int(const Tensor& self, int64_t dim0, int64_t dim1) { return transposed(self, dim0, dim1).of(self); }
Tensor transpose_(const Tensor& self, int64_t dim0, int64_t dim1) {
  transposed(self, dim0, dim1).onto(self);
  return self;
}
Tensor t(const Tensor& self) { return matrix_transposed(self, "t").of(self); }
Tensor t_(const Tensor& self) {
  matrix_transposed(self, "t_").onto(self);
  return self;
}

Tensor squeeze(const Tensor& self) {
  return squeezed(self, [](int64_t) { return true; }).of(self);
}
Tensor squeeze_dim(const Tensor& self, int64_t dim) { return squeezed_dims(self, Dims{dim}).of(self); }
Tensor squeeze_dims(const Tensor& self, IntList dim) { return squeezed_dims(self, dim).of(self); }
Tensor squeeze_(const Tensor& self) {
  squeezed(self, [](int64_t) { return true; }).onto(self);
  return self;
}
Tensor squeeze__dim(const Tensor& self, int64_t dim) {
  squeezed_dims(self, Dims{dim}).onto(self);
  return self;
}
Tensor squeeze__dims(const Tensor& self, IntList dim) {
  squeezed_dims(self, dim).onto(self);
  return self;
}
Tensor unsqueeze(const Tensor& self, int64_t dim) { return unsqueezed(self, dim).of(self); }
Tensor unsqueeze_(const Tensor& self, int64_t dim) {
  unsqueezed(self, dim).onto(self);
  return self;
}

Tensor select_int(const Tensor& self, int64_t dim, int64_t index) { return select_at(self, dim, index); }
Tensor slice_Tensor(const Tensor& self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  return sliced(self, dim, start.value_or(0), end.value_or(kMax), step);
}
Tensor diagonal(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) { return diagonal_of(self, offset, dim1, dim2); }
Tensor unfold(const Tensor& self, int64_t dimension, int64_t size, int64_t step) { return unfolded(self, dimension, size, step); }

std::vector<Tensor> unbind_int(const Tensor& self, int64_t dim) {
  KD_CHECK(self.dim() > 0, Index, "Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, self.dim());
  std::vector<Tensor> list;
  for (int64_t i = 0; i < self.sizes()[dim]; i++) list.push_back(select_at(self, dim, i));
  return list;
}
std::vector<Tensor> split_Tensor(const Tensor& self, int64_t split_size, int64_t dim) {
  return parts(self, split_lengths(self, split_size, dim), wrap_dim(dim, self.dim()));
}
std::vector<Tensor> split_with_sizes(const Tensor& self, IntList split_sizes, int64_t dim) {
  check_split_lengths(self, split_sizes, dim);
  return parts(self, split_sizes, wrap_dim(dim, self.dim()));
}
std::vector<Tensor> unsafe_split_Tensor(const Tensor& self, int64_t split_size, int64_t dim) {
  return cloned(split_Tensor(self, split_size, dim));
}
std::vector<Tensor> unsafe_split_with_sizes(const Tensor& self, IntList split_sizes, int64_t dim) {
  return cloned(split_with_sizes(self, split_sizes, dim));
}

Tensor view(const Tensor& self, IntList size) { return view_of(self, size); }
Tensor _unsafe_view(const Tensor& self, IntList size) { return view_of(self, size); }
Tensor _reshape_alias(const Tensor& self, IntList size, IntList stride) {
  return kindling::alias(self, size, stride, self.offset());
}
Tensor view_dtype(const Tensor& self, DType dtype) {
  return self.dtype() == dtype ? kindling::alias(self) : reinterpreted(self, dtype);
}

Tensor view_as_real(const Tensor& self) {
  KD_CHECK(self.is_complex(), Runtime, "view_as_real is only supported for complex tensors");
  KD_CHECK(
      !self.is_conj(), Runtime,
      "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it as real, "
      "use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original.");
  Shape s(self);
  for (int64_t& x : s.strides) x *= 2;
  s.sizes.push_back(2);
  s.strides.push_back(1);
  s.offset *= 2;
  return with_dtype(self, to_real(self.dtype()), s);
}

Tensor view_as_complex(const Tensor& self) {
  const DType d = self.dtype();
  KD_CHECK(
      d == DType::float16 || d == DType::float32 || d == DType::float64, Runtime,
      "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: ", legacy_name(d));
  KD_CHECK(self.dim() > 0, Runtime, "Input tensor must have one or more dimensions");
  Shape s(self);
  KD_CHECK(s.sizes.back() == 2, Runtime, "Tensor must have a last dimension of size 2");
  KD_CHECK(s.strides.back() == 1, Runtime, "Tensor must have a last dimension with stride 1");
  s.sizes.pop_back();
  s.strides.pop_back();
  for (int64_t& x : s.strides) {
    KD_CHECK(x % 2 == 0, Runtime, "Tensor must have a stride divisible by 2 for all but last dimension");
    x /= 2;
  }
  KD_CHECK(s.offset % 2 == 0, Runtime, "Tensor must have a storage_offset divisible by 2");
  s.offset /= 2;
  return with_dtype(self, to_complex(d), s);
}

Tensor _conj(const Tensor& self) {
  Tensor r = kindling::alias(self);
  flip_flag(r, TensorImpl::Conj);
  return r;
}
Tensor _neg_view(const Tensor& self) {
  Tensor r = kindling::alias(self);
  flip_flag(r, TensorImpl::Neg);
  return r;
}

// ---- backward of views: zeros but for the part that was viewed ----

Tensor select_backward(const Tensor& grad, IntList sizes, int64_t dim, int64_t index) {
  Tensor z = zeros_of(grad, sizes);
  copy_into(select_at(z, dim, index), grad);
  return z;
}
Tensor slice_backward(const Tensor& grad, IntList sizes, int64_t dim, int64_t start, int64_t end, int64_t step) {
  Tensor z = zeros_of(grad, sizes);
  copy_into(sliced(z, dim, start, end, step), grad);
  return z;
}
Tensor diagonal_backward(const Tensor& grad, IntList sizes, int64_t offset, int64_t dim1, int64_t dim2) {
  Tensor z = zeros_of(grad, sizes);
  copy_into(diagonal_of(z, offset, dim1, dim2), grad);
  return z;
}
// Windows that overlap add up: one place of all windows at a time.
Tensor unfold_backward(const Tensor& grad, IntList sizes, int64_t dim, int64_t size, int64_t step) {
  Tensor z = zeros_of(grad, sizes);
  if (z.dim() == 0) {
    copy_into(z, view_of(grad, {}));
    return z;
  }
  dim = wrap_dim(dim, z.dim());
  const int64_t windows = grad.sizes()[dim];
  for (int64_t k = 0; k < size && windows; k++) {
    const Tensor into = sliced(z, dim, k, k + (windows - 1) * step + 1, step);
    if (step >= size) copy_into(into, select_at(grad, -1, k));
    else ops::add__Tensor(into, select_at(grad, -1, k), Scalar(1));
  }
  return z;
}

// ---- a tensor with other values at one of its views ----

Tensor select_scatter(const Tensor& self, const Tensor& src, int64_t dim, int64_t index) {
  Tensor out = clone_of(self);
  const Tensor into = select_at(out, dim, index);
  KD_CHECK(same(into.sizes(), src.sizes()), Runtime,
           "expected src to have a size equal to the slice of self. src size = ", src.sizes(), ", slice size = ", into.sizes());
  copy_into(into, src);
  return out;
}
Tensor slice_scatter(const Tensor& self, const Tensor& src, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
                     int64_t step) {
  Tensor out = clone_of(self);
  const Tensor into = slice_Tensor(out, dim, start, end, step);
  KD_CHECK(same(into.sizes(), src.sizes()), Runtime,
           "expected src to have a size equal to the slice of self. src size = ", src.sizes(), ", slice size = ", into.sizes());
  copy_into(into, src);
  return out;
}
Tensor diagonal_scatter(const Tensor& self, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
  Tensor out = clone_of(self);
  const Tensor into = diagonal_of(out, offset, dim1, dim2);
  KD_CHECK(same(into.sizes(), src.sizes()), Runtime,
           "expected src to have a size equal to the slice of self. src size = ", src.sizes(), ", slice size = ", into.sizes());
  copy_into(into, src);
  return out;
}
Tensor as_strided_scatter(const Tensor& self, const Tensor& src, IntList size, IntList stride, std::optional<int64_t> offset) {
  Tensor out = clone_with_layout(self);
  const Tensor into = as_strided(out, size, stride, offset);
  KD_CHECK(same(into.sizes(), src.sizes()), Runtime,
           "expected src to have a size equal to the slice of self. src size = ", src.sizes(), ", slice size = ", into.sizes());
  copy_into(into, src);
  return out;
}

// ---- storage ----

Tensor resize_(const Tensor& self, IntList size, std::optional<MemoryFormat> format) {
  KD_CHECK(!self->autograd || !self.requires_grad(), Runtime, "cannot resize variables that require grad");
  resize(self, size);
  if (format && *format != MemoryFormat::contiguous && *format != MemoryFormat::preserve) {
    const Dims sizes(self.sizes());
    self->set_sizes_strides(sizes, strides_for(sizes, *format));
  }
  return self;
}
Tensor resize_as_(const Tensor& self, const Tensor& like, std::optional<MemoryFormat> format) {
  return resize_(self, like.sizes(), format);
}

static Tensor set_to(const Tensor& self, const Ref<Storage>& storage, int64_t offset, IntList size, IntList stride) {
  self->storage = storage;
  self->offset = offset;
  if (stride.empty()) self->set_sizes_contiguous(size);
  else self->set_sizes_strides(size, stride);
  int64_t last = offset + (self.numel() > 0);
  for (int64_t i = 0; i < self.dim() && self.numel(); i++) last += (self.sizes()[i] - 1) * self.strides()[i];
  if (const size_t need = size_t(last * self.itemsize()); self.numel() && need > storage->nbytes) storage->resize(need);
  return self;
}

Tensor set_(const Tensor& self) {
  const Dims none{0};
  return set_to(self, Storage::allocate(0, self.device()), 0, none, {});
}
Tensor set__source_Storage(const Tensor& self, Storage* source) {
  const Dims all{int64_t(source->nbytes) / self.itemsize()};
  return set_to(self, Ref<Storage>::share(source), 0, all, {});
}
Tensor set__source_Storage_storage_offset(const Tensor& self, Storage* source, int64_t offset, IntList size, IntList stride) {
  return set_to(self, Ref<Storage>::share(source), offset, size, stride);
}
Tensor set__source_Tensor(const Tensor& self, const Tensor& source) {
  return set_to(self, source.storage(), source.offset(), source.sizes(), source.strides());
}
Tensor set__source_Tensor_storage_offset(const Tensor& self, const Tensor& source, int64_t offset, IntList size, IntList stride) {
  return set_to(self, source.storage(), offset, size, stride);
}

}  // namespace kernels
}  // namespace kindling
