"""NAdam."""

import torch

from ._update_rule import UpdateRule, _number, apply_rule, check, check_common, decays, signed, zeros_like

__all__ = ["NAdam", "nadam"]


class NAdam(UpdateRule):
    """Adam with Nesterov momentum whose schedule warms up by `momentum_decay`; Dozat 2016."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False, differentiable=False):
        check_common(lr, eps, weight_decay, betas)
        check("momentum_decay value", momentum_decay, momentum_decay >= 0.0)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable})

    def _start(self, param, group):
        return {"mu_product": torch.ones((), dtype=torch.float32), "exp_avg": zeros_like(param),
                "exp_avg_sq": zeros_like(param)}

    def _law(self, group):
        return "_nadam_step"

    def _operands(self, group):
        return "exp_avg", "exp_avg_sq"

    def _numbers(self, state, group):
        beta1, beta2 = group["betas"]
        lr, step = group["lr"], _number(state["step"])

        def momentum(t):
            return beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
        mu, next_mu = momentum(step), momentum(step + 1)
        state["mu_product"] *= mu
        product = _number(state["mu_product"])
        return (signed(group), *decays(group), 1 - beta1, beta2, 1 - beta2, 1 / (1 - beta2**step), group["eps"],
                lr * (1.0 - mu) / (1.0 - product), lr * next_mu / (1.0 - product * next_mu))


def nadam(params, grads, exp_avgs, exp_avg_sqs, mu_products, state_steps, decoupled_weight_decay=False, foreach=None, capturable=False,
          differentiable=False, has_complex=False, maximize=False, *, beta1, beta2, lr, weight_decay, momentum_decay, eps):
    """One step of :class:`NAdam` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(NAdam, params, grads, {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "mu_product": mu_products, "step": state_steps}, lr=lr,
               betas=(beta1, beta2), eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay, maximize=maximize, foreach=foreach,
               decoupled_weight_decay=decoupled_weight_decay, capturable=capturable, differentiable=differentiable)
