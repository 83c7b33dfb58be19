// Sampling of images and volumes at the places of a grid. Along each axis a place becomes a few taps (index, weight, slope of
// the weight); a sample is the sum over the product of the axes' taps, and so are its gradients.
#include <cmath>

#include "copy.h"
#include "dispatch.h"
#include "kernels.h"
#include "threads.h"

namespace kindling::kernels {
namespace {

enum class Interpolation { Linear, Nearest, Cubic };
enum class Padding { Zeros, Border, Reflection };

template <class C>
struct Axis {
  int count = 0;
  int64_t index[4];  // -1: outside, where the image is zero
  C weight[4], slope[4];
};

// Both are coordinates with their derivative by the coordinate of the grid.
template <class C>
struct Place {
  C at, slope;
};

template <class C>
Place<C> clipped(Place<C> p, int64_t size) {
  if (!(p.at > 0)) return {C(0), C(0)};
  if (p.at >= C(size - 1)) return {C(size - 1), C(0)};
  return p;
}

// Folds the line at `low / 2` and `high / 2`.
template <class C>
Place<C> reflected(Place<C> p, int64_t low, int64_t high) {
  if (low == high) return {C(0), C(0)};
  const C first = C(low) / 2, span = C(high - low) / 2;
  C x = p.at - first, slope = p.slope;
  if (x < 0) {
    x = -x;
    slope = -slope;
  }
  const C rest = std::fmod(x, span);
  return int64_t(std::floor(x / span)) % 2 ? Place<C>{span - rest + first, -slope} : Place<C>{rest + first, slope};
}

template <class C>
Place<C> padded(Place<C> p, int64_t size, Padding padding, bool corners) {
  if (padding == Padding::Reflection) p = corners ? reflected(p, 0, 2 * (size - 1)) : reflected(p, -1, 2 * size - 1);
  return padding == Padding::Zeros ? p : clipped(p, size);
}

// Keys' cubic with a = -3/4: weights of the four neighbours of a place `t` behind the second, and their slopes.
template <class C>
void cubic(C t, C* weight, C* slope) {
  const C a = C(-0.75);
  for (int k = 0; k < 4; k++) {
    const C x = std::abs(t + C(1 - k)), sign = t + C(1 - k) < 0 ? C(-1) : C(1);
    if (x <= 1) {
      weight[k] = ((a + 2) * x - (a + 3)) * x * x + 1;
      slope[k] = sign * (3 * (a + 2) * x - 2 * (a + 3)) * x;
    } else {
      weight[k] = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
      slope[k] = sign * ((3 * a * x - 10 * a) * x + 8 * a);
    }
  }
}

template <class C>
Axis<C> taps(C coordinate, int64_t size, Interpolation mode, Padding padding, bool corners) {
  const C scale = corners ? C(size - 1) / 2 : C(size) / 2;
  const Place<C> raw = {corners ? (coordinate + 1) * scale : ((coordinate + 1) * C(size) - 1) / 2, scale};
  const auto inside = [&](C x) { return x > C(-1) && x < C(size) ? int64_t(x) : int64_t(-1); };
  Axis<C> axis;
  if (mode == Interpolation::Cubic) {
    const C base = std::floor(raw.at);
    axis.count = 4;
    cubic(raw.at - base, axis.weight, axis.slope);
    for (int k = 0; k < 4; k++) {
      axis.index[k] = inside(padded(Place<C>{base + C(k - 1), C(1)}, size, padding, corners).at);
      axis.slope[k] *= scale;
    }
    return axis;
  }
  const Place<C> p = padded(raw, size, padding, corners);
  if (mode == Interpolation::Nearest) {
    axis.count = 1;
    axis.index[0] = inside(std::nearbyint(p.at));
    axis.weight[0] = 1;
    axis.slope[0] = 0;
    return axis;
  }
  const C base = std::floor(p.at), part = p.at - base;
  axis.count = 2;
  axis.index[0] = inside(base);
  axis.index[1] = inside(base + 1);
  axis.weight[0] = 1 - part;
  axis.weight[1] = part;
  axis.slope[0] = -p.slope;
  axis.slope[1] = p.slope;
  return axis;
}

template <int D>
struct Shape {
  int64_t batch, channels, size[D], in = 1, out = 1;  // elements of a channel
};

template <int D>
Shape<D> shape_of(const Tensor& input, const Tensor& grid) {
  KD_CHECK(input.dim() == D + 2 && grid.dim() == D + 2, Runtime, "grid_sampler(): expected ", D + 2,
           "D input and grid, but got input with sizes ", input.sizes(), " and grid with sizes ", grid.sizes());
  KD_CHECK(grid.size(-1) == D, Runtime, "grid_sampler(): expected grid to have size ", D,
           " in last dimension, but got grid with sizes ", grid.sizes());
  KD_CHECK(input.size(0) == grid.size(0), Runtime,
           "grid_sampler(): expected grid and input to have same batch size, but got input with sizes ", input.sizes(),
           " and grid with sizes ", grid.sizes());
  Shape<D> s{input.size(0), input.size(1)};
  for (int d = 0; d < D; d++) {
    s.size[d] = input.size(d + 2);
    KD_CHECK(s.size[d] > 0, Runtime, "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes ",
             input.sizes(), " with dimension ", d + 2, " being empty");
    s.in *= s.size[d];
    s.out *= grid.size(d + 1);
  }
  return s;
}

// The taps of one sample as fn(offset in the channel, weight, slopes by axis): the grid lists the fastest axis first.
template <int D, class T, class F>
void each_tap(const Shape<D>& s, const T* place, Interpolation mode, Padding padding, bool corners, F&& fn) {
  using C = compute_t<T>;
  Axis<C> axes[D];
  int total = 1;
  for (int d = 0; d < D; d++) {
    axes[d] = taps<C>(load(place[D - 1 - d]), s.size[d], mode, padding, corners);
    total *= axes[d].count;
  }
  for (int i = 0; i < total; i++) {
    int k[D], rest = i;
    for (int d = D - 1; d >= 0; d--) {
      k[d] = rest % axes[d].count;
      rest /= axes[d].count;
    }
    int64_t offset = 0;
    C weight = 1, slopes[D];
    for (int d = 0; d < D; d++) {
      const int64_t index = axes[d].index[k[d]];
      offset = index < 0 || offset < 0 ? -1 : offset * s.size[d] + index;
      weight *= axes[d].weight[k[d]];
    }
    if (offset < 0) continue;
    for (int d = 0; d < D; d++) {
      slopes[d] = axes[d].slope[k[d]];
      for (int e = 0; e < D; e++)
        if (e != d) slopes[d] *= axes[e].weight[k[e]];
    }
    fn(offset, weight, slopes);
  }
}

template <int D>
Tensor sample(const Tensor& input, const Tensor& grid, int64_t mode, int64_t padding, bool corners) {
  const Shape<D> s = shape_of<D>(input, grid);
  Dims sizes{s.batch, s.channels};
  for (int d = 0; d < D; d++) sizes.push_back(grid.size(d + 1));
  Tensor out = empty(sizes, input.options());
  if (out.is_meta() || !out.numel()) return out;
  const Tensor x = contiguous_of(input), places = contiguous_of(converted(grid, input.dtype()));
  visit<kFloatsT | kHalvesT>(input.dtype(), "grid_sampler", [&](auto of) {
    using T = typename decltype(of)::type;
    using C = compute_t<T>;
    parallel_for(0, s.batch * s.out, std::max<int64_t>(1, 4096 / s.channels), [&](int64_t begin, int64_t end) {
      std::vector<C> sums(s.channels);
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / s.out;
        const T* image = x.data<T>() + n * s.channels * s.in;
        T* to = out.data<T>() + n * s.channels * s.out + i % s.out;
        std::fill(sums.begin(), sums.end(), C(0));
        each_tap<D>(s, places.data<T>() + i * D, Interpolation(mode), Padding(padding), corners,
                    [&](int64_t offset, C weight, const C*) {
                      for (int64_t c = 0; c < s.channels; c++) sums[c] += weight * load(image[c * s.in + offset]);
                    });
        for (int64_t c = 0; c < s.channels; c++) to[c * s.out] = store_as<T>(sums[c]);
      }
    });
  });
  return out;
}

template <int D>
std::tuple<Tensor, Tensor> sample_backward(const Tensor& grad, const Tensor& input, const Tensor& grid, int64_t mode,
                                           int64_t padding, bool corners, bool want_input) {
  const Shape<D> s = shape_of<D>(input, grid);
  const DType held = input.dtype() == DType::float64 ? DType::float64 : DType::float32;
  Tensor d_input = want_input ? empty(input.sizes(), {held, input.device()}) : Tensor();
  Tensor d_grid = empty(grid.sizes(), grid.options());
  if (d_grid.is_meta()) return {want_input ? empty_like(input) : Tensor(), d_grid};
  if (want_input) fill_with(d_input, Scalar(0.0));
  const Tensor g = contiguous_of(grad), x = contiguous_of(input), places = contiguous_of(converted(grid, input.dtype()));
  visit<kFloatsT | kHalvesT>(input.dtype(), "grid_sampler", [&](auto of) {
    using T = typename decltype(of)::type;
    using C = compute_t<T>;
    Tensor slopes_of = empty(grid.sizes(), {held, grid.device()});
    parallel_for(0, s.batch, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * s.out; i < end * s.out; i++) {
        const int64_t first = i / s.out * s.channels;
        const T *image = x.data<T>() + first * s.in, *slope = g.data<T>() + first * s.out + i % s.out;
        C* into = want_input ? d_input.data<C>() + first * s.in : nullptr;
        C sums[D] = {};
        each_tap<D>(s, places.data<T>() + i * D, Interpolation(mode), Padding(padding), corners,
                    [&](int64_t offset, C weight, const C* slopes) {
                      C inner = 0;
                      for (int64_t c = 0; c < s.channels; c++) {
                        const C value = load(slope[c * s.out]);
                        if (into) into[c * s.in + offset] += weight * value;
                        inner += value * load(image[c * s.in + offset]);
                      }
                      for (int d = 0; d < D; d++) sums[d] += inner * slopes[d];
                    });
        for (int d = 0; d < D; d++) slopes_of.data<C>()[i * D + D - 1 - d] = sums[d];
      }
    });
    copy_into(d_grid, slopes_of);
  });
  return {want_input ? converted(d_input, input.dtype()) : Tensor(), d_grid};
}

}  // namespace

