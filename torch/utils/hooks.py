"""Handles of hooks, and the full backward hooks of modules.

A hook lives in an ordered dict under a number; a handle takes it out again.
"""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from typing import Any

import torch

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks", "BackwardHook"]


class RemovableHandle:
    """Removes a hook again: ``handle.remove()``, or at the end of a ``with`` block.

    Args:
        hooks_dict: ordered dict of hooks, by number.
        extra_dict: dict, or list of dicts, with further entries under the same number.
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extra = extra_dict if isinstance(extra_dict, list) else [] if extra_dict is None else [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra)

    def remove(self) -> None:
        """Takes the hook out; a second call does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state):
        hooks, self.id = state[:2]
        alive = hooks if hooks is not None else OrderedDict()
        self.hooks_dict_ref = weakref.ref(alive)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        extra = state[2] if len(state) > 2 else ()
        self.extra_dict_ref = tuple(weakref.ref(d if d is not None else OrderedDict()) for d in extra)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def unserializable_hook(f):
    """Decorator: tensors that carry this hook warn when they are saved, since the hook is lost."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor):
    """Warns about backward hooks of `tensor` that do not survive saving."""
    if tensor._backward_hooks:
        for hook in tensor._backward_hooks.values():
            if not hasattr(hook, "__torch_unserializable__"):
                warnings.warn(f"backward hook {hook!r} on tensor will not be serialized. If this is expected, you can decorate the "
                              "function with @torch.utils.hooks.unserializable_hook to suppress this warning", stacklevel=2)


# Here and not above: torch.autograd imports RemovableHandle from this module.
from torch.autograd.function import Function  # noqa: E402


class _Identity(Function):
    """Passes tensors through a node of their own, to which the hooks of a module are attached."""

    @staticmethod
    def forward(ctx, *args):
        ctx.mark_non_differentiable(*(a for a in args if not a.requires_grad))
        return args

    @staticmethod
    def backward(ctx, *grads):
        return grads


class BackwardHook:
    """The full backward hooks of one call of a module.

    The module's inputs and outputs go through identity nodes. When the gradients of all outputs are there, the pre-hooks run;
    when those of the inputs are, the hooks run with both.
    """

    def __init__(self, module, user_hooks, user_pre_hooks) -> None:
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.module = module
        self.grad_outputs = None
        self.n_outputs = -1
        self.output_tensors_index = None
        self.n_inputs = -1
        self.input_tensors_index = None

    @staticmethod
    def _spread(indices, values, n):
        full: list = [None] * n
        for i, value in zip(indices, values):
            full[i] = value
        return tuple(full)

    @staticmethod
    def _gather(indices, values):
        return tuple(values[i] for i in indices)

    def _through_node(self, attach, args):
        indices = [i for i, a in enumerate(args) if isinstance(a, torch.Tensor)]
        if not (torch.is_grad_enabled() and any(args[i].requires_grad for i in indices)):
            return args, None
        passed = _Identity.apply(*(args[i] for i in indices))
        node = next((t.grad_fn for t in passed if t.grad_fn is not None and t.grad_fn.name() == "_IdentityBackward"), None)
        if node is None:
            raise RuntimeError("Error while setting up backward hooks. Please open an issue with code to reproduce this.")
        attach(node)
        full = list(args)
        for i, t in zip(indices, passed):
            full[i] = t
        if type(args) is not tuple:
            return type(args)(*full), indices
        return tuple(full), indices

    def _run_hooks(self, grad_inputs):
        result = None
        for hook in self.user_hooks:
            out = hook(self.module, grad_inputs, self.grad_outputs)
            if out is None:
                continue
            out = out if isinstance(out, tuple) else (out,)
            if len(out) != len(grad_inputs):
                raise RuntimeError(f"Backward hook returned an invalid number of grad_input, got {len(out)}, but expected {len(grad_inputs)}")
            grad_inputs = result = out
        return result

    def setup_input_hook(self, args):
        """Passes the inputs through a node that runs the hooks; returns the inputs to use instead."""
        def attach(node):
            def hook(grad_input, _):
                if self.grad_outputs is None:
                    return None
                result = self._run_hooks(self._spread(self.input_tensors_index, grad_input, self.n_inputs))
                self.grad_outputs = None
                return None if result is None else self._gather(self.input_tensors_index, result)
            node.register_hook(hook)

        passed, indices = self._through_node(attach, args)
        self.n_inputs, self.input_tensors_index = len(args), indices
        return passed

    def setup_output_hook(self, args):
        """Passes the outputs through a node that notes their gradients; returns the outputs to use instead."""
        def attach(node):
            def hook(_, grad_output):
                self.grad_outputs = self._spread(self.output_tensors_index, grad_output, self.n_outputs)
                for pre_hook in self.user_pre_hooks or ():
                    out = pre_hook(self.module, self.grad_outputs)
                    if out is None:
                        continue
                    out = out if isinstance(out, tuple) else (out,)
                    if len(out) != len(self.grad_outputs):
                        raise RuntimeError(f"Backward pre hook returned an invalid number of grad_output, got {len(out)}, but expected "
                                           f"{len(self.grad_outputs)}")
                    self.grad_outputs = out
                local = self.grad_outputs
                if self.input_tensors_index is None:   # no input needs a gradient, so that no input node will run the hooks
                    result = self._run_hooks(self._spread([], [], self.n_inputs))
                    if result is not None and any(g is not None for g in result):
                        raise RuntimeError("Backward hook for Modules where no input requires gradient should always return None or None "
                                           "for all gradients.")
                    self.grad_outputs = None
                return self._gather(self.output_tensors_index, local)
            node.register_hook(hook)

        single = not isinstance(args, tuple)
        passed, indices = self._through_node(attach, (args,) if single else args)
        self.n_outputs, self.output_tensors_index = 1 if single else len(args), indices
        return passed[0] if single else passed


