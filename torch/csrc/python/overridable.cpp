// overridable(f): a Python function that __torch_function__ sees as itself, before its body runs.
#include "parse.h"
#include "types.h"

namespace kindling::python {

namespace {

struct OverridableObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* function;
  PyObject* weakrefs;
};

OverridableObject* as_overridable(PyObject* o) { return reinterpret_cast<OverridableObject*>(o); }
PyObject* function_of(PyObject* self) { return as_overridable(self)->function; }

void collect(PyObject* o, std::vector<PyObject*>& overloaded) {
  if (Py_TYPE(o) == TensorType) return;
  if (PyTuple_Check(o) || PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++) {
      PyObject* element = PySequence_Fast_GET_ITEM(o, i);
      if (Py_TYPE(element) != TensorType && has_torch_function(element)) add_overloaded(element, overloaded);
    }
  } else if (has_torch_function(o)) {
    add_overloaded(o, overloaded);
  }
}

// The handler gets the arguments as the function's signature has them: torch.overrides._arguments_of(function, args, kwargs).
PyObject* intercept(PyObject* self, const std::vector<PyObject*>& overloaded, PyObject* const* args, size_t nargs,
                    PyObject* kwnames) {
  PyRef given = owned(PyTuple_New(Py_ssize_t(nargs)));
  for (size_t i = 0; i < nargs; i++) PyTuple_SET_ITEM(given.get(), Py_ssize_t(i), PyRef::share(args[i]).release());
  PyRef keywords = owned(PyDict_New());
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); i++)
    check(PyDict_SetItem(keywords.get(), PyTuple_GET_ITEM(kwnames, i), args[nargs + size_t(i)]));
  PyRef module = owned(PyImport_ImportModule("torch.overrides"));
  PyRef arranged =
      owned(PyObject_CallMethod(module.get(), "_arguments_of", "OOO", function_of(self), given.get(), keywords.get()));
  return call_torch_function(self, overloaded, PyTuple_GET_ITEM(arranged.get(), 0), PyTuple_GET_ITEM(arranged.get(), 1));
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  size_t nargs = size_t(PyVectorcall_NARGS(nargsf));
  if (!tls.torch_function_disabled) {
    std::vector<PyObject*> overloaded;
    size_t n = nargs + (kwnames ? size_t(PyTuple_GET_SIZE(kwnames)) : 0);
    for (size_t i = 0; i < n; i++) collect(args[i], overloaded);
    if (!overloaded.empty() || tls.function_modes > 0)
      return guard([&] { return intercept(self, overloaded, args, nargs, kwnames); });
  }
  return PyObject_Vectorcall(function_of(self), args, nargsf, kwnames);
}

// Everything but the call is the function's.
PyObject* get_attribute(PyObject* self, PyObject* name) {
  if (named(name, "__wrapped__")) return PyRef::share(function_of(self)).release();
  if (named(name, "__reduce__") || named(name, "__reduce_ex__") || named(name, "__call__") || named(name, "__get__"))
    return PyObject_GenericGetAttr(self, name);
  return PyObject_GetAttr(function_of(self), name);  // also __class__: it is a function to `inspect`
}
int set_attribute(PyObject* self, PyObject* name, PyObject* value) { return PyObject_SetAttr(function_of(self), name, value); }

PyObject* representation(PyObject* self) { return PyObject_Repr(function_of(self)); }
PyObject* bind(PyObject* self, PyObject* instance, PyObject*) {
  return instance ? PyMethod_New(self, instance) : PyRef::share(self).release();
}
PyObject* reduce(PyObject* self, PyObject*) { return PyObject_GetAttrString(function_of(self), "__qualname__"); }

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(function_of(self));
  return 0;
}
void release(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyObject_ClearWeakRefs(self);
  Py_DECREF(function_of(self));
  PyObject_GC_Del(self);
}

PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {}};

PyTypeObject OverridableType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C._overridable";
  t.tp_doc = "A function that __torch_function__ of its arguments, or of a mode, may answer for.";
  t.tp_basicsize = sizeof(OverridableObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_HAVE_GC;
  t.tp_vectorcall_offset = offsetof(OverridableObject, vectorcall);
  t.tp_weaklistoffset = offsetof(OverridableObject, weakrefs);
  t.tp_call = PyVectorcall_Call;
  t.tp_getattro = get_attribute;
  t.tp_setattro = set_attribute;
  t.tp_repr = representation;
  t.tp_descr_get = bind;
  t.tp_traverse = traverse;
  t.tp_dealloc = release;
  t.tp_methods = methods;
  return t;
}();

PyObject* make(PyObject*, PyObject* function) {
  auto* o = PyObject_GC_New(OverridableObject, &OverridableType);
  if (!o) return nullptr;
  o->vectorcall = call;
  o->function = PyRef::share(function).release();
  o->weakrefs = nullptr;
  PyObject_GC_Track(o);
  return reinterpret_cast<PyObject*>(o);
}

PyMethodDef functions[] = {
    {"_overridable", make, METH_O, "The function, made visible to __torch_function__ of its arguments and of modes."}, {}};

}  // namespace

void init_overridable(PyObject* module) {
  check(PyType_Ready(&OverridableType));
  check(PyModule_AddFunctions(module, functions));
}

}  // namespace kindling::python
