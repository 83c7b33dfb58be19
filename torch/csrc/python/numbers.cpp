// Python and NumPy numbers, and torch.Size.
#include <cstring>

#include "symbolic.h"
#include "tensor.h"

namespace kindling::python {

namespace {

struct NumPyTypes {
  PyObject *integer, *floating, *complexfloating, *bool_;
};

// NumPy's scalar classes. Only asked for once an object of NumPy's has turned up.
const NumPyTypes& numpy_types() {
  static NumPyTypes types = [] {
    PyRef numpy = owned(PyImport_ImportModule("numpy"));
    auto get = [&](const char* name) { return check(PyObject_GetAttrString(numpy.get(), name)); };
    return NumPyTypes{get("integer"), get("floating"), get("complexfloating"), get("bool_")};
  }();
  return types;
}

bool from_numpy_module(PyObject* o) { return !std::strncmp(Py_TYPE(o)->tp_name, "numpy.", 6); }

bool is_numpy(PyObject* o, PyObject* cls) { return PyObject_IsInstance(o, cls) == 1; }

enum class NumPyKind { None, Bool, Int, Float, Complex };

NumPyKind numpy_kind(PyObject* o) {
  if (!from_numpy_module(o)) return NumPyKind::None;
  const NumPyTypes& t = numpy_types();
  if (is_numpy(o, t.bool_)) return NumPyKind::Bool;
  if (is_numpy(o, t.integer)) return NumPyKind::Int;
  if (is_numpy(o, t.floating)) return NumPyKind::Float;
  if (is_numpy(o, t.complexfloating)) return NumPyKind::Complex;
  return NumPyKind::None;
}

int64_t long_of(PyObject* o) {
  int overflow = 0;
  long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  KD_CHECK(!overflow, Runtime, "Overflow when unpacking long long");
  if (v == -1 && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
  return v;
}

bool zero_dim(PyObject* o) { return is_tensor(o) && impl_of(o)->ndim == 0; }

}  // namespace

bool is_number(PyObject* o) {
  return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o) || is_symbolic_number(o) || numpy_kind(o) != NumPyKind::None;
}

Scalar scalar_of(PyObject* o) {
  if (PyFloat_CheckExact(o)) return Scalar(PyFloat_AS_DOUBLE(o));
  if (PyBool_Check(o)) return Scalar(o == Py_True);
  if (PyLong_Check(o)) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (v == -1 && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
    if (!overflow) return Scalar(int64_t(v));
    unsigned long long u = PyLong_AsUnsignedLongLong(o);
    if (u == ~0ull && PyErr_Occurred()) {
      PyErr_Clear();
      fail(ErrorKind::Runtime, "Overflow when unpacking long long");
    }
    return Scalar(int64_t(u));
  }
  if (PyFloat_Check(o)) return Scalar(PyFloat_AS_DOUBLE(o));
  if (PyComplex_Check(o)) {
    Py_complex c = PyComplex_AsCComplex(o);
    return Scalar(std::complex<double>(c.real, c.imag));
  }
  if (is_tensor(o)) return item(unwrap(o));
  if (is_symbolic_number(o)) return Scalar(symbolic_tag(o));
  switch (numpy_kind(o)) {
    case NumPyKind::Bool: return Scalar(PyObject_IsTrue(o) == 1);
    case NumPyKind::Int: return Scalar(long_of(owned(PyNumber_Index(o)).get()));
    case NumPyKind::Float: return Scalar(PyFloat_AS_DOUBLE(owned(PyNumber_Float(o)).get()));
    case NumPyKind::Complex: {
      Py_complex c = PyComplex_AsCComplex(o);
      if (c.real == -1 && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
      return Scalar(std::complex<double>(c.real, c.imag));
    }
    default: fail(ErrorKind::Type, "must be Number, not ", type_name(o));
  }
}

bool is_integer(PyObject* o) {
  if (PyLong_CheckExact(o)) return true;
  if (PyBool_Check(o)) return false;
  if (PyLong_Check(o)) return true;
  if (is_tensor(o)) return zero_dim(o) && is_integral(impl_of(o)->dtype, false);
  if (is_symint(o)) return true;
  if (PyFloat_Check(o) || PyUnicode_Check(o) || o == Py_None || !PyIndex_Check(o)) return false;
  if (!is_numpy_array(o)) return !from_numpy_module(o) || numpy_kind(o) == NumPyKind::Int;
  PyRef index = PyRef::steal(PyNumber_Index(o));  // a 0-dim array of integers is one
  PyErr_Clear();
  return bool(index);
}

int64_t int_of(PyObject* o) {
  if (PyLong_Check(o)) return long_of(o);
  if (is_tensor(o)) return item(unwrap(o)).to_int();
  if (is_symint(o)) return symbolic_tag(o);
  return long_of(owned(PyNumber_Index(o)).get());
}

PyObject* wrap(const Scalar& s) {
  switch (s.type) {
    case Scalar::Type::Bool: return check(PyBool_FromLong(s.i != 0));
    case Scalar::Type::Int: return check(wrap_int(s.i));
    case Scalar::Type::Float: return check(PyFloat_FromDouble(s.d));
    default: return check(PyComplex_FromDoubles(s.d, s.im));
  }
}

PyObject* wrap_ints(IntList v) {
  PyRef tuple = owned(PyTuple_New(Py_ssize_t(v.size())));
  for (size_t i = 0; i < v.size(); i++) PyTuple_SET_ITEM(tuple.get(), i, check(wrap_int(v[i])));
  return tuple.release();
}

// ---- torch.Size ----

PyObject* wrap_size(IntList sizes) {
  PyRef size = owned(SizeType.tp_alloc(&SizeType, Py_ssize_t(sizes.size())));
  for (size_t i = 0; i < sizes.size(); i++) PyTuple_SET_ITEM(size.get(), i, check(wrap_int(sizes[i])));
  return size.release();
}

namespace {

PyObject* as_size(PyObject* tuple) {  // takes over `tuple`
  if (!tuple || !PyTuple_CheckExact(tuple)) return tuple;
  PyRef t = PyRef::steal(tuple);
  Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  PyObject* size = SizeType.tp_alloc(&SizeType, n);
  if (!size) return nullptr;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject* x = PyTuple_GET_ITEM(tuple, i);
    Py_INCREF(x);
    PyTuple_SET_ITEM(size, i, x);
  }
  return size;
}

PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyRef self = owned(PyTuple_Type.tp_new(type, args, kwargs));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self.get()); i++) {
      PyObject* x = PyTuple_GET_ITEM(self.get(), i);
      if (PyLong_Check(x) || is_symint(x)) continue;
      if (!is_integer(x)) fail(ErrorKind::Type, "torch.Size() takes an iterable of 'int' (item ", i, " is '", type_name(x), "')");
      PyObject* number = check(PyLong_FromLongLong(int_of(x)));
      PyTuple_SET_ITEM(self.get(), i, number);
      Py_DECREF(x);
    }
    return self.release();
  });
}

