"""Averaged stochastic gradient descent."""

import torch

from .optimizer import UpdateRule, _number, check_common, zeros_like

__all__ = ["ASGD"]


class ASGD(UpdateRule):
    """SGD with a decaying rate; ``state[p]["ax"]`` is the average of the parameter after step `t0`; Polyak 1992."""

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None, maximize=False,
                 differentiable=False, capturable=False):
        check_common(lr, None, weight_decay, None, foreach, capturable)
        super().__init__(params, {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
                                  "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
                                  "capturable": capturable})

    def _start(self, param, group):
        return {"eta": torch.tensor(float(group["lr"]), dtype=torch.float32),
                "mu": torch.ones((), dtype=torch.float32), "ax": zeros_like(param)}

    def _update(self, param, grad, state, group):
        lr, lambd, step = _number(group["lr"]), group["lambd"], _number(state["step"])
        eta, mu = _number(state["eta"]), _number(state["mu"])
        param.mul_(1 - lambd * eta)
        param.add_(grad, alpha=-eta)
        average = state["ax"]
        average.copy_(param) if mu == 1 else average.add_(param.sub(average).mul_(mu))
        state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1, step - group["t0"]))
