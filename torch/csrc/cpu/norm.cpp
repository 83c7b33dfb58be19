// Batch and group normalisation. Moments are taken in two passes; every sum has one order.
#include "norm.h"

#include <algorithm>
#include <cmath>

#include "dispatch.h"
#include "kernel_table.h"
#include "kernels.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {

extern const NormKernels<float> kNormGenericF;
extern const NormKernels<double> kNormGenericD;
#if defined(__x86_64__)
extern const NormKernels<float> kNormAvx2F, kNormAvx512F;
extern const NormKernels<double> kNormAvx2D, kNormAvx512D;

template <>
const NormKernels<float>& norm_kernels() {
  return isa == kAvx512 ? kNormAvx512F : isa == kAvx2 ? kNormAvx2F : kNormGenericF;
}
template <>
const NormKernels<double>& norm_kernels() {
  return isa == kAvx512 ? kNormAvx512D : isa == kAvx2 ? kNormAvx2D : kNormGenericD;
}
#else
template <>
const NormKernels<float>& norm_kernels() {
  return kNormGenericF;
}
template <>
const NormKernels<double>& norm_kernels() {
  return kNormGenericD;
}
#endif

namespace {

// A contiguous tensor of the computing dtype: float32 for half precision.
Tensor computing(const Tensor& t, DType d) {
  if (!t.defined()) return t;
  Tensor values = t.is_neg() ? ops::resolve_neg(t) : t;
  if (values.dtype() != d) values = ops::_to_copy(values, d);
  return values.is_contiguous() ? values : ops::contiguous(values);
}
DType computing_dtype(const Tensor& t) { return is_reduced_float(t.dtype()) ? DType::float32 : t.dtype(); }
Tensor stored(const Tensor& t, DType d) { return t.defined() && t.dtype() != d ? ops::_to_copy(t, d) : t; }
template <class T>
const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}
bool flag(std::span<const Value> mask, size_t i) { return mask[i].to_bool(); }

// (images, channels, pixels) with channels outermost: the rows of one channel are `pixels` long and `stride` apart. Few pixels make
// rows too short for vectors: then a transposed copy turns a channel into one row.
template <class T>
class Rows {
  Scratch<T> turned_;
  T* data_;
  int64_t images_, channels_, pixels_;
  bool short_;

 public:
  Rows(T* data, int64_t images, int64_t channels, int64_t pixels, bool read = true)
      : turned_(pixels < 16 ? images * channels * pixels : 0),
        data_(data),
        images_(images),
        channels_(channels),
        pixels_(pixels),
        short_(pixels < 16) {
    if (short_ && read) each([&](T& original, T& copy) { copy = original; });
  }
  void write_back() {
    if (short_) each([&](T& original, T& copy) { original = copy; });
  }
  int64_t count() const { return short_ ? 1 : images_; }
  int64_t length() const { return short_ ? images_ * pixels_ : pixels_; }
  T* row(int64_t channel, int64_t i) const {
    return short_ ? turned_ + channel * images_ * pixels_ : data_ + (i * channels_ + channel) * pixels_;
  }

 private:
  template <class F>
  void each(F&& fn) {
    for (int64_t n = 0; n < images_; n++) {
      for (int64_t c = 0; c < channels_; c++) {
        for (int64_t p = 0; p < pixels_; p++)
          fn(data_[(n * channels_ + c) * pixels_ + p], turned_[(c * images_ + n) * pixels_ + p]);
      }
    }
  }
};

template <class F>
void for_channels(int64_t channels, int64_t elements, F&& fn) {
  parallel_for(0, channels, std::max<int64_t>(1, 32768 / std::max<int64_t>(1, elements)), [&](int64_t from, int64_t to) {
    for (int64_t c = from; c < to; c++) fn(c);
  });
}

void check_channels(const Tensor& t, int64_t channels, const char* name) {
  KD_CHECK(!t.defined() || t.numel() == channels, Runtime, name, " should contain ", channels, " elements not ",
           t.defined() ? t.numel() : 0);
}

void update_running(const Tensor& running, int64_t c, double value, double momentum) {
  visit<kFloatsT | kHalvesT>(running.dtype(), "batch_norm", [&](auto tag) {
    using S = typename decltype(tag)::type;
    S& at = running.data<S>()[c * running.stride(0)];
    at = store_as<S>(compute_t<S>(momentum * value + (1 - momentum) * double(load(at))));
  });
}

struct BatchShape {
  int64_t images, channels, pixels;
};

