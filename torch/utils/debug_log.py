"""Notes in the log about what happens in a backward pass."""

from __future__ import annotations

import logging

import torch
from torch.autograd.graph import register_multi_grad_hook

__all__ = ["debug_grad_log"]

log = logging.getLogger(__name__)


def debug_grad_log(*tensors):
    """Logs the norms of the gradients of `tensors` when the backward pass has computed them all; nothing happens in the forward pass."""
    watched = [t for t in tensors if isinstance(t, torch.Tensor) and t.requires_grad]
    if not watched:
        return

    def write(grads):
        norms = " ".join(f"t{i}_grad_norm={'None' if grad is None else f'{grad.norm().item():.4f}'}" for i, grad in enumerate(grads))
        log.info("[rank %d][bwd] %s", _rank(), norms)

    register_multi_grad_hook(watched, write)


def _rank():
    import torch.distributed as dist

    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
