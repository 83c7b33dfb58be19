// Value <-> PyObject, and the results of operators as Python sees them.
#include <cstring>
#include <unordered_map>

#include "parse.h"
#include "symbolic.h"
#include "types.h"

namespace kindling::python {

PyObject* to_python(const Value& v) {
  switch (v.tag) {
    case Tag::None: Py_RETURN_NONE;
    case Tag::Tensor: return wrap(Tensor::share(v.tensor_));
    case Tag::Int: return wrap_int(v.int_);
    case Tag::Bool:
    case Tag::Float:
    case Tag::Complex: return wrap(v.scalar());
    case Tag::Ints: {
      PyRef list = owned(PyList_New(v.len));
      for (uint32_t i = 0; i < v.len; i++) PyList_SET_ITEM(list.get(), i, check(wrap_int(v.ints_[i])));
      return list.release();
    }
    case Tag::Floats: {
      PyRef list = owned(PyList_New(v.len));
      for (uint32_t i = 0; i < v.len; i++) PyList_SET_ITEM(list.get(), i, check(PyFloat_FromDouble(v.doubles_[i])));
      return list.release();
    }
    case Tag::List: {
      PyRef list = owned(PyList_New(v.len));
      for (uint32_t i = 0; i < v.len; i++) PyList_SET_ITEM(list.get(), i, to_python(v.list_[i]));
      return list.release();
    }
    case Tag::Str: return check(PyUnicode_FromStringAndSize(v.chars_, v.len));
    case Tag::DType: return wrap(v.dtype());
    case Tag::Device: return wrap(v.device());
    case Tag::Layout: return wrap(v.layout());
    case Tag::MemoryFormat: return wrap(v.memory_format());
    case Tag::Generator: return wrap(v.generator());
    case Tag::Storage: return wrap_storage(Ref<Storage>::share(static_cast<Storage*>(v.ptr_)));
    case Tag::Object: {
      auto* o = static_cast<PyObject*>(v.ptr_);
      Py_INCREF(o);
      return o;
    }
  }
  Py_RETURN_NONE;
}

bool fits(PyObject* o, const ArgSchema& arg) {
  Arena arena;
  Value v;
  return convert(o, arg, arena, false, nullptr, v);
}

Value from_python(PyObject* o, const ArgSchema& arg, Arena& arena) {
  Value v;
  if (!convert(o, arg, arena, false, nullptr, v))
    fail(ErrorKind::Type, "argument '", arg.name, "' must be ", type_text(arg), ", not ", type_name(o));
  return v;
}

// ---- torch.return_types ----

namespace {

bool has_named_results(const Op& op) {
  if (op.nrets < 2) return false;
  for (int i = 0; i < op.nrets; i++)
    if (!op.rets[i].name || !*op.rets[i].name) return false;
  return true;
}

PyObject* named_tuple_repr(PyObject* self) {
  PyRef fields = PyRef::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(self)), "__match_args__"));
  if (!fields) return nullptr;
  PyRef text = PyRef::steal(PyUnicode_FromFormat("%s(\n", Py_TYPE(self)->tp_name));
  for (Py_ssize_t i = 0; text && i < PyTuple_GET_SIZE(self); i++)
    text = PyRef::steal(PyUnicode_FromFormat("%U%U=%R%s", text.get(), PyTuple_GET_ITEM(fields.get(), i),
                                             PyTuple_GET_ITEM(self, i), i + 1 < PyTuple_GET_SIZE(self) ? ",\n" : ")"));
  return text.release();
}

PyTypeObject* make_named_tuple(const Op& op) {
  auto* fields = new PyStructSequence_Field[size_t(op.nrets) + 1]();
  for (int i = 0; i < op.nrets; i++) fields[i].name = op.rets[i].name;
  std::string name = op.name;
  if (name.starts_with("_")) name.erase(0, 1);
  auto* full = new std::string(concat("torch.return_types.", name, op.out_variant ? "_out" : ""));
  PyStructSequence_Desc description{full->c_str(), nullptr, fields, op.nrets};
  PyTypeObject* type = PyStructSequence_NewType(&description);
  if (!type) throw Error(ErrorKind::Python, {});
  type->tp_repr = named_tuple_repr;
  PyRef module = PyRef::steal(PyUnicode_FromString("torch.return_types"));
  PyObject_SetAttrString(reinterpret_cast<PyObject*>(type), "__module__", module.get());
  return type;
}

