// Interposition from Python: TorchDispatchMode, TorchFunctionMode, __torch_dispatch__ subclasses, operator objects.
#include <cstddef>
#include <unordered_map>

#include "autograd.h"
#include "mode_stack.h"
#include "structmember.h"

namespace kindling::python {

namespace {

// ---- operator objects: torch._C._Op ----

struct OpObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const Op* op;
};
PyTypeObject* OpType = nullptr;

PyObject* overload_object(const Op& op);

PyObject* op_vectorcall(PyObject* self, PyObject* const* args, size_t nargs, PyObject* kwnames) {
  const Op& op = *reinterpret_cast<OpObject*>(self)->op;
  return guard([&] { return call_overload(op, args, PyVectorcall_NARGS(nargs), kwnames, overload_object); });
}

PyObject* op_object(const Op& op) {
  static std::unordered_map<const Op*, PyObject*> made;
  PyObject*& o = made[&op];
  if (!o) {
    auto* fresh = reinterpret_cast<OpObject*>(OpType->tp_alloc(OpType, 0));
    check(reinterpret_cast<PyObject*>(fresh));
    fresh->vectorcall = op_vectorcall;
    fresh->op = &op;
    o = reinterpret_cast<PyObject*>(fresh);
  }
  return Py_NewRef(o);
}

const Op& op_of(PyObject* o) { return *reinterpret_cast<OpObject*>(o)->op; }

PyObject* op_name(PyObject* self, void*) { return PyUnicode_FromString(op_of(self).name); }
PyObject* op_overload(PyObject* self, void*) { return PyUnicode_FromString(op_of(self).overload); }
PyObject* op_schema(PyObject* self, void*) { return PyUnicode_FromString(op_of(self).schema); }
PyObject* op_doc(PyObject* self, void*) { return PyUnicode_FromString(op_of(self).doc ? op_of(self).doc : ""); }
PyObject* op_is_view(PyObject* self, void*) { return PyBool_FromLong(op_of(self).is_view); }
PyObject* op_is_composite(PyObject* self, void*) { return PyBool_FromLong(op_of(self).family >= Family::Composite); }
PyObject* op_is_differentiable(PyObject* self, void*) { return PyBool_FromLong(op_of(self).derivative != nullptr); }
PyObject* op_family(PyObject* self, void*) {
  static const char* names[] = {"kernel", "pointwise", "reduction", "view", "composite", "composite"};
  return PyUnicode_FromString(names[int(op_of(self).family)]);
}

// below_autograd(*args, **kwargs): the call without recording it
PyObject* op_below(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guard([&] {
    BelowAutograd below;
    return call_overload(op_of(self), args, size_t(nargs), kwnames);
  });
}

#define KD_KEYWORDS(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f))
PyGetSetDef op_properties[] = {{"name", op_name, nullptr, nullptr, nullptr},
                               {"overload", op_overload, nullptr, nullptr, nullptr},
                               {"schema", op_schema, nullptr, nullptr, nullptr},
                               {"__doc__", op_doc, nullptr, nullptr, nullptr},
                               {"is_view", op_is_view, nullptr, nullptr, nullptr},
                               {"is_composite", op_is_composite, nullptr, nullptr, nullptr},
                               {"is_differentiable", op_is_differentiable, nullptr, nullptr, nullptr},
                               {"family", op_family, nullptr, nullptr, nullptr},
                               {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef op_methods[] = {{"below_autograd", KD_KEYWORDS(op_below), METH_FASTCALL | METH_KEYWORDS, nullptr},
                            {nullptr, nullptr, 0, nullptr}};
PyMemberDef op_members[] = {
    {const_cast<char*>("__vectorcalloffset__"), T_PYSSIZET, offsetof(OpObject, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyObject* get_op(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    const char *name, *overload = "";
    if (!PyArg_ParseTuple(args, "s|s", &name, &overload)) return nullptr;
    const Op* op = find_op(name, overload);
    if (!op) Py_RETURN_NONE;
    return op_object(*op);
  });
}

// _op_overloads(name) -> names of the overloads in the tables, () when there is no such operator
PyObject* op_overloads(PyObject*, PyObject* name) {
  return guard([&]() -> PyObject* {
    static const std::unordered_map<std::string_view, std::vector<const Op*>> by_name = [] {
      std::unordered_map<std::string_view, std::vector<const Op*>> map;
      for (int i = 0; i < kNumOps; i++) map[kOps[i]->name].push_back(kOps[i]);
      return map;
    }();
    std::string text = utf8(name);
    auto found = by_name.find(text);
    size_t n = found == by_name.end() ? 0 : found->second.size();
    PyRef tuple = owned(PyTuple_New(Py_ssize_t(n)));
    for (size_t i = 0; i < n; i++) PyTuple_SET_ITEM(tuple.get(), i, check(PyUnicode_FromString(found->second[i]->overload)));
    return tuple.release();
  });
}

PyObject* op_names(PyObject*, PyObject*) {
  return guard([&] {
    PyRef set = owned(PySet_New(nullptr));
    for (int i = 0; i < kNumOps; i++) {
      PyRef name = owned(PyUnicode_FromString(kOps[i]->name));
      check(PySet_Add(set.get(), name.get()));
    }
    return set.release();
  });
}

// ---- __torch_dispatch__ ----

// torch.ops.aten.add.Tensor
PyObject* overload_object(const Op& op) {
  static std::unordered_map<const Op*, PyObject*> made;
  PyObject*& o = made[&op];
  if (!o) {
    static PyObject* lookup = call_torch("torch._ops", "_overload_object");
    o = check(PyObject_CallFunction(lookup, "ss", op.name, op.overload));
  }
  return o;
}

bool same_value(const Value& a, const Value& b) {
  if (a.tag != b.tag)
    return a.is_number() && b.is_number() && !a.is_tensor() && a.tag != Tag::Bool && b.tag != Tag::Bool &&
           a.scalar() == b.scalar();
  switch (a.tag) {
    case Tag::None: return true;
    case Tag::Float: return a.double_ == b.double_;
    case Tag::Bool:
    case Tag::Int: return a.int_ == b.int_;
    case Tag::Complex: return a.double_ == b.double_ && a.im_ == b.im_;
    case Tag::Ints: return same(a.ints(), b.ints());
    case Tag::Str: return a.str() == b.str();
    case Tag::DType:
    case Tag::Device:
    case Tag::Layout:
    case Tag::MemoryFormat: return a.small_ == b.small_;
    case Tag::List: return a.len == 0 && b.len == 0;
    default: return false;
  }
}

bool is_default(const Op& op, const Value* args, int i) {
  return op.args[i].has_default && same_value(args[i], op.args[i].default_value);
}

// An argument as a handler sees it: a tensor that stands for a Python number is that number.
PyObject* seen_argument(const Value& v) {
  if (v.is_tensor() && v.tensor_->has(TensorImpl::WrappedNumber) && !v.tensor_->pyobj) return wrap(item(v.tensor()));
  return to_python(v);
}

struct PythonCall {
  PyRef args, kwargs;
};

// The arguments as a handler sees them: defaults left out, keyword-only ones by name.
PythonCall python_call(const Op& op, const Value* args) {
  int positional = 0;
  while (positional < op.nargs && !op.args[positional].kwarg_only) positional++;
  int last = positional;
  while (last > 0 && is_default(op, args, last - 1)) last--;
  PythonCall call{owned(PyTuple_New(last)), owned(PyDict_New())};
  for (int i = 0; i < last; i++) PyTuple_SET_ITEM(call.args.get(), i, check(seen_argument(args[i])));
  for (int i = positional; i < op.nargs; i++) {
    if (is_default(op, args, i)) continue;
    PyRef value = owned(seen_argument(args[i]));
    check(PyDict_SetItemString(call.kwargs.get(), op.args[i].name, value.get()));
  }
  return call;
}

void add_subclass(TensorImpl* t, std::vector<PyRef>& found) {
  if (!t->has(TensorImpl::PythonDispatch)) return;
  PyRef o = owned(wrap(Tensor::share(t)));
  for (const PyRef& seen : found)
    if (Py_TYPE(seen.get()) == Py_TYPE(o.get())) return;
  size_t at = found.size();
  for (size_t i = 0; i < found.size(); i++)
    if (PyType_IsSubtype(Py_TYPE(o.get()), Py_TYPE(found[i].get()))) {
      at = i;
      break;
    }
  found.insert(found.begin() + std::ptrdiff_t(at), std::move(o));
}

std::vector<PyRef> subclass_arguments(const Op& op, const Value* args) {
  std::vector<PyRef> found;
  for (int i = 0; i < op.nargs; i++) {
    if (args[i].is_tensor()) add_subclass(args[i].tensor_, found);
    for (const Value& e : args[i].list())
      if (e.is_tensor()) add_subclass(e.tensor_, found);
  }
  return found;
}

PyRef ask(PyObject* handler_owner, PyObject* func, PyObject* types, const PythonCall& call) {
  static PyObject* name = intern("__torch_dispatch__");
  PyRef handler = owned(PyObject_GetAttr(handler_owner, name));
  return owned(PyObject_CallFunctionObjArgs(handler.get(), func, types, call.args.get(), call.kwargs.get(), nullptr));
}

bool dispatch(const Op& op, const Value* args, OwnedValue* rets) {
  Gil gil;
  std::vector<PyRef> subclasses = subclass_arguments(op, args);
  if (dispatch_stack().modes.empty() && subclasses.empty()) return false;
  PyObject* func = overload_object(op);
  PythonCall call = python_call(op, args);
  PyRef types = owned(PyTuple_New(Py_ssize_t(subclasses.size())));
  for (size_t i = 0; i < subclasses.size(); i++)
    PyTuple_SET_ITEM(types.get(), i, Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(subclasses[i].get()))));
  PyRef result;
  if (!dispatch_stack().modes.empty()) {
    Aside aside(dispatch_stack());
    result = ask(aside.mode(), func, types.get(), call);
  }
  for (size_t i = 0; i < subclasses.size() && (!result || result.get() == Py_NotImplemented); i++)
    result = ask(reinterpret_cast<PyObject*>(Py_TYPE(subclasses[i].get())), func, types.get(), call);
  if (result.get() == Py_NotImplemented) {
    std::string handlers;
    if (!dispatch_stack().modes.empty()) {
      PyRef mode = owned(PyObject_Repr(dispatch_stack().modes.back()));
      handlers += "\n  - mode object " + utf8(mode.get());
    }
    for (const PyRef& t : subclasses) {
      PyRef type = owned(PyObject_Repr(reinterpret_cast<PyObject*>(Py_TYPE(t.get()))));
      handlers += "\n  - tensor subclass " + utf8(type.get());
    }
    fail(ErrorKind::Type, "Multiple dispatch failed for 'torch._ops.aten.", op.name, ".", *op.overload ? op.overload : "default",
         "'; all __torch_dispatch__ handlers returned NotImplemented:\n", handlers);
  }
  results_from_python(op, result.get(), rets);
  return true;
}

// The Python body of a composite: "module:function" where it has no other, else what its definition says.
PyObject* body_of(const Op& op) {
  if (op.family != Family::PyComposite) {
    static PyObject* find = call_torch("torch._decomp.bodies", "body_of");
    return check(PyObject_CallFunction(find, "ss", op.name, op.overload));
  }
  std::string_view where = op.python;
  size_t colon = where.find(':');
  return call_torch(std::string(where.substr(0, colon)).c_str(), std::string(where.substr(colon + 1)).c_str());
}

// Called with the arguments in the order of the schema.
void composite(const Op& op, const Value* args, OwnedValue* rets) {
  Gil gil;
  static std::unordered_map<const Op*, PyObject*> made;
  PyObject*& function = made[&op];
  if (!function) function = body_of(op);
  PyRef given = owned(PyTuple_New(op.nargs));
  for (int i = 0; i < op.nargs; i++) PyTuple_SET_ITEM(given.get(), i, check(to_python(args[i])));
  PyRef result = owned(PyObject_Call(function, given.get(), nullptr));
  results_from_python(op, result.get(), rets);
}

// ---- switches ----

PyObject* set_dispatch_disabled(PyObject*, PyObject* on) {
  bool before = tls.torch_dispatch_disabled;
  tls.torch_dispatch_disabled = PyObject_IsTrue(on) == 1;
  return PyBool_FromLong(before);
}
PyObject* set_below_autograd(PyObject*, PyObject* on) {
  bool before = tls.below_autograd;
  tls.below_autograd = PyObject_IsTrue(on) == 1;
  return PyBool_FromLong(before);
}
PyObject* disabled_torch_dispatch(PyObject*, PyObject* args) {  // (cls, func, types, args, kwargs)
  return guard([&]() -> PyObject* {
    PyObject *func, *types, *positional = nullptr, *kwargs = nullptr;
    if (!PyArg_ParseTuple(args, "OO|OO", &func, &types, &positional, &kwargs)) return nullptr;
    struct Off {
      bool before = tls.torch_dispatch_disabled;
      Off() { tls.torch_dispatch_disabled = true; }
      ~Off() { tls.torch_dispatch_disabled = before; }
    } off;
    PyRef none = owned(PyTuple_New(0));
    return PyObject_Call(func, positional ? positional : none.get(), kwargs);
  });
}

// _share_storage(view, base): a wrapper that stands for a view says so by the storage it shows
PyObject* share_storage(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *view, *base;
    if (!PyArg_ParseTuple(args, "OO", &view, &base)) return nullptr;
    unwrap_checked(view, "_share_storage")->storage = unwrap_checked(base, "_share_storage")->storage;
    Py_RETURN_NONE;
  });
}

