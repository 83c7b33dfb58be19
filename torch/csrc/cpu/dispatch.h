// Calls a template with the C++ type of a dtype, and moves values between storage and computing types.
#pragma once
#include <bit>
#include <concepts>

#include "../core/tensor.h"

namespace kindling {

template <class T>
struct Of {
  using type = T;
};

// Groups of dtypes for `visit`.
enum VisitMask : uint32_t {
  kBoolT = 1,
  kIntsT = 2,
  kWideUnsignedT = 4,
  kFloatsT = 8,
  kHalvesT = 16,
  kComplexT = 32,
  kRealT = kIntsT | kFloatsT | kHalvesT,
  kOrderedT = kRealT | kBoolT | kWideUnsignedT,
  kAnyT = kOrderedT | kComplexT,
};

[[noreturn]] inline void fail_dtype(std::string_view name, DType d) {
  fail(ErrorKind::NotImplemented, '"', name, "\" not implemented for '", legacy_name(d), "'");
}

// f(Of<T>()) for the type T that stores `d`; NotImplementedError when `d` is in none of the groups of `Mask`.
template <uint32_t Mask, class F>
decltype(auto) visit(DType d, std::string_view name, F&& f) {
#define KD_CASE(group, id, T)                        \
  case DType::id:                                    \
    if constexpr (Mask & (group)) return f(Of<T>()); \
    else break;
  switch (d) {
    KD_CASE(kBoolT, bool_, bool)
    KD_CASE(kIntsT, uint8, uint8_t)
    KD_CASE(kIntsT, int8, int8_t)
    KD_CASE(kIntsT, int16, int16_t)
    KD_CASE(kIntsT, int32, int32_t)
    KD_CASE(kIntsT, int64, int64_t)
    KD_CASE(kWideUnsignedT, uint16, uint16_t)
    KD_CASE(kWideUnsignedT, uint32, uint32_t)
    KD_CASE(kWideUnsignedT, uint64, uint64_t)
    KD_CASE(kFloatsT, float32, float)
    KD_CASE(kFloatsT, float64, double)
    KD_CASE(kHalvesT, float16, half)
    KD_CASE(kHalvesT, bfloat16, bfloat16)
    KD_CASE(kComplexT, complex64, std::complex<float>) KD_CASE(kComplexT, complex128, std::complex<double>) default : break;
  }
#undef KD_CASE
  fail_dtype(name, d);
}

struct Bytes16 {
  uint64_t low, high;
};

// f(Of<T>()) for an unsigned type as wide as an element: enough for kernels that only move values.
template <class F>
decltype(auto) visit_width(int64_t itemsize, F&& f) {
  switch (itemsize) {
    case 1: return f(Of<uint8_t>());
    case 2: return f(Of<uint16_t>());
    case 4: return f(Of<uint32_t>());
    case 8: return f(Of<uint64_t>());
    default: return f(Of<Bytes16>());
  }
}

template <class T>
constexpr bool is_half = std::same_as<T, half> || std::same_as<T, bfloat16>;
template <class T>
constexpr bool is_complex_type = std::same_as<T, std::complex<float>> || std::same_as<T, std::complex<double>>;
template <class T>
constexpr bool is_float_type = std::floating_point<T> || is_half<T>;

// The type in which values stored as T are computed.
template <class T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<half> {
  using type = float;
};
template <>
struct ComputeType<bfloat16> {
  using type = float;
};
template <class T>
using compute_t = typename ComputeType<T>::type;

template <class C, class T>
inline C load_as(T x) {
  if constexpr (std::same_as<T, bfloat16>) return C(std::bit_cast<float>(uint32_t(x.bits) << 16));
  else if constexpr (is_half<T>) return C(to_float(x));
  else if constexpr (is_complex_type<T> && !is_complex_type<C>) return C(x.real());
  else return C(x);
}
template <class T>
inline compute_t<T> load(T x) {
  return load_as<compute_t<T>>(x);
}

template <class T, class C>
inline T store_as(C x) {
  if constexpr (std::same_as<T, half>) return to_half(float(x));
  else if constexpr (std::same_as<T, bfloat16>) return to_bfloat16(float(x));
  else if constexpr (std::same_as<T, bool>) return x != C(0);
  else return T(x);
}

template <class T>
inline bool is_nan(T x) {
  if constexpr (is_float_type<T>) {
    auto v = load(x);
    return v != v;
  } else return false;
}

}  // namespace kindling
