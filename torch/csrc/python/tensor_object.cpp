// The life of a tensor's Python object: one for each tensor, kept when C++ outlives Python's last reference.
#include "../autograd/meta.h"
#include "tensor.h"

#include <structmember.h>

namespace kindling::python {

PyTypeObject* TensorType = nullptr;
PyTypeObject* TensorMetaType = nullptr;

namespace {

// Memory of dead plain tensors, ready for the next one. Not used without a GIL.
#ifdef Py_GIL_DISABLED
constexpr int kFreeListSize = 0;
#else
constexpr int kFreeListSize = 256;
#endif
PyObject* free_list[kFreeListSize + 1];
int free_count = 0;

TensorObject* as_tensor(PyObject* o) { return reinterpret_cast<TensorObject*>(o); }

// Would the program notice if this object were dropped and made anew from its C++ tensor?
bool has_state(TensorObject* t) {
  return Py_TYPE(t) != TensorType || (t->dict && PyDict_GET_SIZE(t->dict)) || t->weakrefs || t->backward_hooks ||
         t->post_accumulate_hooks;
}

bool outlived(TensorObject* t) { return t->impl && t->impl->refs.load(std::memory_order_relaxed) > 1; }

PyObject* new_object(PyTypeObject* cls, TensorImpl* impl) {  // takes over the count of impl
  PyObject* o;
  if (cls == TensorType) {
    if (free_count) {
      o = PyObject_Init(free_list[--free_count], cls);
    } else {
      o = reinterpret_cast<PyObject*>(PyObject_GC_New(TensorObject, cls));
    }
    if (!o) {
      release(impl);
      throw Error(ErrorKind::Python, {});
    }
    auto* t = as_tensor(o);
    t->dict = t->weakrefs = t->backward_hooks = t->post_accumulate_hooks = nullptr;
    t->impl = impl;
    impl->pyobj = o;
    PyObject_GC_Track(o);
    return o;
  }
  o = cls->tp_alloc(cls, 0);
  if (!o) {
    release(impl);
    throw Error(ErrorKind::Python, {});
  }
  as_tensor(o)->impl = impl;
  impl->pyobj = o;
  if (cls != &TensorBaseType && reinterpret_cast<TensorMetaObject*>(cls)->overrides_dispatch) {
    impl->set(TensorImpl::PythonDispatch, true);
    unusual_tensors_exist = true;
  }
  return o;
}

void drop_fields(TensorObject* t) {
  if (t->weakrefs) PyObject_ClearWeakRefs(reinterpret_cast<PyObject*>(t));
  Py_CLEAR(t->backward_hooks);
  Py_CLEAR(t->post_accumulate_hooks);
  Py_CLEAR(t->dict);
}

// __slots__ of subclasses
template <class F>
void each_slot(PyObject* self, F visit) {
  for (PyTypeObject* type = Py_TYPE(self); type && type != &TensorBaseType && type->tp_flags & Py_TPFLAGS_HEAPTYPE;
       type = type->tp_base) {
    if (!Py_SIZE(type) || !type->tp_members) continue;
    for (PyMemberDef* m = type->tp_members; m->name; m++)
      if (m->type == T_OBJECT_EX && !(m->flags & READONLY))
        visit(reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + m->offset));
  }
}

void drop_impl(TensorObject* t) {
  if (TensorImpl* impl = std::exchange(t->impl, nullptr)) {
    impl->pyobj = nullptr;
    release(impl);
  }
}

// C++ drops a tensor whose Python object it kept alive. A weak reference may have handed the object out meanwhile: then it
// goes on as an empty tensor.
void release_kept_object(void* object) {
  if (!Py_IsInitialized()) return;
  Gil gil;
  KeepError keep;
  auto* o = static_cast<PyObject*>(object);
  as_tensor(o)->impl = nullptr;
  if (Py_REFCNT(o) > 1) {
    TensorImpl* empty = kindling::empty(IntList{}, TensorOptions{}).detach_impl();
    empty->pyobj = o;
    as_tensor(o)->impl = empty;
  }
  Py_DECREF(o);
}

}  // namespace

