#include "conv.h"

#include <algorithm>

#include "dispatch.h"
#include "kernels.h"
#include "threads.h"

namespace kindling {
namespace conv {

Layout::Layout(const Axis (&a)[3]) : axes{a[0], a[1], a[2]} {
  const Axis& w = axes[2];
  phase_width = w.out + *std::max_element(w.taps.begin(), w.taps.end()) / w.stride;
  row = w.stride * phase_width;
  height = axes[1].reach();
  plane = axes[0].reach() * height * row;
}

SmallVec<int64_t, 64> Layout::offsets(int64_t channels) const {
  SmallVec<int64_t, 64> list;
  list.reserve(channels * taps());
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t d : axes[0].taps) {
      for (int64_t h : axes[1].taps) {
        for (int64_t w : axes[2].taps) {
          list.push_back(c * plane + (d * height + h) * row + w % axes[2].stride * phase_width + w / axes[2].stride);
        }
      }
    }
  }
  return list;
}

template <class T>
void fill_planes(T* planes, const Layout& l, const Source<T>& s, int64_t first_image, int64_t images) {
  const Axis &ad = l.axes[0], &ah = l.axes[1], &aw = l.axes[2];
  int64_t depth = ad.reach(), lines = depth * l.height;
  parallel_for(0, images * s.channels, std::max<int64_t>(1, 16384 / l.plane), [&](int64_t from, int64_t to) {
    for (int64_t job = from; job < to; job++) {
      const T* image = s.data + (first_image + job / s.channels) * s.image + job % s.channels * s.channel;
      T* line = planes + job * l.plane;
      for (int64_t r = 0; r < lines; r++, line += l.row) {
        int64_t d = r / l.height - ad.pad, h = r % l.height - ah.pad;
        if (d < 0 || d >= ad.in || h < 0 || h >= ah.in) {
          std::fill_n(line, l.row, T(0));
          continue;
        }
        const T* src = image + d * s.strides[0] + h * s.strides[1];
        for (int64_t phase = 0; phase < aw.stride; phase++) {
          T* to_row = line + phase * l.phase_width;
          // columns x with 0 <= x * stride + phase - pad < in
          int64_t shift = aw.pad - phase;
          int64_t low = std::clamp<int64_t>(shift > 0 ? (shift + aw.stride - 1) / aw.stride : 0, 0, l.phase_width);
          int64_t high = std::clamp<int64_t>(aw.in + shift > 0 ? (aw.in + shift - 1) / aw.stride + 1 : 0, low, l.phase_width);
          std::fill(to_row, to_row + low, T(0));
          const T* at = src - shift * s.strides[2];
          int64_t step = aw.stride * s.strides[2];
          if (step == 1) std::copy(at + low, at + high, to_row + low);
          else
            for (int64_t x = low; x < high; x++) to_row[x] = at[x * step];
          std::fill(to_row + high, to_row + l.phase_width, T(0));
        }
      }
    }
  });
}

namespace {

constexpr int64_t kPlaneBytes = 32 << 20;  // padded planes held at a time

template <class T>
int64_t images_at_a_time(const Layout& l, int64_t channels, int64_t images) {
  int64_t bytes = std::max<int64_t>(1, l.plane * channels * int64_t(sizeof(T)));
  return std::clamp<int64_t>(kPlaneBytes / bytes, 1, images);
}

// dst[m, pixel] (rows `channel` apart, images `image` apart) for all pixels of all images of a group.
template <class T>
struct Target {
  T* data;
  int64_t channels, image, channel;
};

// out = weights (m x (channels * taps), row-major) times the gathered columns, plus bias.
template <class T>
class Correlation {
  const GemmKernels<T>& kernels_ = gemm_kernels<T>();
  const Layout& l_;
  const Target<T>& out_;
  const T* bias_;
  int64_t m_, k_, mr_, a_panels_, b_panels_, chunk_;
  SmallVec<int64_t, 64> offsets_;
  Scratch<T> packed_;

