// Errors: one exception type, thrown with the Python class it becomes and a message that says what to do.
#pragma once
#include <complex>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace kindling {

enum class ErrorKind : uint8_t {
  Runtime,
  Type,
  Value,
  Index,
  Attribute,
  NotImplemented,
  Assertion,
  Memory,
  Buffer,
  LinAlg,
  OutOfMemory,  // torch.OutOfMemoryError
  Python,       // a Python exception is already set
};

struct Error : std::exception {
  ErrorKind kind;
  std::string message;
  Error(ErrorKind k, std::string m) : kind(k), message(std::move(m)) {}
  const char* what() const noexcept override { return message.c_str(); }
};

namespace text {
inline void put(std::string& s, std::string_view v) { s += v; }
inline void put(std::string& s, const std::string& v) { s += v; }
inline void put(std::string& s, const char* v) { s += v; }
inline void put(std::string& s, char v) { s += v; }
inline void put(std::string& s, bool v) { s += v ? "True" : "False"; }
inline void put(std::string& s, int v) { s += std::to_string(v); }
inline void put(std::string& s, unsigned v) { s += std::to_string(v); }
inline void put(std::string& s, long v) { s += std::to_string(v); }
inline void put(std::string& s, long long v) { s += std::to_string(v); }
inline void put(std::string& s, unsigned long v) { s += std::to_string(v); }
inline void put(std::string& s, unsigned long long v) { s += std::to_string(v); }
void put(std::string& s, double v);                    // shortest form that reads back
void put(std::string& s, std::span<const int64_t> v);  // [2, 3]
}  // namespace text

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string s;
  using text::put;
  (put(s, parts), ...);
  return s;
}

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, concat(parts...));
}

enum class WarningKind : uint8_t { User, Deprecation, Future, Runtime };
extern void (*warning_hook)(WarningKind, const std::string&);  // python/ makes it warnings.warn

template <class... Parts>
void warn(WarningKind kind, const Parts&... parts) {
  warning_hook(kind, concat(parts...));
}

}  // namespace kindling

// The message is built only when the condition fails.
#define KD_CHECK(condition, kind, ...)                                                                 \
  do {                                                                                                 \
    if (__builtin_expect(!(condition), 0)) ::kindling::fail(::kindling::ErrorKind::kind, __VA_ARGS__); \
  } while (0)
