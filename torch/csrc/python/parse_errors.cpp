// Why no overload took the arguments, worded as PyTorch words it.
#include <algorithm>
#include <cstring>

#include "parse.h"
#include "types.h"

namespace kindling::python {

std::string type_text(const ArgSchema& arg) {
  const char* one = "";
  switch (arg.type) {
    case Type::Tensor: one = "Tensor"; break;
    case Type::Scalar: one = arg.list ? "Scalar" : "Number"; break;
    case Type::Int: one = "int"; break;
    case Type::Float: one = "float"; break;
    case Type::Bool: one = "bool"; break;
    case Type::Str: one = "str"; break;
    case Type::DType: one = "torch.dtype"; break;
    case Type::Device: one = "torch.device"; break;
    case Type::Layout: one = "torch.layout"; break;
    case Type::MemoryFormat: one = "torch.memory_format"; break;
    case Type::Generator: one = "torch.Generator"; break;
    case Type::Storage: one = "Storage"; break;
    case Type::Object: one = "object"; break;
  }
  return arg.list ? concat("tuple of ", one, "s") : one;
}

namespace {

const char* shown_name(const ArgSchema& arg, Face face) {
  return face == Face::Function && !std::strcmp(arg.name, "self") ? "input" : arg.name;
}

std::string default_text(const ArgSchema& arg) {
  PyRef value = PyRef::steal(to_python(arg.default_value));
  PyRef repr = owned(PyObject_Repr(value.get()));
  return utf8(repr.get());
}

struct Shape {
  const Op* op;
  const Op* out;  // its out= form, or null
};

std::string signature(const Shape& s, Face face) {
  std::string text = "(";
  bool star = false, first = true;
  auto put = [&](const std::string& part) {
    if (!first) text += ", ";
    first = false;
    text += part;
  };
  auto put_star = [&] {
    if (!star) put("*");
    star = true;
  };
  auto put_out = [&] {
    int outs = 0;
    for (int i = 0; i < s.out->nargs; i++) outs += s.out->args[i].out;
    put_star();
    put(outs == 1 ? "Tensor out = None" : "tuple of Tensors out = None");
  };
  bool factory = false;  // its options come last
  for (int i = face == Face::Method ? 1 : 0; i < s.op->nargs; i++) {
    const ArgSchema& arg = s.op->args[i];
    if (arg.kwarg_only) put_star();
    if (s.out && !factory && arg.kwarg_only && arg.type == Type::DType) {
      put_out();
      factory = true;
    }
    std::string part = concat(type_text(arg), " ", shown_name(arg, face));
    bool pin = !std::strcmp(arg.name, "pin_memory");
    if (arg.has_default) part += pin ? " = False" : " = " + default_text(arg);
    put(part);
    if (pin) put("bool requires_grad = False");
  }
  if (s.out && !factory) put_out();
  return text + ")";
}

// Functional overloads, each with its out= form.
std::vector<Shape> shapes_of(const Op* const* overloads, int n) {
  std::vector<Shape> shapes;
  for (int i = 0; i < n; i++)
    if (!overloads[i]->out_variant) shapes.push_back({overloads[i], nullptr});
  for (int i = 0; i < n; i++) {
    const Op* out = overloads[i];
    if (!out->out_variant) continue;
    int inputs = 0;
    while (inputs < out->nargs && !out->args[inputs].out) inputs++;
    bool found = false;
    for (Shape& s : shapes) {
      bool same = inputs <= s.op->nargs && !s.out;
      for (int k = 0; k < inputs && same; k++)
        same = !std::strcmp(out->args[k].name, s.op->args[k].name) && out->args[k].type == s.op->args[k].type;
      if (same) {
        s.out = out;
        found = true;
        break;
      }
    }
    if (!found) shapes.push_back({out, nullptr});
  }
  std::stable_sort(shapes.begin(), shapes.end(), [](const Shape& a, const Shape& b) { return a.op->nargs < b.op->nargs; });
  return shapes;
}

std::string given_text(const CallArguments& call, Face face) {
  std::string text;
  for (size_t i = face == Face::Method ? 1 : 0; i < call.npositional; i++) {
    if (!text.empty()) text += ", ";
    PyObject* o = call.args[i];
    text += type_name(o);
    if ((PyTuple_Check(o) || PyList_Check(o)) && !PyObject_TypeCheck(o, &SizeType)) {
      text += " of (";
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); k++)
        text += concat(k ? ", " : "", type_name(PySequence_Fast_GET_ITEM(o, k)));
      text += ")";
    }
  }
  for (size_t k = 0; k < call.nkeywords(); k++) {
    if (!text.empty() && !text.ends_with(", ")) text += ", ";
    text += concat(utf8(call.keyword(k)), "=", type_name(call.value(k)), ", ");
  }
  if (call.nkeywords() && call.npositional > size_t(face == Face::Method)) text.resize(text.size() - 2);
  return text;
}

bool takes(PyObject* o, const ArgSchema& arg) {
  Arena arena;
  Value v;
  return convert(o, arg, arena, false, nullptr, v);
}

[[noreturn]] void wrong_type(const char* name, const ArgSchema& arg, Face face, PyObject* o, size_t position) {
  if (arg.list && arg.type == Type::Tensor && (PyTuple_Check(o) || PyList_Check(o))) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
      if (!is_tensor(PySequence_Fast_GET_ITEM(o, i)))
        fail(ErrorKind::Type, "expected Tensor as element ", int64_t(i), " in argument ", int64_t(position ? position - 1 : 0),
             ", but got ", type_name(PySequence_Fast_GET_ITEM(o, i)));
  }
  if (position) {
    fail(ErrorKind::Type, name, "(): argument '", shown_name(arg, face), "' (position ", int64_t(position), ") must be ",
         type_text(arg), ", not ", type_name(o));
  }
  fail(ErrorKind::Type, name, "(): argument '", shown_name(arg, face), "' must be ", type_text(arg), ", not ", type_name(o));
}

