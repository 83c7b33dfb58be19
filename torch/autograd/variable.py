"""`Variable`, the old name of tensors that take part in differentiation."""

import torch
from torch import _C

__all__ = ["VariableMeta", "Variable"]


class VariableMeta(type):
    """Makes ``isinstance(x, Variable)`` true of every tensor."""

    def __instancecheck__(cls, other):
        return isinstance(other, torch.Tensor)


class Variable(metaclass=VariableMeta):
    """``Variable(t)`` is `t`, with the given `requires_grad`."""

    _execution_engine = _C._engine

    def __new__(cls, data=None, requires_grad=False):
        tensor = torch.empty(0) if data is None else data.detach()
        return tensor.requires_grad_() if requires_grad else tensor
