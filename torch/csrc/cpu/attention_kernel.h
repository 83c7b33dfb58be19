// Included by an instruction set's file after gemm_kernel.h, in the same anonymous namespace.

// exp by 2^n * p(r), x = n ln 2 + r, |r| <= ln(2) / 2, p the Taylor polynomial whose first left-out term is below half an ulp.
template <class T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  static constexpr float log2e = 1.44269504f, shift = 12582912.0f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float smallest = -87.0f, largest = 88.7f;
  static constexpr int mantissa = 23, degree = 7;
};
template <>
struct ExpConstants<double> {
  static constexpr double log2e = 1.4426950408889634, shift = 6755399441055744.0, ln2_high = 0.693147180369123816490,
                          ln2_low = 1.90821492927058770002e-10;
  static constexpr double smallest = -708.0, largest = 709.7;
  static constexpr int mantissa = 52, degree = 13;
};

template <class T>
constexpr T inverse_factorial(int n) {
  return n <= 1 ? T(1) : T(1.0 / n) * inverse_factorial<T>(n - 1);
}

template <class T>
inline V<T> exp_of(V<T> x) {
  using C = ExpConstants<T>;
  using Index = typename Vec<T>::index;
  V<T> clamped = x > C::smallest ? x : splat(C::smallest);
  clamped = clamped < C::largest ? clamped : splat(C::largest);
  V<T> shifted = fma(clamped, splat(C::log2e), splat(C::shift));
  V<T> n = shifted - C::shift;
  V<T> r = fma(n, splat(-C::ln2_high), clamped);
  r = fma(n, splat(-C::ln2_low), r);
  V<T> p = splat(inverse_factorial<T>(C::degree));
#pragma GCC unroll 16
  for (int k = C::degree - 1; k >= 0; k--) p = fma(p, r, splat(inverse_factorial<T>(k)));
  Index bits = (Index)p + ((Index)shifted << C::mantissa);
  V<T> y = (V<T>)bits;
  y = x < C::smallest ? V<T>{} : y;
  y = x > C::largest ? splat(T(__builtin_inf())) : y;
  return x != x ? x : y;
}

template <class T, class F>
inline void for_vectors(int64_t n, F&& body) {
  int64_t j = 0;
  for (; j + kLanes<T> <= n; j += kLanes<T>) body(j, kLanes<T>);
  if (j < n) body(j, int(n - j));
}
template <class T>
T scale_max(int64_t n, T* s, T scale, const T* mask) {
  V<T> best = splat(T(-__builtin_inf()));
  T rest = T(-__builtin_inf());
  for_vectors<T>(n, [&](int64_t j, int part) {
    V<T> v = load_n(s + j, part) * scale;
    if (mask) v += load_n(mask + j, part);
    store_n(s + j, v, part);
    if (part == kLanes<T>) best = best > v ? best : v;
    else
      for (int l = 0; l < part; l++) rest = rest > v[l] ? rest : v[l];
  });
  for (int l = 0; l < kLanes<T>; l++) rest = rest > best[l] ? rest : best[l];
  return rest;
}

template <class T>
T exp_sum(int64_t n, T* s, T max) {
  return sum_vectors<T>(n, [&](int64_t j, int part, V<T> sum) {
    V<T> v = exp_of<T>(load_n(s + j, part) - max);
    store_n(s + j, v, part);
    return sum + v;
  });
}

template <class T>
void exp_scaled(int64_t n, T* s, T scale, const T* mask, T log_sum) {
  for_vectors<T>(n, [&](int64_t j, int part) {
    V<T> v = load_n(s + j, part) * scale;
    if (mask) v += load_n(mask + j, part);
    store_n(s + j, exp_of<T>(v - log_sum), part);
  });
}

template <class T>
void softmax_grad(int64_t n, T* p, const T* dp, T delta, T scale) {
  for_vectors<T>(
      n, [&](int64_t j, int part) { store_n(p + j, load_n(p + j, part) * (load_n(dp + j, part) - delta) * scale, part); });
}

template <class T>
constexpr AttentionKernels<T> attention() {
  return {scale_max<T>, exp_sum<T>, exp_scaled<T>, softmax_grad<T>};
}
