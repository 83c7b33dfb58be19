// tensor[...] and tensor[...] = value: into select, slice, unsqueeze, index and index_put_.
#include <cstring>

#include "element.h"
#include "invoke.h"
#include "tensor.h"
#include "wrapper.h"

namespace kindling::python {

namespace {

OpRef op_select{"select", "int"}, op_slice{"slice", "Tensor"}, op_unsqueeze{"unsqueeze"}, op_alias{"alias"},
    op_index{"index", "Tensor"}, op_index_put{"index_put_"}, op_copy{"copy_"}, op_fill_scalar{"fill_", "Scalar"},
    op_fill_tensor{"fill_", "Tensor"}, op_view{"view"}, op_expand{"expand"}, op_lift_fresh{"lift_fresh"};

bool is_index_integer(PyObject* o) {
  return PyLong_CheckExact(o) || (!PyBool_Check(o) && !is_tensor(o) && !PySequence_Check(o) && is_integer(o));
}

// The dimension is checked here, since the error names the dimension of the tensor that was indexed.
Tensor select(const Tensor& t, int64_t dim, int64_t index, int64_t real_dim) {
  KD_CHECK(
      t.dim() > 0, Index,
      "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
  int64_t size = t.sizes()[size_t(dim)];
  KD_CHECK(index >= -size && index < size, Index, "index ", index, " is out of bounds for dimension ", real_dim, " with size ",
           size);
  return op_select({t, dim, index});
}

struct Slice {
  int64_t start, stop, step;
};

Slice unpack_slice(PyObject* o) {
  Py_ssize_t start, stop, step;
  auto* s = reinterpret_cast<PySliceObject*>(o);
  PyObject* parts[] = {s->start, s->stop, s->step};
  bool tensors = false;
  for (PyObject* p : parts) tensors |= is_tensor(p);
  if (tensors) {  // x[t:]: 0-dim integer tensors count as numbers
    PyRef numbers[3];
    for (int i = 0; i < 3; i++) numbers[i] = is_tensor(parts[i]) ? owned(PyNumber_Index(parts[i])) : PyRef::share(parts[i]);
    PyRef plain = owned(PySlice_New(numbers[0].get(), numbers[1].get(), numbers[2].get()));
    check(PySlice_Unpack(plain.get(), &start, &stop, &step));
  } else {
    check(PySlice_Unpack(o, &start, &stop, &step));
  }
  KD_CHECK(step > 0, Value, "step must be greater than zero");
  return {start, stop, step};
}

Tensor slice(const Tensor& t, int64_t dim, const Slice& s, bool always) {
  KD_CHECK(t.dim() > 0, Index, "slice() cannot be applied to a 0-dim tensor.");
  int64_t size = t.sizes()[size_t(dim)];
  if (!always && s.start == 0 && s.stop >= size && s.step == 1) return t;
  return op_slice({t, dim, s.start, s.stop, s.step});
}

// A Python bool is an index of one element or of none, into a new dimension of size 1.
Tensor bool_index(bool on) {
  Tensor t = empty(Dims{on ? 1 : 0}, TensorOptions{DType::int64, {}});
  if (on) *t.data<int64_t>() = 0;
  return t;
}

bool is_mask(const Tensor& t) { return t.dtype() == DType::bool_ || t.dtype() == DType::uint8; }

Tensor lifted(Tensor t) { return tls.interposed ? op_lift_fresh({t}) : t; }

Tensor index_from_sequence(PyObject* o) {
  DType d = infer_dtype(o);
  if (d != DType::bool_ && d != DType::uint8) d = DType::int64;
  return lifted(tensor_from_data(o, d, Device{}, true));
}

// NumPy's old rule: a list that holds slices, sequences or tensors means the tuple of its items.
bool means_tuple(PyObject* o) {
  if (PyTuple_Check(o)) return true;
  if (is_tensor(o) || is_numpy_array(o) || PyUnicode_Check(o) || !PySequence_Check(o)) return false;
  Py_ssize_t n = PySequence_Size(o);
  if (n < 0) {
    PyErr_Clear();
    return false;
  }
  if (n >= 32) return false;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyRef item = owned(PySequence_GetItem(o, i));
    if (is_tensor(item.get()) || PySequence_Check(item.get()) || PySlice_Check(item.get()) || item.get() == Py_Ellipsis ||
        item.get() == Py_None) {
      warn(
          WarningKind::User,
          "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]");
      return true;
    }
  }
  return false;
}

PyRef as_tuple(PyObject* index) {
  if (PyTuple_Check(index)) return PyRef::share(index);
  if (means_tuple(index)) return owned(PySequence_Tuple(index));
  return owned(PyTuple_Pack(1, index));
}

// Reads the items of an index tuple left to right: views are taken at once, index tensors collected for the end.
class Indexer {
  Tensor result_;
  int64_t dim_ = 0, real_dim_ = 0, covered_ = 0;

