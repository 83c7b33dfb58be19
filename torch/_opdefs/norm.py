"""Normalisation over batch, group, instance or the last dimensions."""

from .language import FLOATING, HALF, composite, decomposed, kernel


@kernel(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
    "training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    kinds=FLOATING, compute=HALF, python="function",
    out=["native_batch_norm.out(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
         "training, float momentum, float eps, *, Tensor(a!) out, Tensor(b!) save_mean, Tensor(c!) save_invstd) -> (Tensor(a!), "
         "Tensor(b!), Tensor(c!))"],
    grad={"input, weight, bias": "native_batch_norm_backward(grad, input, weight, running_mean, running_var, result1, result2, training, eps, "
          "[needs('input'), needs('weight'), needs('bias')])"}, jvp="transposed",
    constant=(1, 2), vmap="batch_norm",
)
def native_batch_norm():
    """Normalised input, and the mean and inverse deviation of every channel; updates the running statistics in training."""


@composite(
    "_batch_norm_double_backward(Tensor? gg_input, Tensor? gg_weight, Tensor? gg_bias, Tensor grad_out, Tensor input, Tensor? weight, "
    "Tensor? running_mean, Tensor? running_var, Tensor? save_mean, Tensor? save_invstd, bool train, float eps) -> (Tensor, Tensor, Tensor)", python="")
def _batch_norm_double_backward(gg_input, gg_weight, gg_bias, grad_out, input, weight, running_mean, running_var, save_mean, save_invstd, train, eps):
    """Gradients of native_batch_norm_backward with respect to grad_out, input and weight."""
    shape = [1, input.size(1)]
    dims = [0]
    count = input.size(0)
    for i in range(2, input.ndim):
        shape.append(1)
        dims.append(i)
        count = count * input.size(i)
    mean = (save_mean if train else running_mean).view(shape)
    invstd = (save_invstd if train else (running_var + eps).rsqrt()).view(shape)
    w = ones_like(invstd) if weight is None else weight.view(shape)
    xhat = (input - mean) * invstd
    gg = zeros_like(grad_out) if gg_input is None else gg_input
    ggw = zeros_like(invstd) if gg_weight is None else gg_weight.view(shape)
    ggb = zeros_like(invstd) if gg_bias is None else gg_bias.view(shape)
    if not train:
        to_grad = gg * w * invstd + ggw * xhat + ggb
        to_input = ggw * grad_out * invstd
        to_weight = (gg * grad_out * invstd).sum(dims)
        return to_grad, to_input, to_weight
    # with P(u) = u - mean(u) - xhat mean(u xhat), the gradient of the input is w invstd P(grad_out)
    mean_gg = gg.mean(dims, True)
    mean_ggx = (gg * xhat).mean(dims, True)
    mean_g = grad_out.mean(dims, True)
    mean_gx = (grad_out * xhat).mean(dims, True)
    projected_gg = gg - mean_gg - xhat * mean_ggx
    projected_g = grad_out - mean_g - xhat * mean_gx
    to_grad = projected_gg * w * invstd + ggw * xhat + ggb
    to_weight = (gg * projected_g * invstd).sum(dims)
    inner = (projected_gg * grad_out).mean(dims, True)
    to_input = (projected_gg * mean_gx + projected_g * mean_ggx + xhat * inner) * (w * invstd * invstd) * -1
    to_input = to_input + ggw * invstd * projected_g
    return to_grad, to_input, to_weight


@kernel(
    "native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? running_var, "
    "Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kinds=FLOATING, compute=HALF, python="function",
    out=["native_batch_norm_backward.out(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? "
         "running_var, Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask, *, Tensor(a!) out0, "
         "Tensor(b!) out1, Tensor(c!) out2) -> (Tensor(a!), Tensor(b!), Tensor(c!))"],
    grad={"grad_out, input, weight": "_batch_norm_double_backward(grads[0], grads[1], grads[2], grad_out, input, weight, running_mean, running_var, "
          "save_mean, save_invstd, train, eps)"}, jvp="transposed", vmap="batch_norm_backward",
)
def native_batch_norm_backward():
    """Gradients of native_batch_norm with respect to input, weight and bias."""


@decomposed(
    "batch_norm_backward(Tensor grad_out, Tensor input, Tensor weight, Tensor? running_mean, Tensor? running_var, Tensor? save_mean, "
    "Tensor? save_var, bool update, float eps, bool[3] output_mask, Tensor reserve) -> (Tensor, Tensor, Tensor)",
    python="function", out=False,
    grad={"grad_out, input, weight": "_batch_norm_double_backward(grads[0], grads[1], grads[2], grad_out, input, weight, running_mean, running_var, "
          "save_mean, save_var, update, eps)"}, jvp="transposed",
)
def batch_norm_backward(grad_out, input, weight, running_mean, running_var, save_mean, save_var, update, eps, output_mask, reserve):
    """native_batch_norm_backward, with the reserve that other backends need."""
    to_input, to_weight, to_bias = native_batch_norm_backward(grad_out, input, weight, running_mean, running_var, save_mean, save_var, update, eps, output_mask)
    return to_input, to_weight, to_bias


