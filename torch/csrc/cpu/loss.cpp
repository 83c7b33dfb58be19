// Losses over class indices: negative log likelihood and the margin losses.
#include <cmath>

#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace {

enum Reduction : int64_t { kNone, kMean, kSum };
constexpr uint32_t kFloating = kFloatsT | kHalvesT;

// Scores seen as [samples, classes, places]; targets as [samples, places].
struct Classes {
  Tensor scores, target, weight;
  int64_t samples, classes, places, ignore;

  int64_t target_at(int64_t i) const {
    const int64_t t = target.dtype() == DType::uint8 ? target.data<uint8_t>()[i] : target.data<int64_t>()[i];
    KD_CHECK(t == ignore || (t >= 0 && t < classes), Index, "Target ", t, " is out of bounds. There are ", classes,
             " classes, and element ", i, " of the target asks for another");
    return t;
  }
  template <class T>
  compute_t<T> weight_of(int64_t t) const {
    return weight.defined() ? load(weight.data<T>()[t]) : compute_t<T>(1);
  }
};

Classes classes_of(const Tensor& self, const Tensor& target, const Tensor& weight, int64_t ignore, bool plane) {
  const int64_t c = self.sizes()[self.dim() == 1 ? 0 : 1];
  KD_CHECK(target.dtype() == DType::int64 || target.dtype() == DType::uint8, Runtime,
           "expected target dtype to be Long or Byte, but got ", legacy_name(target.dtype()));
  KD_CHECK(!weight.defined() || (weight.dim() == 1 && weight.numel() == c), Runtime,
           "weight tensor should be defined either for all ", c,
           " classes or no classes but got weight tensor of shape: ", weight.defined() ? weight.sizes() : IntList());
  if (weight.defined())
    KD_CHECK(weight.dtype() == self.dtype(), Runtime, "expected scalar type ", legacy_name(self.dtype()), " but found ",
             legacy_name(weight.dtype()));
  const int64_t n = self.dim() == 1 ? 1 : self.sizes()[0], places = plane ? self.sizes()[2] * self.sizes()[3] : 1;
  const bool meta = self.is_meta();
  return {meta ? self : dense(self),
          meta ? target : dense(target),
          weight.defined() && !meta ? dense(weight) : weight,
          n,
          c,
          places,
          ignore};
}

void check_vector(const Tensor& self, const Tensor& target) {
  KD_CHECK(self.dim() == 1 || self.dim() == 2, Runtime, "input tensor should be 1D or 2D");
  KD_CHECK(target.dim() <= 1, Runtime, "0D or 1D target tensor expected, multi-target not supported");
  KD_CHECK(self.dim() == 1 ? target.numel() == 1 : target.dim() == 1 && self.sizes()[0] == target.sizes()[0], Runtime,
           "size mismatch (got input: ", self.sizes(), ", target: ", target.sizes(), ")");
}
void check_plane(const Tensor& self, const Tensor& target) {
  KD_CHECK(target.dim() == 3, Runtime,
           "only batches of spatial targets supported (3D tensors) but got targets of dimension: ", target.dim());
  KD_CHECK(self.dim() == 4, Runtime,
           "only batches of spatial inputs supported (4D tensors), but got input of dimension: ", self.dim());
  KD_CHECK(self.sizes()[0] == target.sizes()[0] && self.sizes()[2] == target.sizes()[1] && self.sizes()[3] == target.sizes()[2],
           Runtime, "size mismatch (got input: ", self.sizes(), " , target: ", target.sizes(), ")");
}