  void record(Tensor t, int64_t dims) {
    for (; covered_ < dim_; covered_++) tensors.push_back(Tensor());
    tensors.push_back(std::move(t));
    covered_ += dims;
    dim_ += dims;
    has_tensors = true;
  }
  void add_bool(bool on) {
    result_ = op_unsqueeze({result_, dim_});
    record(bool_index(on), 1);
  }
  void add_tensor(const Tensor& t) {
    if (t.dim() == 0 && is_integral(t.dtype()) && !t->has(TensorImpl::Batched)) {
      PyRef number = PyRef::steal(scalar_to_python(t));
      if (is_mask(t)) return add_bool(PyObject_IsTrue(number.get()) == 1);
      result_ = select(result_, dim_, int_of(number.get()), real_dim_++);
      return;
    }
    int64_t dims = is_mask(t) ? t.dim() : 1;
    real_dim_ += dims;
    record(t, dims);
  }

 public:
  SmallVec<Tensor, 4> tensors;  // undefined: the dimension is kept whole
  bool has_tensors = false;

  Indexer(const Tensor& self, PyObject* tuple) : result_(self) {
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    SmallVec<Tensor, 4> made(n);  // index tensors of sequences and arrays
    int64_t specified = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
      PyObject* o = PyTuple_GET_ITEM(tuple, i);
      if (is_tensor(o)) {
        made[i] = unwrap(o);
      } else if (!PyLong_CheckExact(o) && !PySlice_Check(o) && o != Py_Ellipsis && o != Py_None && !PyBool_Check(o) &&
                 !is_index_integer(o)) {
        if (is_numpy_array(o)) made[i] = from_numpy(o, false);
        else if (is_number(o) && std::strstr(Py_TYPE(o)->tp_name, "bool"))
          made[i] = tensor_from_data(o, std::nullopt, Device{}, true);
        else if (PySequence_Check(o)) made[i] = index_from_sequence(o);
        else
          fail(ErrorKind::Index,
               "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
               type_name(o), ")");
      }
      if (made[i]) specified += is_mask(made[i]) ? made[i].dim() : 1;
      else if (o != Py_None && o != Py_Ellipsis && !PyBool_Check(o)) specified++;
    }
    KD_CHECK(specified <= self.dim(), Index, "too many indices for tensor of dimension ", self.dim());
    for (Py_ssize_t i = 0; i < n; i++) {
      PyObject* o = PyTuple_GET_ITEM(tuple, i);
      if (made[i]) add_tensor(made[i]);
      else if (PySlice_Check(o)) result_ = slice(result_, dim_++, unpack_slice(o), false), real_dim_++;
      else if (o == Py_Ellipsis) dim_ += self.dim() - specified, real_dim_ += self.dim() - specified;
      else if (o == Py_None) result_ = op_unsqueeze({result_, dim_++});
      else if (PyBool_Check(o)) add_bool(o == Py_True);
      else result_ = select(result_, dim_, int_of(o), real_dim_++);
    }
  }
  const Tensor& viewed() const { return result_; }
};

Value list_value(const SmallVec<Tensor, 4>& tensors, SmallVec<Value, 8>& values) {
  for (const Tensor& t : tensors) values.push_back(Value(t));
  return Value(std::span<const Value>(values));
}

PyObject* intercepted_item(PyObject* self, PyObject* index, PyObject* value) {
  std::vector<PyObject*> overloaded;
  auto look = [&](PyObject* o) {
    if (o && has_torch_function(o)) add_overloaded(o, overloaded);
  };
  look(self);
  look(index);
  if (PyTuple_Check(index))
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(index); i++) look(PyTuple_GET_ITEM(index, i));
  look(value);
  PyRef method =
      owned(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&TensorBaseType), value ? "__setitem__" : "__getitem__"));
  PyObject* args[] = {self, index, value};
  return call_torch_function(method.get(), overloaded, args, value ? 3 : 2, nullptr);
}

bool must_intercept(PyObject* self, PyObject* index, PyObject* value) {
  if (tls.torch_function_disabled) return false;
  if (may_intercept(self)) return true;
  auto overrides = [](PyObject* o) { return o && has_torch_function(o); };
  if (overrides(index) || overrides(value)) return true;
  if (PyTuple_CheckExact(index))
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(index); i++)
      if (overrides(PyTuple_GET_ITEM(index, i))) return true;
  return false;
}

}  // namespace