def _group_norm_grad(grads, input, weight, N, C, HxW, group, result1, result2):
    g = zeros_like(input) if grads[0] is None else grads[0].contiguous()
    to_x, to_weight, to_bias = native_group_norm_backward(g, input, result1, result2, weight, N, C, HxW, group,
                                                          [needs("input"), needs("weight"), needs("bias")])
    if grads[1] is not None or grads[2] is not None:
        x = input.reshape([N, group, C // group * HxW])
        extra = zeros_like(x)
        if grads[1] is not None:
            extra = extra + grads[1].unsqueeze(-1)
        if grads[2] is not None:
            extra = extra - (x - result1.unsqueeze(-1)) * (grads[2] * result2.pow(3)).unsqueeze(-1)
        if to_x is not None:
            to_x = to_x + (extra / max(x.size(-1), 1)).reshape(input.shape)
    return to_x, to_weight, to_bias


@kernel(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) "
    "-> (Tensor, Tensor, Tensor)",
    kinds=FLOATING, compute=HALF, python="function",
    out=["native_group_norm.out(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float "
         "eps, *, Tensor(a!) out0, Tensor(b!) out1, Tensor(c!) out2) -> (Tensor(a!), Tensor(b!), Tensor(c!))"],
    grad={"input, weight, bias": _group_norm_grad}, jvp="transposed", vmap="group_norm",
)
def native_group_norm():
    """Normalised input, and the mean and inverse deviation of every group."""


def _group_norm_double_backward(grads, grad_out, input, mean, rstd, weight, N, C, HxW, group):
    # each image's group is one row of a batch normalisation without weight
    rows = N * group
    x = input.reshape([1, rows, C // group * HxW])
    scale = ones([1, C, 1], dtype=input.dtype, device=input.device) if weight is None else weight.view([1, C, 1])
    w = scale.expand([N, C, HxW])
    flat = grad_out.reshape([N, C, HxW])
    g = (flat * w).reshape(x.shape)
    m = mean.view([1, rows, 1])
    r = rstd.view([1, rows, 1])
    xhat = (x - m) * r
    gg = zeros_like(x) if grads[0] is None else grads[0].reshape(x.shape)
    mean_gg = gg.mean([2], True)
    mean_ggx = (gg * xhat).mean([2], True)
    mean_g = g.mean([2], True)
    mean_gx = (g * xhat).mean([2], True)
    projected_gg = gg - mean_gg - xhat * mean_ggx
    projected_g = g - mean_g - xhat * mean_gx
    inner = (projected_gg * g).mean([2], True)
    to_x = (projected_gg * mean_gx + projected_g * mean_ggx + xhat * inner) * (r * r) * -1
    to_flat = (projected_gg * r).reshape([N, C, HxW]) * w
    to_weight = ((projected_gg * r).reshape([N, C, HxW]) * flat).sum([0, 2])
    if grads[1] is not None:
        ggw = grads[1].view([1, C, 1]).expand([N, C, HxW])
        to_flat = to_flat + ggw * xhat.reshape([N, C, HxW])
        through = (ggw * flat).reshape(x.shape)
        to_x = to_x + (through - through.mean([2], True) - xhat * (through * xhat).mean([2], True)) * r
    if grads[2] is not None:
        to_flat = to_flat + grads[2].view([1, C, 1])
    return to_flat.reshape(grad_out.shape), to_x.reshape(input.shape), to_weight


@kernel(
    "native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, SymInt "
    "C, SymInt HxW, int group, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kinds=FLOATING, compute=HALF, python="function",
    out=["native_group_norm_backward.out(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, "
         "SymInt C, SymInt HxW, int group, bool[3] output_mask, *, Tensor(a!) out0, Tensor(b!) out1, Tensor(c!) out2) -> "
         "(Tensor(a!), Tensor(b!), Tensor(c!))"],
    grad={"grad_out, input, weight": _group_norm_double_backward}, jvp="transposed", vmap="group_norm_backward",
)
def native_group_norm_backward():
    """Gradients of native_group_norm with respect to input, weight and bias."""


@composite(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
    "float momentum, float eps, bool cudnn_enabled) -> Tensor",
    python="function",
    out=False,
)
def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """Normalise every channel of (N, C, ...) by its mean and variance over the batch, or by the running ones outside training.

    >>> torch.batch_norm(torch.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 0.0, False)
    tensor([[-1.],
            [ 1.]])
    """
    aten.empty.memory_format([0], dtype=torch.uint8)
    out, _, _ = native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return out


@composite(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
    "use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
    python="function",
    out=False,
)
def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """Normalise every channel of every sample of (N, C, ...) by its own mean and variance.

    >>> torch.instance_norm(torch.tensor([[[1., 3.]]]), None, None, None, None, True, 0.1, 0.0, False)
    tensor([[[-1.,  1.]]])
    """
    images = input.size(0)
    channels = input.size(1)
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    w = weight if weight is None else weight.repeat([images])
    b = bias if bias is None else bias.repeat([images])
    mean = running_mean if running_mean is None else running_mean.repeat([images])
    var = running_var if running_var is None else running_var.repeat([images])
    rows = input.contiguous().view([1, images * channels] + input.shape[2:])
    out = batch_norm(rows, w, b, mean, var, use_input_stats, momentum, eps, cudnn_enabled)
    if use_input_stats and running_mean is not None:
        shared = aten.alias.default(running_mean)
        shared.copy_(mean.view([images, channels]).mean([0]))
    if use_input_stats and running_var is not None:
        shared = aten.alias.default(running_var)
        shared.copy_(var.view([images, channels]).mean([0]))
    return out.view(input.shape)


@composite(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, "
    "bool cudnn_enabled=True) -> Tensor",
    python="function",
    out=False,
)
def group_norm(input, num_groups, weight, bias, eps, cudnn_enabled):
    """Normalise groups of channels of (N, C, ...) by their mean and variance in every sample.

    >>> torch.group_norm(torch.tensor([[1., 3.]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    channels = input.size(1)
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups != 0:
        raise RuntimeError("Expected number of channels in input to be divisible by num_groups, but got input of shape ", input.shape,
                           f" and num_groups={num_groups}")
    pixels = 1
    for s in input.shape[2:]:
        pixels = pixels * s
    out, _, _ = native_group_norm(input.contiguous(), weight, bias, input.size(0), channels, pixels, num_groups, eps)
    return out


@composite(
    "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float "
    "eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor",
    python="function",
    out=False,
)
def layer_norm(input, normalized_shape, weight, bias, eps, cudnn_enable):
    """Normalise the last dimensions, whose shape is normalized_shape, by their mean and variance.

    >>> torch.layer_norm(torch.tensor([1., 3.]), (2,), eps=0.0)
    tensor([-1.,  1.])
    """
    out, _, _ = native_layer_norm(input, normalized_shape, weight, bias, eps)
    return out


@composite(
    "rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
    python="function",
    out=False,
)
def rms_norm(input, normalized_shape, weight, eps):
    """Scale the last dimensions, whose shape is normalized_shape, to a mean square of one.

    >>> torch.rms_norm(torch.tensor([1., 1.]), (2,), eps=0.0)
    tensor([1., 1.])
    """
    n = len(normalized_shape)
    if n == 0:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []")
    if input.ndim < n or input.shape[input.ndim - n:] != normalized_shape:
        raise RuntimeError("Given normalized_shape=", normalized_shape, ", expected input with shape [*, ", normalized_shape, "], but got input of size",
                           input.shape)
    dims = [i for i in range(input.ndim - n, input.ndim)]
    half_precision = input.dtype == torch.float16 or input.dtype == torch.bfloat16
    x = input.to(torch.float32) if half_precision else input
    smallest = eps if eps is not None else (2.220446049250313e-16 if input.dtype == torch.float64 else 1.1920928955078125e-07)
    out = x * x.pow(2).mean(dims, True).add_(smallest).rsqrt()
    out = out.to(input.dtype) if half_precision and weight is None else out
    if weight is None:
        return out
    scaled = out * weight
    return scaled.to(input.dtype) if half_precision else scaled


def _batch_norm_grad(running, training):
    """The gradient formula of a form of native_batch_norm."""
    return f"native_batch_norm_backward(grad, input, weight, {running}, result1, result2, {training}, eps, [needs('input'), needs('weight'), needs('bias')])"


@decomposed(
    "_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
    "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    python="function",
    out=["_native_batch_norm_legit.out(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, bool training, "
         "float momentum, float eps, *, Tensor(d!) out, Tensor(e!) save_mean, Tensor(f!) save_invstd) -> (Tensor(d!), Tensor(e!), Tensor(f!))"],
    grad={"input, weight, bias": _batch_norm_grad("running_mean, running_var", "training")}, jvp="transposed", constant=(1, 2),
)
def _native_batch_norm_legit(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """native_batch_norm that says it writes the running statistics."""
    out, mean, invstd = native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return out, mean, invstd


@decomposed(
    "_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float "
    "eps) -> (Tensor, Tensor, Tensor)",
    python="function",
    out=["_native_batch_norm_legit.no_stats_out(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps, *, "
         "Tensor(a!) out, Tensor(b!) save_mean, Tensor(c!) save_invstd) -> (Tensor(a!), Tensor(b!), Tensor(c!))"],
    grad={"input, weight, bias": _batch_norm_grad("None, None", "training")}, jvp="transposed", constant=(1, 2),
)
def _native_batch_norm_legit_no_stats(input, weight, bias, training, momentum, eps):
    """native_batch_norm without running statistics."""
    out, mean, invstd = native_batch_norm(input, weight, bias, None, None, training, momentum, eps)
    return out, mean, invstd


@decomposed(
    "_batch_norm_with_update(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
    "float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)",
    python="function",
    out=["_batch_norm_with_update.out(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) "
         "running_var, float momentum, float eps, *, Tensor(d!) out, Tensor(e!) save_mean, Tensor(f!) save_invstd, Tensor(g!) "
         "reserve) -> (Tensor(d!), Tensor(e!), Tensor(f!), Tensor(g!))"],
    grad={"input, weight, bias": "batch_norm_backward(grad, input, weight, running_mean, running_var, result1, result2, True, eps, "
          "[needs('input'), needs('weight'), needs('bias')], result3)"}, jvp="transposed", constant=(1, 2, 3),
)
def _batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum, eps):
    """native_batch_norm in training, with the reserve that other backends need."""
    out, mean, invstd = native_batch_norm(input, weight, bias, running_mean, running_var, True, momentum, eps)
    return out, mean, invstd, aten.empty.memory_format([0], dtype=torch.uint8)


@decomposed(
    "_batch_norm_no_update(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, float momentum, float eps) -> "
    "(Tensor, Tensor, Tensor, Tensor)",
    python="function", out=True,
    grad={"input, weight, bias": "batch_norm_backward(grad, input, weight, running_mean, running_var, result1, result2, False, eps, "
          "[needs('input'), needs('weight'), needs('bias')], result3)"}, jvp="transposed", constant=(1, 2, 3),
)
def _batch_norm_no_update(input, weight, bias, running_mean, running_var, momentum, eps):
    """native_batch_norm outside training, with the reserve that other backends need."""
    out, mean, invstd = native_batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    return out, mean, invstd, aten.empty.memory_format([0], dtype=torch.uint8)


@decomposed(
    "_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor "
    "running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    python="function",
    out=["_native_batch_norm_legit_no_training.out(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor "
         "running_var, float momentum, float eps, *, Tensor(a!) out0, Tensor(b!) out1, Tensor(c!) out2) -> (Tensor(a!), "
         "Tensor(b!), Tensor(c!))"],
    grad={"input, weight, bias": _batch_norm_grad("running_mean, running_var", "False")}, jvp="transposed", constant=(1, 2),
)
def _native_batch_norm_legit_no_training(input, weight, bias, running_mean, running_var, momentum, eps):
    """native_batch_norm outside training."""
    out, mean, invstd = native_batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    return out, mean, invstd


@composite("norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", python="function")
def norm_except_dim(v, pow, dim):
    """The norms of the slices along `dim`, with all other dimensions of size 1; of the whole for -1.

    >>> torch.norm_except_dim(torch.tensor([[3., 4.]]))
    tensor([[5.]])
    """
    if dim == -1:
        return linalg_vector_norm(v, pow)
    return linalg_vector_norm(v, pow, [i for i in range(v.dim()) if i != dim], True)


@composite("_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", python="function")
def _weight_norm(v, g, dim):
    """The weight of direction v and magnitude g (Salimans & Kingma 2016)."""
    return v * (g / norm_except_dim(v, 2, dim))


@decomposed("batch_norm_update_stats(Tensor input, Tensor? running_mean, Tensor? running_var, float momentum) -> (Tensor, Tensor)", python="function",
            grad=None)
def batch_norm_update_stats(input, running_mean, running_var, momentum):
    """Mean and biased variance of each channel; running ones move towards the mean and the unbiased variance by `momentum`.

    >>> torch.batch_norm_update_stats(torch.tensor([[1.], [3.]]), None, None, 0.1)
    (tensor([2.]), tensor([1.]))
    """
    dims = [0]
    for i in range(2, input.ndim):
        dims.append(i)
    n = input.numel() // input.size(1)
    mean = input.mean(dims)
    var = input.var(dims, correction=0)
    if running_mean is not None:
        running_mean.lerp_(mean, momentum)
    if running_var is not None:
        running_var.lerp_(var * (n / (n - 1)), momentum)
    return mean, var
