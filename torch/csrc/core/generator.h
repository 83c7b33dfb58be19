// The CPU random stream: MT19937 seeded by init_genrand, the cached second normal, and the state bytes of get_rng_state.
#pragma once
#include <mutex>

#include "device.h"
#include "error.h"
#include "ref.h"

namespace kindling {

struct Generator final : RefCounted {
  static constexpr uint64_t kDefaultSeed = 67280421310721ull;
  static constexpr int kWords = 624;
  static constexpr int64_t kStateBytes = 5056;

  std::mutex mutex;  // held by a kernel for as long as it draws
  Device device;
  void* pyobj = nullptr;  // the Python object of this generator, borrowed

  explicit Generator(Device d = {}, uint64_t seed = kDefaultSeed);

  void manual_seed(uint64_t seed);  // only the low 32 bits choose the stream
  uint64_t seed();                  // seeds from the system's entropy and returns that seed
  uint64_t initial_seed() const { return initial_; }
  void get_state(char out[kStateBytes]) const;
  void set_state(const char* bytes, int64_t nbytes);
  Ref<Generator> clone() const;

  uint32_t random32() {
    if (left_ == 1) twist();
    left_--;
    return temper(words_[next_++]);
  }
  uint64_t random64() {  // the first draw is the high word
    uint64_t high = random32();
    return high << 32 | random32();
  }
  double uniform53() { return double(random64() & ((1ull << 53) - 1)) * 0x1p-53; }
  float uniform24() { return float(random32() & ((1u << 24) - 1)) * 0x1p-24f; }
  double normal();  // Box-Muller; every second call returns the cached value

  // The same stream in bulk.
  void fill32(uint32_t* out, int64_t n);
  void fill64(uint64_t* out, int64_t n);
  void fill24(float* out, int64_t n);  // uniforms in [0, 1)
  void fill53(double* out, int64_t n);

 private:
  // `left_` draws remain before and including the one that twists; `next_` is the word to draw. left_ + next_ is 625
  // but right after seeding, when no block has been made yet.
  uint32_t words_[kWords];
  int32_t left_ = 1;
  uint32_t next_ = 0;
  bool has_normal_ = false;
  double normal_ = 0;
  uint64_t initial_ = 0;

  void twist();
  template <class Take>
  void blocks(int64_t n, Take take);
  static uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
  }
};

Generator& default_generator();  // of the CPU
uint64_t nondeterministic_seed();

}  // namespace kindling
