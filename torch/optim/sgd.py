"""Stochastic gradient descent."""

from ._update_rule import UpdateRule, apply_rule, check, check_common, check_fused, signed

__all__ = ["SGD", "sgd"]


class SGD(UpdateRule):
    """p -= lr * v with v = momentum * v + (1 - dampening) * g, or plain p -= lr * g without momentum.

    Args:
        nesterov: step along g + momentum * v (Sutskever et al. 2013); needs momentum and no dampening.
        weight_decay: L2 penalty, added to the gradient.
        maximize: ascend instead.

    Example::

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        loss.backward()
        optimizer.step()
    """

    _counts_steps = False
    _accepts_sparse = True

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False,
                 foreach=None, differentiable=False, fused=None):
        check_common(lr, weight_decay=weight_decay, foreach=False)
        check("momentum value", momentum, momentum >= 0.0)
        check_fused(fused, foreach, differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                                  "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
                                  "differentiable": differentiable, "fused": fused})

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (("nesterov", False), ("maximize", False), ("foreach", None), ("differentiable", False),
                                ("fused", False)):
                group.setdefault(name, value)

    def _new_state(self, param, group):
        return {"momentum_buffer": None} if group["momentum"] else {}

    def _law(self, group):
        return "_momentum_step" if group["momentum"] else "_sgd_step"

    def _operands(self, group):
        return ("momentum_buffer",) if group["momentum"] else ()

    def _numbers(self, state, group):
        momentum, numbers = group["momentum"], (signed(group), group["weight_decay"], group["lr"])
        if not momentum:
            return numbers
        rate = 1.0 if state["momentum_buffer"] is None else 1.0 - group["dampening"]
        return (*numbers, momentum, rate, *((1.0, momentum) if group["nesterov"] else (0.0, 1.0)))

    def _update(self, param, grad, state, group):
        if not grad.is_sparse:
            super()._update(param, grad, state, group)
        elif group["momentum"]:
            raise RuntimeError("SGD with momentum does not support sparse gradients")
        else:
            param.add_(grad, alpha=-float(group["lr"]))


def sgd(params, d_p_list, momentum_buffer_list, has_sparse_grad=False, foreach=None, fused=None, grad_scale=None, found_inf=None, *,
        weight_decay, momentum, lr, dampening, nesterov, maximize):
    """One step of :class:`SGD` on lists of parameters, gradients and buffers (None at first), which are changed in place."""
    if found_inf is not None and found_inf.item():
        return
    if grad_scale is not None:
        d_p_list = [grad / grad_scale for grad in d_p_list]
    apply_rule(SGD, params, d_p_list, {"momentum_buffer": momentum_buffer_list}, lr=lr, momentum=momentum, dampening=dampening,
               weight_decay=weight_decay, nesterov=nesterov, maximize=maximize, foreach=foreach, fused=fused)
