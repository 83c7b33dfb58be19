// Wrapper subclasses: tensors whose class answers for their sizes, strides, device or layout.
#pragma once
#include "python.h"

namespace kindling::python {

// The policies of _make_wrapper_subclass leave some questions to __torch_dispatch__.
inline bool asks(const TensorImpl* t, int policy) {
  return __builtin_expect(t->flags & policy, 0) && !tls.torch_dispatch_disabled;
}
// What the class says to the operator `aten::name.overload` (or `prim::name`) of the tensor.
PyRef ask_class(TensorImpl* t, const char* name, const char* overload = "default", PyObject* argument = nullptr);
PyObject* asked_size(TensorImpl* t);     // torch.Size
PyObject* asked_strides(TensorImpl* t);  // tuple
PyObject* wrap_device(TensorImpl* t);    // of any tensor
DeviceType device_type_of(TensorImpl* t);

PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs);
PyObject* make_wrapper_subclass(PyObject*, PyObject* args, PyObject* kwargs);

}  // namespace kindling::python
