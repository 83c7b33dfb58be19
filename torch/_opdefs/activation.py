"""Activation functions. A definition states the function; its named backward operator and that one's own gradient are derived."""

import inspect
import math

from .expr import *
from .language import *


def slope(body, order=1):
    """The body of a backward operator: the incoming gradients times the derivative of `body` by its first argument."""
    def backward(*args):
        from .._codegen.diff import derivative

        *gradients, x = args[:order + 1]
        result = derivative(body(x, *args[order + 1:]), *[x] * order)
        for g in gradients:
            result = g * result
        return result
    parameters = list(inspect.signature(body).parameters.values())
    extra = [inspect.Parameter(f"grad{k}", inspect.Parameter.POSITIONAL_OR_KEYWORD) for k in range(order)]
    backward.__signature__ = inspect.Signature([*extra, *parameters])
    return backward


def call_text(schema_text, **renamed):
    """`name(argument, ...)` of a schema as a formula, some arguments under other names."""
    name, inside = schema_text.split("(", 1)
    arguments, keyword = [], False
    for part in inside.rsplit(") ->", 1)[0].split(", "):
        if part == "*":
            keyword = True
            continue
        argument = part.split("=")[0].split()[-1]
        value = renamed.get(argument, argument)
        arguments.append(f"{argument}={value}" if keyword else value)
    return f"{name.split('.')[0]}({', '.join(arguments)})"


def activation(schema, backward=None, *, derivative=None, flat=False, saves="self", out=None, **options):
    """Registers a function of one tensor, its backward operator and the derivative of that.

    `derivative`: the body of the backward operator where PyTorch's differs at a kink; `flat`: piecewise linear, so that the second
    derivative is 0; `saves`: what backward reads; `out`: the backward operator's out= schema if it isn't `.grad_input`.
    """
    def apply(body):
        options.setdefault("kinds", FLOATING)
        pointwise(schema, grad={"self": call_text(backward, grad_output="grad", grad_out="grad", self=saves)}, **options)(body)
        name, rest = backward.split("(", 1)
        incoming = rest.split(",")[0].split()[1]
        backward_body = derivative or slope(body)
        if not backward_body.__doc__:
            backward_body.__doc__ = f"Gradient of {schema.split('(')[0]} with respect to its input."
        head = rest.rsplit(") ->", 1)[0]
        star = "" if "*, " in head else "*, "
        shared = {k: v for k, v in options.items() if k in ("choices", "kinds")}
        second = "zeros_like(grad)" if flat else _higher(body, backward, 2, shared)
        pointwise(backward, inplace=False, python="",
                  out=out if out is False else [out or f"{name}.grad_input({head}, {star}Tensor(a!) grad_input) -> Tensor(a!)"],
                  grad={incoming: call_text(backward, **{incoming: "grad"}), "self": second}, **shared)(backward_body)
        return body
    return apply


HIGHEST = 4   # order of the last derivative that has an operator


def _higher(body, backward, order, options):
    """Registers the derivative of `order`, linear in each of its gradients, and those above; returns its call by the one below."""
    name, rest = backward.split("(", 1)
    incoming = rest.split(",")[0].split()[1]
    schema = f"_{name}{'_backward' * (order - 1)}({''.join(f'Tensor grad{i}, ' for i in range(order - 1))}{rest}"
    formulas = {g: call_text(schema, **{g: "grad"}) for g in [*(f"grad{i}" for i in range(order - 1)), incoming]}
    formulas["self"] = _higher(body, backward, order + 1, options) if order < HIGHEST else UNKNOWN
    derived = slope(body, order)
    derived.__doc__ = f"Derivative of order {order} of the operator that {name} belongs to, times the gradients."
    pointwise(schema, grad=formulas, inplace=False, out=False, python="", **options)(derived)
    return call_text(schema, grad0="grad", **{f"grad{i}": f"grad{i - 1}" for i in range(1, order - 1)})


# ---- piecewise linear ----


def _threshold_derivative(grad, x, threshold):
    return where(x <= threshold, like(0, x), grad)


