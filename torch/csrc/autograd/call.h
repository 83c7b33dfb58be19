// Small adaptors between generated code and the boxed call: tensor lists in and out, metadata views, list helpers.
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "node.h"

namespace kindling {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kE = 2.71828182845904523536;

// A TensorList as the Values of a call.
struct ListOf {
  SmallVec<Value, 8> values;
  explicit ListOf(TensorList tensors) {
    values.reserve(int64_t(tensors.size()));
    for (const Tensor& t : tensors) values.push_back(Value(t));
  }
  operator Value() const { return Value(std::span<const Value>(values)); }
};

// A bool[] argument.
struct FlagsOf {
  SmallVec<Value, 4> values;
  FlagsOf(std::initializer_list<bool> flags) {
    for (bool f : flags) values.push_back(Value(f));
  }
  operator std::span<const Value>() const { return values; }
};

// The Values of a list argument as tensors.
struct TensorsOf {
  SmallVec<Tensor, 8> tensors;
  explicit TensorsOf(const Value& v) {
    for (const Value& x : v.list()) tensors.push_back(x.tensor());
  }
  operator TensorList() const { return tensors; }
};

inline std::vector<Tensor> to_vector(OwnedValue& v) {
  std::vector<Tensor> list;
  list.reserve(v.list().size());
  for (const Value& x : v.list()) list.push_back(x.tensor());
  return list;
}
inline OwnedValue of_vector(std::vector<Tensor> list) { return OwnedValue::tensors(list); }

// Shape and dtype of a tensor that was not saved, under the names a tensor has.
struct MetaView {
  const SavedMeta& m;
  explicit MetaView(const SavedMeta& meta) : m(meta) {}
  IntList sizes() const { return m.sizes; }
  IntList strides() const { return m.strides; }
  int64_t offset() const { return m.offset; }
  int64_t dim() const { return m.sizes.size(); }
  int64_t size(int64_t d) const { return m.sizes[d < 0 ? d + dim() : d]; }
  int64_t numel() const { return numel_of(m.sizes); }
  DType dtype() const { return m.dtype; }
  Device device() const { return m.device; }
  bool is_complex() const { return kindling::is_complex(m.dtype); }
  bool is_floating() const { return kindling::is_floating(m.dtype); }
  bool defined() const { return m.dtype != DType::none; }
};

// Indexing as in Python: negative counts from the end.
template <class List>
decltype(auto) at(List&& list, int64_t i) {
  const int64_t n = int64_t(list.size()), k = i < 0 ? i + n : i;
  KD_CHECK(k >= 0 && k < n, Index, "list index ", i, " is out of range for ", n, " elements");
  return list[k];
}
template <class List>
auto slice_of(const List& list, int64_t low, int64_t high) {
  const int64_t n = int64_t(list.size());
  low = std::clamp(low < 0 ? low + n : low, int64_t(0), n);
  high = std::clamp(high < 0 ? high + n : high, low, n);
  using T = std::remove_cvref_t<decltype(list[0])>;
  std::vector<T> part(list.begin() + low, list.begin() + high);
  if constexpr (std::is_same_v<T, int64_t>) return Dims(std::span<const int64_t>(part));
  else return part;
}
inline Dims joined(IntList a, IntList b) {
  Dims d(a);
  for (int64_t x : b) d.push_back(x);
  return d;
}
inline Dims repeated(IntList a, int64_t times) {
  Dims d;
  for (int64_t i = 0; i < times; i++)
    for (int64_t x : a) d.push_back(x);
  return d;
}
template <class A, class B>
auto power(A a, B b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B>) return int64_t(std::pow(double(a), double(b)));
  else return std::pow(double(a), double(b));
}
inline Scalar conj_of(const Scalar& s) { return s.is_complex() ? Scalar(std::conj(s.to_complex())) : s; }

Tensor conj_if_complex(const Tensor& t);  // aten::conj for complex tensors, the tensor itself otherwise

// number - t and number / t, by the operators that C++ programs of PyTorch show: empty_like, fill_, sub_ or div_.
Tensor sub_from_number(const Scalar& number, const Tensor& t);
Tensor div_from_number(const Scalar& number, const Tensor& t);

// May a gradient run as one kernel, unseen? Plain tensors of one shape and of float32 or float64; nothing records or watches.
bool fusable(std::initializer_list<const Tensor*> operands);
Tensor run_fused(int op, std::initializer_list<Value> args);

}  // namespace kindling
