// OwnedValue: a Value together with what it names.
#include "value.h"

#include <cstring>

namespace kindling {

template <class T>
static T* copy_array(const T* from, uint32_t n) {
  T* to = static_cast<T*>(::operator new(n * sizeof(T) + 1));
  std::memcpy(static_cast<void*>(to), from, n * sizeof(T));
  return to;
}

// Lists are owned element by element, nested ones too.
static Value own(const Value& v) {
  Value r = v;
  switch (v.tag) {
    case Tag::Tensor: retain(v.tensor_); break;
    case Tag::Ints: r.ints_ = copy_array(v.ints_, v.len); break;
    case Tag::Floats: r.doubles_ = copy_array(v.doubles_, v.len); break;
    case Tag::Str: r.chars_ = copy_array(v.chars_, v.len); break;
    case Tag::List: {
      Value* list = copy_array(v.list_, v.len);
      for (uint32_t i = 0; i < v.len; i++) list[i] = own(v.list_[i]);
      r.list_ = list;
      break;
    }
    default: break;
  }
  return r;
}

static void disown(const Value& v) {
  switch (v.tag) {
    case Tag::Tensor: release(v.tensor_); break;
    case Tag::Ints: ::operator delete(const_cast<int64_t*>(v.ints_)); break;
    case Tag::Floats: ::operator delete(const_cast<double*>(v.doubles_)); break;
    case Tag::Str: ::operator delete(const_cast<char*>(v.chars_)); break;
    case Tag::List:
      for (const Value& x : v.list()) disown(x);
      ::operator delete(const_cast<Value*>(v.list_));
      break;
    default: break;
  }
}

OwnedValue::OwnedValue(const Value& v) : Value(own(v)) {}

void OwnedValue::drop() { disown(*this); }

OwnedValue OwnedValue::tensors(std::span<Tensor> v) {
  OwnedValue r;
  Value* list = static_cast<Value*>(::operator new(v.size() * sizeof(Value) + 1));
  for (size_t i = 0; i < v.size(); i++) {
    new (&list[i]) Value(v[i]);
    v[i].detach_impl();
  }
  static_cast<Value&>(r) = Value(std::span<const Value>(list, v.size()));
  return r;
}

SmallVec<Tensor, 4> OwnedValue::take_list() {
  SmallVec<Tensor, 4> v;
  v.reserve(len);
  for (const Value& x : list()) v.push_back(x.is_tensor() ? Tensor::steal(x.tensor_) : Tensor());
  if (tag == Tag::List) ::operator delete(const_cast<Value*>(list_));
  static_cast<Value&>(*this) = Value();
  return v;
}

}  // namespace kindling
