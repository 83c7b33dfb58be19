// Pooling over planes (batch times channels) of one to three dimensions, all treated as three.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch.h"
#include "kernels.h"
#include "threads.h"

namespace kindling {
namespace {

struct Window {
  int64_t planes, in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0},
                  dilation[3] = {1, 1, 1};

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// Input positions of one output along one dimension: first, first + step, ..., below last.
struct Range {
  int64_t first, last, step;
};

Range fixed_range(const Window& w, int d, int64_t o) {
  int64_t first = o * w.stride[d] - w.pad[d], last = std::min(first + (w.kernel[d] - 1) * w.dilation[d] + 1, w.in[d]);
  if (first < 0) first += (-first + w.dilation[d] - 1) / w.dilation[d] * w.dilation[d];
  return {first, last, w.dilation[d]};
}
Range adaptive_range(const Window& w, int d, int64_t o) {
  return {o * w.in[d] / w.out[d], ((o + 1) * w.in[d] + w.out[d] - 1) / w.out[d], 1};
}

template <class F>
void for_planes(const Window& w, F&& fn) {
  int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, w.in_size() + w.out_size()));
  parallel_for(0, w.planes, grain, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) fn(p);
  });
}

// fn(output index, ranges) for every output of a plane.
template <class R, class F>
void for_outputs(const Window& w, R&& range, F&& fn) {
  int64_t o = 0;
  for (int64_t d = 0; d < w.out[0]; d++) {
    Range rd = range(w, 0, d);
    for (int64_t h = 0; h < w.out[1]; h++) {
      Range rh = range(w, 1, h);
      for (int64_t x = 0; x < w.out[2]; x++, o++) fn(o, rd, rh, range(w, 2, x));
    }
  }
}

template <class T, class R>
void max_forward(const Window& w, R&& range, const T* in, T* out, int64_t* indices) {
  using C = compute_t<T>;
  for_planes(w, [&](int64_t plane) {
    const T* src = in + plane * w.in_size();
    T* dst = out + plane * w.out_size();
    int64_t* at = indices + plane * w.out_size();
    for_outputs(w, range, [&](int64_t o, Range rd, Range rh, Range rw) {
      C best = std::numeric_limits<C>::has_infinity ? -std::numeric_limits<C>::infinity() : std::numeric_limits<C>::lowest();
      int64_t index = (rd.first * w.in[1] + rh.first) * w.in[2] + rw.first;
      for (int64_t d = rd.first; d < rd.last; d += rd.step) {
        for (int64_t h = rh.first; h < rh.last; h += rh.step) {
          int64_t row = (d * w.in[1] + h) * w.in[2];
          for (int64_t x = rw.first; x < rw.last; x += rw.step) {
            C v = load(src[row + x]);
            if (v > best || v != v) best = v, index = row + x;
          }
        }
      }
      dst[o] = store_as<T>(best);
      at[o] = index;
    });
  });
}

// grad_in[indices[o]] += grad_out[o] in each plane.
template <class T>
void scatter_planes(int64_t planes, int64_t in_size, int64_t out_size, const T* grad, const int64_t* indices, T* grad_in) {
  using C = compute_t<T>;
  parallel_for(0, planes, std::max<int64_t>(1, 32768 / std::max<int64_t>(1, in_size)), [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) {
      T* dst = grad_in + p * in_size;
      std::fill_n(dst, in_size, T());
      for (int64_t o = 0; o < out_size; o++) {
        T& at = dst[indices[p * out_size + o]];
        at = store_as<T>(C(load(at) + load(grad[p * out_size + o])));
      }
    }
  });
}

template <class C>
C mean_of(C sum, int64_t count) {
  return C(sum / C(count));
}

struct AverageRule {
  bool include_pad;
  int64_t divisor;
};  // divisor 0: the number of elements

int64_t divisor_of(const Window& w, const AverageRule& rule, int64_t o, Range rd, Range rh, Range rw) {
  if (rule.divisor) return rule.divisor;
  if (!rule.include_pad) return (rd.last - rd.first) * (rh.last - rh.first) * (rw.last - rw.first);
  const int64_t at[3] = {o / (w.out[1] * w.out[2]), o / w.out[2] % w.out[1], o % w.out[2]};
  int64_t count = 1;
  for (int d = 0; d < 3; d++) {
    int64_t first = at[d] * w.stride[d] - w.pad[d];
    count *= std::min(first + w.kernel[d], w.in[d] + w.pad[d]) - first;
  }
  return count;
}

