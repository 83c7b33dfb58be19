// Tensors to Python numbers and lists; Tensor.to and its shorthands.
#include <cstring>

#include "element.h"
#include "invoke.h"
#include "tensor.h"

namespace kindling::python {

PyObject* scalar_to_python(const Tensor& t) {
  KD_CHECK(t.numel() == 1, Runtime, "a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  if (tls.interposed || t->has(TensorImpl::PythonDispatch)) {
    static OpRef op{"_local_scalar_dense"};
    OwnedValue value = op.call({t});
    return to_python(value);
  }
  KD_CHECK(!t.is_meta(), Runtime, "Tensor.item() cannot be called on meta tensors");
  if (t.is_conj() || t.is_neg() || t->storage->data == nullptr) return wrap(item(t));
  return check(read_element(t.dtype(), t.raw()));
}

namespace {

PyObject* list_of(const Tensor& t, const char* data, int64_t dim) {
  if (dim == t.dim()) return check(read_element(t.dtype(), data));
  int64_t n = t.sizes()[size_t(dim)], step = t.strides()[size_t(dim)] * t.itemsize();
  PyRef list = owned(PyList_New(n));
  for (int64_t i = 0; i < n; i++) PyList_SET_ITEM(list.get(), i, list_of(t, data + i * step, dim + 1));
  return list.release();
}

}  // namespace

PyObject* tensor_to_list(const Tensor& t) {
  if (t->has(TensorImpl::PythonDispatch)) {
    PyRef object = owned(wrap(t));
    fail(ErrorKind::Runtime, ".tolist() is not supported for tensor subclasses, got ", Py_TYPE(object.get())->tp_name);
  }
  KD_CHECK(!t.is_meta(), NotImplemented, "Cannot copy out of meta tensor; no data!");
  Tensor plain = with_memory(t);
  static OpRef resolve_conj{"resolve_conj"}, resolve_neg{"resolve_neg"};
  if (plain.is_conj()) plain = resolve_conj({plain});
  if (plain.is_neg()) plain = resolve_neg({plain});
  return list_of(plain, plain->storage->data ? plain.raw() : nullptr, 0);
}

namespace {

struct Conversion {
  DType dtype = DType::none;
  std::optional<Device> device;
  bool non_blocking = false, copy = false;
  std::optional<MemoryFormat> format;
};

PyObject* convert_to(PyObject* self, const Conversion& c) {
  Tensor t = unwrap(self);
  DType dtype = c.dtype == DType::none ? t.dtype() : c.dtype;
  Device device = c.device.value_or(t.device());
  if (device.type == t.device().type && device.index < 0) device = t.device();
  bool keeps_format = !c.format || *c.format == MemoryFormat::preserve || t.is_contiguous(*c.format);
  if (!c.copy && dtype == t.dtype() && device == t.device() && keeps_format) {
    Py_INCREF(self);
    return self;
  }
  static OpRef to_copy{"_to_copy"};
  Value memory_format = c.format && *c.format != MemoryFormat::preserve ? Value(*c.format) : Value();
  // _to_copy(self, *, dtype, layout, device, pin_memory, non_blocking, memory_format)
  Value device_value = device == t.device() ? Value() : Value(device);
  return wrap(to_copy({t, Value(c.dtype), Value(), device_value, Value(), Value(c.non_blocking), memory_format}));
}

bool take_bool(PyObject* o, const char* name) {
  if (!PyBool_Check(o)) fail(ErrorKind::Type, "to(): argument '", name, "' must be bool, not ", type_name(o));
  return o == Py_True;
}

[[noreturn]] void bad_to(const CallArguments& call) {
  std::string given;
  for (size_t i = 1; i < call.npositional; i++) given += concat(i > 1 ? ", " : "", type_name(call.args[i]));
  for (size_t k = 0; k < call.nkeywords(); k++)
    given += concat(given.empty() ? "" : ", ", utf8(call.keyword(k)), "=", type_name(call.value(k)));
  fail(
      ErrorKind::Type, "to() received an invalid combination of arguments - got (", given,
      "), but expected one of:\n"
      " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
      " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
      " * (Tensor other, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n");
}

void check_device(const Conversion& c) {
  KD_CHECK(!c.device || c.device->type != DeviceType::cuda || tls.dispatch_modes > 0, Assertion,
           "Torch not compiled with CUDA enabled");
}

bool device_like(PyObject* o) { return Py_TYPE(o) == &DeviceType_ || PyUnicode_Check(o) || is_integer(o); }

// The three forms: to(device, dtype), to(dtype), to(other), each followed by non_blocking, copy.
Conversion parse_to(const CallArguments& call) {
  Conversion c;
  size_t next = 1;
  auto positional = [&] { return next < call.npositional ? call.args[next] : nullptr; };
  PyObject* first = positional();
  if (first && is_tensor(first)) {
    c.dtype = impl_of(first)->dtype;
    c.device = impl_of(first)->device;
    next++;
  } else if (first && is_dtype(first)) {
    c.dtype = dtype_of(first);
    next++;
  } else if (first && (device_like(first) || first == Py_None)) {
    if (first != Py_None) c.device = device_of(first);
    next++;
    PyObject* second = positional();
    if (second && (is_dtype(second) || second == Py_None)) {
      c.dtype = dtype_of(second);
      next++;
    }
  }
  if (PyObject* o = positional()) c.non_blocking = PyBool_Check(o) ? o == Py_True : (bad_to(call), false), next++;
  if (PyObject* o = positional()) c.copy = PyBool_Check(o) ? o == Py_True : (bad_to(call), false), next++;
  if (positional()) bad_to(call);
  for (size_t k = 0; k < call.nkeywords(); k++) {
    PyObject *name = call.keyword(k), *o = call.value(k);
    if (named(name, "non_blocking")) c.non_blocking = take_bool(o, "non_blocking");
    else if (named(name, "copy")) c.copy = take_bool(o, "copy");
    else if (named(name, "memory_format") && (o == Py_None || Py_TYPE(o) == &MemoryFormatType)) {
      if (o != Py_None) c.format = reinterpret_cast<MemoryFormatObject*>(o)->format;
    } else if (named(name, "dtype") && (o == Py_None || is_dtype(o))) {
      if (o != Py_None) c.dtype = dtype_of(o);
    } else if (named(name, "device") && (o == Py_None || device_like(o))) {
      if (o != Py_None) c.device = device_of(o);
    } else if (named(name, "other") && is_tensor(o)) {
      c.dtype = impl_of(o)->dtype;
      c.device = impl_of(o)->device;
    } else {
      bad_to(call);
    }
  }
  check_device(c);
  return c;
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

// Bound methods get their arguments without self: put it back in front.
struct WithSelf {
  SmallVec<PyObject*, 12> all;
  CallArguments call;
  WithSelf(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
    all.push_back(self);
    Py_ssize_t n = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    for (Py_ssize_t i = 0; i < n; i++) all.push_back(args[i]);
    call = {all.data(), size_t(nargs) + 1, kwnames};
  }
};

PyObject* method_to(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    WithSelf all(self, args, nargs, kwnames);
    if (may_intercept(self) || (nargs && has_torch_function(args[0])))
      return intercept_method(self, "to", all.call.args, all.call.npositional, kwnames);
    return convert_to(self, parse_to(all.call));
  });
}

// float(), int()...: one function a dtype, from the same table.
template <DType D>
PyObject* cast(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, const char* name) {
  return guard([&]() -> PyObject* {
    WithSelf all(self, args, nargs, kwnames);
    if (may_intercept(self)) return intercept_method(self, name, all.call.args, all.call.npositional, kwnames);
    Conversion c;
    c.dtype = D;
    PyObject* format = nargs ? args[0] : all.call.find("memory_format");
    if (format && Py_TYPE(format) == &MemoryFormatType) c.format = reinterpret_cast<MemoryFormatObject*>(format)->format;
    else if (format && format != Py_None)
      fail(ErrorKind::Type, name, "(): argument 'memory_format' must be torch.memory_format, not ", type_name(format));
    return convert_to(self, c);
  });
}

#define KD_CAST(name, d)                                                                                                       \
  {#name,                                                                                                                      \
   reinterpret_cast<PyCFunction>(static_cast<FastCall>([](PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kw) { \
     return cast<DType::d>(self, args, n, kw, #name);                                                                          \
   })),                                                                                                                        \
   METH_FASTCALL | METH_KEYWORDS, "This tensor with elements of type torch." #d "."}

PyObject* to_device(PyObject* self, const char* name, DeviceType type, PyObject* const* args, Py_ssize_t nargs,
                    PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    WithSelf all(self, args, nargs, kwnames);
    if (may_intercept(self)) return intercept_method(self, name, all.call.args, all.call.npositional, kwnames);
    Conversion c;
    c.device = Device{type, -1};
    PyObject* format = all.call.find("memory_format");
    if (format && Py_TYPE(format) == &MemoryFormatType) c.format = reinterpret_cast<MemoryFormatObject*>(format)->format;
    check_device(c);
    return convert_to(self, c);
  });
}
PyObject* method_cpu(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kw) {
  return to_device(self, "cpu", DeviceType::cpu, args, n, kw);
}
PyObject* method_cuda(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kw) {
  return to_device(self, "cuda", DeviceType::cuda, args, n, kw);
}

// "torch.FloatTensor" <-> dtype
DType dtype_of_type_name(std::string_view name) {
  constexpr std::string_view prefix = "torch.", suffix = "Tensor";
  if (name.starts_with("torch.cuda.")) fail(ErrorKind::Value, "invalid type: '", name, "'");
  if (name.starts_with(prefix) && name.ends_with(suffix)) {
    std::string_view middle = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    for (int i = 0; i < kDTypes; i++)
      if (middle == legacy_name(DType(i))) return DType(i);
    if (middle.empty()) return default_dtype();
  }
  fail(ErrorKind::Value, "invalid type: '", name, "'");
}

PyObject* method_type(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    WithSelf all(self, args, nargs, kwnames);
    if (may_intercept(self)) return intercept_method(self, "type", all.call.args, all.call.npositional, kwnames);
    PyObject* wanted = nargs ? args[0] : all.call.find("dtype");
    if (!wanted || wanted == Py_None) {
      std::string device =
          impl_of(self)->device.type == DeviceType::cpu ? "" : to_string(Device{impl_of(self)->device.type, -1}) + ".";
      return PyUnicode_FromString(concat("torch.", device, legacy_name(impl_of(self)->dtype), "Tensor").c_str());
    }
    Conversion c;
    if (is_dtype(wanted)) {
      c.dtype = dtype_of(wanted);
    } else if (PyUnicode_Check(wanted)) {
      c.dtype = dtype_of_type_name(utf8(wanted));
    } else {
      PyRef dtype = PyRef::steal(PyObject_GetAttrString(wanted, "dtype"));  // torch.FloatTensor and its kin
      PyErr_Clear();
      if (wanted == reinterpret_cast<PyObject*>(TensorType)) c.dtype = default_dtype();
      else if (dtype && is_dtype(dtype.get()) && PyType_Check(wanted)) c.dtype = dtype_of(dtype.get());
      else fail(ErrorKind::Type, "dtype must be a type, str, or dtype object");
    }
    return convert_to(self, c);
  });
}

