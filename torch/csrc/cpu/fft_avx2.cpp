#if defined(__x86_64__)
#include <algorithm>

#include "fft.h"

#pragma GCC optimize("O3")
#pragma GCC target("avx2")

namespace kindling::fft {
namespace {
#include "fft_kernel.h"
}
const Passes avx2_passes = {pass<float>, pass<double>};
}  // namespace kindling::fft
#endif
