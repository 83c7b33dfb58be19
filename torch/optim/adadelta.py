"""Adadelta."""

from ._update_rule import UpdateRule, apply_rule, check, check_common, signed, zeros_like

__all__ = ["Adadelta", "adadelta"]


class Adadelta(UpdateRule):
    """p -= lr * sqrt(mean of d^2 + eps) / sqrt(mean of g^2 + eps) * g, d the updates so far; Zeiler 2012."""

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
                 maximize=False, differentiable=False):
        check_common(lr, eps, weight_decay)
        check("rho value", rho, 0.0 <= rho <= 1.0)
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                                  "capturable": capturable, "foreach": foreach, "differentiable": differentiable})

    def _start(self, param, group):
        return {"square_avg": zeros_like(param), "acc_delta": zeros_like(param)}

    def _law(self, group):
        return "_adadelta_step"

    def _operands(self, group):
        return "square_avg", "acc_delta"

    def _numbers(self, state, group):
        rho = group["rho"]
        return signed(group), group["weight_decay"], group["lr"], rho, 1 - rho, group["eps"]


def adadelta(params, grads, square_avgs, acc_deltas, state_steps, capturable=False, foreach=None, differentiable=False, has_complex=False, *,
             lr, rho, eps, weight_decay, maximize):
    """One step of :class:`Adadelta` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(Adadelta, params, grads, {"square_avg": square_avgs, "acc_delta": acc_deltas, "step": state_steps}, lr=lr, rho=rho, eps=eps,
               weight_decay=weight_decay, maximize=maximize, foreach=foreach, capturable=capturable, differentiable=differentiable)