void tensor_dealloc(PyObject* o) {
  auto* t = as_tensor(o);
  if (outlived(t) && has_state(t)) {
    Py_SET_REFCNT(o, 1);
    TensorImpl* impl = t->impl;
    impl->set(TensorImpl::OwnsPyObject, true);
    release(impl);
    return;
  }
  PyTypeObject* type = Py_TYPE(o);
  if (type == TensorType) {
    PyObject_GC_UnTrack(o);
    if (has_state(t) || t->dict) drop_fields(t);
    drop_impl(t);
    if (free_count < kFreeListSize) free_list[free_count++] = o;
    else PyObject_GC_Del(o);
    Py_DECREF(type);
    return;
  }
  if (type->tp_finalize && PyObject_CallFinalizerFromDealloc(o) < 0) return;
  PyObject_GC_UnTrack(o);
  drop_fields(t);
  each_slot(o, [](PyObject** slot) { Py_CLEAR(*slot); });
  drop_impl(t);
  PyObject_GC_Del(o);
  if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_DECREF(type);
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  auto* t = as_tensor(o);
  if (Py_TYPE(o)->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_VISIT(Py_TYPE(o));
  if (outlived(t)) return 0;  // C++ holds it: nothing it refers to may be collected
  Py_VISIT(t->dict);
  Py_VISIT(t->backward_hooks);
  Py_VISIT(t->post_accumulate_hooks);
  int status = 0;
  each_slot(o, [&](PyObject** slot) {
    if (*slot && !status) status = visit(*slot, arg);
  });
  if (!status && t->impl) status = traverse_hooks(t->impl, visit, arg);
  if (!status && t->impl && t->impl->autograd) {
    const Tensor& grad = t->impl->autograd->grad;
    if (grad && grad->pyobj && grad->refs.load() == 1 && grad->has(TensorImpl::OwnsPyObject))
      status = visit(static_cast<PyObject*>(grad->pyobj), arg);
  }
  return status;
}

int tensor_clear(PyObject* o) {
  auto* t = as_tensor(o);
  if (outlived(t)) return 0;
  Py_CLEAR(t->backward_hooks);
  Py_CLEAR(t->post_accumulate_hooks);
  Py_CLEAR(t->dict);
  each_slot(o, [](PyObject** slot) { Py_CLEAR(*slot); });
  if (t->impl) clear_hooks(t->impl);
  if (t->impl && t->impl->autograd) t->impl->autograd->grad = Tensor();
  return 0;
}

// ---- wrapping ----

namespace {

// The tensor's existing object; takes over the count of impl.
PyObject* existing(TensorImpl* impl) {
  auto* o = static_cast<PyObject*>(impl->pyobj);
  if (impl->has(TensorImpl::OwnsPyObject)) {
    impl->set(TensorImpl::OwnsPyObject, false);  // Python owns the tensor again, with this count
    return o;
  }
  Py_INCREF(o);
  release(impl);
  return o;
}

}  // namespace

PyObject* wrap(Tensor t) {
  TensorImpl* impl = t.detach_impl();
  if (!impl) Py_RETURN_NONE;
  return impl->pyobj ? existing(impl) : new_object(TensorType, impl);
}

PyObject* wrap_as(Tensor t, PyTypeObject* cls) {
  TensorImpl* impl = t.detach_impl();
  if (impl->pyobj) {
    release(impl);
    fail(ErrorKind::Runtime, "Creating a new Tensor subclass ", cls->tp_name,
         " but the raw Tensor object is already associated to a python object of type ",
         Py_TYPE(static_cast<PyObject*>(impl->pyobj))->tp_name);
  }
  return new_object(cls, impl);
}

PyObject* wrap_list(std::span<const Tensor> tensors) {
  PyRef list = owned(PyList_New(Py_ssize_t(tensors.size())));
  for (size_t i = 0; i < tensors.size(); i++) PyList_SET_ITEM(list.get(), i, wrap(tensors[i]));
  return list.release();
}
PyObject* wrap_tuple(std::span<const Tensor> tensors) {
  PyRef tuple = owned(PyTuple_New(Py_ssize_t(tensors.size())));
  for (size_t i = 0; i < tensors.size(); i++) PyTuple_SET_ITEM(tuple.get(), i, wrap(tensors[i]));
  return tuple.release();
}

Tensor unwrap_checked(PyObject* o, const char* function) {
  if (o == Py_None) return Tensor();
  if (!is_tensor(o)) fail(ErrorKind::Type, function, ": expected a Tensor, not ", type_name(o));
  return unwrap(o);
}

void fix_weak_reference(PyObject* o) {
  TensorImpl* impl = impl_of(o);
  if (!impl || !impl->has(TensorImpl::OwnsPyObject)) return;
  retain(impl);
  impl->set(TensorImpl::OwnsPyObject, false);
  Py_DECREF(o);
}

void swap_impls(PyObject* a, PyObject* b) {
  std::swap(as_tensor(a)->impl, as_tensor(b)->impl);
  as_tensor(a)->impl->pyobj = a;
  as_tensor(b)->impl->pyobj = b;
}

// ---- the metaclass ----

namespace {

void refresh_overrides(PyTypeObject* cls) {
  auto* meta = reinterpret_cast<TensorMetaObject*>(cls);
  PyRef module = owned(PyImport_ImportModule("torch._C"));
  auto differs = [&](const char* protocol, const char* disabled) {
    PyRef have = PyRef::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(cls), protocol));
    PyRef off = PyRef::steal(PyObject_GetAttrString(module.get(), disabled));
    PyErr_Clear();
    return have && have.get() != Py_None && have.get() != off.get();
  };
  meta->overrides_function = differs("__torch_function__", "_disabled_torch_function_impl");
  meta->overrides_dispatch = differs("__torch_dispatch__", "_disabled_torch_dispatch_impl");
}

