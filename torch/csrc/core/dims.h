// Sizes and strides: IntList looks at them, Dims holds up to 8 without an allocation.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

namespace kindling {

using IntList = std::span<const int64_t>;

template <class T, int N>
class SmallVec {
  T inline_[N];
  std::unique_ptr<T[]> heap_;
  int64_t size_ = 0, capacity_ = N;

 public:
  SmallVec() = default;
  explicit SmallVec(int64_t n, const T& value = T()) { resize(n, value); }
  SmallVec(std::initializer_list<T> v) {
    for (const T& x : v) push_back(x);
  }
  SmallVec(std::span<const T> v) {
    for (const T& x : v) push_back(x);
  }
  SmallVec(const SmallVec& o) {
    for (const T& x : o) push_back(x);
  }
  SmallVec(SmallVec&& o) noexcept { *this = std::move(o); }
  SmallVec& operator=(const SmallVec& o) {
    if (this != &o) {
      clear();
      for (const T& x : o) push_back(x);
    }
    return *this;
  }
  SmallVec& operator=(SmallVec&& o) noexcept {
    if (this == &o) return *this;
    if (o.heap_) {
      heap_ = std::move(o.heap_);
      capacity_ = o.capacity_;
      o.capacity_ = N;
    } else {
      std::move(o.inline_, o.inline_ + o.size_, data());
    }
    size_ = o.size_;
    o.size_ = 0;
    return *this;
  }
  T* data() { return heap_ ? heap_.get() : inline_; }
  const T* data() const { return heap_ ? heap_.get() : inline_; }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& back() { return data()[size_ - 1]; }
  void reserve(int64_t n) {
    if (n <= capacity_) return;
    std::unique_ptr<T[]> bigger(new T[n]);
    std::move(begin(), end(), bigger.get());
    heap_ = std::move(bigger);
    capacity_ = n;
  }
  void push_back(T v) {
    if (size_ == capacity_) reserve(2 * capacity_);
    data()[size_++] = std::move(v);
  }
  void resize(int64_t n, const T& value = T()) {
    reserve(n);
    for (int64_t i = size_; i < n; i++) data()[i] = value;
    size_ = n;
  }
  void pop_back() { size_--; }
  void clear() { size_ = 0; }
  void insert(int64_t at, T v) {
    push_back(v);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(int64_t at) {
    std::move(begin() + at + 1, end(), begin() + at);
    size_--;
  }
  operator std::span<const T>() const { return {data(), size_t(size_)}; }
};

using Dims = SmallVec<int64_t, 8>;

inline bool same(IntList a, IntList b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

}  // namespace kindling
