#include "storage.h"

#include <cstring>
#include <new>

#include "error.h"

namespace kindling {

Ref<Storage> Storage::allocate(size_t nbytes, Device device) {
  KD_CHECK(device.type != DeviceType::cuda, Assertion, "Torch not compiled with CUDA enabled");
  void* data = device.type == DeviceType::cpu ? allocator::allocate(nbytes) : nullptr;
  Storage* s = new (allocator::allocate_object(sizeof(Storage))) Storage;
  s->data = static_cast<char*>(data);
  s->nbytes = nbytes;
  s->device = device;
  s->from_allocator = true;
  return Ref<Storage>::steal(s);
}

Ref<Storage> Storage::borrow(void* data, size_t nbytes, std::function<void()> deleter) {
  Storage* s = new (allocator::allocate_object(sizeof(Storage))) Storage;
  s->data = static_cast<char*>(data);
  s->nbytes = nbytes;
  s->resizable = false;
  s->deleter = std::move(deleter);
  return Ref<Storage>::steal(s);
}

void Storage::resize(size_t n) {
  KD_CHECK(resizable, Runtime, "Trying to resize storage that is not resizable");
  if (device.type == DeviceType::cpu) {
    char* fresh = static_cast<char*>(allocator::allocate(n));
    if (const size_t common = std::min(n, nbytes)) std::memcpy(fresh, data, common);
    if (from_allocator) allocator::free(data, nbytes);
    else if (deleter) std::exchange(deleter, nullptr)();
    data = fresh;
    from_allocator = true;
  }
  nbytes = n;
}

Storage::~Storage() {
  if (from_allocator) allocator::free(data, nbytes);
  else if (deleter) deleter();
}

void Storage::destroy() const {
  Storage* s = const_cast<Storage*>(this);
  s->~Storage();
  allocator::free_object(s, sizeof(Storage));
}

}  // namespace kindling
