// Tensors from Python data: torch.tensor, as_tensor, asarray, from_numpy, frombuffer.
#include "../autograd/meta.h"
#include "element.h"
#include "invoke.h"
#include "tensor.h"

#include <cstring>

namespace kindling::python {

namespace {

constexpr int kMaxDepth = 128;

DType default_complex() { return to_complex(default_dtype()); }

[[noreturn]] void bad_data(PyObject* o) { fail(ErrorKind::Type, "new(): invalid data type '", type_name(o), "'"); }

bool from_numpy_package(PyObject* o) { return !std::strncmp(Py_TYPE(o)->tp_name, "numpy.", 6); }

DType infer(PyObject* o, int depth) {
  if (PyFloat_CheckExact(o)) return default_dtype();
  if (PyBool_Check(o)) return DType::bool_;
  if (PyLong_Check(o)) return DType::int64;
  if (PyComplex_CheckExact(o)) return default_complex();
  if (is_tensor(o)) return impl_of(o)->dtype;
  if (is_numpy_array(o) || (from_numpy_package(o) && is_number(o))) {
    PyRef descr = owned(PyObject_GetAttrString(o, "dtype"));
    return dtype_from_numpy(descr.get());
  }
  if (PyFloat_Check(o)) return default_dtype();
  if (PyComplex_Check(o)) return default_complex();
  if (PyUnicode_Check(o) || PyBytes_Check(o)) bad_data(o);
  if (!PySequence_Check(o)) fail(ErrorKind::Runtime, "Could not infer dtype of ", type_name(o));
  KD_CHECK(depth < kMaxDepth, Value, "too many dimensions '", type_name(o), "'");
  Py_ssize_t n = PySequence_Size(o);
  check(n < 0 ? -1 : 0);
  if (n == 0) return default_dtype();
  DType d = DType::none;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyRef item = owned(PySequence_GetItem(o, i));
    KD_CHECK(item.get() != o, Type, "new(): self-referential lists are incompatible");
    DType e = infer(item.get(), depth + 1);
    d = d == DType::none ? e : promote(d, e);
  }
  return d;
}

Dims sizes_of(PyObject* o) {
  Dims sizes;
  PyRef at = PyRef::share(o);
  while (!PyUnicode_Check(at.get()) && !PyBytes_Check(at.get()) && PySequence_Check(at.get())) {
    if (is_numpy_array(at.get())) {
      PyRef shape = owned(PyObject_GetAttrString(at.get(), "shape"));
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape.get()); i++) sizes.push_back(int_of(PyTuple_GET_ITEM(shape.get(), i)));
      break;
    }
    Py_ssize_t n = PySequence_Size(at.get());
    check(n < 0 ? -1 : 0);
    sizes.push_back(n);
    KD_CHECK(sizes.size() <= kMaxDepth, Value, "too many dimensions '", type_name(at.get()), "'");
    if (n == 0) break;
    at = owned(PySequence_GetItem(at.get(), 0));
  }
  return sizes;
}

void store(DType d, char* p, PyObject* o) {
  if (is_tensor(o)) {
    Tensor t = unwrap(o);
    KD_CHECK(t.numel() == 1, Value, "only one element tensors can be converted to Python scalars");
    PyRef number = PyRef::steal(scalar_to_python(t));
    return write_element(d, p, number.get());
  }
  write_element(d, p, o);
}

void fill(const Tensor& t, char* data, int64_t dim, PyObject* o) {
  if (dim == t.dim()) return store(t.dtype(), data, o);
  PyRef items = owned(PySequence_Fast(o, "not a sequence"));
  int64_t n = t.sizes()[size_t(dim)], got = PySequence_Fast_GET_SIZE(items.get());
  KD_CHECK(n == got, Value, "expected sequence of length ", n, " at dim ", dim, " (got ", got, ")");
  int64_t step = t.strides()[size_t(dim)] * t.itemsize();
  for (int64_t i = 0; i < n; i++) fill(t, data + i * step, dim + 1, PySequence_Fast_GET_ITEM(items.get(), i));
}

