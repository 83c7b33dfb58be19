// Connectionist temporal classification (A. Graves et al., 2006): forward and backward variables in logarithms.
#include <cmath>
#include <limits>

#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_sum(double a, double b) {
  const double m = std::max(a, b);
  return m == kNever ? kNever : m + std::log1p(std::exp(-std::fabs(a - b)));
}

// The targets of a batch, padded rows (N, S) or one after the other.
struct Batch {
  Tensor scores, targets;
  std::vector<int64_t> inputs, lengths, starts;
  int64_t steps, samples, classes, longest = 0, blank;

  Batch(const Tensor& log_probs, const Tensor& given, IntList input_lengths, IntList target_lengths, int64_t blank_)
      : scores(dense(log_probs)),
        targets(dense(cast(given, DType::int64))),
        inputs(input_lengths.begin(), input_lengths.end()),
        lengths(target_lengths.begin(), target_lengths.end()),
        blank(blank_) {
    KD_CHECK(log_probs.dim() == 3, Runtime, "Expected 3-dimensional tensor for argument log_probs, but got shape ",
             log_probs.sizes());
    steps = log_probs.sizes()[0];
    samples = log_probs.sizes()[1];
    classes = log_probs.sizes()[2];
    KD_CHECK(blank >= 0 && blank < classes, Runtime, "blank must be in label range");
    KD_CHECK(int64_t(inputs.size()) == samples, Runtime, "input_lengths must be of size batch_size");
    KD_CHECK(int64_t(lengths.size()) == samples, Runtime, "target_lengths must be of size batch_size");
    int64_t at = 0;
    for (int64_t n = 0; n < samples; n++) {
      KD_CHECK(lengths[n] >= 0, Runtime, "Expected target_lengths to have value at least 0, but got value ", lengths[n]);
      KD_CHECK(inputs[n] >= 0 && inputs[n] <= steps, Runtime, "Expected input_lengths to have value at most ", steps,
               ", but got value ", inputs[n]);
      starts.push_back(targets.dim() == 1 ? at : n * targets.sizes()[1]);
      at += lengths[n];
      longest = std::max(longest, lengths[n]);
    }
    if (targets.dim() == 1)
      KD_CHECK(targets.numel() == at, Runtime, "Expected targets to hold the ", at, " labels of target_lengths, but it has ",
               targets.numel());
    else
      KD_CHECK(targets.dim() == 2 && targets.sizes()[0] == samples && targets.sizes()[1] >= longest, Runtime,
               "Expected tensor to have size at least ", longest, " at dimension 1, but got size ", targets.sizes());
  }
  // Label s of 2 length + 1: blanks between the targets.
  int64_t label(int64_t n, int64_t s) const { return s % 2 ? targets.data<int64_t>()[starts[n] + s / 2] : blank; }
  bool skips(int64_t n, int64_t s) const { return s % 2 && s > 1 && label(n, s) != label(n, s - 2); }
};

template <class T>
double forward_one(const Batch& b, int64_t n, T* log_alpha, int64_t width) {
  const T* lp = b.scores.data<T>() + n * b.classes;
  const int64_t row = b.samples * b.classes, states = 2 * b.lengths[n] + 1, steps = b.inputs[n];
  if (steps == 0) return b.lengths[n] == 0 ? 0 : -kNever;
  log_alpha[0] = lp[b.blank];
  if (states > 1) log_alpha[1] = lp[b.label(n, 1)];
  for (int64_t t = 1; t < steps; t++) {
    const T* before = log_alpha + (t - 1) * width;
    for (int64_t s = 0; s < states; s++) {
      double sum = before[s];
      if (s > 0) sum = log_sum(sum, before[s - 1]);
      if (b.skips(n, s)) sum = log_sum(sum, before[s - 2]);
      log_alpha[t * width + s] = T(sum + lp[t * row + b.label(n, s)]);
    }
  }
  const T* last = log_alpha + (steps - 1) * width;
  return -(states > 1 ? log_sum(last[states - 1], last[states - 2]) : double(last[0]));
}

