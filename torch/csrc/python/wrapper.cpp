#include "wrapper.h"

#include "autograd.h"
#include "types.h"

namespace kindling::python {

// ---- what the class is asked ----

PyRef ask_class(TensorImpl* t, const char* name, const char* overload, PyObject* argument) {
  static PyObject* lookup = call_torch("torch._ops", "_metadata_operator");
  PyRef func = owned(PyObject_CallFunction(lookup, "ss", name, overload));
  PyRef self = owned(wrap(Tensor::share(t)));
  auto* cls = reinterpret_cast<PyObject*>(Py_TYPE(self.get()));
  PyRef types = owned(PyTuple_Pack(1, cls));
  PyRef args = owned(argument ? PyTuple_Pack(2, self.get(), argument) : PyTuple_Pack(1, self.get()));
  PyRef kwargs = owned(PyDict_New());
  PyRef handler = owned(PyObject_GetAttrString(cls, "__torch_dispatch__"));
  PyRef answer = owned(PyObject_CallFunctionObjArgs(handler.get(), func.get(), types.get(), args.get(), kwargs.get(), nullptr));
  KD_CHECK(answer.get() != Py_NotImplemented, Type, "Multiple dispatch failed for '", name,
           "'; all __torch_dispatch__ handlers returned NotImplemented:\n\n  - tensor subclass ", Py_TYPE(self.get())->tp_name);
  return answer;
}

PyObject* asked_size(TensorImpl* t) {
  PyRef answer = ask_class(t, "sym_size");
  return check(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&SizeType), answer.get()));
}

PyObject* asked_strides(TensorImpl* t) {
  PyRef answer = ask_class(t, "sym_stride");
  return check(PySequence_Tuple(answer.get()));
}

PyObject* wrap_device(TensorImpl* t) {
  if (asks(t, TensorImpl::AskDevice)) return ask_class(t, "prim::device").release();
  return wrap(t->device);
}

DeviceType device_type_of(TensorImpl* t) {
  if (!asks(t, TensorImpl::AskDevice)) return t->device.type;
  PyRef device = ask_class(t, "prim::device");
  return device_of(device.get()).type;
}

// ---- making them ----

namespace {

PyTypeObject* tensor_class(PyObject* cls) {
  KD_CHECK(PyType_Check(cls), Type, "cls must be a type (got ", type_name(cls), ")");
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  KD_CHECK(PyType_IsSubtype(type, &TensorBaseType), Type, "cls must be a subclass of torch.Tensor, not ", type->tp_name);
  return type;
}

int size_policy(PyObject* policy) {
  if (!policy || policy == Py_None) return 0;
  std::string text = utf8(policy);
  if (text == "strides") return TensorImpl::AskStrides;
  KD_CHECK(text == "sizes", Value, "Unknown sizes_strides_policy: ", text, "; expected 'strides' or 'sizes'");
  return TensorImpl::AskStrides | TensorImpl::AskSizes;
}

void set_policies(const Tensor& t, int sizes, bool device, bool layout) {
  t->flags |= uint16_t(sizes | (device ? TensorImpl::AskDevice : 0) | (layout ? TensorImpl::AskLayout : 0));
}

Dims ints_of(PyObject* sequence) {
  Dims d;
  PyRef all = owned(PySequence_Tuple(sequence));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all.get()); i++) d.push_back(int_of(PyTuple_GET_ITEM(all.get(), i)));
  return d;
}

}  // namespace

// _make_subclass(cls, data, require_grad=False, ...)
PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {
        "cls", "data", "require_grad", "dispatch_strides", "dispatch_device", "device_for_backend_keys", nullptr};
    PyObject *cls, *data, *device = nullptr;
    int requires_grad = 0, strides = 0, dispatch_device = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|pppO:_make_subclass", const_cast<char**>(names), &cls, &data,
                                     &requires_grad, &strides, &dispatch_device, &device))
      return nullptr;
    PyTypeObject* type = tensor_class(cls);
    Tensor t = alias(unwrap_checked(data, "_make_subclass"));
    t->set(TensorImpl::PythonDispatch, false);
    set_policies(t, strides ? TensorImpl::AskStrides : 0, dispatch_device, false);
    if (device && device != Py_None) t->device = device_of(device);
    if (requires_grad) set_requires_grad(t, true);
    return wrap_as(std::move(t), type);
  });
}

// _make_wrapper_subclass(cls, size, strides=None, storage_offset=None, memory_format=None, dtype=None, layout=None, device=None, ...)
PyObject* make_wrapper_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"cls",
                                  "size",
                                  "strides",
                                  "storage_offset",
                                  "memory_format",
                                  "dtype",
                                  "layout",
                                  "device",
                                  "pin_memory",
                                  "requires_grad",
                                  "dispatch_sizes_strides_policy",
                                  "dispatch_device",
                                  "dispatch_layout",
                                  "_extra_dispatch_keys",
                                  "storage_size",
                                  nullptr};
    PyObject *cls, *size, *strides = Py_None, *offset = Py_None, *format = Py_None, *dtype = Py_None, *layout = Py_None,
                          *device = Py_None;
    PyObject *policy = nullptr, *keys = nullptr, *storage_size = nullptr;
    int pin = 0, requires_grad = 0, dispatch_device = 0, dispatch_layout = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OOOOOOppOppOO:_make_wrapper_subclass", const_cast<char**>(names), &cls,
                                     &size, &strides, &offset, &format, &dtype, &layout, &device, &pin, &requires_grad, &policy,
                                     &dispatch_device, &dispatch_layout, &keys, &storage_size))
      return nullptr;
    PyTypeObject* type = tensor_class(cls);
    KD_CHECK(reinterpret_cast<TensorMetaObject*>(type)->overrides_dispatch, Type, type->tp_name,
             " must define __torch_dispatch__: a tensor made by _make_wrapper_subclass has no elements of its own");
    int sizes_from_class = size_policy(policy);
    Dims sizes = ints_of(size);
    Dims steps = strides != Py_None  ? ints_of(strides)
                 : format != Py_None ? strides_for(sizes, reinterpret_cast<MemoryFormatObject*>(format)->format)
                                     : contiguous_strides(sizes);
    DType d = dtype == Py_None ? default_dtype() : dtype_of(dtype);
    Tensor t = empty_strided(sizes, steps, {d, Device{DeviceType::meta}});
    t->device = device == Py_None ? Device{} : device_of(device);
    if (layout != Py_None) t->layout = reinterpret_cast<LayoutObject*>(layout)->layout;
    if (offset != Py_None) t->offset = int_of(offset);
    set_policies(t, sizes_from_class, dispatch_device, dispatch_layout);
    if (requires_grad) set_requires_grad(t, true);
    return wrap_as(std::move(t), type);
  });
}

}  // namespace kindling::python