std::tuple<Tensor, Tensor> nll_forward(const Classes& x, IntList each, int64_t reduction) {
  const TensorOptions options = x.scores.options();
  Tensor output = empty(reduction == kNone ? Dims(each) : Dims{}, options), total = empty(Dims{}, options);
  if (output.is_meta()) return {output, total};
  visit<kFloating>(x.scores.dtype(), "nll_loss_out_frame", [&]<class T>(Of<T>) {
    const T* scores = x.scores.data<T>();
    double sum = 0, weights = 0;
    for (int64_t n = 0; n < x.samples; n++)
      for (int64_t s = 0; s < x.places; s++) {
        const int64_t i = n * x.places + s, t = x.target_at(i);
        if (t == x.ignore) {
          if (reduction == kNone) output.data<T>()[i] = store_as<T>(compute_t<T>(0));
          continue;
        }
        const compute_t<T> w = x.weight_of<T>(t), loss = -load(scores[(n * x.classes + t) * x.places + s]) * w;
        if (reduction == kNone) output.data<T>()[i] = store_as<T>(loss);
        sum += loss;
        weights += w;
      }
    if (reduction != kNone) *output.data<T>() = store_as<T>(compute_t<T>(reduction == kMean ? sum / weights : sum));
    *total.data<T>() = store_as<T>(compute_t<T>(reduction == kNone ? 0 : weights));
  });
  return {output, total};
}

Tensor nll_backward(const Classes& x, const Tensor& grad_, int64_t reduction, const Tensor& total) {
  Tensor result = ops::zeros(x.scores.sizes(), x.scores.dtype(), std::nullopt, x.scores.device(), std::nullopt);
  if (result.is_meta()) return result;
  const Tensor grad = dense(grad_);
  visit<kFloating>(x.scores.dtype(), "nll_loss_backward_out_frame", [&]<class T>(Of<T>) {
    using C = compute_t<T>;
    const C all = reduction == kMean  ? load(*grad.data<T>()) / load(*total.data<T>())
                  : reduction == kSum ? load(*grad.data<T>())
                                      : C(0);
    for (int64_t n = 0; n < x.samples; n++)
      for (int64_t s = 0; s < x.places; s++) {
        const int64_t i = n * x.places + s, t = x.target_at(i);
        if (t == x.ignore) continue;
        const C g = reduction == kNone ? load(grad.data<T>()[i]) : all;
        result.data<T>()[(n * x.classes + t) * x.places + s] = store_as<T>(-x.weight_of<T>(t) * g);
      }
  });
  return result;
}

// Rows of [n, c] or [c] scores for the margin losses; the result has one number a row unless it is reduced.
struct MarginRows {
  Tensor scores, target;
  int64_t n, c;
  Dims each;

  MarginRows(const Tensor& self, const Tensor& given, const char* name, bool many_targets) {
    KD_CHECK(self.dim() <= 2 && (self.dim() == 0 || self.sizes().back() > 0), Runtime, name,
             ": Expected non-empty vector or matrix with optional 0-dim batch size, but got: ", self.sizes());
    n = self.dim() == 2 ? self.sizes()[0] : 1;
    c = self.dim() ? self.sizes().back() : 1;
    if (self.dim() == 2) each.push_back(n);
    if (many_targets)
      KD_CHECK(given.numel() == self.numel() && given.dim() <= 2, Runtime, "inconsistent target size: ", given.sizes(),
               " for input of size: ", self.sizes());
    else
      KD_CHECK(given.dim() <= 1 && given.numel() == n, Runtime, "inconsistent target size, expected ", n, " but got ",
               given.sizes());
    KD_CHECK(given.dtype() == DType::int64, Runtime, "expected scalar type Long but found ", legacy_name(given.dtype()));
    scores = self.is_meta() ? self : dense(self);
    target = self.is_meta() ? given : dense(given);
  }
};

// f(row) for each row, summed or averaged as `reduction` says.
template <class T, class F>
void reduce_rows(const Tensor& output, int64_t n, int64_t reduction, F f) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double loss = f(i);
    if (reduction == kNone) output.data<T>()[i] = store_as<T>(compute_t<T>(loss));
    sum += loss;
  }
  if (reduction != kNone) *output.data<T>() = store_as<T>(compute_t<T>(reduction == kMean ? sum / double(n) : sum));
}

