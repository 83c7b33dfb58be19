"""Losses over class indices, and those that are written in other operators. `reduction` is 0 none, 1 mean, 2 sum."""

from .language import FLOAT8, FLOATING, FLOATING_COMPLEX, HALF, NUMERIC, REALS, SINGLE, UNKNOWN, composite, decomposed, kernel

# ---- negative log likelihood ----


def _nll_batch(self, target, weight, reduction, ignore_index):
    dim = 0 if self.ndim == 1 else 1
    known = target != ignore_index
    place = where(known, target, 0)
    weights = known.to(self.dtype) if weight is None else aten.index.Tensor(weight, [place]) * known
    loss = where(known, self.gather(dim, place.unsqueeze(dim)).squeeze(dim) * weights, 0) * -1
    total = weights.sum()
    if reduction == 0:
        return loss, zeros_like(total)
    return loss.sum() if reduction == 2 else loss.sum() / total, total


def _nll_backward_batch(grad_output, self, target, weight, reduction, ignore_index, total_weight):
    dim = 0 if self.ndim == 1 else 1
    known = target != ignore_index
    place = where(known, target, 0)
    weights = known.to(self.dtype) if weight is None else aten.index.Tensor(weight, [place]) * known
    each = grad_output / total_weight if reduction == 1 else grad_output
    return zeros_like(self).scatter_add(dim, place.unsqueeze(dim), (each * weights * -1).unsqueeze(dim))


@kernel("nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)",
        kinds=FLOATING, compute=HALF, grad={"self": "nll_loss_backward(grad, self, target, weight, reduction, ignore_index, total_weight)"}, node="NllLossBackward0",
        out="output", python="nn", vmap=_nll_batch)
def nll_loss_forward():
    """-weight[target] * self[target] of each sample, reduced, and the sum of the weights: (n, c) and (n,)."""


@kernel("nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, "
        "Tensor total_weight) -> Tensor",
        kinds=FLOATING, compute=HALF, grad={"grad_output": "nll_loss(grad, target, weight, reduction, ignore_index)", "self": "zeros_like(grad)"}, out="grad_input", python="nn",
        vmap=_nll_backward_batch)
def nll_loss_backward():
    """The gradient of nll_loss: -weight at each target, zeros elsewhere."""


@kernel("nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)",
        kinds=FLOATING, compute=HALF, grad={"self": "nll_loss2d_backward(grad, self, target, weight, reduction, ignore_index, total_weight)"}, node="NllLoss2DBackward0",
        out="output", python="nn", vmap=_nll_batch)
def nll_loss2d_forward():
    """nll_loss_forward at each place of a plane: (n, c, h, w) and (n, h, w)."""


@kernel("nll_loss2d_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, "
        "Tensor total_weight) -> Tensor",
        kinds=FLOATING, compute=HALF, grad={"grad_output": "nll_loss2d(grad, target, weight, reduction, ignore_index)", "self": "zeros_like(grad)"}, out="grad_input", python="nn",
        vmap=_nll_backward_batch)
def nll_loss2d_backward():
    """The gradient of nll_loss2d."""


@composite("nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor", out=True, python="nn")
def nll_loss(self, target, weight, reduction, ignore_index):
    """Negative log likelihood of the targets: (n, c) and (n,), or (c,) and ()."""
    output, _ = nll_loss_forward(self, target, weight, reduction, ignore_index)
    return output


@composite("nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor", out=True, python="nn")
def nll_loss2d(self, target, weight, reduction, ignore_index):
    """Negative log likelihood at each place: (n, c, h, w) and (n, h, w)."""
    output, _ = nll_loss2d_forward(self, target, weight, reduction, ignore_index)
    return output


@composite("nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor", python="nn")
def nll_loss_nd(self, target, weight, reduction, ignore_index):
    """Negative log likelihood over any number of places: (n, c, ...) and (n, ...)."""
    n = self.dim()
    if n < 1:
        raise ValueError("Expected 1 or more dimensions (got ", n, ")")
    if n != 1 and self.size(0) != target.size(0):
        raise ValueError("Expected input batch_size (", self.size(0), ") to match target batch_size (", target.size(0), ").")
    if n <= 2:
        return nll_loss(self, target, weight, reduction, ignore_index)
    if n == 4:
        return nll_loss2d(self, target, weight, reduction, ignore_index)
    places = []
    for i in range(n - 2):
        places.append(self.size(i + 2))
    shape = [self.size(0)]
    for p in places:
        shape.append(p)
    if target.shape != shape:
        raise RuntimeError("Expected target size ", shape, ", got ", target.shape)
    x = self.contiguous().view([self.size(0), self.size(1), 1, -1])
    y = target.contiguous().view([self.size(0), 1, -1])
    if reduction == 0:
        return nll_loss2d(x, y, weight, reduction, ignore_index).view(shape)
    return nll_loss2d(x, y, weight, reduction, ignore_index)


