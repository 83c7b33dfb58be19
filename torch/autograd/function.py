"""`Function`: operators with a forward and a backward of one's own."""

from __future__ import annotations

import functools
import inspect
import itertools
import warnings
from collections import OrderedDict
from typing import Any

import torch
from torch import _C

__all__ = ["FunctionCtx", "BackwardCFunction", "FunctionMeta", "Function", "once_differentiable", "InplaceFunction", "NestedIOFunction"]

_class_numbers = itertools.count()


class FunctionCtx:
    """What `forward` may ask and tell of the call that it computes."""

    def save_for_backward(self, *tensors: torch.Tensor) -> None:
        """Keeps inputs or outputs for `backward`, which finds them in ``ctx.saved_tensors``. None may be among them."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: torch.Tensor) -> None:
        """Keeps tensors for `jvp`."""
        for t in tensors:
            if not (isinstance(t, torch.Tensor) or t is None):
                raise AssertionError("save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx.")
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: torch.Tensor) -> None:
        """Says which inputs `forward` wrote to; they must be among its outputs."""
        self.dirty_tensors = args

    def mark_shared_storage(self, *pairs):
        """Did something once; sharing is seen without it."""
        warnings.warn("mark_shared_storage is deprecated. Tensors with shared storages are automatically tracked.", FutureWarning, stacklevel=2)

    def mark_non_differentiable(self, *args: torch.Tensor) -> None:
        """Says which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for outputs without a gradient."""
        self.materialize_grads = value


class BackwardCFunction(_C._FunctionBase, FunctionCtx):
    """The node of a `Function` in the graph, and the `ctx` of its methods."""

    def apply(self, *args):
        """Runs `backward` of the Function."""
        backward, vjp = self._forward_cls.backward, self._forward_cls.vjp
        if backward is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError("Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them.")
        return (vjp if vjp is not Function.vjp else backward)(self, *args)

    def apply_boxed(self, *args):
        """`apply`, under the name that compiled graphs call."""
        return self.apply(*args)

    def apply_jvp(self, *args):
        """Runs `jvp` of the Function."""
        return self._forward_cls.jvp(self, *args)


class FunctionMeta(type):
    """Makes the class of a Function's nodes: ``MyFunctionBackward``."""

    def __init__(cls, name, bases, attrs):
        backward = type(name + "Backward", (BackwardCFunction,), {"_forward_cls": cls, "__module__": cls.__module__})
        backward._autograd_function_id = next(_class_numbers)
        cls._backward_cls = backward
        setup = getattr(cls, "setup_context", None)
        cls._has_setup_context = setup is not None and setup is not _no_setup_context
        super().__init__(name, bases, attrs)


def _no_setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
    """Tells what backward needs of one call, where `forward` takes no `ctx`.

    Args:
        ctx: as `forward` gets it otherwise.
        inputs: the arguments of `forward`.
        output: what it returned.
    """
    raise NotImplementedError("setup_context is not implemented.")