Tensor grid_sampler_2d(const Tensor& input, const Tensor& grid, int64_t interpolation_mode, int64_t padding_mode,
                       bool align_corners) {
  return sample<2>(input, grid, interpolation_mode, padding_mode, align_corners);
}

Tensor grid_sampler_3d(const Tensor& input, const Tensor& grid, int64_t interpolation_mode, int64_t padding_mode,
                       bool align_corners) {
  return sample<3>(input, grid, interpolation_mode, padding_mode, align_corners);
}

std::tuple<Tensor, Tensor> grid_sampler_2d_backward(const Tensor& grad_output, const Tensor& input, const Tensor& grid,
                                                    int64_t interpolation_mode, int64_t padding_mode, bool align_corners,
                                                    std::span<const Value> output_mask) {
  return sample_backward<2>(grad_output, input, grid, interpolation_mode, padding_mode, align_corners, output_mask[0].to_bool());
}

std::tuple<Tensor, Tensor> grid_sampler_3d_backward(const Tensor& grad_output, const Tensor& input, const Tensor& grid,
                                                    int64_t interpolation_mode, int64_t padding_mode, bool align_corners,
                                                    std::span<const Value> output_mask) {
  return sample_backward<3>(grad_output, input, grid, interpolation_mode, padding_mode, align_corners, output_mask[0].to_bool());
}

}  // namespace kindling::kernels
