// Switches of autograd as torch._C functions: grad mode, inference mode, anomaly mode, saved-tensor hooks, dual levels.
#include <cstring>
#include <unordered_set>

#include "autograd.h"

namespace kindling::python {

namespace {

// ---- booleans of the thread's state ----

template <bool ThreadState::* field>
PyObject* get_flag(PyObject*, PyObject*) {
  return PyBool_FromLong(tls.*field);
}

template <bool ThreadState::* field>
PyObject* set_flag(PyObject*, PyObject* value) {
  if (!PyBool_Check(value)) {
    PyErr_Format(PyExc_TypeError, "enabled must be a bool (got %s)", Py_TYPE(value)->tp_name);
    return nullptr;
  }
  tls.*field = value == Py_True;
  Py_RETURN_NONE;
}

// _enter_inference_mode(mode) -> what _exit_inference_mode must be given
PyObject* enter_inference(PyObject*, PyObject* mode) {
  int on = PyObject_IsTrue(mode);
  if (on < 0) return nullptr;
  long before = tls.inference_mode | tls.grad_enabled << 1 | tls.forward_grad_enabled << 2;
  if (on) {
    tls.inference_mode = true;
    tls.grad_enabled = tls.forward_grad_enabled = false;
  } else if (tls.inference_mode) {
    tls.inference_mode = false;
    tls.grad_enabled = tls.forward_grad_enabled = true;
  }
  return PyLong_FromLong(before);
}
PyObject* exit_inference(PyObject*, PyObject* before) {
  long bits = PyLong_AsLong(before);
  if (bits < 0) return nullptr;
  tls.inference_mode = bits & 1;
  tls.grad_enabled = bits & 2;
  tls.forward_grad_enabled = bits & 4;
  Py_RETURN_NONE;
}

PyObject* set_anomaly(PyObject*, PyObject* args) {
  int on, check_nan = 1;
  if (!PyArg_ParseTuple(args, "p|p", &on, &check_nan)) return nullptr;
  tls.anomaly = on;
  tls.anomaly_nan = check_nan;
  Py_RETURN_NONE;
}

// ---- saved-tensor hooks: a stack of (pack, unpack) per thread ----

struct HookStack {
  std::vector<std::pair<PyObject*, PyObject*>> pairs;
  std::string disabled;  // why hooks may not be used; empty: they may
  bool packing = false;  // what pack itself saves is not packed
};
HookStack& hook_stack() {
  static thread_local HookStack stack;
  return stack;
}
void update_stack_flag() { tls.saved_tensor_hooks = hook_stack().pairs.empty() ? nullptr : &hook_stack(); }

PyObject* push_hooks(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *pack, *unpack;
    if (!PyArg_ParseTuple(args, "OO", &pack, &unpack)) return nullptr;
    KD_CHECK(hook_stack().disabled.empty(), Runtime, hook_stack().disabled);
    hook_stack().pairs.emplace_back(Py_NewRef(pack), Py_NewRef(unpack));
    update_stack_flag();
    Py_RETURN_NONE;
  });
}
PyObject* pop_hooks(PyObject*, PyObject*) {
  return guard([&]() -> PyObject* {
    auto& pairs = hook_stack().pairs;
    KD_CHECK(!pairs.empty(), Runtime, "there are no saved-tensor hooks to pop");
    auto [pack, unpack] = pairs.back();
    pairs.pop_back();
    update_stack_flag();
    Py_DECREF(pack);
    Py_DECREF(unpack);
    Py_RETURN_NONE;
  });
}
PyObject* top_hooks(PyObject*, PyObject*) {
  auto& pairs = hook_stack().pairs;
  if (pairs.empty()) Py_RETURN_NONE;
  return PyTuple_Pack(2, pairs.back().first, pairs.back().second);
}
PyObject* disable_hooks(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    const char* message;
    int fail_if_set = 1;
    if (!PyArg_ParseTuple(args, "s|p", &message, &fail_if_set)) return nullptr;
    KD_CHECK(!fail_if_set || hook_stack().pairs.empty(), Runtime, message);
    hook_stack().disabled = message;
    Py_RETURN_NONE;
  });
}
PyObject* enable_hooks(PyObject*, PyObject*) {
  hook_stack().disabled.clear();
  Py_RETURN_NONE;
}
PyObject* hooks_enabled(PyObject*, PyObject*) { return PyBool_FromLong(hook_stack().disabled.empty()); }
PyObject* why_disabled(PyObject*, PyObject*) {
  if (hook_stack().disabled.empty()) Py_RETURN_NONE;
  return PyUnicode_FromString(hook_stack().disabled.c_str());
}

