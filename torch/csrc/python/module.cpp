// torch._C: the extension module.
#include <cstring>

#include "../cpu/kernel_table.h"
#include "../cpu/threads.h"
#include "function.h"
#include "symbolic.h"
#include "tensor.h"

namespace kindling::python {

namespace {

void add_table(PyObject* owner, const FunctionEntry* table, int n, const char* module) {
  PyObject* dict = PyModule_GetDict(owner);
  for (int i = 0; i < n; i++) {
    PyRef f = owned(make_function(table[i], module, false));
    check(PyDict_SetItemString(dict, table[i].name, f.get()));
  }
}

// torch._C is no package, so its submodules must be known to the import system beforehand.
PyRef add_submodule(PyObject* module, const char* name) {
  std::string full = concat("torch._C.", name);
  PyRef sub = owned(PyModule_New(full.c_str()));
  check(PyModule_AddObjectRef(module, name, sub.get()));
  check(PyDict_SetItemString(PyImport_GetModuleDict(), full.c_str(), sub.get()));
  return sub;
}

void add_functions(PyObject* module) {
  PyRef variable = add_submodule(module, "_VariableFunctions");
  add_table(variable.get(), kTorchFunctions, kNumTorchFunctions, "torch");
  check(PyModule_AddFunctions(variable.get(), construct_functions));
  const struct {
    const char* name;
    const FunctionEntry* table;
    int n;
    const char* module;
  } tables[] = {{"_nn", kNNFunctions, kNumNNFunctions, "torch._C._nn"},
                {"_linalg", kLinalgFunctions, kNumLinalgFunctions, "torch._C._linalg"},
                {"_fft", kFFTFunctions, kNumFFTFunctions, "torch._C._fft"},
                {"_special", kSpecialFunctions, kNumSpecialFunctions, "torch._C._special"}};
  for (auto& t : tables) {
    PyRef sub = add_submodule(module, t.name);
    add_table(sub.get(), t.table, t.n, t.module);
    if (std::strcmp(t.name, "_nn")) continue;
    static PyMethodDef nn_functions[] = {
        {"_parse_to", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(parse_to_arguments)),
         METH_FASTCALL | METH_KEYWORDS, "The (device, dtype, non_blocking, memory_format) that arguments of to() mean."},
        {}};
    check(PyModule_AddFunctions(sub.get(), nn_functions));
  }
}

void add_exception(PyObject* module, const char* name, const char* qualified, const char* doc) {
  PyRef cls = owned(PyErr_NewExceptionWithDoc(qualified, doc, PyExc_RuntimeError, nullptr));
  check(PyModule_AddObjectRef(module, name, cls.get()));
}

void python_warning(WarningKind kind, const std::string& text) {
  Gil gil;
  PyObject* category = kind == WarningKind::Deprecation ? PyExc_DeprecationWarning
                       : kind == WarningKind::Future    ? PyExc_FutureWarning
                       : kind == WarningKind::Runtime   ? PyExc_RuntimeWarning
                                                        : PyExc_UserWarning;
  check(PyErr_WarnEx(category, text.c_str(), 1));
}

// ---- functions ----

PyObject* get_default_dtype(PyObject*, PyObject*) { return wrap(default_dtype()); }
PyObject* set_default_dtype_(PyObject*, PyObject* dtype) {
  return guard([&]() -> PyObject* {
    if (!is_dtype(dtype))
      fail(ErrorKind::Type, "invalid dtype object: only floating-point types are supported as the default type");
    KD_CHECK(is_floating(dtype_of(dtype)), Type, "only floating-point types are supported as the default type");
    set_default_dtype(dtype_of(dtype));
    Py_RETURN_NONE;
  });
}
// The instruction set of the kernels, in the words of torch.backends.cpu.
PyObject* cpu_capability(PyObject*, PyObject*) {
#if defined(__x86_64__)
  static constexpr const char* kNames[] = {"DEFAULT", "AVX2", "AVX512"};
#else
  static constexpr const char* kNames[] = {"DEFAULT", "DEFAULT"};
#endif
  return PyUnicode_FromString(kNames[isa]);
}
PyObject* get_threads(PyObject*, PyObject*) { return PyLong_FromLong(kindling::get_num_threads()); }
PyObject* set_threads(PyObject*, PyObject* n) {
  return guard([&]() -> PyObject* {
    KD_CHECK(is_integer(n), Type, "set_num_threads expects an int, but got ", type_name(n));
    int64_t count = int_of(n);
    KD_CHECK(count > 0, Runtime, "set_num_threads expects a positive integer");
    kindling::set_num_threads(int(count));
    Py_RETURN_NONE;
  });
}
PyObject* return_type(PyObject*, PyObject* name) {
  return guard([&] { return find_return_type(utf8(name)); });
}
PyObject* return_types(PyObject*, PyObject*) { return guard(all_return_types); }
PyObject* swap_tensor_impl(PyObject*, PyObject* args) {
  PyObject *a, *b;
  if (!PyArg_ParseTuple(args, "OO:_swap_tensor_impl", &a, &b)) return nullptr;
  return guard([&]() -> PyObject* {
    KD_CHECK(is_tensor(a) && is_tensor(b), Type, "_swap_tensor_impl expects two tensors");
    swap_impls(a, b);
    Py_RETURN_NONE;
  });
}
PyObject* none(PyObject*, PyObject*) { Py_RETURN_NONE; }

PyMethodDef functions[] = {
    {"get_default_dtype", get_default_dtype, METH_NOARGS,
     "get_default_dtype() -> torch.dtype\n\nThe dtype of tensors made from Python floats."},
    {"_set_default_dtype", set_default_dtype_, METH_O, nullptr},
    {"_get_cpu_capability", cpu_capability, METH_NOARGS, nullptr},
    {"get_num_threads", get_threads, METH_NOARGS, "get_num_threads() -> int\n\nHow many threads one operation may use."},
    {"set_num_threads", set_threads, METH_O, "set_num_threads(int)\n\nLimits how many threads one operation may use."},
    {"_return_type", return_type, METH_O, nullptr},
    {"_return_types", return_types, METH_NOARGS, nullptr},
    {"_swap_tensor_impl", swap_tensor_impl, METH_VARARGS, nullptr},
    {"_set_tensor_class", set_tensor_class, METH_O, nullptr},
    {"_get_tracing_state", none, METH_NOARGS, nullptr},
    {"_log_api_usage_once", none, METH_O, "Takes note of nothing: use is not counted."},
    {}};

void init(PyObject* module) {
  warning_hook = python_warning;
  check(PyType_Ready(&FunctionType));
  check(PyType_Ready(&MethodType));
  check(PyModule_AddFunctions(module, functions));
  check(PyModule_AddFunctions(module, dlpack_functions));
  check(PyModule_AddFunctions(module, legacy_functions));
  init_types(module);
  init_overrides(module);
  init_autocast(module);
  init_overridable(module);
  init_module_type(module);
  init_generator(module);
  init_storage(module);
  init_tensor(module);
  add_functions(module);
  add_exception(module, "OutOfMemoryError", "torch.OutOfMemoryError", "A device has no memory left for an allocation.");
  add_exception(module, "AcceleratorError", "torch.AcceleratorError", "A device reported an error.");
  add_exception(module, "_LinAlgError", "torch._C._LinAlgError", "A matrix does not allow the decomposition that was asked for.");
  init_autograd(module);
  init_modes(module);
  init_symbolic(module);
  init_fake(module);
  init_functorch(module);
}

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "torch._C", "The runtime of torch.", -1, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

}  // namespace kindling::python

extern "C" __attribute__((visibility("default"))) PyObject* PyInit__C() {
  using namespace kindling::python;
  return guard([]() -> PyObject* {
    PyRef module = owned(PyModule_Create(&definition));
    init(module.get());
    return module.release();
  });
}
