#include "crc32.h"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

#include <cstring>
#endif

namespace kindling {

namespace {

constexpr uint32_t polynomial = 0xEDB88320;  // bit-reversed, x^32 left out

constexpr std::array<uint32_t, 256> table = [] {
  std::array<uint32_t, 256> t{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t remainder = i;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ (remainder & 1 ? polynomial : 0);
    t[i] = remainder;
  }
  return t;
}();

uint32_t bytewise(const uint8_t* p, size_t size, uint32_t state) {
  for (size_t i = 0; i < size; ++i) state = table[(state ^ p[i]) & 0xFF] ^ (state >> 8);
  return state;
}

#if defined(__x86_64__)

// x^n mod P, bit-reversed and shifted left by one: the factor that moves a 64-bit half of a block over n - 32 or n + 32 bits.
constexpr uint64_t power(int n) {
  uint32_t remainder = 0x80000000;  // x^0
  for (int i = 0; i < n; ++i) remainder = (remainder >> 1) ^ (remainder & 1 ? polynomial : 0);
  return uint64_t(remainder) << 1;
}

// floor(x^64 / P), bit-reversed: Barrett's constant.
constexpr uint64_t quotient() {
  uint64_t result = 0, remainder = 1;  // long division, highest power first; P = x^32 + low
  uint32_t low = 0;
  for (int i = 0; i < 32; ++i) low |= (polynomial >> i & 1) << (31 - i);
  const uint64_t divisor = (uint64_t(1) << 32) | low;
  for (int i = 0; i < 64; ++i) {
    remainder <<= 1;
    if (remainder >> 32) {
      remainder ^= divisor;
      result |= uint64_t(1) << (63 - i);
    }
  }
  uint64_t reversed = 0;
  for (int i = 0; i <= 32; ++i) reversed |= (result >> i & 1) << (32 - i);
  return reversed;
}

#define KD_CLMUL [[gnu::target("pclmul,sse4.1")]]

KD_CLMUL inline __m128i advance(__m128i block, __m128i factors, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(block, factors, 0x00), high = _mm_clmulepi64_si128(block, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

KD_CLMUL inline __m128i load(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// By folding (Gopal and others, "Fast CRC computation using PCLMULQDQ"); size is a multiple of 16 and at least 64.
KD_CLMUL uint32_t folded(const uint8_t* p, size_t size, uint32_t state) {
  const __m128i by_four = _mm_set_epi64x(int64_t(power(512 - 32)), int64_t(power(512 + 32)));
  const __m128i by_one = _mm_set_epi64x(int64_t(power(128 - 32)), int64_t(power(128 + 32)));
  __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(int(state)));
  __m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
  for (p += 64, size -= 64; size >= 64; p += 64, size -= 64) {
    a = advance(a, by_four, load(p));
    b = advance(b, by_four, load(p + 16));
    c = advance(c, by_four, load(p + 32));
    d = advance(d, by_four, load(p + 48));
  }
  a = advance(advance(advance(a, by_one, b), by_one, c), by_one, d);
  for (; size >= 16; p += 16, size -= 16) a = advance(a, by_one, load(p));
  // 128 bits to 96, to 64, to 32
  const __m128i low32 = _mm_set_epi32(0, 0, 0, -1);
  a = _mm_xor_si128(_mm_clmulepi64_si128(a, by_one, 0x10), _mm_srli_si128(a, 8));
  const __m128i by_half = _mm_set_epi64x(0, int64_t(power(64)));
  a = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(a, low32), by_half, 0x00), _mm_srli_si128(a, 4));
  const __m128i barrett = _mm_set_epi64x(int64_t(quotient()), int64_t((uint64_t(polynomial) << 1) | 1));
  __m128i t = _mm_clmulepi64_si128(_mm_and_si128(a, low32), barrett, 0x10);
  t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), barrett, 0x00);
  return uint32_t(_mm_extract_epi32(_mm_xor_si128(a, t), 1));
}

#endif

}  // namespace

uint32_t crc32(const void* data, size_t size, uint32_t before) {
  auto p = static_cast<const uint8_t*>(data);
  uint32_t state = ~before;
#if defined(__x86_64__)
  static const bool can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  if (can_fold && size >= 64) {
    const size_t whole = size & ~size_t(15);
    state = folded(p, whole, state);
    p += whole;
    size -= whole;
  }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    state = __crc32d(state, word);
  }
#endif
  return ~bytewise(p, size, state);
}

}  // namespace kindling