BatchShape batch_shape(const Tensor& x) {
  KD_CHECK(x.dim() >= 2 || x.numel() == 0, Runtime,
           "batch_norm: expected an input of at least 2 dimensions (batch, channels, ...), but got ", x.sizes());
  if (x.dim() < 2) return {0, 0, 0};
  int64_t plane = x.size(0) * x.size(1), pixels = plane ? x.numel() / plane : 0;
  return {x.size(0), x.size(1), pixels};
}

template <class T>
void batch_forward(const Tensor& x, const Tensor& out, const T* weight, const T* bias, const Tensor& running_mean,
                   const Tensor& running_var, bool training, double momentum, double eps, T* save_mean, T* save_invstd) {
  const auto& k = norm_kernels<T>();
  BatchShape s = batch_shape(x);
  Rows<T> in(x.data<T>(), s.images, s.channels, s.pixels), to(out.data<T>(), s.images, s.channels, s.pixels, false);
  int64_t total = s.images * s.pixels;
  Tensor means = training ? Tensor() : computing(running_mean, x.dtype()),
         vars = training ? Tensor() : computing(running_var, x.dtype());
  for_channels(s.channels, total, [&](int64_t c) {
    T mean, invstd;
    if (training) {
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < in.count(); i++) sum += k.sum(in.length(), in.row(c, i));
      mean = T(sum / double(total));
      for (int64_t i = 0; i < in.count(); i++) squares += k.square_sum(in.length(), in.row(c, i), mean);
      invstd = T(1 / std::sqrt(squares / double(total) + eps));
      save_mean[c] = mean;
      save_invstd[c] = invstd;
      if (running_mean.defined()) update_running(running_mean, c, mean, momentum);
      if (running_var.defined()) update_running(running_var, c, squares / double(total - 1), momentum);
    } else {
      mean = means.data<T>()[c];
      invstd = T(1 / std::sqrt(double(vars.data<T>()[c]) + eps));
    }
    T a = weight ? weight[c] * invstd : invstd, b = bias ? bias[c] : T(0);
    for (int64_t i = 0; i < in.count(); i++) k.scale(in.length(), in.row(c, i), mean, a, b, to.row(c, i));
  });
  to.write_back();
}

template <class T>
void batch_backward(const Tensor& grad, const Tensor& x, const T* weight, const T* mean, const T* invstd, bool training, T* gi,
                    T* gw, T* gb) {
  const auto& k = norm_kernels<T>();
  BatchShape s = batch_shape(x);
  Rows<T> g(grad.data<T>(), s.images, s.channels, s.pixels), in(x.data<T>(), s.images, s.channels, s.pixels);
  Rows<T> to(gi, gi ? s.images : 0, s.channels, s.pixels, false);
  int64_t total = s.images * s.pixels;
  for_channels(s.channels, total, [&](int64_t c) {
    double sum = 0, products = 0;
    for (int64_t i = 0; i < g.count(); i++) {
      sum += k.sum(g.length(), g.row(c, i));
      products += k.product_sum(g.length(), g.row(c, i), in.row(c, i), mean[c]);
    }
    if (gw) gw[c] = T(products * double(invstd[c]));
    if (gb) gb[c] = T(sum);
    if (!gi) return;
    double a = double(invstd[c]) * (weight ? double(weight[c]) : 1.0), over = 1.0 / double(total);
    double b = training ? -a * double(invstd[c]) * double(invstd[c]) * products * over : 0,
           shift = training ? -a * sum * over : 0;
    for (int64_t i = 0; i < g.count(); i++)
      k.blend(g.length(), g.row(c, i), in.row(c, i), mean[c], T(a), T(b), T(shift), to.row(c, i));
  });
  to.write_back();
}

// ---- group normalisation: rows of (image, group), each of channels / groups planes ----
struct GroupShape {
  int64_t images, channels, pixels, groups, eachs;
};

GroupShape group_shape(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t n, int64_t c, int64_t pixels,
                       int64_t groups) {
  KD_CHECK(groups > 0 && c % groups == 0, Runtime,
           "Expected number of channels in input to be divisible by num_groups, but got input of shape ", x.sizes(),
           " and num_groups=", groups);
  auto check = [&](const Tensor& t, const char* name) {
    KD_CHECK(!t.defined() || (t.dim() == 1 && t.numel() == c), Runtime, "Expected ", name,
             " to be a vector of size equal to the number of channels in input, but got ", name, " of shape ", t.sizes(),
             " and input of shape ", x.sizes());
  };
  check(weight, "weight");
  check(bias, "bias");
  KD_CHECK(x.numel() == n * c * pixels, Runtime, "native_group_norm: N=", n, ", C=", c, ", HxW=", pixels,
           " do not describe an input of shape ", x.sizes());
  return {n, c, pixels, groups, c / groups};
}