 public:
  Correlation(const Layout& l, int64_t channels, const T* weights, const T* bias, const Target<T>& out)
      : l_(l),
        out_(out),
        bias_(bias),
        m_(out.channels),
        k_(channels * l.taps()),
        a_panels_((m_ + kernels_.rows - 1) / kernels_.rows),
        offsets_(l.offsets(channels)),
        packed_(weights ? (m_ + kernels_.rows) * k_ : 0) {
    mr_ = (m_ + a_panels_ - 1) / a_panels_;
    a_panels_ = (m_ + mr_ - 1) / mr_;
    b_panels_ = (l.pixels() + kernels_.columns - 1) / kernels_.columns;
    int64_t slices = (k_ + kDepth - 1) / kDepth;
    parallel_for(0, slices * a_panels_, 4, [&](int64_t from, int64_t to) {
      for (int64_t job = from; job < to; job++) {
        int64_t first = job / a_panels_ * kDepth, panel = job % a_panels_, depth = std::min(kDepth, k_ - first);
        int rows = rows_of(panel);
        kernels_.pack(packed_ + (first * a_panels_ + panel * depth) * mr_, rows, weights + panel * mr_ * k_ + first, k_, rows, 1,
                      depth);
      }
    });
  }

  void run(const T* planes, int64_t channels, int64_t first_image, int64_t images) {
    double flops = 2.0 * m_ * k_ * l_.pixels();
    int64_t chunks = std::clamp<int64_t>(int64_t(std::min<double>(flops / 2e6, 8.0 * get_num_threads() / images)), 1, b_panels_);
    chunk_ = (b_panels_ + chunks - 1) / chunks;
    chunks = (b_panels_ + chunk_ - 1) / chunk_;
    parallel_for(0, images * chunks, 1, [&](int64_t from, int64_t to) {
      for (int64_t job = from; job < to; job++) {
        int64_t image = job / chunks;
        task(planes + image * channels * l_.plane, out_.data + (first_image + image) * out_.image, job % chunks);
      }
    });
  }

 private:
  int rows_of(int64_t panel) const { return int(std::min(mr_, m_ - panel * mr_)); }

  void task(const T* planes, T* out, int64_t chunk) const {
    int64_t columns = kernels_.columns, first_panel = chunk * chunk_, last_panel = std::min(b_panels_, first_panel + chunk_),
            pixels = l_.pixels();
    Scratch<T> gathered(columns * std::min(kDepth, k_) + kernels_.lanes);
    SmallVec<Piece, 16> pieces;
    for (int64_t first = 0; first < k_; first += kDepth) {
      int64_t depth = std::min(kDepth, k_ - first);
      for (int64_t panel = first_panel; panel < last_panel; panel++) {
        int64_t from = panel * columns, to = std::min(pixels, from + columns);
        pieces.clear();
        l_.runs(from, to, [&](int64_t source, int64_t pixel, int64_t length) {
          for (int64_t i = 0; i < length; i += kernels_.lanes) pieces.push_back({source + i, pixel - from + i});
        });
        int width = to - from <= kernels_.lanes ? kernels_.lanes : kernels_.columns;
        kernels_.gather(gathered, width, planes, offsets_.data() + first, depth, pieces.data(), int(pieces.size()));
        if (first == 0 && bias_) {
          for (int64_t i = 0; i < m_; i++) std::fill_n(out + i * out_.channel + from, to - from, bias_[i]);
        }
        for (int64_t i = 0; i < a_panels_; i++) {
          kernels_.tile(rows_of(i), int(to - from), depth, packed_ + (first * a_panels_ + i * depth) * mr_, gathered, width,
                        out + i * mr_ * out_.channel + from, out_.channel, T(1), first == 0 && !bias_ ? T(0) : T(1));
        }
      }
    }
  }
};

// One channel in, one channel out: a sum over taps needs no matrix product.
template <class T>
void depthwise(const Layout& l, int64_t images, int64_t channels, const Source<T>& source, const T* weights, const T* bias,
               const Target<T>& out) {
  auto offsets = l.offsets(1);
  const auto& kernels = gemm_kernels<T>();
  int taps = int(l.taps());
  parallel_for(0, images * channels, std::max<int64_t>(1, 32768 / (l.pixels() * taps)), [&](int64_t from, int64_t to) {
    Scratch<T> plane(l.plane + 4 * kernels.lanes);
    for (int64_t job = from; job < to; job++) {
      int64_t n = job / channels, c = job % channels;
      Source<T> one = source;
      one.data += c * source.channel;
      fill_planes(plane.get(), l, one, n, 1);
      T* dst = out.data + n * out.image + c * out.channel;
      l.runs(0, l.pixels(), [&](int64_t src, int64_t pixel, int64_t length) {
        kernels.stencil(length, dst + pixel, plane + src, offsets.data(), weights + c * taps, taps, bias ? bias[c] : T(0));
      });
    }
  });
}

// Correlates every group of `source` with `weights` (group, m, channels, taps) into `out` (image, group * m, pixels).
template <class T>
void correlate(const Layout& l, int64_t images, int64_t groups, const Source<T>& source, const T* weights, const T* bias,
               const Target<T>& out) {
  int64_t k = source.channels * l.taps(), lanes = gemm_kernels<T>().lanes;
  if (images == 0 || l.pixels() == 0 || out.channels == 0) return;
  if (source.channels == 1 && out.channels == 1) return depthwise(l, images, groups, source, weights, bias, out);
  int64_t step = images_at_a_time<T>(l, source.channels, images);
  Scratch<T> planes(step * source.channels * l.plane + lanes);
  for (int64_t g = 0; g < groups; g++) {
    Source<T> from = source;
    from.data += g * source.channels * source.channel;
    Target<T> to = out;
    to.data += g * out.channels * out.channel;
    Correlation<T> product(l, source.channels, weights + g * out.channels * k, bias ? bias + g * out.channels : nullptr, to);
    for (int64_t n = 0; n < images; n += step) {
      int64_t count = std::min(step, images - n);
      fill_planes(planes.get(), l, from, n, count);
      product.run(planes.get(), source.channels, n, count);
    }
  }
}

}  // namespace

