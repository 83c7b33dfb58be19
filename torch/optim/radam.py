"""RAdam."""

import math

from .optimizer import UpdateRule, _number, check_common, zeros_like

__all__ = ["RAdam"]


class RAdam(UpdateRule):
    """Adam whose step is rectified by the variance of the adaptive learning rate; Liu et al. 2019."""

    _decay_in_gradient = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False):
        check_common(lr, eps, weight_decay, betas, foreach, capturable)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable})

    def _start(self, param, group):
        return {"exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}

    def _update(self, param, grad, state, group):
        beta1, beta2 = group["betas"]
        lr, decay, step = _number(group["lr"]), group["weight_decay"], _number(state["step"])
        if decay:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - lr * decay)
            else:
                grad = grad.add(param, alpha=decay)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction2 = 1 - beta2**step
        size = lr / (1 - beta1**step)
        greatest = 2 / (1 - beta2) - 1  # length of the approximated simple moving average, in the limit and now
        length = greatest - 2 * step * beta2**step / correction2
        if length > 5:
            size *= math.sqrt((length - 4) * (length - 2) * greatest / ((greatest - 4) * (greatest - 2) * length))
            param.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-size * math.sqrt(correction2))
        else:
            param.add_(mean, alpha=-size)
