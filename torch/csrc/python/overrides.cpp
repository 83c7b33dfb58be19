// The __torch_function__ protocol: who is asked, in which order.
#include "parse.h"
#include "types.h"

namespace kindling::python {

namespace {

PyObject* name_of_protocol() {
  static PyObject* name = intern("__torch_function__");
  return name;
}

// Objects of these types never override; asking their attributes would cost more than the call.
bool is_basic(PyTypeObject* t) {
  return t == &PyLong_Type || t == &PyFloat_Type || t == &PyUnicode_Type || t == &PyTuple_Type || t == &PyList_Type || t == &PyBool_Type ||
         t == &PyDict_Type || t == Py_TYPE(Py_None) || t == &PyComplex_Type || t == &PySlice_Type || t == &DTypeType || t == &DeviceType_ ||
         t == &SizeType || t == &PyBytes_Type || t == Py_TYPE(Py_Ellipsis);
}

PyObject* disabled_implementation() {
  static PyObject* disabled = [] {
    PyRef module = owned(PyImport_ImportModule("torch._C"));
    return check(PyObject_GetAttrString(module.get(), "_disabled_torch_function_impl"));
  }();
  return disabled;
}

}  // namespace

bool has_torch_function(PyObject* o) {
  if (tls.torch_function_disabled) return false;
  PyTypeObject* type = Py_TYPE(o);
  if (is_tensor(o)) return overrides_function(type);
  if (is_basic(type) || type == &PyType_Type || type == &PyFunction_Type || type == &PyCFunction_Type) return false;
  PyRef protocol = PyRef::steal(PyObject_GetAttr(o, name_of_protocol()));
  if (!protocol) {
    PyErr_Clear();
    return false;
  }
  return protocol.get() != disabled_implementation();
}

void add_overloaded(PyObject* o, std::vector<PyObject*>& overloaded) {
  for (PyObject* seen : overloaded)
    if (Py_TYPE(seen) == Py_TYPE(o)) return;
  size_t at = overloaded.size();
  for (size_t i = 0; i < overloaded.size(); i++) {
    if (PyType_IsSubtype(Py_TYPE(o), Py_TYPE(overloaded[i]))) {  // a subclass goes before its bases
      at = i;
      break;
    }
  }
  overloaded.insert(overloaded.begin() + Py_ssize_t(at), o);
}

PyObject* call_torch_function(PyObject* callable, const std::vector<PyObject*>& overloaded, PyObject* args, PyObject* kwargs) {
  PyRef types = owned(PyTuple_New(Py_ssize_t(overloaded.size())));
  for (size_t i = 0; i < overloaded.size(); i++) {
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(overloaded[i]));
    Py_INCREF(type);
    PyTuple_SET_ITEM(types.get(), i, type);
  }
  PyRef keywords = kwargs ? PyRef::share(kwargs) : PyRef::steal(Py_None);
  if (!kwargs) Py_INCREF(Py_None);
  if (tls.function_modes > 0 && !tls.torch_function_disabled) {
    PyRef empty = kwargs ? PyRef::share(kwargs) : owned(PyDict_New());
    PyRef result = PyRef::steal(call_function_mode(callable, types.get(), args, empty.get()));
    if (!result) return nullptr;
    if (result.get() != Py_NotImplemented) return result.release();
  }
  for (PyObject* o : overloaded) {
    PyRef protocol = PyRef::steal(PyObject_GetAttr(o, name_of_protocol()));
    if (!protocol) return nullptr;
    if (protocol.get() == disabled_implementation()) continue;
    PyRef empty = kwargs ? PyRef::share(kwargs) : owned(PyDict_New());
    PyRef result = PyRef::steal(PyObject_CallFunctionObjArgs(protocol.get(), callable, types.get(), args, empty.get(), nullptr));
    if (!result) return nullptr;
    if (result.get() != Py_NotImplemented) return result.release();
  }
  PyErr_Format(PyExc_TypeError, "no implementation found for '%S' on types that implement __torch_function__: %R", callable, types.get());
  return nullptr;
}

PyObject* call_torch_function(PyObject* callable, const std::vector<PyObject*>& overloaded, PyObject* const* args, size_t nargs,
                              PyObject* kwnames) {
  PyRef tuple = owned(PyTuple_New(Py_ssize_t(nargs)));
  for (size_t i = 0; i < nargs; i++) {
    Py_INCREF(args[i]);
    PyTuple_SET_ITEM(tuple.get(), i, args[i]);
  }
  PyRef kwargs;
  if (kwnames && PyTuple_GET_SIZE(kwnames)) {
    kwargs = owned(PyDict_New());
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++)
      check(PyDict_SetItem(kwargs.get(), PyTuple_GET_ITEM(kwnames, i), args[nargs + size_t(i)]));
  }
  return call_torch_function(callable, overloaded, tuple.get(), kwargs.get());
}

}  // namespace kindling::python
