// The matrix product's inner loops, written once over a vector type. An instruction set's file includes this inside its own
// anonymous namespace, after `#pragma GCC target`, having defined:
//   Vec<T>::type (a GCC vector) and Vec<T>::index (integers as wide), fma(V, V, V), kRows, kVectors,
//   load_part(p, n) and store_part(p, v, n), which touch the first n < lanes elements only.
template <class T>
using V = typename Vec<T>::type;
template <class T>
inline constexpr int kLanes = int(sizeof(V<T>) / sizeof(T));
template <class T>
struct Unaligned {
  typedef V<T> type __attribute__((aligned(1), may_alias));
};

template <class T>
inline V<T> load(const T* p) {
  return *reinterpret_cast<const typename Unaligned<T>::type*>(p);
}
template <class T>
inline void store(T* p, V<T> v) {
  *reinterpret_cast<typename Unaligned<T>::type*>(p) = v;
}
template <class T>
inline V<T> splat(T x) {
  return x - V<T>{};
}

template <class T, int MR, int NV>
void tile_loop(int64_t depth, const T* a, const T* b, int64_t b_stride, T* c, int64_t c_stride, T alpha, T beta, int nr) {
  constexpr int L = kLanes<T>;
  V<T> sum[MR][NV] = {};
  for (int64_t p = 0; p < depth; p++, a += MR, b += b_stride) {
    V<T> bv[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) bv[j] = load(b + j * L);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      V<T> av = splat(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) sum[i][j] = fma(av, bv[j], sum[i][j]);
    }
  }
  if (nr == NV * L) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) {
        T* at = c + i * c_stride + j * L;
        V<T> v = splat(alpha) * sum[i][j];
        store(at, beta == 0 ? v : beta == 1 ? v + load(at) : v + splat(beta) * load(at));
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      int part = std::min(nr - j * L, L);
      if (part <= 0) break;
      T* at = c + i * c_stride + j * L;
      V<T> v = splat(alpha) * sum[i][j];
      store_part(at, beta == 0 ? v : beta == 1 ? v + load_part(at, part) : v + splat(beta) * load_part(at, part), part);
    }
  }
}

template <class T>
using TileLoop = void (*)(int64_t, const T*, const T*, int64_t, T*, int64_t, T, T, int);

template <class T, int NV, int... I>
constexpr auto tile_table(std::integer_sequence<int, I...>) {
  return std::array<TileLoop<T>, sizeof...(I)>{tile_loop<T, I + 1, NV>...};
}

template <class T>
void tile(int mr, int nr, int64_t depth, const T* a, const T* b, int64_t b_stride, T* c, int64_t c_stride, T alpha, T beta) {
  static constexpr auto narrow = tile_table<T, 1>(std::make_integer_sequence<int, kRows>());
  static constexpr auto wide = tile_table<T, kVectors>(std::make_integer_sequence<int, kRows>());
  (nr <= kLanes<T> ? narrow : wide)[mr - 1](depth, a, b, b_stride, c, c_stride, alpha, beta, nr);
}

// Transposes a square of vectors in log2(lanes) rounds: round s swaps the off-diagonal s x s blocks of each 2s x 2s block.
template <class T, int S>
inline void transpose_round(V<T>* v) {
  constexpr int L = kLanes<T>;
  using Index = typename Vec<T>::index;
  static constexpr auto masks = [] {
    struct {
      std::array<std::make_signed_t<decltype(Index{}[0] + 0)>, L> low, high;
    } m{};
    for (int i = 0; i < L; i++) {
      m.low[i] = i & S ? L + i - S : i;
      m.high[i] = i & S ? L + i : i + S;
    }
    return m;
  }();
  Index low, high;
  __builtin_memcpy(&low, masks.low.data(), sizeof low);
  __builtin_memcpy(&high, masks.high.data(), sizeof high);
#pragma GCC unroll 16
  for (int i = 0; i < L; i++) {
    if (i & S) continue;
    V<T> x = v[i], y = v[i + S];
    v[i] = __builtin_shuffle(x, y, low);
    v[i + S] = __builtin_shuffle(x, y, high);
  }
  if constexpr (2 * S < L) transpose_round<T, 2 * S>(v);
}

// Depth is contiguous in src: transposes square blocks, B of them side by side. Whole vectors are written in order of depth,
// so that a line's excess lanes are overwritten by the next line; not past the panel's end.
template <class T, int B>
void pack_transposed(T* dst, int width, const T* src, int64_t stride, int count, int64_t depth, int line) {
  constexpr int L = kLanes<T>;
  for (int64_t p = 0; p < depth; p += L) {
    V<T> v[B][L];
    int lines = int(std::min<int64_t>(L, depth - p));
#pragma GCC unroll 2
    for (int block = 0; block < B; block++) {
      if (lines == L) {
#pragma GCC unroll 16
        for (int i = 0; i < L; i++) v[block][i] = block * L + i < count ? load(src + (block * L + i) * stride + p) : V<T>{};
      } else {
        for (int i = 0; i < L; i++)
          v[block][i] = block * L + i < count ? load_part(src + (block * L + i) * stride + p, lines) : V<T>{};
      }
      transpose_round<T, 1>(v[block]);
    }
    T* to = dst + p * line;
    const int64_t room = (depth - p - 1) * line + width;  // elements from `to` to the end of the panel
    for (int i = 0; i < lines; i++, to += line) {
#pragma GCC unroll 2
      for (int block = 0; block < B; block++) {
        if (i * int64_t(line) + (block + 1) * L <= room) store(to + block * L, v[block][i]);
        else store_part(to + block * L, v[block][i], width - block * L);
      }
    }
  }
}