PyObject* tensor_subscript(PyObject* self, PyObject* index) {
  return guard([&]() -> PyObject* {
    if (must_intercept(self, index, nullptr)) return intercepted_item(self, index, nullptr);
    Tensor t = unwrap(self);
    if (PyLong_CheckExact(index) || is_index_integer(index)) return wrap(select(t, 0, int_of(index), 0));
    if (PySlice_Check(index)) return wrap(slice(t, 0, unpack_slice(index), true));
    if (index == Py_Ellipsis) return wrap(op_alias({t}));
    if (index == Py_None) return wrap(op_unsqueeze({t, int64_t(0)}));
    PyRef tuple = as_tuple(index);
    Indexer indexer(t, tuple.get());
    if (!indexer.has_tensors) return wrap(indexer.viewed().is(t) ? op_alias({t}) : indexer.viewed());
    SmallVec<Value, 8> values;
    return wrap(op_index({indexer.viewed(), list_value(indexer.tensors, values)}));
  });
}

namespace {

// A right-hand side: a tensor, or a number, which stays one as long as nobody looks.
struct Assigned {
  Tensor tensor;
  std::optional<Scalar> number;

  const Tensor& as_tensor(const Tensor& like) {
    if (!tensor) tensor = lifted(scalar_tensor(*number, like.dtype()));
    return tensor;
  }
};

Assigned assigned_value(const Tensor& self, PyObject* value) {
  if (is_tensor(value)) return {unwrap(value), {}};
  if (!is_number(value))
    fail(ErrorKind::Type, "can't assign a ", type_name(value), " to a torch.", legacy_name(self.dtype()), "Tensor");
  Tensor made = empty(IntList{}, TensorOptions{self.dtype(), {}});
  if (PyComplex_Check(value) && !self.is_complex()) {
    KD_CHECK(PyComplex_ImagAsDouble(value) == 0, Runtime, "value cannot be converted to type ", info(self.dtype()).alias,
             " without overflow");
    PyRef real = owned(PyFloat_FromDouble(PyComplex_RealAsDouble(value)));
    write_element(self.dtype(), made.raw(), real.get());
  } else {
    write_element(self.dtype(), made.raw(), value);
  }
  return {tls.interposed ? op_lift_fresh({made}) : made, scalar_of(value)};
}

Dims without_leading_ones(IntList sizes) {
  size_t first = 0;
  while (first < sizes.size() && sizes[first] == 1) first++;
  return Dims(sizes.subspan(first));
}

void copy_to(const Tensor& target, Assigned value) {
  if (value.number && !tls.interposed) {
    op_fill_scalar.call({target, Value(*value.number)});
    return;
  }
  const Tensor& from = value.as_tensor(target);
  if (same(target.sizes(), from.sizes())) {
    op_copy.call({target, from});
  } else if (from.dim() == 0 && from.is_cpu()) {
    op_fill_tensor.call({target, from});
  } else {
    Tensor stripped = op_view({from, without_leading_ones(from.sizes())});
    Tensor wide = op_expand({stripped, Value(target.sizes())});
    op_copy.call({target, wide});
  }
}

void assign(const Tensor& t, PyObject* index, PyObject* value) {
  Assigned v = assigned_value(t, value);
  if (index == Py_False) return;
  if (index == Py_Ellipsis) return copy_to(t, v);
  if (index == Py_None || index == Py_True) return copy_to(op_unsqueeze({t, int64_t(0)}), v);
  if (PyLong_CheckExact(index) || is_index_integer(index)) return copy_to(select(t, 0, int_of(index), 0), v);
  if (PySlice_Check(index)) return copy_to(slice(t, 0, unpack_slice(index), false), v);
  PyRef tuple = as_tuple(index);
  Indexer indexer(t, tuple.get());
  if (!indexer.has_tensors) return copy_to(indexer.viewed(), v);
  Tensor from = v.as_tensor(t);
  Dims stripped = without_leading_ones(from.sizes());
  if (!same(stripped, from.sizes())) from = op_view({from, stripped});
  SmallVec<Value, 8> values;
  op_index_put.call({indexer.viewed(), list_value(indexer.tensors, values), from});
}

}  // namespace

int tensor_set_subscript(PyObject* self, PyObject* index, PyObject* value) {
  return guard([&] {
    KD_CHECK(value, Type, "Tensor does not support deleting items");
    if (must_intercept(self, index, value)) {
      PyRef done = owned(intercepted_item(self, index, value));
      return 0;
    }
    assign(unwrap(self), index, value);
    return 0;
  });
}

Py_ssize_t tensor_length(PyObject* self) {
  return guard([&]() -> Py_ssize_t {
    if (may_intercept(self)) {
      PyRef n = owned(intercept_method(self, "__len__", &self, 1, nullptr));
      return PyLong_AsSsize_t(n.get());
    }
    if (asks(impl_of(self), TensorImpl::AskSizes)) return PyTuple_GET_SIZE(owned(asked_size(impl_of(self))).get());
    KD_CHECK(impl_of(self)->ndim > 0, Type, "len() of a 0-d tensor");
    return impl_of(self)->dims[0];
  });
}

}  // namespace kindling::python