struct MultiMargin {
  MarginRows rows;
  Tensor weight;
  int64_t p;
  double margin;

  MultiMargin(const Tensor& self, const Tensor& target, const Scalar& power, const Scalar& m, const Tensor& w)
      : rows(self, target, "multi_margin_loss", false),
        weight(w.defined() && !self.is_meta() ? dense(w) : w),
        p(power.to_int()),
        margin(m.to_double()) {
    KD_CHECK(p == 1 || p == 2, Runtime, "only p == 1 and p == 2 supported");
    KD_CHECK(!weight.defined() || weight.numel() == rows.c, Runtime, "inconsistent weight size, expected ", rows.c, " but got ",
             weight.sizes());
  }
  int64_t target(int64_t i) const {
    const int64_t t = rows.target.data<int64_t>()[i];
    KD_CHECK(t >= 0 && t < rows.c, Runtime, "target out of range: element ", i, " is ", t, ", and there are ", rows.c,
             " classes");
    return t;
  }
  template <class T>
  double weight_of(int64_t t) const {
    return weight.defined() ? double(load(weight.data<T>()[t])) : 1;
  }
};

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> nll_loss_forward(const Tensor& self, const Tensor& target, const Tensor& weight, int64_t reduction,
                                            int64_t ignore_index) {
  check_vector(self, target);
  const Dims each = self.dim() == 1 ? Dims{} : Dims{self.sizes()[0]};
  return nll_forward(classes_of(self, target, weight, ignore_index, false), each, reduction);
}
std::tuple<Tensor, Tensor> nll_loss2d_forward(const Tensor& self, const Tensor& target, const Tensor& weight, int64_t reduction,
                                              int64_t ignore_index) {
  check_plane(self, target);
  return nll_forward(classes_of(self, target, weight, ignore_index, true), target.sizes(), reduction);
}
Tensor nll_loss_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, const Tensor& weight,
                         int64_t reduction, int64_t ignore_index, const Tensor& total_weight) {
  check_vector(self, target);
  return nll_backward(classes_of(self, target, weight, ignore_index, false), grad_output, reduction, total_weight);
}
Tensor nll_loss2d_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, const Tensor& weight,
                           int64_t reduction, int64_t ignore_index, const Tensor& total_weight) {
  check_plane(self, target);
  return nll_backward(classes_of(self, target, weight, ignore_index, true), grad_output, reduction, total_weight);
}

Tensor multi_margin_loss(const Tensor& self, const Tensor& target, const Scalar& p, const Scalar& margin, const Tensor& weight,
                         int64_t reduction) {
  const MultiMargin m(self, target, p, margin, weight);
  Tensor output = empty(reduction == kNone ? m.rows.each : Dims{}, self.options());
  if (output.is_meta()) return output;
  visit<kFloatsT>(self.dtype(), "multi_margin_loss", [&]<class T>(Of<T>) {
    reduce_rows<T>(output, m.rows.n, reduction, [&](int64_t i) {
      const T* x = m.rows.scores.data<T>() + i * m.rows.c;
      const int64_t t = m.target(i);
      double sum = 0;
      for (int64_t j = 0; j < m.rows.c; j++) {
        const double z = m.margin - double(x[t]) + double(x[j]);
        if (j != t && z > 0) sum += (m.p == 1 ? z : z * z) * m.weight_of<T>(t);
      }
      return sum / double(m.rows.c);
    });
  });
  return output;
}

