// Fourier transforms of lines: plans, and passes for each instruction set.
#pragma once
#include <cstdint>

namespace kindling::fft {

template <class T>
using Pass = void (*)(int radix, const T* xr, const T* xi, T* yr, T* yi, int64_t m, int64_t s, const T* twiddles, const T* roots);

struct Passes {
  Pass<float> single;
  Pass<double> twice;
};
extern const Passes generic_passes;
#if defined(__x86_64__)
extern const Passes avx2_passes;
#endif

}  // namespace kindling::fft
