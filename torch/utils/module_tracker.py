"""Which module is running, in the forward and in the backward pass."""

from __future__ import annotations

import weakref

import torch
from torch.autograd.graph import register_multi_grad_hook
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from . import _pytree as pytree

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """Inside its ``with`` block `parents` is the set of the names of all modules that are running, and "Global".

    A module that is called by none is named by its class, a submodule by its path from there: "Net.layers.0". In the backward pass a
    module runs from the gradients of its outputs to those of its inputs.

    >>> tracker = torch.utils.module_tracker.ModuleTracker()
    >>> class Layer(torch.nn.Module):
    ...     def forward(self, x):
    ...         print(sorted(tracker.parents))
    ...         return x
    >>> with tracker:
    ...     _ = torch.nn.Sequential(Layer())(torch.zeros(1))
    ['Global', 'Sequential', 'Sequential.0']
    """

    parents: set[str]

    def __init__(self):
        self.parents = {"Global"}
        self._names: weakref.WeakKeyDictionary[torch.nn.Module, str] = weakref.WeakKeyDictionary()
        self._handles: list = []
        self._in_backward = False

    @property
    def is_bw(self) -> bool:
        """Is a backward pass running?"""
        return torch._C._current_graph_task_id() != -1

    def name_of(self, module: torch.nn.Module) -> str:
        """The module's name; a module without one becomes a root."""
        if module not in self._names:
            self._names[module] = name = type(module).__name__
            for path, child in module.named_modules():
                if path:
                    self._names[child] = f"{name}.{path}"
        return self._names[module]

    def _enter(self, name: str):
        def enter(*_):
            self._begin_backward()
            self.parents.add(name)

        return enter

    def _leave(self, name: str):
        def leave(*_):
            self._begin_backward()
            self.parents.discard(name)

        return leave

    def _begin_backward(self):
        """When the backward pass ends `parents` is what it was at its beginning: not every module's inputs get gradients."""
        if not self._in_backward:
            self._in_backward = True
            before = set(self.parents)

            def end():
                self._in_backward = False
                self.parents = before

            torch.autograd.Variable._execution_engine.queue_callback(end)

    def _before(self, module, inputs):
        name = self.name_of(module)
        self.parents.add(name)
        if torch.is_grad_enabled() and (tensors := _differentiable(inputs)):
            self._handles.append(register_multi_grad_hook(tensors, self._leave(name)))

    def _after(self, module, inputs, outputs):
        name = self.name_of(module)
        self.parents.discard(name)
        if torch.is_grad_enabled() and (tensors := _differentiable(outputs)):
            self._handles.append(register_multi_grad_hook(tensors, self._enter(name), mode="any"))

    def __enter__(self):
        self._handles += [register_module_forward_pre_hook(self._before), register_module_forward_hook(self._after, always_call=True)]
        return self

    def __exit__(self, *details):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def _differentiable(nest) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(nest) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
