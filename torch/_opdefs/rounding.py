"""Rounding to integers and to decimals."""

import math

from .expr import *
from .language import *

_ROUNDING = {"floor": "The largest integer not above x.", "ceil": "The smallest integer not below x.", "trunc": "x rounded toward zero.",
             "round": "The nearest integer, halves to even."}


def _rounding(name, line):
    node = {"round": "rint"}.get(name, name)

    def body(x):
        return unary(node, x) if x.is_float else x
    body.__doc__ = f"{line}\n\n    >>> torch.{name}(torch.tensor([1.0]))\n    tensor([1.])\n    "
    body.__name__ = name
    pointwise(f"{name}(Tensor self) -> Tensor", kinds=NUMERIC.replace("c", ""), grad={"self": "zeros_like(grad)"})(body)


for _name, _line in _ROUNDING.items():
    _rounding(_name, _line)


@pointwise("frac(Tensor self) -> Tensor", kinds=FLOATING, grad={"self": "grad"})
def frac(x):
    """x - trunc(x).

    >>> torch.frac(torch.tensor([2.5]))
    tensor([0.5000])
    """
    return x - trunc(x)


@pointwise("round.decimals(Tensor self, *, int decimals) -> Tensor", kinds=FLOATING, grad={"self": "zeros_like(grad)"},
           out=["round.decimals_out(Tensor self, *, int decimals, Tensor(a!) out) -> Tensor(a!)"])
def round_decimals(x, decimals):
    """x rounded to a number of decimals, which may be negative."""
    size = abs(decimals)
    ten = rint(exp2(size * math.log2(10)))
    up = decimals > 0
    scaled = rint(where(up, x * ten, x / ten))
    return where(eq(decimals, 0), rint(x), where(up, scaled / ten, scaled * ten))


aliases("trunc", "fix")


@composite("special_round(Tensor self, *, int decimals=0) -> Tensor", kinds=FLOATING, out=True)
def special_round(self, decimals):
    """Alias of :func:`torch.round`."""
    return round(self, decimals=decimals)