// A flat list of floats or of ints, the most frequent data, in one pass. Undefined if it is anything else.
Tensor from_flat_list(PyObject* list, std::optional<DType> dtype) {
  Py_ssize_t n = PyList_GET_SIZE(list);
  if (n == 0) return {};
  bool floats = PyFloat_CheckExact(PyList_GET_ITEM(list, 0));
  if (!floats && !PyLong_CheckExact(PyList_GET_ITEM(list, 0))) return {};
  DType d = dtype.value_or(floats ? default_dtype() : DType::int64);
  if (floats ? d != DType::float32 : d != DType::int64) return {};
  int64_t size = n;
  Tensor t = empty(IntList(&size, 1), TensorOptions{d, {}});
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject* o = PyList_GET_ITEM(list, i);
    if (floats) {
      if (!PyFloat_CheckExact(o)) return {};
      t.data<float>()[i] = float(PyFloat_AS_DOUBLE(o));
    } else {
      if (!PyLong_CheckExact(o)) return {};
      t.data<int64_t>()[i] = PyLong_AsLongLong(o);
      if (t.data<int64_t>()[i] == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return {};
      }
    }
  }
  return t;
}

Tensor converted(Tensor t, std::optional<DType> dtype, Device device, bool copy) {
  DType d = dtype.value_or(t.dtype());
  if (d == t.dtype() && device.type == t.device().type) {
    static OpRef clone{"clone"};
    return copy ? clone({t}) : t;
  }
  static OpRef to_copy{"_to_copy"};
  return to_copy({t, Value(d), Value(), Value(device)});
}

}  // namespace

DType infer_dtype(PyObject* data) { return infer(data, 0); }

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype, Device device, bool copy) {
  if (PyList_CheckExact(data) && device == Device{}) {
    Tensor t = from_flat_list(data, dtype);
    if (t) return t;
  }
  if (PyUnicode_Check(data)) bad_data(data);
  if (is_tensor(data)) return converted(unwrap(data), dtype, device, copy);
  if (is_numpy_array(data)) return converted(from_numpy(data, !copy), dtype, device, copy);
  DType d = dtype.value_or(DType::none);
  if (d == DType::none) d = infer(data, 0);
  Tensor t = empty(sizes_of(data), TensorOptions{d, {}});
  if (t.numel()) fill(t, t.raw(), 0, data);
  return converted(t, std::nullopt, device, false);
}

namespace {

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

// Arguments of a constructor, by name; `order` lists those that may be positional first.
class Named {
  const char* function_;
  const CallArguments& call_;
  SmallVec<PyObject*, 8> values_;
  std::span<const char* const> names_;

