// Operators that make tensors from nothing but sizes and numbers.
#include <cmath>
#include <limits>

#include "convert.h"
#include "copy.h"
#include "kernels.h"
#include "threads.h"
#include "walk.h"

namespace kindling {

namespace {

TensorOptions options_of(DType dtype, std::optional<Layout> layout, std::optional<Device> device) {
  KD_CHECK(!layout || *layout == Layout::strided, Runtime, "only tensors with layout torch.strided can be made here, got ",
           to_string(*layout));
  return {dtype == DType::none ? default_dtype() : dtype, device.value_or(Device{})};
}

TensorOptions options_like(const Tensor& t, DType dtype, std::optional<Layout> layout, std::optional<Device> device) {
  return options_of(dtype == DType::none ? t.dtype() : dtype, layout, device.value_or(t.device()));
}

Tensor make_like(const Tensor& t, TensorOptions o, std::optional<MemoryFormat> format) {
  const MemoryFormat f = format.value_or(MemoryFormat::preserve);
  if (f != MemoryFormat::preserve) return empty(t.sizes(), o, f);
  if (t.is_contiguous()) return empty(t.sizes(), o);
  if (o.device == t.device()) return empty_like(t, o.dtype);
  return empty_strided(t.sizes(),
                       t.is_non_overlapping_and_dense() ? Dims(t.strides()) : dense_strides_like(t.sizes(), t.strides()), o);
}

Tensor filled(Tensor t, const Scalar& value) {
  fill_with(t, value);
  return t;
}

// The dtype that a number asks for: integers stay, floats take the default.
DType inferred(const Scalar& s) {
  switch (s.type) {
    case Scalar::Type::Bool: return DType::bool_;
    case Scalar::Type::Int: return DType::int64;
    case Scalar::Type::Float: return default_dtype();
    default: return to_complex(default_dtype());
  }
}

// Writes value(i), computed in double, int64 or complex<double>, to every element of a contiguous tensor.
template <class C, class F>
void generate(const Tensor& t, F&& value) {
  constexpr DType computed = DTypeOf<C>::value;
  const DType d = t.dtype();
  char* p = t.raw();
  const int64_t item = itemsize(d);
  parallel_for(0, t.numel(), kGrain, [&](int64_t begin, int64_t end) {
    C block[256];
    for (int64_t i = begin; i < end; i += 256) {
      const int64_t n = std::min<int64_t>(256, end - i);
      for (int64_t k = 0; k < n; k++) block[k] = C(value(i + k));
      convert_run(p + i * item, d, item, reinterpret_cast<const char*>(block), computed, sizeof(C), n);
    }
  });
}

Tensor make_range(const Scalar& start, const Scalar& end, const Scalar& step, bool inclusive, TensorOptions o) {
  KD_CHECK(!start.is_complex() && !end.is_complex() && !step.is_complex(), NotImplemented,
           "\"arange_cpu\" not implemented for 'ComplexDouble'");
  const double a = start.to_double(), b = end.to_double(), s = step.to_double();
  KD_CHECK(s != 0, Runtime, "step must be nonzero");
  KD_CHECK(std::isfinite(a) && std::isfinite(b), Runtime, "unsupported range: ", a, " -> ", b);
  KD_CHECK(o.dtype != DType::int64 || step.to_int() != 0, Value, "step must be nonzero");
  KD_CHECK(s > 0 ? b >= a : b <= a, Runtime, "upper bound and lower bound inconsistent with step sign");
  const bool whole = start.is_integral() && end.is_integral() && step.is_integral();
  double n = inclusive ? std::floor((b - a) / s) + 1 : std::ceil((b - a) / s);
  if (!inclusive && (whole || o.dtype == DType::int64)) {
    const int64_t k = step.to_int(), range = end.to_int() - start.to_int();
    n = double((range + k - (k > 0 ? 1 : -1)) / k);
  }
  KD_CHECK(n >= 0 && n <= double(std::numeric_limits<int64_t>::max()), Runtime, "invalid size, possible overflow?");
  Tensor t = empty(Dims{int64_t(n)}, o);
  if (t.is_meta()) return t;
  if (is_integral(o.dtype)) {
    const int64_t first = start.to_int(), by = step.to_int();
    generate<int64_t>(t, [=](int64_t i) { return first + i * by; });
  } else {
    generate<double>(t, [=](int64_t i) { return a + double(i) * s; });
  }
  return t;
}

DType range_dtype(DType given, std::initializer_list<Scalar> numbers) {
  if (given != DType::none) return given;
  for (const Scalar& s : numbers)
    if (!s.is_integral()) return default_dtype();
  return DType::int64;
}

// `steps` values from start to end, each counted from the nearer end, computed in T.
template <class T>
struct Even {
  T start, end, step;
  int64_t steps;
  DType narrow = DType::none;
  Even(T a, T b, int64_t n) : start(a), end(b), step(n > 1 ? (b - a) / T(n - 1) : T(0)), steps(n) {}
  // The narrow floats: the step, its multiples and the values are all numbers of theirs.
  Even rounded(DType d) const {
    Even r = *this;
    r.narrow = is_reduced_float(d) ? d : DType::none;
    r.step = r.held(step);
    return r;
  }
  T held(T v) const {
    if constexpr (std::is_same_v<T, float>) {
      if (narrow == DType::none) return v;
      char bits[16];
      store_scalar(bits, Scalar(double(v)), narrow);
      return T(load_scalar(bits, narrow).to_double());
    }
    return v;
  }
  T operator()(int64_t i) const {
    return held(i < steps / 2 || steps == 1 ? start + held(step * T(i)) : end - held(step * T(steps - 1 - i)));
  }
};

Tensor make_even(const Scalar& start, const Scalar& end, int64_t steps, DType dtype, std::optional<Layout> layout,
                 std::optional<Device> device, std::optional<double> base) {
  KD_CHECK(steps >= 0, Runtime, "number of steps must be non-negative");
  const bool complex = start.is_complex() || end.is_complex();
  if (dtype == DType::none && complex) dtype = to_complex(default_dtype());
  Tensor t = empty(Dims{steps}, options_of(dtype, layout, device));
  if (t.is_meta() || steps == 0) return t;
  const auto spread = [&](auto even) {
    using T = decltype(even(0));
    using Wide = std::conditional_t<std::is_same_v<T, float>, double, T>;
    if (base) generate<Wide>(t, [=](int64_t i) { return Wide(std::pow(Wide(*base), Wide(even(i)))); });
    else generate<Wide>(t, [=](int64_t i) { return Wide(even(i)); });
  };
  if (t.is_complex()) spread(Even<std::complex<double>>(start.to_complex(), end.to_complex(), steps));
  else if (is_integral(t.dtype())) spread(Even<double>(double(start.to_int()), double(end.to_int()), steps));
  else if (t.dtype() == DType::float64) spread(Even<double>(start.to_double(), end.to_double(), steps));
  else spread(Even<float>(float(start.to_double()), float(end.to_double()), steps).rounded(t.dtype()));
  return t;
}

Scalar zero_dim(const Tensor& t, const char* name) {
  KD_CHECK(t.dim() == 0, Runtime, name, " only supports 0-dimensional start and end tensors, but got a tensor with ", t.dim(),
           " dimension(s).");
  return item(t);
}

// Rows and columns of the triangle at or below (lower) or at or above a diagonal, in row order.
Tensor triangle_indices(int64_t rows, int64_t columns, int64_t offset, bool lower, TensorOptions o) {
  KD_CHECK(rows >= 0, Runtime, "row must be non-negative, got", rows);
  KD_CHECK(columns >= 0, Runtime, "col must be non-negative, got", columns);
  numel_of(Dims{2, rows, columns});  // refuses what is too large to count
  const auto bound = [&](int64_t r, int64_t extra) { return std::clamp<int64_t>(r + offset + extra, 0, columns); };
  const auto first = [&](int64_t r) { return lower ? 0 : bound(r, 0); };
  const auto last = [&](int64_t r) { return lower ? bound(r, 1) : columns; };
  int64_t n = 0;
  for (int64_t r = 0; r < rows; r++) n += last(r) - first(r);
  Tensor t = empty(Dims{2, n}, {DType::int64, o.device});
  if (!t.is_meta()) {
    int64_t *row = t.data<int64_t>(), *column = row + n;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = first(r); c < last(r); c++) *row++ = r, *column++ = c;
  }
  return o.dtype == DType::int64 ? t : converted(t, o.dtype);
}

// The triangle of each matrix; the rest is zero.
Tensor triangle(const Tensor& self, int64_t diagonal, bool lower) {
  KD_CHECK(self.dim() >= 2, Runtime, lower ? "tril" : "triu", ": input tensor must have at least 2 dimensions");
  Tensor out = clone_of(self, MemoryFormat::contiguous);
  if (out.is_meta() || out.numel() == 0) return out;
  const int64_t rows = out.size(-2), columns = out.size(-1), item = out.itemsize();
  char* p = out.raw();
  parallel_for(0, out.numel() / columns, std::max<int64_t>(1, kGrain / columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const int64_t edge = std::clamp<int64_t>(r % rows + diagonal + (lower ? 1 : 0), 0, columns);
      const int64_t from = lower ? edge : 0, to = lower ? columns : edge;
      std::fill(p + (r * columns + from) * item, p + (r * columns + to) * item, 0);
    }
  });
  return out;
}

}  // namespace

