"""Rprop."""

import torch

from ._update_rule import UpdateRule, _number, apply_rule, check_common, signed, zeros_like

__all__ = ["Rprop", "rprop"]


class Rprop(UpdateRule):
    """Steps by the sign of the gradient; their sizes grow while the sign stays and shrink when it turns; Riedmiller 1993."""

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False, foreach=None,
                 maximize=False, differentiable=False):
        check_common(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                                  "differentiable": differentiable, "capturable": capturable})

    def _start(self, param, group):
        size = _number(group["lr"])
        size = complex(size, size) if param.is_complex() else size
        return {"prev": zeros_like(param), "step_size": torch.full_like(param, size)}

    def _law(self, group):
        return "_rprop_step"

    def _operands(self, group):
        return "prev", "step_size"

    def _numbers(self, state, group):
        return signed(group), *group["etas"], *group["step_sizes"]


def rprop(params, grads, prevs, step_sizes, state_steps, foreach=None, capturable=False, maximize=False, differentiable=False, has_complex=False, *,
          step_size_min, step_size_max, etaminus, etaplus):
    """One step of :class:`Rprop` on lists of parameters, gradients and states, which are changed in place."""
    apply_rule(Rprop, params, grads, {"prev": prevs, "step_size": step_sizes, "step": state_steps}, etas=(etaminus, etaplus),
               step_sizes=(step_size_min, step_size_max), maximize=maximize, foreach=foreach, capturable=capturable, differentiable=differentiable)
