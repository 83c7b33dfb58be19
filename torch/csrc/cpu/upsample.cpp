// Resampling of 1, 2 or 3 spatial dimensions: nearest, linear and cubic, each a product of weights along the dimensions.
#include <cmath>

#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace {

enum class Mode { Nearest, NearestExact, Linear, Cubic, SmoothLinear, SmoothCubic };  // smooth: the filter widens when shrinking
using Scale = std::optional<double>;

// The inputs that one output along a dimension is made of: `taps` places and weights for each output.
template <class C>
struct Taps {
  int64_t taps = 1, in = 1, out = 1;
  std::vector<int64_t> place{0};
  std::vector<C> weight{C(1)};
};

template <class C>
C ratio(int64_t in, int64_t out, bool align_corners, Scale scale) {
  if (align_corners) return out > 1 ? C(in - 1) / C(out - 1) : C(0);
  return scale && *scale > 0 ? C(1.0 / *scale) : C(in) / C(out);
}

// Keys' cubic convolution with a = -0.75: weights at distances 1 + t, t, 1 - t, 2 - t.
template <class C>
void cubic_weights(C t, C* w) {
  const C a = C(-0.75);
  auto near = [a](C x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  auto far = [a](C x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  w[0] = far(t + 1);
  w[1] = near(t);
  w[2] = near(1 - t);
  w[3] = far(2 - t);
}

// The filters of smooth resampling: a triangle, or Keys' cubic with a = -0.5.
template <class C>
C smooth_filter(Mode mode, C x) {
  x = std::fabs(x);
  if (mode == Mode::SmoothLinear) return std::max(C(0), 1 - x);
  const C a = C(-0.5);
  return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : C(0);
}

template <class C>
Taps<C> smooth_taps(Mode mode, int64_t in, int64_t out, bool align_corners, Scale scale) {
  const C step = ratio<C>(in, out, align_corners, scale), half = mode == Mode::SmoothLinear ? C(1) : C(2);
  const C support = half * std::max(step, C(1)), narrowing = step >= 1 ? 1 / step : C(1);
  Taps<C> t;
  t.in = in;
  t.out = out;
  t.taps = int64_t(std::ceil(support)) * 2 + 1;
  t.place.assign(t.taps * out, 0);
  t.weight.assign(t.taps * out, C(0));
  for (int64_t o = 0; o < out; o++) {
    const C centre = step * (C(o) + C(0.5));
    const int64_t first = std::max<int64_t>(0, int64_t(centre - support + C(0.5)));
    const int64_t n = std::min(std::min(int64_t(centre + support + C(0.5)), in) - first, t.taps);
    C total = 0;
    for (int64_t k = 0; k < n; k++) {
      t.place[o * t.taps + k] = first + k;
      total += t.weight[o * t.taps + k] = smooth_filter(mode, (C(k + first) - centre + C(0.5)) * narrowing);
    }
    for (int64_t k = 0; k < n && total != 0; k++) t.weight[o * t.taps + k] /= total;
  }
  return t;
}

template <class C>
Taps<C> make_taps(Mode mode, int64_t in, int64_t out, bool align_corners, Scale scale) {
  if (mode == Mode::SmoothLinear || mode == Mode::SmoothCubic) return smooth_taps<C>(mode, in, out, align_corners, scale);
  Taps<C> t;
  t.in = in;
  t.out = out;
  t.taps = mode == Mode::Linear ? 2 : mode == Mode::Cubic ? 4 : 1;
  t.place.assign(t.taps * out, 0);
  t.weight.assign(t.taps * out, C(1));
  const bool nearest = mode == Mode::Nearest || mode == Mode::NearestExact;
  const C step = nearest ? C(ratio<float>(in, out, false, scale)) : ratio<C>(in, out, align_corners, scale);
  for (int64_t o = 0; o < out; o++) {
    int64_t* place = &t.place[o * t.taps];
    C* weight = &t.weight[o * t.taps];
    if (nearest) {
      const float at = mode == Mode::Nearest ? float(o) * float(step) : (float(o) + 0.5f) * float(step);
      place[0] = std::min(int64_t(std::floor(at)), in - 1);
      continue;
    }
    C source = align_corners ? step * C(o) : step * (C(o) + C(0.5)) - C(0.5);
    if (mode == Mode::Linear) {
      source = std::max(source, C(0));
      place[0] = std::min(int64_t(source), in - 1);
      place[1] = std::min(place[0] + 1, in - 1);
      weight[1] = std::clamp(source - C(place[0]), C(0), C(1));
      weight[0] = 1 - weight[1];
    } else {
      const C whole = std::floor(source);
      cubic_weights(source - whole, weight);
      for (int64_t k = 0; k < 4; k++) place[k] = std::clamp<int64_t>(int64_t(whole) - 1 + k, 0, in - 1);
    }
  }
  return t;
}

struct Plan {
  Mode mode;
  bool align_corners;
  IntList output_size;
  Scale scales[3];

  // Taps of the three innermost dimensions, the absent ones being trivial.
  template <class C>
  void taps(IntList input, Taps<C> (&t)[3]) const {
    const int64_t n = int64_t(output_size.size());
    for (int64_t d = 0; d < n; d++) t[3 - n + d] = make_taps<C>(mode, input[2 + d], output_size[d], align_corners, scales[d]);
  }
};

Dims check(IntList input, const Plan& plan, const char* name) {
  const int64_t n = int64_t(plan.output_size.size());
  KD_CHECK(int64_t(input.size()) == n + 2, Runtime, name, ": expected a ", n + 2, "D input (batch, channel, ", n,
           " spatial dimensions), but got shape ", input);
  Dims sizes{input[0], input[1]};
  for (int64_t d = 0; d < n; d++) {
    KD_CHECK(input[2 + d] > 0 && plan.output_size[d] > 0, Runtime,
             "Input and output sizes should be greater than 0, but got input ", input.subspan(2), " output ", plan.output_size);
    sizes.push_back(plan.output_size[d]);
  }
  KD_CHECK(input[1] > 0, Runtime, name, ": Non-empty ", n + 2, "D data tensor expected but got a tensor with sizes ", input);
  return sizes;
}

template <class T>
using weight_t = std::conditional_t<std::same_as<T, double>, double, float>;

// Every line of a plane resampled along the last dimension.
template <class T, class C>
void resample_lines(const T* in, C* lines, const Taps<C>& t, int64_t count) {
  for (int64_t l = 0; l < count; l++, in += t.in) {
    const int64_t* place = t.place.data();
    const C* weight = t.weight.data();
    for (int64_t o = 0; o < t.out; o++) {
      if (t.taps == 1) {
        *lines++ = load_as<C>(in[*place++]);
        continue;
      }
      C sum = 0;
      for (int64_t k = 0; k < t.taps; k++) sum += *weight++ * load_as<C>(in[*place++]);
      *lines++ = sum;
    }
  }
}

// out[o0, o1] = sum over taps of w0 w1 lines[p0, p1], a line at a time
template <class T, class C>
void gather_plane(const T* in, T* out, const Taps<C> (&t)[3], C* lines, C* row) {
  const int64_t width = t[2].out;
  resample_lines(in, lines, t[2], t[0].in * t[1].in);
  for (int64_t o0 = 0; o0 < t[0].out; o0++)
    for (int64_t o1 = 0; o1 < t[1].out; o1++, out += width) {
      std::fill(row, row + width, C(0));
      for (int64_t a = 0; a < t[0].taps; a++)
        for (int64_t b = 0; b < t[1].taps; b++) {
          const int64_t i0 = o0 * t[0].taps + a, i1 = o1 * t[1].taps + b;
          const C w = t[0].weight[i0] * t[1].weight[i1];
          const C* line = lines + (t[0].place[i0] * t[1].in + t[1].place[i1]) * width;
          typedef C Vector __attribute__((vector_size(32), aligned(alignof(C)), may_alias));
          constexpr int64_t kLanes = 32 / sizeof(C);
          int64_t o = 0;
          for (; o + kLanes <= width; o += kLanes)
            *reinterpret_cast<Vector*>(row + o) += w * *reinterpret_cast<const Vector*>(line + o);
          for (; o < width; o++) row[o] += w * line[o];
        }
      for (int64_t o = 0; o < width; o++) {
        if constexpr (std::same_as<T, uint8_t>) out[o] = uint8_t(std::clamp(std::nearbyint(row[o]), C(0), C(255)));
        else out[o] = store_as<T>(row[o]);
      }
    }
}

// The transpose: in[p0, p1, p2] += w0 w1 w2 out[o0, o1, o2], in the weights' type.
template <class T, class C>
void spread_plane(C* in, const T* out, const Taps<C> (&t)[3]) {
  for (int64_t o0 = 0; o0 < t[0].out; o0++)
    for (int64_t o1 = 0; o1 < t[1].out; o1++, out += t[2].out)
      for (int64_t a = 0; a < t[0].taps; a++)
        for (int64_t b = 0; b < t[1].taps; b++) {
          const int64_t i0 = o0 * t[0].taps + a, i1 = o1 * t[1].taps + b;
          const C w = t[0].weight[i0] * t[1].weight[i1];
          C* line = in + (t[0].place[i0] * t[1].in + t[1].place[i1]) * t[2].in;
          const int64_t* place = t[2].place.data();
          const C* weight = t[2].weight.data();
          for (int64_t o = 0; o < t[2].out; o++)
            for (int64_t k = 0; k < t[2].taps; k++) line[*place++] += w * *weight++ * load_as<C>(out[o]);
        }
}

Tensor upsample(const Tensor& self_, const Plan& plan, const char* name) {
  Tensor result = empty(check(self_.sizes(), plan, name), self_.options(), suggest_memory_format(self_));
  if (result.is_meta() || result.numel() == 0) return result;
  const Tensor self = dense(self_), out = result.is_contiguous() ? result : empty(result.sizes(), result.options());
  visit<kFloatsT | kHalvesT | kIntsT>(self.dtype(), name, [&]<class T>(Of<T>) {
    using C = weight_t<T>;
    if constexpr (std::integral<T> && !std::same_as<T, uint8_t>) fail_dtype(name, self.dtype());
    Taps<C> t[3];
    plan.taps(self.sizes(), t);
    const int64_t planes = self.sizes()[0] * self.sizes()[1], before = self.numel() / planes, after = out.numel() / planes;
    parallel_for(0, planes, std::max<int64_t>(1, 4096 / after), [&](int64_t from, int64_t to) {
      std::vector<C> row(t[2].out), lines(t[0].in * t[1].in * t[2].out);
      for (int64_t p = from; p < to; p++)
        gather_plane(self.data<T>() + p * before, out.data<T>() + p * after, t, lines.data(), row.data());
    });
  });
  if (!out.is(result)) ops::copy_(result, out);
  return result;
}

Tensor upsample_backward(const Tensor& grad_, IntList input_size, const Plan& plan, const char* name) {
  const Dims expected = check(input_size, plan, name);
  KD_CHECK(same(expected, grad_.sizes()), Runtime,
           "Expected grad_output to have the same shape as output; output.size() = ", IntList(expected),
           " but got grad_output.size() = ", grad_.sizes());
  Tensor result = empty(input_size, grad_.options());
  if (result.is_meta() || result.numel() == 0) return result;
  const Tensor grad = dense(grad_);
  visit<kFloatsT | kHalvesT>(grad.dtype(), name, [&]<class T>(Of<T>) {
    using C = weight_t<T>;
    Taps<C> t[3];
    plan.taps(input_size, t);
    const int64_t planes = input_size[0] * input_size[1], before = result.numel() / planes, after = grad.numel() / planes;
    parallel_for(0, planes, std::max<int64_t>(1, 4096 / after), [&](int64_t from, int64_t to) {
      std::vector<C> sums(before);
      for (int64_t p = from; p < to; p++) {
        std::fill(sums.begin(), sums.end(), C(0));
        spread_plane(sums.data(), grad.data<T>() + p * after, t);
        for (int64_t i = 0; i < before; i++) result.data<T>()[p * before + i] = store_as<T>(sums[i]);
      }
    });
  });
  return result;
}

}  // namespace

namespace kernels {

#define KD_NEAREST(name, mode)                                                                                                \
  Tensor name##1d(const Tensor& self, IntList size, Scale w) { return upsample(self, {mode, false, size, {w}}, #name "1d"); } \
  Tensor name##2d(const Tensor& self, IntList size, Scale h, Scale w) {                                                       \
    return upsample(self, {mode, false, size, {h, w}}, #name "2d");                                                           \
  }                                                                                                                           \
  Tensor name##3d(const Tensor& self, IntList size, Scale d, Scale h, Scale w) {                                              \
    return upsample(self, {mode, false, size, {d, h, w}}, #name "3d");                                                        \
  }                                                                                                                           \
  Tensor name##1d_backward(const Tensor& grad, IntList size, IntList input, Scale w) {                                        \
    return upsample_backward(grad, input, {mode, false, size, {w}}, #name "1d_backward");                                     \
  }                                                                                                                           \
  Tensor name##2d_backward(const Tensor& grad, IntList size, IntList input, Scale h, Scale w) {                               \
    return upsample_backward(grad, input, {mode, false, size, {h, w}}, #name "2d_backward");                                  \
  }                                                                                                                           \
  Tensor name##3d_backward(const Tensor& grad, IntList size, IntList input, Scale d, Scale h, Scale w) {                      \
    return upsample_backward(grad, input, {mode, false, size, {d, h, w}}, #name "3d_backward");                               \
  }
KD_NEAREST(upsample_nearest, Mode::Nearest)
KD_NEAREST(_upsample_nearest_exact, Mode::NearestExact)
#undef KD_NEAREST

Tensor upsample_linear1d(const Tensor& self, IntList size, bool align, Scale w) {
  return upsample(self, {Mode::Linear, align, size, {w}}, "upsample_linear1d");
}
Tensor upsample_bilinear2d(const Tensor& self, IntList size, bool align, Scale h, Scale w) {
  return upsample(self, {Mode::Linear, align, size, {h, w}}, "upsample_bilinear2d");
}
Tensor upsample_trilinear3d(const Tensor& self, IntList size, bool align, Scale d, Scale h, Scale w) {
  return upsample(self, {Mode::Linear, align, size, {d, h, w}}, "upsample_trilinear3d");
}
Tensor upsample_bicubic2d(const Tensor& self, IntList size, bool align, Scale h, Scale w) {
  return upsample(self, {Mode::Cubic, align, size, {h, w}}, "upsample_bicubic2d");
}
Tensor upsample_linear1d_backward(const Tensor& grad, IntList size, IntList input, bool align, Scale w) {
  return upsample_backward(grad, input, {Mode::Linear, align, size, {w}}, "upsample_linear1d_backward");
}
Tensor upsample_bilinear2d_backward(const Tensor& grad, IntList size, IntList input, bool align, Scale h, Scale w) {
  return upsample_backward(grad, input, {Mode::Linear, align, size, {h, w}}, "upsample_bilinear2d_backward");
}
Tensor upsample_trilinear3d_backward(const Tensor& grad, IntList size, IntList input, bool align, Scale d, Scale h, Scale w) {
  return upsample_backward(grad, input, {Mode::Linear, align, size, {d, h, w}}, "upsample_trilinear3d_backward");
}
Tensor upsample_bicubic2d_backward(const Tensor& grad, IntList size, IntList input, bool align, Scale h, Scale w) {
  return upsample_backward(grad, input, {Mode::Cubic, align, size, {h, w}}, "upsample_bicubic2d_backward");
}

Tensor _upsample_bilinear2d_aa(const Tensor& self, IntList size, bool align, Scale h, Scale w) {
  return upsample(self, {Mode::SmoothLinear, align, size, {h, w}}, "_upsample_bilinear2d_aa");
}
Tensor _upsample_bicubic2d_aa(const Tensor& self, IntList size, bool align, Scale h, Scale w) {
  return upsample(self, {Mode::SmoothCubic, align, size, {h, w}}, "_upsample_bicubic2d_aa");
}
Tensor _upsample_bilinear2d_aa_backward(const Tensor& grad, IntList size, IntList input, bool align, Scale h, Scale w) {
  return upsample_backward(grad, input, {Mode::SmoothLinear, align, size, {h, w}}, "_upsample_bilinear2d_aa_backward");
}
Tensor _upsample_bicubic2d_aa_backward(const Tensor& grad, IntList size, IntList input, bool align, Scale h, Scale w) {
  return upsample_backward(grad, input, {Mode::SmoothCubic, align, size, {h, w}}, "_upsample_bicubic2d_aa_backward");
}

}  // namespace kernels
}  // namespace kindling
