// Advanced indexing: index, index_put and the operators over one dimension that build on the same passes.
#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace indexing {

void fill_offsets(IntList sizes, IntList strides, int64_t* out) {
  const int64_t n = numel_of(sizes), nd = int64_t(sizes.size());
  if (n == 0) return;
  out[0] = 0;
  int64_t filled = 1;  // offsets of the trailing dimensions so far, repeated for each index of the one before
  for (int64_t d = nd - 1; d >= 0; d--) {
    for (int64_t i = 1; i < sizes[d]; i++)
      for (int64_t j = 0; j < filled; j++) out[i * filled + j] = out[j] + i * strides[d];
    filled *= sizes[d];
  }
}

}  // namespace indexing

namespace {

struct Indexed {
  Tensor self;                  // its indexed dimensions next to each other
  int64_t first = 0;            // the first of them
  std::vector<Tensor> indices;  // int64, contiguous, broadcast to one shape
  Dims dims;                    // the dimension of the caller's tensor behind each index
  Dims shape;                   // of that broadcast
  Dims result;
};

void mask_to_indices(const Tensor& mask, const Tensor& self, int64_t position, int64_t dim, std::vector<Tensor>& out) {
  bool fits = dim + mask.dim() <= self.dim();
  for (int64_t j = 0; fits && j < mask.dim(); j++) fits = mask.sizes()[j] == self.sizes()[dim + j];
  KD_CHECK(fits, Index, "The shape of the mask ", mask.sizes(), " at index ", position,
           " does not match the shape of the indexed tensor ", self.sizes(), " at index ", dim);
  Tensor places = ops::nonzero(mask);
  for (int64_t j = 0; j < mask.dim(); j++) out.push_back(ops::select_int(places, 1, j));
}

// Masks become the indices of their true elements; one entry for each dimension of self.
std::vector<Tensor> expand_masks(const Tensor& self, TensorList indices) {
  std::vector<Tensor> out;
  for (size_t k = 0; k < indices.size(); k++) {
    const Tensor& t = indices[k];
    if (!t.defined()) {
      out.emplace_back();
      continue;
    }
    const DType d = t.dtype();
    if (d == DType::bool_ || d == DType::uint8) {
      mask_to_indices(t, self, int64_t(k), int64_t(out.size()), out);
      continue;
    }
    KD_CHECK(d == DType::int64 || d == DType::int32, Index,
             "tensors used as indices must be long, int, byte or bool tensors, but index ", k, " has dtype ", info(d).name);
    out.push_back(t);
  }
  KD_CHECK(int64_t(out.size()) <= self.dim(), Index, "too many indices for tensor of dimension ", self.dim(), " (got ",
           out.size(), ")");
  out.resize(self.dim());
  return out;
}

Dims broadcast_indices(const std::vector<Tensor>& indices) {
  Dims shape;
  try {
    for (const Tensor& t : indices)
      if (t.defined()) shape = broadcast_shapes(shape, t.sizes());
  } catch (const Error&) {
    std::string shapes;
    for (const Tensor& t : indices)
      if (t.defined()) shapes += concat(shapes.empty() ? "" : ", ", t.sizes());
    fail(ErrorKind::Index, "shape mismatch: indexing tensors could not be broadcast together with shapes ", shapes);
  }
  return shape;
}

Indexed prepare(const Tensor& self, TensorList given) {
  std::vector<Tensor> indices = expand_masks(self, given);
  Indexed x;
  x.shape = broadcast_indices(indices);
  Dims used, free;
  for (int64_t d = 0; d < self.dim(); d++) (indices[d].defined() ? used : free).push_back(d);
  bool adjacent = true;
  for (int64_t i = 1; i < used.size(); i++) adjacent = adjacent && used[i] == used[i - 1] + 1;
  x.first = adjacent && !used.empty() ? used[0] : 0;
  Dims sizes, strides;
  auto place = [&](int64_t d) {
    sizes.push_back(self.sizes()[d]);
    strides.push_back(self.strides()[d]);
  };
  for (int64_t i = 0; i < x.first; i++) {
    place(free[i]);
    x.result.push_back(self.sizes()[free[i]]);
  }
  for (int64_t d : used) place(d);
  for (int64_t n : x.shape) x.result.push_back(n);
  for (int64_t i = x.first; i < free.size(); i++) {
    place(free[i]);
    x.result.push_back(self.sizes()[free[i]]);
  }
  x.self = alias(self, sizes, strides, self.offset());
  x.dims = used;
  for (int64_t d : used) x.indices.push_back(dense(ops::expand(cast(indices[d], DType::int64), x.shape)));
  return x;
}

[[noreturn]] void out_of_bounds(int64_t v, int64_t size, int64_t dim, int64_t position) {
  fail(ErrorKind::Index, "index ", v, " is out of bounds for dimension ", dim, " with size ", size, ": it is element ", position,
       " of the index for that dimension, which takes values from ", -size, " to ", size - 1);
}

Selection select(const Indexed& x) {
  const int64_t k = int64_t(x.indices.size()), n = numel_of(x.shape);
  const IntList sizes = x.self.sizes(), strides = x.self.strides();
  const IntList front = sizes.first(x.first), back = sizes.subspan(x.first + k);
  Selection s(numel_of(front), n, numel_of(back));
  fill_offsets(front, strides.first(x.first), s.before.get());
  fill_offsets(back, strides.subspan(x.first + k), s.after.get());
  s.rows = s.nafter > 0 && s.after[s.nafter - 1] == s.nafter - 1;
  for (int64_t a = 1; s.rows && a < int64_t(back.size()); a++)
    s.rows = strides[x.first + k + a - 1] >= strides[x.first + k + a] || back[a - 1] == 1 || back[a] == 1;
  for (int64_t j = 0; j < k; j++) s.reach += std::max<int64_t>(0, (sizes[x.first + j] - 1) * strides[x.first + j]);
  for (int64_t j = 0; j < k; j++)
    KD_CHECK(n == 0 || sizes[x.first + j] > 0, Index, "index is out of bounds for dimension with size 0");
  parallel_for(0, n, 4 * kWork, [&](int64_t from, int64_t to) {
    for (int64_t j = 0; j < k; j++) {
      const int64_t* index = x.indices[j].data<int64_t>();
      const int64_t size = sizes[x.first + j], stride = strides[x.first + j];
      for (int64_t i = from; i < to; i++) {
        int64_t v = index[i];
        if (v < -size || v >= size) out_of_bounds(v, size, x.dims[j], i);
        if (v < 0) v += size;
        s.chosen[i] = j ? s.chosen[i] + v * stride : v * stride;
      }
    }
  });
  return s;
}

int64_t checked_dim(const Tensor& t, int64_t dim) { return wrap_dim(dim, t.dim()); }

// `index` of an operator over one dimension: a vector (or scalar) of int64.
Tensor index_vector(const Tensor& index, const char* name) {
  KD_CHECK(index.dim() <= 1, Index, name, "(): Index is supposed to be a vector, but it has shape ", index.sizes());
  KD_CHECK(index.dtype() == DType::int64 || index.dtype() == DType::int32, Runtime, name,
           "(): Expected dtype int32 or int64 for index, but got ", info(index.dtype()).name);
  return dense(cast(index, DType::int64));
}

[[noreturn]] void out_of_self(int64_t v, int64_t size, int64_t dim, int64_t position, const char* name) {
  fail(ErrorKind::Index, "index out of range in self: ", name, " found ", v, " at position ", position,
       " of its index, but dimension ", dim, " has size ", size);
}

}  // namespace

