// Complex lines into lanes of real and imaginary parts, and back.
#pragma once
#include <algorithm>
#include <complex>
#include <cstdint>
#include <cstring>

namespace kindling::fft {

typedef float Quad [[gnu::vector_size(16)]];
typedef double Pair [[gnu::vector_size(16)]];

template <class T>
struct LaneVector;
template <>
struct LaneVector<float> {
  using type = Quad;
};
template <>
struct LaneVector<double> {
  using type = Pair;
};

template <class V, class T>
inline V read(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
inline void write(T* p, V v) {
  std::memcpy(p, &v, sizeof v);
}

inline Quad evens(Quad a, Quad b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
inline Quad odds(Quad a, Quad b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
inline Quad low(Quad a, Quad b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
inline Quad high(Quad a, Quad b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
inline Pair evens(Pair a, Pair b) { return __builtin_shufflevector(a, b, 0, 2); }
inline Pair odds(Pair a, Pair b) { return __builtin_shufflevector(a, b, 1, 3); }
inline Pair low(Pair a, Pair b) { return evens(a, b); }
inline Pair high(Pair a, Pair b) { return odds(a, b); }
inline Quad first_halves(Quad a, Quad b) { return __builtin_shufflevector(a, b, 0, 1, 4, 5); }
inline Quad second_halves(Quad a, Quad b) { return __builtin_shufflevector(a, b, 2, 3, 6, 7); }

// Lanes that follow each other in memory: element j of lane q is p[j * step + q].
template <class T>
void gather_neighbours(const std::complex<T>* p, int64_t n, int64_t step, int64_t lanes, T sign, T* re, T* im) {
  using V = typename LaneVector<T>::type;
  constexpr int64_t width = 16 / sizeof(T);
  for (int64_t j = 0; j < n; j++, re += lanes, im += lanes) {
    const T* from = reinterpret_cast<const T*>(p + j * step);
    int64_t q = 0;
    for (; q + width <= lanes; q += width) {
      const V a = read<V>(from + 2 * q), b = read<V>(from + 2 * q + width);
      write(re + q, evens(a, b));
      write(im + q, odds(a, b) * sign);
    }
    for (; q < lanes; q++) {
      re[q] = from[2 * q];
      im[q] = sign * from[2 * q + 1];
    }
  }
}

template <class T>
void scatter_neighbours(std::complex<T>* p, int64_t n, int64_t step, int64_t lanes, T scale, T sign, const T* re, const T* im) {
  using V = typename LaneVector<T>::type;
  constexpr int64_t width = 16 / sizeof(T);
  for (int64_t j = 0; j < n; j++, re += lanes, im += lanes) {
    T* to = reinterpret_cast<T*>(p + j * step);
    int64_t q = 0;
    for (; q + width <= lanes; q += width) {
      const V a = read<V>(re + q) * scale, b = read<V>(im + q) * (sign * scale);
      write(to + 2 * q, low(a, b));
      write(to + 2 * q + width, high(a, b));
    }
    for (; q < lanes; q++) {
      to[2 * q] = re[q] * scale;
      to[2 * q + 1] = im[q] * (sign * scale);
    }
  }
}

// Lanes that are rows of memory: 4 of float, 2 numbers long, are a square of registers; 2 of double, one number long.
inline int64_t gather_square(const std::complex<float>* const* lines, int64_t j, int64_t lanes, float sign, float* re,
                             float* im) {
  const auto row = [&](int q) { return read<Quad>(reinterpret_cast<const float*>(lines[q] + j)); };
  const Quad a = row(0), b = row(1), c = row(2), d = row(3);
  const Quad ab0 = low(a, b), ab1 = high(a, b), cd0 = low(c, d), cd1 = high(c, d);
  write(re + j * lanes, first_halves(ab0, cd0));
  write(im + j * lanes, second_halves(ab0, cd0) * sign);
  write(re + (j + 1) * lanes, first_halves(ab1, cd1));
  write(im + (j + 1) * lanes, second_halves(ab1, cd1) * sign);
  return 2;
}
inline int64_t gather_square(const std::complex<double>* const* lines, int64_t j, int64_t lanes, double sign, double* re,
                             double* im) {
  const auto row = [&](int q) { return read<Pair>(reinterpret_cast<const double*>(lines[q] + j)); };
  const Pair a = row(0), b = row(1);
  write(re + j * lanes, evens(a, b));
  write(im + j * lanes, odds(a, b) * sign);
  return 1;
}
inline int64_t scatter_square(std::complex<float>* const* lines, int64_t j, int64_t lanes, float scale, float sign,
                              const float* re, const float* im) {
  const Quad a = read<Quad>(re + j * lanes) * scale, b = read<Quad>(im + j * lanes) * (sign * scale);
  const Quad c = read<Quad>(re + (j + 1) * lanes) * scale, d = read<Quad>(im + (j + 1) * lanes) * (sign * scale);
  const Quad ab0 = low(a, b), ab1 = high(a, b), cd0 = low(c, d), cd1 = high(c, d);
  const auto row = [&](int q, Quad v) { write(reinterpret_cast<float*>(lines[q] + j), v); };
  row(0, first_halves(ab0, cd0));
  row(1, second_halves(ab0, cd0));
  row(2, first_halves(ab1, cd1));
  row(3, second_halves(ab1, cd1));
  return 2;
}
inline int64_t scatter_square(std::complex<double>* const* lines, int64_t j, int64_t lanes, double scale, double sign,
                              const double* re, const double* im) {
  const Pair a = read<Pair>(re + j * lanes) * scale, b = read<Pair>(im + j * lanes) * (sign * scale);
  write(reinterpret_cast<double*>(lines[0] + j), low(a, b));
  write(reinterpret_cast<double*>(lines[1] + j), high(a, b));
  return 1;
}

constexpr int64_t kColumnBlock = 32;  // of all lanes, so that the lanes' cache lines are filled while they are near

template <class T>
void gather_rows(const std::complex<T>* const* lines, int64_t n, int64_t lanes, T sign, T* re, T* im) {
  constexpr int64_t width = 16 / sizeof(T), depth = sizeof(T) == 4 ? 2 : 1;
  for (int64_t j0 = 0; j0 < n; j0 += kColumnBlock) {
    const int64_t end = std::min(n, j0 + kColumnBlock);
    int64_t q = 0;
    for (; q + width <= lanes; q += width) {
      int64_t j = j0;
      while (j + depth <= end) j += gather_square(lines + q, j, lanes, sign, re + q, im + q);
      for (; j < end; j++)
        for (int64_t k = q; k < q + width; k++)
          re[j * lanes + k] = lines[k][j].real(), im[j * lanes + k] = sign * lines[k][j].imag();
    }
    for (; q < lanes; q++)
      for (int64_t j = j0; j < end; j++) re[j * lanes + q] = lines[q][j].real(), im[j * lanes + q] = sign * lines[q][j].imag();
  }
}

template <class T>
void scatter_rows(std::complex<T>* const* lines, int64_t n, int64_t lanes, T scale, T sign, const T* re, const T* im) {
  constexpr int64_t width = 16 / sizeof(T), depth = sizeof(T) == 4 ? 2 : 1;
  for (int64_t j0 = 0; j0 < n; j0 += kColumnBlock) {
    const int64_t end = std::min(n, j0 + kColumnBlock);
    int64_t q = 0;
    for (; q + width <= lanes; q += width) {
      int64_t j = j0;
      while (j + depth <= end) j += scatter_square(lines + q, j, lanes, scale, sign, re + q, im + q);
      for (; j < end; j++)
        for (int64_t k = q; k < q + width; k++) lines[k][j] = {re[j * lanes + k] * scale, im[j * lanes + k] * (sign * scale)};
    }
    for (; q < lanes; q++)
      for (int64_t j = j0; j < end; j++) lines[q][j] = {re[j * lanes + q] * scale, im[j * lanes + q] * (sign * scale)};
  }
}

}  // namespace kindling::fft
