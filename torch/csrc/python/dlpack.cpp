// DLPack (github.com/dmlc/dlpack, v1.0): tensors of other libraries over the same memory, both ways.
#include "../autograd/meta.h"
#include "invoke.h"
#include "tensor.h"

#include <cstring>

namespace kindling::python {

namespace {

// The standard's structures.
struct DLDevice {
  int32_t type, index;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct DLVersion {
  uint32_t major, minor;
};
struct DLManagedTensorVersioned {
  DLVersion version;
  void* context;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  DLTensor tensor;
};

constexpr int32_t kCpu = 1;
constexpr uint8_t kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6;
constexpr uint64_t kReadOnly = 1;

DLDataType dl_type(DType d) {
  uint8_t bits = uint8_t(itemsize(d) * 8);
  switch (info(d).kind) {
    case Kind::Bool: return {kBool, bits, 1};
    case Kind::Unsigned: return {kUInt, bits, 1};
    case Kind::Signed: return {kInt, bits, 1};
    case Kind::Complex: return {kComplex, bits, 1};
    default:
      KD_CHECK(!is_float8(d), Buffer, "float8 types are not supported by dlpack");
      return {d == DType::bfloat16 ? kBfloat : kFloat, bits, 1};
  }
}

DType from_dl_type(DLDataType t) {
  KD_CHECK(t.lanes == 1, Runtime, "from_dlpack: vector types are not supported");
  for (int i = 0; i < kDTypes; i++) {
    DType d = DType(i);
    if (is_float8(d)) continue;
    DLDataType have = dl_type(d);
    if (have.code == t.code && have.bits == t.bits) return d;
  }
  fail(ErrorKind::Runtime, "from_dlpack: unsupported type, code ", int(t.code), " of ", int(t.bits), " bits");
}

// The exported tensor, kept alive by the capsule's consumer.
template <class Managed>
struct Export {
  Managed managed{};
  Tensor tensor;
  Dims shape, strides;
};

template <class Managed>
Managed* export_tensor(const Tensor& t) {
  with_memory(t);
  auto* e = new Export<Managed>;
  e->tensor = t;
  e->shape = Dims(t.sizes());
  e->strides = Dims(t.strides());
  for (int64_t i = 0; i < e->shape.size(); i++)
    if (e->shape[i] < 2) e->strides[i] = 1;
  e->managed.tensor = {
      t.numel() ? t.raw() : nullptr, {kCpu, 0}, int32_t(t.dim()), dl_type(t.dtype()), e->shape.data(), e->strides.data(), 0};
  e->managed.context = e;
  e->managed.deleter = [](Managed* m) { delete static_cast<Export<Managed>*>(m->context); };
  return &e->managed;
}

constexpr const char* kOld = "dltensor";
constexpr const char* kNew = "dltensor_versioned";

template <class Managed>
void drop_unused(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;  // a consumer renamed it: theirs now
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  m->deleter(m);
}

PyObject* to_capsule(const Tensor& t, bool versioned) {
  KD_CHECK(!t.requires_grad(), Buffer, "Can't export tensors that require gradient, use tensor.detach()");
  KD_CHECK(!t.is_conj(), Buffer, "Can't export tensors with the conjugate bit set");
  KD_CHECK(!t.is_neg(), Buffer, "Can't export tensors with the negative bit set");
  KD_CHECK(t.is_cpu(), Buffer, "Cannot pack tensors on ", to_string(t.device()));
  if (!versioned)
    return check(
        PyCapsule_New(export_tensor<DLManagedTensor>(t), kOld, [](PyObject* c) { drop_unused<DLManagedTensor>(c, kOld); }));
  auto* m = export_tensor<DLManagedTensorVersioned>(t);
  m->version = {1, 0};
  return check(PyCapsule_New(m, kNew, [](PyObject* c) { drop_unused<DLManagedTensorVersioned>(c, kNew); }));
}

template <class Managed>
Tensor import_tensor(Managed* m) {
  const DLTensor& d = m->tensor;
  KD_CHECK(d.device.type == kCpu, Runtime, "from_dlpack: device type ", d.device.type, " is not the CPU");
  DType dtype = from_dl_type(d.dtype);
  Dims sizes(IntList(d.shape, size_t(d.ndim)));
  Dims strides = d.strides ? Dims(IntList(d.strides, size_t(d.ndim))) : contiguous_strides(sizes);
  int64_t span = itemsize(dtype);
  for (int32_t i = 0; i < d.ndim; i++) {
    if (sizes[i] == 0) span = 0;
    if (span) span += (sizes[i] - 1) * strides[i] * itemsize(dtype);
  }
  TensorImpl* impl = new_impl();
  Tensor t = Tensor::steal(impl);
  impl->dtype = dtype;
  impl->storage = Storage::borrow(static_cast<char*>(d.data) + d.byte_offset, size_t(span), [m] {
    if (m->deleter) m->deleter(m);
  });
  impl->storage->resizable = false;
  impl->set_sizes_strides(sizes, strides);
  return t;
}

}  // namespace

Tensor from_dlpack_capsule(PyObject* capsule) {
  KD_CHECK(PyCapsule_CheckExact(capsule), Type, "from_dlpack: expected a PyCapsule, not ", type_name(capsule));
  if (PyCapsule_IsValid(capsule, kNew)) {
    auto* m = static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, kNew));
    KD_CHECK(m->version.major == 1, Runtime, "from_dlpack: version ", m->version.major, " of DLPack is not supported");
    KD_CHECK(!(m->flags & kReadOnly), Buffer, "from_dlpack: the data is read-only");
    Tensor t = import_tensor(m);
    PyCapsule_SetName(capsule, "used_dltensor_versioned");
    return t;
  }
  KD_CHECK(
      PyCapsule_IsValid(capsule, kOld), Runtime,
      "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have already constructed a tensor from it once.");
  Tensor t = import_tensor(static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kOld)));
  PyCapsule_SetName(capsule, "used_dltensor");
  return t;
}

