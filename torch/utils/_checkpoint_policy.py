"""Which results a checkpoint keeps and which it computes again, operator by operator."""

from __future__ import annotations

import collections
import contextlib
import enum
import traceback
from typing import Any, Callable

import torch

from . import _pytree as pytree
from ._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten


class CheckpointPolicy(enum.Enum):
    """What to do with the result of an operator: keep it, or compute it again. PREFER leaves the last word to a compiler.

    The results that go to the CPU's memory are kept there already.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_KEEP = frozenset((CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE, CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD))
SAC_IGNORED_OPS = {_aten.detach.default}


class SelectiveCheckpointContext:
    """What a policy is told besides the operator: whether this is the recomputation, and the result."""

    def __init__(self, *, is_recompute: bool, op_output: Any = None):
        self.is_recompute = is_recompute
        self.op_output = op_output


class _Kept:
    """A tensor and the state it was in."""

    def __init__(self, tensor: torch.Tensor):
        self.tensor = tensor.detach()
        self.version = tensor._version

    def value(self, mutation_allowed: bool) -> torch.Tensor:
        if self.tensor._version != self.version and not mutation_allowed:
            raise RuntimeError("Tensor cached during selective activation checkpoint has been mutated")
        return self.tensor


class _Keeping(TorchDispatchMode):
    """The first run: asks the policy and keeps results."""

    def __init__(self, policy: Callable, kept: dict):
        super().__init__()
        self.policy, self.kept = policy, kept

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func not in SAC_IGNORED_OPS:
            policy = self.policy(SelectiveCheckpointContext(is_recompute=False, op_output=out), func, *args, **kwargs)
            if isinstance(policy, bool):
                policy = CheckpointPolicy.MUST_SAVE if policy else CheckpointPolicy.PREFER_RECOMPUTE
            keep = policy in _KEEP and not func._schema.is_mutable
            self.kept[func].append(pytree.tree_map_only(torch.Tensor, _Kept, out) if keep else None)
        return out


class _Replaying(TorchDispatchMode):
    """The second run: takes results that were kept and computes the others."""

    def __init__(self, kept: dict, mutation_allowed: bool):
        super().__init__()
        self.kept, self.mutation_allowed = kept, mutation_allowed

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in SAC_IGNORED_OPS:
            return func(*args, **(kwargs or {}))
        if func not in self.kept:
            raise RuntimeError(f"{func} encountered during backward, but not found in storage")
        if not self.kept[func]:
            raise RuntimeError("Trying to backward an extra time. You are only allowed to backward once on any region computed under selective "
                               "activation checkpoint.")
        kept = self.kept[func].popleft()
        if kept is None:
            return func(*args, **(kwargs or {}))
        return pytree.tree_map_only(_Kept, lambda k: k.value(self.mutation_allowed), kept)


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation: bool = False):
    """The two contexts for ``checkpoint(..., context_fn=...)`` with which chosen operators are not computed again.

    Args:
        policy_fn_or_list: ``policy(ctx, op, *args, **kwargs) -> CheckpointPolicy``, or a list of operators to keep.
        allow_cache_entry_mutation: do not raise RuntimeError when a kept tensor was changed in place.

    >>> import functools
    >>> from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
    >>> contexts = functools.partial(create_selective_checkpoint_contexts, [torch.ops.aten.mm.default])
    >>> x = torch.ones(2, 2, requires_grad=True)
    >>> checkpoint(lambda x: (x @ x).sin(), x, use_reentrant=False, context_fn=contexts).sum().backward()
    """
    if isinstance(policy_fn_or_list, list):
        for op in policy_fn_or_list:
            if not isinstance(op, torch._ops.OpOverload):
                hint = ("Please update the OpOverloadPacket to a specific OpOverload.For example, if you have `torch.ops.aten.mm`, change it to "
                        "`torch.ops.aten.mm.default`." if isinstance(op, torch._ops.OpOverloadPacket) else "")
                raise ValueError(f"Expected op in `op_list` to be an OpOverload but got: {op} of type {type(op)}. {hint}")

        def policy(ctx, op, *args, **kwargs):
            return CheckpointPolicy.MUST_SAVE if op in policy_fn_or_list else CheckpointPolicy.PREFER_RECOMPUTE
    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    kept: dict = collections.defaultdict(collections.deque)
    return _Keeping(policy, kept), _Replaying(kept, allow_cache_entry_mutation)


class OperatorLog:
    """The operators of both runs of a checkpoint and where they were called, for its errors."""

    def __init__(self):
        self.runs: list[list[str]] = [[], []]

    def _recorded(self, lines: list[str]):
        def describe(value):
            return f"{value.dtype}{list(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)

        class Recording(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                out = func(*args, **(kwargs or {}))
                where = "".join(traceback.format_stack(limit=8)[:-2])
                lines.append(f"{func}({', '.join(map(describe, args))}) -> {pytree.tree_map(describe, out)}\n{where}")
                return out

        return Recording()

    def first(self) -> contextlib.AbstractContextManager:
        """A context that records the first run."""
        return self._recorded(self.runs[0])

    def second(self) -> contextlib.AbstractContextManager:
        """A context that records the recomputation."""
        self.runs[1] = []
        return self._recorded(self.runs[1])

    def text(self) -> str:
        """Both records."""
        titles = ("Operators of the original forward", "Operators of the recomputation")
        body = "\n\n".join(f"{title}:\n\n" + "\n".join(f"({i + 1} of {len(lines)}) {line}" for i, line in enumerate(lines))
                           for title, lines in zip(titles, self.runs))
        return f"An error happened while unpacking tensors; this is what both runs did.\n\n{body}\n"
