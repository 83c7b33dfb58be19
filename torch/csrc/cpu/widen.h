// Calls of kernels in dtypes that are narrower than what their code is written for.
#pragma once
#include "../dispatch/op.h"

namespace kindling {

// Does a tensor among the arguments have one of the dtypes of `narrow` (bit DType)?
inline bool any_narrow(const Op& op, const Value* args, uint32_t narrow) {
  auto is_narrow = [&](const Value& v) { return v.is_tensor() && narrow >> int(v.tensor_->dtype) & 1; };
  for (int i = 0; i < op.nargs; i++) {
    if (is_narrow(args[i])) return true;
    for (const Value& v : args[i].list())
      if (is_narrow(v)) return true;
  }
  return false;
}

// Runs the kernel on arguments converted to their computing dtype and rounds its results back. False, and nothing done, where
// dtypes are mixed: then the kernel says what it thinks of that.
bool call_widened(const Op& op, const Value* args, OwnedValue* rets, uint32_t narrow);

}  // namespace kindling