// ---- operators on tensors of one floating type ----
namespace {

struct Parameters {
  int64_t stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0}, dilation[3] = {1, 1, 1}, groups = 1;
};

// Sizes of the last three dimensions, 1 where the tensor has fewer.
void spatial(const Tensor& t, int64_t (&sizes)[3], int64_t (&strides)[3]) {
  int64_t missing = 5 - t.dim();
  for (int64_t d = 0; d < 3; d++) {
    sizes[d] = d < missing ? 1 : t.size(2 + d - missing);
    strides[d] = d < missing ? 0 : t.stride(2 + d - missing);
  }
}

template <class T>
Source<T> source_of(const Tensor& t, int64_t groups) {
  int64_t sizes[3];
  Source<T> s{t.data<T>(), t.size(1) / groups, t.stride(0), t.stride(1), {}};
  spatial(t, sizes, s.strides);
  return s;
}

template <class T>
Target<T> target_of(const Tensor& t, int64_t groups) {
  return {t.data<T>(), t.size(1) / groups, t.stride(0), t.stride(1)};
}

Layout forward_layout(const Tensor& in, const Tensor& weight, const Tensor& out, const Parameters& p) {
  int64_t is[3], ks[3], os[3], unused[3];
  spatial(in, is, unused);
  spatial(weight, ks, unused);
  spatial(out, os, unused);
  Axis axes[3];
  for (int d = 0; d < 3; d++) {
    axes[d] = {is[d], os[d], p.stride[d], p.pad[d], {}};
    for (int64_t k = 0; k < ks[d]; k++) axes[d].taps.push_back(k * p.dilation[d]);
  }
  return Layout(axes);
}

template <class T>
void forward(const Tensor& in, const Tensor& weight, const T* bias, const Tensor& out, const Parameters& p) {
  correlate<T>(forward_layout(in, weight, out, p), out.size(0), p.groups, source_of<T>(in, p.groups), weight.data<T>(), bias,
               target_of<T>(out, p.groups));
}

