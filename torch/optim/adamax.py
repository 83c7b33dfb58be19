"""Adamax."""

import torch

from .optimizer import UpdateRule, _number, check_common, zeros_like

__all__ = ["Adamax"]


class Adamax(UpdateRule):
    """Adam with the infinity norm in place of the second moment; Kingma and Ba 2014, section 7.1."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *, maximize=False,
                 differentiable=False, capturable=False):
        check_common(lr, eps, weight_decay, betas, foreach, capturable)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
                                  "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def _start(self, param, group):
        return {"exp_avg": zeros_like(param), "exp_inf": zeros_like(param)}

    def _update(self, param, grad, state, group):
        beta1, beta2 = group["betas"]
        mean, greatest = state["exp_avg"], state["exp_inf"]
        mean.lerp_(grad, 1 - beta1)
        greatest.copy_(torch.maximum(greatest * beta2, grad.abs() + group["eps"]))
        correction = 1 - beta1 ** _number(state["step"])
        param.addcdiv_(mean, greatest, value=-_number(group["lr"]) / correction)
