"""Muon."""

import math

import torch

from ._update_rule import UpdateRule, _number

__all__ = ["Muon"]


def orthogonalize(matrix, coefficients, steps, eps):
    """The nearest orthogonal matrix, by Newton-Schulz iteration X -> a X + (b A + c A^2) X, A = X X^T, in bfloat16."""
    a, b, c = coefficients
    x = matrix.bfloat16()
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(UpdateRule):
    """Momentum whose update is made orthogonal; for hidden matrices only; Jordan et al. 2024.

    Args:
        ns_coefficients, ns_steps, eps: of the iteration in :func:`orthogonalize`.
        adjust_lr_fn: "original" scales the rate by sqrt(max(1, rows / columns)), "match_rms_adamw" by
            0.2 sqrt(max(rows, columns)).
    """

    _counts_steps = False
    _decay_in_gradient = False

    def __init__(self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
                 ns_coefficients=(3.4445, -4.775, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn=None):
        if isinstance(lr, torch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        for name, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if value < 0.0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn})
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError("Muon only supports 2D parameters whereas we found a parameter with size: "
                                     f"{param.size()}")

    def _start(self, param, group):
        return {"momentum_buffer": torch.zeros_like(param, memory_format=torch.preserve_format)}

    def _update_complex(self, param, grad, state, group):
        raise RuntimeError("Muon does not support complex parameters")

    def _update(self, param, grad, state, group):
        momentum, lr = group["momentum"], _number(group["lr"])
        velocity = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(velocity, momentum) if group["nesterov"] else velocity
        update = orthogonalize(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = param.shape
        match = group["adjust_lr_fn"] == "match_rms_adamw"
        scale = 0.2 * math.sqrt(max(rows, columns)) if match else math.sqrt(max(1, rows / columns))
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-lr * scale)
