// Included by an instruction set's file after attention_kernel.h, in the same anonymous namespace.

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
