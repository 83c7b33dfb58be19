"""RMSprop."""

from ._update_rule import UpdateRule, apply_rule, check, check_common, signed, zeros_like

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(UpdateRule):
    """p -= lr * g / (sqrt(mean of g^2) + eps), with momentum and with the variance when `centered`; Hinton 2012."""

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, capturable=False,
                 foreach=None, maximize=False, differentiable=False):
        check_common(lr, eps, weight_decay)
        check("momentum value", momentum, momentum >= 0.0)
        check("alpha value", alpha, alpha >= 0.0)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
            "capturable": capturable, "foreach": foreach, "maximize": maximize, "differentiable": differentiable})

    def _start(self, param, group):
        return {name: zeros_like(param) for name in self._operands(group)}

    def _law(self, group):
        return f"_rmsprop{'_centered' if group['centered'] else ''}{'_momentum' if group['momentum'] > 0 else ''}_step"

    def _operands(self, group):
        return ("square_avg", *(["grad_avg"] if group["centered"] else []), *(["momentum_buffer"] if group["momentum"] > 0 else []))

    def _numbers(self, state, group):
        alpha = group["alpha"]
        return signed(group), group["weight_decay"], group["lr"], alpha, 1 - alpha, group["eps"], group["momentum"]


def rmsprop(params, grads, square_avgs, grad_avgs, momentum_buffer_list, state_steps, foreach=None, maximize=False, differentiable=False,
            capturable=False, has_complex=False, *, lr, alpha, eps, weight_decay, momentum, centered):
    """One step of :class:`RMSprop` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(RMSprop, params, grads,
               {"square_avg": square_avgs, "grad_avg": grad_avgs, "momentum_buffer": momentum_buffer_list, "step": state_steps}, lr=lr, alpha=alpha,
               eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered, maximize=maximize, foreach=foreach, capturable=capturable,
               differentiable=differentiable)
