"""Reductions, normalizations and scans of the elements that a boolean mask selects.

Each function takes `mask`, broadcast to the input: what it leaves out takes no part, as if it were the identity of the operation.

>>> x, mask = torch.tensor([[-3., 1., 2.]]), torch.tensor([[True, False, True]])
>>> torch.masked.sum(x, 1, mask=mask)
tensor([-1.])
"""

from ._ops import (
    amax,
    amin,
    argmax,
    argmin,
    cumprod,
    cumsum,
    log_softmax,
    logaddexp,
    logsumexp,
    mean,
    median,
    norm,
    normalize,
    prod,
    softmax,
    softmin,
    std,
    sum,
    var,
)

__all__ = ["amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm", "normalize", "prod",
           "softmax", "softmin", "std", "sum", "var"]
