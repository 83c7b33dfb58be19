// The small immutable objects: dtype, layout, memory_format, device, Size.
#pragma once
#include "python.h"

namespace kindling::python {

struct DTypeObject {
  PyObject_HEAD DType dtype;
};
struct LayoutObject {
  PyObject_HEAD Layout layout;
};
struct MemoryFormatObject {
  PyObject_HEAD MemoryFormat format;
};
struct DeviceObject {
  PyObject_HEAD Device device;
};

void init_types(PyObject* module);  // adds the classes and their instances to torch._C
Device parse_device(std::string_view text);
inline bool is_exact_tensor(PyObject* o) { return Py_TYPE(o) == TensorType; }

}  // namespace kindling::python
