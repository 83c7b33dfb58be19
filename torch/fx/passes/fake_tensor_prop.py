"""FakeTensorProp: runs a graph on fake tensors."""

from __future__ import annotations

from typing import Any

import torch

from ..interpreter import Interpreter
from ..node import Node, map_aggregate

__all__ = ["FakeTensorProp"]


class FakeTensorProp(Interpreter):
    """Runs a module's graph on fake tensors and records each value in `meta["val"]`.

    Args:
        module: the module.
        mode: the mode of the fake tensors; a new one by default.
    """

    def __init__(self, module: torch.nn.Module, mode: Any = None):
        super().__init__(module)
        if mode is None:
            from torch._subclasses.fake_tensor import FakeTensorMode

            mode = FakeTensorMode()
        self._mode = mode

    def run_node(self, n: Node) -> Any:
        """Runs a node and records its value."""
        result = super().run_node(n)
        found = False

        def keep(value):
            nonlocal found
            found = found or isinstance(value, (torch.Tensor, int, float))
            return value

        meta = map_aggregate(result, keep)
        if found:
            n.meta["val"] = meta
        return result

    def propagate(self, *args: Any) -> Any:
        """Runs the graph on fakes of `args`."""
        return self.propagate_dont_convert_inputs(*(self._mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in args))

    def propagate_dont_convert_inputs(self, *args: Any) -> Any:
        """Runs the graph on `args`, which are fake already."""
        with self._mode:
            return super().run(*args)
