// Tensor's methods that are no operators: what the object itself knows.
#include "element.h"
#include "invoke.h"
#include "symbolic.h"
#include "tensor.h"
#include "wrapper.h"

namespace kindling::python {

namespace {

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

// The one optional argument `name` of a method, positional or by keyword; null if it is not given.
PyObject* one_argument(const char* method, const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  CallArguments call{args, size_t(nargs), kwnames};
  if (nargs > 1) fail(ErrorKind::Type, method, "() takes 1 positional argument but ", int64_t(nargs), " were given");
  PyObject* o = nargs ? args[0] : nullptr;
  for (size_t k = 0; k < call.nkeywords(); k++) {
    if (!named(call.keyword(k), name))
      fail(ErrorKind::Type, method, "() got an unexpected keyword argument '", utf8(call.keyword(k)), "'");
    if (o) fail(ErrorKind::Type, method, "() got multiple values for argument '", name, "'");
    o = call.value(k);
  }
  return o;
}

PyObject* intercept_call(PyObject* self, const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  SmallVec<PyObject*, 12> all;
  all.push_back(self);
  Py_ssize_t n = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  for (Py_ssize_t i = 0; i < n; i++) all.push_back(args[i]);
  return intercept_method(self, name, all.data(), size_t(nargs) + 1, kwnames);
}

// A method without arguments that asks the protocol first.
template <class F>
PyObject* simple(PyObject* self, const char* name, F read) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) return intercept_method(self, name, &self, 1, nullptr);
    return read(Tensor::share(impl_of(self)));
  });
}
const Ref<Storage>& with_storage(const Tensor& t) {
  KD_CHECK(!t->has(TensorImpl::Batched), NotImplemented, "Cannot access storage of BatchedTensorImpl");
  return t.storage();
}

#define KD_SIMPLE(id, expression)                                                      \
  PyObject* method_##id(PyObject* self, PyObject*) {                                   \
    return simple(self, #id, [](const Tensor& t) -> PyObject* { return expression; }); \
  }

// A number that the class may know better than the tensor.
PyObject* number_of(const Tensor& t, int policy, const char* question, int64_t own) {
  return asks(t.get(), policy) ? ask_class(t.get(), question).release() : wrap_int(own);
}

KD_SIMPLE(dim, number_of(t, TensorImpl::AskSizes, "dim", t.dim()))
KD_SIMPLE(numel, number_of(t, TensorImpl::AskSizes, "sym_numel", t.numel()))
KD_SIMPLE(storage_offset, number_of(t, TensorImpl::AskSizes, "sym_storage_offset", t.offset()))
KD_SIMPLE(element_size, PyLong_FromLongLong(t.itemsize()))
KD_SIMPLE(data_ptr, PyLong_FromVoidPtr(t->storage&& with_memory(t)->storage->data&& t.numel() ? t.raw() : nullptr))
KD_SIMPLE(is_complex, PyBool_FromLong(t.is_complex()))
KD_SIMPLE(is_floating_point, PyBool_FromLong(t.is_floating()))
KD_SIMPLE(is_signed, PyBool_FromLong(is_signed(t.dtype())))
KD_SIMPLE(is_conj, PyBool_FromLong(t.is_conj()))
KD_SIMPLE(is_neg, PyBool_FromLong(t.is_neg()))
KD_SIMPLE(is_inference, PyBool_FromLong(t->has(TensorImpl::Inference)))
KD_SIMPLE(get_device, PyLong_FromLong(t.device().type == DeviceType::cuda ? t.device().index : -1))
KD_SIMPLE(untyped_storage, wrap_storage(with_storage(t)))
KD_SIMPLE(has_names, (Py_INCREF(Py_False), Py_False))
KD_SIMPLE(is_pinned, (Py_INCREF(Py_False), Py_False))
KD_SIMPLE(_is_zerotensor, (Py_INCREF(Py_False), Py_False))

int64_t dim_of(const char* method, PyObject* o) {
  if (!is_integer(o)) fail(ErrorKind::Type, method, "(): argument 'dim' (position 1) must be int, not ", type_name(o));
  return int_of(o);
}

// The whole of a tuple, or its element `dim`. Takes over `tuple`.
PyObject* element(PyObject* tuple, PyObject* dim) {
  PyRef all = PyRef::steal(tuple);
  return !dim || dim == Py_None ? all.release() : PyObject_GetItem(all.get(), dim);
}

