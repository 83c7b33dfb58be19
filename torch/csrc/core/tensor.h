// The tensor: sizes, strides and an offset over a storage. TensorImpl is the object, Tensor the reference to it.
#pragma once
#include "device.h"
#include "dims.h"
#include "dtype.h"
#include "error.h"
#include "ref.h"
#include "scalar.h"
#include "storage.h"
#include "symbolic.h"

namespace kindling {

struct AutogradMeta;  // autograd/meta.h: made only when a tensor takes part in differentiation

// Counts in-place writes; shared by a tensor and its views, so that saved tensors can tell that they changed.
struct VersionCounter final : RefCounted {
  std::atomic<uint32_t> value{0};
  // Where the last write to a tensor that autograd has saved came from: a name that lives for ever, and a line of it.
  std::atomic<bool> watched{false};
  std::atomic<uint32_t> line{0};
  std::atomic<void*> file{nullptr};
};

struct TensorImpl final {
  enum Flag : uint16_t {
    Contiguous = 1,     // row-major, cached from sizes and strides
    WrappedNumber = 2,  // 0-dim tensor standing for a Python number: weak in type promotion
    Conj = 4,
    Neg = 8,              // lazy bits, resolved when the values are read
    PythonDispatch = 16,  // a subclass with __torch_dispatch__
    Inference = 32,       // made in inference mode: no version counter, no autograd
    OwnsPyObject = 64,    // C++ keeps the Python object alive (its last Python reference went away first)
    Watched = 128,        // what a version counter will be from its start
    Batched = 256,        // stands for one example of a batch: the storage is a BatchStorage (vmap/batch.h), without memory
    // What a wrapper's class, and not this object, knows: Python asks its __torch_dispatch__.
    AskStrides = 512,
    AskSizes = 1024,
    AskDevice = 2048,
    AskLayout = 4096,
  };

  mutable std::atomic<uint32_t> refs{1};
  DType dtype = DType::none;
  Layout layout = Layout::strided;
  Device device;
  uint16_t flags = Contiguous;
  int32_t ndim = 0;
  int64_t numel = 1;
  int64_t offset = 0;           // in elements
  int64_t* dims = inline_dims;  // sizes, then strides
  int64_t inline_dims[12];
  Ref<Storage> storage;
  Ref<VersionCounter> version;  // made on first need
  AutogradMeta* autograd = nullptr;
  void* pyobj = nullptr;  // the one Python object of this tensor

