// torch._C.TensorBase: the static type under torch.Tensor.
#include "function.h"
#include "tensor.h"

namespace kindling::python {

namespace {

PyMappingMethods tensor_mapping = {tensor_length, tensor_subscript, tensor_set_subscript};
PyObject* tensor_iter(PyObject* self) {
  return guard([&]() -> PyObject* {
    KD_CHECK(impl_of(self)->ndim > 0, Type, "iteration over a 0-d tensor");
    PyRef rows = owned(call_method("unbind", &self, 1));
    return PyObject_GetIter(rows.get());
  });
}

// hash(t) == id(t)
Py_hash_t tensor_hash(PyObject* self) { return Py_hash_t(reinterpret_cast<uintptr_t>(self)); }

PyObject* get_dict(PyObject* self, void*) { return PyObject_GenericGetDict(self, nullptr); }
int set_dict(PyObject* self, PyObject* value, void*) { return PyObject_GenericSetDict(self, value, nullptr); }
PyGetSetDef dict_property[] = {{"__dict__", get_dict, set_dict, nullptr, nullptr}, {}};

void add_methods(PyMethodDef* methods) {
  for (PyMethodDef* m = methods; m->ml_name; m++) {
    PyRef d = owned(m->ml_flags & METH_STATIC  ? PyStaticMethod_New(owned(PyCFunction_New(m, nullptr)).get())
                    : m->ml_flags & METH_CLASS ? PyDescr_NewClassMethod(&TensorBaseType, m)
                                               : PyDescr_NewMethod(&TensorBaseType, m));
    check(PyDict_SetItemString(TensorBaseType.tp_dict, m->ml_name, d.get()));
  }
}
void add_properties(PyGetSetDef* properties) {
  for (PyGetSetDef* p = properties; p->name; p++) {
    PyRef d = owned(PyDescr_NewGetSet(&TensorBaseType, p));
    check(PyDict_SetItemString(TensorBaseType.tp_dict, p->name, d.get()));
  }
}

}  // namespace

PyTypeObject TensorBaseType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C.TensorBase";
  t.tp_basicsize = sizeof(TensorObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  t.tp_doc = "The part of torch.Tensor that is not written in Python.";
  t.tp_dealloc = tensor_dealloc;
  t.tp_traverse = tensor_traverse;
  t.tp_clear = tensor_clear;
  t.tp_dictoffset = offsetof(TensorObject, dict);
  t.tp_weaklistoffset = offsetof(TensorObject, weakrefs);
  t.tp_as_number = &tensor_number;
  t.tp_as_mapping = &tensor_mapping;
  t.tp_richcompare = tensor_compare;
  t.tp_hash = tensor_hash;
  t.tp_iter = tensor_iter;
  t.tp_new = [](PyTypeObject* cls, PyObject* args, PyObject* kwargs) -> PyObject* {
    return guard([&] { return legacy_new(cls, args, kwargs); });
  };
  t.tp_init = [](PyObject*, PyObject*, PyObject*) -> int { return 0; };
  t.tp_getset = dict_property;
  return t;
}();

void init_tensor(PyObject* module) {
  init_tensor_meta(module);
  Py_SET_TYPE(&TensorBaseType, TensorMetaType);
  check(PyType_Ready(&TensorBaseType));
  for (int i = 0; i < kNumTensorMethods; i++) {
    PyRef method = owned(make_function(kTensorMethods[i], "torch", true));
    check(PyDict_SetItemString(TensorBaseType.tp_dict, kTensorMethods[i].name, method.get()));
  }
  add_properties(tensor_properties);
  add_properties(tensor_autograd_properties);
  add_methods(tensor_methods);
  add_methods(tensor_conversions);
  add_methods(dlpack_methods);
  add_methods(tensor_autograd_methods);
  PyType_Modified(&TensorBaseType);
  init_operators();
  check(PyModule_AddObjectRef(module, "TensorBase", reinterpret_cast<PyObject*>(&TensorBaseType)));
  check(PyModule_AddObjectRef(module, "_TensorBase", reinterpret_cast<PyObject*>(&TensorBaseType)));
}

// Called by torch/_tensor.py once it has made the class.
PyObject* set_tensor_class(PyObject*, PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), &TensorBaseType)) {
    PyErr_SetString(PyExc_TypeError, "_set_tensor_class: expected a subclass of TensorBase");
    return nullptr;
  }
  Py_INCREF(cls);
  TensorType = reinterpret_cast<PyTypeObject*>(cls);
  Py_RETURN_NONE;
}

}  // namespace kindling::python
