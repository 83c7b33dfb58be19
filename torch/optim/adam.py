"""Adam and AdamW."""

import torch

from ._update_rule import UpdateRule, _number, apply_rule, check_common, check_fused, decays, signed, zeros_like

__all__ = ["Adam", "adam"]


class Adam(UpdateRule):
    """p -= lr * m / (sqrt(v) + eps) with bias-corrected running means m of g and v of g^2; Kingma and Ba 2014.

    Args:
        betas: decay of the two means.
        weight_decay: L2 penalty in the gradient, or with `decoupled_weight_decay` p -= lr * weight_decay * p.
        amsgrad: divide by the greatest v so far; Reddi et al. 2018.

    Parameters of one dtype are updated together in one kernel where possible (`fused=False` or `foreach=True` forbids it).
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None,
                 maximize=False, capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):
        check_common(lr, eps, weight_decay, betas, foreach, capturable)
        check_fused(fused, foreach, differentiable)
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

    def _law(self, group):
        return "_amsgrad_step" if group["amsgrad"] else "_adam_step"

    def _operands(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _numbers(self, state, group):
        (beta1, beta2), step = group["betas"], _number(state["step"])
        return (signed(group), *decays(group), 1 - beta1, beta2, 1 - beta2, group["lr"] / (1 - beta1**step), (1 - beta2**step) ** -0.5, group["eps"])

    def _apply_kernel(self, ready, group):
        if not self._fits_kernel(ready, group):
            return False
        params, grads, means, squares, greatest, steps = lists = ([], [], [], [], [], [])
        for param, grad, state in ready:
            state["step"] += 1
            for values, value in zip(lists, (param, grad, state["exp_avg"], state["exp_avg_sq"],
                                             state.get("max_exp_avg_sq"), state["step"])):
                if value is not None:
                    values.append(value)
        if params:
            beta1, beta2 = group["betas"]
            fused = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
            fused(params, grads, means, squares, greatest, steps, lr=float(group["lr"]), beta1=float(beta1),
                  beta2=float(beta2), weight_decay=group["weight_decay"], eps=group["eps"], amsgrad=group["amsgrad"],
                  maximize=group["maximize"])
        return True


def adam(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, foreach=None, capturable=False, differentiable=False, fused=None,
         grad_scale=None, found_inf=None, has_complex=False, decoupled_weight_decay=False, *, amsgrad, beta1, beta2, lr, weight_decay, eps, maximize):
    """One step of :class:`Adam` on lists of parameters, gradients and states, which are changed in place."""
    if found_inf is not None and found_inf.item():
        return
    if grad_scale is not None:
        grads = [grad / grad_scale for grad in grads]
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "max_exp_avg_sq": max_exp_avg_sqs, "step": state_steps}
    apply_rule(Adam, params, grads, states, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
               foreach=foreach, fused=fused, capturable=capturable, differentiable=differentiable, decoupled_weight_decay=decoupled_weight_decay)