PyObject* method_item(PyObject* self, PyObject*) {
  if (may_intercept(self)) return intercept_method(self, "item", &self, 1, nullptr);
  return guard([&] { return scalar_to_python(Tensor::share(impl_of(self))); });
}
PyObject* method_tolist(PyObject* self, PyObject*) {
  if (may_intercept(self)) return intercept_method(self, "tolist", &self, 1, nullptr);
  return guard([&] { return tensor_to_list(unwrap(self)); });
}

PyObject* method_numpy(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    WithSelf all(self, args, nargs, kwnames);
    if (may_intercept(self)) return intercept_method(self, "numpy", all.call.args, all.call.npositional, kwnames);
    PyObject* force = all.call.find("force");
    Tensor t = unwrap(self);
    if (force && PyObject_IsTrue(force) == 1) {
      static OpRef detach{"detach"}, resolve_conj{"resolve_conj"}, resolve_neg{"resolve_neg"};
      t = detach({t});
      t = resolve_neg({resolve_conj({t})});
    }
    return to_numpy(t);
  });
}

}  // namespace

PyObject* parse_to_arguments(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    WithSelf all(nullptr, args, nargs, kwnames);
    Conversion c = parse_to(all.call);
    PyObject* format = c.format ? wrap(*c.format) : PyRef::share(Py_None).release();
    PyObject* device = c.device ? wrap(*c.device) : PyRef::share(Py_None).release();
    return Py_BuildValue("(NNNN)", device, wrap(c.dtype), PyBool_FromLong(c.non_blocking), format);
  });
}

#define KD_FAST(name) \
  {#name, reinterpret_cast<PyCFunction>(static_cast<FastCall>(method_##name)), METH_FASTCALL | METH_KEYWORDS, nullptr}

PyMethodDef tensor_conversions[] = {
    {"item", method_item, METH_NOARGS, "The only element, as a Python number. RuntimeError if there is not exactly one."},
    {"tolist", method_tolist, METH_NOARGS, "The elements as nested lists of Python numbers; of a 0-dim tensor, the number."},
    KD_FAST(to),
    KD_FAST(type),
    KD_FAST(cpu),
    KD_FAST(cuda),
    KD_FAST(numpy),
    KD_CAST(float, float32),
    KD_CAST(double, float64),
    KD_CAST(half, float16),
    KD_CAST(bfloat16, bfloat16),
    KD_CAST(bool, bool_),
    KD_CAST(byte, uint8),
    KD_CAST(char, int8),
    KD_CAST(short, int16),
    KD_CAST(int, int32),
    KD_CAST(long, int64),
    KD_CAST(chalf, complex32),
    KD_CAST(cfloat, complex64),
    KD_CAST(cdouble, complex128),
    {}};

}  // namespace kindling::python
