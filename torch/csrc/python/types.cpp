#include "types.h"

#include <cstring>

namespace kindling::python {

namespace {

constexpr int kLayouts = int(Layout::jagged) + 1, kFormats = int(MemoryFormat::channels_last_3d) + 1;
PyObject* dtypes[kDTypes];
PyObject* layouts[kLayouts];
PyObject* formats[kFormats];

template <class T>
T* as(PyObject* o) {
  return reinterpret_cast<T*>(o);
}

template <class T>
T* make(PyTypeObject* type) {
  auto* o = reinterpret_cast<T*>(type->tp_alloc(type, 0));
  check(reinterpret_cast<PyObject*>(o));
  return o;
}

PyObject* share(PyObject* o) {
  Py_INCREF(o);
  return o;
}

PyTypeObject make_type(const char* name, size_t size, const char* doc) {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = name;
  t.tp_basicsize = Py_ssize_t(size);
  t.tp_flags = Py_TPFLAGS_DEFAULT;
  t.tp_doc = doc;
  return t;
}

// ---- dtype ----

PyObject* dtype_repr(PyObject* self) { return PyUnicode_FromFormat("torch.%s", info(as<DTypeObject>(self)->dtype).name); }
PyObject* dtype_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(info(as<DTypeObject>(self)->dtype).name); }
PyObject* dtype_complex(PyObject* self, void*) { return PyBool_FromLong(is_complex(as<DTypeObject>(self)->dtype)); }
PyObject* dtype_floating(PyObject* self, void*) { return PyBool_FromLong(is_floating(as<DTypeObject>(self)->dtype)); }
PyObject* dtype_signed(PyObject* self, void*) { return PyBool_FromLong(is_signed(as<DTypeObject>(self)->dtype)); }
PyObject* dtype_itemsize(PyObject* self, void*) { return PyLong_FromLongLong(itemsize(as<DTypeObject>(self)->dtype)); }
PyObject* dtype_module(PyObject*, void*) { return PyUnicode_FromString("torch"); }
PyObject* dtype_to_real(PyObject* self, PyObject*) { return wrap(to_real(as<DTypeObject>(self)->dtype)); }
PyObject* dtype_to_complex(PyObject* self, PyObject*) {
  return guard([&] {
    DType d = as<DTypeObject>(self)->dtype;
    DType c = to_complex(d);
    KD_CHECK(is_complex(c), Runtime, "Unknown complex ScalarType for ", legacy_name(d));
    return wrap(c);
  });
}

PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, nullptr},
                               {"to_real", dtype_to_real, METH_NOARGS, "The real dtype of a complex one, itself otherwise."},
                               {"to_complex", dtype_to_complex, METH_NOARGS, "The complex dtype of this precision."},
                               {}};
PyGetSetDef dtype_properties[] = {
    {"is_floating_point", dtype_floating, nullptr, "Whether its values are real floating-point numbers.", nullptr},
    {"is_complex", dtype_complex, nullptr, "Whether its values are complex numbers.", nullptr},
    {"is_signed", dtype_signed, nullptr, "Whether it has negative values.", nullptr},
    {"itemsize", dtype_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"__module__", dtype_module, nullptr, nullptr, nullptr},
    {}};

// ---- layout, memory_format ----

constexpr size_t kPrefix = sizeof("torch.") - 1;  // to_string says "torch.strided"

PyObject* layout_repr(PyObject* self) { return PyUnicode_FromString(to_string(as<LayoutObject>(self)->layout)); }
PyObject* layout_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(to_string(as<LayoutObject>(self)->layout) + kPrefix);
}
PyMethodDef layout_methods[] = {{"__reduce__", layout_reduce, METH_NOARGS, nullptr}, {}};

PyObject* format_repr(PyObject* self) { return PyUnicode_FromString(to_string(as<MemoryFormatObject>(self)->format)); }
PyObject* format_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(to_string(as<MemoryFormatObject>(self)->format) + kPrefix);
}
PyMethodDef format_methods[] = {{"__reduce__", format_reduce, METH_NOARGS, nullptr}, {}};

// ---- device ----

constexpr struct {
  const char* name;
  DeviceType type;
} kDeviceNames[] = {{"cpu", DeviceType::cpu}, {"cuda", DeviceType::cuda}, {"meta", DeviceType::meta}};

