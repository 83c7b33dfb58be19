// Intrusive reference counting: the count lives in the object, a Ref<T> is one pointer.
#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

namespace kindling {

struct RefCounted {
  mutable std::atomic<uint32_t> refs{1};  // a new object belongs to its maker
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;
  virtual void destroy() const { delete this; }
};

inline void retain(const RefCounted* p) {
  if (p) p->refs.fetch_add(1, std::memory_order_relaxed);
}
inline void release(const RefCounted* p) {
  if (p && p->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) p->destroy();
}

template <class T>
class Ref {
  T* p_ = nullptr;

 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  static Ref steal(T* p) {
    Ref r;
    r.p_ = p;
    return r;
  }  // takes over one count
  static Ref share(T* p) {
    retain(p);
    return steal(p);
  }  // adds one
  template <class... A>
  static Ref make(A&&... a) {
    return steal(new T(std::forward<A>(a)...));
  }
  Ref(const Ref& o) : p_(o.p_) { retain(p_); }
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  template <class U>
  Ref(const Ref<U>& o) : p_(o.get()) {
    retain(p_);
  }
  template <class U>
  Ref(Ref<U>&& o) noexcept : p_(o.detach()) {}
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() { release(p_); }
  T* get() const { return p_; }
  T* detach() { return std::exchange(p_, nullptr); }  // gives the count away
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_; }
  bool operator==(const Ref& o) const { return p_ == o.p_; }
};

}  // namespace kindling
