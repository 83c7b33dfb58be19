// torch._C._functorch: levels of vmap and the tensors of their examples, as torch/_functorch and third parties use them.
#include "../vmap/batch.h"

#include "../autograd/meta.h"
#include "invoke.h"

namespace kindling::python {

namespace {

Randomness randomness_of(PyObject* o) {
  std::string text = utf8(o);
  if (text == "error") return Randomness::Error;
  if (text == "same") return Randomness::Same;
  KD_CHECK(text == "different", Runtime, "Only allowed values for randomness are 'error', 'different', or 'same'. Got ", text);
  return Randomness::Different;
}

PyObject* vmap_increment(PyObject*, PyObject* args) {  // (batch_size, randomness) -> level
  return guard([&]() -> PyObject* {
    PyObject *batch, *randomness;
    if (!PyArg_ParseTuple(args, "OO", &batch, &randomness)) return nullptr;
    return PyLong_FromLong(enter_vmap(int_of(batch), randomness_of(randomness)));
  });
}

PyObject* vmap_decrement(PyObject*, PyObject*) {
  return guard([&] {
    exit_vmap();
    return PyLong_FromLong(long(vmap_levels().size()) + 1);
  });
}

Tensor moved(const Tensor& t, int64_t from, int64_t to) {
  static OpRef movedim{"movedim", "int"};
  return from == to ? t : movedim({t, from, to});
}

PyObject* add_batch_dim(PyObject*, PyObject* args) {  // (tensor, dim, level): one example of the tensor
  return guard([&]() -> PyObject* {
    PyObject* o;
    Py_ssize_t dim, level;
    if (!PyArg_ParseTuple(args, "Onn", &o, &dim, &level)) return nullptr;
    Tensor t = unwrap_checked(o, "_add_batch_dim");
    KD_CHECK(level >= 1 && size_t(level) <= vmap_levels().size(), Runtime, "_add_batch_dim: there is no vmap of level ", level);
    return wrap(make_batched(t, wrap_dim(dim, t.dim()), int32_t(level)));
  });
}

PyObject* remove_batch_dim(PyObject*, PyObject* args) {  // (tensor, level, batch_size, out_dim): all its examples
  return guard([&]() -> PyObject* {
    PyObject* o;
    Py_ssize_t level, batch, out_dim;
    if (!PyArg_ParseTuple(args, "Onnn", &o, &level, &batch, &out_dim)) return nullptr;
    Tensor t = unwrap_checked(o, "_remove_batch_dim");
    int64_t to = wrap_dim(out_dim, t.dim() + 1);
    if (is_batched_at(t.get(), int32_t(level))) {
      const BatchStorage& b = batch_of(t.get());
      return wrap(moved(b.value, b.dim, to));
    }
    static OpRef expand{"expand"}, unsqueeze{"unsqueeze"};
    Dims sizes(t.sizes());
    sizes.insert(to, batch);
    return wrap(expand({unsqueeze({t, to}), sizes, false}));
  });
}

bool batched(PyObject* o) { return is_tensor(o) && is_batched(impl_of(o)); }

PyObject* is_batchedtensor(PyObject*, PyObject* o) { return PyBool_FromLong(batched(o)); }
PyObject* get_unwrapped(PyObject*, PyObject* o) {
  return guard([&] {
    Tensor t = unwrap_checked(o, "get_unwrapped");
    KD_CHECK(is_batched(t.get()), Runtime, "No wrapped tensor: get_unwrapped takes a tensor of an enclosing transform");
    return wrap(batch_of(t.get()).value);
  });
}
PyObject* maybe_get_level(PyObject*, PyObject* o) { return PyLong_FromLong(batched(o) ? batch_of(impl_of(o)).level : -1); }
PyObject* maybe_get_bdim(PyObject*, PyObject* o) { return PyLong_FromLongLong(batched(o) ? batch_of(impl_of(o)).dim : -1); }
PyObject* maybe_current_level(PyObject*, PyObject*) {
  if (vmap_levels().empty()) Py_RETURN_NONE;
  return PyLong_FromLong(long(vmap_levels().size()));
}

PyObject* require_grad(PyObject*, PyObject* o) {
  return guard([&] {
    set_requires_grad(unwrap_checked(o, "_require_grad"), true);
    return Py_NewRef(o);
  });
}

PyMethodDef functions[] = {
    {"_require_grad", require_grad, METH_O,
     "_require_grad(tensor) -> Tensor\n\nWhat Tensor.requires_grad_ does, also inside of transforms, which own their leaves."},
    {"_vmap_increment_nesting", vmap_increment, METH_VARARGS,
     "_vmap_increment_nesting(batch_size, randomness) -> int\n\nOpens a vmap and returns its level."},
    {"_vmap_decrement_nesting", vmap_decrement, METH_NOARGS, "_vmap_decrement_nesting() -> int\n\nCloses the innermost vmap."},
    {"_add_batch_dim", add_batch_dim, METH_VARARGS,
     "_add_batch_dim(tensor, dim, level) -> Tensor\n\nA tensor that stands for each slice along dim."},
    {"_remove_batch_dim", remove_batch_dim, METH_VARARGS,
     "_remove_batch_dim(tensor, level, batch_size, out_dim) -> Tensor\n\nAll the slices, along out_dim; what is the same for all is "
     "expanded."},
    {"is_batchedtensor", is_batchedtensor, METH_O, "is_batchedtensor(tensor) -> bool\n\nStands it for each slice of another?"},
    {"is_functorch_wrapped_tensor", is_batchedtensor, METH_O,
     "is_functorch_wrapped_tensor(tensor) -> bool\n\nDoes a transform wrap it? vmap alone does."},
    {"get_unwrapped", get_unwrapped, METH_O, "get_unwrapped(tensor) -> Tensor\n\nThe tensor with the batch dimension."},
    {"maybe_get_level", maybe_get_level, METH_O, "maybe_get_level(tensor) -> int\n\nThe level of its vmap, or -1."},
    {"maybe_get_bdim", maybe_get_bdim, METH_O, "maybe_get_bdim(tensor) -> int\n\nThe batch dimension, or -1."},
    {"maybe_current_level", maybe_current_level, METH_NOARGS,
     "maybe_current_level() -> int or None\n\nThe level of the innermost open vmap."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "torch._C._functorch", "Levels of function transforms.", -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

void init_functorch(PyObject* module) {
  PyRef made = owned(PyModule_Create(&definition));
  check(PyDict_SetItemString(PyImport_GetModuleDict(), definition.m_name, made.get()));
  check(PyModule_AddObjectRef(module, "_functorch", made.get()));
}

}  // namespace kindling::python
