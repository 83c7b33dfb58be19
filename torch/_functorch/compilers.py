"""Compilers for `aot_function` that compile nothing: to look at graphs."""

from __future__ import annotations

import torch.fx as fx

__all__ = ["nop", "print_compile"]


def nop(fx_g: fx.GraphModule, _):
    """The graph as it is, to be run operator by operator."""
    return fx_g


def print_compile(fx_g, _):
    """Prints the code of the graph; gives it as it is."""
    print(fx_g.code)
    return fx_g
