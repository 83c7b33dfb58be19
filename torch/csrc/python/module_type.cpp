// The two things that every use of a nn.Module does: finding a member, and the call. Both in C, since a Python frame for each
// would cost more than a small operator.
#include "python.h"

namespace kindling::python {

namespace {

// What torch/nn/modules/module.py gave to _set_module_class; kept for good.
struct ModuleClass {
  PyObject* getattr = nullptr;  // Module.__getattr__, which raises the error
  PyObject* tell = nullptr;     // adds to an error in which module it arose
  PyObject* hooks = nullptr;    // the dicts of hooks on all modules
} module_class;

struct Names {
  PyObject* parameters = intern("_parameters");
  PyObject* buffers = intern("_buffers");
  PyObject* modules = intern("_modules");
  PyObject* forward_hooks = intern("_forward_hooks");
  PyObject* forward_pre_hooks = intern("_forward_pre_hooks");
  PyObject* backward_hooks = intern("_backward_hooks");
  PyObject* backward_pre_hooks = intern("_backward_pre_hooks");
  PyObject* compiled = intern("_compiled_call_impl");
  PyObject* forward = intern("forward");
  PyObject* long_call = intern("_wrapped_call_impl");
  PyObject* getattr = intern("__getattr__");
  PyObject* getattribute = intern("__getattribute__");
};
const Names& names() {
  static const Names all;
  return all;
}

// ---- members ----

// A new reference to the member called `name`; null without an exception when there is none.
PyObject* find_member(PyObject* fields, PyObject* name) {
  for (PyObject* registry_name : {names().parameters, names().buffers, names().modules}) {
    PyObject* registry = PyDict_GetItemWithError(fields, registry_name);
    if (!registry || !PyDict_Check(registry)) continue;
    if (PyObject* found = PyDict_GetItemWithError(registry, name)) return Py_NewRef(found);
  }
  return nullptr;
}

// tp_getattro: what the class says goes first, then the instance's own fields, then its members, then `__getattr__`.
PyObject* module_attribute(PyObject* self, PyObject* name) {
  if (_PyType_Lookup(Py_TYPE(self), name)) {
    PyObject* value = PyObject_GenericGetAttr(self, name);
    if (value || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
    PyErr_Clear();
  }
  PyRef fields = PyRef::steal(PyObject_GenericGetDict(self, nullptr));
  if (!fields) return nullptr;
  if (PyObject* own = PyDict_GetItemWithError(fields.get(), name)) return Py_NewRef(own);
  if (PyErr_Occurred()) return nullptr;
  PyObject* member = find_member(fields.get(), name);
  if (member || PyErr_Occurred()) return member;
  return PyObject_CallMethodOneArg(self, names().getattr, name);
}

// Gives a subclass of Module this look-up, unless it has another `__getattr__` or a `__getattribute__` of its own.
PyObject* quick_module_attributes(PyObject*, PyObject* cls) {
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  bool plain = module_class.getattr && _PyType_Lookup(type, names().getattr) == module_class.getattr &&
               _PyType_Lookup(type, names().getattribute) == _PyType_Lookup(&PyBaseObject_Type, names().getattribute);
  if (plain) {
    type->tp_getattro = module_attribute;
    PyType_Modified(type);
  }
  Py_RETURN_NONE;
}

// ---- the call ----

bool empty_dict(PyObject* o) { return !o || PyDict_GET_SIZE(o) == 0; }

// Neither hooks nor a compiled call: forward is all there is to do.
bool only_forward(PyObject* fields) {
  const Names& n = names();
  for (PyObject* name : {n.forward_hooks, n.forward_pre_hooks, n.backward_hooks, n.backward_pre_hooks})
    if (!empty_dict(PyDict_GetItemWithError(fields, name))) return false;
  PyObject* compiled = PyDict_GetItemWithError(fields, n.compiled);
  if (compiled && compiled != Py_None) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(module_class.hooks); i++)
    if (!empty_dict(PyTuple_GET_ITEM(module_class.hooks, i))) return false;
  return true;
}

// The error on its way out, with the module's place noted.
void tell(PyObject* self) {
  if (!PyErr_ExceptionMatches(PyExc_Exception)) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  PyRef told = PyRef::steal(PyObject_CallFunctionObjArgs(module_class.tell, self, value, nullptr));
  if (!told) PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

PyObject* module_call(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  PyRef fields = PyRef::steal(PyObject_GenericGetDict(self, nullptr));
  if (!fields) return nullptr;
  Py_ssize_t all = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  SmallVec<PyObject*, 8> stack;
  stack.push_back(self);
  for (Py_ssize_t i = 0; i < all; i++) stack.push_back(args[i]);
  bool plain = only_forward(fields.get());
  if (PyErr_Occurred()) return nullptr;
  PyObject* name = plain ? names().forward : names().long_call;
  PyObject* result = PyObject_VectorcallMethod(name, stack.data(), size_t(nargs) + 1, kwnames);
  if (!result) tell(self);
  return result;
}

PyMethodDef call_method = {"__call__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(module_call)),
                           METH_FASTCALL | METH_KEYWORDS, "The result of `forward`, with the hooks around it."};

// _set_module_class(Module, tell, (dict of hooks on all modules, ...))
PyObject* set_module_class(PyObject*, PyObject* args) {
  PyObject *cls, *tell, *hooks;
  if (!PyArg_ParseTuple(args, "O!OO!", &PyType_Type, &cls, &tell, &PyTuple_Type, &hooks)) return nullptr;
  return guard([&] {
    PyRef call = owned(PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(cls), &call_method));
    check(PyObject_SetAttrString(cls, "__call__", call.get()));
    module_class = {check(PyObject_GetAttr(cls, names().getattr)), Py_NewRef(tell), Py_NewRef(hooks)};
    return quick_module_attributes(nullptr, cls);
  });
}

PyMethodDef functions[] = {{"_quick_module_attributes", quick_module_attributes, METH_O, nullptr},
                           {"_set_module_class", set_module_class, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_module_type(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace kindling::python