@pointwise("relu(Tensor self) -> Tensor", kinds="usf", grad={"self": "threshold_backward(grad, result, 0)"})
def relu(x):
    """max(x, 0).

    >>> torch.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return maximum(x, like(0, x))


@activation("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", "threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
            derivative=_threshold_derivative, flat=True, kinds="usf", python="function")
def threshold(x, threshold, value):
    """x where it is above the threshold, else value.

    >>> torch.threshold(torch.tensor([-1., 2.]), 0, 9)
    tensor([9., 2.])
    """
    return where(x <= threshold, value, x)


def _hardtanh_derivative(grad, x, low, high):
    return where((x <= low) | (x >= high), like(0, x), grad)


@activation("hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor",
            "hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor", derivative=_hardtanh_derivative, flat=True,
            kinds="usf", python="nn")
def hardtanh(x, low, high):
    """x within [min_val, max_val]."""
    return minimum(maximum(x, low), high)


@composite("relu6(Tensor self) -> Tensor", python="nn", inplace=False)
def relu6(self):
    """x within [0, 6]."""
    return hardtanh(self, 0, 6)


@composite("relu6_(Tensor(a!) self) -> Tensor(a!)", python="nn")
def relu6_(self):
    """relu6 in place."""
    return hardtanh_(self, 0, 6)  # noqa: F821


@pointwise("leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", kinds=FLOATING, python="nn",
           grad={"self": "leaky_relu_backward(grad, self, negative_slope, False)"})
def leaky_relu(x, negative_slope):
    """x, or negative_slope * x where x is negative."""
    return where(x > 0, x, x * negative_slope)


@pointwise("leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result) -> Tensor", kinds=FLOATING, inplace=False,
           python="", out=["leaky_relu_backward.grad_input(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result, *, "
                           "Tensor(a!) grad_input) -> Tensor(a!)"],
           grad={"grad_output": "leaky_relu_backward(grad, self, negative_slope, self_is_result)", "self": "zeros_like(grad)"})
def leaky_relu_backward(grad, x, negative_slope, self_is_result):
    """Gradient of leaky_relu; the sign of the result tells as much as that of the input."""
    return where(x > 0, grad, grad * negative_slope)


@pointwise("_prelu_kernel(Tensor self, Tensor weight) -> Tensor", kinds=FLOATING, inplace=False, out=False, python="function",
           grad={"self, weight": "_prelu_kernel_backward(grad, self, weight)"})
def _prelu_kernel(x, weight):
    """x, or weight * x where x is negative; weight already has a shape that broadcasts."""
    return where(x > 0, x, weight * x)


def _grad_prelu_backward(grads, grad_output, self, weight):
    zero = scalar_tensor(0, dtype=self.dtype)  # noqa: F821
    by_self = grads[0] if grads[0] is not None else zeros_like(self)  # noqa: F821
    by_weight = grads[1] if grads[1] is not None else zeros_like(self)  # noqa: F821
    positive = self > 0
    to_grad = where(positive, by_self, by_self * weight + by_weight * self)
    return to_grad, where(positive, zero, by_weight * grad_output), where(positive, zero, by_self * grad_output)


@pointwise("_prelu_kernel_backward(Tensor grad_output, Tensor self, Tensor weight) -> (Tensor, Tensor)", kinds=FLOATING, inplace=False, out=False, python="",
           grad={"grad_output, self, weight": _grad_prelu_backward}, jvp=None)
def _prelu_kernel_backward(grad, x, weight):
    """Gradients of _prelu_kernel with respect to self and weight."""
    return where(x > 0, grad, weight * grad), where(x > 0, like(0, x), x * grad)


@composite("prelu(Tensor self, Tensor weight) -> Tensor")
def prelu(self, weight):
    """x, or weight * x where x is negative, with one weight, or one per channel (dimension 1).

    >>> torch.prelu(torch.tensor([-1., 2.]), torch.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.numel() != 1:
        if self.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = self.size(1) if self.ndim > 1 else 1
        if channels != weight.numel():
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} "
                               f"and channel size = {channels}.")
    if self.ndim <= 1:
        return _prelu_kernel(self, weight) if weight.ndim == self.ndim else _prelu_kernel(self, weight.view([1 for i in range(self.ndim)]))
    shape = [1 for i in range(self.ndim)]
    shape[1] = weight.numel()
    return _prelu_kernel(self, weight.view(shape))


