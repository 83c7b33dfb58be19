"""Loss modules: each is a loss function with its arguments."""

import warnings

from .. import functional as F
from .._reduction import legacy_get_string
from ._declare import Declared
from .linear_cross_entropy import LinearCrossEntropyLoss
from .module import Module

__all__ = [
    "L1Loss", "NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "GaussianNLLLoss", "KLDivLoss", "MSELoss", "BCELoss",
    "BCEWithLogitsLoss", "HingeEmbeddingLoss", "MultiLabelMarginLoss", "SmoothL1Loss", "HuberLoss", "SoftMarginLoss",
    "CrossEntropyLoss", "MultiLabelSoftMarginLoss", "CosineEmbeddingLoss", "MarginRankingLoss", "MultiMarginLoss",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss", "CTCLoss", "LinearCrossEntropyLoss",
]

_LEGACY = ("size_average", "reduce")
_BUFFERS = ("weight", "pos_weight")


class _Loss(Declared):
    """A loss with a `reduction`; a declared one keeps tensors among its arguments as buffers.

    The deprecated flags turn into `reduction`.
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        self.reduction = reduction
        self._resolve(size_average, reduce)

    @classmethod
    def _assignments(cls, fields):
        lines = [f" self.register_buffer({name!r}, {name})" if name in _BUFFERS else f" self.{name} = {name}"
                 for name in fields if name not in _LEGACY]
        if "reduce" in fields:
            lines.append(" self._resolve(size_average, reduce)")
        return "\n".join(lines) + "\n"

    @classmethod
    def _passed(cls, fields):
        return [name for name in fields if name not in _LEGACY]

    def _resolve(self, size_average, reduce):
        if size_average is not None or reduce is not None:
            self.reduction = legacy_get_string(size_average, reduce)

    def extra_repr(self):
        return ""


class _WeightedLoss(_Loss):
    """A loss with a `weight` of the classes, which is a buffer."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


_OLD = {"size_average": None, "reduce": None, "reduction": "mean"}
_PAIR = ("input", "target")


class L1Loss(_Loss, function=F.l1_loss, inputs=_PAIR, **_OLD):
    """|x - y|."""


class MSELoss(_Loss, function=F.mse_loss, inputs=_PAIR, **_OLD):
    """(x - y)^2."""


class SmoothL1Loss(_Loss, function=F.smooth_l1_loss, inputs=_PAIR, **_OLD, beta=1.0):
    """(x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2."""


class HuberLoss(Module):
    """(x - y)^2 / 2 where |x - y| < delta, else delta (|x - y| - delta / 2)."""

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__()
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        if delta <= 0:
            raise ValueError(f"delta must be positive, got: {delta}")
        self.reduction, self.delta = reduction, delta

    def forward(self, input, target):
        """Loss of two tensors of one shape."""
        return F.huber_loss(input, target, self.reduction, self.delta)


class SoftMarginLoss(_Loss, function=F.soft_margin_loss, inputs=_PAIR, **_OLD):
    """log(1 + exp(-y x)) for y of 1 or -1."""


class NLLLoss(_WeightedLoss, function=F.nll_loss, inputs=_PAIR, weight=None, size_average=None, ignore_index=-100, reduce=None,
              reduction="mean"):
    """Negative log likelihood of log-probabilities (N, C, *) for class indices (N, *)."""


class NLLLoss2d(NLLLoss):
    """Deprecated name of :class:`NLLLoss`."""

    def __init__(self, *args, **kwargs):
        warnings.warn("`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see "
                      "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.", FutureWarning, stacklevel=2)
        super().__init__(*args, **kwargs)


class CrossEntropyLoss(_WeightedLoss, function=F.cross_entropy, inputs=_PAIR, weight=None, size_average=None, ignore_index=-100,
                       reduce=None, reduction="mean", label_smoothing=0.0):
    """Cross entropy of logits (N, C, *) with class indices (N, *) or class probabilities (N, C, *)."""


class PoissonNLLLoss(_Loss, function=F.poisson_nll_loss, inputs=("log_input", "target"), log_input=True, full=False,
                     size_average=None, eps=1e-08, reduce=None, reduction="mean"):
    """exp(x) - y x for the logarithm x of a Poisson rate."""


class KLDivLoss(_Loss, function=F.kl_div, inputs=_PAIR, **_OLD, log_target=False):
    """y (log y - x) for log-probabilities x."""


class BCELoss(_WeightedLoss, function=F.binary_cross_entropy, inputs=_PAIR, weight=None, **_OLD):
    """Binary cross entropy of probabilities."""


class BCEWithLogitsLoss(_WeightedLoss, function=F.binary_cross_entropy_with_logits, inputs=_PAIR, weight=None, **_OLD,
                        pos_weight=None):
    """Binary cross entropy of logits, computed without overflow."""


class HingeEmbeddingLoss(_Loss, function=F.hinge_embedding_loss, inputs=_PAIR, margin=1.0, **_OLD):
    """x where y = 1, max(0, margin - x) where y = -1."""


class MultiLabelMarginLoss(_Loss, function=F.multilabel_margin_loss, inputs=_PAIR, **_OLD):
    """Hinge loss between every wanted class and every other."""


class MultiLabelSoftMarginLoss(_WeightedLoss, function=F.multilabel_soft_margin_loss, inputs=_PAIR, weight=None, **_OLD):
    """Mean over classes of the binary cross entropy of logits."""


class MultiMarginLoss(_WeightedLoss, function=F.multi_margin_loss, inputs=_PAIR, p=1, margin=1.0, weight=None, **_OLD):
    """mean over i != y of max(0, margin - x[y] + x[i])^p."""


class CosineEmbeddingLoss(_Loss, function=F.cosine_embedding_loss, inputs=("input1", "input2", "target"), margin=0.0,
                          **_OLD):
    """1 - cos where y = 1, max(0, cos - margin) where y = -1."""


class MarginRankingLoss(_Loss, function=F.margin_ranking_loss, inputs=("input1", "input2", "target"), margin=0.0, **_OLD):
    """max(0, -y (x1 - x2) + margin)."""


class TripletMarginLoss(_Loss, function=F.triplet_margin_loss, inputs=("anchor", "positive", "negative"), margin=1.0,
                        p=2.0, eps=1e-06, swap=False, **_OLD):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with p-norm distances."""


class CTCLoss(_Loss, function=F.ctc_loss, inputs=("log_probs", "targets", "input_lengths", "target_lengths"), blank=0,
              reduction="mean", zero_infinity=False):
    """Connectionist temporal classification of log-probabilities (T, N, C)."""


class GaussianNLLLoss(Module):
    """(log var + (x - y)^2 / var) / 2."""

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__()
        self.full, self.eps, self.reduction = full, eps, reduction

    def forward(self, input, target, var):
        """Loss of `input` and `target` with variances `var`."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class TripletMarginWithDistanceLoss(Module):
    """Triplet margin loss with any distance function."""

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{reduction} is not a valid value for reduction")
        if margin <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead")
        self.distance_function = F.pairwise_distance if distance_function is None else distance_function
        self.margin, self.swap, self.reduction = margin, swap, reduction

    def forward(self, anchor, positive, negative):
        """Loss of the three batches of vectors."""
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction)
