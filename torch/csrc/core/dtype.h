// Element types. The table KD_DTYPES is the one list of them; everything about a dtype derives from its row.
#pragma once
#include <complex>
#include <cstdint>
#include <string>

namespace kindling {

// name, Python alias, bytes, kind, number in PyTorch's files (ScalarType)
#define KD_DTYPES(X)                                                     \
  X(bool_, "bool", "bool", 1, Bool, 11)                                  \
  X(uint8, "uint8", "uint8", 1, Unsigned, 0)                             \
  X(int8, "int8", "int8", 1, Signed, 1)                                  \
  X(int16, "int16", "short", 2, Signed, 2)                               \
  X(int32, "int32", "int", 4, Signed, 3)                                 \
  X(int64, "int64", "long", 8, Signed, 4)                                \
  X(uint16, "uint16", "uint16", 2, Unsigned, 27)                         \
  X(uint32, "uint32", "uint32", 4, Unsigned, 28)                         \
  X(uint64, "uint64", "uint64", 8, Unsigned, 29)                         \
  X(float16, "float16", "half", 2, Float, 5)                             \
  X(bfloat16, "bfloat16", "bfloat16", 2, Float, 15)                      \
  X(float32, "float32", "float", 4, Float, 6)                            \
  X(float64, "float64", "double", 8, Float, 7)                           \
  X(complex32, "complex32", "chalf", 4, Complex, 8)                      \
  X(complex64, "complex64", "cfloat", 8, Complex, 9)                     \
  X(complex128, "complex128", "cdouble", 16, Complex, 10)                \
  X(float8_e5m2, "float8_e5m2", "float8_e5m2", 1, Float, 23)             \
  X(float8_e4m3fn, "float8_e4m3fn", "float8_e4m3fn", 1, Float, 24)       \
  X(float8_e5m2fnuz, "float8_e5m2fnuz", "float8_e5m2fnuz", 1, Float, 25) \
  X(float8_e4m3fnuz, "float8_e4m3fnuz", "float8_e4m3fnuz", 1, Float, 26) \
  X(float8_e8m0fnu, "float8_e8m0fnu", "float8_e8m0fnu", 1, Float, 44)

enum class DType : uint8_t {
#define X(id, name, alias, bytes, kind, number) id,
  KD_DTYPES(X)
#undef X
      none,
};
constexpr int kDTypes = int(DType::none);

enum class Kind : uint8_t { Bool, Unsigned, Signed, Float, Complex };

struct DTypeInfo {
  const char* name;
  const char* alias;
  uint8_t bytes;
  Kind kind;
  uint8_t number;
};
inline constexpr DTypeInfo kDTypeInfo[] = {
#define X(id, name, alias, bytes, kind, number) {name, alias, bytes, Kind::kind, number},
    KD_DTYPES(X)
#undef X
        {"none", "none", 0, Kind::Bool, 255}};

inline const DTypeInfo& info(DType d) { return kDTypeInfo[int(d)]; }
inline int64_t itemsize(DType d) { return info(d).bytes; }
inline bool is_complex(DType d) { return info(d).kind == Kind::Complex; }
inline bool is_floating(DType d) { return info(d).kind == Kind::Float; }
inline bool is_differentiable(DType d) { return info(d).kind >= Kind::Float; }
inline bool is_integral(DType d, bool include_bool = true) {
  return info(d).kind < Kind::Float && (include_bool || d != DType::bool_);
}
inline bool is_signed(DType d) { return info(d).kind >= Kind::Signed; }
inline bool is_reduced_float(DType d) { return d == DType::float16 || d == DType::bfloat16; }
inline bool is_float8(DType d) { return d >= DType::float8_e5m2 && d <= DType::float8_e8m0fnu; }

inline DType to_real(DType d) {
  switch (d) {
    case DType::complex32: return DType::float16;
    case DType::complex64: return DType::float32;
    case DType::complex128: return DType::float64;
    default: return d;
  }
}
inline DType to_complex(DType d) {
  switch (d) {
    case DType::float16: return DType::complex32;
    case DType::float32:
    case DType::bfloat16: return DType::complex64;
    case DType::float64: return DType::complex128;
    default: return is_float8(d) ? DType::complex64 : d;
  }
}

// Storage-only float types; arithmetic converts them to float32 and rounds once (to nearest even).
struct half {
  uint16_t bits;
};
struct bfloat16 {
  uint16_t bits;
};
float to_float(half h);
float to_float(bfloat16 h);
half to_half(float f);
bfloat16 to_bfloat16(float f);
float float8_to_float(uint8_t bits, DType d);
uint8_t float_to_float8(float f, DType d);

template <class T>
struct DTypeOf;
#define KD_MAP(T, D)                         \
  template <>                                \
  struct DTypeOf<T> {                        \
    static constexpr DType value = DType::D; \
  };
KD_MAP(bool, bool_)
KD_MAP(uint8_t, uint8)
KD_MAP(int8_t, int8)
KD_MAP(int16_t, int16)
KD_MAP(int32_t, int32)
KD_MAP(int64_t, int64)
KD_MAP(uint16_t, uint16)
KD_MAP(uint32_t, uint32)
KD_MAP(uint64_t, uint64)
KD_MAP(half, float16)
KD_MAP(bfloat16, bfloat16)
KD_MAP(float, float32)
KD_MAP(double, float64)
KD_MAP(std::complex<float>, complex64)
KD_MAP(std::complex<double>, complex128)
#undef KD_MAP

// "Float", "Long", ...: the names in PyTorch's error messages and legacy tensor types.
const char* legacy_name(DType d);

DType default_dtype();  // torch.get_default_dtype()
void set_default_dtype(DType d);

}  // namespace kindling