namespace {

PyObject* method_dlpack(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    const char* names[] = {"stream", "max_version", "dl_device", "copy", nullptr};
    PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
    check(PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", const_cast<char**>(names), &stream, &version, &device,
                                      &copy)
              ? 0
              : -1);
    bool versioned = false;
    if (PyTuple_Check(version) && PyTuple_GET_SIZE(version)) versioned = int_of(PyTuple_GET_ITEM(version, 0)) >= 1;
    Tensor t = unwrap(self);
    static OpRef clone{"clone"};
    if (copy == Py_True) t = detach(clone({t}));
    return to_capsule(t, versioned);
  });
}
PyObject* method_dlpack_device(PyObject* self, PyObject*) {
  return guard([&]() -> PyObject* {
    KD_CHECK(impl_of(self)->device.type == DeviceType::cpu, Value, "Unknown device type ", to_string(impl_of(self)->device),
             " for Dlpack");
    return Py_BuildValue("(ii)", kCpu, 0);
  });
}
PyObject* function_to_dlpack(PyObject*, PyObject* tensor) {
  return guard([&] { return to_capsule(unwrap_checked(tensor, "to_dlpack"), false); });
}
PyObject* function_from_dlpack(PyObject*, PyObject* o) {
  return guard([&]() -> PyObject* {
    if (PyCapsule_CheckExact(o)) return wrap(from_dlpack_capsule(o));
    PyRef method = owned(PyObject_GetAttrString(o, "__dlpack__"));
    PyRef kwargs = owned(Py_BuildValue("{s(ii)}", "max_version", 1, 0));
    PyRef none = owned(PyTuple_New(0));
    PyRef capsule = PyRef::steal(PyObject_Call(method.get(), none.get(), kwargs.get()));
    if (!capsule && PyErr_ExceptionMatches(PyExc_TypeError)) {  // an exporter older than DLPack 1.0
      PyErr_Clear();
      capsule = owned(PyObject_CallNoArgs(method.get()));
    }
    check(capsule.get());
    return wrap(from_dlpack_capsule(capsule.get()));
  });
}

}  // namespace

PyMethodDef dlpack_methods[] = {
    {"__dlpack__", reinterpret_cast<PyCFunction>(method_dlpack), METH_VARARGS | METH_KEYWORDS,
     "A DLPack capsule over this tensor's memory."},
    {"__dlpack_device__", method_dlpack_device, METH_NOARGS, "DLPack's (device type, index) of this tensor."},
    {}};
PyMethodDef dlpack_functions[] = {
    {"_to_dlpack", function_to_dlpack, METH_O, nullptr},
    {"_from_dlpack", function_from_dlpack, METH_O, nullptr},
    {"from_dlpack", function_from_dlpack, METH_O,
     "from_dlpack(ext_tensor) -> Tensor\n\nA tensor over the memory of another library's, or of a DLPack capsule."},
    {}};

}  // namespace kindling::python