class Function(_C._FunctionBase, FunctionCtx, metaclass=FunctionMeta):
    """An operator with a gradient of one's own: subclass it, and call ``apply``.

    >>> class Exp(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         result = x.exp()
    ...         ctx.save_for_backward(result)
    ...         return result
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         result, = ctx.saved_tensors
    ...         return grad * result
    >>> x = torch.zeros(1, requires_grad=True)
    >>> Exp.apply(x).backward()
    >>> x.grad
    tensor([1.])
    """

    generate_vmap_rule = False
    boxed_grads_call = False
    clear_saved_tensors_on_access = False

    def __init__(self, *args, **kwargs):
        warnings.warn(f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on "
                      "the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
                      DeprecationWarning, stacklevel=2)

    def __call__(self, *args, **kwargs):
        raise RuntimeError("Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
                           "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)")

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the results: ``forward(ctx, *args)``, or ``forward(*args)`` with a `setup_context` beside it."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    setup_context = staticmethod(_no_setup_context)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Gradients of the arguments (None for those without) from the gradients of the outputs."""
        raise NotImplementedError("You must implement either the backward or vjp method for your custom autograd.Function to use it with "
                                  "backward mode AD.")

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Tangents of the outputs from the tangents of the arguments, for forward mode."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @staticmethod
    def vmap(info, in_dims, *args):
        """The result for a batch of arguments, and the dimensions of the results that carry the batch."""
        raise NotImplementedError("To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
                                  "generate_vmap_rule=True.")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Calls the Function and records it. Arguments by name are allowed beside a `setup_context`."""
        if cls._has_setup_context:
            args = _bind_arguments(cls.forward, args, kwargs)
        elif kwargs:
            raise TypeError(f"{cls.__name__}.apply() takes no keyword arguments unless it has a setup_context")
        return super().apply(*args)

    @staticmethod
    def _compiled_autograd_key(ctx):
        return (ctx._autograd_function_id,)


def _bind_arguments(forward, args, kwargs):
    bound = _signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


@functools.lru_cache(maxsize=1024)
def _signature(forward):
    return inspect.signature(forward)


class _NotTwice(Function):
    """Identity of gradients that must not be differentiated again."""

    @staticmethod
    def forward(ctx, *tensors):
        return tensors if len(tensors) > 1 else tensors[0]

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn):
    """Decorator of `backward`: it is no function of torch operators, so that its result cannot be differentiated again."""

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with torch.no_grad():
            outputs = fn(ctx, *args)
        if not torch.is_grad_enabled():
            return outputs
        if not any(isinstance(a, torch.Tensor) and a.requires_grad for a in args):
            return outputs
        several = isinstance(outputs, tuple)
        found = [o.detach().requires_grad_() if isinstance(o, torch.Tensor) else o for o in (outputs if several else (outputs,))]
        where = [i for i, o in enumerate(found) if isinstance(o, torch.Tensor)]
        if where:
            guarded = _NotTwice.apply(*(found[i] for i in where))
            for i, o in zip(where, guarded if len(where) > 1 else (guarded,)):
                found[i] = o
        return tuple(found) if several else found[0]

    return wrapper


class InplaceFunction(Function):
    """A Function that may be told to write in place. Kept for old code."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


def _flat_tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [t for v in value for t in _flat_tensors(v)]


def _like(structure, tensors):
    if isinstance(structure, torch.Tensor):
        return next(tensors)
    if isinstance(structure, (dict, OrderedDict)):
        return type(structure)((k, _like(v, tensors)) for k, v in structure.items())
    if isinstance(structure, (list, tuple)):
        return type(structure)(_like(v, tensors) for v in structure)
    return structure


class NestedIOFunction(Function):
    """A Function whose arguments and results may be nested lists and tuples. Kept for old code."""

    def _do_forward(self, *input):
        self._nested_input = input
        nested = self.forward_extended(*input)
        self._nested_output = nested
        return tuple(_flat_tensors(nested))

    def _do_backward(self, gradients, retain_variables):
        self.retain_variables = retain_variables
        return tuple(_flat_tensors(self.backward_extended(*_like(self._nested_output, iter(gradients)))))

    def backward(self, *gradients: Any) -> Any:
        """Flat gradients to flat gradients."""
        return self._do_backward(gradients, False)

    __call__ = _do_forward

    def forward(self, *args: Any) -> Any:
        """Flat results."""
        return self._do_forward(*args)

    def save_for_backward(self, *args: Any) -> None:
        """Keeps nested tensors for backward."""
        self.to_save = tuple(_flat_tensors(args))

    def mark_dirty(self, *args: Any, **kwargs: Any) -> None:
        """Says which nested inputs were written."""
        self.dirty_tensors = tuple(_flat_tensors((args, kwargs)))

    def mark_non_differentiable(self, *args: Any, **kwargs: Any) -> None:
        """Says which nested outputs have no gradient."""
        self.non_differentiable = tuple(_flat_tensors((args, kwargs)))

    def forward_extended(self, *input: Any) -> None:
        """The computation, on nested arguments; override it."""
        raise NotImplementedError(f"{type(self).__name__} must define forward_extended")

    def backward_extended(self, *grad_output: Any) -> None:
        """Its backward, on nested gradients; override it."""
        raise NotImplementedError(f"{type(self).__name__} must define backward_extended")
