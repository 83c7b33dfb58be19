"""What TorchScript's decorators and annotations mean to code that Python runs.

Nothing is compiled here yet: `script` hands its argument back, with one warning, and what would write or read compiled
programs (`trace`, `save`, `load`, ...) is absent.
"""

from __future__ import annotations

import types
import typing
import warnings
from typing import Any, Final, NamedTuple

import torch
from torch.futures import Future

__all__ = ["Attribute", "Error", "Final", "Future", "ScriptFunction", "ScriptModule", "annotate", "export", "fork", "ignore",
           "interface", "is_scripting", "is_tracing", "isinstance", "script", "script_if_tracing", "unused", "wait"]

_isinstance = isinstance
_MODIFIER = "_torchscript_modifier"
_UNUSED = "unused (ignored and replaced with raising of an exception)"
_IGNORED = "ignore (leave as a call to Python, cannot be torch.jit.save'd)"
_EXPORTED = "export (compile this function even if nothing calls it)"
_warned = False


class Error(RuntimeError):
    """What a compiled program raises."""


class ScriptFunction:
    """The class of compiled functions, of which there are none."""


class ScriptModule(torch.nn.Module):
    """The class of compiled modules, of which there are none."""


class Attribute(NamedTuple):
    """A value of a module with the type that it has for the compiler."""

    value: Any
    type: Any


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """`obj` itself: functions, classes and modules run as Python. Warns once."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn("torch.jit.script compiles nothing in this build: functions and modules run as written", stacklevel=2)
    return obj


def script_if_tracing(fn):
    """Decorator: compile `fn` when a trace meets it; no trace ever does."""
    return fn


def is_scripting() -> bool:
    """Whether this runs as compiled code: no."""
    return False


def is_tracing() -> bool:
    """Whether a trace is being recorded: no."""
    return False


def _marked(fn, text):
    if _isinstance(fn, property):
        for accessor in (fn.fget, fn.fset):
            if accessor is not None:
                setattr(accessor, _MODIFIER, text)
    else:
        setattr(fn, _MODIFIER, text)
    return fn


def unused(fn):
    """Decorator: a compiler leaves this method out."""
    return _marked(fn, _UNUSED)


def ignore(drop=False, **kwargs):
    """Decorator: a compiler leaves this method to Python, or with ``drop=True`` leaves it out."""
    if callable(drop):
        return _marked(drop, _IGNORED)
    if not _isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    return lambda fn: _marked(fn, _UNUSED if drop else _IGNORED)


def export(fn):
    """Decorator: a compiler takes this method in though no compiled code calls it."""
    return _marked(fn, _EXPORTED)


def interface(obj):
    """Decorator of a class that only declares methods. Raises RuntimeError for what is no class."""
    if not _isinstance(obj, type):
        raise RuntimeError(f"interface must be applied to a class, got {obj}")
    return obj


def annotate(the_type, the_value):
    """`the_value`, which has the type `the_type` for a compiler."""
    return the_value


def isinstance(obj, target_type) -> bool:
    """Whether `obj` is of a type, or of one of a tuple of types; the elements of containers are looked at too.

    Raises RuntimeError for ``List``, ``Dict``, ``Tuple`` or ``Optional`` without element types.

    >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance([1, 2], list[str])
    (True, False)
    """
    if _isinstance(target_type, (tuple, list)):
        return any(isinstance(obj, one) for one in target_type)
    origin, inner = typing.get_origin(target_type), typing.get_args(target_type)
    if target_type in (list, dict, tuple, typing.Optional) or origin in (list, dict, tuple) and not inner:
        name = getattr(target_type, "_name", None) or target_type.__name__.title()
        raise RuntimeError(f"Attempted to use {name} without a contained type. Please add a contained type, e.g. {name}[int]")
    if origin is list:
        return _isinstance(obj, list) and all(isinstance(element, inner[0]) for element in obj)
    if origin is dict:
        return _isinstance(obj, dict) and all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple:
        return _isinstance(obj, tuple) and len(obj) == len(inner) and all(map(isinstance, obj, inner))
    if origin in (typing.Union, types.UnionType):
        return any(isinstance(obj, one) for one in inner)
    return _isinstance(obj, target_type)


def fork(func, *args, **kwargs):
    """``func(*args, **kwargs)``, run now, as a `Future` that holds its result."""
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future):
    """The result of a `Future` of `fork`."""
    return future.wait()