int find_argument(const Op& op, int first, PyObject* keyword, Face face) {
  for (int i = first; i < op.nargs; i++)
    if (named(keyword, op.args[i].name)) return i;
  for (int i = first; i < op.nargs; i++)
    if (is_alias(op.args[i].name, keyword, face)) return i;
  return -1;
}

[[noreturn]] void explain(const Shape& shape, const char* name, Face face, const CallArguments& call) {
  const Op& op = *shape.op;
  int first = face == Face::Method ? 1 : 0, positional = 0;
  for (int i = first; i < op.nargs && !op.args[i].kwarg_only && !op.args[i].out; i++) positional++;
  size_t given = call.npositional - size_t(first);
  bool varargs =
      positional == 1 && op.args[first].list && op.args[first].type == Type::Int && given && is_integer(call.args[first]);
  if (given > size_t(positional) && !varargs) {
    if (face == Face::Method && op.nargs == 1)
      fail(ErrorKind::Type, "TensorBase.", name, "() takes no arguments (", int64_t(given), " given)");
    fail(ErrorKind::Type, name, "() takes ", positional, " positional argument", positional == 1 ? "" : "s", " but ",
         int64_t(given), given == 1 ? " was" : " were", " given");
  }
  uint64_t have = 0;
  for (size_t i = 0; i < given && i < size_t(positional); i++) {
    const ArgSchema& arg = op.args[first + int(i)];
    have |= uint64_t(1) << (first + int(i));
    PyObject* o = call.args[size_t(first) + i];
    if (!(varargs && i == 0) && !takes(o, arg)) wrong_type(name, arg, face, o, i + 1);
  }
  std::string missing;
  int nmissing = 0;
  for (int i = first; i < op.nargs; i++) {
    bool by_name = false;
    for (size_t k = 0; k < call.nkeywords(); k++) by_name |= find_argument(op, first, call.keyword(k), face) == i;
    if (have >> i & 1 || by_name || op.args[i].has_default || op.args[i].out) continue;
    missing += concat(nmissing++ ? ", " : "", "\"", shown_name(op.args[i], face), "\"");
  }
  if (nmissing) fail(ErrorKind::Type, name, "() missing ", nmissing, " required positional arguments: ", missing);
  for (size_t k = 0; k < call.nkeywords(); k++) {
    PyObject* keyword = call.keyword(k);
    int at = find_argument(op, first, keyword, face);
    if (at < 0) {
      if (named(keyword, "out") && shape.out) {
        if (!is_tensor(call.value(k)) && !PyTuple_Check(call.value(k)) && !PyList_Check(call.value(k)))
          fail(ErrorKind::Type, name, "(): argument 'out' must be Tensor, not ", type_name(call.value(k)));
        continue;
      }
      if (named(keyword, "requires_grad") && !PyBool_Check(call.value(k)) &&
          find_argument(op, 0, PyRef::steal(intern("pin_memory")).get(), face) >= 0)
        fail(ErrorKind::Type, name, "(): argument 'requires_grad' must be bool, not ", type_name(call.value(k)));
      fail(ErrorKind::Type, name, "() got an unexpected keyword argument '", utf8(keyword), "'");
    }
    if (have >> at & 1) fail(ErrorKind::Type, name, "() got multiple values for argument '", utf8(keyword), "'");
    if (!takes(call.value(k), op.args[at])) wrong_type(name, op.args[at], face, call.value(k), 0);
  }
  fail(ErrorKind::Type, name, "() received an invalid combination of arguments - got (", given_text(call, face),
       "), but expected ", signature(shape, face));
}

// "(!str!)" under a signature whose number of arguments is right: marks those of a wrong type.
std::string marked(const Shape& s, Face face, const CallArguments& call) {
  size_t first = face == Face::Method ? 1 : 0;
  if (call.nkeywords() || call.npositional == first || int(call.npositional) != s.op->nargs + (s.out ? 1 : 0)) return {};
  std::string text;
  for (size_t i = first; i < call.npositional; i++) {
    if (int(i) >= s.op->nargs || s.op->args[i].kwarg_only || s.op->args[i].out) return {};
    bool ok = takes(call.args[i], s.op->args[i]);
    text += concat(text.empty() ? "" : ", ", ok ? "" : "!", type_name(call.args[i]), ok ? "" : "!");
  }
  for (int i = int(call.npositional); i < s.op->nargs; i++)
    if (!s.op->args[i].has_default) return {};
  return concat("      didn't match because some of the arguments have invalid types: (", text, ")\n");
}

}  // namespace

void explain_mismatch(const Op* const* overloads, int noverloads, const char* name, Face face, const CallArguments& call) {
  std::vector<Shape> shapes = shapes_of(overloads, noverloads);
  size_t count = call.npositional - (face == Face::Method) + call.nkeywords();
  std::vector<Shape> plausible;
  for (const Shape& s : shapes)
    if (size_t(s.op->nargs - (face == Face::Method) + (s.out ? 1 : 0)) >= count) plausible.push_back(s);
  if (shapes.size() == 1) explain(shapes[0], name, face, call);
  if (plausible.size() == 1 && count) explain(plausible[0], name, face, call);
  std::string text = concat(name, "() received an invalid combination of arguments - got (", given_text(call, face),
                            "), but expected one of:\n");
  for (const Shape& s : shapes) text += concat(" * ", signature(s, face), "\n", marked(s, face, call));
  throw Error(ErrorKind::Type, text);
}

}  // namespace kindling::python