PyObject* method_size(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) return intercept_call(self, "size", args, nargs, kwnames);
    PyObject* dim = one_argument("size", "dim", args, nargs, kwnames);
    Tensor t = unwrap(self);
    if (asks(t.get(), TensorImpl::AskSizes)) return element(asked_size(t.get()), dim);
    if (!dim || dim == Py_None) return wrap_size(t.sizes());
    return wrap_int(t.size(dim_of("size", dim)));
  });
}
PyObject* method_stride(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) return intercept_call(self, "stride", args, nargs, kwnames);
    PyObject* dim = one_argument("stride", "dim", args, nargs, kwnames);
    Tensor t = unwrap(self);
    if (asks(t.get(), TensorImpl::AskStrides)) return element(asked_strides(t.get()), dim);
    if (!dim || dim == Py_None) return wrap_ints(t.strides());
    return wrap_int(t.stride(dim_of("stride", dim)));
  });
}
PyObject* method_is_contiguous(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) return intercept_call(self, "is_contiguous", args, nargs, kwnames);
    PyObject* format = one_argument("is_contiguous", "memory_format", args, nargs, kwnames);
    Tensor t = unwrap(self);
    if (asks(t.get(), TensorImpl::AskStrides))
      return ask_class(t.get(), "is_contiguous", format ? "memory_format" : "default", format).release();
    if (!format) return PyBool_FromLong(t.is_contiguous());
    if (Py_TYPE(format) != &MemoryFormatType)
      fail(ErrorKind::Type, "is_contiguous(): argument 'memory_format' must be torch.memory_format, not ", type_name(format));
    return PyBool_FromLong(t.is_contiguous(reinterpret_cast<MemoryFormatObject*>(format)->format));
  });
}
// ---- element by element, with a Python function ----

template <class F>
void each_offset(const Tensor& t, F visit, int64_t dim = 0, int64_t at = 0) {
  if (dim == t.dim()) return visit(at);
  for (int64_t i = 0; i < t.sizes()[size_t(dim)]; i++) each_offset(t, visit, dim + 1, at + i * t.strides()[size_t(dim)]);
}

PyObject* method_apply_(PyObject* self, PyObject* function) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) {
      PyObject* args[] = {self, function};
      return intercept_method(self, "apply_", args, 2, nullptr);
    }
    Tensor t = with_memory(unwrap(self));
    KD_CHECK(t.is_cpu(), Type, "apply_ is only implemented on CPU tensors");
    KD_CHECK(!t.requires_grad(), Runtime,
             "Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.");
    each_offset(t, [&](int64_t at) {
      char* p = t.raw() + at * t.itemsize();
      PyRef x = owned(read_element(t.dtype(), p));
      PyRef y = owned(PyObject_CallOneArg(function, x.get()));
      write_element(t.dtype(), p, y.get());
    });
    t.bump_version();
    Py_INCREF(self);
    return self;
  });
}

PyObject* map(PyObject* self, PyObject* args, int others, const char* name) {
  return guard([&]() -> PyObject* {
    PyObject *first = nullptr, *second = nullptr, *function = nullptr;
    bool good =
        others == 1 ? PyArg_ParseTuple(args, "OO", &first, &function) : PyArg_ParseTuple(args, "OOO", &first, &second, &function);
    check(good ? 0 : -1);
    Tensor t = unwrap(self);
    SmallVec<Tensor, 2> inputs;
    for (PyObject* o : {first, second}) {
      if (!o) continue;
      static OpRef expand{"expand"};
      Tensor x = unwrap_checked(o, name);
      KD_CHECK(x.dtype() == t.dtype(), Type, name, ": expected elements of the same type");
      inputs.push_back(expand({x, Value(t.sizes())}));
    }
    static OpRef contiguous{"contiguous"}, copy{"copy_"};
    Tensor out = contiguous({t});
    for (Tensor& x : inputs) x = contiguous({x});
    for (int64_t i = 0; i < out.numel(); i++) {
      PyRef x = owned(read_element(t.dtype(), out.raw() + i * t.itemsize()));
      PyRef a = owned(read_element(t.dtype(), inputs[0].raw() + i * t.itemsize()));
      PyRef b = others == 2 ? owned(read_element(t.dtype(), inputs[1].raw() + i * t.itemsize())) : PyRef();
      PyRef y = owned(PyObject_CallFunctionObjArgs(function, x.get(), a.get(), b.get(), nullptr));
      write_element(t.dtype(), out.raw() + i * t.itemsize(), y.get());
    }
    if (!out.is(t)) copy.call({t, out});
    Py_INCREF(self);
    return self;
  });
}
PyObject* method_map_(PyObject* self, PyObject* args) { return map(self, args, 1, "map_"); }
PyObject* method_map2_(PyObject* self, PyObject* args) { return map(self, args, 2, "map2_"); }