namespace kernels {

Tensor index_Tensor(const Tensor& self_, TensorList indices) {
  const Tensor self = resolved(self_);
  if (indices.size() == 1 && indices[0].defined() && indices[0].dtype() == DType::bool_ && self.dim() > 0 &&
      same(indices[0].sizes(), self.sizes()) && !self.is_meta())
    return ops::masked_select(self, indices[0]);
  Indexed x = prepare(self, indices);
  Tensor result = empty(x.result, self.options());
  if (result.is_meta()) return result;
  if (x.indices.empty()) return ops::copy_(result, self);
  if (result.numel() == 0 && numel_of(x.shape) == 0) return result;
  Selection s = select(x);
  visit_width(self.itemsize(), [&]<class T>(Of<T>) { take_rows(x.self.data<T>(), result.data<T>(), s); });
  return result;
}

Tensor _unsafe_index_Tensor(const Tensor& self, TensorList indices) { return index_Tensor(self, indices); }

Tensor _index_put_impl_(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate, bool) {
  KD_CHECK(self.dtype() == values.dtype(), Runtime, "Index put requires the source and destination dtypes match, got ",
           legacy_name(self.dtype()), " for the destination and ", legacy_name(values.dtype()), " for the source.");
  Indexed x = prepare(self, indices);
  bool fits = values.dim() <= x.result.size();
  for (int64_t i = 1; fits && i <= values.dim(); i++) {
    const int64_t v = values.sizes()[values.dim() - i];
    fits = v == 1 || v == x.result[x.result.size() - i];
  }
  KD_CHECK(fits, Runtime, "shape mismatch: value tensor of shape ", values.sizes(),
           " cannot be broadcast to indexing result of shape ", IntList(x.result));
  if (self.is_meta()) return self;
  if (x.indices.empty()) return accumulate ? ops::add__Tensor(self, values) : ops::copy_(self, values);
  const bool single = values.numel() == 1;
  const Tensor source = apart(single ? resolved(values) : dense(ops::expand(values, x.result)), self);
  if (numel_of(x.result) == 0) return self;
  Selection s = select(x);
  if (accumulate)
    visit<kAnyT>(self.dtype(), "index_put",
                 [&]<class T>(Of<T>) { put_rows(x.self.data<T>(), source.data<T>(), single, s, Add()); });
  else visit_width(self.itemsize(), [&]<class T>(Of<T>) { put_rows(x.self.data<T>(), source.data<T>(), single, s, Assign()); });
  return self;
}

Tensor index_put_(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate) {
  return _index_put_impl_(self, indices, values, accumulate, false);
}
Tensor index_put(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate) {
  return _index_put_impl_(ops::clone(resolved(self)), indices, values, accumulate, false);
}
Tensor _unsafe_index_put(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate) {
  return _index_put_impl_(ops::clone(resolved(self)), indices, values, accumulate, true);
}

// Indices clamped into their dimensions: what lies outside is masked.
static std::vector<Tensor> clamped(const Tensor& self, TensorList indices) {
  std::vector<Tensor> out;
  for (size_t d = 0; d < indices.size(); d++) {
    const int64_t n = self.sizes()[d];
    out.push_back(indices[d].defined() ? ops::clamp(indices[d], Scalar(-n), Scalar(n - 1)) : Tensor());
  }
  return out;
}
Tensor _unsafe_masked_index(const Tensor& self, const Tensor& mask, TensorList indices, const Scalar& fill) {
  return ops::masked_fill_Scalar(index_Tensor(self, clamped(self, indices)), ops::logical_not(mask), fill);
}
Tensor _unsafe_masked_index_put_accumulate(const Tensor& self, const Tensor& mask, TensorList indices, const Tensor& values) {
  return index_put(self, clamped(self, indices), ops::masked_fill_Scalar(values, ops::logical_not(mask), Scalar(0)), true);
}

// ---- one dimension ----

Tensor index_select(const Tensor& self_, int64_t dim, const Tensor& index_) {
  const Tensor index = index_vector(index_, "index_select"), whole = resolved(self_), self = at_least_1d(whole);
  dim = checked_dim(whole, dim);
  const int64_t n = index.numel(), size = self.sizes()[dim];
  Dims sizes(whole.sizes());
  KD_CHECK(whole.dim() > 0 || n == 1, Runtime, "index_select(): Index to scalar can have only 1 value, got ", n, " value(s)");
  if (whole.dim() > 0) sizes[dim] = n;
  Tensor result = empty(sizes, self.options());
  if (result.is_meta()) return result;
  Selection s = select_along(self, dim, index.data<int64_t>(), n, [&](int64_t v, int64_t i) {
    if (v < 0 || v >= size) out_of_self(v, size, dim, i, "index_select()");
    return v;
  });
  visit_width(self.itemsize(), [&]<class T>(Of<T>) { take_rows(self.data<T>(), result.data<T>(), s); });
  return result;
}

// The shape of `source` must be self's but for `dim`, where it has one slice for each index.
static void check_slices(const Tensor& self, int64_t dim, int64_t n, const Tensor& source) {
  KD_CHECK(source.sizes()[dim] == n, Runtime, "index_add_(): Number of indices (", n, ") should be equal to source.size(dim): (",
           source.sizes()[dim], "), for dim: ", dim);
  for (int64_t d = 0; d < self.dim(); d++)
    KD_CHECK(d == dim || self.sizes()[d] == source.sizes()[d], Runtime,
             "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ",
             self.sizes(), " source.shape = ", source.sizes());
}

Tensor index_add_(const Tensor& whole, int64_t dim, const Tensor& index_, const Tensor& source_, const Scalar& alpha) {
  const Tensor index = index_vector(index_, "index_add"), self = at_least_1d(whole), given = at_least_1d(source_);
  dim = checked_dim(whole, dim);
  KD_CHECK(self.dtype() == given.dtype(), Runtime, "index_add_(): self (", legacy_name(self.dtype()), ") and source (",
           legacy_name(given.dtype()), ") must have the same scalar type");
  KD_CHECK(given.dim() == self.dim(), Runtime,
           "index_add_(): Source and destination must have the same number of dimensions, got ", given.dim(), " and ",
           self.dim());
  check_slices(self, dim, index.numel(), given);
  check_target(self);
  if (self.is_meta()) return whole;
  const int64_t size = self.sizes()[dim];
  const bool scaled = !(alpha == Scalar(1));
  const Tensor source = apart(dense(scaled ? ops::mul_Scalar(given, alpha) : given), self);
  Selection s = select_along(self, dim, index.data<int64_t>(), index.numel(), [&](int64_t v, int64_t i) {
    KD_CHECK(v >= 0 && v < size, Runtime, "index ", v, " is out of bounds for dimension ", dim, " with size ", size,
             ": it is element ", i, " of the index of index_add()");
    return v;
  });
  visit<kAnyT>(self.dtype(), "index_add_", [&]<class T>(Of<T>) { put_rows(self.data<T>(), source.data<T>(), false, s, Add()); });
  return whole;
}
Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  return index_add_(ops::clone(resolved(self)), dim, index, source, alpha);
}