namespace kernels {

using Pin = std::optional<bool>;
using MaybeLayout = std::optional<Layout>;
using MaybeDevice = std::optional<Device>;
using MaybeFormat = std::optional<MemoryFormat>;

Tensor empty_memory_format(IntList size, DType dtype, MaybeLayout layout, MaybeDevice device, Pin, MaybeFormat format) {
  return kindling::empty(size, options_of(dtype, layout, device), format.value_or(MemoryFormat::contiguous));
}
Tensor empty_strided(IntList size, IntList stride, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return kindling::empty_strided(size, stride, options_of(dtype, layout, device));
}
Tensor empty_permuted(IntList size, IntList order, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  KD_CHECK(size.size() == order.size(), Runtime,
           "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = ", size.size(),
           " is not equal to len(physical_layout) = ", order.size());
  const int64_t n = int64_t(size.size());
  Dims strides(n);
  int64_t stride = 1;
  for (size_t i = 0; i < order.size(); i++) {
    KD_CHECK(0 <= order[i] && order[i] < n, Runtime, "Dimension out of range (expected to be between 0 and ", n - 1, ", but got ",
             order[i], " at index ", i, ").  NB: negative dims not currently supported; file an issue if you want it.");
    KD_CHECK(std::find(order.begin(), order.begin() + int64_t(i), order[i]) == order.begin() + int64_t(i), Runtime,
             "Duplicate dim not allowed");
  }
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride *= std::max<int64_t>(size[size_t(order[i])], 1);
  }
  return kindling::empty_strided(size, strides, options_of(dtype, layout, device));
}
Tensor empty_like(const Tensor& self, DType dtype, MaybeLayout layout, MaybeDevice device, Pin, MaybeFormat format) {
  return make_like(self, options_like(self, dtype, layout, device), format);
}
Tensor new_empty(const Tensor& self, IntList size, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return kindling::empty(size, options_like(self, dtype, layout, device));
}
Tensor new_empty_strided(const Tensor& self, IntList size, IntList stride, DType dtype, MaybeLayout layout, MaybeDevice device,
                         Pin) {
  return kindling::empty_strided(size, stride, options_like(self, dtype, layout, device));
}