@composite("_smooth_cross_entropy(Tensor logp, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, float smoothing) -> Tensor", python="")
def _smooth_cross_entropy(logp, target, weight, reduction, ignore_index, smoothing):
    """(1 - s) times the loss of the targets plus s / c times that of all classes, ignored samples left out."""
    d = 0 if logp.dim() == 1 else 1
    c = logp.size(d)
    nll = nll_loss_nd(logp, target, weight, reduction, ignore_index)
    scaled = logp
    if weight is not None:
        shape = []
        for i in range(logp.dim()):
            shape.append(weight.size(0) if i == d else 1)
        scaled = logp * weight.view(shape)
    smooth = -aten.sum.dim_IntList(scaled, [d])
    ignored = target == ignore_index
    smooth = smooth.masked_fill(ignored, 0.0)
    result = smooth
    if reduction == 2:
        result = smooth.sum()
    elif reduction == 1:
        if weight is None:
            result = smooth.sum() / bitwise_not(ignored).sum()
        else:
            picked = target.masked_fill(ignored, 0)
            weights = weight.gather(0, picked.flatten()).masked_fill(ignored.flatten(), 0)
            result = smooth.sum() / weights.sum()
    return nll * (1 - smoothing) + result * (smoothing / c)


@composite("_probability_cross_entropy(Tensor logp, Tensor target, Tensor? weight, int reduction, float smoothing) -> Tensor", python="")
def _probability_cross_entropy(logp, target, weight, reduction, smoothing):
    """-sum over classes of target * logp * weight, for targets that are probabilities."""
    d = 0 if logp.dim() == 1 else 1
    c = logp.size(d)
    y = target
    if smoothing > 0:
        y = target * (1 - smoothing) + smoothing / max(c, 1)
    if weight is None:
        product = logp * y
    elif logp.dim() == 1:
        product = logp * y * weight
    else:
        shape = []
        for i in range(logp.dim()):
            shape.append(weight.size(0) if i == d else 1)
        each = weight.view(shape)
        product = logp * y * each
    if reduction == 0:
        return -aten.sum.dim_IntList(product, [d])
    if reduction == 2:
        return -product.sum()
    samples = logp.numel() // c
    return -product.sum() / samples


@composite("cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, "
           "float label_smoothing=0.) -> Tensor", python="nn")
def cross_entropy_loss(self, target, weight, reduction, ignore_index, label_smoothing):
    """log_softmax and nll_loss: (n, c, ...) scores and class indices (n, ...), or probabilities of self's shape."""
    if label_smoothing < 0 or label_smoothing > 1:
        raise RuntimeError("label_smoothing must be between 0.0 and 1.0. Got: ", label_smoothing)
    if weight is not None:
        if weight.dim() != 1 or weight.numel() != self.size(0 if self.dim() == 1 else 1):
            raise RuntimeError("cross_entropy: weight tensor should be defined either for all ", self.size(0 if self.dim() == 1 else 1),
                               " classes or no classes but got weight tensor of shape: ", weight.shape)
    d = 0 if self.dim() == 1 else 1
    if self.shape == target.shape:
        if not target.is_floating_point():
            raise RuntimeError("Expected floating point type for target with class probabilities, got ", target.dtype)
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _probability_cross_entropy(aten.log_softmax.int(self, d), target, weight, reduction, label_smoothing)
    logp = aten.log_softmax.int(self, d)
    if label_smoothing > 0:
        return _smooth_cross_entropy(logp, target, weight, reduction, ignore_index, label_smoothing)
    return nll_loss_nd(logp, target, weight, reduction, ignore_index)


# ---- margin losses ----

@kernel("multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor",
        kinds=FLOATING, compute=SINGLE, grad={"self": "multi_margin_loss_backward(grad, self, target, p, margin, weight, reduction)"}, python="nn", vmap="loop")
