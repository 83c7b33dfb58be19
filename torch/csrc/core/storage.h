// Storage: a block of bytes on a device, shared by the tensors that view it.
#pragma once
#include <cstddef>
#include <functional>

#include "device.h"
#include "ref.h"

namespace kindling {

struct Storage : RefCounted {
  char* data = nullptr;
  size_t nbytes = 0;
  Device device;
  bool resizable = true;
  bool from_allocator = false;    // else `deleter` (or nobody) frees `data`
  std::function<void()> deleter;  // runs when borrowed memory is let go
  void* pyobj = nullptr;          // the one torch.UntypedStorage of this block, borrowed

  static Ref<Storage> allocate(size_t nbytes, Device device);  // meta: no memory, data stays null
  static Ref<Storage> borrow(void* data, size_t nbytes, std::function<void()> deleter);
  void resize(size_t nbytes);  // keeps the common prefix
  ~Storage() override;
  void destroy() const override;  // to the freelist
};

// The size-classed caching allocator of the CPU. Blocks are 64-byte aligned.
namespace allocator {
void* allocate(size_t nbytes);  // throws Error(OutOfMemory / Runtime) as PyTorch words it
void free(void* p, size_t nbytes);
void trim();  // give cached blocks back to the system
struct Stats {
  size_t in_use, cached, peak;
  uint64_t hits, misses;
};
Stats stats();
void set_guard_pages(bool on);  // debugging: every block between two unmapped pages
// Objects of the runtime (tensors, storages): from the same thread's bins, never guarded. nbytes <= kSmall.
constexpr size_t kSmall = 32 << 10;
void* allocate_object(size_t nbytes);
void free_object(void* p, size_t nbytes);
}  // namespace allocator

}  // namespace kindling
