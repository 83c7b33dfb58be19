#include "scalar.h"

#include "error.h"

namespace kindling {

void put(std::string& s, const Scalar& v) {
  using text::put;
  switch (v.type) {
    case Scalar::Type::Bool: put(s, v.i != 0); break;
    case Scalar::Type::Int: put(s, v.i); break;
    case Scalar::Type::Float: put(s, v.d); break;
    case Scalar::Type::Complex:
      s += '(';
      put(s, v.d);
      s += v.im < 0 ? "" : "+";
      put(s, v.im);
      s += "j)";
      break;
  }
}

// The arithmetic type of a and b: bool counts as int, as in Python.
template <class F>
static Scalar combine(const Scalar& a, const Scalar& b, F f) {
  if (a.is_complex() || b.is_complex()) return Scalar(std::complex<double>(f(a.to_complex(), b.to_complex())));
  if (a.is_integral() && b.is_integral()) return Scalar(int64_t(f(uint64_t(a.i), uint64_t(b.i))));
  return Scalar(double(f(a.to_double(), b.to_double())));
}

// -0.0 must come out of 0.0, so a float is negated, not subtracted from zero.
Scalar operator-(const Scalar& a) {
  if (a.is_complex()) return Scalar(-a.to_complex());
  return a.is_integral() ? Scalar(int64_t(-uint64_t(a.i))) : Scalar(-a.d);
}
Scalar operator+(const Scalar& a, const Scalar& b) {
  return combine(a, b, [](auto x, auto y) { return x + y; });
}
Scalar operator-(const Scalar& a, const Scalar& b) {
  return combine(a, b, [](auto x, auto y) { return x - y; });
}
Scalar operator*(const Scalar& a, const Scalar& b) {
  return combine(a, b, [](auto x, auto y) { return x * y; });
}
Scalar operator/(const Scalar& a, const Scalar& b) {
  if (a.is_complex() || b.is_complex()) return Scalar(a.to_complex() / b.to_complex());
  return Scalar(a.to_double() / b.to_double());
}

bool operator<(const Scalar& a, const Scalar& b) {
  KD_CHECK(!a.is_complex() && !b.is_complex(), Type, "complex numbers have no order: compare their abs() instead");
  return a.is_integral() && b.is_integral() ? a.i < b.i : a.to_double() < b.to_double();
}
bool operator>(const Scalar& a, const Scalar& b) { return b < a; }

}  // namespace kindling
