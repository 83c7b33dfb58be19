#include "convert.h"

#include <cstdlib>
#include <cstring>

namespace kindling {

DType compute_dtype(DType d) {
  switch (d) {
    case DType::bool_:
    case DType::uint8:
    case DType::int8:
    case DType::int16:
    case DType::uint16: return DType::int32;
    case DType::uint32: return DType::int64;
    case DType::float16:
    case DType::bfloat16: return DType::float32;
    case DType::complex32: return DType::complex64;
    default: return is_float8(d) ? DType::float32 : d;
  }
}

Compute compute_of(DType d) {
  switch (compute_dtype(d)) {
    case DType::int32: return Compute::i32;
    case DType::int64: return Compute::i64;
    case DType::uint64: return Compute::u64;
    case DType::float32: return Compute::f32;
    case DType::float64: return Compute::f64;
    case DType::complex64: return Compute::c64;
    default: return Compute::c128;
  }
}

namespace {

struct Wide {
  uint64_t low, high;
};

// A type as wide as an element, for moves.
template <class F>
void by_width(int64_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f(uint8_t());
    case 2: return f(uint16_t());
    case 4: return f(uint32_t());
    case 8: return f(uint64_t());
    default: return f(Wide());
  }
}

// Long runs are copies of a block that stays in cache.
template <class T>
void repeat_element(T* dst, T value, int64_t n) {
  constexpr int64_t block = 4096 / int64_t(sizeof(T));
  const int64_t head = std::min(n, block);
  for (int64_t i = 0; i < head; i++) dst[i] = value;
  for (int64_t i = head; i < n; i += block) std::memcpy(dst + i, dst, size_t(std::min(block, n - i)) * sizeof(T));
}

template <class T>
void move_run(char* dst, int64_t ds, const char* src, int64_t ss, int64_t n) {
  if (ds == sizeof(T) && ss == sizeof(T)) {
    std::memcpy(dst, src, size_t(n) * sizeof(T));
  } else if (ds == sizeof(T) && ss == 0) {
    repeat_element(reinterpret_cast<T*>(dst), *reinterpret_cast<const T*>(src), n);
  } else {
    for (int64_t i = 0; i < n; i++) *reinterpret_cast<T*>(dst + i * ds) = *reinterpret_cast<const T*>(src + i * ss);
  }
}

template <class T>
void transpose_scalar(char* dst, int64_t dc, int64_t dr, const char* src, int64_t sc, int64_t sr, int64_t columns, int64_t rows) {
  for (int64_t i = 0; i < columns; i++)
    for (int64_t j = 0; j < rows; j++)
      *reinterpret_cast<T*>(dst + i * dc + j * dr) = *reinterpret_cast<const T*>(src + i * sc + j * sr);
}

// 4 x 4 words or 2 x 2 double words, in 16-byte registers.
typedef uint32_t Words [[gnu::vector_size(16)]];
typedef uint64_t Doubles [[gnu::vector_size(16)]];

template <class V>
V get(const char* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V>
void put(char* p, V v) {
  std::memcpy(p, &v, sizeof v);
}

void transpose_square(char* dst, int64_t dr, const char* src, int64_t sc, uint32_t) {
  const Words a = get<Words>(src), b = get<Words>(src + sc), c = get<Words>(src + 2 * sc), d = get<Words>(src + 3 * sc);
  const Words ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Words cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  put<Words>(dst, __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5));
  put<Words>(dst + dr, __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7));
  put<Words>(dst + 2 * dr, __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5));
  put<Words>(dst + 3 * dr, __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7));
}

void transpose_square(char* dst, int64_t dr, const char* src, int64_t sc, uint64_t) {
  const Doubles a = get<Doubles>(src), b = get<Doubles>(src + sc);
  put<Doubles>(dst, __builtin_shufflevector(a, b, 0, 2));
  put<Doubles>(dst + dr, __builtin_shufflevector(a, b, 1, 3));
}

// Where the source's columns are contiguous. A column's cache line is read whole while it is there: columns a power of two
// apart share the few places that the cache has for them.
template <class T>
void transpose_tile(char* dst, int64_t dc, int64_t dr, const char* src, int64_t sc, int64_t sr, int64_t columns, int64_t rows) {
  constexpr int64_t item = sizeof(T), line = 64 / item;
  int64_t i = 0, whole = 0;
  if constexpr (item == 4 || item == 8) {
    constexpr int64_t square = 16 / item;
    if (dc == item && sr == item) {
      whole = rows / square * square;
      for (; i + square <= columns; i += square)
        for (int64_t j = 0; j < whole; j += square) transpose_square(dst + i * dc + j * dr, dr, src + i * sc + j * sr, sc, T());
      transpose_scalar<T>(dst + whole * dr, dc, dr, src + whole * sr, sc, sr, i, rows - whole);
    }
  }
  for (int64_t j = 0; j < rows; j += line)
    transpose_scalar<T>(dst + i * dc + j * dr, dc, dr, src + i * sc + j * sr, sc, sr, columns - i, std::min(line, rows - j));
}