Tensor index_copy_(const Tensor& whole, int64_t dim, const Tensor& index_, const Tensor& source_) {
  KD_CHECK(index_.dim() <= 1, Index, "index_copy_(): Index should have dimension 1 or 0 (got ", index_.dim(), ")");
  KD_CHECK(index_.dtype() == DType::int64, Index, "index_copy_(): Expected a long tensor for index, but got ",
           legacy_name(index_.dtype()));
  const Tensor index = dense(index_), self = at_least_1d(whole), given = at_least_1d(source_);
  dim = checked_dim(whole, dim);
  const int64_t n = index.numel(), size = self.sizes()[dim];
  KD_CHECK(whole.dtype() == given.dtype(), Runtime,
           "index_copy_(): self and source expected to have the same dtype, but got (self) ", legacy_name(whole.dtype()),
           " and (source) ", legacy_name(given.dtype()));
  KD_CHECK(whole.dim() == 0 || source_.dim() == 0 || whole.dim() == source_.dim(), Index,
           "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality (",
           source_.dim(), "), destination dimensionality (", whole.dim(), ")");
  KD_CHECK(source_.dim() > 0 || n == 1, Index, "index_copy_(): When source is scalar, index should have one element (got ", n,
           ")");
  KD_CHECK(source_.dim() == 0 || given.sizes()[dim] == n, Index, "index_copy_(): Number of indices (", n,
           ") should be equal to source.size(dim) (", given.sizes()[dim], ")");
  for (int64_t d = 0; d < self.dim() && source_.dim() > 0; d++)
    KD_CHECK(d == dim || self.sizes()[d] == given.sizes()[d], Runtime,
             "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: ", self.sizes()[d],
             " at dimension ", dim, " and source slice shape: ", given.sizes()[d], " at dimension ", d, ".");
  check_target(self);
  if (self.is_meta()) return whole;
  const Tensor source = apart(dense(given), self);
  Selection s = select_along(self, dim, index.data<int64_t>(), n, [&](int64_t v, int64_t i) {
    KD_CHECK(v >= 0 && v < size, Index, "index_copy_(): index ", v, " is out of bounds for dimension ", dim, " with size ", size,
             ": it is element ", i, " of the index");
    return v;
  });
  visit_width(self.itemsize(),
              [&]<class T>(Of<T>) { put_rows(self.data<T>(), source.data<T>(), source_.dim() == 0, s, Assign()); });
  return whole;
}
Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return index_copy_(ops::clone(resolved(self)), dim, index, source);
}

