"""Selective checkpoints: which operators' results are kept, and which are computed again in the backward pass."""

from __future__ import annotations

import enum
from collections import defaultdict

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

__all__ = ["CheckpointPolicy", "SAC_IGNORED_OPS", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts"]


class CheckpointPolicy(enum.Enum):
    """What becomes of an operator's result. "Prefer" leaves a compiler the last word; on the CPU "offload" is "save"."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_RECOMPUTED = (CheckpointPolicy.MUST_RECOMPUTE, CheckpointPolicy.PREFER_RECOMPUTE)
# questions about a tensor, and views that autograd makes by itself
SAC_IGNORED_OPS = {torch.ops.aten.detach.default}


class SelectiveCheckpointContext:
    """What a policy function is told: whether this is the recomputation, and in the first run the operator's result."""

    def __init__(self, *, is_recompute, op_output=None):
        self.is_recompute, self.op_output = is_recompute, op_output


class _Kept:
    """A result with the version at which it was kept."""

    def __init__(self, value, offload):
        self.value = value.detach().cpu() if offload else value.detach()
        self.device = value.device
        self.source, self.version = value, value._version

    def get(self, allow_mutation):
        if self.source._version != self.version and not allow_mutation:
            raise RuntimeError("Tensor cached during selective activation checkpoint has been mutated")
        return self.value.to(self.device)


class _Deciding(TorchDispatchMode):
    """The first run: asks the policy after each operator."""

    def __init__(self, policy, record):
        super().__init__()
        self.policy, self.record = policy, record

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func in SAC_IGNORED_OPS:
            return out
        choice = self.policy(SelectiveCheckpointContext(is_recompute=False, op_output=out), func, *args, **(kwargs or {}))
        if isinstance(choice, bool):
            choice = CheckpointPolicy.MUST_SAVE if choice else CheckpointPolicy.PREFER_RECOMPUTE
        if choice in _RECOMPUTED:
            self.record[func].append(None)
        else:
            offload = choice in (CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD)
            self.record[func].append((tree_map(lambda x: _Kept(x, offload) if isinstance(x, torch.Tensor) else x, out),))
        return out


class _Replaying(TorchDispatchMode):
    """The second run: gives what was kept, in the order of the calls of each operator."""

    def __init__(self, record, allow_mutation):
        super().__init__()
        self.record, self.allow_mutation = record, allow_mutation

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in SAC_IGNORED_OPS:
            return func(*args, **(kwargs or {}))
        if not self.record.get(func):
            raise RuntimeError("Trying to backward an extra time. You are only allowed to backward once on any region computed under selective "
                               "activation checkpoint.")
        kept = self.record[func].pop(0)
        if kept is None:
            return func(*args, **(kwargs or {}))
        return tree_map(lambda x: x.get(self.allow_mutation) if isinstance(x, _Kept) else x, kept[0])


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """The two contexts for ``checkpoint(..., use_reentrant=False, context_fn=...)`` that keep the results of chosen operators.

    `policy_fn_or_list` is a list of operators to keep, such as ``torch.ops.aten.mm.default``, or
    ``policy(ctx, op, *args, **kwargs) -> CheckpointPolicy`` (or bool). A kept result may not be changed in place unless
    `allow_cache_entry_mutation`. Raises ValueError for a list of anything else, TypeError for neither.
    """
    if isinstance(policy_fn_or_list, list):
        for op in policy_fn_or_list:
            if not isinstance(op, (torch._ops.OpOverload, torch._ops.OperatorBase)):
                raise ValueError(f"Expected op in `op_list` to be an OpOverload but got: {op} of type {type(op)}. ")

        def policy(ctx, op, *args, **kwargs):
            return CheckpointPolicy.MUST_SAVE if op in policy_fn_or_list else CheckpointPolicy.PREFER_RECOMPUTE
    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    record = defaultdict(list)
    return _Deciding(policy, record), _Replaying(record, allow_cache_entry_mutation)
