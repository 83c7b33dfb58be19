// Memory of one fixed-size type, kept per thread for the next of its kind.
#pragma once
#include <cstddef>
#include <new>

namespace kindling {

template <class T, int kKept = 256>
struct Freelist {
  union Block {
    Block* next;
  };
  static constexpr size_t kBytes = sizeof(T);
  static inline thread_local Block* first = nullptr;
  static inline thread_local int count = 0;

  static void* take() {
    if (Block* b = first) {
      first = b->next;
      count--;
      return b;
    }
    return ::operator new(kBytes);
  }
  static void give(void* p) {
    if (count >= kKept) return ::operator delete(p);
    Block* b = static_cast<Block*>(p);
    b->next = first;
    first = b;
    count++;
  }
};

}  // namespace kindling
