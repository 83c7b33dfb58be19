"""The public transforms, under the name that other packages import them by."""

from torch._functorch.eager_transforms import grad, grad_and_value
from torch._functorch.vmap import chunk_vmap, vmap

__all__ = ["vmap", "chunk_vmap", "grad", "grad_and_value"]
