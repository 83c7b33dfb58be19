"""The form of a pass."""

from __future__ import annotations

import abc
from typing import NamedTuple

from ...graph_module import GraphModule

__all__ = ["PassResult", "PassBase"]


class PassResult(NamedTuple):
    """What a pass returns: the module, and whether it was changed."""

    graph_module: GraphModule
    modified: bool


class PassBase(abc.ABC):
    """A pass over a GraphModule: override `call`, and `requires` and `ensures` to check the module before and after."""

    def __call__(self, graph_module: GraphModule) -> PassResult | None:
        self.requires(graph_module)
        result = self.call(graph_module)
        self.ensures(graph_module)
        return result

    @abc.abstractmethod
    def call(self, graph_module: GraphModule) -> PassResult | None:
        """Runs the pass."""

    def requires(self, graph_module: GraphModule) -> None:  # noqa: B027
        """Raises when the module is not fit for the pass."""

    def ensures(self, graph_module: GraphModule) -> None:  # noqa: B027
        """Raises when the module is not as the pass should leave it."""
