// Tensor's attributes.
#include "../autograd/meta.h"
#include "invoke.h"
#include "tensor.h"
#include "wrapper.h"

namespace kindling::python {

PyObject* intercept_property(PyObject* self, const char* name) {
  return guard([&]() -> PyObject* {
    PyObject* descriptor = PyDict_GetItemString(TensorBaseType.tp_dict, name);
    PyRef getter = owned(PyObject_GetAttrString(descriptor, "__get__"));
    std::vector<PyObject*> overloaded;
    if (has_torch_function(self)) overloaded.push_back(self);
    return call_torch_function(getter.get(), overloaded, &self, 1, nullptr);
  });
}

int intercept_setter(PyObject* self, const char* name, PyObject* value) {
  return guard([&]() -> int {
    PyObject* descriptor = PyDict_GetItemString(TensorBaseType.tp_dict, name);
    PyRef setter = owned(PyObject_GetAttrString(descriptor, value ? "__set__" : "__delete__"));
    std::vector<PyObject*> overloaded;
    if (has_torch_function(self)) overloaded.push_back(self);
    PyObject* args[] = {self, value};
    PyRef result = owned(call_torch_function(setter.get(), overloaded, args, value ? 2 : 1, nullptr));
    return 0;
  });
}

PyObject* intercept_method(PyObject* self, const char* name, PyObject* const* args, size_t nargs, PyObject* kwnames) {
  PyRef method = owned(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&TensorBaseType), name));
  std::vector<PyObject*> overloaded;
  size_t n = nargs + (kwnames ? size_t(PyTuple_GET_SIZE(kwnames)) : 0);
  for (size_t i = 0; i < n; i++)
    if (has_torch_function(args[i])) add_overloaded(args[i], overloaded);
  return call_torch_function(method.get(), overloaded, args, nargs, kwnames);
}