Tensor multi_margin_loss_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, const Scalar& p,
                                  const Scalar& margin, const Tensor& weight, int64_t reduction) {
  const MultiMargin m(self, target, p, margin, weight);
  Tensor result = ops::zeros(self.sizes(), self.dtype(), std::nullopt, self.device(), std::nullopt);
  if (result.is_meta()) return result;
  const Tensor grad = dense(grad_output);
  visit<kFloatsT>(self.dtype(), "multi_margin_loss_backward", [&]<class T>(Of<T>) {
    const double scale = 1.0 / double(m.rows.c) / (reduction == kMean ? double(m.rows.n) : 1.0);
    for (int64_t i = 0; i < m.rows.n; i++) {
      const T* x = m.rows.scores.data<T>() + i * m.rows.c;
      T* out = result.data<T>() + i * m.rows.c;
      const int64_t t = m.target(i);
      const double g = scale * double(grad.data<T>()[reduction == kNone ? i : 0]) * m.weight_of<T>(t);
      double sum = 0;
      for (int64_t j = 0; j < m.rows.c; j++) {
        const double z = m.margin - double(x[t]) + double(x[j]);
        if (j == t || z <= 0) continue;
        const double part = m.p == 1 ? g : 2 * g * z;
        out[j] = T(part);
        sum += part;
      }
      out[t] = T(-sum);
    }
  });
  return result;
}

std::tuple<Tensor, Tensor> multilabel_margin_loss_forward(const Tensor& self, const Tensor& target, int64_t reduction) {
  const MarginRows rows(self, target, "multilabel_margin_loss", true);
  Tensor output = empty(reduction == kNone ? rows.each : Dims{}, self.options());
  Tensor is_target = ops::zeros(target.sizes(), self.dtype(), std::nullopt, self.device(), std::nullopt);
  if (output.is_meta()) return {output, is_target};
  visit<kFloatsT>(self.dtype(), "multilabel_margin_loss_forward_out_frame", [&]<class T>(Of<T>) {
    reduce_rows<T>(output, rows.n, reduction, [&](int64_t i) {
      const T* x = rows.scores.data<T>() + i * rows.c;
      const int64_t* t = rows.target.data<int64_t>() + i * rows.c;
      T* mine = is_target.data<T>() + i * rows.c;
      int64_t count = 0;
      for (; count < rows.c && t[count] >= 0; count++) {
        KD_CHECK(t[count] < rows.c, Runtime, "target out of range: ", t[count], " with ", rows.c, " classes");
        mine[t[count]] = T(1);
      }
      KD_CHECK(count == rows.c || t[count] >= -1, Runtime, "target out of range: ", t[count]);
      double sum = 0;
      for (int64_t k = 0; k < count; k++)
        for (int64_t j = 0; j < rows.c; j++)
          if (mine[j] == T(0)) sum += std::max(0.0, 1 - double(x[t[k]]) + double(x[j]));
      return sum / double(rows.c);
    });
  });
  return {output, is_target};
}

Tensor multilabel_margin_loss_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, int64_t reduction,
                                       const Tensor& is_target_) {
  const MarginRows rows(self, target, "multilabel_margin_loss", true);
  Tensor result = ops::zeros(self.sizes(), self.dtype(), std::nullopt, self.device(), std::nullopt);
  if (result.is_meta()) return result;
  const Tensor grad = dense(grad_output), is_target = dense(is_target_);
  visit<kFloatsT>(self.dtype(), "multilabel_margin_loss_backward_out_frame", [&]<class T>(Of<T>) {
    const double scale = 1.0 / double(rows.c) / (reduction == kMean ? double(rows.n) : 1.0);
    for (int64_t i = 0; i < rows.n; i++) {
      const T *x = rows.scores.data<T>() + i * rows.c, *mine = is_target.data<T>() + i * rows.c;
      const int64_t* t = rows.target.data<int64_t>() + i * rows.c;
      T* out = result.data<T>() + i * rows.c;
      const T g = T(scale * double(grad.data<T>()[reduction == kNone ? i : 0]));
      for (int64_t k = 0; k < rows.c && t[k] >= 0; k++)
        for (int64_t j = 0; j < rows.c; j++)
          if (mine[j] == T(0) && 1 - x[t[k]] + x[j] > 0) {
            out[t[k]] -= g;
            out[j] += g;
          }
    }
  });
  return result;
}

}  // namespace kernels
}  // namespace kindling