template <class T, class R, class N>
void average_forward(const Window& w, R&& range, N&& divisor, const T* in, T* out) {
  using C = compute_t<T>;
  for_planes(w, [&](int64_t plane) {
    const T* src = in + plane * w.in_size();
    T* dst = out + plane * w.out_size();
    for_outputs(w, range, [&](int64_t o, Range rd, Range rh, Range rw) {
      C sum = 0;
      for (int64_t d = rd.first; d < rd.last; d++) {
        for (int64_t h = rh.first; h < rh.last; h++) {
          const T* row = src + (d * w.in[1] + h) * w.in[2];
          for (int64_t x = rw.first; x < rw.last; x++) sum += load(row[x]);
        }
      }
      bool empty = rd.first >= rd.last || rh.first >= rh.last || rw.first >= rw.last;
      dst[o] = store_as<T>(empty ? C(0) : mean_of(sum, divisor(o, rd, rh, rw)));
    });
  });
}

template <class T, class R, class N>
void average_backward(const Window& w, R&& range, N&& divisor, const T* grad, T* grad_in) {
  using C = compute_t<T>;
  for_planes(w, [&](int64_t plane) {
    const T* src = grad + plane * w.out_size();
    T* dst = grad_in + plane * w.in_size();
    std::fill_n(dst, w.in_size(), T());
    for_outputs(w, range, [&](int64_t o, Range rd, Range rh, Range rw) {
      if (rd.first >= rd.last || rh.first >= rh.last || rw.first >= rw.last) return;
      C share = mean_of(C(load(src[o])), divisor(o, rd, rh, rw));
      for (int64_t d = rd.first; d < rd.last; d++) {
        for (int64_t h = rh.first; h < rh.last; h++) {
          T* row = dst + (d * w.in[1] + h) * w.in[2];
          for (int64_t x = rw.first; x < rw.last; x++) row[x] = store_as<T>(C(load(row[x]) + share));
        }
      }
    });
  });
}

// ---- arguments ----
struct PoolArgs {
  const char* name;
  int dims;
  IntList kernel, stride, padding, dilation;
  bool ceil_mode;
};

int64_t entry(IntList list, int d, int dims, const char* name, const char* what) {
  KD_CHECK(list.size() == 1 || int(list.size()) == dims, Runtime, name, ": ", what,
           " must either be a single int, or a tuple of ", dims, " ints");
  return list[list.size() == 1 ? 0 : d];
}

void check_rank(const Tensor& t, int dims, const char* name) {
  bool batched = t.dim() == dims + 2, ok = batched || t.dim() == dims + 1;
  for (int64_t d = batched ? 1 : 0; ok && d < t.dim(); d++) ok = t.size(d) != 0;
  KD_CHECK(ok, Runtime, name, "(): Expected ", dims + 1, "D or ", dims + 2,
           "D (batch mode) tensor with optional 0 dim batch size for input, but got: ", t.sizes());
}

Window window_of(const Tensor& in, const PoolArgs& a) {
  check_rank(in, a.dims, a.name);
  Window w;
  int64_t first = in.dim() - a.dims;
  w.planes = first == 2 ? in.size(0) * in.size(1) : in.size(0);
  const int64_t one[] = {1};
  for (int d = 0; d < a.dims; d++) {
    int at = 3 - a.dims + d;
    w.in[at] = in.size(first + d);
    w.kernel[at] = entry(a.kernel, d, a.dims, a.name, "kernel_size");
    w.stride[at] = a.stride.empty() ? w.kernel[at] : entry(a.stride, d, a.dims, a.name, "stride");
    w.pad[at] = entry(a.padding, d, a.dims, a.name, "padding");
    w.dilation[at] = entry(a.dilation.empty() ? IntList(one) : a.dilation, d, a.dims, a.name, "dilation");
    KD_CHECK(w.stride[at] != 0, Runtime, "stride should not be zero");
    KD_CHECK(w.kernel[at] > 0 && w.stride[at] > 0 && w.dilation[at] > 0, Runtime, a.name,
             ": kernel size, stride and dilation should be greater than zero");
    KD_CHECK(w.pad[at] >= 0, Runtime, "pad must be non-negative, but got pad: ", w.pad[at]);
    int64_t reach = w.dilation[at] * (w.kernel[at] - 1) + 1;
    KD_CHECK(w.pad[at] <= reach / 2, Runtime, "pad should be at most half of effective kernel size, but got pad=", w.pad[at],
             ", kernel_size=", w.kernel[at], " and dilation=", w.dilation[at]);
    int64_t space = w.in[at] + 2 * w.pad[at] - reach + (a.ceil_mode ? w.stride[at] - 1 : 0);
    w.out[at] = (space >= 0 ? space / w.stride[at] : -((-space + w.stride[at] - 1) / w.stride[at])) + 1;
    // the last window must begin inside the input or its left padding
    if (a.ceil_mode && (w.out[at] - 1) * w.stride[at] >= w.in[at] + w.pad[at]) w.out[at]--;
  }
  bool fits = true;
  for (int64_t o : w.out) fits = fits && o >= 1;
  KD_CHECK(fits, Runtime, "Given input size: ", in.sizes(),
           ". Calculated output size: ", IntList(w.out + 3 - a.dims, size_t(a.dims)), ". Output size is too small");
  return w;
}

