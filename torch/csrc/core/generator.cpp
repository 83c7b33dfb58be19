#include "generator.h"

#include <sys/random.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <numbers>

namespace kindling {

namespace {

constexpr int N = Generator::kWords, M = 397;
constexpr uint32_t kUpper = 0x80000000u, kLower = 0x7fffffffu, kMatrix = 0x9908b0dfu;

typedef uint32_t Words __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Floats __attribute__((vector_size(32), aligned(4), may_alias));
constexpr int L = 8;

Words load(const uint32_t* p) { return *reinterpret_cast<const Words*>(p); }
void store(uint32_t* p, Words v) { *reinterpret_cast<Words*>(p) = v; }

// word i of the next block, from words i and i+1 of this one and word i+397 of the stream
uint32_t mix(uint32_t a, uint32_t b, uint32_t far) { return far ^ ((a & kUpper) | (b & kLower)) >> 1 ^ (-(b & 1) & kMatrix); }
Words mix(Words a, Words b, Words far) { return far ^ ((a & kUpper) | (b & kLower)) >> 1 ^ (-(b & 1) & kMatrix); }

// The next 624 words; the distance 227 or more between a word and the ones it needs leaves room for 8 at a time.
void next_block(uint32_t* s) {
  int i = 0;
  for (; i + L <= N - M; i += L) store(s + i, mix(load(s + i), load(s + i + 1), load(s + i + M)));
  for (; i < N - M; i++) s[i] = mix(s[i], s[i + 1], s[i + M]);
  for (; i + L <= N - 1; i += L) store(s + i, mix(load(s + i), load(s + i + 1), load(s + i + M - N)));
  for (; i < N - 1; i++) s[i] = mix(s[i], s[i + 1], s[i + M - N]);
  s[N - 1] = mix(s[N - 1], s[0], s[M - 1]);
}

Words temper8(Words y) {
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

// The layout of torch.get_rng_state().
struct State {
  uint64_t initial;
  int32_t left, seeded;
  uint64_t next;
  uint64_t words[N];
  double normal_x, normal_y, normal_rho;
  int32_t has_normal, pad;
  float cached_float;
  bool has_float;
  char tail[3];
};
static_assert(sizeof(State) == Generator::kStateBytes);

}  // namespace

Generator::Generator(Device d, uint64_t seed) : device(d) { manual_seed(seed); }

void Generator::manual_seed(uint64_t seed) {
  initial_ = seed;
  words_[0] = uint32_t(seed);
  for (int i = 1; i < N; i++) words_[i] = 1812433253u * (words_[i - 1] ^ words_[i - 1] >> 30) + uint32_t(i);
  left_ = 1;
  next_ = 0;
  has_normal_ = false;
  normal_ = 0;
}

uint64_t nondeterministic_seed() {
  uint64_t s;
  if (getrandom(&s, sizeof s, 0) != ssize_t(sizeof s)) s = uint64_t(std::chrono::system_clock::now().time_since_epoch().count());
  return s & ((1ull << 53) - 1);  // exact as a float, as users store seeds in all kinds of places
}

uint64_t Generator::seed() {
  uint64_t s = nondeterministic_seed();
  manual_seed(s);
  return s;
}

void Generator::twist() {
  next_block(words_);
  left_ = N + 1;
  next_ = 0;
}

// Hands `take(words, count)` the untempered words of the next n draws, block by block.
template <class Take>
void Generator::blocks(int64_t n, Take take) {
  while (n > 0) {
    if (left_ == 1) twist();
    int64_t k = std::min<int64_t>(n, left_ - 1);
    take(words_ + next_, k);
    next_ += uint32_t(k);
    left_ -= int32_t(k);
    n -= k;
  }
}

void Generator::fill32(uint32_t* out, int64_t n) {
  blocks(n, [&](const uint32_t* w, int64_t k) {
    int64_t i = 0;
    for (; i + L <= k; i += L) store(out + i, temper8(load(w + i)));
    for (; i < k; i++) out[i] = temper(w[i]);
    out += k;
  });
}

void Generator::fill24(float* out, int64_t n) {
  blocks(n, [&](const uint32_t* w, int64_t k) {
    int64_t i = 0;
    for (; i + L <= k; i += L) {
      typedef int32_t Ints __attribute__((vector_size(32)));
      Ints v = Ints(temper8(load(w + i)) & 0xffffffu);
      *reinterpret_cast<Floats*>(out + i) = __builtin_convertvector(v, Floats) * 0x1p-24f;
    }
    for (; i < k; i++) out[i] = float(temper(w[i]) & 0xffffffu) * 0x1p-24f;
    out += k;
  });
}

void Generator::fill64(uint64_t* out, int64_t n) {
  constexpr int64_t kChunk = 256;
  uint32_t w[2 * kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    int64_t k = std::min(kChunk, n - i);
    fill32(w, 2 * k);
    for (int64_t j = 0; j < k; j++) out[i + j] = uint64_t(w[2 * j]) << 32 | w[2 * j + 1];
  }
}

void Generator::fill53(double* out, int64_t n) {
  constexpr int64_t kChunk = 256;
  uint32_t w[2 * kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    int64_t k = std::min(kChunk, n - i);
    fill32(w, 2 * k);
    // The top 21 bits and the low 32 are exact as doubles, and so is their sum.
    for (int64_t j = 0; j < k; j++) out[i + j] = double(int32_t(w[2 * j] & 0x1fffffu)) * 0x1p-21 + double(w[2 * j + 1]) * 0x1p-53;
  }
}

double Generator::normal() {
  if (has_normal_) {
    has_normal_ = false;
    return normal_;
  }
  double u1 = uniform53(), u2 = uniform53();
  double r = std::sqrt(-2.0 * std::log1p(-u2)), theta = 2.0 * std::numbers::pi * u1;
  normal_ = r * std::sin(theta);
  has_normal_ = true;
  return r * std::cos(theta);
}

void Generator::get_state(char out[kStateBytes]) const {
  State s;
  std::memset(&s, 0, sizeof s);
  s.initial = initial_;
  s.left = left_;
  s.seeded = 1;
  s.next = next_;
  for (int i = 0; i < N; i++) s.words[i] = words_[i];
  s.normal_y = has_normal_ ? normal_ : 0;
  s.has_normal = has_normal_;
  std::memcpy(out, &s, sizeof s);
}

void Generator::set_state(const char* bytes, int64_t nbytes) {
  KD_CHECK(nbytes == kStateBytes, Runtime, "Expected a CPUGeneratorImplState of size ", kStateBytes,
           " but found the input RNG state size to be ", nbytes,
           ": give the tensor that get_rng_state() or Generator.get_state() returned");
  State s;
  std::memcpy(&s, bytes, sizeof s);
  KD_CHECK(s.left > 0 && s.left <= N + 1 && s.next <= N && s.left + int64_t(s.next) <= N + 1, Runtime,
           "Invalid mt19937 state: ", s.left, " draws left at word ", s.next, " of ", N);
  initial_ = s.initial;
  left_ = s.left;
  next_ = uint32_t(s.next);
  for (int i = 0; i < N; i++) words_[i] = uint32_t(s.words[i]);
  has_normal_ = s.has_normal != 0;
  normal_ = s.normal_y;
}

Ref<Generator> Generator::clone() const {
  char state[kStateBytes];
  get_state(state);
  auto copy = Ref<Generator>::make(device);
  copy->set_state(state, kStateBytes);
  return copy;
}

Generator& default_generator() {
  static Generator* generator = new Generator;  // outlives every static object that might still draw
  return *generator;
}

}  // namespace kindling
