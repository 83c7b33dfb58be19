// Autocast: the layer above all others that converts the arguments of the operators in torch/_opdefs/autocast.py.
#pragma once
#include "op.h"

namespace kindling {

// What `torch.autocast` has set in this thread, per kind of device.
struct AutocastState {
  bool cpu = false, cuda = false;
  DType cpu_dtype = DType::bfloat16, cuda_dtype = DType::float16;
  bool cache = true;  // keep casts of leaves that require grad until the outermost context ends
  int nesting = 0;
};
extern thread_local constinit AutocastState autocast;

void set_autocast(DeviceType device, bool on);
void clear_autocast_cache();

// Converts the arguments by `op.cast` and calls the operator with this layer off.
void call_autocast(const Op& op, const Value* args, OwnedValue* rets);

}  // namespace kindling
