"""Losses that are a function of each element of input and target, then averaged or summed.

Each is an operator of its own, written in an element-wise one and a reduction. `reduction` is 0 for none, 1 for mean, 2 for sum.
"""

from .activation import call_text, slope
from .expr import *
from .language import *


def _documented(body, doc):
    body.__doc__ = doc
    return body


def _elementwise(name, body, extra="", flat=True):
    """Registers `_name`, the loss of an element; `_name_slope`, its gradient; `_name_curvature`, the gradient of that, where `flat` piecewise constant."""
    options = {"kinds": FLOATING, "inplace": False, "out": False, "python": ""}
    inputs = f"Tensor self, Tensor target{extra}"
    pointwise(f"_{name}({inputs}) -> Tensor", grad=UNKNOWN, **options)(_documented(body, f"{name} of each element."))

    def gradient(grad, x, y, *rest):
        *parameters, factor = rest
        return slope(body)(grad, x, y, *parameters) * factor

    def curvature(grad, grad_output, x, y, *rest):
        *parameters, factor = rest
        return slope(body, 2)(grad, grad_output, x, y, *parameters) * factor

    pointwise(f"_{name}_slope(Tensor grad_output, {inputs}, Scalar factor) -> Tensor", grad=UNKNOWN, **options)(
        _documented(gradient, f"factor times grad_output times the derivative of {name} by self."))
    third = {"self, target": UNKNOWN} if not flat else {}
    schema = f"_{name}_curvature(Tensor grad0, Tensor grad_output, {inputs}, Scalar factor) -> Tensor"
    linear = {argument: call_text(schema, **{argument: "grad"}) for argument in ("grad0", "grad_output")}
    pointwise(schema, grad=linear | third, **options)(
        _documented(curvature, f"Gradient of _{name}_slope with respect to self."))


def _mse(x, y):
    d = x - y
    return d * d


def _smooth_l1(x, y, beta):
    d = abs(x - y)
    return where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def _huber(x, y, delta):
    d = abs(x - y)
    return where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def _soft_margin(x, y):
    z = -y * x
    return maximum(z, like(0, z)) + log1p(exp(-abs(z)))


_elementwise("mse_loss", _mse)
_elementwise("smooth_l1_loss", _smooth_l1, ", float beta")
_elementwise("huber_loss", _huber, ", float delta")
_elementwise("soft_margin_loss", _soft_margin, flat=False)


@composite("_reduced_loss(Tensor self, int reduction) -> Tensor", kinds=FLOATING_COMPLEX, python="")
def _reduced_loss(self, reduction):
    """The elements, their mean or their sum."""
    if reduction == 1:
        return self.mean()
    return self.sum() if reduction == 2 else self


@decomposed("mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", python="nn", out=True,
            grad={"self": "mse_loss_backward(grad, self, target, reduction)", "target": "mse_loss_backward(grad, target, self, reduction)"}, jvp=None)
def mse_loss(self, target, reduction):
    """(self - target)^2."""
    return _reduced_loss(_mse_loss(self, target), reduction)  # noqa: F821


@decomposed("mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor", python="",
            out=["mse_loss_backward.grad_input(Tensor grad_output, Tensor self, Tensor target, int reduction, *, Tensor(a!) grad_input) -> Tensor(a!)"],
            grad={"grad_output": "mse_loss_backward(grad, self, target, reduction)",
                  "self": "_mse_loss_curvature(grad, grad_output, self, target, 1.0 / self.numel() if reduction == 1 else 1.0)",
                  "target": "-_mse_loss_curvature(grad, grad_output, self, target, 1.0 / self.numel() if reduction == 1 else 1.0)"}, jvp=None, out_dtype="cast")
def mse_loss_backward(grad_output, self, target, reduction):
    """Gradient of mse_loss."""
    return _mse_loss_slope(grad_output, self, target, 1.0 / self.numel() if reduction == 1 else 1.0)  # noqa: F821


@decomposed("smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor", python="nn", out=True,
            grad={"self": "smooth_l1_loss_backward(grad, self, target, reduction, beta)",
                  "target": "smooth_l1_loss_backward(grad, target, self, reduction, beta)"}, jvp=None)
