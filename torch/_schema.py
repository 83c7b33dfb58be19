"""Operator schemas as Python objects: what `func._schema` gives."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

__all__ = ["AliasInfo", "Argument", "FunctionSchema", "parse_schema"]


class AliasInfo(NamedTuple):
    """Which memory an argument or result refers to: equal letters share it."""

    before_set: frozenset
    after_set: frozenset
    is_write: bool


class Argument(NamedTuple):
    """One argument or result of an operator."""

    name: str
    type: str
    default_value: Any
    has_default: bool
    kwarg_only: bool
    alias_info: AliasInfo | None
    is_out: bool
    N: int | None

    def has_default_value(self):
        """May the argument be left out?"""
        return self.has_default

    @property
    def real_type(self):
        """The type as the schema writes it, without the alias."""
        return self.type

    @property
    def is_write(self):
        """Does the operator write to this tensor?"""
        return self.alias_info is not None and self.alias_info.is_write


class FunctionSchema:
    """The schema of one operator overload; ``str()`` gives it as PyTorch writes it.

    >>> torch.ops.aten.neg.default._schema.arguments[0].name
    'self'
    """

    def __init__(self, text: str, namespace: str = "aten"):
        from torch._codegen import schema

        parsed = schema.parse(text.split("::", 1)[-1])
        self.namespace = text.split("::", 1)[0] if "::" in text else namespace
        self.name = f"{self.namespace}::{parsed.name}"
        self.overload_name = parsed.overload
        self.arguments = [self._argument(a) for a in parsed.args]
        self.returns = [self._argument(r) for r in parsed.returns]
        self.parsed = parsed

    @staticmethod
    def _argument(a):
        alias = None
        if a.alias:
            before, _, after = a.alias.replace("!", "").partition("->")
            letters = frozenset(before.strip().split("|"))
            alias = AliasInfo(letters, frozenset(after.strip().split("|")) if after else letters, "!" in a.alias)
        kind = a.text
        if a.alias:
            kind = kind.replace(f"({a.alias})", "")
        return Argument(a.name, kind, None if a.default is None else a.value, a.default is not None, a.kwarg_only, alias,
                        a.write and a.kwarg_only, a.size)

    @property
    def is_mutable(self):
        """Does the operator write to an argument?"""
        return any(a.is_write for a in self.arguments)

    def __str__(self):
        return f"{self.namespace}::{self.parsed}"

    __repr__ = __str__

    def __eq__(self, other):
        return isinstance(other, FunctionSchema) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))


@functools.cache
def parse_schema(text: str) -> FunctionSchema:
    """The schema that a string describes; ValueError where it is none."""
    return FunctionSchema(text)
