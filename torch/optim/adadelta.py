"""Adadelta."""

from .optimizer import UpdateRule, _number, check, check_common, zeros_like

__all__ = ["Adadelta"]


class Adadelta(UpdateRule):
    """p -= lr * sqrt(mean of d^2 + eps) / sqrt(mean of g^2 + eps) * g, d the updates so far; Zeiler 2012."""

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
                 maximize=False, differentiable=False):
        check_common(lr, eps, weight_decay, None, foreach, capturable)
        check("rho value", rho, 0.0 <= rho <= 1.0)
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                                  "capturable": capturable, "foreach": foreach, "differentiable": differentiable})

    def _start(self, param, group):
        return {"square_avg": zeros_like(param), "acc_delta": zeros_like(param)}

    def _update(self, param, grad, state, group):
        rho, eps = group["rho"], group["eps"]
        squares, deltas = state["square_avg"], state["acc_delta"]
        squares.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = deltas.add(eps).sqrt_().div_(squares.add(eps).sqrt_()).mul_(grad)
        deltas.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-_number(group["lr"]))
