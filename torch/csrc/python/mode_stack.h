// The stacks of TorchDispatchModes and TorchFunctionModes of a thread.
#pragma once
#include "python.h"

namespace kindling::python {

// Modes that tracing puts on. Each is on at most once, and they lie below all others, in this order.
enum class ModeKey : int { Fake, Proxy, Functional };
constexpr int kModeKeys = 3;

struct ModeStack {
  std::vector<PyObject*> modes;  // owned, the innermost last
  int32_t* count;
  int keyed[kModeKeys] = {};  // 1: a mode of this key is on
  int keyed_count() const { return keyed[0] + keyed[1] + keyed[2]; }
};
ModeStack& dispatch_stack();
ModeStack& function_stack();
void update(ModeStack& s);
void push_mode(ModeStack& s, PyObject* mode);  // in its place, if it has a key

struct TakenMode {
  PyRef mode;
  int key;  // -1: none
};
TakenMode take_mode(ModeStack& s, size_t at);
void put_back(ModeStack& s, const TakenMode& taken) noexcept;

// Takes the innermost mode off for the length of a call of its handler.
struct Aside {
  ModeStack& stack;
  TakenMode taken;
  explicit Aside(ModeStack& s) : stack(s), taken(take_mode(s, s.modes.size() - 1)) {}
  Aside(const Aside&) = delete;
  ~Aside() { put_back(stack, taken); }
  PyObject* mode() const { return taken.mode.get(); }
};

void init_mode_stack(PyObject* module);

}  // namespace kindling::python