 public:
  Named(const char* function, const CallArguments& call, std::span<const char* const> names, size_t positional)
      : function_(function), call_(call), values_(int64_t(names.size()), nullptr), names_(names) {
    if (call.npositional > positional)
      fail(ErrorKind::Type, function, "() takes ", int64_t(positional), " positional argument", positional == 1 ? "" : "s",
           " but ", int64_t(call.npositional), " were given");
    for (size_t i = 0; i < call.npositional; i++) values_[int64_t(i)] = call.args[i];
    for (size_t k = 0; k < call.nkeywords(); k++) {
      size_t at = 0;
      while (at < names.size() && !named(call.keyword(k), names[at])) at++;
      if (at == names.size())
        fail(ErrorKind::Type, function, "() got an unexpected keyword argument '", utf8(call.keyword(k)), "'");
      if (values_[int64_t(at)]) fail(ErrorKind::Type, function, "() got multiple values for argument '", names[at], "'");
      values_[int64_t(at)] = call.value(k);
    }
    if (!values_[0]) fail(ErrorKind::Type, function, "() missing 1 required positional arguments: \"", names[0], "\"");
  }
  PyObject* get(const char* name) const {
    for (size_t i = 0; i < names_.size(); i++)
      if (!std::strcmp(names_[i], name)) return values_[int64_t(i)] == Py_None ? nullptr : values_[int64_t(i)];
    return nullptr;
  }
  PyObject* data() const { return values_[0]; }
  std::optional<DType> dtype() const {
    PyObject* o = get("dtype");
    if (!o) return std::nullopt;
    if (!is_dtype(o)) fail(ErrorKind::Type, function_, "(): argument 'dtype' must be torch.dtype, not ", type_name(o));
    return dtype_of(o);
  }
  std::optional<Device> device() const {
    PyObject* o = get("device");
    if (!o) return std::nullopt;
    if (Py_TYPE(o) != &DeviceType_ && !PyUnicode_Check(o) && !is_integer(o))
      fail(ErrorKind::Type, function_, "(): argument 'device' must be torch.device, not ", type_name(o));
    Device d = device_of(o);
    KD_CHECK(d.type != DeviceType::cuda || tls.dispatch_modes > 0, Assertion, "Torch not compiled with CUDA enabled");
    return d;
  }
  bool flag(const char* name) const {
    PyObject* o = get(name);
    if (o && !PyBool_Check(o)) fail(ErrorKind::Type, function_, "(): argument '", name, "' must be bool, not ", type_name(o));
    return o == Py_True;
  }
};

PyObject* finish(Tensor t, bool requires_grad, Device device = Device{}) {
  static OpRef lift{"lift_fresh"}, copy{"_to_copy"};
  if (tls.interposed) {
    t = lift({t});
    if (device.type == DeviceType::cuda) t = copy({t, Value(), Value(), Value(device)});
  }
  KD_CHECK(!requires_grad || is_differentiable(t.dtype()), Runtime,
           "Only Tensors of floating point and complex dtype can require gradients");
  if (requires_grad) set_requires_grad(t, true);
  return wrap(std::move(t));
}

// Under a TorchFunctionMode, or for arguments that override: the protocol's answer, else null.
PyObject* intercepted(const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  std::vector<PyObject*> overloaded;
  Py_ssize_t all = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  for (Py_ssize_t i = 0; i < all; i++)
    if (is_tensor(args[i]) && has_torch_function(args[i])) add_overloaded(args[i], overloaded);
  bool modes = tls.function_modes > 0 && !tls.torch_function_disabled;
  if (overloaded.empty() && !modes) return nullptr;
  PyRef torch = owned(PyImport_ImportModule("torch"));
  PyRef function = owned(PyObject_GetAttrString(torch.get(), name));
  return check(call_torch_function(function.get(), overloaded, args, size_t(nargs), kwnames));
}

// Wraps the body of a constructor: arguments in, protocol first.
template <class F>
PyObject* constructor(const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, F body) {
  return guard([&]() -> PyObject* {
    if (PyObject* answer = intercepted(name, args, nargs, kwnames)) return answer;
    return body(CallArguments{args, size_t(nargs), kwnames});
  });
}

PyObject* torch_tensor(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return constructor("tensor", args, nargs, kwnames, [&](const CallArguments& call) -> PyObject* {
    if (call.npositional == 1 && !kwnames && PyList_CheckExact(args[0]) && !tls.interposed) {
      Tensor t = from_flat_list(args[0], std::nullopt);
      if (t) return wrap(std::move(t));
    }
    static const char* const names[] = {"data", "dtype", "device", "pin_memory", "requires_grad", "names"};
    Named n("tensor", call, names, 1);
    if (is_tensor(n.data())) {
      warn(WarningKind::User,
           "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
           "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).");
      Tensor source = detach(unwrap(n.data()));
      return finish(converted(source, n.dtype(), n.device().value_or(source.device()), true), n.flag("requires_grad"));
    }
    Device device = n.device().value_or(Device{});
    Device made_on = device.type == DeviceType::cuda ? Device{} : device;  // a mode moves it
    return finish(tensor_from_data(n.data(), n.dtype(), made_on, true), n.flag("requires_grad"), device);
  });
}

PyObject* torch_as_tensor(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return constructor("as_tensor", args, nargs, kwnames, [&](const CallArguments& call) -> PyObject* {
    static const char* const names[] = {"data", "dtype", "device"};
    Named n("as_tensor", call, names, 3);
    Device device = n.device().value_or(is_tensor(n.data()) ? impl_of(n.data())->device : Device{});
    Tensor t = tensor_from_data(n.data(), n.dtype(), device, false);
    return is_tensor(n.data()) ? wrap(t) : finish(t, false);
  });
}

Tensor from_buffer(PyObject* buffer, DType dtype, int64_t count, int64_t offset) {
  auto* view = new Py_buffer;
  if (PyObject_GetBuffer(buffer, view, PyBUF_WRITABLE) < 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(buffer, view, PyBUF_SIMPLE) < 0) {
      delete view;
      PyErr_Clear();
      fail(ErrorKind::Value, "object does not implement Python buffer protocol.");
    }
    warn(
        WarningKind::User,
        "The given buffer is not writable, and PyTorch does not support non-writable tensors. Writing to the tensor is undefined: copy the data first.");
  }
  auto let_go = [view] {
    Gil gil;
    PyBuffer_Release(view);
    delete view;
  };
  Ref<Storage> storage = Storage::borrow(static_cast<char*>(view->buf), size_t(view->len), let_go);
  int64_t length = view->len, size = itemsize(dtype);
  KD_CHECK(length > 0 && count != 0, Value, "both buffer length (", length, ") and count (", count, ") must not be 0");
  KD_CHECK(offset >= 0 && offset < length, Value, "offset (", offset,
           " bytes) must be non-negative and no greater than buffer length (", length, " bytes) minus 1");
  KD_CHECK(count > 0 || (length - offset) % size == 0, Value, "buffer length (", length, " bytes) after offset (", offset,
           " bytes) must be a multiple of element size (", size, ")");
  int64_t n = count < 0 ? (length - offset) / size : count;
  KD_CHECK(offset + n * size <= length, Value, "requested buffer length (", n, " * ", size, " bytes) after offset (", offset,
           " bytes) must not be greater than actual buffer length (", length, " bytes)");
  storage->data += offset;
  storage->nbytes -= size_t(offset);
  storage->resizable = false;
  TensorImpl* impl = new_impl();
  impl->dtype = dtype;
  impl->storage = storage;
  impl->set_sizes_contiguous(IntList(&n, 1));
  return Tensor::steal(impl);
}

