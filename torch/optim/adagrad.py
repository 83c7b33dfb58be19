"""Adagrad."""

import torch

from ._update_rule import UpdateRule, _number, apply_rule, check, check_common, check_fused, signed

__all__ = ["Adagrad", "adagrad"]


class Adagrad(UpdateRule):
    """p -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(sum of g^2) + eps); Duchi et al. 2011. Takes sparse gradients."""

    _accepts_sparse = True

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, foreach=None, *,
                 maximize=False, differentiable=False, fused=None):
        check_common(lr, eps, weight_decay)
        check_fused(fused, foreach, differentiable)
        check("lr_decay value", lr_decay, lr_decay >= 0.0)
        check("initial_accumulator_value value", initial_accumulator_value, initial_accumulator_value >= 0.0)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused})
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param].update(self._new_state(param, group))

    def _start(self, param, group):
        start = group["initial_accumulator_value"]
        start = complex(start, start) if param.is_complex() else start
        return {"sum": torch.full_like(param, start, memory_format=torch.preserve_format)}

    def share_memory(self):
        """Move the state to shared memory."""
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param]["sum"].share_memory_()

    def _law(self, group):
        return "_adagrad_step"

    def _operands(self, group):
        return ("sum",)

    def _numbers(self, state, group):
        return signed(group), group["weight_decay"], group["lr"] / (1 + (_number(state["step"]) - 1) * group["lr_decay"]), group["eps"]

    def _update(self, param, grad, state, group):
        if not grad.is_sparse:
            return super()._update(param, grad, state, group)
        _, _, size, eps = self._numbers(state, group)
        total, grad = state["sum"], grad.coalesce()
        rows, values = grad._indices(), grad._values()

        def like_grad(entries):
            return torch.sparse_coo_tensor(rows, entries, grad.size())

        total.add_(like_grad(values.pow(2)))
        root = total.sparse_mask(grad)._values().sqrt_().add_(eps)
        param.add_(like_grad(values / root), alpha=-float(size))


def adagrad(params, grads, state_sums, state_steps, fused=None, grad_scale=None, found_inf=None, has_sparse_grad=False, foreach=None,
            differentiable=False, has_complex=False, *, lr, weight_decay, lr_decay, eps, maximize):
    """One step of :class:`Adagrad` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(Adagrad, params, grads, {"sum": state_sums, "step": state_steps}, lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
               maximize=maximize, foreach=foreach, fused=fused, differentiable=differentiable)
