"""Trading computation for memory: parts of the forward pass run again in the backward pass; Chen et al. 2016."""

from __future__ import annotations

import contextlib
import warnings

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._selective_checkpoint import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

__all__ = ["checkpoint", "checkpoint_sequential", "CheckpointError", "CheckpointFunction", "check_backward_validity", "detach_variable",
           "get_device_states", "set_device_states", "noop_context_fn", "set_checkpoint_early_stop", "DefaultDeviceType",
           "set_checkpoint_debug_enabled", "CheckpointPolicy", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts",
           "SAC_IGNORED_OPS", "GraphExecGroup"]

_early_stop = True
_debug: bool | None = None


class CheckpointError(RuntimeError):
    """The recomputation saved other tensors than the first run."""


class _Enough(Exception):
    """Everything that the backward pass needs has been recomputed."""


@contextlib.contextmanager
def _setting(name, value):
    before = globals()[name]
    globals()[name] = value
    try:
        yield
    finally:
        globals()[name] = before


def set_checkpoint_early_stop(enable):
    """Within a block: whether recomputation stops as soon as every needed tensor is there."""
    return _setting("_early_stop", enable)


def set_checkpoint_debug_enabled(enabled):
    """Within a block: the `debug` of every :func:`checkpoint`; None leaves it to the calls."""
    return _setting("_debug", enabled)


class DefaultDeviceType:
    """The device type whose random state is kept where the arguments are on none but the CPU."""

    _default_device_type = "cpu"

    @staticmethod
    def set_device_type(device="cuda"):
        """Sets it."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type():
        """The device type."""
        return DefaultDeviceType._default_device_type


class GraphExecGroup:
    """Backward passes within a block recompute each checkpoint only once, however many of them come through it."""

    _current: GraphExecGroup | None = None

    def __enter__(self):
        if GraphExecGroup._current is not None:
            raise RuntimeError("GraphExecGroup contexts cannot be nested")
        GraphExecGroup._current = self
        return self

    def __exit__(self, *_):
        GraphExecGroup._current = None


def noop_context_fn():
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs):
    """The inputs detached, with their requires_grad kept."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: " + type(inputs).__name__)
    return tuple(value.detach().requires_grad_(value.requires_grad) if isinstance(value, torch.Tensor) else value
                 for value in inputs)


def check_backward_validity(inputs):
    """Warn when no input requires a gradient, since then none flows to the parameters inside either."""
    if not any(value.requires_grad for value in inputs if isinstance(value, torch.Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args):
    """(devices, generator states) of the accelerators among the arguments; empty without accelerators."""
    return [], []


def set_device_states(devices, states, *, device_type=None):
    """Restore generator states of accelerators."""


class _Random:
    """The state of the generator at the first run, restored around the second."""

    def __init__(self, preserve):
        self.state = torch.get_rng_state() if preserve else None

    @contextlib.contextmanager
    def replayed(self):
        if self.state is None:
            yield
            return
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.state)
            yield


class CheckpointFunction(torch.autograd.Function):
    """The first form: one node whose backward runs forward again and a backward inside it."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.function, ctx.random = run_function, _Random(preserve_rng_state)
        ctx.positions = [i for i, value in enumerate(args) if isinstance(value, torch.Tensor)]
        ctx.args = [None if isinstance(value, torch.Tensor) else value for value in args]
        ctx.save_for_backward(*(args[i] for i in ctx.positions))
        with torch.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        args = list(ctx.args)
        for i, tensor in zip(ctx.positions, ctx.saved_tensors):
            args[i] = tensor
        inputs = detach_variable(tuple(args))
        with ctx.random.replayed(), torch.enable_grad():
            outputs = ctx.function(*inputs)
        outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
        pairs = [(output, grad) for output, grad in zip(outputs, grads)
                 if isinstance(output, torch.Tensor) and output.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        torch.autograd.backward([output for output, _ in pairs], [grad for _, grad in pairs])
        return None, None, *(value.grad if isinstance(value, torch.Tensor) else None for value in inputs)


class _OperatorLog(TorchDispatchMode):
    """The operators that run, in order."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append(str(func))
        return func(*args, **(kwargs or {}))