// The input's gradient. Inputs i = stride * q + f of one residue f meet the taps k with (f + pad - k * dilation) divisible by the stride,
// at output q + (f + pad - k * dilation) / stride: each residue is a correlation of stride 1 with a part of the kernel.
template <class T>
void backward_data(const Tensor& grad, const Tensor& weight, const Tensor& out, const Parameters& p) {
  int64_t is[3], ks[3], gs[3], strides[3], unused[3];
  spatial(out, is, strides);
  spatial(weight, ks, unused);
  spatial(grad, gs, unused);
  int64_t groups = p.groups, rows = out.size(1) / groups, channels = grad.size(1) / groups, images = out.size(0);
  bool whole = p.stride[0] == 1 && p.stride[1] == 1 && p.stride[2] == 1;
  for (int64_t f0 = 0; f0 < std::min(p.stride[0], is[0]); f0++) {
    for (int64_t f1 = 0; f1 < std::min(p.stride[1], is[1]); f1++) {
      for (int64_t f2 = 0; f2 < std::min(p.stride[2], is[2]); f2++) {
        const int64_t f[3] = {f0, f1, f2};
        Axis axes[3];
        SmallVec<int64_t, 8> used[3];
        for (int d = 0; d < 3; d++) {
          axes[d] = {gs[d], (is[d] - f[d] + p.stride[d] - 1) / p.stride[d], 1, 0, {}};
          int64_t least = INT64_MAX;
          for (int64_t k = 0; k < ks[d]; k++) {
            int64_t shift = f[d] + p.pad[d] - k * p.dilation[d];
            if (shift % p.stride[d]) continue;
            used[d].push_back(k);
            axes[d].taps.push_back(shift / p.stride[d]);
            least = std::min(least, shift / p.stride[d]);
          }
          for (int64_t& t : axes[d].taps) t -= least;
          axes[d].pad = -least;
        }
        int64_t pixels = axes[0].out * axes[1].out * axes[2].out;
        bool empty_kernel = used[0].empty() || used[1].empty() || used[2].empty();
        Scratch<T> part(whole ? 0 : images * out.size(1) * pixels);
        if (empty_kernel) {
          std::fill_n(part.get(), images * out.size(1) * pixels, T(0));
        } else {
          Layout layout(axes);
          int64_t taps = layout.taps(), k = channels * taps;
          Scratch<T> turned(groups * rows * k);
          T* to = turned;
          const T* w = weight.data<T>();
          for (int64_t g = 0; g < groups; g++) {
            for (int64_t r = 0; r < rows; r++) {
              for (int64_t c = 0; c < channels; c++) {
                const T* kernel = w + ((g * channels + c) * rows + r) * ks[0] * ks[1] * ks[2];
                for (int64_t a : used[0])
                  for (int64_t b : used[1])
                    for (int64_t e : used[2]) *to++ = kernel[(a * ks[1] + b) * ks[2] + e];
              }
            }
          }
          Target<T> target = whole ? target_of<T>(out, groups) : Target<T>{part.get(), rows, out.size(1) * pixels, pixels};
          correlate<T>(layout, images, groups, source_of<T>(grad, groups), turned.get(), nullptr, target);
        }
        if (whole) continue;
        int64_t widths[3] = {axes[0].out, axes[1].out, axes[2].out};
        parallel_for(
            0, images * out.size(1), std::max<int64_t>(1, 16384 / std::max<int64_t>(1, pixels)), [&](int64_t from, int64_t to) {
              for (int64_t plane = from; plane < to; plane++) {
                const T* src = part + plane * pixels;
                T* dst = out.data<T>() + plane / out.size(1) * out.stride(0) + plane % out.size(1) * out.stride(1);
                for (int64_t a = 0; a < widths[0]; a++) {
                  for (int64_t b = 0; b < widths[1]; b++) {
                    T* line =
                        dst + (a * p.stride[0] + f[0]) * strides[0] + (b * p.stride[1] + f[1]) * strides[1] + f[2] * strides[2];
                    for (int64_t e = 0; e < widths[2]; e++) line[e * p.stride[2] * strides[2]] = *src++;
                  }
                }
              }
            });
      }
    }
  }
}