def smooth_l1_loss(self, target, reduction, beta):
    """d^2 / (2 beta) where d = |self - target| is below beta, d - beta / 2 beyond."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return _reduced_loss(_smooth_l1_loss(self, target, beta), reduction)  # noqa: F821


@decomposed("smooth_l1_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta) -> Tensor", python="",
            out=["smooth_l1_loss_backward.grad_input(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta, *, "
                 "Tensor(a!) grad_input) -> Tensor(a!)"],
            grad={"grad_output": "smooth_l1_loss_backward(grad, self, target, reduction, beta)",
                  "self": "_smooth_l1_loss_curvature(grad, grad_output, self, target, beta, 1.0 / self.numel() if reduction == 1 else 1.0)",
                  "target": "-_smooth_l1_loss_curvature(grad, grad_output, self, target, beta, 1.0 / self.numel() if reduction == 1 else 1.0)"}, jvp=None, out_dtype="cast")
def smooth_l1_loss_backward(grad_output, self, target, reduction, beta):
    """Gradient of smooth_l1_loss."""
    return _smooth_l1_loss_slope(grad_output, self, target, beta, 1.0 / self.numel() if reduction == 1 else 1.0)  # noqa: F821


@decomposed("huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor", python="nn", out=True,
            grad={"self": "huber_loss_backward(grad, self, target, reduction, delta)",
                  "target": "huber_loss_backward(grad, target, self, reduction, delta)"}, jvp=None)
def huber_loss(self, target, reduction, delta):
    """d^2 / 2 where d = |self - target| is at most delta, delta (d - delta / 2) beyond."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return _reduced_loss(_huber_loss(self, target, delta), reduction)  # noqa: F821


@decomposed("huber_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta) -> Tensor", python="",
            out=["huber_loss_backward.out(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta, *, Tensor(a!) grad_input) -> Tensor(a!)"],
            grad={"grad_output": "huber_loss_backward(grad, self, target, reduction, delta)",
                  "self": "_huber_loss_curvature(grad, grad_output, self, target, delta, 1.0 / self.numel() if reduction == 1 else 1.0)",
                  "target": "-_huber_loss_curvature(grad, grad_output, self, target, delta, 1.0 / self.numel() if reduction == 1 else 1.0)"}, jvp=None)
def huber_loss_backward(grad_output, self, target, reduction, delta):
    """Gradient of huber_loss."""
    return _huber_loss_slope(grad_output, self, target, delta, 1.0 / self.numel() if reduction == 1 else 1.0)  # noqa: F821


@decomposed("soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", python="nn", out=True,
            grad={"self": "soft_margin_loss_backward(grad, self, target, reduction)"}, jvp=None)
def soft_margin_loss(self, target, reduction):
    """log(1 + exp(-target self)), target being 1 or -1."""
    return _reduced_loss(_soft_margin_loss(self, target), reduction)  # noqa: F821


@decomposed("soft_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor", python="",
            out=["soft_margin_loss_backward.grad_input(Tensor grad_output, Tensor self, Tensor target, int reduction, *, Tensor(a!) grad_input) -> Tensor(a!)"],
            grad={"grad_output": "soft_margin_loss_backward(grad, self, target, reduction)",
                  "self": "_soft_margin_loss_curvature(grad, grad_output, self, target, 1.0 / self.numel() if reduction == 1 else 1.0)"}, jvp=None, out_dtype="cast")
def soft_margin_loss_backward(grad_output, self, target, reduction):
    """Gradient of soft_margin_loss."""
    return _soft_margin_loss_slope(grad_output, self, target, 1.0 / self.numel() if reduction == 1 else 1.0)  # noqa: F821


# ---- binary cross entropy ----


@pointwise("_binary_cross_entropy(Tensor self, Tensor target) -> Tensor", kinds=FLOATING, inplace=False, out=False, python="", grad=UNKNOWN)
def _binary_cross_entropy(x, y):
    """-(y log x + (1 - y) log(1 - x)), the logarithms at least -100."""
    return (y - 1.0) * maximum(log1p(-x), like(-100, x)) - y * maximum(log(x), like(-100, x))


@pointwise("_binary_cross_entropy_slope(Tensor grad_output, Tensor self, Tensor target) -> Tensor", kinds=FLOATING, inplace=False, out=False, python="",
           grad=UNKNOWN)
def _binary_cross_entropy_slope(grad, x, y):
    """Gradient of _binary_cross_entropy with respect to self; finite also at 0 and 1."""
    return grad * (x - y) / maximum((1.0 - x) * x, like(1e-12, x))


