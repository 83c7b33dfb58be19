"""Transcendental functions as expressions: range reduction and polynomials with explicit fma, no branches and no tables.

Every backend evaluates the same operations in the same order, hence the same bits. Errors are below 2 ulp over the whole range
(pow 2, erfinv 4; lgamma and digamma absolutely near their roots); test/test_codegen.py measures them.
"""

from __future__ import annotations

from . import exponential, logarithm, root, special, trigonometric

_EXPANSIONS = {}
for _module in (exponential, logarithm, root, special, trigonometric):
    _EXPANSIONS.update({name.rstrip("_"): getattr(_module, name) for name in _module.__all__})


def expand(name, args):
    """The function `name` of `expr.FUNCTIONS` at `args`, all of one float type, in primitive nodes."""
    return _EXPANSIONS[name](*args)
