// What this thread has switched on. `interposed` is the one flag that the fast path of a call tests.
#pragma once
#include <cstdint>

namespace kindling {

struct ThreadState {
  bool grad_enabled = true;
  bool inference_mode = false;
  bool below_autograd = false;  // inside a kernel: nothing is recorded
  bool interposed = false;      // function_modes || dispatch_modes || transforms: take the slow path
  bool autocast = false;        // some device's autocast is on (dispatch/autocast.h) and this is not one of its casts
  bool anomaly = false, anomaly_nan = true;
  bool forward_ad = false;               // a dual level is open
  bool forward_grad_enabled = true;      // forward-mode AD is on (forward_ad._set_fwd_grad_enabled)
  bool torch_function_disabled = false;  // DisableTorchFunction(Subclass)
  bool torch_dispatch_disabled = false;  // inside a __torch_dispatch__ handler that asked for plain tensors
  bool multithreading = true;            // torch.autograd.set_multithreading_enabled
  bool view_replay = false;              // regenerate the grad_fn of views by replaying them instead of as_strided
  int32_t dispatch_modes = 0;            // TorchDispatchModes on the stack (python/modes.cpp owns it)
  int32_t vmap_level = 0;                // the innermost vmap in force (vmap/batch.h)
  int32_t function_modes = 0;
  void* saved_tensor_hooks = nullptr;  // stack of (pack, unpack), python-owned
};
extern thread_local constinit ThreadState tls;

struct BelowAutograd {
  bool before;
  BelowAutograd() : before(tls.below_autograd) { tls.below_autograd = true; }
  ~BelowAutograd() { tls.below_autograd = before; }
};
struct GradMode {
  bool before;
  explicit GradMode(bool on) : before(tls.grad_enabled) { tls.grad_enabled = on; }
  ~GradMode() { tls.grad_enabled = before; }
};
// For code that a kernel calls and that is to be recorded after all (backward inside of a handler).
struct AboveAutograd {
  bool before;
  AboveAutograd() : before(tls.below_autograd) { tls.below_autograd = false; }
  ~AboveAutograd() { tls.below_autograd = before; }
};

// Set by python/: handlers of the slow path. Return false to go on as if no mode were there.
struct Op;
struct Value;
class OwnedValue;
extern bool (*python_dispatch)(const Op&, const Value* args, OwnedValue* rets);
extern void (*python_composite)(const Op&, const Value* args, OwnedValue* rets);
extern bool unusual_tensors_exist;  // some tensor was made with PythonDispatch or Batched: calls must look at flags

}  // namespace kindling