// The weight's gradient: grad (m x pixels) times the columns' transpose, summed over the images in order. Tasks share the columns out.
template <class T>
void backward_weight(const Tensor& in, const Tensor& grad, const Tensor& out, const Parameters& p) {
  Layout l = forward_layout(in, out, grad, p);
  int64_t groups = p.groups, m = out.size(0) / groups, channels = in.size(1) / groups, taps = l.taps(), k = channels * taps;
  int64_t images = in.size(0), pixels = l.pixels(), lanes = gemm_kernels<T>().lanes;
  Source<T> source = source_of<T>(in, groups);
  std::fill_n(out.data<T>(), out.numel(), T(0));
  if (images == 0 || pixels == 0) return;
  int64_t step = images_at_a_time<T>(l, channels, images);
  Scratch<T> planes(step * channels * l.plane + lanes);
  auto offsets = l.offsets(channels);
  constexpr int64_t columns = 64, block = 1024;
  for (int64_t g = 0; g < groups; g++) {
    Source<T> from = source;
    from.data += g * channels * source.channel;
    T* target = out.data<T>() + g * m * k;
    for (int64_t n = 0; n < images; n += step) {
      int64_t count = std::min(step, images - n);
      fill_planes(planes.get(), l, from, n, count);
      parallel_for(0, (k + columns - 1) / columns, 1, [&](int64_t begin, int64_t end) {
        Scratch<T> gathered(columns * std::min(block, pixels));
        for (int64_t c = begin; c < end; c++) {
          int64_t first = c * columns, width = std::min(columns, k - first);
          for (int64_t i = 0; i < count; i++) {
            const T* plane = planes + i * channels * l.plane;
            const T* g_row = grad.data<T>() + (n + i) * grad.stride(0) + g * m * grad.stride(1);
            for (int64_t p0 = 0; p0 < pixels; p0 += block) {
              int64_t p1 = std::min(pixels, p0 + block), depth = p1 - p0;
              for (int64_t j = 0; j < width; j++) {
                l.runs(p0, p1, [&](int64_t src, int64_t pixel, int64_t length) {
                  std::copy_n(plane + offsets[first + j] + src, length, gathered + j * depth + pixel - p0);
                });
              }
              gemm<T>(m, width, depth, T(1), Matrix<T>{g_row + p0, grad.stride(1), 1}, Matrix<T>{gathered.get(), 1, depth}, T(1),
                      target + first, k);
            }
          }
        }
      });
    }
  }
}

// ---- arguments ----
void expand_list(IntList list, int64_t dims, int64_t (&to)[3], const char* what) {
  KD_CHECK(int64_t(list.size()) == dims || list.size() == 1, Runtime, "expected ", what,
           " to be a single integer value or a list of ", dims, " values to match the convolution dimensions, but got ", what,
           "=", list);
  for (int64_t d = 0; d < dims; d++) to[3 - dims + d] = list[list.size() == 1 ? 0 : d];
}

bool all_of(IntList list, int64_t least) {
  return std::all_of(list.begin(), list.end(), [&](int64_t x) { return x >= least; });
}

Parameters read(const Tensor& weight, IntList stride, IntList padding, IntList dilation, int64_t groups) {
  int64_t dims = weight.dim() - 2;
  KD_CHECK(dims >= 1 && dims <= 3, Runtime, "convolution: weight must have 3 to 5 dimensions, but its shape is ", weight.sizes());
  KD_CHECK(all_of(padding, 0), Runtime, "negative padding is not supported");
  KD_CHECK(all_of(stride, 1), Runtime, "non-positive stride is not supported");
  KD_CHECK(all_of(dilation, 1), Runtime, "non-positive dilation is not supported");
  KD_CHECK(groups > 0, Runtime, "non-positive groups is not supported");
  Parameters p;
  p.groups = groups;
  expand_list(stride, dims, p.stride, "stride");
  expand_list(padding, dims, p.pad, "padding");
  expand_list(dilation, dims, p.dilation, "dilation");
  return p;
}

void check_dtypes(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  KD_CHECK(input.dtype() == weight.dtype(), Runtime, "Input type (torch.", legacy_name(input.dtype()),
           "Tensor) and weight type (torch.", legacy_name(weight.dtype()), "Tensor) should be the same");
  KD_CHECK(!bias.defined() || input.dtype() == bias.dtype(), Runtime, "Input type (", info(input.dtype()).name,
           ") and bias type (", bias.defined() ? info(bias.dtype()).name : "", ") should be the same");
}

void check_kernel(const Tensor& weight) {
  for (int64_t d = 2; d < weight.dim(); d++)
    KD_CHECK(weight.size(d) > 0, Runtime,
             "convolution: a kernel has at least one element in each dimension, but weight has size ", weight.sizes());
}

