"""Stochastic gradient descent."""

import torch

from .optimizer import UpdateRule, check, check_common

__all__ = ["SGD"]


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

    def _step_group(self, group):
        if not self._step_fused(group):
            super()._step_group(group)

    def _step_fused(self, group):
        """All parameters in one kernel; False when this group has to go one by one."""
        fused = getattr(torch, "_fused_sgd_", None)
        if fused is None or group["differentiable"] or group["fused"] is False or group["foreach"]:
            return False
        ready = list(self._ready(group))
        if not ready or not all(param.dtype == torch.float32 and grad.dtype == torch.float32 and grad.layout == torch.strided
                                and param.device.type == "cpu" for param, grad, _ in ready):
            return False
        momentum = group["momentum"]
        buffers = []
        first = bool(momentum) and all(state["momentum_buffer"] is None for _, _, state in ready)
        if momentum:
            if not first and any(state["momentum_buffer"] is None for _, _, state in ready):
                return False
            for param, _, state in ready:
                if first:
                    state["momentum_buffer"] = torch.empty_like(param, memory_format=torch.preserve_format)
                buffers.append(state["momentum_buffer"])
        fused([param for param, _, _ in ready], [grad for _, grad, _ in ready], buffers,
              weight_decay=group["weight_decay"], momentum=momentum, lr=float(group["lr"]), dampening=group["dampening"],
              nesterov=group["nesterov"], maximize=group["maximize"], is_first_step=first)
        return True

    def _update(self, param, grad, state, group):
        momentum = group["momentum"]
        if momentum:
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = state["momentum_buffer"] = grad.detach().clone()
            else:
                velocity.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(velocity, alpha=momentum) if group["nesterov"] else velocity
        lr = group["lr"]
        if isinstance(lr, torch.Tensor) and lr.requires_grad:
            param.addcmul_(grad, lr, value=-1)
        else:
            param.add_(grad, alpha=-float(lr))
