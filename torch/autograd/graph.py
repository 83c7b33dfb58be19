"""Looking at the graph, and changing what it keeps."""

from __future__ import annotations

import abc
import contextlib
import functools
import threading
from collections import defaultdict
from typing import Any, Callable, NamedTuple, Sequence
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import _C
from torch.utils.hooks import RemovableHandle

__all__ = ["saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks", "register_multi_grad_hook", "allow_mutation_on_saved_tensors",
           "Node", "GradientEdge", "get_gradient_edge", "increment_version", "set_warn_on_accumulate_grad_stream_mismatch",
           "set_override_stale_capture_stream", "region_activation_memory_budget"]

class Node(abc.ABC):
    """A node of the graph: what ``tensor.grad_fn`` is. Any such object is an instance of this class."""

    @abc.abstractmethod
    def name(self) -> str:
        """What the node is called, such as "MulBackward0"."""

    @property
    @abc.abstractmethod
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that get this one's gradients, each with the number of its output."""

    @abc.abstractmethod
    def metadata(self) -> dict:
        """A dict for the user, and for anomaly mode."""

    @property
    @abc.abstractmethod
    def _input_metadata(self) -> list[Any]: ...

    @abc.abstractmethod
    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls ``fn(grad_inputs, grad_outputs)`` after the node has run."""

    @abc.abstractmethod
    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls ``fn(grad_outputs)`` before the node runs."""

    @classmethod
    def __subclasshook__(cls, subclass):
        if cls is Node and issubclass(subclass, (_C.Node, _C._FunctionBase)):
            return True
        return NotImplemented


class GradientEdge(NamedTuple):
    """Where a gradient is wanted or comes from: output `output_nr` of a node."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: torch.Tensor) -> GradientEdge:
    """The edge at which the gradient of `tensor` arrives. RuntimeError if the tensor does not require a gradient."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node, number = _C._get_gradient_edge(tensor)
    return GradientEdge(node, number, tensor if isinstance(node, _C._FunctionBase) else None)


def _engine_run_backward(t_outputs, *args, **kwargs):
    return _C._engine.run_backward(t_outputs, *args, **kwargs)


def increment_version(tensor) -> None:
    """Tells autograd that the elements of a tensor (or of several) were written behind its back."""
    _C._increment_version((tensor,) if isinstance(tensor, torch.Tensor) else tuple(tensor))


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Whether to warn where gradients arrive on another CUDA stream than the leaf's. There are no streams on the CPU."""


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Whether a CUDA stream outside of a graph capture is replaced by the capturing one. There are no streams on the CPU."""


def region_activation_memory_budget(budget: float):
    """The share of activations that a compiled function may keep: RuntimeError, since eager calls keep what their formulas name."""
    raise RuntimeError("torch.autograd.graph.region_activation_memory_budget can only be used inside a torch.compile region; it has no effect in "
                       "eager mode. Use torch.utils.checkpoint there.")


class saved_tensors_hooks:
    """Inside, tensors saved for backward are replaced by ``pack_hook(tensor)`` and come back as ``unpack_hook(packed)``.

    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.double(), lambda t: t.float()):
    ...     x = torch.ones(2, requires_grad=True)
    ...     y = x * x
    """

    def __init__(self, pack_hook: Callable[[torch.Tensor], Any], unpack_hook: Callable[[Any], torch.Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C._autograd._push_saved_tensors_default_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc) -> None:
        _C._autograd._pop_saved_tensors_default_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Inside, tensors are saved for backward in the memory of the CPU.

    Args:
        pin_memory: keep them in page-locked memory, for faster copies back to a GPU.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor):
            if not pin_memory:
                return tensor.device, tensor.cpu()
            packed = torch.empty(tensor.size(), dtype=tensor.dtype, layout=tensor.layout, pin_memory=True)
            packed.copy_(tensor)
            return tensor.device, packed

        super().__init__(pack, lambda packed: packed[1].to(packed[0], non_blocking=pin_memory))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str):
    """Inside, `saved_tensors_hooks` raises RuntimeError with this message."""
    before = _C._autograd._saved_tensors_hooks_get_disabled_error_message()
    _C._autograd._saved_tensors_hooks_disable(error_message)
    try:
        yield
    finally:
        if before is None:
            _C._autograd._saved_tensors_hooks_enable()
        else:
            _C._autograd._saved_tensors_hooks_disable(before)


class _MultiHandle(RemovableHandle):
    """Removes several hooks at once."""

    handles: tuple[RemovableHandle, ...]

    def __init__(self, handles) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self):
        return self.handles

    def __setstate__(self, state) -> None:
        self.handles = state


def register_multi_grad_hook(tensors: Sequence[torch.Tensor], fn: Callable, *, mode: str = "all") -> RemovableHandle:
    """Calls `fn` once in each backward that reaches these tensors.

    Args:
        mode: "all": ``fn(grads)`` when the gradients of all that this backward reaches are there, None for the others;
            "any": ``fn(grad)`` with the first one.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    lock = threading.Lock()
    if mode == "any":
        seen: dict[int, bool] = defaultdict(bool)

        @functools.wraps(fn)
        def first(grad):
            task = _C._current_graph_task_id()
            with lock:
                again, seen[task] = seen[task], True
            if not again:
                fn(grad)

        return _MultiHandle(t.register_hook(first) for t in tensors if t.requires_grad)

    n = len(tensors)
    arrived: dict[int, int] = defaultdict(int)
    expected: dict[int, int] = {}
    grads: dict[int, list] = {}
    nodes = [get_gradient_edge(t).node for t in tensors]

    def hook_of(i):
        def collect(grad):
            task = _C._current_graph_task_id()
            with lock:
                if task not in expected:
                    expected[task] = sum(_C._will_engine_execute_node(node) for node in nodes)
                    grads[task] = [None] * n
                grads[task][i] = grad
                arrived[task] += 1
                ready = arrived[task] == expected[task]
            if ready:
                found = grads.pop(task)
                del arrived[task], expected[task]
                fn(found)
        return collect

    return _MultiHandle(t.register_hook(hook_of(i)) for i, t in enumerate(tensors))


