"""Adam and AdamW."""

import math

import torch

from .optimizer import UpdateRule, _number, check_common, zeros_like

__all__ = ["Adam"]


class Adam(UpdateRule):
    """p -= lr * m / (sqrt(v) + eps) with bias-corrected running means m of g and v of g^2; Kingma and Ba 2014.

    Args:
        betas: decay of the two means.
        weight_decay: L2 penalty in the gradient, or with `decoupled_weight_decay` p -= lr * weight_decay * p.
        amsgrad: divide by the greatest v so far; Reddi et al. 2018.

    Parameters of one dtype are updated together in one kernel where possible (`fused=False` or `foreach=True` forbids it).
    """

    _decay_in_gradient = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None,
                 maximize=False, capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):
        check_common(lr, eps, weight_decay, betas, foreach, capturable)
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay})

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (("amsgrad", False), ("maximize", False), ("foreach", None), ("capturable", False),
                                ("differentiable", False), ("decoupled_weight_decay", False), ("fused", None)):
                group.setdefault(name, value)
            for param in group["params"]:
                entry = self.state.get(param)
                if entry and not isinstance(entry["step"], torch.Tensor):
                    entry["step"] = torch.tensor(float(entry["step"]), dtype=torch.float32)

    def _start(self, param, group):
        state = {"exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)
        return state

    def _step_group(self, group):
        if not self._step_fused(group):
            super()._step_group(group)

    def _step_fused(self, group):
        """All parameters in one kernel; False when this group has to go one by one."""
        decoupled = group["decoupled_weight_decay"]
        fused = getattr(torch, "_fused_adamw_" if decoupled else "_fused_adam_", None)
        if fused is None or group["differentiable"] or group["fused"] is False or group["foreach"]:
            return False
        params, grads, means, squares, greatest, steps = lists = ([], [], [], [], [], [])
        for param, grad, state in self._ready(group):
            if (param.dtype != torch.float32 or grad.dtype != torch.float32 or grad.layout != torch.strided
                    or param.device.type != "cpu"):
                return False
            for values, value in zip(lists, (param, grad, state["exp_avg"], state["exp_avg_sq"],
                                             state.get("max_exp_avg_sq"), state["step"])):
                if value is not None:
                    values.append(value)
        if params:
            for step in steps:
                step += 1
            beta1, beta2 = group["betas"]
            fused(params, grads, means, squares, greatest, steps, lr=float(group["lr"]), beta1=float(beta1),
                  beta2=float(beta2), weight_decay=group["weight_decay"], eps=group["eps"], amsgrad=group["amsgrad"],
                  maximize=group["maximize"])
        return True

    def _update(self, param, grad, state, group):
        beta1, beta2 = group["betas"]
        lr, decay = group["lr"], group["weight_decay"]
        if not (group["differentiable"] or group["capturable"]):
            lr, beta1, beta2 = _number(lr), _number(beta1), _number(beta2)
        step = _number(state["step"])
        if decay:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - lr * decay)
            else:
                grad = grad.add(param, alpha=decay)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        if isinstance(beta2, torch.Tensor):
            square.mul_(beta2).add_(grad * grad * (1 - beta2))
        else:
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        if group["amsgrad"]:
            torch.maximum(state["max_exp_avg_sq"], square, out=state["max_exp_avg_sq"])
            square = state["max_exp_avg_sq"]
        root = correction2.sqrt() if isinstance(correction2, torch.Tensor) else math.sqrt(correction2)
        denominator = (square.sqrt() / root).add_(group["eps"])
        size = lr / correction1
        if isinstance(size, torch.Tensor):
            param.addcdiv_(mean * -size, denominator)
        else:
            param.addcdiv_(mean, denominator, value=-size)
