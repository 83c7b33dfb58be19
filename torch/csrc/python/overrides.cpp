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
  return t == &PyLong_Type || t == &PyFloat_Type || t == &PyUnicode_Type || t == &PyTuple_Type || t == &PyList_Type ||
         t == &PyBool_Type || t == &PyDict_Type || t == Py_TYPE(Py_None) || t == &PyComplex_Type || t == &PySlice_Type ||
         t == &DTypeType || t == &DeviceType_ || t == &SizeType || t == &PyBytes_Type || t == Py_TYPE(Py_Ellipsis);
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
  PyErr_Format(PyExc_TypeError, "no implementation found for '%S' on types that implement __torch_function__: %R", callable,
               types.get());
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

// ---- what torch.overrides is made of ----

namespace {

struct Disabled {
  bool before = tls.torch_function_disabled;
  Disabled() { tls.torch_function_disabled = true; }
  ~Disabled() { tls.torch_function_disabled = before; }
};

// __torch_function__ = torch._C._disabled_torch_function_impl: (func, types, args, kwargs)
PyObject* disabled_torch_function(PyObject*, PyObject* args) {
  PyObject *function, *types, *positional = nullptr, *kwargs = nullptr;
  if (!PyArg_ParseTuple(args, "OO|OO", &function, &types, &positional, &kwargs)) return nullptr;
  Disabled scope;
  PyRef tuple = PyRef::steal(positional ? PySequence_Tuple(positional) : PyTuple_New(0));
  return tuple ? PyObject_Call(function, tuple.get(), kwargs) : nullptr;
}

PyObject* set_disabled(PyObject*, PyObject* on) {
  bool before = tls.torch_function_disabled;
  tls.torch_function_disabled = PyObject_IsTrue(on) == 1;
  return PyBool_FromLong(before);
}
PyObject* is_enabled(PyObject*, PyObject*) { return PyBool_FromLong(!tls.torch_function_disabled); }

bool modes_on() { return tls.function_modes > 0 && !tls.torch_function_disabled; }

PyObject* any_overrides(PyObject* const* objects, Py_ssize_t n) {
  if (modes_on()) Py_RETURN_TRUE;
  for (Py_ssize_t i = 0; i < n; i++)
    if (has_torch_function(objects[i])) Py_RETURN_TRUE;
  Py_RETURN_FALSE;
}
PyObject* has_any(PyObject*, PyObject* sequence) {
  PyRef items = PyRef::steal(PySequence_Fast(sequence, "expected a sequence"));
  return items ? any_overrides(PySequence_Fast_ITEMS(items.get()), PySequence_Fast_GET_SIZE(items.get())) : nullptr;
}
PyObject* has_one(PyObject*, PyObject* object) { return any_overrides(&object, 1); }
PyObject* has_variadic(PyObject*, PyObject* const* objects, Py_ssize_t n) { return any_overrides(objects, n); }

// handle_torch_function(function, relevant arguments, *args, **kwargs)
PyObject* handle(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    KD_CHECK(PyTuple_GET_SIZE(args) >= 2, Type, "handle_torch_function() needs the function and its relevant arguments");
    PyRef relevant = owned(PySequence_Fast(PyTuple_GET_ITEM(args, 1), "relevant_args must be a sequence"));
    std::vector<PyObject*> overloaded;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(relevant.get()); i++) {
      PyObject* o = PySequence_Fast_GET_ITEM(relevant.get(), i);
      if (has_torch_function(o)) add_overloaded(o, overloaded);
    }
    PyRef rest = owned(PyTuple_GetSlice(args, 2, PyTuple_GET_SIZE(args)));
    return call_torch_function(PyTuple_GET_ITEM(args, 0), overloaded, rest.get(), kwargs);
  });
}

PyMethodDef functions[] = {
    {"_disabled_torch_function_impl", disabled_torch_function, METH_VARARGS, nullptr},
    {"_set_torch_function_disabled", set_disabled, METH_O,
     "Turns __torch_function__ off (or on) in this thread; returns what it was."},
    {"_is_torch_function_enabled", is_enabled, METH_NOARGS, nullptr},
    {"_is_torch_function_all_disabled",
     [](PyObject*, PyObject*) -> PyObject* { return PyBool_FromLong(tls.torch_function_disabled); }, METH_NOARGS, nullptr},
    {"_has_torch_function", has_any, METH_O, nullptr},
    {"_has_torch_function_unary", has_one, METH_O, nullptr},
    {"_has_torch_function_variadic", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(has_variadic)), METH_FASTCALL,
     nullptr},
    {"_handle_torch_function", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(handle)), METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {}};

// with torch._C.DisableTorchFunctionSubclass(): a context manager in which no __torch_function__ is asked.
struct ScopeObject {
  PyObject_HEAD bool before;
};
PyObject* scope_enter(PyObject* self, PyObject*) {
  reinterpret_cast<ScopeObject*>(self)->before = tls.torch_function_disabled;
  tls.torch_function_disabled = true;
  Py_INCREF(self);
  return self;
}
PyObject* scope_exit(PyObject* self, PyObject*) {
  tls.torch_function_disabled = reinterpret_cast<ScopeObject*>(self)->before;
  Py_RETURN_NONE;
}
PyMethodDef scope_methods[] = {
    {"__enter__", scope_enter, METH_NOARGS, nullptr}, {"__exit__", scope_exit, METH_VARARGS, nullptr}, {}};
PyTypeObject ScopeType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C.DisableTorchFunctionSubclass";
  t.tp_basicsize = sizeof(ScopeObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT;
  t.tp_doc = "A context in which no __torch_function__ is asked.";
  t.tp_new = PyType_GenericNew;
  t.tp_methods = scope_methods;
  return t;
}();

}  // namespace

void init_overrides(PyObject* module) {
  check(PyType_Ready(&ScopeType));
  check(PyModule_AddFunctions(module, functions));
  check(PyModule_AddObjectRef(module, "DisableTorchFunctionSubclass", reinterpret_cast<PyObject*>(&ScopeType)));
  check(PyModule_AddObjectRef(module, "DisableTorchFunction", reinterpret_cast<PyObject*>(&ScopeType)));
}

}  // namespace kindling::python
