"""Sizes given as one number or as one per dimension."""

from collections.abc import Iterable


def tuple_of(count):
    """A function that turns a number into a tuple of `count` equal ones and leaves an iterable's items alone."""

    def parse(value):
        return tuple(value) if isinstance(value, Iterable) else (value,) * count

    return parse
