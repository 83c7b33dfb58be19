"""Optimizer steps over all parameters: what happens to one element, and the operators that apply it to lists of tensors."""

from __future__ import annotations

from .expr import maximum, sqrt
from .language import kernel, pointwise

STEP = dict(kinds="f", python="", grad=None, inplace=False, out=False)


def _adam(param, grad, mean, square, shrink, decay, rate1, beta2, rate2):
    """Decoupled decay, L2 penalty and both moments."""
    param = param * shrink
    grad = grad + decay * param
    mean = mean + rate1 * (grad - mean)
    square = beta2 * square + rate2 * grad * grad
    return param, mean, square


ADAM_SCALARS = "float sign, float shrink, float decay, float rate1, float beta2, float rate2, float step, float correction, float eps"


@pointwise(f"_adam_step(Tensor param, Tensor grad, Tensor mean, Tensor square, {ADAM_SCALARS}) -> (Tensor, Tensor, Tensor)", **STEP)
def adam_step(param, grad, mean, square, sign, shrink, decay, rate1, beta2, rate2, step, correction, eps):
    """Adam (Kingma and Ba, 2015) with `shrink` = 1 - lr * decay for AdamW (Loshchilov and Hutter, 2019) or `decay` as L2 penalty."""
    param, mean, square = _adam(param, grad * sign, mean, square, shrink, decay, rate1, beta2, rate2)
    return param - step * mean / (sqrt(square) * correction + eps), mean, square


@pointwise("_amsgrad_step(Tensor param, Tensor grad, Tensor mean, Tensor square, Tensor greatest, " + ADAM_SCALARS
           + ") -> (Tensor, Tensor, Tensor, Tensor)", **STEP)
def amsgrad_step(param, grad, mean, square, greatest, sign, shrink, decay, rate1, beta2, rate2, step, correction, eps):
    """Adam with the largest second moment so far (Reddi, Kale and Kumar, 2018)."""
    param, mean, square = _adam(param, grad * sign, mean, square, shrink, decay, rate1, beta2, rate2)
    greatest = maximum(greatest, square)
    return param - step * mean / (sqrt(greatest) * correction + eps), mean, square, greatest


@pointwise("_sgd_step(Tensor param, Tensor grad, float sign, float decay, float lr) -> Tensor", **STEP)
def sgd_step(param, grad, sign, decay, lr):
    """param - lr * (grad + decay * param)."""
    return param - lr * (grad * sign + decay * param)


@pointwise("_momentum_step(Tensor param, Tensor grad, Tensor buffer, float sign, float decay, float lr, float momentum, float rate, "
           "float of_grad, float of_buffer) -> (Tensor, Tensor)", **STEP)
def momentum_step(param, grad, buffer, sign, decay, lr, momentum, rate, of_grad, of_buffer):
    """buffer <- momentum * buffer + rate * grad; the step goes along it or, after Nesterov, along grad + momentum * buffer."""
    grad = grad * sign + decay * param
    buffer = momentum * buffer + rate * grad
    return param - lr * (of_grad * grad + of_buffer * buffer), buffer


@pointwise("_adagrad_step(Tensor param, Tensor grad, Tensor total, float sign, float decay, float lr, float eps) -> (Tensor, Tensor)", **STEP)
def adagrad_step(param, grad, total, sign, decay, lr, eps):
    """Adagrad (Duchi, Hazan and Singer, 2011)."""
    grad = grad * sign + decay * param
    total = total + grad * grad
    return param - lr * grad / (sqrt(total) + eps), total


ADAM = ("(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, "
        "Tensor[] state_steps, *, {lr} lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, "
        "Tensor? grad_scale=None, Tensor? found_inf=None) -> ()")
SGD = ("(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] momentum_buffer_list, *, float weight_decay, float momentum, {lr} lr, "
       "float dampening, bool nesterov, bool maximize, bool is_first_step, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()")
ADAGRAD = ("(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] state_sums, {steps} state_steps, *, {lr} lr, float lr_decay, "
           "float weight_decay, float eps, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()")


def _lists(name, doc, schema, steps=("Tensor(d!)[]", "Tensor[]")):
    for overload, lr, step in (("", "float", steps[0]), (".tensor_lr", "Tensor", steps[1])):
        def body():
            pass
        body.__doc__, body.__module__ = doc, __name__
        kernel(name + overload + schema.format(lr=lr, steps=step), python="function", grad=None, inplace=False, out=False, vmap="loop")(body)


_lists("_fused_adam_", "One step of Adam for all parameters.", ADAM)
_lists("_fused_adamw_", "One step of AdamW for all parameters.", ADAM)
_lists("_fused_sgd_", "One step of SGD for all parameters.", SGD)
_lists("_fused_adagrad_", "One step of Adagrad for all parameters.", ADAGRAD)
