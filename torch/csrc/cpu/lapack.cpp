#include "lapack.h"

#include <dlfcn.h>

namespace kindling {

std::string (*find_lapack)() = nullptr;

namespace {

void* open_library() {
  KD_CHECK(find_lapack, Runtime, "no LAPACK library is configured");
  std::string path = find_lapack();
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  KD_CHECK(handle, Runtime, "LAPACK could not be loaded: ", dlerror(), ". Install it with: pip install scipy-openblas32");
  // batches are spread over our own threads
  if (void* set = dlsym(handle, "scipy_openblas_set_num_threads")) reinterpret_cast<void (*)(int)>(set)(1);
  return handle;
}

}  // namespace

void* lapack_library() {
  static void* const handle = open_library();
  return handle;
}

void* lapack_symbol(const char* letter, const char* name) {
  std::string symbol = concat("scipy_", letter, name, "_");
  void* address = dlsym(lapack_library(), symbol.c_str());
  KD_CHECK(address, Runtime, "the LAPACK library has no ", symbol);
  return address;
}

}  // namespace kindling
