#include <algorithm>
#include "parse.h"

#include <cstring>
#include <new>

#include "invoke.h"
#include "tensor.h"

namespace kindling::python {

bool named(PyObject* str, const char* name) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(str);
  return PyUnicode_IS_COMPACT_ASCII(str) &&
         !std::strncmp(reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(str)), name, size_t(n)) && !name[n];
}

PyObject* CallArguments::find(const char* name) const {
  for (size_t i = 0; i < nkeywords(); i++)
    if (named(keyword(i), name)) return value(i);
  return nullptr;
}

bool is_alias(const char* schema_name, PyObject* keyword, Face face) {
  if (face == Face::Operator) return false;
  auto is = [&](const char* a) { return !std::strcmp(schema_name, a); };
  if (is("self")) return named(keyword, "input") || named(keyword, "x") || named(keyword, "a") || named(keyword, "x1");
  if (is("input")) return named(keyword, "self") || named(keyword, "x");
  if (is("dim")) return named(keyword, "axis");
  if (is("keepdim")) return named(keyword, "keepdims");
  if (is("other")) return named(keyword, "x2");
  return false;
}

namespace {

bool requires_grad(PyObject* tensor) { return unwrap(tensor).requires_grad(); }

// ---- one argument ----

bool convert_tensor(PyObject* o, const ArgSchema& arg, Arena& arena, Parse* parse, Value& out) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == TensorType || PyType_IsSubtype(type, &TensorBaseType)) {
    if (overrides_function(type) && parse && !tls.torch_function_disabled) add_overloaded(o, parse->overloaded);
    out.tag = Tag::Tensor;
    out.len = 0;
    out.tensor_ = impl_of(o);
    return true;
  }
  if (o == Py_None) {
    out = Value();
    return arg.optional;
  }
  if (arg.number_ok && is_number(o)) {
    out = Value(scalar_of(o));
    return true;
  }
  if (parse && has_torch_function(o)) {
    add_overloaded(o, parse->overloaded);
    out = Value();
    return true;
  }
  return false;
}

// The number in a 0-dim tensor, as a handler of the operator `_local_scalar_dense` gives it if there is one.
bool convert_element(const Tensor& t, Value& out) {
  if (!tls.interposed && !t->has(TensorImpl::PythonDispatch)) {
    out = Value(item(t));
    return true;
  }
  static OpRef read{"_local_scalar_dense"};
  OwnedValue number = read.call({t});
  out = static_cast<const Value&>(number);
  return out.is_number();
}

