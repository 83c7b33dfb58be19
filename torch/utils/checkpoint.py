"""Trading computation for memory: parts of the forward pass run again in the backward pass; Chen et al. 2016.

>>> layer = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh())
>>> x = torch.ones(2, 4, requires_grad=True)
>>> torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False).sum().backward()
>>> x.grad.shape
torch.Size([2, 4])
"""

import contextlib
import warnings

import torch

from ._checkpoint_policy import SAC_IGNORED_OPS, CheckpointPolicy, SelectiveCheckpointContext, create_selective_checkpoint_contexts

__all__ = ["checkpoint", "checkpoint_sequential", "CheckpointError", "CheckpointFunction", "check_backward_validity", "detach_variable",
           "get_device_states", "set_device_states", "noop_context_fn", "set_checkpoint_early_stop", "set_checkpoint_debug_enabled",
           "DefaultDeviceType", "CheckpointPolicy", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts", "SAC_IGNORED_OPS",
           "GraphExecGroup"]

_early_stop = True
_debug = None


class CheckpointError(RuntimeError):
    """The recomputation saved other tensors than the first run."""


class _Enough(Exception):
    """Everything that the backward pass needs has been recomputed."""


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool):
    """Whether recomputation stops as soon as every needed tensor is there."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """Whether errors list the operators of both runs, for all checkpoints inside; None leaves it to the argument `debug` of each."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


class DefaultDeviceType:
    """The type of device whose random generator is kept when the arguments do not tell one."""

    _default = "cpu"

    @staticmethod
    def set_device_type(device: str = "cuda"):
        """Sets it."""
        DefaultDeviceType._default = device

    @staticmethod
    def get_device_type() -> str:
        """The type of device."""
        return DefaultDeviceType._default


class GraphExecGroup:
    """Several backward passes in one ``with`` block recompute each checkpointed region at most once between them.

    They must not use the same saved tensor twice. Has no effect with ``use_reentrant=True``.
    """

    _current = None

    def __enter__(self):
        if GraphExecGroup._current is not None:
            raise RuntimeError("GraphExecGroup contexts cannot be nested: another one is active")
        GraphExecGroup._current = self

    def __exit__(self, *details):
        GraphExecGroup._current = None