def _hardsigmoid_derivative(grad, x):
    return where((x > -3) & (x < 3), grad * (1 / 6), like(0, x))


@activation("hardsigmoid(Tensor self) -> Tensor", "hardsigmoid_backward(Tensor grad_output, Tensor self) -> Tensor", derivative=_hardsigmoid_derivative,
            flat=True, python="nn")
def hardsigmoid(x):
    """x / 6 + 1 / 2 within [0, 1]."""
    return minimum(maximum(x + 3.0, like(0, x)), like(6, x)) / 6.0


def _hardswish_derivative(grad, x):
    return where(x <= -3, like(0, x), where(x < 3, grad * (x / 3.0 + 0.5), grad))


@activation("hardswish(Tensor self) -> Tensor", "hardswish_backward(Tensor grad_output, Tensor self) -> Tensor", derivative=_hardswish_derivative,
            out="hardswish_backward.out(Tensor grad_output, Tensor self, *, Tensor(a!) out) -> Tensor(a!)", python="nn")
def hardswish(x):
    """x hardsigmoid(x)."""
    return x * minimum(maximum(x + 3.0, like(0, x)), like(6, x)) / 6.0


def _shrink_derivative(grad, x, lambd):
    return where((x >= -lambd) & (x <= lambd), like(0, x), grad)


@activation("hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", "hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor",
            derivative=_shrink_derivative, flat=True, inplace=False)
def hardshrink(x, lambd):
    """x, but 0 within [-lambd, lambd].

    >>> torch.hardshrink(torch.tensor([0.25, -1.]))
    tensor([ 0., -1.])
    """
    return where((x >= -lambd) & (x <= lambd), like(0, x), x)


@decomposed("softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", python="nn", out=True, grad={"self": "softshrink_backward(grad, self, lambd)"})
def softshrink(self, lambd):
    """x moved towards 0 by lambd, 0 within [-lambd, lambd].

    >>> F.softshrink(torch.tensor([-1., 0.2, 1.]))
    tensor([-0.5000,  0.0000,  0.5000])
    """
    if lambd < 0.0:
        raise RuntimeError(f"lambda must be in range [0, 3.40282e+38] for input dtype {self.dtype}, but found {lambd}")
    return _softshrink(self, lambd)


@activation("_softshrink(Tensor self, Scalar lambd) -> Tensor", "softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor",
            derivative=_shrink_derivative, flat=True, inplace=False, python="")
def _softshrink(x, lambd):
    """softshrink without its check of lambd."""
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0.0))


# ---- exponential and smooth ----


@pointwise("elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor", kinds=FLOATING, python="nn",
           grad={"self": "elu_backward(grad, alpha, scale, input_scale, False, self)"})
def elu(x, alpha, scale, input_scale):
    """scale * x, or scale * alpha * (exp(input_scale * x) - 1) where x is negative."""
    return where(x <= 0, expm1(x * input_scale) * (alpha * scale), x * scale)


@pointwise("elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, Tensor self_or_result) -> Tensor",
           kinds=FLOATING, inplace=False, python="",
           out=["elu_backward.grad_input(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, Tensor self_or_result, *, "
                "Tensor(a!) grad_input) -> Tensor(a!)"],
           grad={"grad_output": "elu_backward(grad, alpha, scale, input_scale, is_result, self_or_result)",
                 "self_or_result": "_elu_backward_backward(grad, grad_output, alpha, scale, input_scale, is_result, self_or_result)"})
def elu_backward(grad, alpha, scale, input_scale, is_result, x):
    """Gradient of elu, from its input or, since elu is increasing, its result."""
    steep = grad * input_scale * (x + alpha * scale) if is_result else grad * input_scale * (alpha * scale) * exp(x * input_scale)
    return where(x <= 0, steep, grad * scale)


def _elu_third(grad, grad0, grad_output, alpha, scale, input_scale, is_result, self_or_result):
    if is_result:
        return zeros_like(grad)
    return _elu_backward_backward(grad * grad0, grad_output, alpha, scale, input_scale, is_result, self_or_result) * input_scale


