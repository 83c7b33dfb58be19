"""Rprop."""

import torch

from .optimizer import UpdateRule, _number, check_common, zeros_like

__all__ = ["Rprop"]


class Rprop(UpdateRule):
    """Steps by the sign of the gradient; their sizes grow while the sign stays and shrink when it turns; Riedmiller 1993."""

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False, foreach=None,
                 maximize=False, differentiable=False):
        check_common(lr, foreach=foreach, capturable=capturable)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                                  "differentiable": differentiable, "capturable": capturable})

    def _start(self, param, group):
        size = _number(group["lr"])
        size = complex(size, size) if param.is_complex() else size
        return {"prev": zeros_like(param), "step_size": torch.full_like(param, size)}

    def _update(self, param, grad, state, group):
        shrink, grow = group["etas"]
        least, greatest = group["step_sizes"]
        agreement = grad.mul(state["prev"]).sign()
        factor = torch.where(agreement > 0, grow, torch.where(agreement < 0, shrink, 1.0)).to(grad.dtype)
        state["step_size"].mul_(factor).clamp_(least, greatest)
        grad = torch.where(agreement < 0, 0.0, grad)
        param.addcmul_(grad.sign(), state["step_size"], value=-1)
        state["prev"].copy_(grad)
