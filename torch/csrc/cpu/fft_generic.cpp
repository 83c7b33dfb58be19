#include <algorithm>

#include "fft.h"

#pragma GCC optimize("O3")

namespace kindling::fft {
namespace {
#include "fft_kernel.h"
}
const Passes generic_passes = {pass<float>, pass<double>};
}  // namespace kindling::fft
