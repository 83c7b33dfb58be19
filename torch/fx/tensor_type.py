"""Types of tensors with known and unknown sizes, as annotations."""

from __future__ import annotations

import typing

__all__ = ["TensorType", "Dyn", "is_consistent", "is_more_precise"]


class _DynType:
    """The type of what is not known."""

    def __eq__(self, other):
        return isinstance(other, _DynType)

    def __hash__(self):
        return hash(_DynType)

    def __str__(self):
        return "Dyn"

    __repr__ = __str__


Dyn = _DynType()


class TensorType:
    """A tensor of the sizes `dim`, of which some may be `Dyn`.

    >>> from torch.fx.tensor_type import Dyn, TensorType
    >>> TensorType((1, Dyn, 3))
    TensorType[(1, Dyn, 3)]
    """

    def __init__(self, dim):
        self.__origin__ = TensorType
        self.__args__ = dim

    @property
    def dims(self):
        """The sizes."""
        return self.__args__

    def __repr__(self):
        return f"TensorType[{self.__args__}]"

    def __eq__(self, other):
        return isinstance(other, TensorType) and list(self.__args__) == list(other.__args__)

    def __hash__(self):
        return hash(tuple(self.__args__))

    @staticmethod
    def __class_getitem__(*args):
        return TensorType(args[0] if len(args) == 1 and isinstance(args[0], tuple) else args)


def _compare(t1, t2, unknown) -> bool:
    if t1 == t2:
        return True
    if unknown(t1, t2):
        return True
    if isinstance(t1, TensorType) and isinstance(t2, TensorType):
        return len(t1.__args__) == len(t2.__args__) and all(_compare(a, b, unknown) for a, b in zip(t1.__args__, t2.__args__))
    return False


def is_consistent(t1, t2) -> bool:
    """Can the two be the same type, for some values of what is not known?"""
    return _compare(t1, t2, lambda a, b: a == Dyn or b == Dyn or isinstance(a, typing.TypeVar) or isinstance(b, typing.TypeVar))


def is_more_precise(t1, t2) -> bool:
    """Does the first say all that the second says?"""
    return _compare(t1, t2, lambda a, b: b == Dyn)
