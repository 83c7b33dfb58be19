"""Averaged stochastic gradient descent."""

import torch

from ._update_rule import UpdateRule, _number, apply_rule, check_common, signed, zeros_like

__all__ = ["ASGD", "asgd"]


class ASGD(UpdateRule):
    """SGD with a decaying rate; ``state[p]["ax"]`` is the average of the parameter after step `t0`; Polyak 1992."""

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None, maximize=False,
                 differentiable=False, capturable=False):
        check_common(lr, None, weight_decay)
        super().__init__(params, {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
                                  "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
                                  "capturable": capturable})

    def _start(self, param, group):
        return {"eta": torch.tensor(float(group["lr"]), dtype=torch.float32),
                "mu": torch.ones((), dtype=torch.float32), "ax": zeros_like(param)}

    def _law(self, group):
        return "_asgd_step"

    def _operands(self, group):
        return ("ax",)

    def _numbers(self, state, group):
        lr, lambd, step = _number(group["lr"]), group["lambd"], _number(state["step"])
        eta, mu = _number(state["eta"]), _number(state["mu"])
        state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1, step - group["t0"]))
        return signed(group), group["weight_decay"], 1 - lambd * eta, eta, mu


def asgd(params, grads, axs, mus, etas, state_steps, foreach=None, maximize=False, differentiable=False, capturable=False, has_complex=False, *,
         lambd, lr, t0, alpha, weight_decay):
    """One step of :class:`ASGD` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(ASGD, params, grads, {"ax": axs, "mu": mus, "eta": etas, "step": state_steps}, lr=lr, lambd=lambd, t0=t0, alpha=alpha,
               weight_decay=weight_decay, maximize=maximize, foreach=foreach, capturable=capturable, differentiable=differentiable)
