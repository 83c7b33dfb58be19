"""Sample arguments for every operator, derived from its schema.

`samples(row, dtype)` gives a list of `Sample`s for a row of the operator table (`definitions.rows()`): arguments that are inside the
operator's domain, away from kinks and ties, small (some tens of elements), the same on every call. What it is for:

    for sample in samples(row, torch.float64):
        result = sample()                              # calls torch.ops.aten.<operator>.<overload>
        meta = sample.map(lambda x: x.to("meta"))()    # the same call with every tensor replaced
        sample.tensors                                 # [tensor, ...], those in lists too
        sample.differentiable                          # the arguments that have a gradient, as {path: tensor}
        sample.with_tensors({path: tensor})()          # the call with some of the tensors replaced

An argument's value comes from its type and its name: a Tensor is 3 x 4, `index` holds indices, `mask` is bool, `dim` is 1, `kernel_size`
is 2 in each direction. `RECIPES` says by operator, or by overload, what does not follow. A recipe is a dict, or a list of dicts for
several samples, from argument to value, in which
    (2, 3)               stands for a tensor of that shape where the schema has a Tensor, [(2, 3), (4,)] for a list of them,
    a function           is called with the `Maker` and the arguments before it: `ints(4, 2, 3)`, `mask(3, 4)`, `positive_definite(3)`,
    result("op", i)      is the i-th result of another operator called with the arguments of the same names,
    anything else        is the value itself.
A string in place of a recipe names the operator whose recipe it is. An operator added to torch/_opdefs needs a recipe only if
`test_samples.py` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import definitions
from recipes import CONSTANTS, GRANTED, Maker, arguments, domain, recipes

import torch
from torch._opdefs.language import UNKNOWN


@dataclass(frozen=True)
class Sample:
    """A row of the operator table with a value for each of its arguments but outputs, in the order of the schema."""

    row: object
    args: tuple
    dtype: torch.dtype

    def __call__(self, row=None, /, **outs):
        """The result; of another form of the operator, where `row` is one, with its outputs."""
        return definitions.call(row or self.row, self.args, **outs)

    @property
    def paths(self):
        """{path: tensor}; a path is (position,) or, for a tensor in a list, (position, index)."""
        found = {}
        for i, value in enumerate(self.args):
            if isinstance(value, torch.Tensor):
                found[i,] = value
            elif isinstance(value, list):
                found |= {(i, j): x for j, x in enumerate(value) if isinstance(x, torch.Tensor)}
        return found

    @property
    def tensors(self):
        return list(self.paths.values())

    @property
    def differentiable(self):
        """The tensors that have a gradient: floating ones that the definition has a formula for, or all of a composite."""
        if self.row.definition.grad is UNKNOWN:
            return {}
        formulas = self.row.definition.grad or {}
        names = {n.strip() for key, f in formulas.items() if f is not UNKNOWN for n in key.split(",")}
        constant = CONSTANTS.get(self.row.schema.key, CONSTANTS.get(self.row.schema.name, ()))
        whole = self.row.family == "composite"
        return {path: x for path, x in self.paths.items() if (x.is_floating_point() or x.is_complex())
                and (whole and self.name_of(path) not in constant or self.name_of(path) in names)}

    def name_of(self, path):
        """The argument that a path leads into."""
        return self.row.schema.args[path[0]].name

    def granted(self, path, x):
        """`x` with the properties that the operator takes for granted at this place: symmetric, triangular."""
        make = GRANTED.get(self.row.schema.name, {}).get(self.name_of(path))
        return x if make is None else make(x)

    def with_tensors(self, tensors):
        """The sample with the tensors at some paths replaced."""
        args = [list(v) if isinstance(v, list) else v for v in self.args]
        for (i, *inside), x in tensors.items():
            if inside:
                args[i][inside[0]] = x
            else:
                args[i] = x
        return replace(self, args=tuple(args))

    def map(self, function):
        """The sample with every tensor replaced by what `function` makes of it."""
        return self.with_tensors({path: function(x) for path, x in self.paths.items()})

    def __repr__(self):
        def show(value):
            if isinstance(value, torch.Tensor):
                return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
            return f"[{', '.join(map(show, value))}]" if isinstance(value, list) else repr(value)
        return f"{self.row.schema.key}({', '.join(map(show, self.args))})"


def samples(row, dtype=torch.float64, seed=0):
    """Samples of a row for a dtype. Whether the operator takes that dtype is for it to say: calling one may raise."""
    return [Sample(row, tuple(arguments(row, recipe, Maker(dtype, seed, domain(row))).values()), dtype) for recipe in recipes(row)]


def possible(row, dtype=torch.float64):
    """The samples of a row for a dtype; none where they need the results of another operator that does not take it."""
    try:
        return samples(row, dtype)
    except (RuntimeError, TypeError, KeyError):
        return []