PyObject* size_repr(PyObject* self) {
  PyRef list = PyRef::steal(PySequence_List(self));
  return list ? PyUnicode_FromFormat("torch.Size(%R)", list.get()) : nullptr;
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  if (!PyTuple_Check(b)) {
    PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %s) to torch.Size", Py_TYPE(b)->tp_name);
    return nullptr;
  }
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_add(PyObject* a, PyObject* b) {  // (1, 2) + torch.Size([3]) is a Size too
  if (!PyTuple_Check(a) || !PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_repeat(PyObject* self, Py_ssize_t n) { return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(self, n)); }
PyObject* size_subscript(PyObject* self, PyObject* index) {
  PyObject* result = PyTuple_Type.tp_as_mapping->mp_subscript(self, index);
  return PySlice_Check(index) ? as_size(result) : result;
}
PyObject* size_numel(PyObject* self, PyObject*) {
  return guard([&]() -> PyObject* {
    int64_t n = 1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); i++) n = product(n, int_of(PyTuple_GET_ITEM(self, i)));
    return wrap_int(n);
  });
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  PyRef tuple = PyRef::steal(PySequence_Tuple(self));
  PyRef plain = tuple ? PyRef::steal(PyTuple_GetSlice(tuple.get(), 0, PyTuple_GET_SIZE(self))) : PyRef();
  return plain ? Py_BuildValue("O(N)", &SizeType, PySequence_List(plain.get())) : nullptr;
}

PySequenceMethods size_sequence = [] {
  PySequenceMethods m = {};
  m.sq_concat = size_concat;
  m.sq_repeat = size_repeat;
  return m;
}();
PyNumberMethods size_number = [] {
  PyNumberMethods m = {};
  m.nb_add = size_add;
  return m;
}();
PyMappingMethods size_mapping = [] {
  PyMappingMethods m = {};
  m.mp_subscript = size_subscript;
  return m;
}();
PyMethodDef size_methods[] = {{"numel", size_numel, METH_NOARGS, "The number of elements of a tensor of this size."},
                              {"__reduce__", size_reduce, METH_NOARGS, nullptr},
                              {}};

}  // namespace

PyTypeObject SizeType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch.Size";
  t.tp_doc = "The sizes of a tensor: a tuple of ints that knows its numel().";
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  t.tp_base = &PyTuple_Type;
  t.tp_new = size_new;
  t.tp_repr = size_repr;
  t.tp_as_sequence = &size_sequence;
  t.tp_as_number = &size_number;
  t.tp_as_mapping = &size_mapping;
  t.tp_methods = size_methods;
  return t;
}();

}  // namespace kindling::python
