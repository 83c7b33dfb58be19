"""RMSprop."""

from .optimizer import UpdateRule, _number, check, check_common, zeros_like

__all__ = ["RMSprop"]


class RMSprop(UpdateRule):
    """p -= lr * g / (sqrt(mean of g^2) + eps), with momentum and with the variance when `centered`; Hinton 2012."""

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, capturable=False,
                 foreach=None, maximize=False, differentiable=False):
        check_common(lr, eps, weight_decay, None, foreach, capturable)
        check("momentum value", momentum, momentum >= 0.0)
        check("alpha value", alpha, alpha >= 0.0)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
            "capturable": capturable, "foreach": foreach, "maximize": maximize, "differentiable": differentiable})

    def _start(self, param, group):
        state = {"square_avg": zeros_like(param)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)
        return state

    def _update(self, param, grad, state, group):
        alpha, lr = group["alpha"], _number(group["lr"])
        square = state["square_avg"]
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"].lerp_(grad, 1 - alpha)
            square = square.addcmul(mean, mean, value=-1)
        denominator = square.sqrt().add_(group["eps"])
        if group["momentum"] > 0:
            velocity = state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(grad, denominator)
            param.add_(velocity, alpha=-lr)
        else:
            param.addcdiv_(grad, denominator, value=-lr)