// One type for all overloads of a name: max.dim and max.names_dim give the same torch.return_types.max.
PyTypeObject* named_tuple(const Op& op) {
  static auto& by_op = *new std::unordered_map<const Op*, PyTypeObject*>;
  static auto& by_name = *new std::unordered_map<std::string, PyTypeObject*>;
  PyTypeObject*& type = by_op[&op];
  if (!type) {
    std::string key = concat(op.name, op.out_variant ? " out" : "");
    for (int i = 0; i < op.nrets; i++) key += concat(" ", op.rets[i].name);
    PyTypeObject*& shared = by_name[key];
    if (!shared) shared = make_named_tuple(op);
    type = shared;
  }
  return type;
}

// A result as users get it: a list of tensors is a tuple.
PyObject* one_result(const Op& op, int i, OwnedValue& ret) {
  if (ret.tag == Tag::Tensor) return wrap(ret.take());
  if (ret.tag == Tag::List) {
    PyRef list = owned(to_python(ret));
    return check(PyList_AsTuple(list.get()));
  }
  return to_python(ret);
}

}  // namespace

// torch.return_types.<name>, for the module of that name. LookupError if no operator has it.
PyObject* find_return_type(const std::string& name) {
  bool out = name.ends_with("_out");
  std::string base = out ? name.substr(0, name.size() - 4) : name;
  for (int i = 0; i < kNumOps; i++) {
    const Op& op = *kOps[i];
    if ((base == op.name || (op.name[0] == '_' && base == op.name + 1)) && op.out_variant == out && has_named_results(op))
      return PyRef::share(reinterpret_cast<PyObject*>(named_tuple(op))).release();
  }
  fail(ErrorKind::Attribute, "module 'torch.return_types' has no attribute '", name, "'");
}

// All of them, in the order of the operators.
PyObject* all_return_types() {
  PyRef list = owned(PyList_New(0));
  for (int i = 0; i < kNumOps; i++) {
    if (!has_named_results(*kOps[i])) continue;
    auto* type = reinterpret_cast<PyObject*>(named_tuple(*kOps[i]));
    int known = PySequence_Contains(list.get(), type);
    check(known < 0 ? -1 : known ? 0 : PyList_Append(list.get(), type));
  }
  return list.release();
}

PyObject* results_to_python(const Op& op, OwnedValue* rets, uint32_t n) {
  if (n == 1) return one_result(op, 0, rets[0]);
  if (n == 0) Py_RETURN_NONE;
  if (has_named_results(op)) {
    PyRef tuple = owned(PyStructSequence_New(named_tuple(op)));
    for (uint32_t i = 0; i < n; i++) PyStructSequence_SET_ITEM(tuple.get(), i, one_result(op, int(i), rets[i]));
    return tuple.release();
  }
  PyRef tuple = owned(PyTuple_New(n));
  for (uint32_t i = 0; i < n; i++) PyTuple_SET_ITEM(tuple.get(), i, one_result(op, int(i), rets[i]));
  return tuple.release();
}

void results_from_python(const Op& op, PyObject* result, OwnedValue* rets) {
  auto take = [&](int i, PyObject* o) {
    ArgSchema schema = op.rets[i];
    schema.optional = true;
    schema.number_ok = true;
    Arena arena;
    Value v;
    if (!convert(o, schema, arena, false, nullptr, v))
      fail(ErrorKind::Type, op.name, ": the handler returned ", type_name(o), " where the operator returns ",
           type_text(op.rets[i]));
    rets[i] = OwnedValue(v);
  };
  if (op.nrets == 0) return;
  if (op.nrets == 1) return take(0, result);
  PyRef items = owned(PySequence_Fast(result, "an operator with several results must return a sequence"));
  KD_CHECK(PySequence_Fast_GET_SIZE(items.get()) == op.nrets, Type, op.name, ": expected ", int(op.nrets), " results, got ",
           int64_t(PySequence_Fast_GET_SIZE(items.get())));
  for (int i = 0; i < op.nrets; i++) take(i, PySequence_Fast_GET_ITEM(items.get(), i));
}

}  // namespace kindling::python
