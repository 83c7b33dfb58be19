// Type promotion: the lattice of dtypes, and torch.result_type.
#include "tensor.h"

namespace kindling {

static bool is_barebones_unsigned(DType d) { return d == DType::uint16 || d == DType::uint32 || d == DType::uint64; }

static DType promote_floats(DType a, DType b) {
  const DType ra = to_real(a), rb = to_real(b);
  const DType real = ra == rb ? ra : ra == DType::float64 || rb == DType::float64 ? DType::float64 : DType::float32;
  return is_complex(a) || is_complex(b) ? to_complex(real) : real;
}

DType promote(DType a, DType b) {
  if (a == b || b == DType::none) return a;
  if (a == DType::none) return b;
  KD_CHECK(!is_float8(a) && !is_float8(b), Runtime, "Promotion for Float8 Types is not supported, attempted to promote ",
           legacy_name(a), " and ", legacy_name(b));
  const bool odd_a = is_barebones_unsigned(a), odd_b = is_barebones_unsigned(b);
  if (odd_a || odd_b) {
    if (odd_a && is_floating(b)) return b;
    if (odd_b && is_floating(a)) return a;
    fail(ErrorKind::Runtime, "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote ", legacy_name(a),
         " and ", legacy_name(b));
  }
  const bool float_a = is_differentiable(a), float_b = is_differentiable(b);
  if (float_a && float_b) return promote_floats(a, b);
  if (float_a || float_b) return float_a ? a : b;
  if (a == DType::bool_ || b == DType::bool_) return a == DType::bool_ ? b : a;
  if ((a == DType::uint8 && b == DType::int8) || (a == DType::int8 && b == DType::uint8)) return DType::int16;
  return itemsize(a) > itemsize(b) || (itemsize(a) == itemsize(b) && is_signed(a)) ? a : b;
}

bool can_cast(DType from, DType to) {
  if (is_complex(from)) return is_complex(to);
  if (is_floating(from)) return is_differentiable(to);
  return from == DType::bool_ || to != DType::bool_;
}

void ResultType::add(const Tensor& t) {
  const DType d = t.dtype();
  if (t.dim() > 0) dim = promote(dim, d);
  else if (!t.is_wrapped_number()) zero = promote(zero, d);
  else add_wrapped(d);
}

void ResultType::add(const Scalar& s) { add_wrapped(s.dtype()); }

void ResultType::add_wrapped(DType d) {
  if (is_complex(d)) d = to_complex(default_dtype());
  else if (is_floating(d)) d = default_dtype();
  wrapped = promote(wrapped, d);
}

// The lower category counts only where its kind is above that of the higher one.
static DType combine(DType higher, DType lower) {
  if (higher == DType::none) return lower;
  if (lower == DType::none || is_complex(higher)) return higher;
  if (is_floating(higher)) return is_complex(lower) ? to_complex(higher) : higher;
  return higher == DType::bool_ || is_differentiable(lower) ? promote(higher, lower) : higher;
}

DType ResultType::get() const { return combine(dim, combine(zero, wrapped)); }

}  // namespace kindling
