// Passes of the Fourier transform, compiled once for each instruction set: included inside an anonymous namespace, after
// `#pragma GCC target`. No fma contraction: all of them give the same bits.
//
// One pass of Stockham's algorithm turns x, seen as (r, m, s), into y, seen as (m, r, s):
//   y[p, j, q] = w^(j p) sum_k x[k, p, q] exp(-2 pi i j k / r),   w = exp(-2 pi i / (r m)).
// The lanes q are contiguous and independent (ivdep): separate lines, or what earlier passes have sorted already.

template <class T>
void pass2(const T* xr, const T* xi, T* yr, T* yi, int64_t m, int64_t s, const T* w) {
  for (int64_t p = 0; p < m; p++) {
    const T wr = w[2 * p], wi = w[2 * p + 1];
    const T* __restrict ar = xr + s * p, * __restrict ai = xi + s * p, * __restrict br = ar + s * m, * __restrict bi = ai + s * m;
    T* __restrict cr = yr + 2 * s * p, * __restrict ci = yi + 2 * s * p, * __restrict dr = cr + s, * __restrict di = ci + s;
#pragma GCC ivdep
    for (int64_t q = 0; q < s; q++) {
      const T tr = ar[q] - br[q], ti = ai[q] - bi[q];
      cr[q] = ar[q] + br[q];
      ci[q] = ai[q] + bi[q];
      dr[q] = tr * wr - ti * wi;
      di[q] = tr * wi + ti * wr;
    }
  }
}

template <class T>
void pass3(const T* xr, const T* xi, T* yr, T* yi, int64_t m, int64_t s, const T* w) {
  const T h = T(0.86602540378443864676);  // sin(pi / 3)
  for (int64_t p = 0; p < m; p++, w += 4) {
    const T* __restrict ar = xr + s * p, * __restrict ai = xi + s * p;
    const T* __restrict br = ar + s * m, * __restrict bi = ai + s * m, * __restrict cr = br + s * m, * __restrict ci = bi + s * m;
    T* __restrict or_ = yr + 3 * s * p, * __restrict oi = yi + 3 * s * p;
#pragma GCC ivdep
    for (int64_t q = 0; q < s; q++) {
      const T tr = br[q] + cr[q], ti = bi[q] + ci[q], ur = h * (bi[q] - ci[q]), ui = h * (cr[q] - br[q]);
      const T mr = ar[q] - T(0.5) * tr, mi = ai[q] - T(0.5) * ti;
      or_[q] = ar[q] + tr;
      oi[q] = ai[q] + ti;
      const T er = mr + ur, ei = mi + ui, fr = mr - ur, fi = mi - ui;
      or_[s + q] = er * w[0] - ei * w[1];
      oi[s + q] = er * w[1] + ei * w[0];
      or_[2 * s + q] = fr * w[2] - fi * w[3];
      oi[2 * s + q] = fr * w[3] + fi * w[2];
    }
  }
}

template <class T>
void pass4(const T* xr, const T* xi, T* yr, T* yi, int64_t m, int64_t s, const T* w) {
  for (int64_t p = 0; p < m; p++, w += 6) {
    const T* __restrict ar = xr + s * p, * __restrict ai = xi + s * p, * __restrict br = ar + s * m, * __restrict bi = ai + s * m;
    const T* __restrict cr = br + s * m, * __restrict ci = bi + s * m, * __restrict dr = cr + s * m, * __restrict di = ci + s * m;
    T* __restrict or_ = yr + 4 * s * p, * __restrict oi = yi + 4 * s * p;
#pragma GCC ivdep
    for (int64_t q = 0; q < s; q++) {
      const T er = ar[q] + cr[q], ei = ai[q] + ci[q], fr = ar[q] - cr[q], fi = ai[q] - ci[q];
      const T gr = br[q] + dr[q], gi = bi[q] + di[q], hr = bi[q] - di[q], hi = dr[q] - br[q];
      or_[q] = er + gr;
      oi[q] = ei + gi;
      const T ur = fr + hr, ui = fi + hi, vr = er - gr, vi = ei - gi, zr = fr - hr, zi = fi - hi;
      or_[s + q] = ur * w[0] - ui * w[1];
      oi[s + q] = ur * w[1] + ui * w[0];
      or_[2 * s + q] = vr * w[2] - vi * w[3];
      oi[2 * s + q] = vr * w[3] + vi * w[2];
      or_[3 * s + q] = zr * w[4] - zi * w[5];
      oi[3 * s + q] = zr * w[5] + zi * w[4];
    }
  }
}

// Any small prime r: sums of r terms, for up to 16 lanes at a time. `root` holds exp(-2 pi i k / r).
template <class T>
void pass_prime(int r, const T* xr, const T* xi, T* yr, T* yi, int64_t m, int64_t s, const T* w, const T* root) {
  constexpr int kLanes = 16;
  T ar[kLanes], ai[kLanes];
  for (int64_t p = 0; p < m; p++, w += 2 * (r - 1)) {
    for (int64_t q0 = 0; q0 < s; q0 += kLanes) {
      const int lanes = int(std::min<int64_t>(kLanes, s - q0));
      for (int j = 0; j < r; j++) {
        for (int q = 0; q < lanes; q++) ar[q] = ai[q] = 0;
        for (int k = 0; k < r; k++) {
          const T cr = root[2 * (j * k % r)], ci = root[2 * (j * k % r) + 1];
          const T* __restrict br = xr + s * (p + m * k) + q0, * __restrict bi = xi + s * (p + m * k) + q0;
          for (int q = 0; q < lanes; q++) {
            ar[q] += br[q] * cr - bi[q] * ci;
            ai[q] += br[q] * ci + bi[q] * cr;
          }
        }
        const T wr = j ? w[2 * (j - 1)] : T(1), wi = j ? w[2 * (j - 1) + 1] : T(0);
        T* __restrict outr = yr + s * (r * p + j) + q0, * __restrict outi = yi + s * (r * p + j) + q0;
        for (int q = 0; q < lanes; q++) {
          outr[q] = ar[q] * wr - ai[q] * wi;
          outi[q] = ar[q] * wi + ai[q] * wr;
        }
      }
    }
  }
}

template <class T>
void pass(int r, const T* xr, const T* xi, T* yr, T* yi, int64_t m, int64_t s, const T* w, const T* root) {
  if (r == 2) pass2(xr, xi, yr, yi, m, s, w);
  else if (r == 3) pass3(xr, xi, yr, yi, m, s, w);
  else if (r == 4) pass4(xr, xi, yr, yi, m, s, w);
  else pass_prime(r, xr, xi, yr, yi, m, s, w, root);
}