bool pack(const Tensor& t, void** packed, void** unpack) {
  HookStack& stack = hook_stack();
  if (stack.packing || stack.pairs.empty()) return false;
  Gil gil;
  auto [pack_hook, unpack_hook] = stack.pairs.back();
  struct Busy {
    bool& flag;
    explicit Busy(bool& f) : flag(f) { flag = true; }
    ~Busy() { flag = false; }
  } busy(stack.packing);
  GradMode off(false);
  uint32_t before = t.version();
  PyRef given = owned(wrap(t));
  PyRef made = owned(PyObject_CallOneArg(pack_hook, given.get()));
  KD_CHECK(
      t.version() == before, Runtime,
      "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
      "can not be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to "
      "perform in-place operations on the input to a pack hook.");
  *packed = made.release();
  *unpack = Py_NewRef(unpack_hook);
  return true;
}

Tensor run_unpack(void* packed, void* unpack) {
  Gil gil;
  PyRef result = owned(PyObject_CallOneArg(static_cast<PyObject*>(unpack), static_cast<PyObject*>(packed)));
  KD_CHECK(is_tensor(result.get()), Type, "Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
           type_name(result.get()));
  return unwrap(result.get());
}

// ---- anomaly mode ----

void record_stack(Node& node) {
  Gil gil;
  PyRef metadata = owned(node_metadata(node));
  PyRef traceback = owned(PyImport_ImportModule("traceback"));
  PyRef stack = owned(PyObject_CallMethod(traceback.get(), "format_stack", nullptr));
  check(PyDict_SetItemString(metadata.get(), "traceback_", stack.get()));
  if (const Node* parent = current_node()) {
    PyRef shown = owned(wrap_node(Ref<Node>::share(const_cast<Node*>(parent))));
    check(PyDict_SetItemString(metadata.get(), "parent_", shown.get()));
  }
}

void warn_of(const std::string& text) {
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) PyErr_Clear();
}

std::string stack_text(PyObject* metadata) {
  PyObject* stack = metadata ? PyDict_GetItemString(metadata, "traceback_") : nullptr;
  if (!stack) return {};
  PyRef empty = owned(PyUnicode_FromString(""));
  PyRef joined = owned(PyUnicode_Join(empty.get(), stack));
  return utf8(joined.get());
}

void report_stack(const Node& node) {
  Gil gil;
  KeepError keep;
  auto* metadata = static_cast<PyObject*>(node.metadata);
  std::string stack = stack_text(metadata);
  if (stack.empty()) {
    warn_of(concat("Error detected in ", node.name(),
                   ". No forward pass information available. Enable detect anomaly during forward pass for "
                   "more information."));
    return;
  }
  warn_of(concat("Error detected in ", node.name(), ". Traceback of forward call that caused the error:\n", stack));
  for (PyObject* parent = PyDict_GetItemString(metadata, "parent_"); parent;) {
    Ref<Node> p = node_of(parent);
    std::string outer = stack_text(static_cast<PyObject*>(p->metadata));
    warn_of(concat("\n\nPrevious calculation was induced by ", p->name(),
                   ". Traceback of forward call that induced the previous calculation:\n", outer));
    parent = p->metadata ? PyDict_GetItemString(static_cast<PyObject*>(p->metadata), "parent_") : nullptr;
  }
}