Tensor zeros(IntList size, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return filled(kindling::empty(size, options_of(dtype, layout, device)), Scalar(0));
}
Tensor ones(IntList size, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return filled(kindling::empty(size, options_of(dtype, layout, device)), Scalar(1));
}
Tensor full(IntList size, const Scalar& value, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return filled(kindling::empty(size, options_of(dtype == DType::none ? inferred(value) : dtype, layout, device)), value);
}
Tensor zeros_like(const Tensor& self, DType dtype, MaybeLayout layout, MaybeDevice device, Pin, MaybeFormat format) {
  return filled(make_like(self, options_like(self, dtype, layout, device), format), Scalar(0));
}
Tensor ones_like(const Tensor& self, DType dtype, MaybeLayout layout, MaybeDevice device, Pin, MaybeFormat format) {
  return filled(make_like(self, options_like(self, dtype, layout, device), format), Scalar(1));
}
Tensor full_like(const Tensor& self, const Scalar& value, DType dtype, MaybeLayout layout, MaybeDevice device, Pin,
                 MaybeFormat format) {
  return filled(make_like(self, options_like(self, dtype, layout, device), format), value);
}
Tensor new_zeros(const Tensor& self, IntList size, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return filled(new_empty(self, size, dtype, layout, device, pin), Scalar(0));
}
Tensor new_ones(const Tensor& self, IntList size, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return filled(new_empty(self, size, dtype, layout, device, pin), Scalar(1));
}
Tensor new_full(const Tensor& self, IntList size, const Scalar& value, DType dtype, MaybeLayout layout, MaybeDevice device,
                Pin pin) {
  return filled(new_empty(self, size, dtype, layout, device, pin), value);
}
Tensor scalar_tensor(const Scalar& s, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return filled(kindling::empty({}, options_of(dtype, layout, device)), s);
}

