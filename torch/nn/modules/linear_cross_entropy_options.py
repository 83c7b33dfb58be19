"""How a linear cross entropy may be computed in pieces."""

from dataclasses import dataclass

import torch

__all__ = ["LinearCrossEntropyOptions"]


@dataclass
class LinearCrossEntropyOptions:
    """Hints for memory: size and method of chunks, precision of accumulation. The result does not depend on them."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str = "auto"
    acc_policy: str = "auto"
    acc_dtype: torch.dtype | None = None
