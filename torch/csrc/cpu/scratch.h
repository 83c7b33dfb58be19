// A block of working memory for the length of a scope, from the caching allocator.
#pragma once
#include "../core/storage.h"

namespace kindling {

template <class T>
class Scratch {
  T* p_;
  size_t bytes_;

 public:
  explicit Scratch(int64_t n) : p_(n ? static_cast<T*>(allocator::allocate(n * sizeof(T))) : nullptr), bytes_(n * sizeof(T)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (p_) allocator::free(p_, bytes_);
  }
  T* get() const { return p_; }
  operator T*() const { return p_; }
};

}  // namespace kindling
