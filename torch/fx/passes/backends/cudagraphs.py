"""The parts of a graph that run on one CUDA device."""

from __future__ import annotations

import operator

import torch

from ...node import map_arg
from ..fake_tensor_prop import FakeTensorProp
from ..infra.partitioner import CapabilityBasedPartitioner
from ..operator_support import OperatorSupport
from ..tools_common import CALLABLE_NODE_OPS

__all__ = ["CudaGraphsSupport", "partition_cudagraphs"]


class CudaGraphsSupport(OperatorSupport):
    """Supports nodes all of whose values are CUDA tensors."""

    def is_node_supported(self, submodules, node) -> bool:
        """Are the node's inputs and its value tensors on a CUDA device?"""
        if node.op not in CALLABLE_NODE_OPS or node.target in (torch.ops.aten.embedding_dense_backward.default,):
            return False
        if node.target is operator.getitem:
            return True
        values = []
        map_arg((node.args, node.kwargs, node), lambda n: values.append(n.meta.get("val")))
        return bool(values) and all(isinstance(value, torch.Tensor) and value.device.type == "cuda" for value in values)


def partition_cudagraphs(gm, inputs):
    """Joins the parts of a module that run on CUDA devices into submodules, which can be recorded as CUDA graphs."""
    FakeTensorProp(gm).propagate(*inputs)
    partitioner = CapabilityBasedPartitioner(gm, CudaGraphsSupport(), allows_single_node_partition=True)
    return partitioner.fuse_partitions(partitioner.propose_partitions())