Tensor index_fill__int_Scalar(const Tensor& whole, int64_t dim, const Tensor& index_, const Scalar& value) {
  KD_CHECK(index_.dtype() == DType::int64, Index, "index_fill_(): Expected dtype int64 for index.");
  KD_CHECK(index_.dim() <= 1, Runtime, "Index has to be a vector/scalar");
  KD_CHECK(!value.is_complex() || is_complex(whole.dtype()), Runtime,
           "index_fill_(): Converting complex Scalar to non-complex type is not supported");
  const Tensor index = dense(index_), self = at_least_1d(whole);
  dim = checked_dim(whole, dim);
  check_target(self);
  if (self.is_meta()) return whole;
  const int64_t size = self.sizes()[dim];
  Selection s = select_along(self, dim, index.data<int64_t>(), index.numel(), [&](int64_t v, int64_t i) {
    if (v < -size || v >= size) out_of_bounds(v, size, dim, i);
    return v < 0 ? v + size : v;
  });
  const Tensor one = scalar_tensor(value, self.dtype());
  visit_width(self.itemsize(), [&]<class T>(Of<T>) { put_rows(self.data<T>(), one.data<T>(), true, s, Assign()); });
  return whole;
}
Tensor index_fill__int_Tensor(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  KD_CHECK(value.dim() == 0, Runtime, "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
           " dimension(s).");
  return index_fill__int_Scalar(self, dim, index, value.is_meta() ? Scalar(0) : item(value));
}
Tensor index_fill_int_Scalar(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return index_fill__int_Scalar(ops::clone(resolved(self)), dim, index, value);
}
Tensor index_fill_int_Tensor(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  return index_fill__int_Tensor(ops::clone(resolved(self)), dim, index, value);
}

