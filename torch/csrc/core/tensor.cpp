#include "tensor.h"

#include <cstring>
#include <new>

namespace kindling {

void destroy_autograd_meta(AutogradMeta* m);  // autograd/meta.cpp

void (*release_pyobject)(void*) = nullptr;

TensorImpl* new_impl() { return new (allocator::allocate_object(sizeof(TensorImpl))) TensorImpl; }

// The Python object goes last: its finaliser must not see a tensor half taken apart.
void destroy_impl(const TensorImpl* p) {
  TensorImpl* t = const_cast<TensorImpl*>(p);
  void* pyobj = t->has(TensorImpl::OwnsPyObject) ? t->pyobj : nullptr;
  if (t->autograd) destroy_autograd_meta(std::exchange(t->autograd, nullptr));
  if (t->dims != t->inline_dims) delete[] t->dims;
  t->~TensorImpl();
  allocator::free_object(t, sizeof(TensorImpl));
  if (pyobj) release_pyobject(pyobj);
}

static void set_ndim(TensorImpl& t, int32_t n) {
  constexpr int32_t inline_ndim = int32_t(sizeof(t.inline_dims) / sizeof(int64_t) / 2);
  if (t.ndim != n) {
    if (t.dims != t.inline_dims) delete[] t.dims;
    t.dims = n <= inline_ndim ? t.inline_dims : new int64_t[2 * size_t(n)];
    t.ndim = n;
  }
}

static bool row_major(IntList sizes, IntList strides) {
  int64_t expected = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected = product(expected, sizes[i]);
  }
  return true;
}

void TensorImpl::set_sizes_strides(IntList sizes, IntList strides) {
  KD_CHECK(sizes.size() == strides.size(), Runtime, "mismatch in length of strides and shape");
  const Dims s(sizes), st(strides);  // they may look into this tensor
  const int64_t n = numel_of(s);
  set_ndim(*this, int32_t(s.size()));
  std::copy(s.begin(), s.end(), dims);
  std::copy(st.begin(), st.end(), dims + ndim);
  numel = n;
  set(Contiguous, n == 0 || row_major(s, st));
}

void TensorImpl::set_sizes_contiguous(IntList sizes) {
  const int64_t n = numel_of(sizes);
  if (dims != inline_dims || int32_t(sizes.size()) != ndim) {
    const Dims s(sizes);
    set_ndim(*this, int32_t(s.size()));
    std::copy(s.begin(), s.end(), dims);
  } else if (sizes.data() != dims) {
    std::memmove(dims, sizes.data(), sizes.size_bytes());
  }
  int64_t stride = 1;
  for (int i = ndim; i-- > 0;) {
    dims[ndim + i] = stride;
    stride = product(stride, std::max<int64_t>(dims[i], 1));
  }
  numel = n;
  set(Contiguous, true);
}

// ---- Tensor ----

int64_t Tensor::size(int64_t d) const { return p_->dims[wrap_dim(d, dim())]; }
int64_t Tensor::stride(int64_t d) const { return p_->dims[dim() + wrap_dim(d, dim())]; }

