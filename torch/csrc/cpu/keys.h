// Sort keys: unsigned integers that order as the values do, NaN after everything, -0 equal to 0.
#pragma once
#include "dispatch.h"

namespace kindling::keys {

// Values whose keys fit 32 bits are sorted as one word: key above, position below.
template <class T>
constexpr bool narrow = sizeof(T) <= 4;
template <class T>
using key_t = std::conditional_t<narrow<T>, uint32_t, uint64_t>;

template <class T>
inline key_t<T> key(T x) {
  if constexpr (std::same_as<T, bool>) {
    return x;
  } else if constexpr (is_half<T> || std::same_as<T, float>) {
    const float f = load(x);
    if (f != f) return ~0u;
    const uint32_t u = std::bit_cast<uint32_t>(f + 0.0f);
    return u ^ (uint32_t(int32_t(u) >> 31) | 0x80000000u);
  } else if constexpr (std::same_as<T, double>) {
    if (x != x) return ~0ull;
    const uint64_t u = std::bit_cast<uint64_t>(x + 0.0);
    return u ^ (uint64_t(int64_t(u) >> 63) | 0x8000000000000000ull);
  } else if constexpr (std::signed_integral<T>) {
    using K = key_t<T>;
    return K(x) ^ (K(1) << (8 * sizeof(K) - 1));
  } else {
    return key_t<T>(x);
  }
}

// The value of a key; NaN for the largest key of a float.
template <class T>
inline T value_of(key_t<T> k) {
  if constexpr (std::same_as<T, bool>) {
    return k != 0;
  } else if constexpr (is_half<T> || std::same_as<T, float>) {
    return store_as<T>(std::bit_cast<float>(k & 0x80000000u ? k ^ 0x80000000u : ~k));
  } else if constexpr (std::same_as<T, double>) {
    return std::bit_cast<double>(k >> 63 ? k ^ 0x8000000000000000ull : ~k);
  } else if constexpr (std::signed_integral<T>) {
    return T(k ^ (key_t<T>(1) << (8 * sizeof(k) - 1)));
  } else {
    return T(k);
  }
}

struct Narrow {  // key << 32 | position: one comparison orders both
  uint64_t word;
  Narrow() = default;
  Narrow(uint32_t k, int64_t i) : word(uint64_t(k) << 32 | uint32_t(i)) {}
  uint32_t key() const { return uint32_t(word >> 32); }
  int64_t position() const { return uint32_t(word); }
  bool operator<(const Narrow& o) const { return word < o.word; }
};
struct Wide {
  uint64_t key_;
  int64_t position_;
  Wide() = default;
  Wide(uint64_t k, int64_t i) : key_(k), position_(i) {}
  uint64_t key() const { return key_; }
  int64_t position() const { return position_; }
  bool operator<(const Wide& o) const { return key_ != o.key_ ? key_ < o.key_ : position_ < o.position_; }
};
template <class K>
struct Plain {  // a key alone
  K key_;
  K key() const { return key_; }
  bool operator<(const Plain& o) const { return key_ < o.key_; }
};
template <class T>
using item_t = std::conditional_t<narrow<T>, Narrow, Wide>;

// Items of a row; descending order is ascending order of the complement, so that it is stable too.
template <class T>
void make_items(const T* row, int64_t n, bool descending, item_t<T>* out) {
  const key_t<T> flip = descending ? ~key_t<T>(0) : 0;
  for (int64_t i = 0; i < n; i++) out[i] = item_t<T>(key(row[i]) ^ flip, i);
}

// Sorts by (key, position) items whose positions ascend; `spare` holds as many. Returns where the result lies.
Narrow* sort_items(Narrow* items, Narrow* spare, int64_t n);
Wide* sort_items(Wide* items, Wide* spare, int64_t n);
Plain<uint32_t>* sort_items(Plain<uint32_t>* items, Plain<uint32_t>* spare, int64_t n);
Plain<uint64_t>* sort_items(Plain<uint64_t>* items, Plain<uint64_t>* spare, int64_t n);

}  // namespace kindling::keys