// ---- the place of an in-place change ----

// The program's own innermost frame: those of this package are passed over.
PyRef users_frame() {
  static const std::string* const package = [] {
    PyObject* module = PyImport_AddModule("torch");  // borrowed
    PyRef file = PyRef::steal(module ? PyModule_GetFilenameObject(module) : nullptr);
    PyErr_Clear();
    std::string path = file ? utf8(file.get()) : std::string();
    return new std::string(path.substr(0, path.rfind('/') + 1));
  }();
  PyRef frame = PyRef::share(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  while (frame) {
    PyRef code = PyRef::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(reinterpret_cast<PyFrameObject*>(frame.get()))));
    const char* file = PyUnicode_AsUTF8(reinterpret_cast<PyCodeObject*>(code.get())->co_filename);
    if (package->empty() || !file || strncmp(file, package->c_str(), package->size()) != 0) break;
    frame = PyRef::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(reinterpret_cast<PyFrameObject*>(frame.get()))));
  }
  PyErr_Clear();
  return frame;
}

void note_write(VersionCounter& version) {
  if (!Py_IsInitialized()) return;
  Gil gil;
  PyRef frame = users_frame();
  if (!frame) return;
  auto* f = reinterpret_cast<PyFrameObject*>(frame.get());
  PyRef code = PyRef::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(f)));
  PyObject* file = reinterpret_cast<PyCodeObject*>(code.get())->co_filename;
  static auto& kept = *new std::unordered_set<PyObject*>;  // few: one for each file that changes tensors in place
  if (kept.insert(file).second) Py_INCREF(file);
  version.line.store(uint32_t(PyFrame_GetLineNumber(f)), std::memory_order_relaxed);
  version.file.store(file, std::memory_order_relaxed);
}

std::string told_write(const VersionCounter& version) {
  auto* file = static_cast<PyObject*>(version.file.load(std::memory_order_relaxed));
  if (!file) return {};
  Gil gil;
  return concat(utf8(file), ":", int64_t(version.line.load(std::memory_order_relaxed)));
}

void drop_object(void* o) {
  if (!o || !Py_IsInitialized()) return;
  Gil gil;
  Py_DECREF(static_cast<PyObject*>(o));
}

// ---- forward mode ----

// The level of torch.autograd.forward_ad, of which there is one at a time and whose number is always 0 there. Those of
// torch.func.jvp nest, inside of it or around it.
thread_local uint32_t own_level = 0;

PyObject* py_enter_dual(PyObject*, PyObject*) {
  return guard([&] {
    KD_CHECK(!own_level, Runtime, "Nested forward mode AD is not supported at the moment");
    own_level = open_dual_level();
    return PyLong_FromLong(0);
  });
}
PyObject* py_exit_dual(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"level", nullptr};
    int level;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i", const_cast<char**>(names), &level)) return nullptr;
    KD_CHECK(own_level && level == 0, Runtime,
             "Trying to exit a forward AD level that was not the last one that was created. This is not supported.");
    close_dual_level(std::exchange(own_level, 0));
    Py_RETURN_NONE;
  });
}
// _make_dual(primal, tangent, level): a view of the primal that carries the tangent
PyObject* py_make_dual(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"tensor", "tangent", "level", nullptr};
    PyObject *primal, *tangent;
    int level = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|i", const_cast<char**>(names), &primal, &tangent, &level)) return nullptr;
    Tensor t = unwrap_checked(primal, "make_dual"), direction = unwrap_checked(tangent, "make_dual");
    KD_CHECK(!tangent_of(t, own_level).defined(), Runtime,
             "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level ", level,
             " is not supported.");
    return wrap(make_dual(t, direction, own_level));
  });
}
// _unpack_dual(tensor, level) -> (primal, tangent or None)
PyObject* py_unpack_dual(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"tensor", "level", nullptr};
    PyObject* dual;
    int level = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|i", const_cast<char**>(names), &dual, &level)) return nullptr;
    Tensor t = unwrap_checked(dual, "unpack_dual"), tangent = tangent_of(t, own_level);
    if (!tangent.defined()) return check(Py_BuildValue("(OO)", dual, Py_None));
    return check(Py_BuildValue("(NN)", check(wrap(primal_of(t, own_level))), check(wrap(tangent))));
  });
}