// _take_shape(wrapper, like): the sizes, strides and offset of another tensor
PyObject* take_shape(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *wrapper, *like;
    if (!PyArg_ParseTuple(args, "OO", &wrapper, &like)) return nullptr;
    Tensor t = unwrap_checked(wrapper, "_take_shape"), from = unwrap_checked(like, "_take_shape");
    t->set_sizes_strides(from.sizes(), from.strides());
    t->offset = from.offset();
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {{"_share_storage", share_storage, METH_VARARGS, nullptr},
                           {"_take_shape", take_shape, METH_VARARGS, nullptr},
                           {"_get_op", get_op, METH_VARARGS, nullptr},
                           {"_op_overloads", op_overloads, METH_O, nullptr},
                           {"_op_names", op_names, METH_NOARGS, nullptr},
                           {"_set_torch_dispatch_disabled", set_dispatch_disabled, METH_O, nullptr},
                           {"_set_below_autograd", set_below_autograd, METH_O, nullptr},
                           {"_disabled_torch_dispatch_impl", disabled_torch_dispatch, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

const Op& operator_of(PyObject* o) {
  KD_CHECK(Py_TYPE(o) == OpType, Type, "expected a torch._C._Op, got ", type_name(o));
  return op_of(o);
}

PyObject* call_function_mode(PyObject* callable, PyObject* types, PyObject* args, PyObject* kwargs) {
  static PyObject* name = intern("__torch_function__");
  Aside aside(function_stack());
  return PyObject_CallMethodObjArgs(aside.mode(), name, callable, types, args, kwargs, nullptr);
}

void init_modes(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_members, op_members},
                         {Py_tp_getset, op_properties},
                         {Py_tp_methods, op_methods},
                         {0, nullptr}};
  unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  PyType_Spec spec{"torch._C._Op", sizeof(OpObject), 0, flags, slots};
  OpType = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  check(PyModule_AddObjectRef(module, "_Op", reinterpret_cast<PyObject*>(OpType)));
  check(PyModule_AddFunctions(module, functions));
  init_mode_stack(module);
  python_dispatch = dispatch;
  python_composite = composite;
}

}  // namespace kindling::python
