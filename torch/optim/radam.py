"""RAdam."""

import math

from ._update_rule import UpdateRule, _number, apply_rule, check_common, decays, signed, zeros_like

__all__ = ["RAdam", "radam"]


class RAdam(UpdateRule):
    """Adam whose step is rectified by the variance of the adaptive learning rate; Liu et al. 2019."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False):
        check_common(lr, eps, weight_decay, betas)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable})

    def _start(self, param, group):
        return {"exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}

    def _law(self, group):
        return "_radam_step"

    def _operands(self, group):
        return "exp_avg", "exp_avg_sq"

    def _numbers(self, state, group):
        beta1, beta2 = group["betas"]
        step = _number(state["step"])
        correction2 = 1 - beta2**step
        size, adaptive = group["lr"] / (1 - beta1**step), 0.0
        greatest = 2 / (1 - beta2) - 1  # length of the approximated simple moving average, in the limit and now
        length = greatest - 2 * step * beta2**step / correction2
        if length > 5:
            rectified = math.sqrt((length - 4) * (length - 2) * greatest / ((greatest - 4) * (greatest - 2) * length))
            size, adaptive = size * rectified * math.sqrt(correction2), 1.0
        return signed(group), *decays(group), 1 - beta1, beta2, 1 - beta2, group["eps"], size, adaptive


def radam(params, grads, exp_avgs, exp_avg_sqs, state_steps, decoupled_weight_decay=False, foreach=None, differentiable=False, capturable=False,
          has_complex=False, maximize=False, *, beta1, beta2, lr, weight_decay, eps):
    """One step of :class:`RAdam` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(RAdam, params, grads, {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "step": state_steps}, lr=lr, betas=(beta1, beta2), eps=eps,
               weight_decay=weight_decay, decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach,
               capturable=capturable, differentiable=differentiable)