template <class T>
void move_tile(char* dst, int64_t dc, int64_t dr, const char* src, int64_t sc, int64_t sr, int64_t columns, int64_t rows) {
  constexpr int64_t item = sizeof(T);
  if (dr == columns * dc && sr == columns * sc) return move_run<T>(dst, dc, src, sc, columns * rows);
  if (std::abs(sr) < std::abs(sc) && rows >= 8) return transpose_tile<T>(dst, dc, dr, src, sc, sr, columns, rows);
  if (dc == item && sc == item && columns < 16) {
    for (int64_t j = 0; j < rows; j++)
      for (int64_t i = 0; i < columns; i++) reinterpret_cast<T*>(dst + j * dr)[i] = reinterpret_cast<const T*>(src + j * sr)[i];
    return;
  }
  for (int64_t j = 0; j < rows; j++) move_run<T>(dst + j * dr, dc, src + j * sr, sc, columns);
}

// Is the conversion no more than a copy of the bits?
bool same_bits(DType to, DType from) {
  return to == from || (is_integral(to, false) && is_integral(from) && itemsize(to) == itemsize(from));
}

void convert_elements(char* dst, DType to, int64_t ds, const char* src, DType from, int64_t ss, int64_t n) {
  for (int64_t i = 0; i < n; i++) store_scalar(dst + i * ds, load_scalar(src + i * ss, from), to);
}

}  // namespace

// Loading into the compute dtype of the source is exact; storing does the one real conversion.
void convert_run(char* dst, DType to, int64_t ds, const char* src, DType from, int64_t ss, int64_t n) {
  if (same_bits(to, from)) return by_width(itemsize(to), [&](auto t) { move_run<decltype(t)>(dst, ds, src, ss, n); });
  const DType middle = compute_dtype(from);
  const Compute c = compute_of(from);
  const LoadKernel load = kLoad[isa][int(from)][int(c)];
  if (to == middle && ds == itemsize(to) && load) return load(dst, src, ss, n);
  const StoreKernel store = kStore[isa][int(c)][int(to)];
  if (!store || !load) return convert_elements(dst, to, ds, src, from, ss, n);
  if (from == middle && ss == itemsize(from)) return store(dst, src, ds, n);
  alignas(64) char buffer[8192];
  const int64_t item = itemsize(middle), block = int64_t(sizeof buffer) / item;
  for (int64_t i = 0; i < n; i += block) {
    const int64_t m = std::min(block, n - i);
    load(buffer, src + i * ss, ss, m);
    store(dst + i * ds, buffer, ds, m);
  }
}

void convert_tile(char* dst, DType to, int64_t dc, int64_t dr, const char* src, DType from, int64_t sc, int64_t sr,
                  int64_t columns, int64_t rows) {
  if (same_bits(to, from))
    return by_width(itemsize(to), [&](auto t) { move_tile<decltype(t)>(dst, dc, dr, src, sc, sr, columns, rows); });
  if (rows > 1 && dr == columns * dc && sr == columns * sc) return convert_run(dst, to, dc, src, from, sc, columns * rows);
  alignas(64) char raw[8192];
  const int64_t item = itemsize(from);
  if ((std::abs(sr) < std::abs(sc) || columns < 32) && rows > 1 && columns * rows * item <= int64_t(sizeof raw)) {
    by_width(item, [&](auto t) { move_tile<decltype(t)>(raw, item, columns * item, src, sc, sr, columns, rows); });
    if (dr == columns * dc) return convert_run(dst, to, dc, raw, from, item, columns * rows);
    for (int64_t j = 0; j < rows; j++) convert_run(dst + j * dr, to, dc, raw + j * columns * item, from, item, columns);
    return;
  }
  for (int64_t j = 0; j < rows; j++) convert_run(dst + j * dr, to, dc, src + j * sr, from, sc, columns);
}

void conjugate_run(char* p, DType d, int64_t n) {
  if (d == DType::complex64)
    for (int64_t i = 0; i < n; i++) reinterpret_cast<float*>(p)[2 * i + 1] *= -1;
  if (d == DType::complex128)
    for (int64_t i = 0; i < n; i++) reinterpret_cast<double*>(p)[2 * i + 1] *= -1;
  if (d == DType::complex32)
    for (int64_t i = 0; i < n; i++) reinterpret_cast<uint16_t*>(p)[2 * i + 1] ^= 0x8000;
}

void negate_run(char* p, DType d, int64_t n) {
  const int64_t parts = is_complex(d) ? 2 * n : n;
  switch (to_real(d)) {
    case DType::float32:
      for (int64_t i = 0; i < parts; i++) reinterpret_cast<float*>(p)[i] *= -1;
      break;
    case DType::float64:
      for (int64_t i = 0; i < parts; i++) reinterpret_cast<double*>(p)[i] *= -1;
      break;
    case DType::float16:
    case DType::bfloat16:
      for (int64_t i = 0; i < parts; i++) reinterpret_cast<uint16_t*>(p)[i] ^= 0x8000;
      break;
    default:
      for (int64_t i = 0; i < n; i++) store_scalar(p + i * itemsize(d), -load_scalar(p + i * itemsize(d), d), d);
  }
}

}  // namespace kindling