bool convert_scalar(PyObject* o, bool strict, Parse* parse, Value& out) {
  if (PyFloat_CheckExact(o)) {
    out = Value(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (is_tensor(o)) {
    if (parse) parse->saw_number_like = true;
    if (strict || impl_of(o)->ndim != 0 || requires_grad(o)) return false;
    return convert_element(unwrap(o), out);
  }
  if (!is_number(o)) return false;
  out = Value(scalar_of(o));
  return true;
}

bool convert_int(PyObject* o, bool strict, Parse* parse, Value& out) {
  if (!PyLong_CheckExact(o)) {
    if (is_tensor(o)) {
      if (parse) parse->saw_number_like = true;
      if (strict) return false;
    }
    if (!is_integer(o)) return false;
  }
  out = Value(int_of(o));
  return true;
}

bool convert_float(PyObject* o, bool strict, Parse* parse, Value& out) {
  if (!convert_scalar(o, strict, parse, out)) return false;
  if (out.tag == Tag::Complex) return false;
  if (out.tag == Tag::Int && is_symbolic(out.int_)) return true;
  out = Value(out.tag == Tag::Float ? out.double_ : double(out.int_));
  return true;
}

bool convert_bool(PyObject* o, Value& out) {
  if (o == Py_True || o == Py_False) {
    out = Value(o == Py_True);
    return true;
  }
  if (!std::strcmp(Py_TYPE(o)->tp_name, "SymBool")) {
    int truth = PyObject_IsTrue(o);
    check(truth);
    out = Value(truth == 1);
    return true;
  }
  if (!std::strncmp(Py_TYPE(o)->tp_name, "numpy.bool", 10) && is_number(o)) {
    out = Value(scalar_of(o).to_bool());
    return true;
  }
  return false;
}

bool is_sequence(PyObject* o) { return PyTuple_Check(o) || PyList_Check(o); }

[[noreturn]] void bad_element(const ArgSchema& arg, Py_ssize_t i, PyObject* element) {
  fail(ErrorKind::Type, "argument '", arg.name, "' failed to unpack the object at pos ", int64_t(i + 1),
       " with error \"type must be ", type_text(arg), ",but got ", type_name(element), "\"");
}

bool convert_ints(PyObject* o, const ArgSchema& arg, Arena& arena, Value& out) {
  if (!is_sequence(o)) {
    if (arg.size == 0 || is_tensor(o) || !is_integer(o)) return false;
    int64_t v = int_of(o);
    int64_t* ints = arena.make<int64_t>(size_t(arg.size));
    std::fill_n(ints, arg.size, v);
    out = Value(IntList(ints, size_t(arg.size)));
    return true;
  }
  size_t n = size_t(PySequence_Fast_GET_SIZE(o));
  PyObject** items = PySequence_Fast_ITEMS(o);
  if (n && !PyLong_CheckExact(items[0]) && !is_integer(items[0])) return false;
  int64_t* ints = arena.make<int64_t>(n);
  for (size_t i = 0; i < n; i++) {
    if (!PyLong_CheckExact(items[i]) && !is_integer(items[i])) bad_element(arg, Py_ssize_t(i), items[i]);
    ints[i] = int_of(items[i]);
  }
  out = Value(IntList(ints, n));
  return true;
}

bool convert_floats(PyObject* o, const ArgSchema& arg, Arena& arena, Value& out) {
  if (!is_sequence(o)) return false;
  size_t n = size_t(PySequence_Fast_GET_SIZE(o));
  PyObject** items = PySequence_Fast_ITEMS(o);
  double* values = arena.make<double>(n);
  for (size_t i = 0; i < n; i++) {
    Value v;
    if (!convert_float(items[i], false, nullptr, v)) {
      if (i == 0) return false;
      bad_element(arg, Py_ssize_t(i), items[i]);
    }
    values[i] = v.double_;
  }
  out = Value(std::span<const double>(values, n));
  return true;
}

bool convert_list(PyObject* o, const ArgSchema& arg, Arena& arena, bool strict, Parse* parse, Value& out) {
  if (!is_sequence(o)) return false;
  ArgSchema element = arg;
  element.list = false;
  element.optional = arg.optional_element;
  size_t n = size_t(PySequence_Fast_GET_SIZE(o));
  Value* values = arena.make<Value>(n);
  for (size_t i = 0; i < n; i++) {
    new (&values[i]) Value();
    if (!convert(PySequence_Fast_GET_ITEM(o, i), element, arena, strict, parse, values[i])) return false;
  }
  out = Value(std::span<const Value>(values, n));
  return true;
}

}  // namespace

bool convert(PyObject* o, const ArgSchema& arg, Arena& arena, bool strict, Parse* parse, Value& out) {
  if (arg.list) {
    if (o == Py_None && arg.optional) {
      out = Value();
      return true;
    }
    if (arg.type == Type::Int) return convert_ints(o, arg, arena, out);
    if (arg.type == Type::Float) return convert_floats(o, arg, arena, out);
    return convert_list(o, arg, arena, strict, parse, out);
  }
  if (arg.type == Type::Tensor) return convert_tensor(o, arg, arena, parse, out);
  if (o == Py_None) {
    out = Value();
    return arg.optional;
  }
  switch (arg.type) {
    case Type::Scalar: return convert_scalar(o, strict, parse, out);
    case Type::Int: return convert_int(o, strict, parse, out);
    case Type::Float: return convert_float(o, strict, parse, out);
    case Type::Bool: return convert_bool(o, out);
    case Type::Str: {
      if (!PyUnicode_Check(o)) return false;
      Py_ssize_t n;
      const char* s = PyUnicode_AsUTF8AndSize(o, &n);
      if (!s) throw Error(ErrorKind::Python, {});
      out = Value(std::string_view(s, size_t(n)));
      return true;
    }
    case Type::DType:
      if (!is_dtype(o)) return false;
      out = Value(dtype_of(o));
      return true;
    case Type::Device: {
      if (Py_TYPE(o) != &DeviceType_ && !PyUnicode_Check(o) && !is_integer(o)) return false;
      out = Value(device_of(o));
      return true;
    }
    case Type::Layout:
      if (Py_TYPE(o) != &LayoutType) return false;
      out = Value(reinterpret_cast<LayoutObject*>(o)->layout);
      return true;
    case Type::MemoryFormat:
      if (Py_TYPE(o) != &MemoryFormatType) return false;
      out = Value(reinterpret_cast<MemoryFormatObject*>(o)->format);
      return true;
    case Type::Generator:
      if (!PyObject_TypeCheck(o, &GeneratorType)) return false;
      out = Value(generator_of(o));
      return true;
    case Type::Storage:
      if (!PyObject_TypeCheck(o, &StorageType) && !PyObject_HasAttrString(o, "_untyped_storage")) return false;
      out.tag = Tag::Storage;
      out.ptr_ = storage_of(o).get();  // the argument keeps it alive
      return true;
    case Type::Object:
      out.tag = Tag::Object;
      out.ptr_ = o;
      return true;
    default: return false;
  }
}

namespace {

bool is_factory(const Op& op) {  // takes dtype, layout, device and pin_memory; Python adds requires_grad
  for (int i = op.nargs; i--;)
    if (!std::strcmp(op.args[i].name, "pin_memory")) return true;
  return false;
}

// A factory's out= overload takes only the sizes, but Python may repeat the options that `out` already has.
bool implied_by_out(const Op& op, PyObject* keyword) {
  if (!op.out_variant) return false;
  return named(keyword, "dtype") || named(keyword, "layout") || named(keyword, "device") || named(keyword, "pin_memory");
}

int positional_count(const Op& op, int first) {
  int n = 0;
  for (int i = first; i < op.nargs && !op.args[i].kwarg_only && !op.args[i].out; i++) n++;
  return n;
}

// Tensor.view(2, 3): all positional arguments make up the only list of ints.
bool convert_varargs(const ArgSchema& arg, const CallArguments& call, size_t first, Parse& out, Value& value) {
  size_t n = call.npositional - first;
  int64_t* ints = out.arena.make<int64_t>(n);
  for (size_t i = 0; i < n; i++) {
    PyObject* o = call.args[first + i];
    if (!PyLong_CheckExact(o) && !is_integer(o)) {
      if (i == 0) return false;
      bad_element(arg, Py_ssize_t(i), o);
    }
    ints[i] = int_of(o);
  }
  value = Value(IntList(ints, n));
  return true;
}

// out=(values, indices): one tensor for each out argument.
bool convert_out(const Op& op, PyObject* given, Parse& out) {
  int first = op.nargs, n = 0;
  for (int i = op.nargs; i--;)
    if (op.args[i].out) first = i, n++;
  if (!n) return false;
  Value* values = out.values();
  if (n == 1) return convert(given, op.args[first], out.arena, true, &out, values[first]);
  if (!is_sequence(given) || PySequence_Fast_GET_SIZE(given) != n) return false;
  for (int i = 0; i < n; i++)
    if (!convert(PySequence_Fast_GET_ITEM(given, i), op.args[first + i], out.arena, true, &out, values[first + i])) return false;
  return true;
}

bool parse_keywords(const Op& op, Face face, const CallArguments& call, uint64_t given, int first, bool strict, Parse& out) {
  for (size_t k = 0; k < call.nkeywords(); k++) {
    PyObject* name = call.keyword(k);
    PyObject* o = call.value(k);
    int at = -1;
    for (int i = first; i < op.nargs && at < 0; i++)
      if (!(op.args[i].out && face != Face::Operator) && named(name, op.args[i].name))
        at = i;  // out= is one keyword for all outputs
    if (at < 0 && face != Face::Operator && named(name, "out")) {
      if (o == Py_None) continue;
      if (!op.out_variant || !convert_out(op, o, out)) return false;
      for (int i = 0; i < op.nargs; i++)
        if (op.args[i].out) given |= uint64_t(1) << i;
      continue;
    }
    for (int i = first; i < op.nargs && at < 0; i++)
      if (is_alias(op.args[i].name, name, face)) at = i;
    if (at < 0) {
      if (face != Face::Operator && named(name, "requires_grad") && PyBool_Check(o) && (is_factory(op) || op.out_variant)) {
        out.requires_grad = o == Py_True;
        continue;
      }
      if (implied_by_out(op, name)) continue;
      return false;
    }
    if (given >> at & 1) return false;
    if (op.args[at].out && face != Face::Operator && o == Py_None) return false;
    if (o == Py_None && op.args[at].has_default && !op.args[at].optional && face != Face::Operator &&
        (op.args[at].type == Type::DType || op.args[at].type == Type::Layout))
      continue;
    if (!convert(o, op.args[at], out.arena, strict, &out, out.values()[at])) return false;
    given |= uint64_t(1) << at;
  }
  for (int i = first; i < op.nargs; i++) {
    if (given >> i & 1) continue;
    if (!op.args[i].has_default) return false;
    out.values()[i] = op.args[i].default_value;
  }
  return true;
}

bool parse_overload(const Op& op, Face face, const CallArguments& call, bool strict, Parse& out);

// Tensor.where(condition, other): the tensor is not the schema's first argument, but its `self`.
bool parse_displaced(const Op& op, const CallArguments& call, bool strict, Parse& out) {
  size_t me = 1;
  while (me < op.nargs && std::strcmp(op.args[me].name, "self")) me++;
  if (call.npositional <= me) return false;
  std::vector<PyObject*> args(call.args, call.args + call.npositional + call.nkeywords());
  std::rotate(args.begin(), args.begin() + 1, args.begin() + me + 1);
  return parse_overload(op, Face::Function, {args.data(), call.npositional, call.kwnames}, strict, out);
}

bool parse_overload(const Op& op, Face face, const CallArguments& call, bool strict, Parse& out) {
  if (face == Face::Method && std::strcmp(op.args[0].name, "self")) return parse_displaced(op, call, strict, out);
  Value* values = out.values();
  const ArgSchema* schema = op.args;
  int n = op.nargs, at = 0;
  size_t given = 0;
  int self = face == Face::Method ? 1 : 0;
  for (; given < call.npositional; at++, given++) {
    if (at >= n || schema[at].kwarg_only || schema[at].out) return false;
    const ArgSchema& arg = schema[at];
    if (arg.list && arg.type == Type::Int && arg.size == 0 && at == self && face != Face::Operator &&
        !is_sequence(call.args[given]) && positional_count(op, self) == 1) {
      if (!convert_varargs(arg, call, given, out, values[at])) return false;
      given = call.npositional;
      at++;
      break;
    }
    if (!convert(call.args[given], arg, out.arena, strict, &out, values[at])) return false;
  }
  if (call.kwnames) return parse_keywords(op, face, call, (uint64_t(1) << at) - 1, self, strict, out);
  for (; at < n; at++) {
    if (!schema[at].has_default) return false;
    values[at] = schema[at].default_value;
  }
  return true;
}

}  // namespace

// A call that fits no overload still goes to an argument that stands for a value of another kind, like torch.zeros(proxy).
static bool intercepted(const Op* const* overloads, Face face, const CallArguments& call, Parse& out) {
  out.overloaded.clear();
  auto look = [&](PyObject* o) {
    if (!is_tensor(o) && has_torch_function(o)) add_overloaded(o, out.overloaded);
  };
  for (size_t i = 0; i < call.npositional + call.nkeywords(); i++) {
    look(call.args[i]);
    if (!is_sequence(call.args[i])) continue;
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(call.args[i]); k++) look(PySequence_Fast_GET_ITEM(call.args[i], k));
  }
  out.op = overloads[0];
  return !out.overloaded.empty();
}

void parse(const Op* const* overloads, int noverloads, const char* name, Face face, const CallArguments& call, Parse& out) {
  PyObject* out_argument = call.kwnames && face != Face::Operator ? call.find("out") : nullptr;
  bool wants_out = out_argument && out_argument != Py_None;
  try {
    for (int pass = 0; pass < 2; pass++) {
      for (int i = 0; i < noverloads; i++) {
        const Op& op = *overloads[i];
        if (face != Face::Operator && op.out_variant != wants_out) continue;
        out.requires_grad = false;
        if (!out.overloaded.empty()) out.overloaded.clear();
        if (parse_overload(op, face, call, pass == 0, out)) {
          out.op = &op;
          return;
        }
      }
      if (!out.saw_number_like) break;
    }
  } catch (Error& e) {
    if (e.kind == ErrorKind::Type && intercepted(overloads, face, call, out)) return;
    if (e.kind == ErrorKind::Type && e.message.starts_with("argument ")) e.message = concat(name, "(): ", e.message);
    throw;
  }
  if (!intercepted(overloads, face, call, out)) explain_mismatch(overloads, noverloads, name, face, call);
}

}  // namespace kindling::python
