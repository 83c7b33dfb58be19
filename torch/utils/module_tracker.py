"""Which modules are running at the moment, forward and backward."""

from __future__ import annotations

import weakref

import torch
from torch.autograd.graph import register_multi_grad_hook
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._pytree import tree_leaves

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """Context manager whose `parents` are the names of the modules that run, "Global" among them; `is_bw` says whether it is their backward.

    Names begin with the class of the outermost module that was called: "Sequential.0".
    """

    def __init__(self):
        self.parents = {"Global"}
        self._names = weakref.WeakKeyDictionary()
        self._handles = []

    @property
    def is_bw(self):
        """Whether a backward pass is running."""
        return torch._C._current_graph_task_id() != -1

    def _name_of(self, module):
        if module not in self._names:
            self._name(module, type(module).__name__)
        return self._names[module]

    def _name(self, module, name):
        self._names[module] = name
        for key, child in module.named_children():
            if child not in self._names:
                self._name(child, f"{name}.{key}")

    @staticmethod
    def _differentiable(values):
        return [t for t in tree_leaves(values) if isinstance(t, torch.Tensor) and t.requires_grad]

    def _enter(self, name):
        def enter(*_):
            self.parents.add(name)
        return enter

    def _leave(self, name):
        def leave(*_):
            self.parents.discard(name)
        return leave

    def _before(self, module, inputs):
        name = self._name_of(module)
        self.parents.add(name)
        if tensors := self._differentiable(inputs):
            self._handles.append(register_multi_grad_hook(tensors, self._leave(name)))

    def _after(self, module, inputs, output):
        name = self._name_of(module)
        self.parents.discard(name)
        if tensors := self._differentiable(output):
            self._handles.append(register_multi_grad_hook(tensors, self._enter(name), mode="any"))

    def __enter__(self):
        self._handles = [register_module_forward_pre_hook(self._before), register_module_forward_hook(self._after)]
        return self

    def __exit__(self, *_):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.parents = {"Global"}