namespace {

// A getter that asks the protocol first. `read` maps the tensor to a new reference.
template <class F>
PyObject* get(PyObject* self, const char* name, F read) {
  if (may_intercept(self)) return intercept_property(self, name);
  return guard([&]() -> PyObject* { return read(impl_of(self)); });
}

PyObject* new_bool(bool b) { return PyBool_FromLong(b); }

#define KD_GET(id, expression)                                                    \
  PyObject* get_##id(PyObject* self, void*) {                                     \
    return get(self, #id, [](TensorImpl* t) -> PyObject* { return expression; }); \
  }

Tensor shared(TensorImpl* t) { return Tensor::share(t); }
IntList sizes(TensorImpl* t) { return {t->dims, size_t(t->ndim)}; }

int64_t dim_of(TensorImpl* t) { return asks(t, TensorImpl::AskSizes) ? int_of(ask_class(t, "dim").get()) : t->ndim; }
int64_t numel_of(TensorImpl* t) { return asks(t, TensorImpl::AskSizes) ? int_of(ask_class(t, "numel").get()) : t->numel; }
PyObject* layout_of(TensorImpl* t) {
  return asks(t, TensorImpl::AskLayout) ? ask_class(t, "prim::layout").release() : wrap(t->layout);
}

KD_GET(shape, asks(t, TensorImpl::AskSizes) ? asked_size(t) : wrap_size(sizes(t)))
KD_GET(dtype, wrap(t->dtype))
KD_GET(device, wrap_device(t))
KD_GET(layout, layout_of(t))
KD_GET(ndim, PyLong_FromLongLong(dim_of(t)))
KD_GET(itemsize, PyLong_FromLongLong(itemsize(t->dtype)))
KD_GET(nbytes, PyLong_FromLongLong(itemsize(t->dtype) * numel_of(t)))
KD_GET(requires_grad, new_bool(shared(t).requires_grad()))
KD_GET(is_leaf, new_bool(is_leaf(shared(t))))
KD_GET(_version, PyLong_FromUnsignedLong(shared(t).version()))
KD_GET(output_nr, PyLong_FromUnsignedLong(t->autograd ? t->autograd->output_nr : 0))
KD_GET(is_cpu, new_bool(device_type_of(t) == DeviceType::cpu))
KD_GET(is_cuda, new_bool(device_type_of(t) == DeviceType::cuda))
KD_GET(is_meta, new_bool(device_type_of(t) == DeviceType::meta))
KD_GET(is_sparse, new_bool(t->layout == Layout::sparse_coo))
KD_GET(is_sparse_csr, new_bool(t->layout == Layout::sparse_csr))
KD_GET(is_mkldnn, new_bool(t->layout == Layout::mkldnn))
KD_GET(is_nested, new_bool(t->layout == Layout::jagged))
KD_GET(_cdata, PyLong_FromVoidPtr(t))

PyObject* get_false(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_none(PyObject*, void*) { Py_RETURN_NONE; }

PyObject* get_names(PyObject* self, void*) {
  return get(self, "names", [](TensorImpl* t) -> PyObject* {
    PyRef names = owned(PyTuple_New(t->ndim));
    for (int i = 0; i < t->ndim; i++) {
      Py_INCREF(Py_None);
      PyTuple_SET_ITEM(names.get(), i, Py_None);
    }
    return names.release();
  });
}

PyObject* get_base(PyObject* self, void*) {
  return get(self, "_base", [](TensorImpl* t) -> PyObject* {
    ViewMeta* view = view_of(shared(t));
    return wrap(view ? view->base : Tensor());
  });
}

// ---- views by attribute ----

template <class F>
PyObject* get_view(PyObject* self, const char* name, F op) {
  return get(self, name, [&](TensorImpl* t) -> PyObject* { return wrap(op(shared(t))); });
}
PyObject* get_T(PyObject* self, void*) {
  return get_view(self, "T", [](Tensor t) {
    static OpRef op{"numpy_T"};
    return op({t});
  });
}
PyObject* get_H(PyObject* self, void*) {
  return get_view(self, "H", [](Tensor t) {
    static OpRef op{"matrix_H"};
    return op({t});
  });
}
PyObject* get_mT(PyObject* self, void*) {
  return get_view(self, "mT", [](Tensor t) {
    static OpRef op{"mT"};
    return op({t});
  });
}
PyObject* get_mH(PyObject* self, void*) {
  return get_view(self, "mH", [](Tensor t) {
    static OpRef op{"mH"};
    return op({t});
  });
}
PyObject* get_real(PyObject* self, void*) {
  return get_view(self, "real", [](Tensor t) {
    static OpRef op{"real"};
    return op({t});
  });
}
PyObject* get_imag(PyObject* self, void*) {
  return get_view(self, "imag", [](Tensor t) {
    static OpRef op{"imag"};
    return op({t});
  });
}

int set_part(PyObject* self, PyObject* value, const char* part) {
  return guard([&] {
    if (may_intercept(self)) return intercept_setter(self, part, value);
    PyRef view = owned(PyObject_GetAttrString(self, part));
    PyRef all = PyRef::share(Py_Ellipsis);
    return PyObject_SetItem(view.get(), all.get(), value);
  });
}
int set_real(PyObject* self, PyObject* value, void*) { return set_part(self, value, "real"); }
int set_imag(PyObject* self, PyObject* value, void*) { return set_part(self, value, "imag"); }

// ---- autograd ----

int set_requires_grad_(PyObject* self, PyObject* value, void*) {
  if (may_intercept(self)) return intercept_setter(self, "requires_grad", value);
  return guard([&] {
    KD_CHECK(value && PyBool_Check(value), Runtime, "requires_grad must be a bool");
    set_requires_grad(unwrap(self), value == Py_True);
    return 0;
  });
}

PyObject* get_grad(PyObject* self, void*) {
  return get(self, "grad", [](TensorImpl* t) -> PyObject* {
    if (t->autograd && t->autograd->grad) return wrap(t->autograd->grad);
    if (t->autograd && !t->autograd->retains_grad && !is_leaf(shared(t)))
      warn(WarningKind::User,
           "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
           "populated during autograd.backward(). Call .retain_grad() on it first if you want its gradient.");
    Py_RETURN_NONE;
  });
}

int set_grad(PyObject* self, PyObject* value, void*) {
  if (may_intercept(self)) return intercept_setter(self, "grad", value);
  return guard([&] {
    Tensor t = unwrap(self);
    if (!value || value == Py_None) {
      if (t->autograd) t->autograd->grad = Tensor();
      return 0;
    }
    if (!is_tensor(value))
      fail(ErrorKind::Type, "assigned grad expected to be a Tensor or None but got grad of type ", type_name(value));
    KD_CHECK(value != self, Runtime, "can't assign Variable as its own grad");
    Tensor g = unwrap(value);
    AutogradMeta& meta = autograd_meta(t);
    DType wanted = meta.grad_dtype == DType::none ? t.dtype() : meta.grad_dtype;
    KD_CHECK(meta.any_grad_dtype || g.dtype() == wanted, Runtime, "attempting to assign a gradient with dtype '",
             legacy_name(g.dtype()), "' to a tensor with grad_dtype '", legacy_name(wanted),
             "'. assigned grad has data of a different type");
    KD_CHECK(g.device() == t.device(), Runtime, "assigned grad has data located on a different device");
    KD_CHECK(same(g.sizes(), t.sizes()), Runtime, "attempting to assign a gradient of size '", g.sizes(),
             "' to a tensor of size '", t.sizes(), "'. Please ensure that the gradient and the tensor are the same size");
    meta.grad = g;
    return 0;
  });
}

// ---- data ----

PyObject* get_data(PyObject* self, void*) {
  return get(self, "data", [](TensorImpl* t) -> PyObject* {
    Tensor detached = detach(shared(t));
    if (!t->has(TensorImpl::PythonDispatch))
      detached->version = Ref<VersionCounter>();  // writes through .data go unnoticed by autograd
    return wrap(detached);
  });
}

int set_data(PyObject* self, PyObject* value, void*) {
  if (may_intercept(self)) return intercept_setter(self, "data", value);
  return guard([&] {
    KD_CHECK(value, Runtime, "Deleting tensor data is not allowed. Delete tensor instead!");
    if (!is_tensor(value)) fail(ErrorKind::Type, "Variable data has to be a tensor, but got ", type_name(value));
    TensorImpl* t = impl_of(self);
    Tensor from = unwrap(value);
    KD_CHECK(!shared(t).requires_grad() || is_differentiable(from.dtype()), Runtime,
             "data set to a tensor that requires gradients must be floating point or complex dtype");
    t->storage = from->storage;
    t->offset = from->offset;
    t->dtype = from->dtype;
    t->device = from->device;
    t->layout = from->layout;
    t->set(TensorImpl::Conj, from.is_conj());
    t->set(TensorImpl::Neg, from.is_neg());
    t->set_sizes_strides(from.sizes(), from.strides());
    return 0;
  });
}

}  // namespace

PyGetSetDef tensor_properties[] = {
    {"shape", get_shape, nullptr, "The sizes of the dimensions, a torch.Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"device", get_device, nullptr, "Where the elements live.", nullptr},
    {"layout", get_layout, nullptr, "How the elements are kept; torch.strided.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"data", get_data, set_data, "The same elements without history; assigning makes this tensor show other elements.", nullptr},
    {"grad", get_grad, set_grad, "The gradient that backward() accumulated, or None.", nullptr},
    {"_grad", get_grad, set_grad, nullptr, nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad_, "Whether operations on this tensor are recorded for backward().",
     nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether no recorded operation made this tensor.", nullptr},
    {"_version", get__version, nullptr, "How often the elements have been written in place.", nullptr},
    {"_base", get_base, nullptr, "The tensor of which this is a view, or None.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which result of its grad_fn this tensor is.", nullptr},
    {"_cdata", get__cdata, nullptr, nullptr, nullptr},
    {"names", get_names, nullptr, "Names of the dimensions: all None.", nullptr},
    {"T", get_T, nullptr, "This tensor with its dimensions reversed.", nullptr},
    {"H", get_H, nullptr, "The conjugate transpose of a matrix.", nullptr},
    {"mT", get_mT, nullptr, "This tensor with its last two dimensions swapped.", nullptr},
    {"mH", get_mH, nullptr, "The conjugate of mT.", nullptr},
    {"real", get_real, set_real, "The real parts, a view.", nullptr},
    {"imag", get_imag, set_imag, "The imaginary parts of a complex tensor, a view.", nullptr},
    {"is_cpu", get_is_cpu, nullptr, "Whether the tensor is on the CPU.", nullptr},
    {"is_cuda", get_is_cuda, nullptr, "Whether the tensor is on a CUDA device.", nullptr},
    {"is_meta", get_is_meta, nullptr, "Whether the tensor has sizes but no elements.", nullptr},
    {"is_sparse", get_is_sparse, nullptr, "Whether the layout is torch.sparse_coo.", nullptr},
    {"is_sparse_csr", get_is_sparse_csr, nullptr, "Whether the layout is torch.sparse_csr.", nullptr},
    {"is_mkldnn", get_is_mkldnn, nullptr, "Whether the layout is torch._mkldnn.", nullptr},
    {"is_nested", get_is_nested, nullptr, "Whether the layout is torch.jagged.", nullptr},
    {"is_quantized", get_false, nullptr, "False: there are no quantized tensors.", nullptr},
    {"is_xla", get_false, nullptr, "False.", nullptr},
    {"is_xpu", get_false, nullptr, "False.", nullptr},
    {"is_mps", get_false, nullptr, "False.", nullptr},
    {"is_ipu", get_false, nullptr, "False.", nullptr},
    {"is_maia", get_false, nullptr, "False.", nullptr},
    {"is_mtia", get_false, nullptr, "False.", nullptr},
    {"is_vulkan", get_false, nullptr, "False.", nullptr},
    {"volatile", get_false, nullptr, nullptr, nullptr},
    {"name", get_none, nullptr, nullptr, nullptr},
    {}};

}  // namespace kindling::python