def multi_margin_loss():
    """Mean over the other classes of max(0, margin - x[target] + x[j]) ** p."""


@kernel("multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, Tensor? weight=None, "
        "int reduction=1) -> Tensor", kinds=FLOATING, compute=SINGLE, grad=UNKNOWN, out="grad_input", python="", vmap="loop")
def multi_margin_loss_backward():
    """The gradient of multi_margin_loss."""


@kernel("multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)",
        kinds=FLOATING, compute=SINGLE, grad={"self": "multilabel_margin_loss_backward(grad, self, target, reduction, is_target)"}, node="MultilabelMarginLossBackward0",
        out="output", python="", vmap="loop")
def multilabel_margin_loss_forward():
    """Sum over targets (up to the first -1) and other classes of max(0, 1 - x[target] + x[j]) / c; and which classes are targets."""


@kernel("multilabel_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, Tensor is_target) -> Tensor",
        kinds=FLOATING, compute=SINGLE, grad=UNKNOWN, out="grad_input", python="", vmap="loop")
def multilabel_margin_loss_backward():
    """The gradient of multilabel_margin_loss."""


@composite("multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", out=True, python="nn")
def multilabel_margin_loss(self, target, reduction):
    """Margin loss with several targets a sample."""
    output, _ = multilabel_margin_loss_forward(self, target, reduction)
    return output


@composite("margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor", kinds="usf", python="function")
def margin_ranking_loss(input1, input2, target, margin, reduction):
    """max(0, -target * (input1 - input2) + margin).

    >>> torch.margin_ranking_loss(torch.tensor([1.]), torch.tensor([3.]), torch.tensor([1.]))
    tensor(2.)
    """
    loss = (-target * (input1 - input2) + margin).clamp_min_(0)
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


@composite("hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor", kinds=FLOATING, python="function")
def hinge_embedding_loss(self, target, margin, reduction):
    """self where target is 1, max(0, margin - self) where it is -1.

    >>> torch.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1., -1.]))
    tensor(0.5000)
    """
    zero = zeros_like(self)
    difference = empty_like(self).fill_(margin).sub_(self)
    clamped = difference.clamp_min_(0)
    far = where(target != 1, clamped, zero)
    near = where(target != -1, self, zero)
    loss = far + near
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


@composite("cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor", python="function")
def cosine_embedding_loss(input1, input2, target, margin, reduction):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1: (n, d) and (n,), or (d,) and ().

    >>> torch.cosine_embedding_loss(torch.tensor([[1., 0.]]), torch.tensor([[0., 1.]]), torch.tensor([1.]))
    tensor(1.)
    """
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and input1.dim() != 2:
        raise RuntimeError("1D target tensor expects 2D input tensors, but found inputs with sizes ", input1.shape, " and ", input2.shape, ".")
    if target.dim() == 0 and input1.dim() != 1:
        raise RuntimeError("0D target tensor expects 1D input tensors, but found inputs with sizes ", input1.shape, " and ", input2.shape, ".")
    d = target.dim()
    tiny = 9.999999960041972e-13
    product = aten.sum.dim_IntList(input1 * input2, [d])
    square1 = aten.sum.dim_IntList(input1 * input1, [d]) + tiny
    square2 = aten.sum.dim_IntList(input2 * input2, [d]) + tiny
    cosine = product / (square1 * square2).sqrt_()
    zero = zeros_like(cosine)
    away = empty_like(cosine).fill_(1).sub_(cosine)
    excess = (cosine - margin).clamp_min_(0)
    near = where(target == 1, away, zero)
    far = where(target == -1, excess, zero)
    loss = near + far
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


@composite("triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, "
           "bool swap=False, int reduction=1) -> Tensor", kinds=NUMERIC, python="function")
def triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction):
    """max(0, |anchor - positive| - |anchor - negative| + margin) in the p-norm.

    >>> torch.triplet_margin_loss(torch.tensor([[0.]]), torch.tensor([[1.]]), torch.tensor([[3.]]))
    tensor(0.)
    """
    if anchor.dim() != positive.dim() or positive.dim() != negative.dim():
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor ",
                           anchor.dim(), "D, positive ", positive.dim(), "D, and negative ", negative.dim(), "D inputs")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    loss = clamp_min(near + margin - far, 0)
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


# ---- distances and divergences ----

@composite("l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", kinds=FLOATING_COMPLEX, python="nn")
def l1_loss(self, target, reduction):
    """|self - target|."""
    loss = (self - target).abs()
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


@composite("kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor", kinds=REALS, python="function")
def kl_div(self, target, reduction, log_target):
    """target * (log target - self), self (and target with log_target) being logarithms of probabilities.

    >>> torch.kl_div(torch.tensor([0.5]).log(), torch.tensor([0.5]))
    tensor(0.)
    """
    if log_target:
        loss = exp(target) * (target - self)
    else:
        product = target * self
        loss = xlogy(target, target) - product
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


@composite("poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor", kinds=REALS, python="function")
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """Negative log likelihood of counts under rates exp(input), or input; `full` adds Stirling's approximation of log target!.

    >>> torch.poisson_nll_loss(torch.tensor([0.]), torch.tensor([1.]), True, False, 1e-8, 1)
    tensor(1.)
    """
    if log_input:
        scaled = target * input
        loss = exp(input) - scaled
    else:
        scaled = target * log(input + eps)
        loss = input - scaled
    if full:
        half = 0.5 * log(target * 6.283185307179586)
        stirling = target * log(target) - target + half
        loss.add_(stirling.masked_fill(target <= 1, 0))
    if reduction == 1:
        return loss.mean()
    return loss.sum() if reduction == 2 else loss


@composite("pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor", kinds=NUMERIC, python="function")
def pairwise_distance(x1, x2, p, eps, keepdim):
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> torch.pairwise_distance(torch.tensor([[3., 0.]]), torch.tensor([[0., 4.]]), eps=0.0)
    tensor([5.])
    """
    return aten.norm.ScalarOpt_dim(x1 - x2 + eps, p, [max(x1.dim(), x2.dim()) - 1], keepdim)