PyObject* method_fix_weakref(PyObject* self, PyObject*) {
  fix_weak_reference(self);
  Py_RETURN_NONE;
}

PyObject* method_new(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    if (!may_intercept(self)) return tensor_new_method(self, args, kwargs);
    PyRef method = owned(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&TensorBaseType), "new"));
    PyRef first = owned(PyTuple_Pack(1, self));
    PyRef all = owned(PySequence_Concat(first.get(), args));
    std::vector<PyObject*> overloaded;
    if (has_torch_function(self)) overloaded.push_back(self);
    return call_torch_function(method.get(), overloaded, all.get(), kwargs);
  });
}

// ---- subclasses ----

PyTypeObject* tensor_class(PyObject* o) {
  if (!PyType_Check(o) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(o), &TensorBaseType))
    fail(ErrorKind::Type, "cls must be a type (got ", type_name(o), ")");
  return reinterpret_cast<PyTypeObject*>(o);
}

PyObject* method_as_subclass(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    PyObject* cls = one_argument("as_subclass", "cls", args, nargs, kwnames);
    KD_CHECK(cls, Type, "as_subclass() missing 1 required positional arguments: \"cls\"");
    static OpRef alias{"alias"};
    return wrap_as(alias({unwrap(self)}), tensor_class(cls));
  });
}

#define KD_FAST(name, doc) \
  {#name, reinterpret_cast<PyCFunction>(static_cast<FastCall>(method_##name)), METH_FASTCALL | METH_KEYWORDS, doc}
#define KD_NOARGS(name, doc) {#name, method_##name, METH_NOARGS, doc}

}  // namespace

PyMethodDef tensor_methods[] = {
    KD_FAST(size, "The sizes, or that of dimension `dim`."),
    KD_FAST(stride, "The strides in elements, or that of dimension `dim`."),
    KD_FAST(is_contiguous, "Whether the elements lie in memory in the order of `memory_format`."),
    KD_FAST(as_subclass, "The same tensor as an object of the tensor class `cls`."),
    KD_NOARGS(dim, "The number of dimensions."),
    {"ndimension", method_dim, METH_NOARGS, "The number of dimensions."},
    KD_NOARGS(numel, "The number of elements."),
    {"nelement", method_numel, METH_NOARGS, "The number of elements."},
    KD_NOARGS(storage_offset, "Where in the storage the first element is, in elements."),
    KD_NOARGS(element_size, "Bytes of one element."),
    KD_NOARGS(data_ptr, "The address of the first element."),
    KD_NOARGS(is_complex, "Whether the elements are complex."),
    KD_NOARGS(is_floating_point, "Whether the elements are real floating-point numbers."),
    KD_NOARGS(is_signed, "Whether the dtype has negative values."),
    KD_NOARGS(is_conj, "Whether the conjugate is still to be taken."),
    KD_NOARGS(is_neg, "Whether the sign is still to be changed."),
    KD_NOARGS(is_inference, "Whether the tensor was made in inference mode."),
    KD_NOARGS(get_device, "The index of the CUDA device; -1 on the CPU."),
    KD_NOARGS(untyped_storage, "The bytes behind this tensor."),
    KD_NOARGS(has_names, "False."),
    KD_NOARGS(is_pinned, "False."),
    KD_NOARGS(_is_zerotensor, "False."),
    {"apply_", method_apply_, METH_O, "Replaces each element by function(element). Slow; for use outside of hot code."},
    {"map_", method_map_, METH_VARARGS, "Replaces each element x by function(x, other's element)."},
    {"map2_", method_map2_, METH_VARARGS, "Replaces each element x by function(x, element of a, element of b)."},
    {"_fix_weakref", method_fix_weakref, METH_NOARGS, nullptr},
    {"new", reinterpret_cast<PyCFunction>(method_new), METH_VARARGS | METH_KEYWORDS,
     "A tensor of this dtype from sizes or data."},
    {"new_tensor", reinterpret_cast<PyCFunction>(static_cast<FastCall>(tensor_new_tensor)), METH_FASTCALL | METH_KEYWORDS,
     "torch.tensor(data) with this tensor's dtype and device where none is given."},
    {}};

}  // namespace kindling::python
