// The pieces of the Tensor type, a file each.
#pragma once
#include "parse.h"
#include "types.h"

namespace kindling::python {

// ---- tensor_object.cpp ----
void tensor_dealloc(PyObject* o);
int tensor_traverse(PyObject* o, visitproc visit, void* arg);
int tensor_clear(PyObject* o);
void fix_weak_reference(PyObject* o);       // a weak reference gave `o` out while C++ owned it: Python owns it again
void swap_impls(PyObject* a, PyObject* b);  // torch.utils.swap_tensors: each object shows the other's tensor
void init_tensor_meta(PyObject* module);

// ---- tensor_type.cpp ----
void init_tensor(PyObject* module);
PyObject* set_tensor_class(PyObject*, PyObject* cls);

// ---- tensor_operators.cpp ----
extern PyNumberMethods tensor_number;
PyObject* tensor_compare(PyObject* a, PyObject* b, int op);
void init_operators();
PyObject* call_method(const char* name, PyObject* const* args, size_t nargs);  // the table's Tensor.<name>, new reference

// ---- indexing.cpp ----
PyObject* tensor_subscript(PyObject* self, PyObject* index);
int tensor_set_subscript(PyObject* self, PyObject* index, PyObject* value);
Py_ssize_t tensor_length(PyObject* self);

// ---- tensor_properties.cpp, tensor_methods.cpp, convert.cpp ----
extern PyGetSetDef tensor_properties[];
extern PyMethodDef tensor_methods[];
extern PyMethodDef tensor_conversions[];
PyObject* parse_to_arguments(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);  // torch._C._nn._parse_to
PyObject* scalar_to_python(const Tensor& t);                                                          // Tensor.item()
PyObject* tensor_to_list(const Tensor& t);

// ---- construct.cpp ----
extern PyMethodDef construct_functions[];  // torch.tensor, as_tensor, from_numpy...
extern PyMethodDef legacy_functions[];     // of torch._C
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype, Device device, bool copy);
DType infer_dtype(PyObject* data);
PyObject* legacy_new(PyTypeObject* cls, PyObject* args, PyObject* kwargs);
PyObject* legacy_tensor(PyObject* args, PyObject* kwargs, DType dtype, Device device);
PyObject* tensor_new_tensor(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);
PyObject* tensor_new_method(PyObject* self, PyObject* args, PyObject* kwargs);

// ---- numpy.cpp, dlpack.cpp ----
PyObject* to_numpy(const Tensor& t);
Tensor from_numpy(PyObject* array, bool warn_if_read_only);
bool is_numpy_array(PyObject* o);
DType dtype_from_numpy(PyObject* descr);  // of an np.dtype
extern PyMethodDef dlpack_methods[];      // Tensor.__dlpack__...
extern PyMethodDef dlpack_functions[];    // torch._C._from_dlpack...
Tensor from_dlpack_capsule(PyObject* capsule);

// ---- storage.cpp, generator.cpp, overrides.cpp, overridable.cpp, autocast.cpp, module_type.cpp ----
void init_overrides(PyObject* module);
void init_overridable(PyObject* module);
void init_autocast(PyObject* module);
void init_module_type(PyObject* module);
void init_storage(PyObject* module);
void init_generator(PyObject* module);
Ref<Storage> storage_of(PyObject* o);    // TypeError if it is none
Ref<Storage> find_storage(PyObject* o);  // null if it is none

// Does an argument override this hand-written function, or is a mode on? Then intercept_* gives the protocol's answer.
inline bool may_intercept(PyObject* self) {
  return (overrides_function(Py_TYPE(self)) || tls.function_modes > 0) && !tls.torch_function_disabled;
}
PyObject* intercept_method(PyObject* self, const char* name, PyObject* const* args, size_t nargs, PyObject* kwnames);
PyObject* intercept_property(PyObject* self, const char* name);
int intercept_setter(PyObject* self, const char* name, PyObject* value);

}  // namespace kindling::python
