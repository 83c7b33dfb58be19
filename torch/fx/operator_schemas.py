"""Signatures of operators, and calls rewritten so that every argument stands under its parameter's name."""

from __future__ import annotations

import functools
import inspect
import numbers
import types
import typing
from typing import Any, Callable, NamedTuple

import torch

__all__ = ["ArgsKwargsPair", "check_for_mutable_operation", "get_signature_for_torch_op", "create_type_hint", "type_matches",
           "normalize_function", "normalize_module"]


class ArgsKwargsPair(NamedTuple):
    """Positional and keyword arguments of a call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_TYPES = {"Tensor": torch.Tensor, "int": int, "SymInt": int, "float": float, "bool": bool, "str": str, "Scalar": numbers.Number, "complex": complex,
          "ScalarType": int, "Layout": int, "MemoryFormat": int, "Device": torch.device, "Generator": torch.Generator}


def _python_type(text: str) -> Any:
    """The Python type of a schema's type: `int[2]?` is list[int] | None."""
    if text.endswith("?"):
        return _python_type(text[:-1]) | None
    if text.endswith("]"):
        return list[_python_type(text[:text.rindex("[")])]
    return _TYPES.get(text, Any)


@functools.lru_cache(maxsize=4096)
def _signature(schema_text: str) -> tuple[inspect.Signature, Any]:
    from torch._schema import parse_schema

    schema = parse_schema(schema_text)
    parameters = []
    for argument in schema.arguments:
        keyword_only = argument.kwarg_only or argument.is_out
        parameters.append(inspect.Parameter(
            "input" if argument.name == "self" else {"from": "from_"}.get(argument.name, argument.name),
            inspect.Parameter.KEYWORD_ONLY if keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=argument.default_value if argument.has_default else inspect.Parameter.empty,
            annotation=_python_type(argument.type)))
    results = [_python_type(result.type) for result in schema.returns]
    kind = results[0] if len(results) == 1 else tuple[tuple(results)] if results else None
    return inspect.Signature(parameters, return_annotation=kind), schema


def _schema_texts(op: Callable) -> list[str]:
    if isinstance(op, torch._ops.OpOverload):
        return [str(op._schema)]
    if isinstance(op, torch._ops.OpOverloadPacket):
        return [str(getattr(op, name)._schema) for name in op.overloads()]
    if getattr(op, "__objclass__", None) is not None:
        return []
    return list(getattr(op, "_schemas", ()))


def get_signature_for_torch_op(op: Callable, return_schemas: bool = False) -> Any:
    """The signatures of an operator's overloads, None for a function that is no operator.

    Args:
        op: the function, for example `torch.add`.
        return_schemas: return (signatures, schemas).
    """
    found = [_signature(text) for text in _schema_texts(op)]
    if not found:
        return (None, None) if return_schemas else None
    signatures = [signature for signature, _ in found]
    return (signatures, [schema for _, schema in found]) if return_schemas else signatures


def check_for_mutable_operation(target: Callable, args: tuple, kwargs: dict[str, Any]) -> None:
    """Raises RuntimeError when the call changes one of its arguments."""
    matching = []
    for signature, schema in zip(*get_signature_for_torch_op(target, return_schemas=True)) if _schema_texts(target) else ():
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        matching.append(schema)
    if matching and all(schema.is_mutable for schema in matching):
        raise RuntimeError(f"Tried to trace mutable operation {matching[0]}. FX only supports functional code, so operations that mutate operands "
                           "in-place (e.g. via `out` arguments) are not supported")


def create_type_hint(x: Any) -> Any:
    """A list or tuple of types as one type: ``[int, int]`` as ``list[int]``, mixed ones as ``list[Any]``; others as they are."""
    if not isinstance(x, (list, tuple)):
        return x
    def make(item):
        return list[item] if isinstance(x, list) else tuple[item, ...]

    if not x:
        return make(Any)
    common = x[0]
    if not all(isinstance(item, type) or typing.get_origin(item) for item in x):
        return x
    for item in x[1:]:
        if inspect.isclass(common) and inspect.isclass(item):
            if issubclass(item, common):
                continue
            if issubclass(common, item):
                common = item
                continue
        elif common == item:
            continue
        return make(Any)
    return make(common)


