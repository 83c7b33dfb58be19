#include "mode_stack.h"

namespace kindling::python {

ModeStack& dispatch_stack() {
  static thread_local ModeStack stack{{}, &tls.dispatch_modes};
  return stack;
}
ModeStack& function_stack() {
  static thread_local ModeStack stack{{}, &tls.function_modes};
  return stack;
}
void update(ModeStack& s) {
  *s.count = int32_t(s.modes.size());
  tls.interposed = tls.dispatch_modes > 0 || tls.function_modes > 0;
}

namespace {

// The place of a mode among those that tracing puts on; -1 for a mode of the user's.
int key_of(PyObject* mode) {
  static PyObject* name = intern("_mode_key");
  PyRef key = PyRef::steal(PyObject_GetAttr(mode, name));
  if (!key) PyErr_Clear();
  if (!key || key.get() == Py_None) return -1;
  int64_t k = int_of(key.get());
  KD_CHECK(k >= 0 && k < kModeKeys, Value, "a mode's _mode_key must be one of torch._C._TorchDispatchModeKey");
  return int(k);
}

size_t place_of(const ModeStack& s, int key) {
  int below = 0;
  for (int k = 0; k < key; k++) below += s.keyed[k];
  return size_t(below);
}

void insert(ModeStack& s, PyObject* mode, int key) {
  auto place = key < 0 ? s.modes.end() : s.modes.begin() + std::ptrdiff_t(place_of(s, key));
  s.modes.insert(place, Py_NewRef(mode));
  if (key >= 0) s.keyed[key] = 1;
  update(s);
}

}  // namespace

void push_mode(ModeStack& s, PyObject* mode) {
  int key = &s == &dispatch_stack() ? key_of(mode) : -1;
  KD_CHECK(key < 0 || !s.keyed[key], Assertion, "a mode of this _mode_key is on already: ", type_name(mode));
  insert(s, mode, key);
}

TakenMode take_mode(ModeStack& s, size_t at) {
  TakenMode taken{PyRef::steal(s.modes[at]), -1};
  s.modes.erase(s.modes.begin() + std::ptrdiff_t(at));
  for (int k = 0, seen = -1; k < kModeKeys && taken.key < 0; k++)
    if (s.keyed[k] && size_t(++seen) == at) taken.key = k;
  if (taken.key >= 0) s.keyed[taken.key] = 0;
  update(s);
  return taken;
}

void put_back(ModeStack& s, const TakenMode& taken) noexcept { insert(s, taken.mode.get(), taken.key); }

namespace {

PyObject* push(ModeStack& s, PyObject* mode) {
  return guard([&]() -> PyObject* {
    push_mode(s, mode);
    Py_RETURN_NONE;
  });
}
PyObject* pop(ModeStack& s, const char* what) {
  return guard([&]() -> PyObject* {
    KD_CHECK(!s.modes.empty(), Runtime, "no ", what, " mode is on the stack");
    return take_mode(s, s.modes.size() - 1).mode.release();
  });
}
PyObject* at(ModeStack& s, PyObject* index) {
  Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError);
  if (i < 0 || i >= Py_ssize_t(s.modes.size())) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_IndexError, "the stack has %zd modes", Py_ssize_t(s.modes.size()));
    return nullptr;
  }
  return Py_NewRef(s.modes[size_t(i)]);
}
PyObject* push_dispatch(PyObject*, PyObject* mode) { return push(dispatch_stack(), mode); }
PyObject* pop_dispatch(PyObject*, PyObject*) { return pop(dispatch_stack(), "torch_dispatch"); }
PyObject* len_dispatch(PyObject*, PyObject*) { return PyLong_FromLong(tls.dispatch_modes); }
PyObject* at_dispatch(PyObject*, PyObject* i) { return at(dispatch_stack(), i); }
PyObject* push_function(PyObject*, PyObject* mode) { return push(function_stack(), mode); }
PyObject* pop_function(PyObject*, PyObject*) { return pop(function_stack(), "torch_function"); }
PyObject* len_function(PyObject*, PyObject*) { return PyLong_FromLong(tls.function_modes); }
PyObject* at_function(PyObject*, PyObject* i) { return at(function_stack(), i); }

int checked_key(PyObject* key) {
  int64_t k = int_of(key);
  KD_CHECK(k >= 0 && k < kModeKeys, Value, "expected one of torch._C._TorchDispatchModeKey");
  return int(k);
}
PyObject* keyed_mode(PyObject*, PyObject* key) {
  return guard([&]() -> PyObject* {
    ModeStack& s = dispatch_stack();
    int k = checked_key(key);
    return Py_NewRef(s.keyed[k] ? s.modes[place_of(s, k)] : Py_None);
  });
}
PyObject* unset_keyed_mode(PyObject*, PyObject* key) {
  return guard([&]() -> PyObject* {
    ModeStack& s = dispatch_stack();
    int k = checked_key(key);
    return s.keyed[k] ? take_mode(s, place_of(s, k)).mode.release() : Py_NewRef(Py_None);
  });
}

// torch._C._TorchDispatchModeKey: the keys as attributes FAKE, PROXY, FUNCTIONAL.
PyRef mode_keys() {
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("Which of the modes of tracing a mode is.")}, {0, nullptr}};
  PyType_Spec spec{"torch._C._TorchDispatchModeKey", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyRef type = owned(PyType_FromSpec(&spec));
  const char* names[kModeKeys] = {"FAKE", "PROXY", "FUNCTIONAL"};
  for (int k = 0; k < kModeKeys; k++) check(PyObject_SetAttrString(type.get(), names[k], owned(PyLong_FromLong(k)).get()));
  return type;
}

PyMethodDef functions[] = {{"_push_on_torch_dispatch_stack", push_dispatch, METH_O, nullptr},
                           {"_pop_torch_dispatch_stack", pop_dispatch, METH_VARARGS, nullptr},
                           {"_len_torch_dispatch_stack", len_dispatch, METH_NOARGS, nullptr},
                           {"_get_dispatch_stack_at", at_dispatch, METH_O, nullptr},
                           {"_set_dispatch_mode", push_dispatch, METH_O, nullptr},
                           {"_get_dispatch_mode", keyed_mode, METH_O, nullptr},
                           {"_unset_dispatch_mode", unset_keyed_mode, METH_O, nullptr},
                           {"_push_on_torch_function_stack", push_function, METH_O, nullptr},
                           {"_pop_torch_function_stack", pop_function, METH_NOARGS, nullptr},
                           {"_len_torch_function_stack", len_function, METH_NOARGS, nullptr},
                           {"_get_function_stack_at", at_function, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_mode_stack(PyObject* module) {
  check(PyModule_AddFunctions(module, functions));
  check(PyModule_AddObjectRef(module, "_TorchDispatchModeKey", mode_keys().get()));
}

}  // namespace kindling::python
