// NumPy arrays that share a tensor's memory, and back, through the buffer protocol: NumPy's C API is not linked.
#include <cstring>

#include "../autograd/meta.h"
#include "invoke.h"
#include "tensor.h"

namespace kindling::python {

namespace {

// What np.ndarray(buffer=...) keeps as its base: the bytes of a storage from some address on.
struct MemoryObject {
  PyObject_HEAD PyObject* tensor;
  char* data;
  Py_ssize_t nbytes;
};

int memory_buffer(PyObject* self, Py_buffer* view, int flags) {
  auto* m = reinterpret_cast<MemoryObject*>(self);
  static char nothing;
  return PyBuffer_FillInfo(view, self, m->data ? m->data : &nothing, m->nbytes, 0, flags);
}
void memory_dealloc(PyObject* self) {
  Py_CLEAR(reinterpret_cast<MemoryObject*>(self)->tensor);
  PyObject_Free(self);
}
PyBufferProcs memory_procs = {memory_buffer, nullptr};

PyTypeObject MemoryType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C._TensorMemory";
  t.tp_basicsize = sizeof(MemoryObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT;
  t.tp_dealloc = memory_dealloc;
  t.tp_as_buffer = &memory_procs;
  return t;
}();

PyObject* numpy_attribute(const char* name) {
  PyRef numpy = owned(PyImport_ImportModule("numpy"));
  return check(PyObject_GetAttrString(numpy.get(), name));
}

PyObject* numpy_dtype(DType d) {  // borrowed
  static PyObject* known[kDTypes] = {};
  PyObject*& o = known[int(d)];
  if (o) return o;
  bool exists = d < DType::float16 || d == DType::float16 || d == DType::float32 || d == DType::float64 ||
                d == DType::complex64 || d == DType::complex128;
  KD_CHECK(exists, Type, "Got unsupported ScalarType ", legacy_name(d));
  PyRef make = PyRef::steal(numpy_attribute("dtype"));
  o = check(PyObject_CallFunction(make.get(), "s", info(d).name));
  return o;
}

PyObject* ndarray_type() {  // borrowed; null before anyone imports NumPy
  static PyObject* type = nullptr;
  if (type) return type;
  PyRef name = owned(PyUnicode_FromString("numpy"));
  PyRef numpy = PyRef::steal(PyImport_GetModule(name.get()));
  if (!numpy) {
    PyErr_Clear();
    return nullptr;
  }
  type = PyObject_GetAttrString(numpy.get(), "ndarray");
  if (!type) PyErr_Clear();
  return type;
}

}  // namespace

bool is_numpy_array(PyObject* o) {
  PyObject* type = ndarray_type();
  return type && PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(type));
}

PyObject* to_numpy(const Tensor& t) {
  KD_CHECK(!t->has(TensorImpl::PythonDispatch), Runtime, ".numpy() is not supported for tensor subclasses.");
  if (!t.is_cpu()) {
    fail(ErrorKind::Type, "can't convert ", to_string(Device{t.device().type, -1}),
         " device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.");
  }
  KD_CHECK(!t.requires_grad(), Runtime, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  KD_CHECK(!t.is_conj(), Runtime,
           "Can't call numpy() on Tensor that has conjugate bit set. Use tensor.resolve_conj().numpy() instead.");
  KD_CHECK(!t.is_neg(), Runtime,
           "Can't call numpy() on Tensor that has negative bit set. Use tensor.resolve_neg().numpy() instead.");
  with_memory(t);
  PyObject* dtype = numpy_dtype(t.dtype());
  check(PyType_Ready(&MemoryType));
  auto* memory = PyObject_New(MemoryObject, &MemoryType);
  PyRef base = owned(reinterpret_cast<PyObject*>(memory));
  int64_t span = t.numel() ? t.itemsize() : 0;
  for (int64_t i = 0; i < t.dim() && t.numel(); i++) span += (t.sizes()[size_t(i)] - 1) * t.strides()[size_t(i)] * t.itemsize();
  memory->tensor = wrap(t);
  memory->data = t.numel() ? t.raw() : nullptr;
  memory->nbytes = span;
  t.storage()->resizable = false;
  PyRef shape = owned(wrap_ints(t.sizes()));
  Dims bytes(t.strides());
  for (int64_t& s : bytes) s *= t.itemsize();
  PyRef strides = owned(wrap_ints(bytes));
  static PyObject* make = numpy_attribute("ndarray");
  return check(PyObject_CallFunction(make, "OOOiO", shape.get(), dtype, base.get(), 0, t.numel() ? strides.get() : Py_None));
}

DType dtype_from_numpy(PyObject* descr) {
  PyRef name = owned(PyObject_GetAttrString(descr, "name"));
  std::string text = utf8(name.get());
  for (int i = 0; i < kDTypes; i++)
    if (text == info(DType(i)).name) return DType(i);
  PyRef type = owned(PyObject_GetAttrString(descr, "type"));
  fail(
      ErrorKind::Type, "can't convert np.ndarray of type ", reinterpret_cast<PyTypeObject*>(type.get())->tp_name,
      ". The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.");
}

Tensor from_numpy(PyObject* array, bool warn_if_read_only) {
  PyRef descr = owned(PyObject_GetAttrString(array, "dtype"));
  DType dtype = dtype_from_numpy(descr.get());
  PyRef native = owned(PyObject_GetAttrString(descr.get(), "isnative"));
  KD_CHECK(
      native.get() == Py_True, Value,
      "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.");
  auto* view = new Py_buffer;
  if (PyObject_GetBuffer(array, view, PyBUF_STRIDES | PyBUF_WRITABLE) < 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(array, view, PyBUF_STRIDES) < 0) {
      delete view;
      throw Error(ErrorKind::Python, {});
    }
    if (warn_if_read_only)
      warn(
          WarningKind::User,
          "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. Writing to the tensor is undefined: copy the array first.");
  }
  auto let_go = [view] {
    if (!Py_IsInitialized()) return;
    Gil gil;
    KeepError keep;
    PyBuffer_Release(view);
    delete view;
  };
  int64_t size = itemsize(dtype), span = size;
  Dims sizes, strides;
  for (int i = 0; i < view->ndim; i++) {
    sizes.push_back(view->shape[i]);
    if (view->shape[i] == 0) span = 0;
  }
  PyRef steps = owned(PyObject_GetAttrString(array, "strides"));  // the buffer's own are rewritten where a size is 1
  for (int i = 0; i < view->ndim; i++) {
    int64_t bytes = int_of(PyTuple_GET_ITEM(steps.get(), i));
    if (bytes < 0 || bytes % size) {
      let_go();
      KD_CHECK(
          bytes >= 0, Value,
          "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
          "(You can probably work around this by making a copy of your array  with array.copy().) ");
      fail(ErrorKind::Value,
           "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.");
    }
    strides.push_back(bytes / size);
    if (span) span += (sizes[i] - 1) * bytes;
  }
  TensorImpl* impl = new_impl();
  Tensor t = Tensor::steal(impl);
  impl->dtype = dtype;
  impl->storage = Storage::borrow(static_cast<char*>(view->buf), size_t(span), let_go);
  impl->storage->resizable = false;
  impl->set_sizes_strides(sizes, strides);
  return t;
}

}  // namespace kindling::python
