// Finds the LAPACK library of the package scipy-openblas32.
#include "../cpu/lapack.h"

#include "python.h"

namespace kindling {
namespace {

std::string installed_library() {
  python::Gil gil;
  PyObject* package = PyImport_ImportModule("scipy_openblas32");
  if (!package) {
    PyErr_Clear();
    fail(ErrorKind::Runtime,
         "this function needs LAPACK, which the package scipy-openblas32 provides: pip install scipy-openblas32");
  }
  PyObject* folder = PyObject_CallMethod(package, "get_lib_dir", nullptr);
  Py_DECREF(package);
  const char* text = folder ? PyUnicode_AsUTF8(folder) : nullptr;
  std::string path = text ? concat(text, "/libscipy_openblas.so") : std::string();
  Py_XDECREF(folder);
  if (path.empty()) PyErr_Clear();
  return path;
}

[[maybe_unused]] const bool registered = (find_lapack = installed_library, true);

}  // namespace
}  // namespace kindling