Tensor index_reduce_(const Tensor& whole, int64_t dim, const Tensor& index_, const Tensor& source_, std::string_view reduce,
                     bool include_self) {
  KD_CHECK(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin", Runtime,
           "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ", reduce, ".");
  const Tensor index = index_vector(index_, "index_reduce"), self = at_least_1d(whole), given = at_least_1d(source_);
  dim = checked_dim(whole, dim);
  KD_CHECK(self.dtype() == given.dtype(), Runtime,
           "index_reduce_(): self and source expected to have the same scalar type, but got ", legacy_name(self.dtype()), " and ",
           legacy_name(given.dtype()));
  check_slices(self, dim, index.numel(), given);
  check_target(self);
  if (self.is_meta()) return whole;
  const int64_t size = self.sizes()[dim];
  const Tensor source = apart(dense(given), self);
  Selection s = select_along(self, dim, index.data<int64_t>(), index.numel(), [&](int64_t v, int64_t i) {
    if (v < 0 || v >= size) out_of_self(v, size, dim, i, "index_reduce()");
    return v;
  });
  visit<kOrderedT>(self.dtype(), "index_reduce", [&]<class T>(Of<T>) {
    T* p = self.data<T>();
    const T* v = source.data<T>();
    if (!include_self) {
      const T start = reduction_start<T>(reduce);
      put_rows(p, &start, true, s, Assign());
    }
    if (reduce == "prod") put_rows(p, v, false, s, Multiply());
    else if (reduce == "amax") put_rows(p, v, false, s, Largest());
    else if (reduce == "amin") put_rows(p, v, false, s, Smallest());
    else put_rows(p, v, false, s, Add());
  });
  if (reduce == "mean") {
    Tensor counts = include_self ? ops::ones_like(self) : ops::zeros_like(self);
    index_add_(counts, dim, index, ops::ones_like(source), 1);
    counts = ops::masked_fill_Scalar(counts, ops::eq_Scalar(counts, 0), 1);
    if (is_floating(self.dtype())) ops::div__Tensor(self, counts);
    else ops::div__Tensor_mode(self, counts, "floor");
  }
  return whole;
}
Tensor index_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, std::string_view reduce,
                    bool include_self) {
  return index_reduce_(ops::clone(self), dim, index, source, reduce, include_self);
}