template <class T>
void pack(T* dst, int width, const T* src, int64_t stride, int count, int64_t depth_stride, int64_t depth) {
  constexpr int L = kLanes<T>;
  if (depth_stride == 1) {
    int first = 0;
    for (; width - first > 2 * L || (width - first) % L == 0; first += L) {
      if (first == width) return;
      pack_transposed<T, 1>(dst + first, L, src + first * stride, stride, std::max(count - first, 0), depth, width);
    }
    auto rest = width - first < L ? pack_transposed<T, 1> : pack_transposed<T, 2>;
    return rest(dst + first, width - first, src + first * stride, stride, std::max(count - first, 0), depth, width);
  }
  if (stride == 1) {
    for (int64_t p = 0; p < depth; p++, dst += width, src += depth_stride) {
      for (int i = 0; i < width; i += L) {
        V<T> v = i + L <= count ? load(src + i) : i < count ? load_part(src + i, count - i) : V<T>{};
        if (i + L <= width) store(dst + i, v);
        else store_part(dst + i, v, width - i);
      }
    }
    return;
  }
  for (int64_t p = 0; p < depth; p++, dst += width, src += depth_stride) {
    for (int i = 0; i < width; i++) dst[i] = i < count ? src[i * stride] : T(0);
  }
}

template <class T>
inline V<T> load_n(const T* p, int n) {
  return n == kLanes<T> ? load(p) : load_part(p, n);
}
template <class T>
inline void store_n(T* p, V<T> v, int n) {
  if (n == kLanes<T>) store(p, v);
  else store_part(p, v, n);
}

// Sum of the lanes that term(i, part, sum) adds: four chains of 64 bytes, whatever the vector, so that AVX2 and AVX-512 give the
// same bits. `part` elements from i on are there.
template <class T, class F>
inline T sum_vectors(int64_t n, F&& term) {
  constexpr int L = kLanes<T>, W = int(64 / sizeof(T)), P = W / L;
  V<T> sum[4 * P] = {};
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
#pragma GCC unroll 16
    for (int u = 0; u < 4 * P; u++) sum[u] = term(i + u * L, L, sum[u]);
  }
  for (; i + W <= n; i += W) {
#pragma GCC unroll 4
    for (int p = 0; p < P; p++) sum[p] = term(i + p * L, L, sum[p]);
  }
  T total = 0;
  for (int p = 0; p < P; p++) {
    V<T> all = (sum[p] + sum[P + p]) + (sum[2 * P + p] + sum[3 * P + p]);
    for (int l = 0; l < L; l++) total += all[l];
  }
  for (; i < n; i += L) {
    int part = int(std::min<int64_t>(L, n - i));
    V<T> rest = term(i, part, V<T>{});
    for (int l = 0; l < part; l++) total += rest[l];
  }
  return total;
}

template <class T>
T dot(int64_t n, const T* x, const T* y) {
  return sum_vectors<T>(n, [&](int64_t i, int part, V<T> sum) { return fma(load_n(x + i, part), load_n(y + i, part), sum); });
}

template <class T>
void axpy(int64_t n, T alpha, const T* x, T* y) {
  constexpr int L = kLanes<T>;
  V<T> av = splat(alpha);
  int64_t i = 0;
  for (; i + L <= n; i += L) store(y + i, fma(av, load(x + i), load(y + i)));
  for (; i < n; i++) y[i] += alpha * x[i];
}

template <class T>
void gather(T* dst, int width, const T* src, const int64_t* offsets, int64_t depth, const Piece* pieces, int count) {
  for (int64_t p = 0; p < depth; p++, dst += width) {
    const T* from = src + offsets[p];
    for (int i = 0; i < count; i++) store(dst + pieces[i].to, load(from + pieces[i].from));
  }
}

// B vectors side by side, the last one `part` long.
template <class T, int B>
inline void stencil_block(T* dst, const T* src, const int64_t* offsets, const T* weights, int taps, T bias, int part) {
  constexpr int L = kLanes<T>;
  V<T> sum[B];
#pragma GCC unroll 4
  for (int b = 0; b < B; b++) sum[b] = splat(bias);
  for (int t = 0; t < taps; t++) {
    V<T> w = splat(weights[t]);
#pragma GCC unroll 4
    for (int b = 0; b < B; b++) sum[b] = fma(w, load(src + offsets[t] + b * L), sum[b]);
  }
#pragma GCC unroll 4
  for (int b = 0; b + 1 < B; b++) store(dst + b * L, sum[b]);
  if (part == L) store(dst + (B - 1) * L, sum[B - 1]);
  else store_part(dst + (B - 1) * L, sum[B - 1], part);
}

template <class T>
void stencil(int64_t n, T* dst, const T* src, const int64_t* offsets, const T* weights, int taps, T bias) {
  constexpr int L = kLanes<T>;
  for (int64_t j = 0; j < n; j += 4 * L) {
    int64_t left = std::min<int64_t>(n - j, 4 * L);
    int blocks = int((left + L - 1) / L), part = int(left - (blocks - 1) * L);
    auto run = blocks == 4   ? stencil_block<T, 4>
               : blocks == 3 ? stencil_block<T, 3>
               : blocks == 2 ? stencil_block<T, 2>
                             : stencil_block<T, 1>;
    run(dst + j, src + j, offsets, weights, taps, bias, part);
  }
}

template <class T>
constexpr GemmKernels<T> kernels() {
  return {kRows, kVectors * kLanes<T>, kLanes<T>, tile<T>, pack<T>, dot<T>, axpy<T>, gather<T>, stencil<T>};
}
