// The driver of all element-wise operators.
#pragma once
#include "families.h"
#include "walk.h"

namespace kindling {

// One operand of a pass: how it lies in memory, and what the kernel reads or writes.
struct Slot {
  DType stored, held;
  bool conj = false, neg = false;
};

// Runs `kernel` over operands that a walk has arranged, the first `nout` of them written; operands whose stored form is not
// what the kernel takes go through buffers that stay in cache.
void run_pointwise(const Walk& walk, const Slot* slots, int nout, PointwiseKernel kernel, const char* scalars);

// PyTorch's rules for tensors that are written to.
void check_writable(const Tensor& out, const Tensor& input);  // partial overlap
void check_no_internal_overlap(const Tensor& out);
void resize_output(const Tensor& out, IntList sizes);  // warns unless it was empty

}  // namespace kindling