template <class T>
void group_forward(const GroupShape& s, const T* x, const T* weight, const T* bias, double eps, T* out, T* mean, T* rstd) {
  const auto& k = norm_kernels<T>();
  int64_t length = s.eachs * s.pixels;
  for_channels(s.images * s.groups, length, [&](int64_t row) {
    const T* from = x + row * length;
    T m = T(double(k.sum(length, from)) / double(length));
    T r = T(1 / std::sqrt(double(k.square_sum(length, from, m)) / double(length) + eps));
    mean[row] = m;
    rstd[row] = r;
    for (int64_t j = 0; j < s.eachs; j++) {
      int64_t c = row % s.groups * s.eachs + j;
      k.scale(s.pixels, from + j * s.pixels, m, weight ? weight[c] * r : r, bias ? bias[c] : T(0),
              out + row * length + j * s.pixels);
    }
  });
}

template <class T>
void group_backward(const GroupShape& s, const T* g, const T* x, const T* mean, const T* rstd, const T* weight, T* gi, T* gw,
                    T* gb) {
  const auto& k = norm_kernels<T>();
  int64_t planes = s.images * s.channels, length = s.eachs * s.pixels;
  Scratch<T> sums(planes), products(planes);
  for_channels(s.images * s.groups, length, [&](int64_t row) {
    double sum = 0, product = 0;
    for (int64_t j = 0; j < s.eachs; j++) {
      int64_t plane = row * s.eachs + j;
      double w = weight ? double(weight[plane % s.channels]) : 1.0;
      sums[plane] = k.sum(s.pixels, g + plane * s.pixels);
      products[plane] = k.product_sum(s.pixels, g + plane * s.pixels, x + plane * s.pixels, mean[row]);
      sum += w * double(sums[plane]);
      product += w * double(products[plane]);
    }
    if (!gi) return;
    double r = rstd[row], b = -r * r * r * product / double(length), shift = -r * sum / double(length);
    for (int64_t j = 0; j < s.eachs; j++) {
      int64_t plane = row * s.eachs + j, at = plane * s.pixels;
      double w = weight ? double(weight[plane % s.channels]) : 1.0;
      k.blend(s.pixels, g + at, x + at, mean[row], T(r * w), T(b), T(shift), gi + at);
    }
  });
  for (int64_t c = 0; c < s.channels && (gw || gb); c++) {
    double sum = 0, product = 0;
    for (int64_t n = 0; n < s.images; n++) {
      sum += sums[n * s.channels + c];
      product += double(products[n * s.channels + c]) * double(rstd[n * s.groups + c / s.eachs]);
    }
    if (gw) gw[c] = T(product);
    if (gb) gb[c] = T(sum);
  }
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor, Tensor> native_batch_norm(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                                     const Tensor& running_mean, const Tensor& running_var, bool training,
                                                     double momentum, double eps) {
  BatchShape s = batch_shape(input);
  check_channels(running_mean, s.channels, "running_mean");
  check_channels(running_var, s.channels, "running_var");
  check_channels(weight, s.channels, "weight");
  check_channels(bias, s.channels, "bias");
  KD_CHECK(training || running_mean.defined(), Runtime, "running_mean must be defined in evaluation mode");
  KD_CHECK(training || running_var.defined(), Runtime, "running_var must be defined in evaluation mode");
  DType parameters = weight.defined()         ? weight.dtype()
                     : running_mean.defined() ? running_mean.dtype()
                                              : input.dtype(),
        d = computing_dtype(input);
  const int64_t saved[] = {training ? s.channels : 0};
  Tensor out = empty(input.sizes(), {d, input.device()}), mean = empty(saved, {d, input.device()}),
         invstd = empty(saved, {d, input.device()});
  if (input.is_meta())
    return {empty(input.sizes(), input.options()), empty(saved, {parameters, input.device()}),
            empty(saved, {parameters, input.device()})};
  Tensor x = computing(input, d), w = computing(weight, d), b = computing(bias, d);
  visit<kFloatsT>(d, "batch_norm", [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (x.numel() == 0) {
      std::fill_n(mean.data<T>(), mean.numel(), T(0));
      std::fill_n(invstd.data<T>(), invstd.numel(), T(0));
      return;
    }
    batch_forward<T>(x, out, data_or_null<T>(w), data_or_null<T>(b), running_mean, running_var, training, momentum, eps,
                     mean.data<T>(), invstd.data<T>());
  });
  return {stored(out, input.dtype()), stored(mean, parameters), stored(invstd, parameters)};
}

std::tuple<Tensor, Tensor, Tensor> native_batch_norm_backward(const Tensor& grad_out, const Tensor& input, const Tensor& weight,
                                                              const Tensor& running_mean, const Tensor& running_var,
                                                              const Tensor& save_mean, const Tensor& save_invstd, bool train,
                                                              double eps, std::span<const Value> output_mask) {
  BatchShape s = batch_shape(input);
  DType d = computing_dtype(input), parameters = weight.defined() ? weight.dtype() : input.dtype();
  bool meta = input.is_meta();
  const int64_t channels[] = {s.channels};
  auto make = [&](size_t i, IntList sizes, DType stored_as) {
    return flag(output_mask, i) ? empty(sizes, {meta ? stored_as : d, input.device()}) : Tensor();
  };
  Tensor gi = make(0, input.sizes(), input.dtype()), gw = make(1, channels, parameters), gb = make(2, channels, parameters);
  if (meta) return {gi, gw, gb};
  Tensor g = computing(grad_out, d), x = computing(input, d), w = computing(weight, d);
  Tensor mean = computing(train ? save_mean : running_mean, d), invstd = computing(train ? save_invstd : running_var, d);
  visit<kFloatsT>(d, "batch_norm_backward", [&](auto tag) {
    using T = typename decltype(tag)::type;
    Scratch<T> inverse(train ? 0 : s.channels);
    for (int64_t c = 0; c < s.channels && !train; c++) inverse[c] = T(1 / std::sqrt(double(invstd.data<T>()[c]) + eps));
    auto data = [](const Tensor& t) { return t.defined() ? t.data<T>() : nullptr; };
    batch_backward<T>(g, x, data(w), mean.data<T>(), train ? invstd.data<T>() : inverse.get(), train, data(gi), data(gw),
                      data(gb));
  });
  return {stored(gi, input.dtype()), stored(gw, parameters), stored(gb, parameters)};
}

std::tuple<Tensor, Tensor, Tensor> native_group_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t N,
                                                     int64_t C, int64_t HxW, int64_t group, double eps) {
  GroupShape s = group_shape(input, weight, bias, N, C, HxW, group);
  DType d = computing_dtype(input), parameters = weight.defined() ? weight.dtype() : input.dtype();
  const int64_t rows[] = {N, group};
  bool meta = input.is_meta();
  Tensor out = empty(input.sizes(), {meta ? input.dtype() : d, input.device()});
  Tensor mean = empty(rows, {meta ? parameters : d, input.device()}), rstd = empty(rows, {meta ? parameters : d, input.device()});
  if (meta) return {out, mean, rstd};
  Tensor x = computing(input, d), w = computing(weight, d), b = computing(bias, d);
  visit<kFloatsT>(d, "GroupNormKernelImpl", [&](auto tag) {
    using T = typename decltype(tag)::type;
    group_forward<T>(s, x.data<T>(), data_or_null<T>(w), data_or_null<T>(b), eps, out.data<T>(), mean.data<T>(), rstd.data<T>());
  });
  return {stored(out, input.dtype()), stored(mean, parameters), stored(rstd, parameters)};
}

