// The callables torch.add, Tensor.add and their calls.
#include <cstring>

#include "function.h"
#include "parse.h"
#include "types.h"

namespace kindling::python {

namespace {

constexpr int kMaxResults = 8;

// Only results that nobody else can see yet: what the collector may look at does not change behind its back. Lists of tensors
// are borrowed from Python lists, which other threads could change.
bool may_release(const Op& op, const Value* args) {
  constexpr int64_t kLong = 1 << 14;
  if (op.inplace || op.out_variant || op.is_view || tls.interposed) return false;
  bool large = false;
  for (int i = 0; i < op.nargs; i++) {
    if (args[i].tag == Tag::List || args[i].tag == Tag::Object) return false;
    large |= args[i].tag == Tag::Tensor && args[i].tensor_->numel >= kLong;
  }
  return large;
}

PyObject* run(const Op& op, Parse& p) {
  if (op.nrets == 1) {
    OwnedValue ret;
    call_from_python(op, p.values(), &ret);
    if (ret.tag == Tag::Tensor) {
      if (p.requires_grad) return require_grad(wrap(ret.take()));
      return wrap(ret.take());
    }
    return results_to_python(op, &ret, 1);
  }
  KD_CHECK(op.nrets <= kMaxResults, Runtime, op.name, ": too many results");
  OwnedValue rets[kMaxResults];
  call_from_python(op, p.values(), rets);
  return results_to_python(op, rets, op.nrets);
}

// A factory's out= with options that contradict it.
void check_out_options(const Parse& p, const CallArguments& c) {
  PyObject* out = c.find("out");
  PyObject* dtype = c.find("dtype");
  if (!out || !is_tensor(out) || !dtype || dtype == Py_None || !is_dtype(dtype)) return;
  for (int i = 0; i < p.op->nargs; i++)
    if (!std::strcmp(p.op->args[i].name, "dtype")) return;
  KD_CHECK(dtype_of(dtype) == impl_of(out)->dtype, Runtime, "dtype ", info(dtype_of(dtype)).name,
           " does not match dtype of out parameter (", info(impl_of(out)->dtype).name, ")");
}

}  // namespace

void call_from_python(const Op& op, const Value* args, OwnedValue* rets) {
  if (!may_release(op, args)) return call(op, args, rets);
  WithoutGil scope;
  call(op, args, rets);
}

PyObject* require_grad(PyObject* tensor) {
  PyRef t = PyRef::steal(tensor);
  KD_CHECK(is_differentiable(impl_of(tensor)->dtype), Runtime,
           "Only Tensors of floating point and complex dtype can require gradients");
  check(PyObject_SetAttrString(tensor, "requires_grad", Py_True));
  return t.release();
}

PyObject* call_function(const FunctionEntry& entry, PyObject* callable, bool method, PyObject* const* args, size_t nargs,
                        PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    CallArguments c{args, nargs, kwnames};
    Face face = method ? Face::Method : Face::Function;
    if (method && (nargs == 0 || !is_tensor(args[0])))
      fail(ErrorKind::Type, "descriptor '", entry.name, "' for 'torch._C.TensorBase' objects doesn't apply to a '",
           nargs ? type_name(args[0]) : "NoneType", "' object");
    Parse p;
    parse(entry.overloads, entry.noverloads, entry.name, face, c, p);
    if (!p.overloaded.empty() || (tls.function_modes > 0 && !tls.torch_function_disabled)) {
      if (!p.overloaded.empty() || callable) return call_torch_function(callable, p.overloaded, args, nargs, kwnames);
    }
    if (kwnames && p.op->out_variant) check_out_options(p, c);
    return run(*p.op, p);
  });
}

PyObject* call_overload(const Op& op, PyObject* const* args, size_t nargs, PyObject* kwnames, PyObject* (*callable)(const Op&)) {
  return guard([&]() -> PyObject* {
    const Op* only = &op;
    Parse p;
    std::string name = concat("aten::", op.name);
    parse(&only, 1, name.c_str(), Face::Operator, {args, nargs, kwnames}, p);
    if (callable && (!p.overloaded.empty() || (tls.function_modes > 0 && !tls.torch_function_disabled)))
      return call_torch_function(callable(op), p.overloaded, args, nargs, kwnames);
    return run(op, p);
  });
}