PyObject* torch_frombuffer(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return constructor("frombuffer", args, nargs, kwnames, [&](const CallArguments& call) -> PyObject* {
    static const char* const names[] = {"buffer", "dtype", "count", "offset", "requires_grad"};
    Named n("frombuffer", call, names, 1);
    std::optional<DType> dtype = n.dtype();
    KD_CHECK(dtype, Type, "frombuffer() missing 1 required keyword argument: 'dtype'");
    int64_t count = n.get("count") ? int_of(n.get("count")) : -1, offset = n.get("offset") ? int_of(n.get("offset")) : 0;
    return finish(from_buffer(n.data(), *dtype, count, offset), n.flag("requires_grad"));
  });
}

PyObject* torch_asarray(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return constructor("asarray", args, nargs, kwnames, [&](const CallArguments& call) -> PyObject* {
    static const char* const names[] = {"obj", "dtype", "device", "copy", "requires_grad"};
    Named n("asarray", call, names, 1);
    PyObject* o = n.data();
    bool force = n.get("copy") == Py_True, forbid = n.get("copy") == Py_False;
    Tensor t;
    if (is_tensor(o)) t = unwrap(o);
    else if (is_numpy_array(o)) t = from_numpy(o, !force);
    else if (PyObject_HasAttrString(o, "__dlpack__") && !from_numpy_package(o))
      t = from_dlpack_capsule(owned(PyObject_CallMethod(o, "__dlpack__", nullptr)).get());
    else if (PyObject_CheckBuffer(o) && !from_numpy_package(o)) t = from_buffer(o, n.dtype().value_or(default_dtype()), -1, 0);
    if (!t) {
      KD_CHECK(!forbid, Value, "can't alias arbitrary sequence into a tensor.");
      return finish(tensor_from_data(o, n.dtype(), n.device().value_or(Device{}), true), n.flag("requires_grad"));
    }
    Device device = n.device().value_or(t.device());
    bool differs = device.type != t.device().type || n.dtype().value_or(t.dtype()) != t.dtype();
    KD_CHECK(!(forbid && differs), Value, "can't alias tensor with dtype '", info(t.dtype()).name, "' into dtype '",
             info(n.dtype().value_or(t.dtype())).name, "'.");
    bool grad = n.flag("requires_grad");
    Tensor result = converted(t, n.dtype(), device, force);
    if (!grad && result.requires_grad()) result = detach(result);
    if (grad && !result.requires_grad()) set_requires_grad(result, true);
    return wrap(result);
  });
}

