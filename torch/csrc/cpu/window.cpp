// Window functions: weights that let a piece of a signal begin and end softly.
#include <cmath>

#include "kernels.h"

namespace kindling {

namespace {

using MaybeLayout = std::optional<Layout>;
using MaybeDevice = std::optional<Device>;
using Pin = std::optional<bool>;

constexpr double kPi = 3.14159265358979323846;

// w(k, n - 1) for k < length, where a periodic window is one of n = length + 1 without its last element.
template <class F>
Tensor window(const char* name, int64_t length, bool periodic, DType dtype, MaybeLayout layout, MaybeDevice device, F&& w) {
  KD_CHECK(length >= 0, Runtime, name, " requires non-negative window_length, got window_length=", length);
  KD_CHECK(!layout || *layout == Layout::strided, Runtime, name,
           " is not implemented for sparse types, got: ", to_string(*layout));
  if (dtype == DType::none) dtype = default_dtype();
  KD_CHECK(is_floating(dtype), Runtime, name, " expects floating point dtypes, got: ", info(dtype).name);
  Tensor t = empty(Dims{length}, {dtype, device.value_or(Device{})});
  if (t.is_meta()) return t;
  const double last = double(length - !periodic);
  for (int64_t k = 0; k < length; k++) {
    const double value = length == 1 ? 1 : w(double(k), last);
    store_scalar(t.raw() + k * t.itemsize(), Scalar(value), dtype);
  }
  return t;
}

auto cosines(double a, double b, double c) {
  return [=](double k, double last) { return a - b * std::cos(2 * kPi * k / last) + c * std::cos(4 * kPi * k / last); };
}

// Modified Bessel function of order zero: sum of (x / 2)^2k / k!^2.
double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; term > sum * 1e-17; k++) {
    term *= x * x / (4.0 * k * k);
    sum += term;
  }
  return sum;
}

}  // namespace

namespace kernels {

Tensor hann_window_periodic(int64_t n, bool periodic, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return window("hann_window", n, periodic, dtype, layout, device, cosines(0.5, 0.5, 0));
}
Tensor hann_window(int64_t n, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return hann_window_periodic(n, true, dtype, layout, device, pin);
}

Tensor hamming_window_periodic_alpha_beta(int64_t n, bool periodic, double alpha, double beta, DType dtype, MaybeLayout layout,
                                          MaybeDevice device, Pin) {
  return window("hamming_window", n, periodic, dtype, layout, device, cosines(alpha, beta, 0));
}
Tensor hamming_window_periodic_alpha(int64_t n, bool periodic, double alpha, DType dtype, MaybeLayout layout, MaybeDevice device,
                                     Pin pin) {
  return hamming_window_periodic_alpha_beta(n, periodic, alpha, 0.46, dtype, layout, device, pin);
}
Tensor hamming_window_periodic(int64_t n, bool periodic, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return hamming_window_periodic_alpha(n, periodic, 0.54, dtype, layout, device, pin);
}
Tensor hamming_window(int64_t n, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return hamming_window_periodic(n, true, dtype, layout, device, pin);
}

Tensor blackman_window_periodic(int64_t n, bool periodic, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return window("blackman_window", n, periodic, dtype, layout, device, cosines(0.42, 0.5, 0.08));
}
Tensor blackman_window(int64_t n, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return blackman_window_periodic(n, true, dtype, layout, device, pin);
}

Tensor bartlett_window_periodic(int64_t n, bool periodic, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return window("bartlett_window", n, periodic, dtype, layout, device,
                [](double k, double last) { return 1 - std::fabs(2 * k / last - 1); });
}
Tensor bartlett_window(int64_t n, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return bartlett_window_periodic(n, true, dtype, layout, device, pin);
}

Tensor kaiser_window_beta(int64_t n, bool periodic, double beta, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return window("kaiser_window", n, periodic, dtype, layout, device, [beta](double k, double last) {
    const double x = 2 * k / last - 1;
    return bessel_i0(beta * std::sqrt(std::fmax(0, 1 - x * x))) / bessel_i0(beta);
  });
}
Tensor kaiser_window_periodic(int64_t n, bool periodic, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return kaiser_window_beta(n, periodic, 12, dtype, layout, device, pin);
}
Tensor kaiser_window(int64_t n, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return kaiser_window_periodic(n, true, dtype, layout, device, pin);
}

}  // namespace kernels
}  // namespace kindling
