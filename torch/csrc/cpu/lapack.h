// LAPACK, opened on first use.
#pragma once
#include <complex>
#include <string>

#include "../core/error.h"

namespace kindling {

// Path of the library; set by python/, which knows where packages are installed.
extern std::string (*find_lapack)();

// Opens it; RuntimeError when there is none. Finding the path may take the lock of Python: to be called before work is spread over
// threads that the holder of that lock waits for.
void* lapack_library();
void* lapack_symbol(const char* letter, const char* name);  // e.g. ("d", "getrf")

template <class T>
inline constexpr const char* kLapackLetter = nullptr;
template <>
inline constexpr const char* kLapackLetter<float> = "s";
template <>
inline constexpr const char* kLapackLetter<double> = "d";
template <>
inline constexpr const char* kLapackLetter<std::complex<float>> = "c";
template <>
inline constexpr const char* kLapackLetter<std::complex<double>> = "z";

template <class T>
struct RealOf {
  using type = T;
};
template <class R>
struct RealOf<std::complex<R>> {
  using type = R;
};
template <class T>
using real_t = typename RealOf<T>::type;

// A Fortran routine: every argument goes by address.
struct Routine {
  void* address;

  template <class... A>
  void operator()(A... args) const {
    reinterpret_cast<void (*)(A...)>(address)(args...);
  }
};

}  // namespace kindling

// The routine `name` for element type T, found once.
#define KD_LAPACK(T, name)                                                                      \
  ([]() -> ::kindling::Routine {                                                                \
    static void* const address = ::kindling::lapack_symbol(::kindling::kLapackLetter<T>, name); \
    return {address};                                                                           \
  }())
