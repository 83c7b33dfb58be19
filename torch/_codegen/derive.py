"""Definitions that follow from others: fused gradients, and the backward operators of element-wise definitions without formula."""

from __future__ import annotations

from .fuse import fused_gradients
from .overloads import expand


def complete(definitions, problem=None):
    """`definitions` and all that follows from them."""
    definitions = list(definitions)
    rows = expand(definitions, problem)
    return definitions + list(fused_gradients(rows).values())
