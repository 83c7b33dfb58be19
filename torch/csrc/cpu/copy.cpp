#include "copy.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "convert.h"
#include "kernels.h"
#include "loop.h"
#include "outputs.h"
#include "scratch.h"

namespace kindling {

namespace {

constexpr int64_t kTile = 4096;

// Columns and rows of a tile of a copy: long rows, or a cache line of each of the source's columns.
void copy_tiles(const Walk& w, int64_t& columns, int64_t& rows) {
  const int64_t n0 = w.size(0), n1 = w.size(1);
  const int64_t across = w.stride(1, 0), down = w.stride(1, 1);
  if (across > down && down > 0 && n0 >= 4 && n1 >= 4) {
    columns = std::min<int64_t>(n0, 256);
    rows = std::min<int64_t>(n1, 16);
  } else if (n0 >= 512 || n1 == 1) {
    columns = std::min(n0, kGrain);
    rows = 1;
  } else {
    columns = n0;
    rows = std::min(n1, std::max<int64_t>(1, kTile / n0));
  }
}

// The lazy bits differ: resolved in a buffer of the source's dtype.
void copy_changed(const Walk& w, DType to, DType from, bool conj, bool neg) {
  int64_t columns, rows;
  copy_tiles(w, columns, rows);
  columns = std::min(columns, kTile);
  const int64_t item = itemsize(from);
  for_tiles(w, columns, rows, [&](auto&& next) {
    const Scratch<char> buffer(columns * rows * item);
    next([&](char* const* at, int64_t c, int64_t r) {
      convert_tile(buffer, from, item, c * item, at[1], from, w.stride(1, 0), w.stride(1, 1), c, r);
      if (conj) conjugate_run(buffer, from, c * r);
      if (neg) negate_run(buffer, from, c * r);
      convert_tile(at[0], to, w.stride(0, 0), w.stride(0, 1), buffer, from, item, c * item, c, r);
    });
  });
}

void copy_plain(const Walk& w, DType to, DType from) {
  int64_t columns, rows;
  copy_tiles(w, columns, rows);
  for_tiles(w, columns, rows, [&](auto&& next) {
    next([&](char* const* at, int64_t c, int64_t r) {
      convert_tile(at[0], to, w.stride(0, 0), w.stride(0, 1), at[1], from, w.stride(1, 0), w.stride(1, 1), c, r);
    });
  });
}

}  // namespace

void copy_into(const Tensor& dst, const Tensor& src) {
  if (dst.is(src)) return;
  if (!same(dst.sizes(), src.sizes())) {
    const Dims shape = broadcast_shapes(dst.sizes(), src.sizes());
    KD_CHECK(same(shape, dst.sizes()), Runtime, "output with shape ", dst.sizes(), " doesn't match the broadcast shape ",
             IntList(shape));
  }
  if (dst.is_meta()) return;
  KD_CHECK(!src.is_meta(), NotImplemented, "Cannot copy out of meta tensor; no data!");
  check_no_internal_overlap(dst);
  check_writable(dst, src);
  if (dst.numel() == 0) return;
  const DType to = dst.dtype(), from = src.dtype();
  const bool conj = dst.is_conj() != src.is_conj(), neg = dst.is_neg() != src.is_neg();
  if (to == from && !conj && !neg && dst.is_contiguous() && src.is_contiguous() && dst.numel() == src.numel()) {
    char *d = dst.raw(), *s = src.raw();
    const int64_t item = itemsize(to);
    parallel_for(0, dst.numel(), 4 * kGrain,
                 [&](int64_t b, int64_t e) { std::memcpy(d + b * item, s + b * item, size_t((e - b) * item)); });
    return;
  }
  Walk w(dst.sizes());
  w.add(dst);
  w.add(src);
  w.arrange();
  if (conj || neg) copy_changed(w, to, from, conj && is_complex(from), neg);
  else copy_plain(w, to, from);
}

template <class T>
static bool fits(double v) {
  return v >= double(std::numeric_limits<T>::lowest()) && v <= double(std::numeric_limits<T>::max());
}

static bool representable(const Scalar& s, DType d) {
  if (s.is_complex() && !is_complex(d) && s.im != 0) return false;
  const double v = s.to_double();
  switch (d) {
    case DType::uint8: return fits<uint8_t>(v) || (s.is_integral() && s.i < 0 && s.i >= -255);  // wraps, as C does
    case DType::int8: return fits<int8_t>(v);
    case DType::int16: return fits<int16_t>(v);
    case DType::int32: return fits<int32_t>(v);
    case DType::uint16: return fits<uint16_t>(v);
    case DType::uint32: return fits<uint32_t>(v);
    case DType::int64: return s.is_integral() || fits<int64_t>(v);
    case DType::float16: return !std::isfinite(v) || std::fabs(v) <= 65504;
    case DType::float32:
    case DType::bfloat16: return !std::isfinite(v) || fits<float>(v);
    default: return true;
  }
}

void check_representable(const Scalar& s, DType d) {
  static const char* const names[] = {"bool",     "uint8_t",  "int8_t",   "int16_t",      "int",   "int64_t", "uint16_t",
                                      "uint32_t", "uint64_t", "at::Half", "at::BFloat16", "float", "double"};
  if (!representable(s, d))
    fail(ErrorKind::Runtime, "value cannot be converted to type ", d <= DType::float64 ? names[int(d)] : info(d).name,
         " without overflow");
}

void fill_with(const Tensor& dst, const Scalar& value) {
  const DType d = dst.dtype();
  check_representable(value, d);
  if (dst.is_meta() || dst.numel() == 0) return;
  check_no_internal_overlap(dst);
  alignas(16) char element[16] = {};
  Scalar v = dst.is_neg() ? -value : value;
  if (dst.is_conj()) v = Scalar(std::conj(v.to_complex()));
  store_scalar(element, v, d);
  const int64_t item = itemsize(d);
  bool zero = true;
  for (int i = 0; i < item; i++) zero &= element[i] == 0;
  if (dst.is_contiguous()) {
    char* p = dst.raw();
    parallel_for(0, dst.numel(), 4 * kGrain, [&](int64_t b, int64_t e) {
      if (zero) std::memset(p + b * item, 0, size_t((e - b) * item));
      else convert_run(p + b * item, d, item, element, d, 0, e - b);
    });
    return;
  }
  Walk w(dst.sizes());
  w.add(dst);
  w.add_element(element);
  w.arrange();
  copy_plain(w, d, d);
}

Tensor clone_of(const Tensor& t, MemoryFormat f) {
  Tensor out = f == MemoryFormat::preserve ? empty_like(t) : empty(t.sizes(), t.options(), f);
  copy_into(out, t);
  return out;
}

Tensor contiguous_of(const Tensor& t) {
  return t.is_contiguous() && !t.is_conj() && !t.is_neg() ? t : clone_of(t, MemoryFormat::contiguous);
}

Tensor converted(const Tensor& t, DType d) {
  if (t.dtype() == d) return t;
  Tensor out = empty_like(t, d);
  copy_into(out, t);
  return out;
}

// ---- in-place and out= forms ----

// What C++ calls the element type: PyTorch's messages about outputs say it so.
static const char* element_name(DType d) {
  static const char* const names[] = {"bool",          "unsigned char",  "signed char",  "short int",         "int",
                                      "long int",      "unsigned short", "unsigned int", "unsigned long int", "c10::Half",
                                      "c10::BFloat16", "float",          "double"};
  if (d == DType::complex64) return "c10::complex<float>";
  if (d == DType::complex128) return "c10::complex<double>";
  return d <= DType::float64 ? names[int(d)] : info(d).name;
}

static void copy_result(const Op& op, const Tensor& target, const Tensor& result, bool exact) {
  if (op.inplace && target->unusual()) {
    ops::copy_(target, result, false);
    return;
  }
  KD_CHECK(!result->has(TensorImpl::Batched), Runtime, "vmap: ", op.name, " cannot write the results of a batch to ",
           op.inplace ? "a tensor that all examples share" : "out=");
  if (exact)
    KD_CHECK(target.dtype() == result.dtype(), Runtime, "Expected out tensor to have dtype ", element_name(result.dtype()),
             ", but got ", element_name(target.dtype()), " instead");
  KD_CHECK(can_cast(result.dtype(), target.dtype()), Runtime, "result type ", legacy_name(result.dtype()),
           " can't be cast to the desired output type ", legacy_name(target.dtype()));
  check_no_internal_overlap(target);
  if (op.inplace)
    KD_CHECK(same(target.sizes(), result.sizes()), Runtime, "output with shape ", target.sizes(),
             " doesn't match the broadcast shape ", result.sizes());
  else resize_output(target, result.sizes());
  copy_into(target, result);
}

// The functional operator's arguments by name: an out= form may lack the options that `out` itself answers.
static void functional_arguments(const Op& op, const Op& functional, const Value* args, Value* out) {
  const Value& target = args[op.nargs - 1];
  for (int i = 0; i < functional.nargs; i++) {
    const std::string_view name = functional.args[i].name;
    int at = i;
    if (at >= op.nargs || name != op.args[at].name)
      for (at = 0; at < op.nargs && name != op.args[at].name; at++) {}
    if (at < op.nargs) out[i] = args[at];
    else if (name == "dtype" && target.is_tensor()) out[i] = Value(target.tensor_->dtype);
    else if (name == "device" && target.is_tensor()) out[i] = Value(target.tensor_->device);
    else out[i] = functional.args[i].default_value;
  }
}

static void check_apart(const Op& op, const Value* args, const Tensor& target) {
  auto check = [&](const Value& v) {
    if (v.is_tensor()) KD_CHECK(overlap(target, v.tensor()) == Overlap::None, Runtime, kSharedWithInput);
  };
  for (int i = 0; i < op.nargs && !op.args[i].out; i++) {
    if (args[i].tag != Tag::List) check(args[i]);
    else
      for (const Value& e : args[i].list()) check(e);
  }
}

template <bool exact, bool apart>
static void run_form(const Op& op, const Value* args, OwnedValue* rets) {
  constexpr int kResults = 8, kArguments = 32;
  const Op& functional = *op.functional;
  OwnedValue results[kResults];
  Value given[kArguments];
  functional_arguments(op, functional, args, given);
  if (functional.family >= Family::Composite) call(functional, given, results);
  else call_kernel(functional, given, results);
  for (int i = 0; i < functional.nrets; i++) {
    const Value& target = op.inplace ? args[0] : args[op.nargs - functional.nrets + i];
    if (target.is_tensor()) {
      if (apart) check_apart(op, args, target.tensor());
      copy_result(op, target.tensor(), results[i].tensor(), exact);
      if (i < op.nrets) rets[i] = OwnedValue(target.tensor());
    } else {
      KD_CHECK(target.list().size() == results[i].list().size(), Runtime, op.name, ": expected ", results[i].list().size(),
               " tensors in out, got ", target.list().size());
      for (size_t k = 0; k < target.list().size(); k++)
        copy_result(op, target.list()[k].tensor(), results[i].list()[k].tensor(), exact);
    }
  }
}

void derived_form(const Op& op, const Value* args, OwnedValue* rets) { run_form<false, false>(op, args, rets); }
void exact_form(const Op& op, const Value* args, OwnedValue* rets) { run_form<true, false>(op, args, rets); }
void apart_form(const Op& op, const Value* args, OwnedValue* rets) { run_form<false, true>(op, args, rets); }
void exact_apart_form(const Op& op, const Value* args, OwnedValue* rets) { run_form<true, true>(op, args, rets); }

// ---- operators ----

namespace {

// Rows of equal bytes, or of equal values where bytes do not tell: -0.0 equals 0.0, NaN equals nothing.
template <class T>
bool equal_values(const char* a, const char* b, int64_t n) {
  const T *x = reinterpret_cast<const T*>(a), *y = reinterpret_cast<const T*>(b);
  bool same = true;
  for (int64_t i = 0; i < n; i++) same &= x[i] == y[i];
  return same;
}

bool equal_rows(const char* a, const char* b, DType d, int64_t n) {
  switch (d) {
    case DType::float32: return equal_values<float>(a, b, n);
    case DType::complex64: return equal_values<float>(a, b, 2 * n);
    case DType::float64: return equal_values<double>(a, b, n);
    case DType::complex128: return equal_values<double>(a, b, 2 * n);
    default: return std::memcmp(a, b, size_t(n * itemsize(d))) == 0;
  }
}

}  // namespace

namespace kernels {

Tensor copy_(const Tensor& self, const Tensor& src, bool) {
  copy_into(self, src);
  return self;
}

Tensor copy(const Tensor& self, const Tensor& src, bool) {
  Tensor out = empty_like(self);
  copy_into(out, src);
  return out;
}

Tensor fill__Scalar(const Tensor& self, const Scalar& value) {
  fill_with(self, value);
  return self;
}

Tensor fill__Tensor(const Tensor& self, const Tensor& value) {
  KD_CHECK(value.dim() == 0, Runtime, "fill_ only supports 0-dimension value tensor but got tensor with ", value.dim(),
           " dimensions.");
  if (value.is_meta() || self.is_meta()) return self;
  fill_with(self, item(value));
  return self;
}

Tensor fill_Scalar(const Tensor& self, const Scalar& value) { return fill__Scalar(empty_like(self), value); }
Tensor fill_Tensor(const Tensor& self, const Tensor& value) { return fill__Tensor(empty_like(self), value); }

Tensor zero_(const Tensor& self) { return fill__Scalar(self, Scalar(0)); }

Tensor clone(const Tensor& self, std::optional<MemoryFormat> f) { return clone_of(self, f.value_or(MemoryFormat::preserve)); }

Tensor _to_copy(const Tensor& self, DType dtype, std::optional<Layout>, std::optional<Device> device, std::optional<bool>, bool,
                std::optional<MemoryFormat> format) {
  const TensorOptions o{dtype == DType::none ? self.dtype() : dtype, device.value_or(self.device())};
  const MemoryFormat f = format.value_or(MemoryFormat::preserve);
  Tensor out;
  if (f != MemoryFormat::preserve) out = empty(self.sizes(), o, f);
  else if (o.device == self.device()) out = empty_like(self, o.dtype);
  else
    out = empty_strided(
        self.sizes(),
        self.is_non_overlapping_and_dense() ? Dims(self.strides()) : dense_strides_like(self.sizes(), self.strides()), o);
  copy_into(out, self);
  return out;
}

Scalar _local_scalar_dense(const Tensor& self) { return item(self); }

bool equal(const Tensor& self, const Tensor& other) {
  if (!same(self.sizes(), other.sizes())) return false;
  KD_CHECK(!self.is_meta() && !other.is_meta(), NotImplemented, "equal: meta tensors have no values to compare");
  const DType d = promote(self.dtype(), other.dtype());
  const DType held = is_reduced_float(d) ? DType::float32 : d == DType::complex32 ? DType::complex64 : d;
  const Tensor a = contiguous_of(converted(self, held)), b = contiguous_of(converted(other, held));
  return a.numel() == 0 || equal_rows(a.raw(), b.raw(), held, a.numel());
}

bool is_same_size(const Tensor& self, const Tensor& other) { return same(self.sizes(), other.sizes()); }

DType promote_types(DType a, DType b) { return promote(a, b); }
bool can_cast(DType from, DType to) { return kindling::can_cast(from, to); }

template <class A, class B>
static DType type_of_result(const A& a, const B& b) {
  ResultType type;
  type.add(a);
  type.add(b);
  return type.get();
}
DType result_type_Tensor(const Tensor& a, const Tensor& b) { return type_of_result(a, b); }
DType result_type_Scalar(const Tensor& a, const Scalar& b) { return type_of_result(a, b); }
DType result_type_Scalar_Tensor(const Scalar& a, const Tensor& b) { return type_of_result(a, b); }
DType result_type_Scalar_Scalar(const Scalar& a, const Scalar& b) { return type_of_result(a, b); }

}  // namespace kernels
}  // namespace kindling
