// Calling operators by name from hand-written bindings: looked up once, missing arguments from the schema's defaults.
#pragma once
#include "python.h"

namespace kindling::python {

struct OpRef {
  const char* name;
  const char* overload = "";
  const Op* op = nullptr;

  const Op& get() {
    if (!op) op = find_op(name, overload);
    if (!op) fail(ErrorKind::Runtime, "the operator aten::", name, *overload ? "." : "", overload, " is not part of this build");
    return *op;
  }
  OwnedValue call(std::initializer_list<Value> args) {
    constexpr size_t kMost = 16;
    const Op& o = get();
    Value values[kMost];
    size_t i = 0;
    for (const Value& v : args) values[i++] = v;
    for (; i < o.nargs && i < kMost; i++) values[i] = o.args[i].default_value;
    OwnedValue ret;
    kindling::call(o, values, &ret);
    return ret;
  }
  Tensor operator()(std::initializer_list<Value> args) { return call(args).take(); }
};

}  // namespace kindling::python
