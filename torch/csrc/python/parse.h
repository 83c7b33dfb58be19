// Python arguments -> Value arguments of the first overload that takes them.
#pragma once
#include "python.h"

namespace kindling::python {

constexpr int kMaxArguments = 40;

struct CallArguments {    // as vectorcall passes them
  PyObject* const* args;  // positional ones, then those of kwnames
  size_t npositional;
  PyObject* kwnames;  // null: none
  size_t nkeywords() const { return kwnames ? size_t(PyTuple_GET_SIZE(kwnames)) : 0; }
  PyObject* keyword(size_t i) const { return PyTuple_GET_ITEM(kwnames, i); }
  PyObject* value(size_t i) const { return args[npositional + i]; }
  PyObject* find(const char* name) const;  // the keyword argument of that name, or null; borrowed
};

// How a callable shows itself: torch.add takes `input`, Tensor.add does not name it, torch.ops.aten.add takes `self`.
enum class Face : uint8_t { Function, Method, Operator };

struct Parse {
  const Op* op = nullptr;
  bool requires_grad = false;         // a factory's extra argument
  bool saw_number_like = false;       // a tensor or NumPy number stands where a number is wanted
  std::vector<PyObject*> overloaded;  // arguments with __torch_function__, borrowed
  Arena arena;
  alignas(Value) char storage[kMaxArguments * sizeof(Value)];
  Value* values() { return reinterpret_cast<Value*>(storage); }
};

// Chooses the overload and fills values(). TypeError worded as PyTorch's when none fits.
void parse(const Op* const* overloads, int noverloads, const char* name, Face face, const CallArguments& call, Parse& out);
[[noreturn]] void explain_mismatch(const Op* const* overloads, int noverloads, const char* name, Face face,
                                   const CallArguments& call);

std::string type_text(const ArgSchema& arg);  // "Tensor", "tuple of ints": how errors show an argument's type
bool named(PyObject* str, const char* name);
bool is_alias(const char* schema_name, PyObject* keyword, Face face);  // `axis` for dim, `input` for self

// Is `strict` off, a 0-dim tensor serves as a number.
bool convert(PyObject* o, const ArgSchema& arg, Arena& arena, bool strict, Parse* parse, Value& out);

}  // namespace kindling::python