Dims output_shape(const Tensor& in, const Window& w, int dims) {
  Dims sizes(in.sizes().first(size_t(in.dim() - dims)));
  for (int d = 3 - dims; d < 3; d++) sizes.push_back(w.out[d]);
  return sizes;
}

Window adaptive_window(const Tensor& in, IntList output, int dims, const char* name) {
  bool ok = in.dim() == dims + 1 || in.dim() == dims + 2;
  KD_CHECK(ok, Runtime, name, "(): Expected ", dims + 1, "D or ", dims + 2, "D tensor, but got ", in.sizes());
  for (int64_t d = in.dim() - dims; d < in.dim(); d++) {
    KD_CHECK(in.size(d) > 0, Runtime, name,
             "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ", in.sizes(),
             " with dimension ", d, " being empty");
  }
  Window w;
  w.planes = 1;
  for (int64_t d = 0; d < in.dim() - dims; d++) w.planes *= in.size(d);
  for (int d = 0; d < dims; d++) {
    w.in[3 - dims + d] = in.size(in.dim() - dims + d);
    w.out[3 - dims + d] = entry(output, d, dims, name, "output_size");
    KD_CHECK(w.out[3 - dims + d] >= 0, Runtime, name,
             "(): elements of output_size must be greater than or equal to 0 but received ", output);
  }
  return w;
}

Tensor solid(const Tensor& t) {
  if (t.is_meta()) return t;
  Tensor values = t.is_neg() ? ops::resolve_neg(t) : t;
  return values.is_contiguous() ? values : ops::contiguous(values);
}

std::tuple<Tensor, Tensor> max_pool(const Tensor& self, const Window& w, int dims, bool adaptive, const char* name) {
  Dims sizes = output_shape(self, w, dims);
  Tensor out = empty(sizes, self.options()), indices = empty(sizes, {DType::int64, self.device()});
  if (out.is_meta() || out.numel() == 0) return {out, indices};
  Tensor in = solid(self);
  visit<kRealT | kWideUnsignedT>(in.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto run = [&](auto range) { max_forward<T>(w, range, in.data<T>(), out.data<T>(), indices.data<int64_t>()); };
    adaptive ? run(adaptive_range) : run(fixed_range);
  });
  return {out, indices};
}

Tensor max_backward(const Tensor& grad, const Tensor& self, const Tensor& indices, int dims, const char* name) {
  Tensor out = empty(self.sizes(), self.options());
  KD_CHECK(grad.is_meta() || same(grad.sizes(), indices.sizes()), Runtime, name, ": grad_output ", grad.sizes(), " and indices ",
           indices.sizes(), " must have the same shape");
  if (out.is_meta() || out.numel() == 0) return out;
  Tensor g = solid(grad), at = solid(indices);
  int64_t planes = 1, in_size = 1;
  for (int64_t d = 0; d < self.dim(); d++) (d < self.dim() - dims ? planes : in_size) *= self.size(d);
  visit<kRealT | kWideUnsignedT>(g.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    scatter_planes<T>(planes, in_size, planes ? g.numel() / planes : 0, g.data<T>(), at.data<int64_t>(), out.data<T>());
  });
  return out;
}

Tensor average_pool(const Tensor& self, const Window& w, int dims, bool adaptive, AverageRule rule, const char* name) {
  Tensor out = empty(output_shape(self, w, dims), self.options());
  if (out.is_meta() || out.numel() == 0) return out;
  Tensor in = solid(self);
  visit<kRealT | kWideUnsignedT>(in.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto divisor = [&](int64_t o, Range rd, Range rh, Range rw) { return divisor_of(w, rule, o, rd, rh, rw); };
    auto run = [&](auto range) { average_forward<T>(w, range, divisor, in.data<T>(), out.data<T>()); };
    adaptive ? run(adaptive_range) : run(fixed_range);
  });
  return out;
}

