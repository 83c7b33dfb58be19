// Shared by the indexing kernels: which elements some index arguments name, and passes over them.
#pragma once
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "dispatch.h"
#include "ops.h"
#include "scratch.h"
#include "threads.h"

namespace kindling::indexing {

constexpr int64_t kWork = 16384;  // moved elements that are worth a thread

inline Tensor resolved(const Tensor& t) { return t.is_conj() || t.is_neg() ? ops::resolve_neg(ops::resolve_conj(t)) : t; }
inline Tensor dense(const Tensor& t) {
  return t.is_contiguous() && !t.is_conj() && !t.is_neg() ? t : ops::contiguous(resolved(t));
}
inline Tensor cast(const Tensor& t, DType d) { return t.dtype() == d ? t : ops::to_dtype(t, d); }

// Elements of a tensor seen as [before, chosen, after]: the offset of one is before[b] + chosen[i] + after[a].
struct Selection {
  std::unique_ptr<int64_t[]> before, chosen, after;
  int64_t nbefore, nchosen, nafter;
  int64_t reach = 0;  // largest value of `chosen`
  bool rows = false;  // after[a] == a

  Selection(int64_t nb, int64_t nc, int64_t na)
      : before(new int64_t[nb]), chosen(new int64_t[nc]), after(new int64_t[na]), nbefore(nb), nchosen(nc), nafter(na) {}
  int64_t numel() const { return nbefore * nchosen * nafter; }
};

// The offsets of all indices of `sizes` in row-major order.
void fill_offsets(IntList sizes, IntList strides, int64_t* out);
// Elements along dimension `dim` named by `index`, `check(v, i)` having passed on every value and returned the place.
template <class Check>
Selection select_along(const Tensor& t, int64_t dim, const int64_t* index, int64_t n, Check check) {
  const IntList sizes = t.sizes(), strides = t.strides();
  const IntList front = sizes.first(dim), back = sizes.subspan(dim + 1);
  Selection s(numel_of(front), n, numel_of(back));
  fill_offsets(front, strides.first(dim), s.before.get());
  fill_offsets(back, strides.subspan(dim + 1), s.after.get());
  s.rows = s.nafter == 0 || (s.after[0] == 0 && s.after[s.nafter - 1] == s.nafter - 1);
  const int64_t stride = strides[dim];
  for (int64_t i = 0; i < n; i++) s.chosen[i] = check(index[i], i) * stride;
  s.reach = std::max<int64_t>(0, (sizes[dim] - 1) * stride);
  return s;
}

// A 0-dim tensor as one of one dimension.
inline Tensor at_least_1d(const Tensor& t) { return t.dim() ? t : alias(t, Dims{1}, Dims{1}, t.offset()); }

// out[b, i, a] = source[...]: parallel over rows.
template <class T>
void take_rows(const T* source, T* out, const Selection& s) {
  const int64_t na = s.nafter;
  parallel_for(0, s.nbefore * s.nchosen, std::max<int64_t>(1, kWork / std::max<int64_t>(na, 1)), [&](int64_t from, int64_t to) {
    int64_t b = from / s.nchosen, i = from % s.nchosen;
    for (int64_t r = from; r < to; r++) {
      const T* p = source + s.before[b] + s.chosen[i];
      T* q = out + r * na;
      if (na == 1) *q = p[s.after[0]];
      else if (s.rows) std::memcpy(static_cast<void*>(q), p, size_t(na) * sizeof(T));
      else
        for (int64_t a = 0; a < na; a++) q[a] = p[s.after[a]];
      if (++i == s.nchosen) {
        i = 0;
        b++;
      }
    }
  });
}

// Ways to combine, computed in float for half types.
struct Assign {
  template <class T>
  void operator()(T& x, T y) const {
    x = y;
  }
};
struct Add {
  template <class T>
  void operator()(T& x, T y) const {
    if constexpr (std::same_as<T, bool>) x = x || y;
    else x = store_as<T>(load(x) + load(y));
  }
};
struct Multiply {
  template <class T>
  void operator()(T& x, T y) const {
    if constexpr (std::same_as<T, bool>) x = x && y;
    else x = store_as<T>(load(x) * load(y));
  }
};
struct Largest {  // a NaN wins
  template <class T>
  void operator()(T& x, T y) const {
    if (is_nan(y) || (!is_nan(x) && load(y) > load(x))) x = y;
  }
};
struct Smallest {
  template <class T>
  void operator()(T& x, T y) const {
    if (is_nan(y) || (!is_nan(x) && load(y) < load(x))) x = y;
  }
};

// A row at a time, in the vectors of the baseline instruction set where the compiler would not see them.
template <class T, class F>
inline void combine_row(T* p, const T* v, int64_t n, F combine) {
  int64_t a = 0;
  if constexpr (std::same_as<F, Assign>) {
    if (n > 4) return void(std::memcpy(static_cast<void*>(p), v, size_t(n) * sizeof(T)));
  } else if constexpr (std::same_as<F, Add> && std::is_arithmetic_v<T> && !std::same_as<T, bool>) {
    typedef T Vector __attribute__((vector_size(32), aligned(alignof(T)), may_alias));
    constexpr int64_t kLanes = 32 / sizeof(T);
    for (; a + kLanes <= n; a += kLanes) *reinterpret_cast<Vector*>(p + a) += *reinterpret_cast<const Vector*>(v + a);
  }
  for (; a < n; a++) combine(p[a], v[a]);
}

// combine(target[...], values[b, i, a]) in the order of i. Threads share the targets by their place, so that equal ones meet in
// order; `single` means that values holds one element.
template <class T, class F>
void put_rows(T* target, const T* values, bool single, const Selection& s, F combine) {
  const int64_t na = s.nafter;
  const int64_t parts = s.numel() < 2 * kWork || s.reach == 0 ? 1 : get_num_threads();
  parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
    const int64_t low = s.reach * from / parts + (from > 0), high = s.reach * to / parts;
    for (int64_t b = 0; b < s.nbefore; b++) {
      for (int64_t i = 0; i < s.nchosen; i++) {
        const int64_t place = s.chosen[i];
        if (place < low || place > high) continue;
        T* p = target + s.before[b] + place;
        const T* v = single ? values : values + (b * s.nchosen + i) * na;
        if (single)
          for (int64_t a = 0; a < na; a++) combine(p[s.after[a]], *v);
        else if (s.rows) combine_row(p, v, na, combine);
        else
          for (int64_t a = 0; a < na; a++) combine(p[s.after[a]], v[a]);
      }
    }
  });
}

// What a reduction that leaves out the target's own value starts from.
template <class T>
T reduction_start(std::string_view reduce) {
  using C = compute_t<T>;
  if constexpr (is_complex_type<T>) {
    return T(reduce == "prod" ? 1 : 0);
  } else {
    using L = std::numeric_limits<C>;
    const double inf = std::numeric_limits<double>::infinity();
    if (reduce == "prod") return store_as<T>(C(1));
    if (reduce == "amax") return is_float_type<T> ? store_as<T>(C(-inf)) : store_as<T>(L::lowest());
    if (reduce == "amin") return is_float_type<T> ? store_as<T>(C(inf)) : store_as<T>(L::max());
    return store_as<T>(C(0));
  }
}

inline void check_target(const Tensor& t) {
  KD_CHECK(!overlaps_internally(t), Runtime,
           "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
           "Please clone() the tensor before performing the operation.");
}

// `t` apart from `other`'s memory: a copy if they share it.
inline Tensor apart(const Tensor& t, const Tensor& other) { return t.storage() == other.storage() ? ops::clone(t) : t; }

}  // namespace kindling::indexing