@pointwise("_elu_backward_backward(Tensor grad0, Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, Tensor self_or_result)"
           " -> Tensor", kinds=FLOATING, inplace=False, out=False, python="",
           grad={"grad0": "_elu_backward_backward(grad, grad_output, alpha, scale, input_scale, is_result, self_or_result)",
                 "grad_output": "_elu_backward_backward(grad0, grad, alpha, scale, input_scale, is_result, self_or_result)",
                 "self_or_result": _elu_third})
def _elu_backward_backward(grad, grad_output, alpha, scale, input_scale, is_result, x):
    """Gradient of elu_backward with respect to self_or_result."""
    g = grad * grad_output * input_scale
    return where(x <= 0, g if is_result else g * input_scale * (alpha * scale) * exp(x * input_scale), like(0, x))


@pointwise("celu(Tensor self, Scalar alpha=1.) -> Tensor", kinds=FLOATING, python="function",
           grad={"self": "elu_backward(grad, alpha, 1, 1.0 / alpha, False, self)"})
def celu(x, alpha):
    """x, or alpha * (exp(x / alpha) - 1) where x is negative.

    >>> torch.celu(torch.tensor([0., 2.]))
    tensor([0., 2.])
    """
    return where(x <= 0, alpha * expm1(x / alpha), x)


@composite("selu(Tensor self) -> Tensor", python="function")
def selu(self):
    """The self-normalizing scaled elu.

    >>> torch.selu(torch.tensor([0., 1.]))
    tensor([0.0000, 1.0507])
    """
    return elu(self, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1)


@composite("selu_(Tensor(a!) self) -> Tensor(a!)", python="function")
def selu_(self):
    """selu in place."""
    return elu_(self, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1)  # noqa: F821


@activation("gelu(Tensor self, *, str approximate='none') -> Tensor", "gelu_backward(Tensor grad_output, Tensor self, *, str approximate='none') -> Tensor",
            choices={"approximate": ("none", "tanh")}, python="nn")