PyObject* device_repr(PyObject* self) {
  Device d = as<DeviceObject>(self)->device;
  std::string type = to_string(Device{d.type, -1});
  return d.index < 0 ? PyUnicode_FromFormat("device(type='%s')", type.c_str())
                     : PyUnicode_FromFormat("device(type='%s', index=%d)", type.c_str(), int(d.index));
}
PyObject* device_str(PyObject* self) { return PyUnicode_FromString(to_string(as<DeviceObject>(self)->device).c_str()); }
Py_hash_t device_hash(PyObject* self) {
  Device d = as<DeviceObject>(self)->device;
  return (Py_hash_t(d.type) << 8 | Py_hash_t(uint8_t(d.index))) + 1;
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if ((op != Py_EQ && op != Py_NE) || Py_TYPE(a) != &DeviceType_ || Py_TYPE(b) != &DeviceType_) Py_RETURN_NOTIMPLEMENTED;
  bool equal = as<DeviceObject>(a)->device == as<DeviceObject>(b)->device;
  return PyBool_FromLong(equal == (op == Py_EQ));
}
PyObject* device_type(PyObject* self, void*) {
  return PyUnicode_FromString(to_string(Device{as<DeviceObject>(self)->device.type, -1}).c_str());
}
PyObject* device_index(PyObject* self, void*) {
  int index = as<DeviceObject>(self)->device.index;
  if (index < 0) Py_RETURN_NONE;
  return PyLong_FromLong(index);
}

PyObject* device_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    const char* names[] = {"type", "index", nullptr};
    const char* alternative[] = {"device", nullptr};
    PyObject *what = nullptr, *index = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &what, &index)) {
      PyErr_Clear();
      check(PyArg_ParseTupleAndKeywords(args, kwargs, "O:device", const_cast<char**>(alternative), &what) ? 0 : -1);
    }
    if (!PyUnicode_Check(what) && !is_integer(what) && Py_TYPE(what) != &DeviceType_) {
      fail(
          ErrorKind::Type, "device() received an invalid combination of arguments - got (", type_name(what),
          "), but expected one of:\n * (torch.device device)\n      didn't match because some of the arguments have invalid types: (!",
          type_name(what), "!)\n * (str type, int index = -1)\n");
    }
    Device d = device_of(what);
    if (index != Py_None) {
      KD_CHECK(PyUnicode_Check(what) && d.index < 0, Runtime,
               "type (string) must not include an index because index was passed explicitly: ", to_string(d));
      d.index = int8_t(int_of(index));
    }
    return wrap(d);
  });
}
PyObject* device_reduce(PyObject* self, PyObject*) {
  Device d = as<DeviceObject>(self)->device;
  std::string type = to_string(Device{d.type, -1});
  return d.index < 0 ? Py_BuildValue("O(s)", &DeviceType_, type.c_str())
                     : Py_BuildValue("O(si)", &DeviceType_, type.c_str(), int(d.index));
}

// `with torch.device("meta"):` pushes a TorchFunctionMode that fills in device= arguments.
PyObject* device_mode(PyObject* self) {
  PyRef module = PyRef::steal(PyImport_ImportModule("torch.utils._device"));
  return module ? PyObject_CallMethod(module.get(), "DeviceContext", "O", self) : nullptr;
}
thread_local std::vector<PyRef>* entered;
PyObject* device_enter(PyObject* self, PyObject*) {
  PyRef mode = PyRef::steal(device_mode(self));
  if (!mode) return nullptr;
  PyRef result = PyRef::steal(PyObject_CallMethod(mode.get(), "__enter__", nullptr));
  if (!result) return nullptr;
  if (!entered) entered = new std::vector<PyRef>;
  entered->push_back(std::move(mode));
  return share(self);
}
PyObject* device_exit(PyObject*, PyObject* args) {
  if (!entered || entered->empty()) {
    PyErr_SetString(PyExc_RuntimeError, "torch.device: left a context that was not entered");
    return nullptr;
  }
  PyRef mode = entered->back();
  entered->pop_back();
  PyRef exit = PyRef::steal(PyObject_GetAttrString(mode.get(), "__exit__"));
  return exit ? PyObject_CallObject(exit.get(), args) : nullptr;
}
PyObject* device_call(PyObject* self, PyObject* args, PyObject*) {  // @torch.device("cuda") on a function
  PyObject* function;
  if (!PyArg_ParseTuple(args, "O", &function)) return nullptr;
  PyRef module = PyRef::steal(PyImport_ImportModule("torch.utils._device"));
  return module ? PyObject_CallMethod(module.get(), "device_decorator", "OO", self, function) : nullptr;
}

PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr},
                                {"__enter__", device_enter, METH_NOARGS, nullptr},
                                {"__exit__", device_exit, METH_VARARGS, nullptr},
                                {}};
PyGetSetDef device_properties[] = {{"type", device_type, nullptr, "The kind of device: 'cpu', 'cuda', 'meta'.", nullptr},
                                   {"index", device_index, nullptr, "Which of them; None for the current one.", nullptr},
                                   {}};

}  // namespace

