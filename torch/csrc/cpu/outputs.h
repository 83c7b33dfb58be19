// out= forms made from a functional operator that ask more of the outputs given than derived_form (families.h) does.
#pragma once
#include "../dispatch/op.h"

namespace kindling {

void exact_form(const Op& op, const Value* args, OwnedValue* rets);  // the dtypes of the results; cpu/copy.cpp
void apart_form(const Op& op, const Value* args, OwnedValue* rets);  // no memory shared with an input
void exact_apart_form(const Op& op, const Value* args, OwnedValue* rets);

inline constexpr const char* kSharedWithInput =
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
    "Please clone() the tensor before performing the operation.";

}  // namespace kindling
