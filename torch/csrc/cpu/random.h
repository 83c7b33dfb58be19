// Shared by the random kernels: filling tensors in memory order from a generator's stream.
#pragma once
#include <mutex>

#include "../core/generator.h"
#include "dispatch.h"

namespace kindling::random {

// The generator to draw from, locked.
struct Draws {
  Generator& g;
  std::lock_guard<std::mutex> lock;
  explicit Draws(Generator* given) : g(given ? *given : default_generator()), lock(g.mutex) {
    KD_CHECK(g.device.type == DeviceType::cpu, Runtime, "Expected a 'cpu' device type for generator but found '",
             to_string(g.device), "'");
  }
};

struct Run {
  char* data;
  int64_t n, stride;
};  // stride in elements

// Hands f(Run) the elements of `t` in the order of their addresses.
template <class F>
void memory_runs(const Tensor& t, F f) {
  if (t.numel() == 0) return;
  Dims sizes, strides;
  for (int64_t d = t.dim() - 1; d >= 0; d--) {
    if (t.sizes()[d] == 1) continue;
    int64_t at = sizes.size();
    while (at > 0 && strides[at - 1] > t.strides()[d]) at--;
    sizes.insert(at, t.sizes()[d]);
    strides.insert(at, t.strides()[d]);
  }
  for (int64_t d = 0; d + 1 < sizes.size();) {
    if (strides[d + 1] == strides[d] * sizes[d]) {
      sizes[d] *= sizes[d + 1];
      sizes.erase(d + 1);
      strides.erase(d + 1);
    } else {
      d++;
    }
  }
  if (sizes.empty()) return f(Run{t.raw(), 1, 1});
  Dims index(sizes.size());
  char* p = t.raw();
  for (;;) {
    f(Run{p, sizes[0], strides[0]});
    int64_t d = 1;
    for (; d < sizes.size(); d++) {
      p += strides[d] * t.itemsize();
      if (++index[d] < sizes[d]) break;
      p -= strides[d] * sizes[d] * t.itemsize();
      index[d] = 0;
    }
    if (d == sizes.size()) return;
  }
}

// Fills `t` with what draw(C*, n) makes block by block, cast to the dtype of `t`.
template <class C, uint32_t Mask, class Draw>
void fill(const Tensor& t, const char* name, Draw draw) {
  constexpr int64_t kBlock = 512;
  visit<Mask>(t.dtype(), name, [&]<class T>(Of<T>) {
    C block[kBlock];
    memory_runs(t, [&](Run run) {
      T* p = reinterpret_cast<T*>(run.data);
      for (int64_t i = 0; i < run.n; i += kBlock) {
        const int64_t k = std::min(kBlock, run.n - i);
        draw(block, k);
        for (int64_t j = 0; j < k; j++) p[(i + j) * run.stride] = store_as<T>(block[j]);
      }
    });
  });
}

inline void check_writable(const Tensor& t) {
  KD_CHECK(!overlaps_internally(t), Runtime,
           "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
           "Please clone() the tensor before performing the operation.");
}

// The real view of a complex tensor: one more dimension of size 2.
Tensor as_real(const Tensor& t);

}  // namespace kindling::random
