"""Interposition below autograd: `TorchDispatchMode` and helpers of `__torch_dispatch__` subclasses."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import torch
from torch import _C

__all__ = ["TorchDispatchMode", "return_and_correct_aliasing", "is_traceable_wrapper_subclass", "transform_subclass"]


class TorchDispatchMode:
    """Sees every operator call that reaches the kernels, while it is switched on with ``with``.

    Override ``__torch_dispatch__(self, func, types, args=(), kwargs=None)``: `func` is an operator such as
    ``torch.ops.aten.add.Tensor``, `types` the subclasses with `__torch_dispatch__` among the arguments. In the handler the mode
    itself is off, and nothing is recorded for backward.

    >>> class Log(TorchDispatchMode):
    ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
    ...         print(func)
    ...         return func(*args, **(kwargs or {}))
    >>> with Log():
    ...     _ = torch.ones(2) + 1
    aten.ones.default
    aten.add.Tensor
    """

    supports_higher_order_operators = False

    def __init__(self, _dispatch_key=None):
        if _dispatch_key is not None:
            self.__dict__["_dispatch_key"] = _dispatch_key

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Handles one call; subclasses override it."""
        raise NotImplementedError(f"{type(self).__name__} must define __torch_dispatch__")

    def __enter__(self):
        _C._push_on_torch_dispatch_stack(self)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        _pop_mode(getattr(self, "_mode_key", None))

    @classmethod
    def push(cls, *args, **kwargs):
        """The same as the constructor."""
        return cls(*args, **kwargs)

    @classmethod
    def is_infra_mode(cls):
        """Is this one of the modes that tracing itself puts on the stack?"""
        return getattr(cls, "_mode_key", None) is not None

    @classmethod
    def ignore_compile_internals(cls):
        """Does the mode leave alone what a compiled region runs?"""
        return False


class KeyedMode(TorchDispatchMode):
    """A mode of tracing: at most one of each `_mode_key` is on, below all other modes; entering one sets aside the one that was on."""

    _mode_key: int

    def __init__(self):
        super().__init__()
        self._set_aside: list = []

    def __enter__(self):
        self._set_aside.append(_C._unset_dispatch_mode(self._mode_key))
        _C._set_dispatch_mode(self)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        _C._unset_dispatch_mode(self._mode_key)
        before = self._set_aside.pop()
        if before is not None:
            _C._set_dispatch_mode(before)


class BaseTorchDispatchMode(TorchDispatchMode):
    """A mode that hands every call on."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def _get_current_dispatch_mode():
    n = _C._len_torch_dispatch_stack()
    return _C._get_dispatch_stack_at(n - 1) if n else None


def _get_current_dispatch_mode_stack():
    return [_C._get_dispatch_stack_at(i) for i in range(_C._len_torch_dispatch_stack())]


def _push_mode(mode):
    _C._push_on_torch_dispatch_stack(mode)


def _pop_mode(k=None):
    return _C._pop_torch_dispatch_stack() if k is None else _C._unset_dispatch_mode(k)


@contextlib.contextmanager
def _pop_mode_temporarily(k=None):
    """The innermost mode (or that of a key) is off inside; gives it."""
    mode = _pop_mode(k)
    try:
        yield mode
    finally:
        _push_mode(mode)


def _detect_infra_mode(key):
    """The mode of this `torch._C._TorchDispatchModeKey` that is on, or None."""
    return _C._get_dispatch_mode(key)


def _unset_infra_mode(key):
    """Takes the mode of a key off; gives it, or None."""
    return _C._unset_dispatch_mode(key)


@contextlib.contextmanager
def _disable_infra_mode(key):
    """The mode of a key is off inside; gives it, or None."""
    mode = _C._unset_dispatch_mode(key)
    try:
        yield mode
    finally:
        if mode is not None:
            _push_mode(mode)


def _get_dispatch_stack_at(index):
    return _C._get_dispatch_stack_at(index)


def _len_torch_dispatch_stack():
    return _C._len_torch_dispatch_stack()


@contextlib.contextmanager
def _disable_current_modes():
    """All modes are off inside; gives them, outermost first."""
    modes = [_pop_mode() for _ in range(_C._len_torch_dispatch_stack())][::-1]
    try:
        yield modes
    finally:
        for mode in modes:
            _push_mode(mode)


def is_in_torch_dispatch_mode(include_infra_modes=True) -> bool:
    """Is some TorchDispatchMode on?"""
    return any(include_infra_modes or not mode.is_infra_mode() for mode in _get_current_dispatch_mode_stack())


def is_in_any_mode_without_ignore_compile_internals() -> bool:
    """Is some TorchDispatchMode on?"""
    return is_in_torch_dispatch_mode()


def any_torch_dispatch_mode_on_stack(*, include_infra_modes=True, respect_ignore_compile_internals=False) -> bool:
    """Is some TorchDispatchMode on?"""
    return is_in_torch_dispatch_mode(include_infra_modes)


@contextlib.contextmanager
def _disable_torch_dispatch():
    before = _C._set_torch_dispatch_disabled(True)
    try:
        yield
    finally:
        _C._set_torch_dispatch_disabled(before)


def is_traceable_wrapper_subclass_type(t: type) -> bool:
    """Do tensors of type `t` say how to take them apart (`__tensor_flatten__`, `__tensor_unflatten__`)?"""
    return issubclass(t, torch.Tensor) and t is not torch.Tensor and hasattr(t, "__tensor_flatten__") and hasattr(t, "__tensor_unflatten__")


def is_traceable_wrapper_subclass(t: Any) -> bool:
    """Is `t` a tensor subclass that can be taken apart into tensors and put together again?"""
    return is_traceable_wrapper_subclass_type(type(t))


def transform_subclass(t, callback, outer_size=None, outer_stride=None):
    """Takes `t` apart, maps its inner tensors with ``callback(name, tensor)`` and puts the results together again."""
    outer_size = outer_size if outer_size is not None else t.size()
    outer_stride = outer_stride if outer_stride is not None else t.stride()
    names, context = t.__tensor_flatten__()
    inner = {name: callback(name, getattr(t, name)) for name in names}
    return type(t).__tensor_unflatten__(inner, context, outer_size, outer_stride)


@functools.cache
def _aliases(func):
    """Which results of `func` share memory with which arguments: [(result, argument position or name, is it written?)]."""
    schema = func._schema
    found = []
    for r, result in enumerate(schema.returns):
        if result.alias_info is None:
            continue
        for i, arg in enumerate(schema.arguments):
            if arg.alias_info is not None and arg.alias_info.before_set & result.alias_info.before_set:
                found.append((r, arg.name if arg.kwarg_only else i, result.alias_info.is_write))
    return found


def return_and_correct_aliasing(func, args, kwargs, out):
    """What a wrapper subclass returns from `__torch_dispatch__`: results that alias arguments as the operator's schema says.

    A result that the schema calls the same tensor as a written argument is that argument itself; a view shares its storage.
    """
    is_tuple = isinstance(out, (tuple, list))
    results = list(out) if is_tuple else [out]
    for r, where, written in _aliases(func):
        arg = kwargs.get(where) if isinstance(where, str) else args[where] if where < len(args) else None
        if arg is None or r >= len(results):
            continue
        if written:
            results[r] = arg
        else:
            views = out if is_tuple and len(func._schema.returns) == 1 else [results[r]]
            for view in views:
                if isinstance(view, torch.Tensor) and isinstance(arg, torch.Tensor) and view is not arg:
                    _C._share_storage(view, arg)
    return type(out)(results) if is_tuple else results[0]