#define KD_KEYWORDS(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f))
#define KD_FLAG(getter, setter, field) \
  {getter, get_flag<&ThreadState::field>, METH_NOARGS, nullptr}, { setter, set_flag<&ThreadState::field>, METH_O, nullptr }

PyMethodDef functions[] = {
    KD_FLAG("is_grad_enabled", "_set_grad_enabled", grad_enabled),
    KD_FLAG("_is_fwd_grad_enabled", "_set_fwd_grad_enabled", forward_grad_enabled),
    KD_FLAG("_is_multithreading_enabled", "_set_multithreading_enabled", multithreading),
    KD_FLAG("_is_view_replay_enabled", "_set_view_replay_enabled", view_replay),
    {"is_inference_mode_enabled", get_flag<&ThreadState::inference_mode>, METH_NOARGS, "is_inference_mode_enabled() -> bool"},
    {"is_anomaly_enabled", get_flag<&ThreadState::anomaly>, METH_NOARGS, "is_anomaly_enabled() -> bool"},
    {"is_anomaly_check_nan_enabled", get_flag<&ThreadState::anomaly_nan>, METH_NOARGS, "is_anomaly_check_nan_enabled() -> bool"},
    {"_enter_inference_mode", enter_inference, METH_O, nullptr},
    {"_exit_inference_mode", exit_inference, METH_O, nullptr},
    {"set_anomaly_enabled", set_anomaly, METH_VARARGS, nullptr},
    {"_enter_dual_level", py_enter_dual, METH_NOARGS, nullptr},
    {"_exit_dual_level", KD_KEYWORDS(py_exit_dual), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"_make_dual", KD_KEYWORDS(py_make_dual), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"_unpack_dual", KD_KEYWORDS(py_unpack_dual), METH_VARARGS | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef saved_hook_functions[] = {{"_push_saved_tensors_default_hooks", push_hooks, METH_VARARGS, nullptr},
                                      {"_pop_saved_tensors_default_hooks", pop_hooks, METH_NOARGS, nullptr},
                                      {"_top_saved_tensors_default_hooks", top_hooks, METH_VARARGS, nullptr},
                                      {"_saved_tensors_hooks_disable", disable_hooks, METH_VARARGS, nullptr},
                                      {"_saved_tensors_hooks_enable", enable_hooks, METH_NOARGS, nullptr},
                                      {"_saved_tensors_hooks_is_enabled", hooks_enabled, METH_NOARGS, nullptr},
                                      {"_saved_tensors_hooks_get_disabled_error_message", why_disabled, METH_NOARGS, nullptr},
                                      {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_grad_modes(PyObject* module) {
  python_autograd = {drop_object, pack, run_unpack, record_stack, report_stack, note_write, told_write};
  check(PyModule_AddFunctions(module, functions));
  static PyModuleDef submodule = {PyModuleDef_HEAD_INIT,
                                  "torch._C._autograd",
                                  "Autograd's inner functions.",
                                  -1,
                                  saved_hook_functions,
                                  nullptr,
                                  nullptr,
                                  nullptr,
                                  nullptr};
  PyRef autograd = owned(PyModule_Create(&submodule));
  check(PyModule_AddObjectRef(module, "_autograd", autograd.get()));
}

}  // namespace kindling::python