Tensor average_gradient(const Tensor& grad, const Tensor& self, const Window& w, int dims, bool adaptive, AverageRule rule,
                        const char* name) {
  Tensor out = empty(self.sizes(), self.options());
  Dims expected = output_shape(self, w, dims);
  KD_CHECK(same(grad.sizes(), expected), Runtime, name, ": expected grad_output of shape ", IntList(expected), ", but got ",
           grad.sizes());
  if (out.is_meta() || out.numel() == 0) return out;
  Tensor g = solid(grad);
  visit<kRealT | kWideUnsignedT>(g.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto divisor = [&](int64_t o, Range rd, Range rh, Range rw) { return divisor_of(w, rule, o, rd, rh, rw); };
    auto run = [&](auto range) { average_backward<T>(w, range, divisor, g.data<T>(), out.data<T>()); };
    adaptive ? run(adaptive_range) : run(fixed_range);
  });
  return out;
}

AverageRule rule_of(bool include_pad, std::optional<int64_t> divisor) {
  KD_CHECK(!divisor || *divisor != 0, Runtime, "divisor must be not zero");
  return {include_pad, divisor.value_or(0)};
}
constexpr AverageRule kPlainMean{false, 0};

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& self, IntList kernel_size, IntList stride, IntList padding,
                                                   IntList dilation, bool ceil_mode) {
  return max_pool(self, window_of(self, {"max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode}), 2, false,
                  "max_pool2d");
}
Tensor max_pool2d_with_indices_backward(const Tensor& grad_output, const Tensor& self, IntList, IntList, IntList, IntList, bool,
                                        const Tensor& indices) {
  return max_backward(grad_output, self, indices, 2, "max_pool2d_with_indices_backward");
}
std::tuple<Tensor, Tensor> max_pool3d_with_indices(const Tensor& self, IntList kernel_size, IntList stride, IntList padding,
                                                   IntList dilation, bool ceil_mode) {
  return max_pool(self, window_of(self, {"max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode}), 3, false,
                  "max_pool3d");
}
Tensor max_pool3d_with_indices_backward(const Tensor& grad_output, const Tensor& self, IntList, IntList, IntList, IntList, bool,
                                        const Tensor& indices) {
  return max_backward(grad_output, self, indices, 3, "max_pool3d_with_indices_backward");
}
Tensor avg_pool2d(const Tensor& self, IntList kernel_size, IntList stride, IntList padding, bool ceil_mode,
                  bool count_include_pad, std::optional<int64_t> divisor_override) {
  AverageRule rule = rule_of(count_include_pad, divisor_override);
  return average_pool(self, window_of(self, {"avg_pool2d", 2, kernel_size, stride, padding, {}, ceil_mode}), 2, false, rule,
                      "avg_pool2d");
}
Tensor avg_pool2d_backward(const Tensor& grad_output, const Tensor& self, IntList kernel_size, IntList stride, IntList padding,
                           bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override) {
  AverageRule rule = rule_of(count_include_pad, divisor_override);
  Window w = window_of(self, {"avg_pool2d", 2, kernel_size, stride, padding, {}, ceil_mode});
  return average_gradient(grad_output, self, w, 2, false, rule, "avg_pool2d_backward");
}
Tensor avg_pool3d(const Tensor& self, IntList kernel_size, IntList stride, IntList padding, bool ceil_mode,
                  bool count_include_pad, std::optional<int64_t> divisor_override) {
  AverageRule rule = rule_of(count_include_pad, divisor_override);
  return average_pool(self, window_of(self, {"avg_pool3d", 3, kernel_size, stride, padding, {}, ceil_mode}), 3, false, rule,
                      "avg_pool3d");
}
Tensor avg_pool3d_backward(const Tensor& grad_output, const Tensor& self, IntList kernel_size, IntList stride, IntList padding,
                           bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override) {
  AverageRule rule = rule_of(count_include_pad, divisor_override);
  Window w = window_of(self, {"avg_pool3d", 3, kernel_size, stride, padding, {}, ceil_mode});
  return average_gradient(grad_output, self, w, 3, false, rule, "avg_pool3d_backward");
}

Tensor _adaptive_avg_pool2d(const Tensor& self, IntList output_size) {
  return average_pool(self, adaptive_window(self, output_size, 2, "adaptive_avg_pool2d"), 2, true, kPlainMean,
                      "adaptive_avg_pool2d");
}
Tensor _adaptive_avg_pool2d_backward(const Tensor& grad_output, const Tensor& self) {
  IntList out = grad_output.sizes().last(2);
  return average_gradient(grad_output, self, adaptive_window(self, out, 2, "adaptive_avg_pool2d"), 2, true, kPlainMean,
                          "adaptive_avg_pool2d_backward");
}
Tensor _adaptive_avg_pool3d(const Tensor& self, IntList output_size) {
  return average_pool(self, adaptive_window(self, output_size, 3, "adaptive_avg_pool3d"), 3, true, kPlainMean,
                      "adaptive_avg_pool3d");
}
Tensor _adaptive_avg_pool3d_backward(const Tensor& grad_output, const Tensor& self) {
  IntList out = grad_output.sizes().last(3);
  return average_gradient(grad_output, self, adaptive_window(self, out, 3, "adaptive_avg_pool3d"), 3, true, kPlainMean,
                          "adaptive_avg_pool3d_backward");
}
std::tuple<Tensor, Tensor> adaptive_max_pool2d(const Tensor& self, IntList output_size) {
  return max_pool(self, adaptive_window(self, output_size, 2, "adaptive_max_pool2d"), 2, true, "adaptive_max_pool2d");
}
Tensor adaptive_max_pool2d_backward(const Tensor& grad_output, const Tensor& self, const Tensor& indices) {
  return max_backward(grad_output, self, indices, 2, "adaptive_max_pool2d_backward");
}
std::tuple<Tensor, Tensor> adaptive_max_pool3d(const Tensor& self, IntList output_size) {
  return max_pool(self, adaptive_window(self, output_size, 3, "adaptive_max_pool3d"), 3, true, "adaptive_max_pool3d");
}
Tensor adaptive_max_pool3d_backward(const Tensor& grad_output, const Tensor& self, const Tensor& indices) {
  return max_backward(grad_output, self, indices, 3, "adaptive_max_pool3d_backward");
}

}  // namespace kernels

// ---- fractional pooling and unpooling ----
namespace {

// First input of each of `out` windows of `size` in [0, in): pseudo-random steps from one uniform sample (Graham, 2014).
SmallVec<int64_t, 32> intervals(double sample, int64_t in, int64_t out, int64_t size) {
  SmallVec<int64_t, 32> first(out, 0);
  if (out > 1) {
    double alpha = double(in - size) / double(out - 1);
    for (int64_t i = 0; i < out - 1; i++) first[i] = int64_t((double(i) + sample) * alpha) - int64_t(sample * alpha);
  }
  if (out > 0) first[out - 1] = in - size;
  return first;
}

std::tuple<Tensor, Tensor> fractional_max_pool(const Tensor& self, IntList kernel_size, IntList output_size,
                                               const Tensor& samples, int dims, const char* name) {
  Window w = adaptive_window(self, output_size, dims, name);
  int64_t channels = self.size(self.dim() - dims - 1);
  for (int d = 3 - dims; d < 3; d++) {
    w.kernel[d] = entry(kernel_size, d - 3 + dims, dims, name, "kernel_size");
    KD_CHECK(w.out[d] + w.kernel[d] - 1 <= w.in[d], Runtime, name, "(): pool size ", w.kernel[d],
             " too large relative to input size ", w.in[d]);
  }
  KD_CHECK(samples.dim() == 3 && samples.size(2) == dims && samples.dtype() == self.dtype(), Runtime, name,
           "(): random_samples must be (batch, channels, ", dims, ") and of the input's dtype");
  const int64_t batch = self.dim() == dims + 2 ? self.size(0) : 1;
  KD_CHECK(samples.size(0) >= batch, Runtime, "Expect _random_samples.size(0) no less then input batch size. Got ",
           samples.size(0), " for a batch of ", batch);
  KD_CHECK(samples.size(1) == channels, Runtime, "Expect _random_samples.size(1) equals to input channel size. Got ",
           samples.size(1), " for ", channels, " channels");
  Dims sizes = output_shape(self, w, dims);
  Tensor out = empty(sizes, self.options()), indices = empty(sizes, {DType::int64, self.device()});
  if (out.is_meta() || out.numel() == 0) return {out, indices};
  Tensor in = solid(self), random = solid(samples);
  visit<kFloatsT | kHalvesT>(in.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_planes(w, [&](int64_t plane) {
      const T* sample = random.data<T>() + (plane / channels % random.size(0) * random.size(1) + plane % channels) * dims;
      SmallVec<int64_t, 32> starts[3];
      // samples run from the last dimension to the first
      for (int d = 0; d < 3; d++) {
        if (d < 3 - dims) starts[d] = SmallVec<int64_t, 32>(1, 0);
        else starts[d] = intervals(double(load(sample[2 - d])), w.in[d], w.out[d], w.kernel[d]);
      }
      if (dims == 3) {
        for (int d = 0; d < 3; d++) starts[d] = intervals(double(load(sample[d])), w.in[d], w.out[d], w.kernel[d]);
      }
      Window one = w;
      one.planes = 1;
      auto range = [&](const Window&, int d, int64_t o) { return Range{starts[d][o], starts[d][o] + w.kernel[d], 1}; };
      max_forward<T>(one, range, in.data<T>() + plane * w.in_size(), out.data<T>() + plane * w.out_size(),
                     indices.data<int64_t>() + plane * w.out_size());
    });
  });
  return {out, indices};
}

Tensor unpool(const Tensor& self, const Tensor& indices, IntList output_size, int dims, const char* name) {
  KD_CHECK(indices.dtype() == DType::int64, Runtime,
           "elements in indices should be type int64 but got: ", legacy_name(indices.dtype()));
  KD_CHECK(self.dim() == dims + 1 || self.dim() == dims + 2, Runtime, "Input to ", name, " should be a ", dims + 1, "d or ",
           dims + 2, "d Tensor, but got tensor with dimension: ", self.dim());
  KD_CHECK(same(self.sizes(), indices.sizes()), Runtime, "Expected shape of indices to be same as that of the input tensor (",
           self.sizes(), ") but got indices tensor with shape: ", indices.sizes());
  KD_CHECK(int(output_size.size()) == dims, Runtime, "There should be exactly ", dims, " elements in output_size, but got ",
           output_size.size(), " elements.");
  Dims sizes(self.sizes().first(size_t(self.dim() - dims)));
  int64_t planes = numel_of(sizes), volume = 1;
  for (int64_t s : output_size) sizes.push_back(s), volume *= s;
  Tensor out = empty(sizes, self.options());
  if (out.is_meta()) return out;
  Tensor in = solid(self), at = solid(indices);
  int64_t count = planes ? in.numel() / planes : 0;
  visit_width(in.itemsize(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::fill_n(out.data<T>(), out.numel(), T());
    for (int64_t p = 0; p < planes; p++) {
      for (int64_t i = p * count; i < (p + 1) * count; i++) {
        int64_t to = at.data<int64_t>()[i];
        KD_CHECK(to >= 0 && to < volume, Runtime, "Found an invalid max index: ", to, " (output volumes are of size ",
                 output_size, ")");
        out.data<T>()[p * volume + to] = in.data<T>()[i];
      }
    }
  });
  return out;
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> fractional_max_pool2d(const Tensor& self, IntList kernel_size, IntList output_size,
                                                 const Tensor& random_samples) {
  return fractional_max_pool(self, kernel_size, output_size, random_samples, 2, "fractional_max_pool2d");
}
Tensor fractional_max_pool2d_backward(const Tensor& grad_output, const Tensor& self, IntList, IntList, const Tensor& indices) {
  return max_backward(grad_output, self, indices, 2, "fractional_max_pool2d_backward");
}
std::tuple<Tensor, Tensor> fractional_max_pool3d(const Tensor& self, IntList kernel_size, IntList output_size,
                                                 const Tensor& random_samples) {
  return fractional_max_pool(self, kernel_size, output_size, random_samples, 3, "fractional_max_pool3d");
}
Tensor fractional_max_pool3d_backward(const Tensor& grad_output, const Tensor& self, IntList, IntList, const Tensor& indices) {
  return max_backward(grad_output, self, indices, 3, "fractional_max_pool3d_backward");
}
Tensor max_unpool2d(const Tensor& self, const Tensor& indices, IntList output_size) {
  return unpool(self, indices, output_size, 2, "max_unpooling2d");
}
Tensor max_unpool3d(const Tensor& self, const Tensor& indices, IntList output_size, IntList, IntList) {
  return unpool(self, indices, output_size, 3, "max_unpooling3d");
}

}  // namespace kernels
}  // namespace kindling
