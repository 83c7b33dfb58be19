// Convolution as a matrix product whose second operand is gathered on the fly from zero-padded planes.
#pragma once
#include "../core/dims.h"
#include "gemm.h"
#include "scratch.h"

namespace kindling::conv {

// One spatial dimension: output o meets input o * stride + taps[t] - pad.
struct Axis {
  int64_t in, out, stride, pad;  // a negative pad crops
  SmallVec<int64_t, 8> taps;     // not negative

  int64_t reach() const { return (out - 1) * stride + *std::max_element(taps.begin(), taps.end()) + 1; }
};

// Where things lie in a padded plane. Columns are split by phase (column % stride), so that the inputs of neighbouring outputs
// are neighbours.
struct Layout {
  Axis axes[3];  // depth, height, width
  int64_t phase_width, row, height, plane;

  explicit Layout(const Axis (&a)[3]);
  int64_t taps() const { return axes[0].taps.size() * axes[1].taps.size() * axes[2].taps.size(); }
  int64_t pixels() const { return axes[0].out * axes[1].out * axes[2].out; }
  // Offsets of the elements that output 0 of `channels` channels meets, channel by channel, tap by tap.
  SmallVec<int64_t, 64> offsets(int64_t channels) const;
  // Calls run(source offset, first pixel, length) for the stretches of pixels [from, to) that lie in one output row.
  template <class F>
  void runs(int64_t from, int64_t to, F&& run) const {
    const int64_t width = axes[2].out, rows = axes[1].out;
    for (int64_t p = from; p < to;) {
      int64_t line = p / width, column = p % width, length = std::min(width - column, to - p);
      int64_t base = (line / rows * axes[0].stride * height + line % rows * axes[1].stride) * row;
      run(base + column, p, length);
      p += length;
    }
  }
};

template <class T>
struct Source {  // images of a group: strides in elements
  const T* data;
  int64_t channels, image, channel, strides[3];
};

// Padded copies of `channels` planes of some images, one after another, with room to read a vector beyond the last.
template <class T>
void fill_planes(T* planes, const Layout& layout, const Source<T>& source, int64_t first_image, int64_t images);

}  // namespace kindling::conv