PyObject* torch_from_numpy(PyObject*, PyObject* array) {
  return guard([&]() -> PyObject* {
    if (!is_numpy_array(array)) fail(ErrorKind::Type, "expected np.ndarray (got ", type_name(array), ")");
    return finish(from_numpy(array, true), false);
  });
}

PyObject* legacy_constructor(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyRef dtype = owned(PySequence_GetItem(args, 0));
    PyRef rest = owned(PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args)));
    return legacy_tensor(rest.get(), kwargs, dtype_of(dtype.get()), Device{});
  });
}

#define KD_FAST(name, doc) \
  {#name, reinterpret_cast<PyCFunction>(static_cast<FastCall>(torch_##name)), METH_FASTCALL | METH_KEYWORDS, doc}

}  // namespace

// x.new_tensor(data): torch.tensor with x's dtype and device where none is given.
PyObject* tensor_new_tensor(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    static const char* const names[] = {"data", "dtype", "device", "requires_grad", "pin_memory", "names"};
    if (may_intercept(self)) {
      std::vector<PyObject*> all{self};
      all.insert(all.end(), args, args + nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0));
      return intercept_method(self, "new_tensor", all.data(), size_t(nargs) + 1, kwnames);
    }
    CallArguments call{args, size_t(nargs), kwnames};
    Named n("new_tensor", call, names, 1);
    TensorImpl* like = impl_of(self);
    PyObject* data = n.data();
    Tensor t = is_tensor(data) ? converted(detach(unwrap(data)), n.dtype().value_or(impl_of(data)->dtype),
                                           n.device().value_or(impl_of(data)->device), true)
                               : tensor_from_data(data, n.dtype().value_or(like->dtype), n.device().value_or(like->device), true);
    return finish(t, n.flag("requires_grad"));
  });
}

PyMethodDef construct_functions[] = {
    KD_FAST(
        tensor,
        "tensor(data, *, dtype=None, device=None, requires_grad=False) -> Tensor\n\nA new tensor with a copy of `data`: numbers, nested sequences, a NumPy array.\n\nExample::\n\n    >>> torch.tensor([[1, 2], [3, 4]])"),
    KD_FAST(
        as_tensor,
        "as_tensor(data, dtype=None, device=None) -> Tensor\n\nLike torch.tensor, but shares the memory of tensors and NumPy arrays where it can."),
    KD_FAST(
        asarray,
        "asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False) -> Tensor\n\nA tensor from anything array-like; copies only if it must, or if `copy` says so."),
    KD_FAST(
        frombuffer,
        "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False) -> Tensor\n\nA 1-D tensor over the memory of an object with the buffer protocol."),
    {"from_numpy", torch_from_numpy, METH_O, "from_numpy(ndarray) -> Tensor\n\nA tensor that shares the array's memory."},
    {}};
