"""The definitions of torch/_opdefs, all of them, for the tests that are generated from them."""

from functools import cache

import torch
import torch._opdefs
from torch._codegen.overloads import expand


@cache
def all():
    """Every definition, in file order."""
    return torch._opdefs.load()


@cache
def rows():
    """Every row of the operator table, functional ones and their in-place and `out=` forms."""
    return expand(all())


@cache
def by_key():
    """The rows by their schema's key, "add.Tensor"."""
    return {row.schema.key: row for row in rows()}


def overload(row):
    """torch.ops.aten's object for a row."""
    return getattr(getattr(torch.ops.aten, row.schema.name), row.schema.overload or "default")


def call(row, values, /, **outs):
    """Calls the overload with a value for each argument but outputs, in the order of its schema."""
    given = list(zip([a for a in row.schema.args if not (a.write and a.kwarg_only)], values))
    return overload(row)(*[v for a, v in given if not a.kwarg_only], **{a.name: v for a, v in given if a.kwarg_only}, **outs)
