"""Loss functions. `reduction` is "none", "mean" or "sum"; `size_average` and `reduce` are its deprecated spelling."""

import math
import warnings

import torch

from .._reduction import get_enum, resolve
from .distance import pairwise_distance

_nn = torch._C._nn


def _reduced(loss, reduction):
    """`loss` after a reduction that is done by ordinary operators."""
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss


def _same_size(input, target):
    if target.size() != input.size():
        warnings.warn(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This "
                      "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
                      stacklevel=3)


def _elementwise(operator, input, target, reduction, weight, *options, mean_of_weights=True):
    """A loss of x - y computed by `operator(input, target, reduction, *options)`, possibly weighted."""
    _same_size(input, target)
    input, target = torch.broadcast_tensors(input, target)
    if weight is None:
        return operator(input, target, get_enum(reduction), *options)
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    weighted = operator(input, target, 0, *options) * weight
    if reduction == "mean" and mean_of_weights:
        return weighted.sum() / weight.sum()
    get_enum(reduction)
    return _reduced(weighted, reduction)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|x - y|.

    >>> F.l1_loss(torch.tensor([1., 2.]), torch.tensor([2., 4.]))
    tensor(1.5000)
    """
    reduction = resolve(size_average, reduce, reduction)
    return _elementwise(_nn.l1_loss, input, target, reduction, weight)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(x - y)^2.

    >>> F.mse_loss(torch.tensor([1., 2.]), torch.tensor([2., 4.]))
    tensor(2.5000)
    """
    reduction = resolve(size_average, reduce, reduction)
    return _elementwise(_nn.mse_loss, input, target, reduction, weight)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """(x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2; Girshick 2015.

    >>> F.smooth_l1_loss(torch.tensor([0.]), torch.tensor([3.]))
    tensor(2.5000)
    """
    reduction = resolve(size_average, reduce, reduction)
    if beta == 0.0:
        return _elementwise(_nn.l1_loss, input, target, reduction, None)
    return _elementwise(_nn.smooth_l1_loss, input, target, reduction, None, beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """(x - y)^2 / 2 where |x - y| < delta, else delta (|x - y| - delta / 2); Huber 1964.

    >>> F.huber_loss(torch.tensor([0.]), torch.tensor([3.]))
    tensor(2.5000)
    """
    return _elementwise(_nn.huber_loss, input, target, reduction, weight, delta, mean_of_weights=False)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Negative log likelihood: -input[n, target[n]], weighted by class. Input (N, C, *) of log-probabilities.

    >>> F.nll_loss(torch.tensor([[-1., -2.]]), torch.tensor([1]))
    tensor(2.)
    """
    reduction = resolve(size_average, reduce, reduction)
    return _nn.nll_loss_nd(input, target, weight, get_enum(reduction), ignore_index)


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """Cross entropy of logits (N, C, *) with class indices (N, *) or class probabilities (N, C, *).

    >>> F.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """
    reduction = resolve(size_average, reduce, reduction)
    return _nn.cross_entropy_loss(input, target, weight, get_enum(reduction), ignore_index, label_smoothing)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(y log x + (1 - y) log(1 - x)), the logarithms clamped at -100. Raises ValueError unless the sizes are equal.

    >>> F.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.]))
    tensor(0.6931)
    """
    reduction = resolve(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is "
                         "deprecated. Please ensure they have the same size.")
    if weight is not None:
        weight = weight.expand(torch.broadcast_shapes(weight.size(), target.size()))
    return _nn.binary_cross_entropy(input, target, weight, get_enum(reduction))


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """binary_cross_entropy(sigmoid(input), target), computed without overflow.

    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.]), torch.tensor([1.]))
    tensor(0.6931)
    """
    reduction = resolve(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return torch.binary_cross_entropy_with_logits(input, target, weight, pos_weight, get_enum(reduction))


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence y (log y - x) for log-probabilities x; "batchmean" divides by the batch size.

    >>> F.kl_div(torch.tensor([[0.5]]).log(), torch.tensor([[0.5]]), reduction="batchmean")
    tensor(0.)
    """
    reduction = resolve(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' "
                      "divides only by the batch size, and aligns with the KL div math definition.", stacklevel=2)
    code = get_enum("sum" if reduction == "batchmean" else reduction)
    loss = torch.kl_div(input, target, code, log_target=log_target)
    return loss / input.size(0) if reduction == "batchmean" and input.dim() else loss


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-08, reduce=None,
                     reduction="mean"):
    """exp(x) - y x for the logarithm x of the rate (x - y log(x + eps) otherwise), with Stirling's term if `full`.

    >>> F.poisson_nll_loss(torch.tensor([0.]), torch.tensor([1.]))
    tensor(1.)
    """
    reduction = resolve(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return torch.poisson_nll_loss(input, target, log_input, full, eps, get_enum(reduction))


def _homoscedastic_shape(input, var):
    """`var` with a last dimension of one when it holds one variance per row."""
    if var.size() == input.size():
        return var
    if input.size()[:-1] == var.size():
        return var.unsqueeze(-1)
    if var.dim() == input.dim() and all(v in (1, n) for v, n in zip(var.size(), input.size())):
        return var
    raise ValueError("var is of incorrect size")


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log max(var, eps) + (x - y)^2 / max(var, eps)) / 2, plus log(2 pi) / 2 if `full`; Nix and Weigend 1994.

    >>> F.gaussian_nll_loss(torch.tensor([1.]), torch.tensor([1.]), torch.tensor([1.]))
    tensor(0.)
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * torch.ones_like(input)
    elif torch.any(var < 0):
        raise ValueError("var has negative entry/entries")
    var = _homoscedastic_shape(input, var)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    with torch.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (torch.log(var) + (input - target) ** 2 / var)
    if full:
        loss += 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """x where y = 1, max(0, margin - x) where y = -1.

    >>> F.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1., -1.]))
    tensor(0.5000)
    """
    reduction = resolve(size_average, reduce, reduction)
    return torch.hinge_embedding_loss(input, target, margin, get_enum(reduction))


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos where y = 1, max(0, cos - margin) where y = -1.

    >>> F.cosine_embedding_loss(torch.tensor([[1., 0.]]), torch.tensor([[0., 1.]]), torch.tensor([1.]))
    tensor(1.)
    """
    reduction = resolve(size_average, reduce, reduction)
    return torch.cosine_embedding_loss(input1, input2, target, margin, get_enum(reduction))


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -y (x1 - x2) + margin).

    >>> F.margin_ranking_loss(torch.tensor([1.]), torch.tensor([3.]), torch.tensor([1.]))
    tensor(2.)
    """
    reduction = resolve(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                           f"{input1.size()}, input2: {input2.size()}, target: {target.size()} ")
    return torch.margin_ranking_loss(input1, input2, target, margin, get_enum(reduction))


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-y x)).

    >>> F.soft_margin_loss(torch.tensor([0.]), torch.tensor([1.]))
    tensor(0.6931)
    """
    return _nn.soft_margin_loss(input, target, get_enum(resolve(size_average, reduce, reduction)))


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Hinge loss between every wanted class (leading entries of target, ended by -1) and every other.

    >>> F.multilabel_margin_loss(torch.tensor([[0.1, 0.9]]), torch.tensor([[1, -1]]))
    tensor(0.1000)
    """
    return _nn.multilabel_margin_loss(input, target, get_enum(resolve(size_average, reduce, reduction)))


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Mean over classes of the binary cross entropy of logits.

    >>> F.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.6931)
    """
    reduction = resolve(size_average, reduce, reduction)
    log_sigmoid = torch.nn.functional.logsigmoid
    loss = -(target * log_sigmoid(input) + (1 - target) * log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    get_enum(reduction)
    return _reduced(loss.sum(dim=input.dim() - 1) / input.size(input.dim() - 1), reduction)


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """mean over i != y of max(0, margin - x[y] + x[i])^p.

    >>> F.multi_margin_loss(torch.tensor([[0.1, 0.9]]), torch.tensor([1]))
    tensor(0.1000)
    """
    reduction = resolve(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return _nn.multi_margin_loss(input, target, p, margin, weight, get_enum(reduction))


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None,
                        reduction="mean"):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with p-norm distances.

    >>> F.triplet_margin_loss(torch.tensor([[0.]]), torch.tensor([[1.]]), torch.tensor([[3.]]))
    tensor(0.)
    """
    reduction = resolve(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return torch.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, get_enum(reduction))


def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False,
                                      reduction="mean"):
    """Triplet margin loss with any distance; `swap` uses the nearer of anchor and positive to the negative.

    >>> F.triplet_margin_with_distance_loss(torch.tensor([[0.]]), torch.tensor([[1.]]), torch.tensor([[3.]]))
    tensor(0.)
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative "
                           f"{negative.dim()}D inputs")
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = torch.minimum(far, distance(positive, negative))
    return _reduced(torch.clamp_min(margin + near - far, 0), reduction)


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Connectionist temporal classification; Graves et al. 2006. log_probs (T, N, C).

    >>> F.ctc_loss(torch.zeros(2, 1, 2).log_softmax(2), torch.tensor([[1]]), [2], [1])
    tensor(0.2877)
    """
    return torch.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, get_enum(reduction), zero_infinity)


def linear_cross_entropy(input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean",
                         ignore_index=None, label_smoothing=0.0, options=None):
    """cross_entropy(linear(input, linear_weight, linear_bias), target): last layer and loss of a classifier at once.

    Input (*, in_features), weight (num_classes, in_features) or (num_classes, *out, in_features).

    >>> F.linear_cross_entropy(torch.zeros(1, 2), torch.ones(3, 2), torch.tensor([1]))
    tensor(1.0986)
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if input.size(-1) != linear_weight.size(-1):
        raise RuntimeError("expected equal input and linear_weight last dimensions (in_features), got "
                           f"{input.size(-1)} and {linear_weight.size(-1)}, respectively")
    if linear_weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched "
                           f"input, (N, {input.size(-1)}), got unbatched input with shape {tuple(input.shape)}")
    rows = linear_weight if linear_weight.dim() == 2 else linear_weight.reshape(-1, linear_weight.size(-1))
    logits = torch._C._nn.linear(input, rows, linear_bias if linear_bias is None or linear_bias.dim() == 1 else linear_bias.reshape(-1))
    logits = logits.view(*input.shape[:-1], *linear_weight.shape[:-1])
    if target.dim() == logits.dim() and target.size(0) != logits.size(0):
        raise ValueError(f"Expected input batch_size ({input.size(0)}) to match target batch_size ({target.size(0)}).")
    if target.shape == logits.shape and not target.is_floating_point():
        name = torch.typename(target.new_empty(0)).rpartition(".")[2].removesuffix("Tensor")
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {name}")
    return cross_entropy(logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index,
                         reduction=reduction, label_smoothing=label_smoothing)