def noop_context_fn():
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs: tuple) -> tuple:
    """The inputs detached, with their requires_grad kept. Raises RuntimeError unless they are a tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: " + type(inputs).__name__)
    return tuple(value.detach().requires_grad_(value.requires_grad) if isinstance(value, torch.Tensor) else value for value in inputs)


def check_backward_validity(inputs) -> None:
    """Warns when no input requires a gradient, since then none flows to the parameters inside either."""
    if not any(value.requires_grad for value in inputs if isinstance(value, torch.Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args):
    """(devices, generator states) of the accelerators among the arguments; empty without accelerators."""
    return [], []


def set_device_states(devices, states, *, device_type=None) -> None:
    """Restores generator states of accelerators."""


class _Ambient:
    """The random state and the autocast settings of the first run, restored around the second."""

    def __init__(self, preserve_random: bool):
        self.random = torch.get_rng_state() if preserve_random else None
        self.autocast = None
        if torch.is_autocast_enabled("cpu"):
            self.autocast = {"dtype": torch.get_autocast_dtype("cpu"), "cache_enabled": torch.is_autocast_cache_enabled()}

    @contextlib.contextmanager
    def restored(self):
        with contextlib.ExitStack() as stack:
            if self.autocast is not None or torch.is_autocast_enabled("cpu"):
                stack.enter_context(torch.amp.autocast("cpu", enabled=self.autocast is not None, **(self.autocast or {})))
            if self.random is not None:
                stack.enter_context(torch.random.fork_rng(devices=[]))
                torch.set_rng_state(self.random)
            yield


class CheckpointFunction(torch.autograd.Function):
    """The first form: one node whose backward runs forward again and a backward inside it."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.function, ctx.ambient = run_function, _Ambient(preserve_rng_state)
        ctx.positions = [i for i, value in enumerate(args) if isinstance(value, torch.Tensor)]
        ctx.args = [None if isinstance(value, torch.Tensor) else value for value in args]
        ctx.save_for_backward(*(args[i] for i in ctx.positions))
        with torch.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *args):
        if not torch.autograd._is_checkpoint_valid():
            raise RuntimeError("When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                               ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing "
                               "the `inputs` argument.")
        values = list(ctx.args)
        for i, tensor in zip(ctx.positions, ctx.saved_tensors):
            values[i] = tensor
        inputs = detach_variable(tuple(values))
        with ctx.ambient.restored(), torch.enable_grad():
            outputs = ctx.function(*inputs)
        outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
        pairs = [(output, grad) for output, grad in zip(outputs, args) if isinstance(output, torch.Tensor) and output.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        torch.autograd.backward([output for output, _ in pairs], [grad for _, grad in pairs])
        return None, None, *(value.grad if isinstance(value, torch.Tensor) else None for value in inputs)


class _Inputs(torch.autograd.Function):
    """Keeps the inputs of a checkpoint as saved tensors, so that a checkpoint around it may drop and recompute them."""

    @staticmethod
    def forward(ctx, dummy, *tensors):
        ctx.save_for_backward(*tensors)
        return torch.empty(0)

    @staticmethod
    def backward(ctx, *grads):
        raise AssertionError("nothing uses the output of this node")


def _metadata(tensor):
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


class _Recomputation:
    """The second form: saved tensors are replaced by numbers, and computed when the first of them is asked for."""

    def __init__(self, function, args, kwargs, preserve, recompute_context, check, early_stop, log):
        self.function, self.names = function, list(kwargs)
        values = (*args, *kwargs.values())
        self.values = [None if isinstance(value, torch.Tensor) else value for value in values]
        self.positions = [i for i, value in enumerate(values) if isinstance(value, torch.Tensor)]
        self.inputs = _Inputs.apply(torch.empty(0, requires_grad=True), *(values[i] for i in self.positions)).grad_fn
        self.ambient, self.context, self.check, self.early_stop, self.log = _Ambient(preserve), recompute_context, check, early_stop, log
        self.saved: list = []              # what is known of each tensor that the first run saved
        self.round = None                  # the backward pass that the recomputed tensors belong to
        self.found: dict = {}
        self.count = 0

    def pack(self, tensor):
        self.saved.append(_metadata(tensor))
        return len(self.saved) - 1

    def unpack(self, number):
        task = torch._C._current_graph_task_id()
        key = GraphExecGroup._current or (task if task != -1 else object())
        try:
            if self.round is not key and self.round != key:
                self.run()
                self.round = key
            if number not in self.found:
                raise CheckpointError(
                    "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. If you are calling "
                    "ctx.saved_tensors in backward, make sure to do so only once. Otherwise please open an issue with details on your use case.")
            return self.found.pop(number)
        except CheckpointError as error:
            if self.log is None:
                raise
            raise CheckpointError(f"{self.log.text()}\n{error}") from error

    def run(self):
        """Runs the function again and keeps what it saves."""
        tensors = self.inputs.saved_tensors
        values = list(self.values)
        for i, tensor in zip(self.positions, tensors):
            values[i] = tensor
        split = len(values) - len(self.names)
        args, kwargs = values[:split], dict(zip(self.names, values[split:]))
        found = []

        def keep(tensor):
            if len(found) == len(self.saved):    # more than in the first run: counted, and told below
                self.count += 1
                return None
            found.append(tensor.detach())
            if self.early_stop and len(found) == len(self.saved):
                raise _Enough
            return tensor.detach()

        self.count = 0
        log = self.log.second() if self.log else contextlib.nullcontext()
        with contextlib.suppress(_Enough), self.ambient.restored(), self.context, log, torch.enable_grad(), \
                torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            self.function(*args, **kwargs)
        self.found = dict(enumerate(found))
        self.count += len(found)
        if self.count != len(self.saved):
            raise CheckpointError("torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                                  f"recomputation.\nNumber of tensors saved during forward: {len(self.saved)}\n"
                                  f"Number of tensors saved during recomputation: {self.count}.{_HINT}")
        if self.check:
            self.compare(found)

    def compare(self, found):
        different = [(i, saved, _metadata(tensor)) for i, (saved, tensor) in enumerate(zip(self.saved, found)) if saved != _metadata(tensor)]
        if different:
            lines = "".join(f"tensor at position {i}:\nsaved metadata: {saved}\nrecomputed metadata: {new}\n" for i, saved, new in different)
            raise CheckpointError("torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during "
                                  f"the forward pass.\n{lines}.{_HINT}")


_HINT = "\n\nTip: pass `debug=True` to `torch.utils.checkpoint.checkpoint(...)` to see the operators of both runs."


def _operator_log():
    from ._checkpoint_policy import OperatorLog

    return OperatorLog()


def checkpoint(function, *args, use_reentrant: bool | None = None, context_fn=noop_context_fn, determinism_check: str = "default",
               debug: bool = False, early_stop: bool = True, **kwargs):
    """``function(*args, **kwargs)`` whose intermediate results are computed again in the backward pass.

    Args:
        function: what to run.
        use_reentrant: True for the older form, which takes no keyword arguments and needs an input that requires grad.
        context_fn: gives two contexts, for the first run and for the recomputation; see :func:`create_selective_checkpoint_contexts`.
        determinism_check: "default" compares shapes, dtypes and devices of the two runs, "none" does not.
        debug: errors list the operators of both runs.
        early_stop: recomputation stops as soon as every needed tensor is there.
        preserve_rng_state: draw the same random numbers again (default True).

    Raises CheckpointError in the backward pass when the second run does not save the same tensors as the first.
    """
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is recommended.",
                      stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    debug = debug if _debug is None else _debug
    if debug and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    if not torch.is_grad_enabled():
        return function(*args, **kwargs)
    first, again = context_fn()
    log = _operator_log() if debug else None
    recomputation = _Recomputation(function, args, kwargs, preserve, again, determinism_check == "default", early_stop and _early_stop, log)
    hooks = torch.autograd.graph.saved_tensors_hooks(recomputation.pack, recomputation.unpack)
    with hooks, first, log.first() if log else contextlib.nullcontext():
        return function(*args, **kwargs)


def checkpoint_sequential(functions, segments: int, input, use_reentrant: bool | None = None, **kwargs):
    """Applies modules in a row in `segments` pieces, all but the last of them checkpointed.

    Args:
        functions: a Sequential, or a list of functions.
        segments: number of pieces.
        input: what goes in.
        use_reentrant, preserve_rng_state: see :func:`checkpoint`.

    Raises ValueError for more pieces than functions.
    """
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly.", stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if isinstance(functions, torch.nn.Sequential) else list(functions)
    size = len(functions) // segments
    if not size:
        raise ValueError(f"checkpoint_sequential: {segments} segments of {len(functions)} functions would be empty")

    def run(part):
        def call(value):
            for function in part:
                value = function(value)
            return value

        return call

    start = 0
    for _ in range(segments - 1):
        input = checkpoint(run(functions[start:start + size]), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
        start += size
    return run(functions[start:])(input)