PyMethodDef legacy_functions[] = {
    {"_legacy_tensor", reinterpret_cast<PyCFunction>(legacy_constructor), METH_VARARGS | METH_KEYWORDS, nullptr}, {}};

// ---- torch.Tensor(...), torch.FloatTensor(...), Tensor.new(...) ----

namespace {

bool is_size_list(PyObject* args) {
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject* o = PyTuple_GET_ITEM(args, i);
    if (!is_integer(o)) {
      if (i > 0)
        fail(ErrorKind::Type, "new(): argument 'size' failed to unpack the object at pos ", int64_t(i + 1),
             " with error \"type must be tuple of ints,but got ", type_name(o), "\"");
      return false;
    }
  }
  return true;
}

Tensor legacy(PyObject* args, PyObject* kwargs, DType dtype, Device device) {
  if (kwargs) {
    PyObject* given = PyDict_GetItemString(kwargs, "device");
    if (given && given != Py_None) device = device_of(given);
  }
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  TensorOptions options{dtype, device};
  if (n == 0) return empty(Dims{0}, options);
  PyObject* first = PyTuple_GET_ITEM(args, 0);
  if (n == 1 && PyObject_TypeCheck(first, &StorageType)) {
    Ref<Storage> storage = storage_of(first);
    TensorImpl* impl = new_impl();
    impl->dtype = dtype;
    impl->storage = storage;
    int64_t size = int64_t(storage->nbytes) / itemsize(dtype);
    impl->set_sizes_contiguous(IntList(&size, 1));
    return Tensor::steal(impl);
  }
  if (is_size_list(args)) {
    Dims sizes;
    for (Py_ssize_t i = 0; i < n; i++) sizes.push_back(int_of(PyTuple_GET_ITEM(args, i)));
    return empty(sizes, options);
  }
  KD_CHECK(n == 1, Type, "new() received an invalid combination of arguments - got ", int64_t(n),
           " arguments, but expected sizes, a sequence or a tensor");
  if (PyObject_TypeCheck(first, &SizeType)) {
    Dims sizes;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(first); i++) sizes.push_back(int_of(PyTuple_GET_ITEM(first, i)));
    return empty(sizes, options);
  }
  if (is_tensor(first)) {
    Tensor t = unwrap(first);
    KD_CHECK(t.dtype() == dtype, Type, "expected TensorOptions(dtype=", info(dtype).name,
             ") (got TensorOptions(dtype=", info(t.dtype()).name, "))");
    static OpRef alias{"alias"};
    return alias({t});
  }
  if (PyUnicode_Check(first)) bad_data(first);
  if (!PySequence_Check(first) && !is_numpy_array(first))
    fail(ErrorKind::Type, "new(): data must be a sequence (got ", type_name(first), ")");
  return tensor_from_data(first, dtype, device, true);
}

}  // namespace

PyObject* legacy_new(PyTypeObject* cls, PyObject* args, PyObject* kwargs) {
  if (cls == &TensorBaseType) fail(ErrorKind::Type, "Cannot create a TensorBase: make a torch.Tensor");
  Tensor t = legacy(args, kwargs, default_dtype(), Device{});
  if (cls == TensorType) return wrap(t);
  if (t->pyobj) {
    static OpRef alias{"alias"};
    t = alias({t});
  }
  return wrap_as(t, cls);
}
PyObject* legacy_tensor(PyObject* args, PyObject* kwargs, DType dtype, Device device) {
  return wrap(legacy(args, kwargs, dtype, device));
}
PyObject* tensor_new_method(PyObject* self, PyObject* args, PyObject* kwargs) {
  return wrap(legacy(args, kwargs, impl_of(self)->dtype, impl_of(self)->device));
}

}  // namespace kindling::python
