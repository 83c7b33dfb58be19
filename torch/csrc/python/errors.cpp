// From kindling::Error to Python exceptions, and the small text helpers of the binding.
#include <new>

#include "python.h"

namespace kindling::python {

namespace {

// torch._C holds the exception classes that are PyTorch's own.
PyObject* own_class(const char* name) {
  static PyObject* module = nullptr;
  if (!module) module = PyImport_ImportModule("torch._C");
  return module ? PyObject_GetAttrString(module, name) : nullptr;
}

PyRef exception_class(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Type: return PyRef::share(PyExc_TypeError);
    case ErrorKind::Value: return PyRef::share(PyExc_ValueError);
    case ErrorKind::Index: return PyRef::share(PyExc_IndexError);
    case ErrorKind::Attribute: return PyRef::share(PyExc_AttributeError);
    case ErrorKind::NotImplemented: return PyRef::share(PyExc_NotImplementedError);
    case ErrorKind::Assertion: return PyRef::share(PyExc_AssertionError);
    case ErrorKind::Memory: return PyRef::share(PyExc_MemoryError);
    case ErrorKind::Buffer: return PyRef::share(PyExc_BufferError);
    case ErrorKind::LinAlg: return PyRef::steal(own_class("_LinAlgError"));
    case ErrorKind::OutOfMemory: return PyRef::steal(own_class("OutOfMemoryError"));
    default: return PyRef::share(PyExc_RuntimeError);
  }
}

}  // namespace

void set_error(const Error& e) {
  if (e.kind == ErrorKind::Python) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an error was reported without a Python exception");
    return;
  }
  PyRef cls = exception_class(e.kind);
  PyErr_Clear();
  PyErr_SetString(cls ? cls.get() : PyExc_RuntimeError, e.message.c_str());
}

void set_error_of_current_exception() {
  try {
    throw;
  } catch (const Error& e) { set_error(e); } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) { PyErr_SetString(PyExc_RuntimeError, e.what()); }
}

PyObject* intern(const char* s) {
  PyObject* o = PyUnicode_InternFromString(s);
  return check(o);
}

std::string utf8(PyObject* str) {
  Py_ssize_t n = 0;
  const char* s = PyUnicode_AsUTF8AndSize(str, &n);
  if (!s) throw Error(ErrorKind::Python, {});
  return std::string(s, size_t(n));
}

std::string type_name(PyObject* o) {
  if (is_tensor(o) && Py_TYPE(o) == TensorType) return "Tensor";
  return Py_TYPE(o)->tp_name;
}

}  // namespace kindling::python