@composite("cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", python="function")
def cosine_similarity(x1, x2, dim, eps):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim.

    >>> torch.cosine_similarity(torch.tensor([[3., 4.]]), torch.tensor([[6., 8.]]))
    tensor([1.])
    """
    if x1.is_complex() or x2.is_complex():
        raise RuntimeError("cosine_similarity does not support complex inputs")
    pair = broadcast_tensors([x1, x2])
    a = pair[0]
    b = pair[1]
    norm_a = linalg_vector_norm(a, 2, [dim], True).clone()
    norm_b = linalg_vector_norm(b, 2, [dim], True).clone()
    least = scalar_tensor(eps, dtype=norm_a.dtype, device=norm_a.device)
    norm_a.detach().clamp_min_(least)
    norm_b.detach().clamp_min_(least)
    return aten.sum.dim_IntList((a / norm_a) * (b / norm_b), [dim])


@composite("_row_pairs(Tensor self) -> (Tensor, Tensor)", python="")
def _row_pairs(self):
    """The numbers i and j of all pairs of rows i < j."""
    line = arange(self.size(0), device=self.device)
    pairs = (line.unsqueeze(1) < line.unsqueeze(0)).nonzero()
    return aten.select.int(pairs, 1, 0), aten.select.int(pairs, 1, 1)


@composite("_pdist_share(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor", python="")
def _pdist_share(grad, self, p, pdist):
    """Each row's share of the gradients of its distances."""
    if p == 0:
        return zeros_like(self)
    i, j = _row_pairs(self)
    difference = self.index_select(0, i) - self.index_select(0, j)
    share = norm_backward(grad, difference, p, pdist, [1], False)
    return zeros_like(self).index_add(0, i, share).index_add(0, j, share, alpha=-1)


@decomposed("_pdist_forward(Tensor self, float p=2.) -> Tensor", python="function", jvp="transposed", node="PdistBackward0", out="below",
            grad={"self": "_pdist_share(grad, self, p, result) if grad_enabled() else _pdist_backward(grad, self, p, result)"})
def _pdist_forward(self, p):
    """The p-norm distances of all pairs of rows i < j of a contiguous matrix."""
    i, j = _row_pairs(self)
    return linalg_vector_norm(self.index_select(0, i) - self.index_select(0, j), p, [1])


@decomposed("_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor", python="function", grad=UNKNOWN, out="below")
def _pdist_backward(grad, self, p, pdist):
    """_pdist_share as an operator, which has no derivative of its own."""
    return _pdist_share(grad, self, p, pdist)


