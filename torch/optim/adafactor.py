"""Adafactor."""

import torch

from ._update_rule import UpdateRule, _number

__all__ = ["Adafactor"]


class Adafactor(UpdateRule):
    """Adam-like steps with the second moments of a matrix kept as row and column sums; Shazeer and Stern 2018.

    Args:
        beta2_decay: the mean of squares decays with 1 - t**beta2_decay.
        eps: (floor of squares, default the dtype's epsilon; floor of the parameter's root mean square).
        d: updates are clipped to this root mean square.
    """

    _decay_in_gradient = False

    def __init__(self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, *, foreach=None,
                 maximize=False):
        if isinstance(lr, torch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        ranges = (("Learning rate", lr, lr >= 0, ">= 0"), ("beta2_decay", beta2_decay, beta2_decay <= 0, "<= 0"),
                  ("epsilon1", eps[0], eps[0] is None or eps[0] >= 0, ">= 0"), ("epsilon2", eps[1], eps[1] >= 0, ">= 0"),
                  ("Clipping threshold d", d, d >= 1, ">= 1"), ("weight_decay", weight_decay, weight_decay >= 0, ">= 0"))
        for name, value, valid, wanted in ranges:
            if not valid:
                raise ValueError(f"{name} should be {wanted} but is: {value}")
        super().__init__(params, {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
                                  "foreach": foreach, "maximize": maximize})

    def _start(self, param, group):
        if param.dim() < 2:
            return {"variance": torch.zeros_like(param)}
        rows, columns = list(param.shape), list(param.shape)
        rows[-1] = columns[-2] = 1
        return {"row_var": param.new_zeros(rows), "col_var": param.new_zeros(columns)}

    def _update_complex(self, param, grad, state, group):
        raise RuntimeError("Adafactor does not support complex parameters")

    def _update(self, param, grad, state, group):
        floor, rms_floor = group["eps"]
        floor = torch.finfo(param.dtype).eps if floor is None else floor
        lr, step = _number(group["lr"]), _number(state["step"])
        fresh = step ** group["beta2_decay"]
        size = max(rms_floor, param.norm(2).item() / param.numel() ** 0.5) * min(lr, 1 / step**0.5)
        if group["weight_decay"]:
            param.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            rows = grad.norm(dim=-1, keepdim=True).square_().div_(grad.size(-1))
            columns = grad.norm(dim=-2, keepdim=True).square_().div_(grad.size(-2))
            state["row_var"].lerp_(rows, fresh)
            state["col_var"].lerp_(columns, fresh)
            variance = state["row_var"] @ state["col_var"]
            variance.div_(state["row_var"].mean(dim=-2, keepdim=True).clamp_(min=floor))
        else:
            variance = state["variance"].lerp_(grad.square(), fresh).clone()
        update = variance.clamp_(min=floor * floor).rsqrt_().mul_(grad)
        clip = max(1.0, update.norm(2).item() / (update.numel() ** 0.5 * group["d"]))
        param.add_(update, alpha=-size / clip)