// ---- the callable objects ----

namespace {

FunctionObject* as_function(PyObject* o) { return reinterpret_cast<FunctionObject*>(o); }

PyObject* function_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return call_function(*as_function(self)->entry, self, false, args, size_t(PyVectorcall_NARGS(nargsf)), kwnames);
}
PyObject* method_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return call_function(*as_function(self)->entry, self, true, args, size_t(PyVectorcall_NARGS(nargsf)), kwnames);
}

// nonzero(as_tuple=True) is another operator, one tensor for each dimension.
PyObject* nonzero_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  size_t n = size_t(PyVectorcall_NARGS(nargsf));
  auto* f = as_function(self);
  PyObject* as_tuple = kwnames ? CallArguments{args, n, kwnames}.find("as_tuple") : nullptr;
  if (!as_tuple) return call_function(*f->entry, self, f->method, args, n, kwnames);
  return guard([&]() -> PyObject* {
    std::vector<PyObject*> overloaded, values(args, args + n);
    for (size_t i = 0; i < n; i++)
      if (has_torch_function(args[i])) add_overloaded(args[i], overloaded);
    if (!overloaded.empty() || (tls.function_modes > 0 && !tls.torch_function_disabled))
      return call_torch_function(self, overloaded, args, n, kwnames);
    PyRef names = owned(PyTuple_New(PyTuple_GET_SIZE(kwnames) - 1));
    for (Py_ssize_t k = 0, at = 0; k < PyTuple_GET_SIZE(kwnames); k++) {
      if (named(PyTuple_GET_ITEM(kwnames, k), "as_tuple")) continue;
      PyTuple_SET_ITEM(names.get(), at++, PyRef::share(PyTuple_GET_ITEM(kwnames, k)).release());
      values.push_back(args[n + size_t(k)]);
    }
    if (as_tuple != Py_True) return call_function(*f->entry, self, f->method, values.data(), n, names.get());
    const Op* op = find_op("nonzero_numpy", "");
    KD_CHECK(op, Runtime, "the operator aten::nonzero_numpy is not part of this build");
    static const FunctionEntry tuples{"nonzero", new const Op*(op), 1, nullptr};
    return call_function(tuples, self, f->method, values.data(), n, names.get());
  });
}

PyObject* function_repr(PyObject* self) {
  return PyUnicode_FromFormat("<built-in method %s of %s>", as_function(self)->entry->name, as_function(self)->module);
}
PyObject* method_repr(PyObject* self) {
  return PyUnicode_FromFormat("<method '%s' of 'torch._C.TensorBase' objects>", as_function(self)->entry->name);
}
PyObject* method_get(PyObject* self, PyObject* instance, PyObject*) {
  if (instance) return PyMethod_New(self, instance);
  Py_INCREF(self);
  return self;
}

PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(as_function(self)->entry->name); }
PyObject* get_module(PyObject* self, void*) { return PyUnicode_FromString(as_function(self)->module); }
PyObject* get_qualname(PyObject* self, void*) {
  auto* f = as_function(self);
  const char* owner = f->method ? "TensorBase" : std::strcmp(f->module, "torch") ? "" : "_VariableFunctionsClass";
  return *owner ? PyUnicode_FromFormat("%s.%s", owner, f->entry->name) : PyUnicode_FromString(f->entry->name);
}
PyObject* get_doc(PyObject* self, void*) {
  auto* f = as_function(self);
  if (f->doc) {
    Py_INCREF(f->doc);
    return f->doc;
  }
  if (!f->entry->doc) Py_RETURN_NONE;
  return PyUnicode_FromString(f->entry->doc);
}
int set_doc(PyObject* self, PyObject* value, void*) {
  Py_XINCREF(value);
  Py_XSETREF(as_function(self)->doc, value);
  return 0;
}
PyObject* get_none(PyObject*, void*) { Py_RETURN_NONE; }
PyObject* get_self(PyObject* self, void*) {  // what a built-in method is bound to: for torch.add, torch._C._VariableFunctions
  PyRef module = PyRef::steal(PyImport_ImportModule("torch._C"));
  return module ? PyObject_GetAttrString(module.get(), "_VariableFunctions") : nullptr;
}
PyObject* get_objclass(PyObject*, void*) { return PyRef::share(reinterpret_cast<PyObject*>(&TensorBaseType)).release(); }
PyObject* get_overloads(PyObject* self, void*) {  // the schemas, in the order they are tried
  auto* f = as_function(self);
  PyRef tuple = PyRef::steal(PyTuple_New(f->entry->noverloads));
  for (int i = 0; tuple && i < f->entry->noverloads; i++)
    PyTuple_SET_ITEM(tuple.get(), i, PyUnicode_FromString(f->entry->overloads[i]->schema));
  return tuple.release();
}
PyObject* function_reduce(PyObject* self, PyObject*) {
  auto* f = as_function(self);
  if (!f->method) return PyUnicode_FromString(f->entry->name);  // pickle finds it in its module
  PyRef builtins = PyRef::steal(PyImport_ImportModule("builtins"));
  PyRef getattr = builtins ? PyRef::steal(PyObject_GetAttrString(builtins.get(), "getattr")) : PyRef();
  return getattr ? Py_BuildValue("O(Os)", getattr.get(), &TensorBaseType, f->entry->name) : nullptr;
}

PyMethodDef function_methods[] = {{"__reduce__", function_reduce, METH_NOARGS, nullptr}, {}};
PyGetSetDef function_properties[] = {
    {"__name__", get_name, nullptr, nullptr, nullptr},
    {"__qualname__", get_qualname, nullptr, nullptr, nullptr},
    {"__module__", get_module, nullptr, nullptr, nullptr},
    {"__doc__", get_doc, set_doc, nullptr, nullptr},
    {"__text_signature__", get_none, nullptr, nullptr, nullptr},
    {"__self__", get_self, nullptr, nullptr, nullptr},
    {"_schemas", get_overloads, nullptr, "Schemas of the overloads, in the order they are tried.", nullptr},
    {}};
PyGetSetDef method_properties[] = {
    {"__name__", get_name, nullptr, nullptr, nullptr},
    {"__qualname__", get_qualname, nullptr, nullptr, nullptr},
    {"__module__", get_none, nullptr, nullptr, nullptr},
    {"__doc__", get_doc, set_doc, nullptr, nullptr},
    {"__text_signature__", get_none, nullptr, nullptr, nullptr},
    {"__objclass__", get_objclass, nullptr, nullptr, nullptr},
    {"_schemas", get_overloads, nullptr, "Schemas of the overloads, in the order they are tried.", nullptr},
    {}};

PyTypeObject function_type(const char* name, bool method) {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = name;
  t.tp_basicsize = sizeof(FunctionObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | (method ? Py_TPFLAGS_METHOD_DESCRIPTOR : 0);
  t.tp_vectorcall_offset = offsetof(FunctionObject, vectorcall);
  t.tp_call = PyVectorcall_Call;
  t.tp_repr = method ? method_repr : function_repr;
  t.tp_descr_get = method ? method_get : nullptr;
  t.tp_methods = function_methods;
  t.tp_getset = method ? method_properties : function_properties;
  return t;
}

}  // namespace

PyTypeObject FunctionType = function_type("builtin_function_or_method", false);
PyTypeObject MethodType = function_type("method_descriptor", true);

PyObject* make_function(const FunctionEntry& entry, const char* module, bool method) {
  PyTypeObject* type = method ? &MethodType : &FunctionType;
  PyObject* o = check(type->tp_alloc(type, 0));
  auto* f = as_function(o);
  f->vectorcall = !std::strcmp(entry.name, "nonzero") ? nonzero_vectorcall : method ? method_vectorcall : function_vectorcall;
  f->entry = &entry;
  f->module = module;
  f->method = method;
  return o;
}

}  // namespace kindling::python
