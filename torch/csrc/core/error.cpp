#include "error.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace kindling {

void (*warning_hook)(WarningKind, const std::string&) = [](WarningKind, const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
};

namespace text {

void put(std::string& s, double v) {
  if (std::isnan(v)) {
    s += "nan";
    return;
  }
  if (std::isinf(v)) {
    s += v < 0 ? "-inf" : "inf";
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, v).ptr;
  s.append(digits, end);
}

void put(std::string& s, std::span<const int64_t> v) {
  s += '[';
  for (size_t i = 0; i < v.size(); i++) {
    if (i) s += ", ";
    s += std::to_string(v[i]);
  }
  s += ']';
}

}  // namespace text
}  // namespace kindling
