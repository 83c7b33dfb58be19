// Included by an instruction set's file after attention_kernel.h, in the same anonymous namespace.

// Sum over whole vectors in four chains, then the rest.
template <class T, class F>
inline T sum_vectors(int64_t n, F&& term) {
  constexpr int L = kLanes<T>;
  V<T> sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++) sum[u] = term(i + u * L, L, sum[u]);
  }
  for (; i + L <= n; i += L) sum[0] = term(i, L, sum[0]);
  V<T> all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  T total = 0;
  for (int l = 0; l < L; l++) total += all[l];
  if (i < n) {
    V<T> rest = term(i, int(n - i), V<T>{});
    for (int l = 0; l < n - i; l++) total += rest[l];
  }
  return total;
}

template <class T>
T row_sum(int64_t n, const T* x) {
  return sum_vectors<T>(n, [&](int64_t i, int part, V<T> s) { return s + load_n(x + i, part); });
}
template <class T>
T row_square_sum(int64_t n, const T* x, T mean) {
  return sum_vectors<T>(n, [&](int64_t i, int part, V<T> s) {
    V<T> v = load_n(x + i, part) - mean;
    return fma(v, v, s);
  });
}
template <class T>
T row_product_sum(int64_t n, const T* g, const T* x, T mean) {
  return sum_vectors<T>(n, [&](int64_t i, int part, V<T> s) { return fma(load_n(g + i, part), load_n(x + i, part) - mean, s); });
}
template <class T>
void row_scale(int64_t n, const T* x, T mean, T a, T b, T* y) {
  for_vectors<T>(n, [&](int64_t i, int part) { store_n(y + i, fma(load_n(x + i, part) - mean, splat(a), splat(b)), part); });
}
template <class T>
void row_blend(int64_t n, const T* g, const T* x, T mean, T a, T b, T c, T* y) {
  for_vectors<T>(n, [&](int64_t i, int part) {
    store_n(y + i, fma(load_n(g + i, part), splat(a), fma(load_n(x + i, part) - mean, splat(b), splat(c))), part);
  });
}

template <class T>
constexpr NormKernels<T> norms() {
  return {row_sum<T>, row_square_sum<T>, row_product_sum<T>, row_scale<T>, row_blend<T>};
}
