"""ShapeProp: runs a graph and notes the shape of every value down."""

from __future__ import annotations

import traceback
from typing import Any, NamedTuple

import torch

from ..interpreter import Interpreter
from ..node import Node, map_aggregate

__all__ = ["TensorMetadata", "ShapeProp"]


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its values."""

    shape: torch.Size
    dtype: torch.dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: torch.memory_format | None
    is_quantized: bool
    qparams: dict[str, Any]


_FORMATS = (torch.contiguous_format, torch.channels_last, torch.channels_last_3d)


def _extract_tensor_metadata(result: torch.Tensor, include_contiguity: bool = True) -> TensorMetadata:
    memory_format = None
    if include_contiguity:
        fitting = [f for f, ndim in zip(_FORMATS, (None, 4, 5)) if ndim in (None, result.dim())]
        memory_format = next((f for f in fitting if result.is_contiguous(memory_format=f)), None)
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, result.stride(), memory_format, False, {})


class ShapeProp(Interpreter):
    """Runs a module's graph on example inputs and records in each node's `meta` "tensor_meta" and "type" of its value.

    Args:
        gm: the module.
        fake_mode: run on fake tensors of this mode instead of computing.
    """

    def __init__(self, gm, fake_mode=None):
        super().__init__(gm)
        self.fake_mode = fake_mode
        self.fake_module = None
        self.real_module = self.module
        if fake_mode is not None:
            import copy

            fake = copy.deepcopy(self.module)
            for owner in fake.modules():
                for registry in (owner._parameters, owner._buffers):
                    for name, value in registry.items():
                        if value is not None:
                            registry[name] = fake_mode.from_tensor(value)
            self.fake_module = fake

    def run_node(self, n: Node) -> Any:
        """Runs a node and records its value. Raises RuntimeError naming the node when it fails."""
        try:
            if self.fake_module is not None:
                self.module = self.fake_module
                try:
                    with self.fake_mode:
                        result = super().run_node(n)
                finally:
                    self.module = self.real_module
            else:
                result = super().run_node(n)
        except Exception as error:
            traceback.print_exc()
            raise RuntimeError(f"ShapeProp error for: node={n.format_node()} with meta={n.meta}") from error
        found = False

        def record(value):
            nonlocal found
            if isinstance(value, torch.Tensor):
                found = True
                return _extract_tensor_metadata(value)
            return value

        meta = map_aggregate(result, record)
        if found:
            n.meta["tensor_meta"] = meta
        if self.fake_mode is not None and found:
            n.meta["val"] = result
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args) -> Any:
        """Runs the graph on `args`; returns its result."""
        if self.fake_mode is not None:
            args = tuple(self.fake_mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in args)
        return super().run(*args)
