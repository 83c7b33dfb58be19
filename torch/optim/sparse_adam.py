"""Adam for sparse gradients."""

import math

import torch

from ._update_rule import UpdateRule, _number, check_common, zeros_like

__all__ = ["SparseAdam"]


class SparseAdam(UpdateRule):
    """Adam that touches only the rows present in a sparse gradient ("lazy" Adam)."""

    _accepts_sparse = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        if isinstance(lr, torch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_common(0.0, betas=betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        self._refuse("Sparse", "requires dense parameter tensors", lambda param: param.is_sparse)
        self._refuse("Complex", "does not support complex parameters", lambda param: param.is_complex())

    def _refuse(self, kind, why, test):
        found = [[i, j] for i, group in enumerate(self.param_groups) for j, param in enumerate(group["params"])
                 if test(param)]
        if found:
            raise ValueError(f"{kind} params at indices {found}: SparseAdam {why}")

    def _start(self, param, group):
        return {"exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}

    def _ready(self, group):
        for param, grad, state in super()._ready(group):
            if not grad.is_sparse:
                raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
            yield param, grad, state

    def _update(self, param, grad, state, group):
        grad = grad.coalesce()
        rows, values = grad._indices(), grad._values()
        if values.numel() == 0:
            return
        beta1, beta2 = group["betas"]
        step = _number(state["step"])

        def like_grad(entries):
            return torch.sparse_coo_tensor(rows, entries, grad.size())

        def advance(moment, target, beta):
            old = moment.sparse_mask(grad)._values()
            change = target.sub(old).mul_(1 - beta)
            moment.add_(like_grad(change))
            return change.add_(old)

        mean = advance(state["exp_avg"], values, beta1)
        square = advance(state["exp_avg_sq"], values.pow(2), beta2)
        size = _number(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        param.add_(like_grad(-size * mean.div_(square.sqrt_().add_(group["eps"]))))
