// Optimizer steps over lists of tensors: the generated kernel of one step, run over each parameter with its state.
#include <cmath>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels.h"
#include "loop.h"
#include "ops.h"

#include "convert.h"

namespace kindling::kernels {
namespace {

// One step as a generated pointwise kernel: its first `nout` inputs but the gradient are what it writes.
struct Step {
  static constexpr int kNumbers = 12;
  const PointwiseInfo& info;

  explicit Step(const char* name) : info(*find_op(name, "")->pointwise) {}

  void run(std::initializer_list<Tensor> outs, std::initializer_list<Tensor> ins, std::initializer_list<double> numbers) const {
    run({outs.begin(), outs.size()}, {ins.begin(), ins.size()}, {numbers.begin(), numbers.size()});
  }

  void run(std::span<const Tensor> outs, std::span<const Tensor> ins, std::span<const double> numbers) const {
    const Tensor& param = outs[0];
    Walk walk(param.sizes());
    Slot slots[Walk::kOperands];
    const DType held = compute_dtype(param.dtype());
    for (const auto& list : {outs, ins}) {
      for (const Tensor& t : list) {
        KD_CHECK(same(t.sizes(), param.sizes()), Runtime, "a parameter of shape ", param.sizes(),
                 " has a gradient or state of shape ", t.sizes());
        slots[walk.count] = {t.dtype(), held, t.is_conj(), t.is_neg()};
        walk.add(t);
      }
    }
    walk.arrange();
    char scalars[16 * kNumbers];
    char* at = scalars;
    for (double x : numbers) {
      store_scalar(at, Scalar(x), held);
      at += 16;
    }
    const PointwiseKernel kernel = info.kernels[0][isa][int(compute_of(held))];
    if (!kernel)
      fail(ErrorKind::NotImplemented, "fused optimizers take floating point parameters, got ",
           kindling::info(param.dtype()).name);
    run_pointwise(walk, slots, info.nout, kernel, scalars);
    for (const Tensor& t : outs) t.bump_version();
  }
};

bool skipped(const Tensor& found_inf) { return found_inf.defined() && item(found_inf).to_double() == 1; }

double gradient_factor(const Tensor& grad_scale, bool maximize) {
  return (maximize ? -1 : 1) / (grad_scale.defined() ? item(grad_scale).to_double() : 1);
}

void adam(TensorList self, TensorList grads, TensorList means, TensorList squares, TensorList greatest, TensorList steps,
          double lr, double beta1, double beta2, double l2, double decoupled, double eps, bool amsgrad, double sign) {
  static const Step plain("_adam_step"), largest("_amsgrad_step");
  for (size_t i = 0; i < self.size(); i++) {
    const double t = item(steps[i]).to_double();
    const double step = lr / (1 - std::pow(beta1, t)), correction = 1 / std::sqrt(1 - std::pow(beta2, t));
    const std::initializer_list<double> numbers = {sign, 1 - lr * decoupled, l2, 1 - beta1, beta2, 1 - beta2,
                                                   step, correction,         eps};
    if (amsgrad)
      largest.run({self[i], means[i], squares[i], greatest[i]}, {self[i], grads[i], means[i], squares[i], greatest[i]}, numbers);
    else plain.run({self[i], means[i], squares[i]}, {self[i], grads[i], means[i], squares[i]}, numbers);
  }
}

const Step& step_named(std::string_view law) {
  static auto& known = *new std::unordered_map<std::string, Step>;
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  std::string name(law);
  auto found = known.find(name);
  if (found == known.end()) {
    const Op* op = find_op(name.c_str(), "");
    KD_CHECK(op && op->pointwise, Value, "there is no optimizer step named ", name);
    found = known.emplace(name, Step(name.c_str())).first;
  }
  return found->second;
}

}  // namespace

void _optimizer_step_(std::string_view law, TensorList params, TensorList grads, TensorList states,
                      std::span<const double> numbers) {
  const size_t count = params.size();
  if (count == 0) return;
  const Step& step = step_named(law);
  const size_t per = states.size() / count, each = numbers.size() / count;
  KD_CHECK(grads.size() == count && per * count == states.size() && each * count == numbers.size() &&
               per + 1 == size_t(step.info.nout) && each <= Step::kNumbers,
           Value, law, ": the lists of parameters, gradients, states and numbers do not belong together");
  std::vector<Tensor> outs(1 + per), ins(2 + per);
  for (size_t i = 0; i < count; i++) {
    outs[0] = ins[0] = params[i];
    ins[1] = grads[i];
    for (size_t k = 0; k < per; k++) outs[1 + k] = ins[2 + k] = states[i * per + k];
    step.run(outs, ins, numbers.subspan(i * each, each));
  }
}

void _fused_adam_(TensorList self, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs, TensorList max_exp_avg_sqs,
                  TensorList state_steps, double lr, double beta1, double beta2, double weight_decay, double eps, bool amsgrad,
                  bool maximize, const Tensor& grad_scale, const Tensor& found_inf) {
  if (skipped(found_inf)) return;
  adam(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr, beta1, beta2, weight_decay, 0, eps, amsgrad,
       gradient_factor(grad_scale, maximize));
}

void _fused_adam__tensor_lr(TensorList self, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs,
                            TensorList max_exp_avg_sqs, TensorList state_steps, const Tensor& lr, double beta1, double beta2,
                            double weight_decay, double eps, bool amsgrad, bool maximize, const Tensor& grad_scale,
                            const Tensor& found_inf) {
  _fused_adam_(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, item(lr).to_double(), beta1, beta2, weight_decay,
               eps, amsgrad, maximize, grad_scale, found_inf);
}

void _fused_adamw_(TensorList self, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs, TensorList max_exp_avg_sqs,
                   TensorList state_steps, double lr, double beta1, double beta2, double weight_decay, double eps, bool amsgrad,
                   bool maximize, const Tensor& grad_scale, const Tensor& found_inf) {
  if (skipped(found_inf)) return;
  adam(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr, beta1, beta2, 0, weight_decay, eps, amsgrad,
       gradient_factor(grad_scale, maximize));
}

void _fused_adamw__tensor_lr(TensorList self, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs,
                             TensorList max_exp_avg_sqs, TensorList state_steps, const Tensor& lr, double beta1, double beta2,
                             double weight_decay, double eps, bool amsgrad, bool maximize, const Tensor& grad_scale,
                             const Tensor& found_inf) {
  _fused_adamw_(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, item(lr).to_double(), beta1, beta2,
                weight_decay, eps, amsgrad, maximize, grad_scale, found_inf);
}

void _fused_sgd_(TensorList self, TensorList grads, TensorList momentum_buffer_list, double weight_decay, double momentum,
                 double lr, double dampening, bool nesterov, bool maximize, bool is_first_step, const Tensor& grad_scale,
                 const Tensor& found_inf) {
  if (skipped(found_inf)) return;
  static const Step plain("_sgd_step"), heavy("_momentum_step");
  const double sign = gradient_factor(grad_scale, maximize);
  for (size_t i = 0; i < self.size(); i++) {
    if (momentum == 0) {
      plain.run({self[i]}, {self[i], grads[i]}, {sign, weight_decay, lr});
      continue;
    }
    const Tensor& buffer = momentum_buffer_list[i];
    if (is_first_step) ops::zero_(buffer);
    heavy.run(
        {self[i], buffer}, {self[i], grads[i], buffer},
        {sign, weight_decay, lr, momentum, is_first_step ? 1 : 1 - dampening, nesterov ? 1.0 : 0.0, nesterov ? momentum : 1.0});
  }
}

void _fused_sgd__tensor_lr(TensorList self, TensorList grads, TensorList momentum_buffer_list, double weight_decay,
                           double momentum, const Tensor& lr, double dampening, bool nesterov, bool maximize, bool is_first_step,
                           const Tensor& grad_scale, const Tensor& found_inf) {
  _fused_sgd_(self, grads, momentum_buffer_list, weight_decay, momentum, item(lr).to_double(), dampening, nesterov, maximize,
              is_first_step, grad_scale, found_inf);
}

void _fused_adagrad_(TensorList self, TensorList grads, TensorList state_sums, TensorList state_steps, double lr, double lr_decay,
                     double weight_decay, double eps, bool maximize, const Tensor& grad_scale, const Tensor& found_inf) {
  if (skipped(found_inf)) return;
  static const Step step("_adagrad_step");
  const double sign = gradient_factor(grad_scale, maximize);
  for (size_t i = 0; i < self.size(); i++) {
    const double t = item(state_steps[i]).to_double();
    step.run({self[i], state_sums[i]}, {self[i], grads[i], state_sums[i]},
             {sign, weight_decay, lr / (1 + (t - 1) * lr_decay), eps});
  }
}

void _fused_adagrad__tensor_lr(TensorList self, TensorList grads, TensorList state_sums, TensorList state_steps, const Tensor& lr,
                               double lr_decay, double weight_decay, double eps, bool maximize, const Tensor& grad_scale,
                               const Tensor& found_inf) {
  _fused_adagrad_(self, grads, state_sums, state_steps, item(lr).to_double(), lr_decay, weight_decay, eps, maximize, grad_scale,
                  found_inf);
}

}  // namespace kindling::kernels