std::tuple<Tensor, Tensor, Tensor> native_group_norm_backward(const Tensor& grad_out, const Tensor& input, const Tensor& mean,
                                                              const Tensor& rstd, const Tensor& weight, int64_t N, int64_t C,
                                                              int64_t HxW, int64_t group, std::span<const Value> output_mask) {
  GroupShape s = group_shape(input, weight, Tensor(), N, C, HxW, group);
  DType d = computing_dtype(input), parameters = weight.defined() ? weight.dtype() : input.dtype();
  bool meta = input.is_meta();
  const int64_t channels[] = {C};
  auto make = [&](size_t i, IntList sizes, DType stored_as) {
    return flag(output_mask, i) ? empty(sizes, {meta ? stored_as : d, input.device()}) : Tensor();
  };
  Tensor gi = make(0, input.sizes(), input.dtype()), gw = make(1, channels, parameters), gb = make(2, channels, parameters);
  if (meta) return {gi, gw, gb};
  Tensor g = computing(grad_out, d), x = computing(input, d), w = computing(weight, d), m = computing(mean, d),
         r = computing(rstd, d);
  visit<kFloatsT>(d, "GroupNormBackwardKernelImpl", [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto data = [](const Tensor& t) { return t.defined() ? t.data<T>() : nullptr; };
    group_backward<T>(s, g.data<T>(), x.data<T>(), m.data<T>(), r.data<T>(), data(w), data(gi), data(gw), data(gb));
  });
  return {stored(gi, input.dtype()), stored(gw, parameters), stored(gb, parameters)};
}

}  // namespace kernels
}  // namespace kindling
