"""Optimizer steps over all parameters: what happens to one element, and the operators that apply it to lists of tensors."""

from __future__ import annotations

from .expr import abs, maximum, minimum, sqrt, where
from .language import kernel, pointwise

STEP = dict(kinds="f", python="", grad=None, inplace=False, out=False)


def addcmul(x, a, b, value):
    """x + value a b; of tensors as that one operator, which rounds once."""
    return x.apply("addcmul", x, a, b, value) if hasattr(x, "apply") else x + value * a * b


def addcdiv(x, a, b, value):
    """x + value a / b, likewise."""
    return x.apply("addcdiv", x, a, b, value) if hasattr(x, "apply") else x + value * a / b


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


@pointwise("_adadelta_step(Tensor param, Tensor grad, Tensor square, Tensor delta, float sign, float decay, float lr, float rho, float rate, "
           "float eps) -> (Tensor, Tensor, Tensor)", **STEP)
def adadelta_step(param, grad, square, delta, sign, decay, lr, rho, rate, eps):
    """Adadelta (Zeiler, 2012)."""
    grad = grad * sign + decay * param
    square = rho * square + rate * grad * grad
    step = sqrt(delta + eps) / sqrt(square + eps) * grad
    return param - lr * step, square, rho * delta + rate * step * step


@pointwise("_adamax_step(Tensor param, Tensor grad, Tensor mean, Tensor greatest, float sign, float decay, float rate1, float beta2, float eps, "
           "float step) -> (Tensor, Tensor, Tensor)", **STEP)
def adamax_step(param, grad, mean, greatest, sign, decay, rate1, beta2, eps, step):
    """Adam with the infinity norm in place of the second moment (Kingma and Ba, 2015, section 7.1)."""
    grad = grad * sign + decay * param
    mean = mean + rate1 * (grad - mean)
    greatest = maximum(greatest * beta2, abs(grad) + eps)
    return param - step * mean / greatest, mean, greatest


@pointwise("_nadam_step(Tensor param, Tensor grad, Tensor mean, Tensor square, float sign, float shrink, float decay, float rate1, float beta2, "
           "float rate2, float correction, float eps, float of_grad, float of_mean) -> (Tensor, Tensor, Tensor)", **STEP)
def nadam_step(param, grad, mean, square, sign, shrink, decay, rate1, beta2, rate2, correction, eps, of_grad, of_mean):
    """Adam with Nesterov momentum (Dozat, 2016)."""
    grad = grad * sign
    param, mean, square = _adam(param, grad, mean, square, shrink, decay, rate1, beta2, rate2)
    grad = grad + decay * param
    return param - (of_grad * grad + of_mean * mean) / (sqrt(square * correction) + eps), mean, square


@pointwise("_radam_step(Tensor param, Tensor grad, Tensor mean, Tensor square, float sign, float shrink, float decay, float rate1, float beta2, "
           "float rate2, float eps, float step, float adaptive) -> (Tensor, Tensor, Tensor)", **STEP)
def radam_step(param, grad, mean, square, sign, shrink, decay, rate1, beta2, rate2, eps, step, adaptive):
    """Adam that takes plain steps along the mean until the second moment is known well (Liu et al., 2019)."""
    param, mean, square = _adam(param, grad * sign, mean, square, shrink, decay, rate1, beta2, rate2)
    return param - step * where(adaptive > 0.0, mean / (sqrt(square) + eps), mean), mean, square


@pointwise("_asgd_step(Tensor param, Tensor grad, Tensor average, float sign, float decay, float shrink, float eta, float mu) -> (Tensor, Tensor)", **STEP)
def asgd_step(param, grad, average, sign, decay, shrink, eta, mu):
    """Averaged SGD (Polyak and Juditsky, 1992)."""
    grad = grad * sign + decay * param
    param = param * shrink - eta * grad
    return param, average + mu * (param - average)


@pointwise("_rprop_step(Tensor param, Tensor grad, Tensor prev, Tensor size, float sign, float shrink, float grow, float least, float greatest) -> "
           "(Tensor, Tensor, Tensor)", **STEP)
def rprop_step(param, grad, prev, size, sign, shrink, grow, least, greatest):
    """Steps by the sign of the gradient, which grow while it stays and shrink when it turns (Riedmiller and Braun, 1993)."""
    grad = grad * sign
    agreement = grad * prev
    size = size * where(agreement > 0.0, grow, where(agreement < 0.0, shrink, 1.0))
    size = minimum(maximum(size, least), greatest)
    grad = where(agreement < 0.0, 0.0, grad)
    return param - where(grad > 0.0, size, where(grad < 0.0, -size, 0.0)), grad, size


def _rmsprop(centered, momentum):
    """One of the four forms of RMSprop (Hinton, 2012): with the variance in place of the second moment, and with momentum."""
    states = ["square", *(["mean"] if centered else []), *(["buffer"] if momentum else [])]
    name = f"_rmsprop{'_centered' if centered else ''}{'_momentum' if momentum else ''}_step"
    schema = (f"{name}(Tensor param, Tensor grad, {', '.join(f'Tensor {s}' for s in states)}, float sign, float decay, float lr, float alpha, "
              f"float rate, float eps, float momentum) -> ({', '.join(['Tensor'] * (1 + len(states)))})")

    def step(param, grad, square, *rest):
        others, (sign, decay, lr, alpha, rate, eps, heavy) = list(rest[:-7]), rest[-7:]
        grad = grad * sign + decay * param
        square = spread = addcmul(alpha * square, grad, grad, rate)
        if centered:
            others[0] = others[0] + rate * (grad - others[0])
            spread = addcmul(square, others[0], others[0], -1.0)
        root = sqrt(spread) + eps
        if momentum:
            others[-1] = addcdiv(heavy * others[-1], grad, root, 1.0)
            return param - lr * others[-1], square, *others
        return addcdiv(param, grad, root, -lr), square, *others

    step.__doc__, step.__module__ = "RMSprop (Hinton, 2012).", __name__
    pointwise(schema, **STEP)(step)
    return step


rmsprop_steps = {(centered, momentum): _rmsprop(centered, momentum) for centered in (False, True) for momentum in (False, True)}


@kernel("_optimizer_step_(str law, Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] states, float[] numbers) -> ()", python="function", grad=None,
        inplace=False, out=False, vmap="loop")
def optimizer_step():
    """One of the steps above for all parameters: `states` and `numbers` hold those of the first one, then those of the second..."""


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
