"""The operators that `torch.library` registers: their kernels, gradients and how a call goes through the layers."""

from __future__ import annotations

import contextlib

import torch
from torch import _C
from torch._schema import FunctionSchema

__all__ = ["Registered", "find", "define", "OPERATORS"]

OPERATORS: dict[str, dict[str, Registered]] = {}   # "mylib::mul" -> overload -> operator

_DEVICE_KEYS = {"cpu": "CPU", "cuda": "CUDA", "meta": "Meta"}


@contextlib.contextmanager
def _below_autograd():
    before = _C._set_below_autograd(True)
    try:
        yield
    finally:
        _C._set_below_autograd(before)


def tensors_in(values):
    """The tensors among arguments or results, those in lists too."""
    for v in values:
        if isinstance(v, torch.Tensor):
            yield v
        elif isinstance(v, (list, tuple)):
            yield from tensors_in(v)


class Registered:
    """One overload of an operator defined in Python. Calling it goes through autograd, modes and subclasses to a kernel."""

    is_view = False
    family = "kernel"

    def __init__(self, schema_text: str, namespace: str, tags=()):
        self.parsed = FunctionSchema(schema_text, namespace)
        self.schema = str(self.parsed)
        self.name = self.parsed.name
        self.overload = self.parsed.overload_name
        self.kernels: dict[str, object] = {}       # by dispatch key
        self.disabled: set[str] = set()
        self.fake = None
        self.autograd = None                       # (backward, setup_context)
        self.vmap = None
        self.torch_dispatch: dict[type, object] = {}
        self.tags = tuple(tags)
        self._function = None

    @property
    def is_composite(self):
        """Is it written in other operators, and differentiated through them?"""
        return "CompositeImplicitAutograd" in self.kernels

    @property
    def handle(self):
        """The OpOverload of this operator."""
        namespace, name = self.name.split("::")
        return getattr(getattr(getattr(torch.ops, namespace), name), self.overload or "default")

    def normalize(self, args, kwargs):
        """Positional arguments as the schema lists them, with defaults left out at the end; keyword-only ones by name."""
        names = [a.name for a in self.parsed.arguments]
        positional = [a for a in self.parsed.arguments if not a.kwarg_only]
        if len(args) > len(positional):
            raise TypeError(f"{self.name}() takes {len(positional)} positional arguments but {len(args)} were given")
        given = dict(zip((a.name for a in positional), args))
        for name, value in kwargs.items():
            if name not in names or name in given:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{name}'")
            given[name] = value
        missing = [a.name for a in self.parsed.arguments if a.name not in given and not a.has_default]
        if missing:
            raise TypeError(f"{self.name}() is missing value for argument '{missing[0]}'. Declaration: {self.schema}")
        full = [given.get(a.name, a.default_value) for a in positional]
        while full and positional[len(full) - 1].name not in given:
            full.pop()
        return tuple(full), {a.name: given[a.name] for a in self.parsed.arguments if a.kwarg_only and a.name in given}

    def __call__(self, *args, **kwargs):
        args, kwargs = self.normalize(args, kwargs)
        tensors = list(tensors_in((*args, *kwargs.values())))
        if _C._has_torch_function(tensors):
            return _C._handle_torch_function(self.handle, tensors, *args, **kwargs)
        if self.is_composite:
            return self.kernels["CompositeImplicitAutograd"](*args, **kwargs)
        for key in ("Autograd", "AutogradCPU"):
            if key in self.kernels and any(t.requires_grad for t in tensors):
                return self.kernels[key](*args, **kwargs)
        if torch.is_grad_enabled() and any(t.requires_grad for t in tensors) and not self.parsed.is_mutable:
            return self.differentiable(args, kwargs)
        result = self.below_autograd(*args, **kwargs)
        self._count_writes(args, kwargs)
        return result

    def _count_writes(self, args, kwargs):
        positional = [a for a in self.parsed.arguments if not a.kwarg_only]
        for a, value in [*zip(positional, args), *((a, kwargs[a.name]) for a in self.parsed.arguments if a.name in kwargs)]:
            if a.is_write:
                for t in tensors_in((value,)):
                    if not t.is_inference():
                        _C._increment_version(t)

    def below_autograd(self, *args, **kwargs):
        """The call below autograd: vmap, modes, subclasses, then the kernel."""
        return self._below(args, kwargs, torch.is_grad_enabled())

    def _below(self, args, kwargs, grad_enabled):
        tensors = list(tensors_in((*args, *kwargs.values())))
        if any(map(_C._functorch.is_batchedtensor, tensors)):
            from torch._functorch.autograd_function import operator_of_examples

            return operator_of_examples(self, args, kwargs, grad_enabled)
        with _below_autograd():
            n = _C._len_torch_dispatch_stack()
            wrapped = [t for t in tensors if type(t).__torch_dispatch__ is not _C._disabled_torch_dispatch_impl]
            if n or wrapped:
                return self._interposed(n, wrapped, args, kwargs)
            return self.kernel_for(tensors)(*args, **kwargs)

    def _interposed(self, n, wrapped, args, kwargs):
        from torch.utils._python_dispatch import _pop_mode_temporarily

        types = tuple(dict.fromkeys(type(t) for t in wrapped))
        if n:
            with _pop_mode_temporarily() as mode:
                rule = self.torch_dispatch.get(type(mode))
                result = rule(mode, self.handle, types, args, kwargs) if rule else mode.__torch_dispatch__(self.handle, types, args, kwargs)
            if result is not NotImplemented:
                return result
        for cls in types:
            rule = self.torch_dispatch.get(cls)
            result = rule(cls, self.handle, types, args, kwargs) if rule else cls.__torch_dispatch__(self.handle, types, args, kwargs)
            if result is not NotImplemented:
                return result
        raise TypeError(f"Multiple dispatch failed for 'torch.ops.{self.name.replace('::', '.')}'; all __torch_dispatch__ handlers returned "
                        "NotImplemented")

    def kernel_for(self, tensors):
        """The kernel for these arguments. NotImplementedError where there is none for their device."""
        device = next((t.device.type for t in tensors), "cpu")
        key = _DEVICE_KEYS.get(device, device.upper())
        if key == "Meta" and self.fake is not None:
            return self.fake
        for k in (key, "CompositeExplicitAutograd", "CompositeImplicitAutograd"):
            if k in self.kernels and k not in self.disabled:
                return self.kernels[k]
        raise NotImplementedError(f"Could not run '{self.name}' with arguments from the '{key}' backend. Kernels are registered for: "
                                  f"{', '.join(sorted(self.kernels)) or 'no backend'}.")

    def differentiable(self, args, kwargs):
        """The call as a node of the graph; backward answers for every argument, given or not."""
        positional = [a for a in self.parsed.arguments if not a.kwarg_only]
        args = (*args, *(a.default_value for a in positional[len(args):]))
        if self._function is None:
            self._function = self._make_function()
        return self._function.apply(kwargs, *args)

    def _make_function(self):
        op = self

        class Node(torch.autograd.Function):
            _runs_examples = True

            @staticmethod
            def forward(ctx, kwargs, *args):
                result = op._below(args, kwargs, True)
                if op.autograd is not None and op.autograd[1] is not None:
                    setup = op.autograd[1]
                    named = {"keyword_only_inputs": kwargs} if kwargs else {}
                    output = tuple(result) if isinstance(result, list) else result
                    setup(ctx=ctx, inputs=args, output=output, **named)
                ctx.lists = tuple(len(a) if isinstance(a, (list, tuple)) else None for a in args)
                return tuple(result) if isinstance(result, list) else result

            @staticmethod
            def backward(ctx, *grads):
                if op.autograd is None:
                    raise RuntimeError(f"Trying to backward through {op.handle} but no autograd formula was registered. Please use "
                                       "register_autograd to add one.")
                found = op.autograd[0](ctx, *grads)
                return (None, *(found if isinstance(found, tuple) else (found,)))

        Node.__name__ = Node._backward_cls.__name__ = f"GeneratedBackwardFor_{op.name.replace('::', '_')}_{op.overload or 'default'}Backward"
        return Node


