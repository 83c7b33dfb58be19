// Operands of one element-wise pass: broadcast to one shape, dimensions ordered by stride and joined where possible, then
// visited in tiles of the two fastest dimensions, by several threads.
#pragma once
#include "../core/tensor.h"
#include "threads.h"

namespace kindling {

constexpr int64_t kGrain = 32768;  // elements of light work that are worth a thread

struct Walk {
  static constexpr int kOperands = 16, kDims = 64;
  int count = 0;  // operands
  int ndim = 0;
  int64_t numel = 1;
  int64_t sizes[kDims];               // after arrange(): fastest dimension first
  int64_t strides[kOperands][kDims];  // bytes
  char* data[kOperands];

  explicit Walk(IntList shape);
  void add(const Tensor& t);  // broadcast to the shape; outputs come first
  void add_element(char* p);  // one value for all indices
  void arrange();             // sort and join dimensions
  // Strides (elements) of a fresh output whose dimensions are ordered as the operands' are; before arrange().
  Dims output_strides() const;

  int64_t size(int d) const { return d < ndim ? sizes[d] : 1; }
  int64_t stride(int k, int d) const { return d < ndim ? strides[k][d] : 0; }

 private:
  void permutation(int* perm) const;
};

// Tiles [begin, end) in the order of the dimensions.
template <class F>
void some_tiles(const Walk& w, int64_t columns, int64_t rows, int64_t begin, int64_t end, F&& fn) {
  const int64_t n0 = w.size(0), n1 = w.size(1);
  const int64_t across = (n0 + columns - 1) / columns, down = (n1 + rows - 1) / rows;
  int64_t x = begin % across, y = begin / across % down, rest = begin / across / down;
  int64_t index[Walk::kDims];
  char *base[Walk::kOperands], *at[Walk::kOperands];
  for (int k = 0; k < w.count; k++) base[k] = w.data[k];
  for (int d = 2; d < w.ndim; d++) {
    index[d] = rest % w.sizes[d];
    rest /= w.sizes[d];
    for (int k = 0; k < w.count; k++) base[k] += index[d] * w.strides[k][d];
  }
  for (int64_t i = begin; i < end; i++) {
    for (int k = 0; k < w.count; k++) at[k] = base[k] + x * columns * w.stride(k, 0) + y * rows * w.stride(k, 1);
    fn(at, std::min(columns, n0 - x * columns), std::min(rows, n1 - y * rows));
    if (++x < across) continue;
    x = 0;
    if (++y < down) continue;
    y = 0;
    for (int d = 2; d < w.ndim; d++) {
      const bool carry = ++index[d] == w.sizes[d];
      for (int k = 0; k < w.count; k++) base[k] += w.strides[k][d] * (carry ? 1 - w.sizes[d] : 1);
      if (!carry) break;
      index[d] = 0;
    }
  }
}

// Visits all tiles. each(next) runs once in every thread, to make what the thread needs; next(fn) calls fn(data, columns,
// rows) for its tiles, `data` at their first element. Steps inside a tile are the walk's strides of dimensions 0 and 1.
template <class Each>
void for_tiles(const Walk& w, int64_t columns, int64_t rows, Each&& each) {
  int64_t tiles = ((w.size(0) + columns - 1) / columns) * ((w.size(1) + rows - 1) / rows);
  for (int d = 2; d < w.ndim; d++) tiles *= w.sizes[d];
  parallel_for(0, tiles, std::max<int64_t>(1, kGrain / (columns * rows)),
               [&](int64_t begin, int64_t end) { each([&](auto&& fn) { some_tiles(w, columns, rows, begin, end, fn); }); });
}

}  // namespace kindling