// Does `order` (fastest dimension first) lay the sizes out without holes?
static bool dense_in_order(IntList sizes, IntList strides, std::span<const int8_t> order) {
  int64_t expected = 1;
  for (int d : order) {
    if (sizes[d] == 1) continue;
    if (strides[d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}

bool Tensor::is_contiguous(MemoryFormat f) const {
  static const int8_t nhwc[] = {1, 3, 2, 0}, ndhwc[] = {1, 4, 3, 2, 0};
  if (f == MemoryFormat::channels_last) return dim() == 4 && dense_in_order(sizes(), strides(), nhwc);
  if (f == MemoryFormat::channels_last_3d) return dim() == 5 && dense_in_order(sizes(), strides(), ndhwc);
  return is_contiguous();
}

bool Tensor::is_non_overlapping_and_dense() const {
  if (is_contiguous()) return true;
  const IntList sizes = this->sizes(), strides = this->strides();
  Dims order;
  for (int64_t i = 0; i < dim(); i++)
    if (sizes[i] != 1) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return strides[a] < strides[b]; });
  int64_t expected = 1;
  for (int64_t d : order) {
    if (strides[d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}

// ---- making tensors ----

static Tensor make(TensorOptions o) {
  TensorImpl* t = new_impl();
  t->dtype = o.dtype;
  t->device = o.device;
  return Tensor::steal(t);
}

static size_t checked_bytes(int64_t elements, DType d, IntList sizes) {
  int64_t bytes;
  KD_CHECK(!__builtin_mul_overflow(elements, itemsize(d), &bytes), Runtime,
           "Storage size calculation overflowed with sizes=", sizes);
  return size_t(bytes);
}

Tensor empty(IntList sizes, TensorOptions o) {
  Tensor t = make(o);
  t->set_sizes_contiguous(sizes);
  t->storage = Storage::allocate(checked_bytes(t->numel, o.dtype, sizes), o.device);
  return t;
}

Tensor empty_strided(IntList sizes, IntList strides, TensorOptions o) {
  Tensor t = make(o);
  t->set_sizes_strides(sizes, strides);
  int64_t extent = t->numel != 0;
  for (int64_t i = 0; i < t.dim() && extent; i++) {
    KD_CHECK(strides[i] >= 0, Runtime, "as_strided: Negative strides are not supported at the moment, got strides: ", strides);
    int64_t step;
    KD_CHECK(!__builtin_mul_overflow(strides[i], sizes[i] - 1, &step) && !__builtin_add_overflow(extent, step, &extent), Runtime,
             "Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  }
  t->storage = Storage::allocate(checked_bytes(extent, o.dtype, sizes), o.device);
  return t;
}

Tensor empty(IntList sizes, TensorOptions o, MemoryFormat f) {
  if (f == MemoryFormat::contiguous || f == MemoryFormat::preserve) return empty(sizes, o);
  return empty_strided(sizes, strides_for(sizes, f), o);
}

Tensor empty_like(const Tensor& t) { return empty_like(t, t.dtype()); }

Tensor empty_like(const Tensor& t, DType d) {
  const TensorOptions o{d, t.device()};
  if (t.is_contiguous()) return empty(t.sizes(), o);
  if (t.is_non_overlapping_and_dense()) return empty_strided(t.sizes(), t.strides(), o);
  return empty_strided(t.sizes(), dense_strides_like(t.sizes(), t.strides()), o);
}

// ---- one element ----

namespace {
template <class T>
T load(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void store(char* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

}  // namespace

Scalar load_scalar(const char* p, DType d) {
  switch (d) {
    case DType::bool_: return Scalar(load<uint8_t>(p) != 0);
    case DType::uint8: return Scalar(int64_t(load<uint8_t>(p)));
    case DType::int8: return Scalar(int64_t(load<int8_t>(p)));
    case DType::int16: return Scalar(int64_t(load<int16_t>(p)));
    case DType::int32: return Scalar(int64_t(load<int32_t>(p)));
    case DType::int64: return Scalar(load<int64_t>(p));
    case DType::uint16: return Scalar(int64_t(load<uint16_t>(p)));
    case DType::uint32: return Scalar(int64_t(load<uint32_t>(p)));
    case DType::uint64: return Scalar(int64_t(load<uint64_t>(p)));
    case DType::float16: return Scalar(double(to_float(load<half>(p))));
    case DType::bfloat16: return Scalar(double(to_float(load<bfloat16>(p))));
    case DType::float32: return Scalar(double(load<float>(p)));
    case DType::float64: return Scalar(load<double>(p));
    case DType::complex32: return Scalar(std::complex<double>(to_float(load<half>(p)), to_float(load<half>(p + 2))));
    case DType::complex64: return Scalar(std::complex<double>(load<std::complex<float>>(p)));
    case DType::complex128: return Scalar(load<std::complex<double>>(p));
    default: return Scalar(double(float8_to_float(load<uint8_t>(p), d)));
  }
}

void store_scalar(char* p, const Scalar& s, DType d) {
  switch (d) {
    case DType::bool_: return store(p, uint8_t(s.to_bool()));
    case DType::uint8:
    case DType::int8: return store(p, uint8_t(s.to_int()));
    case DType::int16:
    case DType::uint16: return store(p, uint16_t(s.to_int()));
    case DType::int32:
    case DType::uint32: return store(p, uint32_t(s.to_int()));
    case DType::int64:
    case DType::uint64: return store(p, s.to_int());
    case DType::float16: return store(p, to_half(float(s.to_double())));
    case DType::bfloat16: return store(p, to_bfloat16(float(s.to_double())));
    case DType::float32: return store(p, float(s.to_double()));
    case DType::float64: return store(p, s.to_double());
    case DType::complex32: store(p, to_half(float(s.to_double()))); return store(p + 2, to_half(float(s.im)));
    case DType::complex64: return store(p, std::complex<float>(s.to_complex()));
    case DType::complex128: return store(p, s.to_complex());
    default: return store(p, float_to_float8(float(s.to_double()), d));
  }
}

Tensor scalar_tensor(const Scalar& s, DType d) {
  Tensor t = make({d, Device{}});
  t->storage = Storage::allocate(size_t(itemsize(d)), Device{});
  store_scalar(t.raw(), s, d);
  return t;
}

Tensor wrap_number(const Scalar& s) {
  Tensor t = scalar_tensor(s, s.dtype());
  t->set(TensorImpl::WrappedNumber, true);
  return t;
}

const Tensor& with_memory(const Tensor& t) {
  KD_CHECK(!t->has(TensorImpl::Batched), Runtime, "Cannot access data pointer of Tensor that doesn't have storage");
  return t;
}

Scalar item(const Tensor& t) {
  KD_CHECK(
      !t->has(TensorImpl::Batched), Runtime,
      "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try "
      "to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file "
      "a bug report.");
  KD_CHECK(t.numel() == 1, Runtime, "a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  KD_CHECK(t.is_cpu() && t.storage()->data, Runtime, "Tensor.item() cannot be called on meta tensors");
  Scalar s = load_scalar(t.raw(), t.dtype());
  if (t.is_conj()) s.im = -s.im;
  return t.is_neg() ? -s : s;
}

void fail_element_size(DType expected, DType found) {
  fail(ErrorKind::Runtime, "expected scalar type ", legacy_name(expected), " but found ", legacy_name(found));
}

// ---- views ----

Tensor alias(const Tensor& t, IntList sizes, IntList strides, int64_t offset) {
  Tensor r = make(t.options());
  r->set_sizes_strides(sizes, strides);
  r->offset = offset;
  r->layout = t->layout;
  r->storage = t->storage;
  if (!t->has(TensorImpl::Inference)) {
    t->version_counter();
    r->version = t->version;
  }
  constexpr uint16_t inherited = TensorImpl::Conj | TensorImpl::Neg | TensorImpl::Inference | TensorImpl::Batched;
  r->flags |= t->flags & inherited;
  return r;
}

Tensor alias(const Tensor& t) { return alias(t, t.sizes(), t.strides(), t.offset()); }

}  // namespace kindling
