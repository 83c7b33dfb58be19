"""Convolution, plain and transposed, over one to three spatial dimensions."""

from .language import NUMERIC, SINGLE, composite, kernel


def _all_gradients(grad, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    return convolution_backward(grad, input, weight, [weight.size(1) * groups if transposed else weight.size(0)],
                                stride, padding, dilation, transposed, output_padding, groups, [needs("input"), needs("weight"), needs("bias")])


@kernel(
    "convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, "
    "SymInt[] output_padding, SymInt groups) -> Tensor",
    kinds="usf", compute=SINGLE, python="function",
    grad={"input, weight, bias": _all_gradients},
    jvp="transposed", vmap="convolution",
)
def convolution():
    """Cross-correlation of input (N, C, ...) with weight (M, C / groups, ...), or its transpose with weight (C, M / groups, ...).

    >>> torch.convolution(torch.ones(1, 1, 3), torch.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """


def _double_backward(grads, grad_output, input, weight, stride, padding, dilation, transposed, output_padding, groups):
    ggi = grads[0]
    ggw = grads[1]
    ggb = grads[2]
    grad_grad = grad_output.new_zeros(grad_output.shape)
    gi = input.new_zeros(input.shape)
    gw = weight.new_zeros(weight.shape)
    if ggi is not None:
        grad_grad = grad_grad + convolution(ggi, weight, None, stride, padding, dilation, transposed, output_padding, groups)
        _, gw, _ = convolution_backward(grad_output, ggi, weight, None, stride, padding, dilation, transposed, output_padding, groups,
                                        [False, True, False])
    if ggw is not None:
        grad_grad = grad_grad + convolution(input, ggw, None, stride, padding, dilation, transposed, output_padding, groups)
        gi, _, _ = convolution_backward(grad_output, input, ggw, None, stride, padding, dilation, transposed, output_padding, groups,
                                        [True, False, False])
    if ggb is not None:
        shape = [1, ggb.size(0)]
        for i in range(grad_output.ndim - 2):
            shape.append(1)
        grad_grad = grad_grad + ggb.view(shape)
    return grad_grad, gi, gw


@kernel(
    "convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, SymInt[] padding, SymInt[] dilation, "
    "bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kinds="usf", compute=SINGLE, python="", grad={"grad_output, input, weight": _double_backward}, jvp="transposed",
    out=["convolution_backward.out(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, SymInt[] padding, "
         "SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask, *, Tensor(a!) out0, Tensor(b!) out1, "
         "Tensor(c!) out2) -> (Tensor(a!), Tensor(b!), Tensor(c!))"], vmap="convolution_backward",
)
def convolution_backward():
    """Gradients of convolution with respect to input, weight and bias, those that output_mask asks for."""


@composite(
    "_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, "
    "SymInt[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor",
    kinds=NUMERIC, python="function",
    out="below",
)
def _convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, benchmark, deterministic, cudnn_enabled, allow_tf32):
    """convolution with the switches of other backends, which do nothing here."""
    return _any_convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)