// A stride beyond the padded input gives one output, whatever it is.
void clip_strides(const Tensor& input, Parameters& p) {
  for (int64_t d = 2; d < input.dim(); d++) {
    const int64_t at = 3 - input.dim() + d;
    p.stride[at] = std::min(p.stride[at], std::max<int64_t>(input.size(d) + 2 * p.pad[at], 1));
  }
}

Dims output_sizes(const Tensor& input, const Tensor& weight, const Tensor& bias, Parameters& p) {
  int64_t dims = weight.dim() - 2, groups = p.groups;
  KD_CHECK(weight.size(0) >= groups && weight.size(0) % groups == 0, Runtime, "Given groups=", groups,
           ", expected weight to be divisible by ", groups, " at dimension 0, but got weight of size [", weight.sizes(),
           "] instead");
  KD_CHECK(input.size(1) == weight.size(1) * groups, Runtime, "Given groups=", groups, ", weight of size ", weight.sizes(),
           ", expected input", input.sizes(), " to have ", weight.size(1) * groups, " channels, but got ", input.size(1),
           " channels instead");
  KD_CHECK(!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0)), Runtime, "Given weight of size ",
           weight.sizes(), ", expected bias to be 1-dimensional with ", weight.size(0), " elements, but got bias of size ",
           bias.defined() ? bias.sizes() : IntList(), " instead");
  Dims out{input.size(0), weight.size(0)};
  std::string have, need;
  bool fits = true;
  check_kernel(weight);
  clip_strides(input, p);
  for (int64_t d = 0; d < dims; d++) {
    int64_t at = 3 - dims + d, padded = input.size(2 + d) + 2 * p.pad[at], kernel = p.dilation[at] * (weight.size(2 + d) - 1) + 1;
    have += concat(d ? " x " : "", padded);
    need += concat(d ? " x " : "", kernel);
    fits = fits && padded >= kernel;
    out.push_back((padded - kernel) / p.stride[at] + 1);
  }
  KD_CHECK(fits, Runtime, "Calculated padded input size per channel: (", have, "). Kernel size: (", need,
           "). Kernel size can't be greater than actual input size");
  return out;
}

Dims transposed_sizes(const Tensor& input, const Tensor& weight, const Tensor& bias, IntList output_padding,
                      const Parameters& p) {
  check_kernel(weight);
  int64_t dims = weight.dim() - 2, extra[3] = {0, 0, 0};
  expand_list(output_padding, dims, extra, "output_padding");
  KD_CHECK(input.size(1) == weight.size(0), Runtime, "Given transposed=1, weight of size ", weight.sizes(), ", expected input",
           input.sizes(), " to have ", weight.size(0), " channels, but got ", input.size(1), " channels instead");
  int64_t channels = weight.size(1) * p.groups;
  KD_CHECK(!bias.defined() || (bias.dim() == 1 && bias.size(0) == channels), Runtime, "Given transposed=1, weight of size ",
           weight.sizes(), ", expected bias to be 1-dimensional with ", channels, " elements, but got bias of size ",
           bias.defined() ? bias.sizes() : IntList(), " instead");
  Dims out{input.size(0), channels};
  for (int64_t d = 0; d < dims; d++) {
    int64_t at = 3 - dims + d;
    KD_CHECK(extra[at] >= 0 && (extra[at] < p.stride[at] || extra[at] < p.dilation[at]), Runtime,
             "output padding must be smaller than either stride or dilation, but got output_padding: ", output_padding,
             " stride: ", p.stride[at], " dilation: ", p.dilation[at]);
    out.push_back((input.size(2 + d) - 1) * p.stride[at] - 2 * p.pad[at] + p.dilation[at] * (weight.size(2 + d) - 1) + extra[at] +
                  1);
    KD_CHECK(out.back() > 0, Runtime, "Given input size per channel: ", input.sizes(),
             ". Calculated output size per channel: ", out, ". Output size is too small");
  }
  return out;
}

// Integers compute in float64, which holds their products exactly up to 2^53.
Tensor in_float(const Tensor& t) {
  if (!t.defined()) return t;
  Tensor values = t.is_neg() ? ops::resolve_neg(t) : t;
  return is_integral(t.dtype(), false) ? ops::_to_copy(values, DType::float64) : values;
}
Tensor back_from_float(const Tensor& t, DType d) {
  if (t.dtype() == d) return t;
  return ops::_to_copy(is_integral(d) ? ops::_to_copy(t, DType::int64) : t, d);  // int64 first: narrower integers wrap around
}
Tensor dense(const Tensor& t) { return t.defined() && !t.is_contiguous() ? ops::contiguous(t) : t; }