class _Recomputation:
    """The second form: saved tensors are replaced by numbers, and computed when the first of them is asked for."""

    def __init__(self, function, args, kwargs, preserve, recompute_context, check, early_stop, debug):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.random, self.context, self.check, self.early_stop = _Random(preserve), recompute_context, check, early_stop
        self.shapes, self.values, self.group = [], {}, None
        self.logs = (_OperatorLog(), _OperatorLog()) if debug else None

    def pack(self, tensor):
        self.shapes.append((tensor.shape, tensor.dtype, tensor.device))
        return len(self.shapes) - 1

    def unpack(self, number):
        group = GraphExecGroup._current
        if number not in self.values or group is not self.group:
            self.run()
            self.group = group
        if number not in self.values:
            raise self.error("torch.utils.checkpoint: A different number of tensors was saved during the original "
                                  f"forward and recomputation.\nNumber of tensors saved during forward: {len(self.shapes)}\n"
                                  f"Number of tensors saved during recomputation: {len(self.values)}.")
        return self.values.pop(number) if group is None else self.values[number]

    def error(self, text):
        """A CheckpointError; with `debug` it lists the operators of both runs."""
        if self.logs:
            for title, log in zip(("the original forward", "recomputation"), self.logs):
                text += f"\n\nOperators executed during {title}:\n" + "\n".join(log.calls)
        return CheckpointError(text)

    def run(self):
        found = []

        def keep(tensor):
            found.append(tensor.detach())
            if _early_stop and self.early_stop and len(found) == len(self.shapes):
                raise _Enough
            return len(found) - 1

        def refuse(_):
            raise CheckpointError("torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked "
                                  "once. If you are calling ctx.saved_tensors in backward, make sure to do so only once.")

        log = self.logs[1] if self.logs else contextlib.nullcontext()
        with contextlib.suppress(_Enough), self.random.replayed(), self.context, log, torch.enable_grad(), \
                torch.autograd.graph.saved_tensors_hooks(keep, refuse):
            self.function(*self.args, **self.kwargs)
        if self.check:
            for number, (tensor, (shape, dtype, device)) in enumerate(zip(found, self.shapes)):
                if (tensor.shape, tensor.dtype, tensor.device) != (shape, dtype, device):
                    raise self.error(
                        "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                        f"during the forward pass.\ntensor at position {number}:\nsaved metadata: {shape}, {dtype}, {device}"
                        f"\nrecomputed metadata: {tensor.shape}, {tensor.dtype}, {tensor.device}")
        self.values = dict(enumerate(found))


def checkpoint(function, *args, use_reentrant=None, context_fn=noop_context_fn, determinism_check="default", debug=False,
               early_stop=True, **kwargs):
    """``function(*args, **kwargs)`` whose intermediate results are computed again in the backward pass.

    Args:
        use_reentrant: True for the older form, which takes no keyword arguments and needs an input that requires grad.
        context_fn: gives two contexts, for the first run and for the recomputation.
        determinism_check: "default" compares shapes, dtypes and devices of the two runs, "none" does not.
        debug: errors list the operators of both runs.
        preserve_rng_state: draw the same random numbers again (default True).
    """
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False "
                      "is recommended.", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if not torch.is_grad_enabled():
        return function(*args, **kwargs)
    first, again = context_fn()
    debug = debug if _debug is None else _debug
    recomputation = _Recomputation(function, args, kwargs, preserve, again, determinism_check == "default", early_stop, debug)
    log = recomputation.logs[0] if debug else contextlib.nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(recomputation.pack, recomputation.unpack), first, log:
        return function(*args, **kwargs)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Apply modules in a row in `segments` pieces, all but the last of them checkpointed."""
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed "
                      "explicitly.", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if isinstance(functions, torch.nn.Sequential) else list(functions)
    size = len(functions) // segments

    def run(part):
        def call(value):
            for function in part:
                value = function(value)
            return value

        return call

    start = 0
    for _ in range(segments - 1):
        input = checkpoint(run(functions[start:start + size]), input, use_reentrant=use_reentrant,
                           preserve_rng_state=preserve)
        start += size
    return run(functions[start:])(input)
