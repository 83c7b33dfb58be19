// Symbolic sizes: where a tensor's size is a formula, the int64 that stands for it is a tag, an entry of a table that python/
// keeps. Tags are spread over a band no true size reaches, so that code which only hands sizes on needs to know nothing.
// Equal formulas have equal tags. Arithmetic on tags goes through `symbolic_product` or leaves the table, which is noticed.
#pragma once
#include "dims.h"

namespace kindling {

constexpr int64_t kSymbolic = int64_t(1) << 61;
inline bool is_symbolic(int64_t v) { return v >= kSymbolic; }
inline bool any_symbolic(IntList v) {
  for (int64_t x : v)
    if (is_symbolic(x)) return true;
  return false;
}

extern bool symbolic_sizes_exist;                      // some tag was made
extern int64_t (*symbolic_product)(int64_t, int64_t);  // python/ sets it
extern bool (*symbolic_equal)(int64_t, int64_t);       // what a guard has made equal, or makes equal now
inline bool same_sizes(IntList a, IntList b) {
  auto equal = [](int64_t x, int64_t y) { return x == y || ((is_symbolic(x) || is_symbolic(y)) && symbolic_equal(x, y)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}
inline int64_t product(int64_t a, int64_t b) {
  return __builtin_expect(is_symbolic(a) || is_symbolic(b), 0) ? symbolic_product(a, b) : a * b;
}

}  // namespace kindling
