// Autocast's switches as torch._C functions; torch/amp/autocast_mode.py is their public face.
#include "../dispatch/autocast.h"

#include "../dispatch/state.h"
#include "types.h"

namespace kindling::python {

namespace {

bool is_cuda(const char* device_type) { return std::string_view(device_type) == "cuda"; }

// _get_autocast("cpu" or "cuda") -> (on, dtype)
PyObject* get_autocast(PyObject*, PyObject* device_type) {
  return guard([&] {
    bool cuda = is_cuda(utf8(device_type).c_str());
    PyRef dtype = owned(wrap(cuda ? autocast.cuda_dtype : autocast.cpu_dtype));
    return check(Py_BuildValue("(NO)", PyBool_FromLong(cuda ? autocast.cuda : autocast.cpu), dtype.get()));
  });
}

// _set_autocast("cpu" or "cuda", on, dtype)
PyObject* py_set_autocast(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    const char* device_type;
    int on;
    PyObject* dtype;
    if (!PyArg_ParseTuple(args, "spO", &device_type, &on, &dtype)) return nullptr;
    bool cuda = is_cuda(device_type);
    (cuda ? autocast.cuda_dtype : autocast.cpu_dtype) = dtype_of(dtype);
    set_autocast(cuda ? DeviceType::cuda : DeviceType::cpu, on);
    Py_RETURN_NONE;
  });
}

PyObject* cache_enabled(PyObject*, PyObject*) { return PyBool_FromLong(autocast.cache); }
PyObject* set_cache_enabled(PyObject*, PyObject* on) {
  autocast.cache = PyObject_IsTrue(on) == 1;
  Py_RETURN_NONE;
}
PyObject* clear_cache(PyObject*, PyObject*) {
  clear_autocast_cache();
  Py_RETURN_NONE;
}
PyObject* enter(PyObject*, PyObject*) { return PyLong_FromLong(++autocast.nesting); }
PyObject* leave(PyObject*, PyObject*) { return PyLong_FromLong(--autocast.nesting); }

PyMethodDef functions[] = {{"_get_autocast", get_autocast, METH_O, nullptr},
                           {"_set_autocast", py_set_autocast, METH_VARARGS, nullptr},
                           {"is_autocast_cache_enabled", cache_enabled, METH_NOARGS, "Whether casts of weights are kept."},
                           {"set_autocast_cache_enabled", set_cache_enabled, METH_O, "Keep casts of weights or not."},
                           {"clear_autocast_cache", clear_cache, METH_NOARGS, "Forget the casts of weights that are kept."},
                           {"autocast_increment_nesting", enter, METH_NOARGS, "Enter a level of autocast; returns the depth."},
                           {"autocast_decrement_nesting", leave, METH_NOARGS, "Leave a level of autocast; returns the depth."},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_autocast(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace kindling::python
