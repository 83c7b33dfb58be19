"""The last linear layer of a classifier together with its loss."""

from .. import functional as F
from .linear import Linear

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(Linear):
    """cross_entropy(x W^T + b, target)."""

    def __init__(self, in_features, num_classes, *, out_features=(), bias=False, device=None, dtype=None, reduction="mean",
                 weight=None, ignore_index=None, label_smoothing=0.0, options=None):
        super().__init__(in_features, num_classes, bias, device, dtype)
        self.num_classes, self.reduction, self.ignore_index = num_classes, reduction, ignore_index
        self.label_smoothing, self.options = label_smoothing, options
        self.register_buffer("class_weight", weight)

    def forward(self, input, target):
        """Loss of (N, in_features) input with class indices (N) or probabilities (N, num_classes)."""
        return F.linear_cross_entropy(input, self.weight, target, linear_bias=self.bias, weight=self.class_weight,
                                      reduction=self.reduction, ignore_index=self.ignore_index,
                                      label_smoothing=self.label_smoothing, options=self.options)
