// Value: one argument or result of an operator, in a form that every layer (parser, autograd, modes, kernels) reads.
// Argument arrays live on the caller's stack and borrow what they name; an OwnedValue holds what it names.
#pragma once
#include <optional>

#include "tensor.h"

namespace kindling {

struct Generator;

enum class Tag : uint8_t {
  None,
  Tensor,
  Bool,
  Int,
  Float,
  Complex,
  Ints,    // int[]                         -> ints, len
  Floats,  // float[]                       -> doubles, len
  List,    // Tensor[], Tensor?[], Scalar[], bool[], str[] -> list, len
  Str,     // chars, len
  DType,
  Device,
  Layout,
  MemoryFormat,  // small
  Generator,
  Storage,
  Object,  // Object: a PyObject* (Python composites only)
};

struct Value {
  Tag tag = Tag::None;
  uint32_t len = 0;
  union {
    TensorImpl* tensor_;
    int64_t int_;
    double double_;
    const int64_t* ints_;
    const double* doubles_;
    const Value* list_;
    const char* chars_;
    void* ptr_;
    uint64_t small_;
  };
  double im_ = 0;

  constexpr Value() : int_(0) {}
  constexpr Value(std::nullopt_t) : int_(0) {}
  Value(const Tensor& t) : tag(t.defined() ? Tag::Tensor : Tag::None), tensor_(t.get()) {}
  constexpr Value(bool v) : tag(Tag::Bool), int_(v) {}
  constexpr Value(int v) : tag(Tag::Int), int_(v) {}
  constexpr Value(int64_t v) : tag(Tag::Int), int_(v) {}
  constexpr Value(double v) : tag(Tag::Float), double_(v) {}
  constexpr Value(std::complex<double> v) : tag(Tag::Complex), double_(v.real()), im_(v.imag()) {}
  constexpr Value(const Scalar& s) : tag(Tag(int(Tag::Bool) + int(s.type))), int_(s.i), im_(s.im) {}
  constexpr Value(IntList v) : tag(Tag::Ints), len(uint32_t(v.size())), ints_(v.data()) {}
  constexpr Value(const Dims& v) : Value(IntList(v)) {}
  constexpr Value(std::span<const double> v) : tag(Tag::Floats), len(uint32_t(v.size())), doubles_(v.data()) {}
  constexpr Value(std::span<const Value> v) : tag(Tag::List), len(uint32_t(v.size())), list_(v.data()) {}
  constexpr Value(std::string_view s) : tag(Tag::Str), len(uint32_t(s.size())), chars_(s.data()) {}
  constexpr Value(const char* s) : Value(std::string_view(s)) {}
  constexpr Value(kindling::DType d) : tag(d == kindling::DType::none ? Tag::None : Tag::DType), small_(uint64_t(d)) {}
  constexpr Value(kindling::Device d) : tag(Tag::Device), small_(uint64_t(uint8_t(d.type)) | uint64_t(uint8_t(d.index)) << 8) {}
  constexpr Value(kindling::Layout l) : tag(Tag::Layout), small_(uint64_t(l)) {}
  constexpr Value(kindling::MemoryFormat f) : tag(Tag::MemoryFormat), small_(uint64_t(f)) {}
  constexpr Value(kindling::Generator* g) : tag(g ? Tag::Generator : Tag::None), ptr_(g) {}
  template <class T>
  Value(const std::optional<T>& v) : Value() {
    if (v) *this = Value(*v);
  }

  bool is_none() const { return tag == Tag::None; }
  bool is_tensor() const { return tag == Tag::Tensor; }
  bool is_number() const { return tag >= Tag::Bool && tag <= Tag::Complex; }

  // Readers. The parser has checked types against the schema, so these only convert.
  Tensor tensor() const { return is_tensor() ? Tensor::share(tensor_) : is_number() ? wrap_number(scalar()) : Tensor(); }
  Scalar scalar() const {
    switch (tag) {
      case Tag::Bool: return Scalar(int_ != 0);
      case Tag::Float: return Scalar(double_);
      case Tag::Complex: return Scalar(std::complex<double>(double_, im_));
      case Tag::Tensor: return item(Tensor::share(tensor_));
      default: return Scalar(int_);
    }
  }
  int64_t to_int() const { return tag == Tag::Float ? int64_t(double_) : int_; }
  double to_double() const { return tag == Tag::Float ? double_ : double(int_); }
  bool to_bool() const { return int_ != 0; }
  IntList ints() const { return {ints_, tag == Tag::Ints ? len : 0}; }
  std::span<const double> doubles() const { return {doubles_, tag == Tag::Floats ? len : 0}; }
  std::span<const Value> list() const { return {list_, tag == Tag::List ? len : 0}; }
  std::string_view str() const { return {chars_, tag == Tag::Str ? len : 0}; }
  kindling::DType dtype() const { return tag == Tag::DType ? kindling::DType(small_) : kindling::DType::none; }
  kindling::Device device() const { return {DeviceType(int8_t(small_ & 255)), int8_t(small_ >> 8 & 255)}; }
  kindling::Layout layout() const { return kindling::Layout(small_); }
  kindling::MemoryFormat memory_format() const { return kindling::MemoryFormat(small_); }
  kindling::Generator* generator() const { return tag == Tag::Generator ? static_cast<kindling::Generator*>(ptr_) : nullptr; }
};

// Holds its tensor or its copy of a list. Moves; copies explicitly with OwnedValue(value).
class OwnedValue : public Value {
  void drop();

 public:
  OwnedValue() = default;
  explicit OwnedValue(const Value& v);  // deep copy: lists, strings, tensor references
  OwnedValue(Tensor&& t) : Value(t) { t.detach_impl(); }
  OwnedValue(const Tensor& t) : Value(t) { retain(t.get()); }
  OwnedValue(const Scalar& s) : Value(s) {}
  OwnedValue(bool v) : Value(v) {}
  OwnedValue(int64_t v) : Value(v) {}
  OwnedValue(double v) : Value(v) {}
  static OwnedValue tensors(std::span<Tensor> v);  // Tensor[] result, moves the tensors out
  OwnedValue(OwnedValue&& o) noexcept : Value(o) { static_cast<Value&>(o) = Value(); }
  OwnedValue& operator=(OwnedValue&& o) noexcept {
    if (this != &o) {
      if (tag != Tag::None) drop();
      static_cast<Value&>(*this) = o;
      static_cast<Value&>(o) = Value();
    }
    return *this;
  }
  ~OwnedValue() {
    if (tag == Tag::Tensor || tag >= Tag::Ints) drop();
  }
  Tensor take() {  // moves the tensor out
    Tensor t = tag == Tag::Tensor ? Tensor::steal(tensor_) : Tensor();
    static_cast<Value&>(*this) = Value();
    return t;
  }
  SmallVec<Tensor, 4> take_list();
};

using TensorList = std::span<const Tensor>;

}  // namespace kindling