@composite(
    "_any_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, "
    "SymInt[] output_padding, SymInt groups) -> Tensor",
    kinds=NUMERIC, python="",
)
def _any_convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Complex convolution as three real ones: (a + ib)(c + id) needs ac, bd and (a + b)(c + d)."""
    if not input.is_complex():
        return convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    planes = view_as_real(resolve_conj(weight))
    wr = planes.select(-1, 0)
    wi = planes.select(-1, 1)
    planes = view_as_real(resolve_conj(input))
    xr = planes.select(-1, 0)
    xi = planes.select(-1, 1)
    if bias is None:
        a = convolution(xr, wr, None, stride, padding, dilation, transposed, output_padding, groups)
        b = convolution(xi, wi, None, stride, padding, dilation, transposed, output_padding, groups)
        c = convolution(xr + xi, wr + wi, None, stride, padding, dilation, transposed, output_padding, groups)
    else:
        planes = view_as_real(resolve_conj(bias))
        br = planes.select(-1, 0)
        bi = planes.select(-1, 1)
        a = convolution(xr, wr, br, stride, padding, dilation, transposed, output_padding, groups)
        b = convolution(xi, wi, None, stride, padding, dilation, transposed, output_padding, groups)
        c = convolution(xr + xi, wr + wi, br + bi, stride, padding, dilation, transposed, output_padding, groups)
    return complex(a - b, c - a - b)


@composite(
    "_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] dilation, SymInt groups) -> Tensor",
    kinds=NUMERIC, python="function",
)
def _convolution_mode(input, weight, bias, stride, padding, dilation, groups):
    """convolution with padding given as "valid" or "same"; an odd total puts the extra zero at the end."""
    dims = weight.ndim - 2
    zeros_ = [0 for i in range(dims)]
    if padding == "valid":
        return _any_convolution(input, weight, bias, stride, zeros_, dilation, False, zeros_, groups)
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    for s in stride:
        if s != 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
    both = [0 for i in range(dims)]
    extra = [0 for i in range(2 * dims)]
    uneven = False
    for i in range(dims):
        total = (dilation[0] if len(dilation) == 1 else dilation[i]) * (weight.size(i + 2) - 1)
        both[i] = total // 2
        if total % 2 == 1:
            uneven = True
            extra[2 * (dims - 1 - i) + 1] = 1
    padded = input
    if uneven:
        padded = constant_pad_nd(input, extra, 0)
    return _any_convolution(padded, weight, bias, stride, both, dilation, False, zeros_, groups)


@composite(
    "conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], "
    "SymInt groups=1) -> Tensor",
    python="function",
)
def conv1d(input, weight, bias, stride, padding, dilation, groups):
    """Cross-correlation over 1 spatial dimension: input (N, C, L) or without N, weight (M, C / groups, ...), bias (M,).

    >>> torch.conv1d(torch.arange(4.).view(1, 1, 4), torch.ones(1, 1, 2))
    tensor([[[1., 3., 5.]]])
    """
    if input.ndim == 2:
        return _any_convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, False, [0], groups).squeeze(0)
    if input.ndim != 3:
        raise RuntimeError(f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {input.shape}")
    return _any_convolution(input, weight, bias, stride, padding, dilation, False, [0], groups)


@composite(
    'conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], '
    "SymInt groups=1) -> Tensor",
    python="function",
)
def conv1d_padding(input, weight, bias, stride, padding, dilation, groups):
    """The same with padding "valid" (none) or "same" (the output as large as the input)."""
    if input.ndim == 2:
        return _convolution_mode(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    if input.ndim != 3:
        raise RuntimeError(f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {input.shape}")
    return _convolution_mode(input, weight, bias, stride, padding, dilation, groups)


@composite(
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], "
    "SymInt groups=1) -> Tensor",
    python="function",
)
def conv2d(input, weight, bias, stride, padding, dilation, groups):
    """Cross-correlation over 2 spatial dimensions: input (N, C, H, W) or without N, weight (M, C / groups, ...), bias (M,).

    >>> torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    if input.ndim == 3:
        return _any_convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, False, [0, 0], groups).squeeze(0)
    if input.ndim != 4:
        raise RuntimeError(f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {input.shape}")
    return _any_convolution(input, weight, bias, stride, padding, dilation, False, [0, 0], groups)


@composite(
    'conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], '
    "SymInt groups=1) -> Tensor",
    python="function",
)
def conv2d_padding(input, weight, bias, stride, padding, dilation, groups):
    """The same with padding "valid" (none) or "same" (the output as large as the input)."""
    if input.ndim == 3:
        return _convolution_mode(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    if input.ndim != 4:
        raise RuntimeError(f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {input.shape}")
    return _convolution_mode(input, weight, bias, stride, padding, dilation, groups)


@composite(
    "conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], "
    "SymInt groups=1) -> Tensor",
    python="function",
)
def conv3d(input, weight, bias, stride, padding, dilation, groups):
    """Cross-correlation over 3 spatial dimensions: input (N, C, D, H, W) or without N, weight (M, C / groups, ...), bias (M,).

    >>> torch.conv3d(torch.ones(1, 1, 3, 3, 3), torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 2, 2, 2])
    """
    if input.ndim == 4:
        return _any_convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, False, [0, 0, 0], groups).squeeze(0)
    if input.ndim != 5:
        raise RuntimeError(f"Expected 4D (unbatched) or 5D (batched) input to conv3d, but got input of size: {input.shape}")
    return _any_convolution(input, weight, bias, stride, padding, dilation, False, [0, 0, 0], groups)


@composite(
    'conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], '
    "SymInt groups=1) -> Tensor",
    python="function",
)
def conv3d_padding(input, weight, bias, stride, padding, dilation, groups):
    """The same with padding "valid" (none) or "same" (the output as large as the input)."""
    if input.ndim == 4:
        return _convolution_mode(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    if input.ndim != 5:
        raise RuntimeError(f"Expected 4D (unbatched) or 5D (batched) input to conv3d, but got input of size: {input.shape}")
    return _convolution_mode(input, weight, bias, stride, padding, dilation, groups)


@composite(
    "conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], "
    "SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor",
    python="function",
)
def conv_transpose1d(input, weight, bias, stride, padding, output_padding, groups, dilation):
    """Transpose of conv1d: input (N, C, ...) or without N, weight (C, M / groups, ...), bias (M,).

    >>> torch.conv_transpose1d(torch.arange(3.).view(1, 1, 3), torch.ones(1, 1, 2))
    tensor([[[0., 1., 3., 2.]]])
    """
    if input.ndim == 2:
        return _any_convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, True, output_padding, groups).squeeze(0)
    if input.ndim != 3:
        raise RuntimeError(f"Expected 2D (unbatched) or 3D (batched) input to conv_transpose1d, but got input of size: {input.shape}")
    return _any_convolution(input, weight, bias, stride, padding, dilation, True, output_padding, groups)


@composite(
    "conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], "
    "SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor",
    python="function",
)
def conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation):
    """Transpose of conv2d: input (N, C, ...) or without N, weight (C, M / groups, ...), bias (M,).

    >>> torch.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    if input.ndim == 3:
        return _any_convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, True, output_padding, groups).squeeze(0)
    if input.ndim != 4:
        raise RuntimeError(f"Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: {input.shape}")
    return _any_convolution(input, weight, bias, stride, padding, dilation, True, output_padding, groups)


@composite(
    "conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], "
    "SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor",
    python="function",
)
def conv_transpose3d(input, weight, bias, stride, padding, output_padding, groups, dilation):
    """Transpose of conv3d: input (N, C, ...) or without N, weight (C, M / groups, ...), bias (M,).

    >>> torch.conv_transpose3d(torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 3, 3, 3])
    """
    if input.ndim == 4:
        return _any_convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, True, output_padding, groups).squeeze(0)
    if input.ndim != 5:
        raise RuntimeError(f"Expected 4D (unbatched) or 5D (batched) input to conv_transpose3d, but got input of size: {input.shape}")
    return _any_convolution(input, weight, bias, stride, padding, dilation, True, output_padding, groups)


@composite("conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", out="below")
def conv_tbc(self, weight, bias, pad):
    """Convolution in time of [time, batch, channels] with a weight of [width, channels in, channels out].

    >>> torch.conv_tbc(torch.ones(4, 1, 2), torch.ones(2, 2, 3), torch.zeros(3)).shape
    torch.Size([3, 1, 3])
    """
    return conv1d(self.permute([1, 2, 0]), weight.permute([2, 1, 0]), bias, [1], [pad], [1], 1).permute([2, 0, 1])