def define(schema_text: str, namespace: str, tags=()) -> Registered:
    """Adds an operator. RuntimeError if it is there already."""
    op = Registered(schema_text, namespace, tags)
    overloads = OPERATORS.setdefault(op.name, {})
    if op.overload in overloads:
        raise RuntimeError(f"Tried to register an operator ({op.schema}) with the same name and overload name multiple times. Each overload's "
                           "schema should only be registered with a single call to def().")
    overloads[op.overload] = op
    packet = getattr(getattr(torch.ops, namespace), "__dict__", {}).get(op.name.split("::")[1])
    if packet is not None:
        packet._overload_names = tuple(overloads)
    return op


def find(qualified_name: str) -> Registered:
    """The operator "mylib::mul" or "mylib::mul.overload"; RuntimeError where there is none."""
    name, _, overload = qualified_name.partition(".")
    op = OPERATORS.get(name, {}).get("" if overload == "default" else overload)
    if op is None:
        raise RuntimeError(f"operator {qualified_name} does not exist")
    return op


def remove(op: Registered) -> None:
    """Takes an operator out again."""
    overloads = OPERATORS.get(op.name, {})
    overloads.pop(op.overload, None)
    if not overloads:
        OPERATORS.pop(op.name, None)
        namespace, name = op.name.split("::")
        getattr(torch.ops, namespace).__dict__.pop(name, None)