# ---- saved tensors that may be written to ----

class _CloneOnWrite:
    """Copies a saved tensor just before an in-place operation changes it."""

    def __init__(self):
        self.originals: WeakKeyDictionary = WeakKeyDictionary()   # handle -> the tensor it stands for
        self.handles: WeakValueDictionary = WeakValueDictionary()   # (tensor, version) -> handle
        self.clones: WeakKeyDictionary = WeakKeyDictionary()

    class Handle:
        """Stands for a saved tensor at one version."""

    def pack(self, tensor):
        key = id(tensor), tensor.data_ptr() if tensor.numel() else 0, tensor._version
        handle = self.handles.get(key)
        if handle is None:
            handle = self.handles[key] = self.Handle()
            self.originals[handle] = tensor
        return handle

    def unpack(self, handle):
        return self.clones[handle] if handle in self.clones else self.originals[handle]

    def before_write(self, written):
        storage = written.untyped_storage().data_ptr()
        for handle, original in list(self.originals.items()):
            if handle not in self.clones and original.untyped_storage().data_ptr() == storage:
                with torch.no_grad():
                    self.clones[handle] = original.clone()

    def clear(self):
        """Forgets everything."""
        self.originals.clear()
        self.handles.clear()
        self.clones.clear()


@contextlib.contextmanager
def allow_mutation_on_saved_tensors():
    """Inside, tensors saved for backward may be written in place: they are copied first. Gives an object with ``clear()``."""
    from torch.utils._python_dispatch import TorchDispatchMode

    keeper = _CloneOnWrite()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            for i, arg in enumerate(func._schema.arguments):
                if arg.is_write:
                    value = kwargs.get(arg.name) if arg.kwarg_only else args[i] if i < len(args) else None
                    for t in value if isinstance(value, (list, tuple)) else (value,):
                        if isinstance(t, torch.Tensor):
                            keeper.before_write(t)
            return func(*args, **kwargs)

    with saved_tensors_hooks(keeper.pack, keeper.unpack), Watch():
        try:
            yield keeper
        finally:
            keeper.clear()


def _get_grad_fn_or_grad_acc(tensor):
    return get_gradient_edge(tensor).node

