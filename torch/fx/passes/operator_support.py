"""Which nodes a backend can run."""

from __future__ import annotations

import abc
from typing import Callable, Mapping, Sequence

import torch

from ..node import Node
from .shape_prop import TensorMetadata
from .tools_common import CALLABLE_NODE_OPS, get_node_target

__all__ = ["OperatorSupportBase", "OperatorSupport", "create_op_support", "chain", "OpSupports", "any_chain"]

TargetTypeName = str
SupportedArgumentDTypes = tuple[Sequence[Sequence[torch.dtype]], dict[str, Sequence[torch.dtype]]] | None
SupportDict = Mapping[TargetTypeName, SupportedArgumentDTypes]
IsNodeSupported = Callable[[Mapping[str, torch.nn.Module], Node], bool]


class OperatorSupportBase(abc.ABC):
    """Tells for each node whether it is supported."""

    @abc.abstractmethod
    def is_node_supported(self, submodules: Mapping[str, torch.nn.Module], node: Node) -> bool:
        """Can the backend run this node?"""


class OperatorSupport(OperatorSupportBase):
    """Support by a table: from the name of a target to the dtypes that its arguments may have, or None for any.

    Args:
        support_dict: {name: (dtypes of positional arguments, {name of an argument: dtypes})}.
    """

    _support_dict: SupportDict = {}

    def __init__(self, support_dict: SupportDict | None = None):
        self._support_dict = support_dict or self._support_dict

    def is_node_supported(self, submodules: Mapping[str, torch.nn.Module], node: Node) -> bool:
        """Is the node's target in the table, and the dtypes of its arguments among those listed?"""
        if node.op not in CALLABLE_NODE_OPS:
            return True
        target = get_node_target(submodules, node)
        if target not in self._support_dict:
            return False
        dtypes = self._support_dict[target]
        if dtypes is None:
            return True
        positional, by_keyword = dtypes
        return all(_dtype(node.args[i]) in allowed for i, allowed in enumerate(positional) if i < len(node.args) and isinstance(node.args[i], Node)) \
            and all(_dtype(node.kwargs[key]) in allowed for key, allowed in by_keyword.items() if isinstance(node.kwargs.get(key), Node))


def _dtype(node: Node) -> torch.dtype | None:
    meta = node.meta.get("tensor_meta")
    return meta.dtype if isinstance(meta, TensorMetadata) else None


class FunctionalOperatorSupport(OperatorSupportBase):
    """Support by a function."""

    def __init__(self, is_node_supported: IsNodeSupported):
        self._is_node_supported = is_node_supported

    def is_node_supported(self, submodules, node):
        """What the function says."""
        return self._is_node_supported(submodules, node)


def create_op_support(is_node_supported: IsNodeSupported) -> OperatorSupportBase:
    """Support as told by a function of (submodules, node)."""
    return FunctionalOperatorSupport(is_node_supported)


def chain(*op_support: OperatorSupportBase) -> OperatorSupportBase:
    """Supported where all say so."""
    return create_op_support(lambda submodules, node: all(s.is_node_supported(submodules, node) for s in op_support))


def any_chain(*op_support: OperatorSupportBase) -> OperatorSupportBase:
    """Supported where one says so."""
    return create_op_support(lambda submodules, node: any(s.is_node_supported(submodules, node) for s in op_support))


class OpSupports:
    """Supports that decline some nodes, to be chained with others."""

    @classmethod
    def decline_if_input_dtype(cls, dtype: torch.dtype) -> OperatorSupportBase:
        """Declines nodes one of whose inputs has this dtype."""
        return create_op_support(lambda submodules, node: not any(_dtype(used) is dtype for used in node.all_input_nodes))

    @classmethod
    def decline_if_node_in_names(cls, disallow_set: set[str]) -> OperatorSupportBase:
        """Declines nodes of these names."""
        return create_op_support(lambda submodules, node: node.name not in disallow_set)