def gelu(x, approximate):
    """x times the normal distribution function at x; "tanh" approximates it.

    >>> F.gelu(torch.tensor([-1., 0., 1.]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    if approximate == "none":
        return x * 0.5 * (1.0 + erf(x * math.sqrt(0.5)))
    return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))


def _grad_silu(grad, self):
    if self.is_complex():
        s = self.sigmoid()
        return grad * (s * (1 + self * (1 - s))).conj()
    return silu_backward(grad, self)


@pointwise("silu(Tensor self) -> Tensor", kinds=FLOATING_COMPLEX, python="nn", grad={"self": _grad_silu})
def silu(x):
    """x sigmoid(x)."""
    return x * sigmoid(x) if getattr(x, "type", "") in FLOATS and isinstance(x, Expr) else x / (1.0 + exp(-x))


def _silu_on_reals(x):
    return x * sigmoid(x)


def _silu_slope(x):
    s = sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


_SILU_BACKWARD = "silu_backward(Tensor grad_output, Tensor self) -> Tensor"


@pointwise(_SILU_BACKWARD, kinds=FLOATING, inplace=False, python="",
           out=["silu_backward.grad_input(Tensor grad_output, Tensor self, *, Tensor(a!) grad_input) -> Tensor(a!)"],
           grad={"grad_output": "silu_backward(grad, self)", "self": _higher(_silu_on_reals, _SILU_BACKWARD, 2, {"kinds": FLOATING})})
def silu_backward(grad, x):
    """Gradient of silu."""
    return grad * _silu_slope(x)


def _softplus(x):
    """log(1 + exp(x)) without overflow"""
    return maximum(x, like(0, x)) + log1p(exp(-abs(x)))


@activation("mish(Tensor self) -> Tensor", "mish_backward(Tensor grad_output, Tensor self) -> Tensor", python="nn", out=False)
def mish(x):
    """x tanh(softplus(x))."""
    return x * tanh(_softplus(x))


@activation("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor",
            "softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor", inplace=False, python="nn")
def softplus(x, beta, threshold):
    """log(1 + exp(beta x)) / beta, linear where beta x is above the threshold.

    >>> F.softplus(torch.tensor([0.]))
    tensor([0.6931])
    """
    z = x * beta
    return where(z > threshold, x, log1p(exp(z)) / beta)


@pointwise("log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)", kinds=FLOATING, inplace=False, python="",
           out=["log_sigmoid_forward.output(Tensor self, *, Tensor(a!) output, Tensor(b!) buffer) -> (Tensor(a!), Tensor(b!))"],
           grad={"self": "log_sigmoid_backward(grads[0], self, buffer)"}, jvp=None, node="LogSigmoidBackward0", constant=(1,))
def log_sigmoid_forward(x):
    """log(sigmoid(x)), and exp(-|x|) for the backward pass."""
    buffer = exp(-abs(x))
    return minimum(x, like(0, x)) - log1p(buffer), buffer


@pointwise("log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor", kinds=FLOATING, inplace=False, python="",
           out=["log_sigmoid_backward.grad_input(Tensor grad_output, Tensor self, Tensor buffer, *, Tensor(a!) grad_input) -> Tensor(a!)"],
           grad={"grad_output": "log_sigmoid_backward(grad, self, buffer)", "self": "grad * grad_output * -sigmoid_backward(ones_like(self), self.sigmoid())"},
           jvp=None)
def log_sigmoid_backward(grad, x, buffer):
    """Gradient of log_sigmoid_forward: 1 / (1 + exp(x))."""
    part = buffer / (1.0 + buffer)
    return grad * where(x < 0, 1.0 - part, part)


@composite("log_sigmoid(Tensor self) -> Tensor", python="nn", out=["log_sigmoid.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)"])
def log_sigmoid(self):
    """log(1 / (1 + exp(-x)))."""
    output, buffer = log_sigmoid_forward(self)
    return output


# ---- gated linear unit: the first half of dim times the sigmoid of the second ----


@decomposed("glu(Tensor self, int dim=-1) -> Tensor", kinds=REALS, python="nn", out=["glu.out(Tensor self, int dim=-1, *, Tensor(a!) out) -> Tensor(a!)"],
            grad={"self": "glu_backward(grad, self, dim)"}, jvp=None, out_dtype="cast")
def glu(self, dim):
    """The first half of `self` along dim times the sigmoid of the second half."""
    if self.is_complex():
        raise NotImplementedError(f"\"glu_cpu\" not implemented for '{self.dtype:ScalarType}'")
    if self.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    size = self.size(dim)
    if size % 2 != 0:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    return self.narrow(dim, 0, size // 2) * self.narrow(dim, size // 2, size // 2).sigmoid()


def _grad_glu_backward_self(grad, grad_output, self, dim):
    half = self.size(dim) // 2
    a = self.narrow(dim, 0, half)
    s = self.narrow(dim, half, half).sigmoid()
    slope = s * (1 - s)
    ga = grad.narrow(dim, 0, half)
    gb = grad.narrow(dim, half, half)
    by_a = gb * grad_output * slope
    by_b = grad_output * slope * (ga + gb * a * (1 - 2 * s))
    return cat([by_a, by_b], dim)


def _grad_glu_backward_grad(grad, self, dim):
    half = self.size(dim) // 2
    a = self.narrow(dim, 0, half)
    s = self.narrow(dim, half, half).sigmoid()
    return grad.narrow(dim, 0, half) * s + grad.narrow(dim, half, half) * a * (s * (1 - s))


@decomposed("glu_backward(Tensor grad_output, Tensor self, int dim) -> Tensor", kinds=REALS, python="",
            out=["glu_backward.grad_input(Tensor grad_output, Tensor self, int dim, *, Tensor(a!) grad_input) -> Tensor(a!)"],
            grad={"grad_output": _grad_glu_backward_grad, "self": _grad_glu_backward_self}, jvp=None)
def glu_backward(grad_output, self, dim):
    """Gradient of glu."""
    half = self.size(dim) // 2
    a = self.narrow(dim, 0, half)
    s = self.narrow(dim, half, half).sigmoid()
    return cat([grad_output * s, grad_output * a * (s * (1 - s))], dim)