template <class T>
void backward_one(const Batch& b, int64_t n, const T* log_alpha, int64_t width, double loss, double grad, T* out) {
  const T* lp = b.scores.data<T>() + n * b.classes;
  const int64_t row = b.samples * b.classes, states = 2 * b.lengths[n] + 1, steps = b.inputs[n];
  std::vector<double> beta(states, kNever), next(states), joint(b.classes);
  for (int64_t t = steps - 1; t >= 0; t--) {
    const T* score = lp + t * row;
    for (int64_t s = 0; s < states; s++) {
      double sum = t == steps - 1 ? (s >= states - 2 ? 0 : kNever) : beta[s];
      if (t < steps - 1) {
        if (s + 1 < states) sum = log_sum(sum, beta[s + 1]);
        if (s + 2 < states && b.skips(n, s + 2)) sum = log_sum(sum, beta[s + 2]);
      }
      next[s] = sum + score[b.label(n, s)];
    }
    beta.swap(next);
    std::fill(joint.begin(), joint.end(), kNever);
    for (int64_t s = 0; s < states; s++) {
      double& j = joint[b.label(n, s)];
      j = log_sum(j, log_alpha[t * width + s] + beta[s]);
    }
    for (int64_t c = 0; c < b.classes; c++)
      out[t * row + n * b.classes + c] = T((std::exp(double(score[c])) - std::exp(joint[c] + loss - score[c])) * grad);
  }
}

std::vector<int64_t> numbers(const Tensor& t) {
  KD_CHECK(!t.is_meta(), NotImplemented, "ctc_loss: the shape of the result depends on lengths that are on the meta device");
  const Tensor longs = dense(cast(t, DType::int64));
  return {longs.data<int64_t>(), longs.data<int64_t>() + longs.numel()};
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> _ctc_loss(const Tensor& log_probs, const Tensor& targets, IntList input_lengths,
                                     IntList target_lengths, int64_t blank, bool) {
  const Batch b(log_probs, targets, input_lengths, target_lengths, blank);
  const int64_t width = 2 * b.longest + 1;
  Tensor loss = empty(Dims{b.samples}, log_probs.options()),
         log_alpha = empty(Dims{b.samples, b.steps, width}, log_probs.options());
  if (loss.is_meta()) return {loss, log_alpha};
  visit<kFloatsT>(log_probs.dtype(), "ctc_loss_cpu", [&]<class T>(Of<T>) {
    std::fill_n(log_alpha.data<T>(), log_alpha.numel(), T(kNever));
    parallel_for(0, b.samples, 1, [&](int64_t from, int64_t to) {
      for (int64_t n = from; n < to; n++)
        loss.data<T>()[n] = T(forward_one(b, n, log_alpha.data<T>() + n * b.steps * width, width));
    });
  });
  return {loss, log_alpha};
}
std::tuple<Tensor, Tensor> _ctc_loss_Tensor(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                                            const Tensor& target_lengths, int64_t blank, bool zero_infinity) {
  return _ctc_loss(log_probs, targets, numbers(input_lengths), numbers(target_lengths), blank, zero_infinity);
}

Tensor _ctc_loss_backward(const Tensor& grad_, const Tensor& log_probs, const Tensor& targets, IntList input_lengths,
                          IntList target_lengths, const Tensor& neg_log_likelihood, const Tensor& log_alpha_, int64_t blank,
                          bool zero_infinity) {
  const Batch b(log_probs, targets, input_lengths, target_lengths, blank);
  const Tensor grad = dense(grad_), log_alpha = dense(log_alpha_), loss = dense(neg_log_likelihood);
  const int64_t width = log_alpha.sizes()[2];
  Tensor result = ops::zeros(log_probs.sizes(), log_probs.dtype(), std::nullopt, log_probs.device(), std::nullopt);
  if (result.is_meta()) return result;
  visit<kFloatsT>(log_probs.dtype(), "ctc_loss_backward_cpu", [&]<class T>(Of<T>) {
    parallel_for(0, b.samples, 1, [&](int64_t from, int64_t to) {
      for (int64_t n = from; n < to; n++) {
        const double l = loss.data<T>()[n];
        if (zero_infinity && l == -kNever) continue;
        backward_one(b, n, log_alpha.data<T>() + n * b.steps * width, width, l, grad.data<T>()[n], result.data<T>());
      }
    });
  });
  return result;
}
Tensor _ctc_loss_backward_Tensor(const Tensor& grad, const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                                 const Tensor& target_lengths, const Tensor& neg_log_likelihood, const Tensor& log_alpha,
                                 int64_t blank, bool zero_infinity) {
  return _ctc_loss_backward(grad, log_probs, targets, numbers(input_lengths), numbers(target_lengths), neg_log_likelihood,
                            log_alpha, blank, zero_infinity);
}

}  // namespace kernels
}  // namespace kindling
