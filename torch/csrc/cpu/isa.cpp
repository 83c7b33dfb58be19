// The instruction set that this process uses, found once when the library is loaded.
#include <cstdlib>
#include <cstring>

#include "kernel_table.h"

namespace kindling {

namespace {

#if defined(__x86_64__)
constexpr const char* kNames[] = {"scalar", "avx2", "avx512"};

Isa best() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return kAvx512;
  return __builtin_cpu_supports("x86-64-v3") ? kAvx2 : kScalar;
}
#else
constexpr const char* kNames[] = {"scalar", "neon"};

Isa best() { return kNeon; }
#endif

// KINDLING_ISA names a lower one, for tests and measurements.
Isa chosen() {
  const Isa found = best();
  const char* wanted = std::getenv("KINDLING_ISA");
  for (int i = 0; wanted && i < found; i++)
    if (!std::strcmp(wanted, kNames[i])) return Isa(i);
  return found;
}

}  // namespace

Isa isa = chosen();

}  // namespace kindling
