// A Python number: bool, int, float or complex.
#pragma once
#include <complex>
#include <cstdint>

#include "dtype.h"

namespace kindling {

struct Scalar {
  enum class Type : uint8_t { Bool, Int, Float, Complex } type = Type::Int;
  union {
    int64_t i;
    double d;
  };
  double im = 0;

  constexpr Scalar(int64_t v = 0) : type(Type::Int), i(v) {}
  constexpr Scalar(int v) : type(Type::Int), i(v) {}
  constexpr Scalar(bool v) : type(Type::Bool), i(v) {}
  constexpr Scalar(double v) : type(Type::Float), d(v) {}
  constexpr Scalar(std::complex<double> v) : type(Type::Complex), d(v.real()), im(v.imag()) {}

  bool is_integral() const { return type <= Type::Int; }
  bool is_complex() const { return type == Type::Complex; }
  double to_double() const { return is_integral() ? double(i) : d; }
  int64_t to_int() const { return is_integral() ? i : int64_t(d); }
  bool to_bool() const { return is_integral() ? i != 0 : (d != 0 || im != 0); }
  std::complex<double> to_complex() const { return {to_double(), im}; }
  DType dtype() const {  // dtype of the 0-dim tensor it wraps into, before default-dtype rules
    return type == Type::Bool    ? DType::bool_
           : type == Type::Int   ? DType::int64
           : type == Type::Float ? DType::float64
                                 : DType::complex128;
  }
  bool operator==(const Scalar& o) const { return to_complex() == o.to_complex(); }
};

void put(std::string& s, const Scalar& v);  // as Python prints it; for messages

Scalar operator-(const Scalar& a);
Scalar operator+(const Scalar& a, const Scalar& b);
Scalar operator-(const Scalar& a, const Scalar& b);
Scalar operator*(const Scalar& a, const Scalar& b);
Scalar operator/(const Scalar& a, const Scalar& b);  // true division
bool operator<(const Scalar& a, const Scalar& b);
bool operator>(const Scalar& a, const Scalar& b);

}  // namespace kindling
