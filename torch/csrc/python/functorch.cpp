// torch._C._functorch: levels of vmap and the tensors of their examples, as torch/_functorch and third parties use them.
#include "../vmap/batch.h"

#include "../autograd/forward.h"
#include "../dispatch/state.h"
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
PyObject* level_info(PyObject*, PyObject* level) {  // (batch_size, randomness)
  return guard([&] {
    static const char* const names[] = {"error", "same", "different"};
    const VmapLevel& l = vmap_levels().at(size_t(int_of(level)) - 1);
    return check(Py_BuildValue("(Ls)", static_cast<long long>(l.batch), names[int(l.randomness)]));
  });
}

// _call_below(level, grad_enabled, forward_enabled, function, *args): as a rule of that level calls operators
PyObject* call_below(PyObject*, PyObject* args) {
  return guard([&] {
    KD_CHECK(PyTuple_GET_SIZE(args) >= 4, Type, "_call_below takes a level, two modes and a function");
    BelowLevel below(int32_t(int_of(PyTuple_GET_ITEM(args, 0))));
    const VmapLevel& level = vmap_levels()[size_t(int_of(PyTuple_GET_ITEM(args, 0))) - 1];
    struct Forward {
      bool before = tls.forward_grad_enabled;
      ~Forward() { tls.forward_grad_enabled = before; }
    } forward;
    tls.grad_enabled = PyTuple_GET_ITEM(args, 1) == Py_True && level.grad_enabled;
    tls.forward_grad_enabled = PyTuple_GET_ITEM(args, 2) == Py_True;
    PyRef rest = owned(PyTuple_GetSlice(args, 4, PyTuple_GET_SIZE(args)));
    return check(PyObject_Call(PyTuple_GET_ITEM(args, 3), rest.get(), nullptr));
  });
}

PyObject* maybe_current_level(PyObject*, PyObject*) {
  if (!tls.vmap_level) Py_RETURN_NONE;
  return PyLong_FromLong(tls.vmap_level);
}

// ---- derivatives ----

PyObject* jvp_increment(PyObject*, PyObject*) {
  return guard([] { return PyLong_FromUnsignedLong(open_dual_level()); });
}
PyObject* jvp_decrement(PyObject*, PyObject* level) {
  return guard([&]() -> PyObject* {
    close_dual_level(uint32_t(int_of(level)));
    Py_RETURN_NONE;
  });
}
PyObject* make_dual_tensor(PyObject*, PyObject* args) {  // (primal, tangent, level)
  return guard([&]() -> PyObject* {
    PyObject *primal, *tangent;
    unsigned level;
    if (!PyArg_ParseTuple(args, "OOI", &primal, &tangent, &level)) return nullptr;
    return wrap(make_dual(unwrap_checked(primal, "_make_dual"), unwrap_checked(tangent, "_make_dual"), level));
  });
}
PyObject* unpack_dual_tensor(PyObject*, PyObject* args) {  // (tensor, level) -> (primal, tangent or None)
  return guard([&]() -> PyObject* {
    PyObject* dual;
    unsigned level;
    if (!PyArg_ParseTuple(args, "OI", &dual, &level)) return nullptr;
    Tensor t = unwrap_checked(dual, "_unpack_dual");
    return check(Py_BuildValue("(NN)", check(wrap(primal_of(t, level))), check(wrap(tangent_of(t, level)))));
  });
}
PyObject* in_forward_mode(PyObject*, PyObject*) { return PyBool_FromLong(!open_dual_levels().empty()); }

// A tensor as its level sees it, without the history that this level recorded; what lies below stays, and so do tangents.
PyObject* drop_history(PyObject*, PyObject* o) {
  return guard([&] {
    Tensor t = unwrap_checked(o, "_drop_history"), bare = detach(t);
    if (t->autograd && !t->autograd->tangents.empty()) autograd_meta(bare).tangents = t->autograd->tangents;
    return wrap(bare);
  });
}

bool below_requires_grad(const Tensor& t) {
  if (!is_batched(t.get())) return false;
  const Tensor& value = batch_of(t.get()).value;
  return value.requires_grad() || below_requires_grad(value);
}
PyObject* value_requires_grad(PyObject*, PyObject* o) {
  return guard([&] { return PyBool_FromLong(below_requires_grad(unwrap_checked(o, "_value_requires_grad"))); });
}

PyObject* require_grad(PyObject*, PyObject* o) {
  return guard([&] {
    set_requires_grad(unwrap_checked(o, "_require_grad"), true);
    return Py_NewRef(o);
  });
}

PyMethodDef functions[] = {
    {"_jvp_increment_nesting", jvp_increment, METH_NOARGS, "_jvp_increment_nesting() -> int\n\nOpens a level of forward mode."},
    {"_jvp_decrement_nesting", jvp_decrement, METH_O, "_jvp_decrement_nesting(level)\n\nCloses it."},
    {"_make_dual", make_dual_tensor, METH_VARARGS,
     "_make_dual(primal, tangent, level) -> Tensor\n\nA view of the primal that carries the tangent."},
    {"_unpack_dual", unpack_dual_tensor, METH_VARARGS,
     "_unpack_dual(tensor, level) -> (primal, tangent)\n\nThe tangent is None where there is none."},
    {"_in_forward_mode", in_forward_mode, METH_NOARGS, "_in_forward_mode() -> bool\n\nIs a level of forward mode open?"},
    {"_drop_history", drop_history, METH_O,
     "_drop_history(tensor) -> Tensor\n\nThe tensor without the history of its own level; its values keep theirs."},
    {"_value_requires_grad", value_requires_grad, METH_O,
     "_value_requires_grad(tensor) -> bool\n\nDoes the tensor stand for examples of one that requires grad?"},
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
    {"_level_info", level_info, METH_O, "_level_info(level) -> (batch_size, randomness)"},
    {"_call_below", call_below, METH_VARARGS,
     "_call_below(level, grad_enabled, forward_enabled, function, *args)\n\nCalls the function on values of a level."},
    {"maybe_current_level", maybe_current_level, METH_NOARGS,
     "maybe_current_level() -> int or None\n\nThe level of the innermost open vmap."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "torch._C._functorch",
                          "Levels of function transforms.",
                          -1,
                          functions,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

void init_functorch(PyObject* module) {
  PyRef made = owned(PyModule_Create(&definition));
  check(PyDict_SetItemString(PyImport_GetModuleDict(), definition.m_name, made.get()));
  check(PyModule_AddObjectRef(module, "_functorch", made.get()));
}

}  // namespace kindling::python
