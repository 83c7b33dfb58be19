"""Names: unique ones for the values of a graph, readable ones for functions and types."""

from __future__ import annotations

import builtins
import keyword
import re
import types
import typing
from typing import Any, Callable, NamedTuple

import torch


class CustomBuiltin(NamedTuple):
    """A name that generated code may use without a prefix: how to import it, and what it is."""

    import_str: str
    obj: Any


CUSTOM_BUILTINS: dict[str, CustomBuiltin] = {}


def _register_custom_builtin(name: str, import_str: str, obj: Any):
    CUSTOM_BUILTINS[name] = CustomBuiltin(import_str, obj)
    _RESERVED.add(name)


_RESERVED = {*keyword.kwlist, *dir(builtins)}
_NUMBERED = re.compile(r"(.*)_(\d+)$")
_NOT_IN_NAMES = re.compile(r"[^0-9a-zA-Z_]+")
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


def snake_case(name: str) -> str:
    """`MaxPool` as `max_pool`."""
    return name if name.islower() else _WORD_START.sub("_", name).lower()


class Namespace:
    """Hands out names that are Python identifiers, shadow no builtin, and differ from each other."""

    def __init__(self):
        self._object_of: dict[str, Any] = {}
        self._name_of: dict[Any, str] = {}
        self._last_number: dict[str, int] = {}

    def create_name(self, candidate: str, obj: Any) -> str:
        """The name of `obj`: the candidate, or the candidate with the next free number."""
        if obj is not None and obj in self._name_of:
            return self._name_of[obj]
        if not candidate.isidentifier():
            candidate = _NOT_IN_NAMES.sub("_", candidate) or "_unnamed"
            if candidate[0].isdigit():
                candidate = "_" + candidate
        stem, number = candidate, None
        if candidate[-1].isdigit() and (match := _NUMBERED.match(candidate)):
            stem, number = match[1], int(match[2])
        last = self._last_number.get(stem, 0)
        name = candidate
        while name in self._object_of or name in _RESERVED:
            number = last = last + 1
            name = f"{stem}_{number}"
        if number is not None and number >= last:
            self._last_number[stem] = number
        self._object_of[name] = obj
        if obj is not None:
            self._name_of[obj] = name
        return name

    def associate_name_with_obj(self, name: str, obj: Any):
        """Says that `name`, which was given out without an object, belongs to `obj`."""
        if self._name_of.setdefault(obj, name) != name:
            raise AssertionError(f"{obj} already has the name {self._name_of[obj]}")

    def _rename_object(self, obj: Any, name: str):
        self._name_of[obj] = name
        self._object_of[name] = obj


def type_repr(kind: Any) -> str:
    """A type as generated code and the printed graph write it: `int`, `torch.Tensor`, `typing.List[int]`."""
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias):
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if kind is ...:
        return "..."
    if isinstance(kind, types.FunctionType):
        return kind.__name__
    return repr(kind)


def _module_of_method(method: Callable) -> str:
    """The public module in which a C function without a module of its own lives."""
    name = method.__name__
    for guess in (torch, torch.nn.functional):
        if getattr(guess, name, None) is method:
            return guess.__name__
    raise RuntimeError(f"cannot find module for {method}")


def qualified_name(function: Callable) -> str:
    """The dotted name under which a function is imported: `torch.relu`, `operator.add`, `torch.ops.aten.add.Tensor`."""
    if getattr(builtins, getattr(function, "__name__", ""), None) is function:
        return function.__name__
    if isinstance(function, (types.MethodDescriptorType, types.WrapperDescriptorType)) or hasattr(function, "__objclass__"):
        return f"torch.Tensor.{function.__name__}" if issubclass(torch.Tensor, function.__objclass__) else (
            f"{function.__objclass__.__module__}.{function.__objclass__.__qualname__}.{function.__name__}")
    if isinstance(function, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        return "torch.ops." + str(function)
    name = function.__name__
    if name == "<lambda>":
        import inspect

        try:
            name = inspect.getsource(function).split("=")[0].strip()
        except (OSError, TypeError) as error:
            raise RuntimeError("Unable to represent lambda") from error
    module = (function.__module__ or _module_of_method(function)).replace("torch._ops", "torch.ops")
    if module == "torch" and not hasattr(torch, name) and getattr(torch.nn.functional, name, None) is function:
        module = "torch.nn.functional"
    return f"{module}.{name}"


def target_text(target: Any) -> str:
    """A node's target as the printed graph writes it."""
    if isinstance(target, str):
        return target
    if getattr(target, "__module__", None) in ("_operator", "builtins"):
        return f"{target.__module__.lstrip('_')}.{target.__name__}"
    try:
        return qualified_name(target)
    except (AttributeError, RuntimeError):
        return getattr(target, "__name__", repr(target))


def generic_alias_parts(kind: Any) -> tuple[Any, tuple]:
    """Origin and arguments of `list[int]` and the like; (kind, ()) for a plain type."""
    return typing.get_origin(kind) or kind, typing.get_args(kind)


_register_custom_builtin("inf", "from math import inf", float("inf"))
_register_custom_builtin("nan", "from math import nan", float("nan"))
_register_custom_builtin("NoneType", "NoneType = type(None)", type(None))
_register_custom_builtin("torch", "import torch", torch)
_register_custom_builtin("device", "from torch import device", torch.device)