def type_matches(signature_type: Any, argument_type: Any) -> bool:
    """May a parameter of the one type take an argument of the other? A single int goes for a list of them."""
    if signature_type == argument_type:
        return True
    origin, arguments = typing.get_origin(signature_type), typing.get_args(signature_type)
    if origin in (typing.Union, types.UnionType):
        return any(type_matches(member, argument_type) for member in arguments)
    if origin is list:
        given = typing.get_args(argument_type)
        if argument_type is int:
            return arguments == (int,)
        if typing.get_origin(argument_type) is list:
            return type_matches(arguments[0], given[0])
        if typing.get_origin(argument_type) is tuple and given:
            return all(type_matches(arguments[0], item) for item in given if item is not ...)
        return False
    if signature_type is numbers.Number and argument_type in (int, float, complex):
        return True
    if inspect.isclass(signature_type) and inspect.isclass(argument_type) and not typing.get_origin(argument_type):
        return issubclass(argument_type, signature_type)
    return False


def _bound(signature: inspect.Signature, args: tuple, kwargs: dict[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _fits(signature: inspect.Signature, arg_types: tuple, kwarg_types: dict[str, Any]) -> bool:
    given = signature.bind(*arg_types, **kwarg_types).arguments
    return all(type_matches(signature.parameters[name].annotation, kind) for name, kind in given.items())


def _overload(target: Callable, args, kwargs, arg_types, kwarg_types) -> inspect.Signature | None:
    """The signature that a call means. Raises RuntimeError when several might."""
    signatures = get_signature_for_torch_op(target) or []
    matching = [s for s in signatures if _bound(s, args, kwargs)]
    if len(matching) > 1 and arg_types is not None:
        matching = [s for s in matching if _fits(s, arg_types or (), kwarg_types or {})]
    elif len(matching) > 1:
        listed = "\n".join(map(str, signatures))
        name = f"torch.{getattr(target, '__qualname__', target)}"
        raise RuntimeError(f"Tried to normalize arguments to {name} but the schema match was ambiguous! Please provide argument types to the "
                           f"normalize_arguments() call. Available schemas:\n{listed}")
    return matching[0] if matching else None


def normalize_function(target: Callable, args: tuple, kwargs: dict[str, Any] | None = None, arg_types: tuple | None = None,
                       kwarg_types: dict[str, Any] | None = None, normalize_to_only_use_kwargs: bool = False) -> ArgsKwargsPair | None:
    """The arguments of a call with all parameters filled in: the required ones by position, the others by keyword.

    Args:
        target: an operator or a Python function of torch.
        args, kwargs: the arguments.
        arg_types, kwarg_types: their types, to choose among overloads.
        normalize_to_only_use_kwargs: all by keyword.

    Returns None for functions whose signature is not known; raises RuntimeError when several overloads match.

    >>> torch.fx.operator_schemas.normalize_function(torch.nn.functional.relu, (3,))
    ArgsKwargsPair(args=(3,), kwargs={'inplace': False})
    """
    kwargs = kwargs or {}
    if _schema_texts(target):
        signature = _overload(target, args, kwargs, arg_types, kwarg_types)
    elif inspect.isfunction(target) or inspect.isfunction(inspect.unwrap(target)):
        try:
            signature = inspect.signature(target)
        except ValueError:
            return None
    else:
        return None
    return None if signature is None else _normalized(signature, args, kwargs, normalize_to_only_use_kwargs)


def normalize_module(root: torch.nn.Module, target: str, args: tuple, kwargs: dict[str, Any] | None = None,
                     normalize_to_only_use_kwargs: bool = False) -> ArgsKwargsPair | None:
    """:func:`normalize_function` for a call of the submodule `target` of `root`, if it is one of torch.nn; else None."""
    module = root.get_submodule(target)
    if getattr(torch.nn, type(module).__name__, None) is not type(module):
        return None
    return _normalized(inspect.signature(module.forward), args, kwargs or {}, normalize_to_only_use_kwargs)


def _normalized(signature: inspect.Signature, args, kwargs, only_kwargs: bool) -> ArgsKwargsPair | None:
    kinds = {p.kind for p in signature.parameters.values()}
    if kinds - {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
        return None
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    by_position: list[Any] = []
    by_keyword: dict[str, Any] = {}
    for i, (name, parameter) in enumerate(signature.parameters.items()):
        keyword = only_kwargs or i >= len(args) or parameter.kind is parameter.KEYWORD_ONLY
        if keyword:
            by_keyword[name] = bound.arguments[name]
        else:
            by_position.append(bound.arguments[name])
    return ArgsKwargsPair(tuple(by_position), by_keyword)