def _grad_bce_target(grad, self, weight, reduction):
    slope = logit(self).neg_() * grad  # noqa: F821
    if weight is not None:
        slope = slope.mul_(weight)
    if reduction == 1:
        slope = slope.div_(self.numel())
    return slope


def _bce_batch(self, target, weight, reduction):
    loss = _binary_cross_entropy(self, target)  # noqa: F821
    return _reduced_loss(loss if weight is None else loss * weight, reduction)  # noqa: F821


@decomposed("binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor", python="nn", out=True,
            grad={"self": "binary_cross_entropy_backward(grad, self, target, weight, reduction)", "target": _grad_bce_target}, jvp=None, vmap=_bce_batch)
def binary_cross_entropy(self, target, weight, reduction):
    """-(target log(self) + (1 - target) log(1 - self)), times weight; self in [0, 1]."""
    if self.numel() > 0 and not self.is_meta():
        low, high = aminmax(self)  # noqa: F821
        if not (low.item() >= 0 and high.item() <= 1):
            raise RuntimeError("all elements of input should be between 0 and 1")
    loss = _binary_cross_entropy(self, target)
    if weight is not None:
        loss = loss.mul_(weight)
    return _reduced_loss(loss, reduction)


def _grad_bce_backward_self(grad, grad_output, self, target, weight, reduction):
    p = (self * (1 - self)).clamp_min(1e-12)
    slope = grad * grad_output * (target * (1 - 2 * self) + self * self) / (p * p)
    if weight is not None:
        slope = slope * weight
    return slope / self.numel() if reduction == 1 else slope


def _grad_bce_backward_target(grad, grad_output, self, weight, reduction):
    slope = -grad * grad_output / (self * (1 - self)).clamp_min(1e-12)
    if weight is not None:
        slope = slope * weight
    return slope / self.numel() if reduction == 1 else slope


@decomposed("binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor", python="",
            out=["binary_cross_entropy_backward.grad_input(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1, *, "
                 "Tensor(a!) grad_input) -> Tensor(a!)"],
            grad={"grad_output": "binary_cross_entropy_backward(grad, self, target, weight, reduction)", "self": _grad_bce_backward_self,
                  "target": _grad_bce_backward_target}, jvp=None)
def binary_cross_entropy_backward(grad_output, self, target, weight, reduction):
    """Gradient of binary_cross_entropy with respect to self."""
    slope = _binary_cross_entropy_slope(grad_output, self, target)
    if weight is not None:
        slope = slope * weight
    return slope.div_(self.numel()) if reduction == 1 else slope


@pointwise("_logit_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None) -> Tensor", kinds=FLOATING, inplace=False,
           out=False, python="", grad=UNKNOWN)
def _logit_cross_entropy(x, y, weight, pos_weight):
    """binary_cross_entropy of sigmoid(self) without overflow."""
    log_sigmoid = minimum(x, like(0, x)) - log1p(exp(-abs(x)))
    scale = log_sigmoid if pos_weight is None else ((pos_weight - 1.0) * y + 1.0) * log_sigmoid
    loss = (1.0 - y) * x - scale
    return loss if weight is None else loss * weight


def _grad_logits(grad, self, target, weight, pos_weight, reduction):
    if pos_weight is not None:
        t = pos_weight * target
        slope = ((t + 1 - target) * self.sigmoid() - t) * grad
    else:
        slope = (self.sigmoid() - target) * grad
    if weight is not None:
        slope = slope * weight
    if reduction == 1:
        slope = slope.div_(self.numel())
    return slope


def _grad_logits_target(grad, self, weight, pos_weight, reduction):
    if pos_weight is not None:
        slope = (log_sigmoid(-self) - pos_weight * log_sigmoid(self)) * grad  # noqa: F821
    else:
        slope = -self * grad
    if weight is not None:
        slope = slope * weight
    if reduction == 1:
        slope = slope.div_(self.numel())
    return slope


@decomposed("binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor",
            python="function", out=True, grad={"self": _grad_logits, "target": _grad_logits_target}, jvp=None)
def binary_cross_entropy_with_logits(self, target, weight, pos_weight, reduction):
    """binary_cross_entropy of sigmoid(self), the positive terms times pos_weight.

    >>> torch.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    return _reduced_loss(_logit_cross_entropy(self, target, weight, pos_weight), reduction)