int meta_init(PyObject* cls, PyObject* args, PyObject* kwargs) {
  if (PyType_Type.tp_init(cls, args, kwargs) < 0) return -1;
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  type->tp_dealloc = tensor_dealloc;
  type->tp_traverse = tensor_traverse;
  type->tp_clear = tensor_clear;
  return guard([&] {
    refresh_overrides(type);
    return 0;
  });
}

int meta_setattr(PyObject* cls, PyObject* name, PyObject* value) {
  if (PyType_Type.tp_setattro(cls, name, value) < 0) return -1;
  if (cls == reinterpret_cast<PyObject*>(&TensorBaseType) || !PyUnicode_Check(name)) return 0;
  if (PyUnicode_CompareWithASCIIString(name, "__torch_function__") &&
      PyUnicode_CompareWithASCIIString(name, "__torch_dispatch__"))
    return 0;
  return guard([&] {
    refresh_overrides(reinterpret_cast<PyTypeObject*>(cls));
    return 0;
  });
}

PyTypeObject meta_type = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C._TensorMeta";
  t.tp_doc = "The class of tensor classes.";
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  t.tp_base = &PyType_Type;
  t.tp_init = meta_init;
  t.tp_setattro = meta_setattr;
  return t;
}();

}  // namespace

void init_tensor_meta(PyObject* module) {
  meta_type.tp_basicsize = sizeof(TensorMetaObject);
  check(PyType_Ready(&meta_type));
  TensorMetaType = &meta_type;
  release_pyobject = release_kept_object;
  check(PyModule_AddObjectRef(module, "_TensorMeta", reinterpret_cast<PyObject*>(&meta_type)));
}

}  // namespace kindling::python
