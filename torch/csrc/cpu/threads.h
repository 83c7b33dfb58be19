// The pool of threads: the caller works too, takes what nobody else took, and never waits for a thread that has not started.
#pragma once
#include <cstdint>
#include <type_traits>

namespace kindling {

int get_num_threads();
void set_num_threads(int n);  // ValueError-like Runtime error unless n > 0
bool in_parallel_region();

namespace threads {
using Body = void (*)(void* context, int64_t begin, int64_t end);
// Runs body over [begin, end) in chunks of at least `grain`; returns when all are done; rethrows the first exception.
void run(int64_t begin, int64_t end, int64_t grain, Body body, void* context);
}  // namespace threads

// fn(b, e) over disjoint parts of [begin, end), which together cover it; inline when it is not worth a thread or when nested.
// Parts begin at multiples of `grain` from `begin`, so a grain of whole cache lines shares none between threads.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, F&& fn) {
  if (end <= begin) return;
  if (end - begin <= grain || get_num_threads() == 1 || in_parallel_region()) {
    fn(begin, end);
    return;
  }
  using Fn = std::remove_reference_t<F>;
  threads::run(
      begin, end, grain, [](void* f, int64_t b, int64_t e) { (*static_cast<Fn*>(f))(b, e); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

}  // namespace kindling