Tensor arange(const Scalar& end, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return make_range(Scalar(0), end, Scalar(1), false, options_of(range_dtype(dtype, {end}), layout, device));
}
Tensor arange_start(const Scalar& start, const Scalar& end, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return make_range(start, end, Scalar(1), false, options_of(range_dtype(dtype, {start, end}), layout, device));
}
Tensor arange_start_step(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype, MaybeLayout layout,
                         MaybeDevice device, Pin) {
  return make_range(start, end, step, false, options_of(range_dtype(dtype, {start, end, step}), layout, device));
}
Tensor range_step(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype, MaybeLayout layout, MaybeDevice device,
                  Pin) {
  return make_range(start, end, step, true, options_of(dtype, layout, device));
}

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return make_even(start, end, steps, dtype, layout, device, std::nullopt);
}
Tensor linspace_Tensor_Tensor(const Tensor& start, const Tensor& end, int64_t steps, DType dtype, MaybeLayout layout,
                              MaybeDevice device, Pin pin) {
  return linspace(zero_dim(start, "linspace"), zero_dim(end, "linspace"), steps, dtype, layout, device, pin);
}
Tensor linspace_Tensor_Scalar(const Tensor& start, const Scalar& end, int64_t steps, DType dtype, MaybeLayout layout,
                              MaybeDevice device, Pin pin) {
  return linspace(zero_dim(start, "linspace"), end, steps, dtype, layout, device, pin);
}
Tensor linspace_Scalar_Tensor(const Scalar& start, const Tensor& end, int64_t steps, DType dtype, MaybeLayout layout,
                              MaybeDevice device, Pin pin) {
  return linspace(start, zero_dim(end, "linspace"), steps, dtype, layout, device, pin);
}
Tensor logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, DType dtype, MaybeLayout layout,
                MaybeDevice device, Pin) {
  return make_even(start, end, steps, dtype, layout, device, base);
}
Tensor logspace_Tensor_Tensor(const Tensor& start, const Tensor& end, int64_t steps, double base, DType dtype, MaybeLayout layout,
                              MaybeDevice device, Pin pin) {
  return logspace(zero_dim(start, "logspace"), zero_dim(end, "logspace"), steps, base, dtype, layout, device, pin);
}
Tensor logspace_Tensor_Scalar(const Tensor& start, const Scalar& end, int64_t steps, double base, DType dtype, MaybeLayout layout,
                              MaybeDevice device, Pin pin) {
  return logspace(zero_dim(start, "logspace"), end, steps, base, dtype, layout, device, pin);
}
Tensor logspace_Scalar_Tensor(const Scalar& start, const Tensor& end, int64_t steps, double base, DType dtype, MaybeLayout layout,
                              MaybeDevice device, Pin pin) {
  return logspace(start, zero_dim(end, "logspace"), steps, base, dtype, layout, device, pin);
}

Tensor eye_m(int64_t n, int64_t m, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  KD_CHECK(n >= 0, Runtime, "n must be greater or equal to 0, got ", n);
  KD_CHECK(m >= 0, Runtime, "m must be greater or equal to 0, got ", m);
  Tensor t = filled(kindling::empty(Dims{n, m}, options_of(dtype, layout, device)), Scalar(0));
  const Dims size{std::min(n, m)}, stride{m + 1};
  fill_with(kindling::alias(t, size, stride, 0), Scalar(1));
  return t;
}
Tensor eye(int64_t n, DType dtype, MaybeLayout layout, MaybeDevice device, Pin pin) {
  return eye_m(n, n, dtype, layout, device, pin);
}

Tensor tril_indices(int64_t row, int64_t col, int64_t offset, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return triangle_indices(row, col, offset, true, options_of(dtype == DType::none ? DType::int64 : dtype, layout, device));
}
Tensor triu_indices(int64_t row, int64_t col, int64_t offset, DType dtype, MaybeLayout layout, MaybeDevice device, Pin) {
  return triangle_indices(row, col, offset, false, options_of(dtype == DType::none ? DType::int64 : dtype, layout, device));
}

Tensor tril(const Tensor& self, int64_t diagonal) { return triangle(self, diagonal, true); }
Tensor triu(const Tensor& self, int64_t diagonal) { return triangle(self, diagonal, false); }

}  // namespace kernels
}  // namespace kindling