PyTypeObject DTypeType = [] {
  PyTypeObject t = make_type("torch.dtype", sizeof(DTypeObject), "The type of a tensor's elements, such as torch.float32.");
  t.tp_repr = dtype_repr;
  t.tp_methods = dtype_methods;
  t.tp_getset = dtype_properties;
  return t;
}();
PyTypeObject LayoutType = [] {
  PyTypeObject t = make_type("torch.layout", sizeof(LayoutObject), "How a tensor keeps its elements, such as torch.strided.");
  t.tp_repr = layout_repr;
  t.tp_methods = layout_methods;
  return t;
}();
PyTypeObject MemoryFormatType = [] {
  PyTypeObject t = make_type("torch.memory_format", sizeof(MemoryFormatObject), "The order of a tensor's dimensions in memory.");
  t.tp_repr = format_repr;
  t.tp_methods = format_methods;
  return t;
}();
PyTypeObject DeviceType_ = [] {
  PyTypeObject t = make_type("torch.device", sizeof(DeviceObject),
                             "device(type, index=None)\n\nWhere a tensor lives, such as torch.device('cpu').");
  t.tp_repr = device_repr;
  t.tp_str = device_str;
  t.tp_hash = device_hash;
  t.tp_richcompare = device_compare;
  t.tp_call = device_call;
  t.tp_new = device_new;
  t.tp_methods = device_methods;
  t.tp_getset = device_properties;
  return t;
}();

PyObject* wrap(DType d) {
  if (d == DType::none) Py_RETURN_NONE;
  return share(dtypes[int(d)]);
}
PyObject* wrap(Layout l) { return share(layouts[int(l)]); }
PyObject* wrap(MemoryFormat f) { return share(formats[int(f)]); }
PyObject* wrap(Device d) {
  static PyObject* cpu = nullptr;
  if (cpu && d == Device{}) return share(cpu);
  auto* o = make<DeviceObject>(&DeviceType_);
  o->device = d;
  PyObject* result = reinterpret_cast<PyObject*>(o);
  if (d == Device{}) cpu = share(result);
  return result;
}

bool is_dtype(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  return t == &DTypeType ||
         (t == &PyType_Type &&
          (o == reinterpret_cast<PyObject*>(&PyFloat_Type) || o == reinterpret_cast<PyObject*>(&PyLong_Type) ||
           o == reinterpret_cast<PyObject*>(&PyBool_Type) || o == reinterpret_cast<PyObject*>(&PyComplex_Type)));
}
DType dtype_of(PyObject* o) {
  if (Py_TYPE(o) == &DTypeType) return as<DTypeObject>(o)->dtype;
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::float64;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::int64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::bool_;
  if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) return DType::complex128;
  return DType::none;
}

Device parse_device(std::string_view text) {
  std::string_view name = text.substr(0, text.find(':'));
  for (auto& known : kDeviceNames) {
    if (name != known.name) continue;
    Device d{known.type, -1};
    if (name.size() == text.size()) return d;
    std::string_view digits = text.substr(name.size() + 1);
    int index = 0;
    bool good = !digits.empty() && digits.size() <= 3 && (digits.size() == 1 || digits[0] != '0');
    for (char c : digits) {
      good = good && c >= '0' && c <= '9';
      index = index * 10 + (c - '0');
    }
    KD_CHECK(good && index < 128, Runtime, "Invalid device string: '", text, "'");
    d.index = int8_t(index);
    return d;
  }
  fail(ErrorKind::Runtime, "Expected one of cpu, cuda, meta device type at start of device string: ", name);
}
Device device_of(PyObject* o) {
  if (Py_TYPE(o) == &DeviceType_) return as<DeviceObject>(o)->device;
  if (PyUnicode_Check(o)) return parse_device(utf8(o));
  if (is_integer(o)) fail(ErrorKind::Runtime, "Cannot access accelerator device when none is available.");
  fail(ErrorKind::Type, "expected a torch.device, a str or an int, not ", type_name(o));
}

void init_types(PyObject* module) {
  check(PyType_Ready(&SizeType));
  check(PyModule_AddObjectRef(module, "Size", reinterpret_cast<PyObject*>(&SizeType)));
  for (PyTypeObject* type : {&DTypeType, &LayoutType, &MemoryFormatType, &DeviceType_}) {
    check(PyType_Ready(type));
    const char* name = std::strrchr(type->tp_name, '.') + 1;
    check(PyModule_AddObjectRef(module, name, reinterpret_cast<PyObject*>(type)));
  }
  for (int i = 0; i < kDTypes; i++) {
    auto* o = make<DTypeObject>(&DTypeType);
    o->dtype = DType(i);
    dtypes[i] = reinterpret_cast<PyObject*>(o);
    check(PyModule_AddObjectRef(module, info(o->dtype).name, dtypes[i]));
    if (std::strcmp(info(o->dtype).name, info(o->dtype).alias))
      check(PyModule_AddObjectRef(module, info(o->dtype).alias, dtypes[i]));
  }
  for (int i = 0; i < kLayouts; i++) {
    auto* o = make<LayoutObject>(&LayoutType);
    o->layout = Layout(i);
    layouts[i] = reinterpret_cast<PyObject*>(o);
    check(PyModule_AddObjectRef(module, to_string(o->layout) + kPrefix, layouts[i]));
  }
  for (int i = 0; i < kFormats; i++) {
    auto* o = make<MemoryFormatObject>(&MemoryFormatType);
    o->format = MemoryFormat(i);
    formats[i] = reinterpret_cast<PyObject*>(o);
    check(PyModule_AddObjectRef(module, to_string(o->format) + kPrefix, formats[i]));
  }
}

}  // namespace kindling::python
