// The kernels shared by whole families of operators; each reads its table from the Op it is called with.
#pragma once
#include "kernel_table.h"

namespace kindling {

void pointwise_kernel(const Op& op, const Value* args, OwnedValue* rets);  // cpu/loop.cpp
void reduction_kernel(const Op& op, const Value* args, OwnedValue* rets);  // cpu/reduce.cpp
void scan_kernel(const Op& op, const Value* args, OwnedValue* rets);       // cpu/scan.cpp
void rows_kernel(const Op& op, const Value* args, OwnedValue* rets);       // cpu/rows.cpp
// In-place and out= forms of operators whose kernel only makes new tensors: run op.functional, then copy.
void derived_form(const Op& op, const Value* args, OwnedValue* rets);  // cpu/copy.cpp

}  // namespace kindling
