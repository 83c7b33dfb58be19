#include "dtype.h"

#include <atomic>
#include <bit>
#include <cmath>

#include "error.h"

namespace kindling {

float to_float(bfloat16 h) { return std::bit_cast<float>(uint32_t(h.bits) << 16); }

bfloat16 to_bfloat16(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  if (f != f) return {uint16_t(0x7fc0)};
  return {uint16_t((u + 0x7fff + (u >> 16 & 1)) >> 16)};
}

// The exponent is rebased by a multiplication, so that subnormals become normal numbers without a loop.
float to_float(half h) {
  const uint32_t sign = uint32_t(h.bits & 0x8000) << 16, magnitude = h.bits & 0x7fff;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

half to_half(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
  if (magnitude > 0x7f800000) return {uint16_t(sign | 0x7e00)};
  if (magnitude >= 0x477ff000) return {uint16_t(sign | 0x7c00)};  // 65520 and above round to infinity
  if (magnitude < 0x38800000) {                                   // subnormal half: the adder rounds at 2^-24
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return {uint16_t(sign | (std::bit_cast<uint32_t>(rounded) - 0x3f000000))};
  }
  return {uint16_t(sign | ((magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13))};
}

// Exponent and mantissa bits and bias of the 8-bit floats; fnuz ones have one NaN (0x80), e5m2 alone has infinities.
struct Float8 {
  int mantissa, bias;
  bool fnuz, inf;
};

static Float8 float8_format(DType d) {
  switch (d) {
    case DType::float8_e5m2: return {2, 15, false, true};
    case DType::float8_e4m3fn: return {3, 7, false, false};
    case DType::float8_e5m2fnuz: return {2, 16, true, false};
    default: return {3, 8, true, false};
  }
}

float float8_to_float(uint8_t bits, DType d) {
  if (d == DType::float8_e8m0fnu) return bits == 255 ? NAN : std::ldexp(1.0f, int(bits) - 127);
  const Float8 f = float8_format(d);
  const int magnitude = bits & 127, e = magnitude >> f.mantissa, m = magnitude & ((1 << f.mantissa) - 1);
  const float sign = bits & 128 ? -1.0f : 1.0f;
  if (f.fnuz && bits == 128) return NAN;
  if (f.inf && e == 31) return m ? NAN : sign * INFINITY;
  if (!f.fnuz && !f.inf && magnitude == 127) return NAN;
  return sign *
         (e ? std::ldexp(float(m + (1 << f.mantissa)), e - f.bias - f.mantissa) : std::ldexp(float(m), 1 - f.bias - f.mantissa));
}

// A power of two: the exponent, rounded to nearest (ties to even) by the mantissa.
static uint8_t to_e8m0(float v) {
  const uint32_t u = std::bit_cast<uint32_t>(v), e = u >> 23 & 255, m = u & 0x7fffff;
  if (e == 255) return 255;
  const bool up = e == 0 ? m > 0x400000 : m > 0x400000 || (m == 0x400000);
  return uint8_t(e + up);
}

uint8_t float_to_float8(float v, DType d) {
  if (d == DType::float8_e8m0fnu) return to_e8m0(v);
  const Float8 f = float8_format(d);
  const uint8_t sign = std::signbit(v) ? 128 : 0, nan = f.fnuz ? 128 : 127;
  if (v != v) return f.fnuz ? nan : uint8_t(sign | nan);
  const uint8_t overflow = f.fnuz ? nan : uint8_t(sign | (f.inf ? 124 : 127));
  const int largest = f.inf ? 123 : f.fnuz ? 127 : 126;
  if (std::isinf(v)) return overflow;
  const float a = std::fabs(v);
  const int e = std::max(a > 0 ? std::ilogb(a) : -1000, 1 - f.bias);
  const float steps = a > 0 ? std::nearbyint(std::ldexp(a, f.mantissa - e)) : 0;    // in units of the last place: ties to even
  const int code = steps == 0 ? 0 : int(steps) + ((e + f.bias - 1) << f.mantissa);  // a carry moves into the exponent
  if (code > largest) return overflow;
  return code == 0 && f.fnuz ? 0 : uint8_t(sign | code);
}

const char* legacy_name(DType d) {
  static const char* const names[] = {"Bool",           "Byte",        "Char",          "Short",           "Int",
                                      "Long",           "UInt16",      "UInt32",        "UInt64",          "Half",
                                      "BFloat16",       "Float",       "Double",        "ComplexHalf",     "ComplexFloat",
                                      "ComplexDouble",  "Float8_e5m2", "Float8_e4m3fn", "Float8_e5m2fnuz", "Float8_e4m3fnuz",
                                      "Float8_e8m0fnu", "Undefined"};
  return names[int(d)];
}

static std::atomic<DType> default_float{DType::float32};

DType default_dtype() { return default_float.load(std::memory_order_relaxed); }

void set_default_dtype(DType d) {
  KD_CHECK(is_floating(d) && !is_float8(d), Type, "only floating-point types are supported as the default type");
  default_float.store(d, std::memory_order_relaxed);
}

}  // namespace kindling
