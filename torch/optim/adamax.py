"""Adamax."""

from ._update_rule import UpdateRule, _number, apply_rule, check_common, signed, zeros_like

__all__ = ["Adamax", "adamax"]


class Adamax(UpdateRule):
    """Adam with the infinity norm in place of the second moment; Kingma and Ba 2014, section 7.1."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *, maximize=False,
                 differentiable=False, capturable=False):
        check_common(lr, eps, weight_decay, betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
                                  "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def _start(self, param, group):
        return {"exp_avg": zeros_like(param), "exp_inf": zeros_like(param)}

    def _law(self, group):
        return "_adamax_step"

    def _operands(self, group):
        return "exp_avg", "exp_inf"

    def _numbers(self, state, group):
        beta1, beta2 = group["betas"]
        return signed(group), group["weight_decay"], 1 - beta1, beta2, group["eps"], group["lr"] / (1 - beta1 ** _number(state["step"]))


def adamax(params, grads, exp_avgs, exp_infs, state_steps, foreach=None, maximize=False, differentiable=False, capturable=False, has_complex=False, *,
           eps, beta1, beta2, lr, weight_decay):
    """One step of :class:`Adamax` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(Adamax, params, grads, {"exp_avg": exp_avgs, "exp_inf": exp_infs, "step": state_steps}, lr=lr, betas=(beta1, beta2), eps=eps,
               weight_decay=weight_decay, maximize=maximize, foreach=foreach, capturable=capturable, differentiable=differentiable)