void add_bias(const Tensor& out, const Tensor& bias) {
  Dims shape(bias.dim() + out.dim() - 1, 1);
  shape[0] = bias.size(0);
  shape.resize(out.dim() - 1, 1);
  ops::add__Tensor(out, ops::view(bias, shape));
}

}  // namespace
}  // namespace conv

namespace kernels {

Tensor convolution(const Tensor& input, const Tensor& weight, const Tensor& bias, IntList stride, IntList padding,
                   IntList dilation, bool transposed, IntList output_padding, int64_t groups) {
  conv::Parameters p = conv::read(weight, stride, padding, dilation, groups);
  KD_CHECK(input.dim() == weight.dim(), Runtime, "Expected ", weight.dim(), "-dimensional input for ", weight.dim(),
           "-dimensional weight ", weight.sizes(), ", but got ", input.dim(), "-dimensional input of size ", input.sizes(),
           " instead");
  conv::check_dtypes(input, weight, bias);
  Dims sizes =
      transposed ? conv::transposed_sizes(input, weight, bias, output_padding, p) : conv::output_sizes(input, weight, bias, p);
  TensorOptions options = input.options();
  if (input.is_meta()) return empty(sizes, options);
  Tensor x = conv::in_float(input), w = conv::dense(conv::in_float(weight)), b = conv::dense(conv::in_float(bias));
  options.dtype = x.dtype();
  Tensor out = empty(sizes, options);
  visit<kFloatsT>(x.dtype(), "convolution", [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (!transposed) return conv::forward<T>(x, w, b.defined() ? b.data<T>() : nullptr, out, p);
    conv::backward_data<T>(x, w, out, p);
    if (b.defined()) conv::add_bias(out, b);
  });
  return conv::back_from_float(out, input.dtype());
}

std::tuple<Tensor, Tensor, Tensor> convolution_backward(const Tensor& grad_output, const Tensor& input, const Tensor& weight,
                                                        std::optional<IntList> bias_sizes, IntList stride, IntList padding,
                                                        IntList dilation, bool transposed, IntList output_padding, int64_t groups,
                                                        std::span<const Value> output_mask) {
  conv::Parameters p = conv::read(weight, stride, padding, dilation, groups);
  conv::check_kernel(weight);
  if (!transposed) conv::clip_strides(input, p);
  bool meta = grad_output.is_meta() || input.is_meta();
  Tensor g = meta ? grad_output : conv::in_float(grad_output), x = meta ? input : conv::in_float(input),
         w = meta ? weight : conv::dense(conv::in_float(weight));
  Tensor gi, gw, gb;
  if (output_mask[0].to_bool()) gi = empty(input.sizes(), x.options());
  if (output_mask[1].to_bool()) gw = empty(weight.sizes(), w.options());
  if (!meta) {
    if (gw.defined()) g = g.stride(-1) == 1 && (g.is_contiguous() || transposed) ? g : ops::contiguous(g);
    if (gw.defined() && transposed) x = conv::dense(x);
    visit<kFloatsT>(x.dtype(), "convolution_backward", [&](auto tag) {
      using T = typename decltype(tag)::type;
      if (gi.defined()) {
        if (transposed) conv::forward<T>(g, w, nullptr, gi, p);
        else conv::backward_data<T>(g, w, gi, p);
      }
      if (gw.defined()) {
        if (transposed) conv::backward_weight<T>(g, x, gw, p);
        else conv::backward_weight<T>(x, g, gw, p);
      }
    });
  }
  if (output_mask[2].to_bool()) {
    Dims dims{0};
    for (int64_t d = 2; d < g.dim(); d++) dims.push_back(d);
    gb = ops::sum_dim_IntList(g, IntList(dims), false, g.dtype());
  }
  auto back = [&](const Tensor& t) { return t.defined() && !meta ? conv::back_from_float(t, input.dtype()) : t; };
  return {back(gi), back(gw), back(gb)};
}

}  // namespace kernels
}  // namespace kindling