@composite("pdist(Tensor self, float p=2.) -> Tensor", python="function")
def pdist(self, p):
    """The p-norm distances of all pairs of rows i < j: (n, d) to (n (n - 1) / 2,).

    >>> torch.pdist(torch.tensor([[0., 0.], [3., 4.]]))
    tensor([5.])
    """
    if self.dim() != 2:
        raise RuntimeError("pdist only supports 2D tensors, got: ", self.dim(), "D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return _pdist_forward(self.contiguous(), p)


# ---- connectionist temporal classification ----

@kernel("_ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, bool zero_infinity=False) "
        "-> (Tensor, Tensor)",
        kinds=FLOATING, compute=SINGLE, grad={"log_probs": "_ctc_loss_backward(grad, log_probs, targets, input_lengths, target_lengths, result0, result1, blank, zero_infinity)"},
        out="below", python="function", vmap="loop", constant=(1,))
def _ctc_loss():
    """-log of the probability of each target over all alignments, and the forward variables: (T, N, C) to (N,) and (N, T, 2 S + 1)."""


@kernel("_ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, bool zero_infinity=False) "
        "-> (Tensor, Tensor)",
        kinds=FLOATING, compute=SINGLE, grad={"log_probs": "aten._ctc_loss_backward.Tensor(grad, log_probs, targets, input_lengths, target_lengths, result0, result1, blank, "
                           "zero_infinity)"},
        out="below", python="function", vmap="loop", constant=(1,))
def _ctc_loss_tensor():
    """_ctc_loss with the lengths in tensors."""


@kernel("_ctc_loss_backward(Tensor grad, Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, Tensor neg_log_likelihood, "
        "Tensor log_alpha, int blank, bool zero_infinity=False) -> Tensor",
        "_ctc_loss_backward.Tensor(Tensor grad, Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, "
        "Tensor neg_log_likelihood, Tensor log_alpha, int blank, bool zero_infinity=False) -> Tensor", kinds=FLOATING, compute=SINGLE, grad=UNKNOWN, out=False, python="", vmap="loop")
def _ctc_loss_backward():
    """The gradient of _ctc_loss."""


@composite("_reduce_ctc(Tensor loss, Tensor? lengths, int reduction, bool zero_infinity) -> Tensor", python="")
def _reduce_ctc(loss, lengths, reduction, zero_infinity):
    """Infinite losses made zero if asked for; the mean is over losses divided by their targets' lengths."""
    result = loss
    if zero_infinity:
        result = where(loss == math.inf, zeros([], dtype=loss.dtype, device=loss.device), loss)
    if reduction == 1:
        return (result / lengths.clamp_min(1)).mean()
    return result.sum() if reduction == 2 else result


@composite("ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, "
           "bool zero_infinity=False) -> Tensor", python="function")
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    """Connectionist temporal classification loss: (T, N, C) log probabilities, targets (N, S) or one after the other; N may be absent.

    >>> torch.ctc_loss(torch.zeros(2, 1, 2).log_softmax(2), torch.tensor([[1]]), [2], [1])
    tensor(0.2877)
    """
    batched = log_probs.dim() == 3
    loss, _ = aten._ctc_loss.default(log_probs if batched else log_probs.unsqueeze(1), targets, input_lengths, target_lengths, blank, zero_infinity)
    lengths = tensor_of(target_lengths, loss) if reduction == 1 else None
    result = _reduce_ctc(loss, lengths, reduction, zero_infinity)
    return result.squeeze(0) if reduction == 0 and not batched else result


@composite("ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, "
           "bool zero_infinity=False) -> Tensor", kinds=FLOATING, without=FLOAT8, python="function")
def ctc_loss_tensor(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    """ctc_loss with the lengths in tensors."""
    if input_lengths.is_floating_point():
        raise RuntimeError("input_lengths must be integral")
    if target_lengths.is_floating_point():
        raise RuntimeError("target_lengths must be integral")
    batched = log_probs.dim() == 3
    loss, _ = aten._ctc_loss.Tensor(log_probs if batched else log_probs.unsqueeze(1), targets, input_lengths, target_lengths, blank, zero_infinity)
    result = _reduce_ctc(loss, target_lengths, reduction, zero_infinity)
    return result.squeeze(0) if reduction == 0 and not batched else result