// ---- linear indices ----

Tensor take(const Tensor& self_, const Tensor& index) {
  KD_CHECK(index.dtype() == DType::int64, Runtime, "take(): Expected a long tensor for index, but got ",
           legacy_name(index.dtype()));
  KD_CHECK(self_.numel() > 0 || index.numel() == 0, Index, "take(): tried to take from an empty tensor");
  Tensor result = empty(index.sizes(), self_.options());
  if (result.is_meta()) return result;
  const Tensor self = dense(self_), places = dense(index);
  const int64_t n = self.numel();
  visit_width(self.itemsize(), [&]<class T>(Of<T>) {
    parallel_for(0, result.numel(), kWork, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const int64_t v = places.data<int64_t>()[i];
        KD_CHECK(v >= -n && v < n, Index, "out of range: tried to access index ", v, " on a tensor of ", n, " elements.");
        result.data<T>()[i] = self.data<T>()[v < 0 ? v + n : v];
      }
    });
  });
  return result;
}

Tensor put_(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  KD_CHECK(index.dtype() == DType::int64, Runtime, "put_(): Expected a long tensor for index, but got ",
           legacy_name(index.dtype()));
  KD_CHECK(self.dtype() == source.dtype(), Runtime,
           "put_(): self and source expected to have the same dtype, but got self.dtype = ", legacy_name(self.dtype()),
           " and source.dtype = ", legacy_name(source.dtype()));
  KD_CHECK(source.numel() == index.numel(), Index,
           "put_(): Expected source and index to have the same number of elements, but got source.numel() = ", source.numel(),
           ", index.numel() = ", index.numel());
  check_target(self);
  KD_CHECK(index.numel() == 0 || self.numel() > 0, Index, "put_(): Tried to put elements into an empty tensor");
  if (self.is_meta()) return self;
  const Tensor flat = self.is_contiguous() ? self : ops::contiguous(self), values = apart(dense(source), self),
               places = dense(index);
  const int64_t n = self.numel();
  visit<kAnyT>(self.dtype(), "put", [&]<class T>(Of<T>) {
    for (int64_t i = 0; i < values.numel(); i++) {
      const int64_t v = places.data<int64_t>()[i];
      KD_CHECK(v >= -n && v < n, Index, "out of range: tried to access index ", v, " on a tensor of ", n, " elements.");
      T& x = flat.data<T>()[v < 0 ? v + n : v];
      if (accumulate) Add()(x, values.data<T>()[i]);
      else x = values.data<T>()[i];
    }
  });
  return flat.is(self) ? self : ops::copy_(self, flat);
}
Tensor put(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  return put_(ops::clone(resolved(self)), index, source, accumulate);
}

}  // namespace kernels
}  // namespace kindling