  static constexpr uint16_t kUnusual = PythonDispatch | Batched;  // whose elements are an affair of other layers
  bool unusual() const { return flags & kUnusual; }
  bool has(Flag f) const { return flags & f; }
  void set(Flag f, bool on) { flags = on ? flags | f : flags & ~f; }
  VersionCounter& version_counter() {
    if (!version) {
      version = Ref<VersionCounter>::make();
      version->watched.store(has(Watched), std::memory_order_relaxed);
    }
    return *version;
  }
  void set_sizes_strides(IntList sizes, IntList strides);  // also numel and Contiguous
  void set_sizes_contiguous(IntList sizes);
};
TensorImpl* new_impl();                  // from the freelist, refs == 1
extern void (*release_pyobject)(void*);  // python/ sets it: drops the Python object that an OwnsPyObject tensor keeps alive
void destroy_impl(const TensorImpl* p);  // drops storage, autograd, Python object; back to the freelist

inline void retain(const TensorImpl* p) {
  if (p) p->refs.fetch_add(1, std::memory_order_relaxed);
}
inline void release(const TensorImpl* p) {
  if (p && p->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy_impl(p);
}

struct TensorOptions {
  DType dtype = DType::float32;
  Device device;
};

// RuntimeError "expected scalar type Float but found Double": a kernel would read past the end.
[[noreturn]] void fail_element_size(DType expected, DType found);

class Tensor {
  TensorImpl* p_ = nullptr;

 public:
  Tensor() = default;
  static Tensor steal(TensorImpl* p) {
    Tensor t;
    t.p_ = p;
    return t;
  }
  static Tensor share(TensorImpl* p) {
    retain(p);
    return steal(p);
  }
  Tensor(const Tensor& o) : p_(o.p_) { retain(p_); }
  Tensor(Tensor&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Tensor& operator=(Tensor o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Tensor() { release(p_); }

  TensorImpl* get() const { return p_; }
  TensorImpl* detach_impl() { return std::exchange(p_, nullptr); }
  TensorImpl* operator->() const { return p_; }
  bool defined() const { return p_; }
  explicit operator bool() const { return p_; }
  bool is(const Tensor& o) const { return p_ == o.p_; }

  int64_t dim() const { return p_->ndim; }
  int64_t numel() const { return p_->numel; }
  IntList sizes() const { return {p_->dims, size_t(p_->ndim)}; }
  IntList strides() const { return {p_->dims + p_->ndim, size_t(p_->ndim)}; }
  int64_t size(int64_t d) const;  // negative d counts from the end; IndexError
  int64_t stride(int64_t d) const;
  int64_t offset() const { return p_->offset; }
  DType dtype() const { return p_->dtype; }
  Device device() const { return p_->device; }
  TensorOptions options() const { return {p_->dtype, p_->device}; }
  int64_t itemsize() const { return kindling::itemsize(p_->dtype); }
  const Ref<Storage>& storage() const { return p_->storage; }
  bool is_contiguous() const { return p_->has(TensorImpl::Contiguous); }
  bool is_contiguous(MemoryFormat f) const;
  bool is_non_overlapping_and_dense() const;
  bool is_cpu() const { return p_->device.type == DeviceType::cpu; }
  bool is_meta() const { return p_->device.type == DeviceType::meta; }
  bool is_complex() const { return kindling::is_complex(p_->dtype); }
  bool is_floating() const { return kindling::is_floating(p_->dtype); }
  bool is_conj() const { return p_->has(TensorImpl::Conj); }
  bool is_neg() const { return p_->has(TensorImpl::Neg); }
  bool is_wrapped_number() const { return p_->has(TensorImpl::WrappedNumber); }
  bool requires_grad() const;  // autograd/meta.cpp

  char* raw() const { return p_->storage->data + p_->offset * kindling::itemsize(p_->dtype); }
  template <class T>
  T* data() const {
    if constexpr (requires { DTypeOf<T>::value; })
      if (sizeof(T) != itemsize()) [[unlikely]]
        fail_element_size(DTypeOf<T>::value, dtype());
    return reinterpret_cast<T*>(raw());
  }

  uint32_t version() const { return p_->version ? p_->version->value.load() : 0; }
  void bump_version() const;
};

// ---- making tensors: no dispatch, no autograd ----
Tensor empty(IntList sizes, TensorOptions o);  // contiguous, uninitialised
Tensor empty_strided(IntList sizes, IntList strides, TensorOptions o);
Tensor empty(IntList sizes, TensorOptions o, MemoryFormat f);
Tensor empty_like(const Tensor& t);  // same options; layout kept if dense, PyTorch's rule otherwise
Tensor empty_like(const Tensor& t, DType d);
Tensor scalar_tensor(const Scalar& s, DType d);  // 0-dim
Tensor wrap_number(const Scalar& s);             // 0-dim, WrappedNumber, dtype by default-dtype rules
// A tensor over the same storage and version counter. No view metadata: ops that are views get it from the autograd layer.
Tensor alias(const Tensor& t, IntList sizes, IntList strides, int64_t offset);
Tensor alias(const Tensor& t);
Scalar load_scalar(const char* p, DType d);  // the element at p, which need not be aligned
void store_scalar(char* p, const Scalar& s, DType d);
Scalar item(const Tensor& t);  // the only element of a CPU tensor, conj/neg resolved

const Tensor& with_memory(const Tensor& t);  // `t` itself; RuntimeError when it stands for an example of a batch

// ---- shape.cpp ----
int64_t wrap_dim(int64_t d, int64_t ndim);  // IndexError "Dimension out of range (expected ...)"
int64_t numel_of(IntList sizes);            // checks negative sizes and overflow
Dims contiguous_strides(IntList sizes);
Dims strides_for(IntList sizes, MemoryFormat f);
Dims dense_strides_like(IntList sizes, IntList strides);  // without holes, in the order of the given strides
Dims broadcast_shapes(IntList a, IntList b);              // RuntimeError "The size of tensor a (3) must match ..."
Dims infer_size(IntList shape, int64_t numel);            // resolves one -1 of view/reshape
bool compute_view_strides(IntList sizes, IntList strides, IntList new_sizes, Dims& new_strides);  // false: needs a copy
MemoryFormat suggest_memory_format(const Tensor& t);
bool overlaps_internally(const Tensor& t);  // some element has two indices (expanded)
enum class Overlap { None, Full, Partial };
Overlap overlap(const Tensor& a, const Tensor& b);
void resize(const Tensor& t, IntList sizes);  // resize_: grows the storage if need be

// ---- promotion.cpp ----
DType promote(DType a, DType b);
bool can_cast(DType from, DType to);
// torch.result_type over tensors and numbers: dimensioned tensors win over 0-dim ones, those over wrapped numbers, within a kind.
struct ResultType {
  DType dim = DType::none, zero = DType::none, wrapped = DType::none;
  void add(const Tensor& t);
  void add(const Scalar& s);
  void add_wrapped(DType d);  // a number of this dtype
  DType get() const;
};

}  // namespace kindling
