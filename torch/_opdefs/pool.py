"""Pooling: largest or mean value of windows, and what undoes it."""

from functools import partial

from .language import FLOATING, HALF, composite, kernel

pooling = partial(kernel, kinds="usf", compute=HALF)


@composite("_gather_planes(Tensor self, Tensor indices, int dims) -> Tensor", python="")
def _gather_planes(self, indices, dims):
    """The elements that indices name in the flattened last dims of self."""
    lead = indices.shape[:indices.ndim - dims]
    return self.contiguous().view(lead + [-1]).gather(-1, indices.reshape(lead + [-1])).view(indices.shape)


@pooling(
    "max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool "
    "ceil_mode=False) -> (Tensor, Tensor)",
    python="nn",
    out=["max_pool2d_with_indices.out(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, "
         "bool ceil_mode=False, *, Tensor(a!) out, Tensor(b!) indices) -> (Tensor(a!), Tensor(b!))"],
    grad={"self": "max_pool2d_with_indices_backward(grad, self, kernel_size, stride, padding, dilation, ceil_mode, result1)"}, jvp="transposed",
    vmap="merge<3>",
)
def max_pool2d_with_indices():
    """Largest value of each window of (N, C, H, W) and its index in the flattened plane."""


@pooling(
    "max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, "
    "int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor",
    python="nn",
    out=["max_pool2d_with_indices_backward.grad_input(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, "
         "int[2] padding, int[2] dilation, bool ceil_mode, Tensor indices, *, Tensor(a!) grad_input) -> Tensor(a!)"],
    grad={"grad_output": "_gather_planes(grad, indices, 2)", "self": "zeros(self.shape, dtype=grad.dtype, device=grad.device)"}, jvp="transposed", vmap="merge<3>",
)
def max_pool2d_with_indices_backward():
    """Sends each gradient to the element that was largest."""


@composite(
    "max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool "
    "ceil_mode=False) -> Tensor",
    python="function",
    out=False,
)
def max_pool2d(self, kernel_size, stride, padding, dilation, ceil_mode):
    """Largest value of each window of (N, C, H, W) or without N.

    >>> torch.max_pool2d(torch.arange(4.).view(1, 2, 2), 2)
    tensor([[[3.]]])
    """
    out, _ = max_pool2d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode)
    return out


@pooling(
    "avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool "
    "count_include_pad=True, int? divisor_override=None) -> Tensor",
    python="nn",
    out=["avg_pool2d.out(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool "
         "count_include_pad=True, int? divisor_override=None, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "avg_pool2d_backward(grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)"}, jvp="linear",
    vmap="merge<3>",
)
def avg_pool2d():
    """Mean of each window of (N, C, H, W) or without N; count_include_pad counts the zeros of the padding.

    >>> F.avg_pool2d(torch.arange(4.).view(1, 2, 2), 2)
    tensor([[[1.5000]]])
    """


@pooling(
    "avg_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, bool "
    "ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor",
    python="nn",
    out=["avg_pool2d_backward.grad_input(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, "
         "bool ceil_mode, bool count_include_pad, int? divisor_override, *, Tensor(a!) grad_input) -> Tensor(a!)"],
    grad={
        "grad_output": "avg_pool2d(grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)",
        "self": "zeros_like(grad)",
    }, jvp="transposed", vmap="merge<3>",
)
def avg_pool2d_backward():
    """Spreads each gradient over its window."""


@pooling(
    "_adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor",
    python="function",
    out=["_adaptive_avg_pool2d.out(Tensor self, SymInt[2] output_size, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "_adaptive_avg_pool2d_backward(grad, self)"}, jvp="linear", vmap="merge<3>",
)
def _adaptive_avg_pool2d():
    """Means over windows so chosen that the output has a given size."""


@pooling(
    "_adaptive_avg_pool2d_backward(Tensor grad_output, Tensor self) -> Tensor",
    python="function",
    out=["_adaptive_avg_pool2d_backward.out(Tensor grad_output, Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={
        "grad_output": "_adaptive_avg_pool2d(grad, [grad_output.size(i) for i in range(grad_output.ndim - 2, grad_output.ndim)])",
        "self": "zeros_like(grad)",
    }, jvp="transposed", vmap="merge<3>",
)
def _adaptive_avg_pool2d_backward():
    """Spreads each gradient over its window."""


@pooling(
    "adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)",
    python="nn",
    out=["adaptive_max_pool2d.out(Tensor self, int[2] output_size, *, Tensor(a!) out, Tensor(b!) indices) -> (Tensor(a!), "
         "Tensor(b!))"],
    grad={"self": "adaptive_max_pool2d_backward(grad, self, result1)"}, jvp="transposed", vmap="merge<3>",
)
def adaptive_max_pool2d():
    """Largest values, with indices, over windows so chosen that the output has a given size."""


@pooling(
    "adaptive_max_pool2d_backward(Tensor grad_output, Tensor self, Tensor indices) -> Tensor",
    python="nn",
    out=["adaptive_max_pool2d_backward.grad_input(Tensor grad_output, Tensor self, Tensor indices, *, Tensor(a!) grad_input) -> "
         "Tensor(a!)"],
    grad={"grad_output": "_gather_planes(grad, indices, 2)", "self": "zeros_like(grad)"}, jvp="transposed", vmap="merge<3>",
)
def adaptive_max_pool2d_backward():
    """Sends each gradient to the element that was largest."""


@pooling(
    "fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)",
    kinds=FLOATING, python="nn",
    out=["fractional_max_pool2d.output(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples, *, "
         "Tensor(a!) output, Tensor(b!) indices) -> (Tensor(a!), Tensor(b!))"],
    grad={"self": "fractional_max_pool2d_backward(grad, self, kernel_size, output_size, result1)"}, jvp="transposed", vmap="loop",
)
def fractional_max_pool2d():
    """Largest values, with indices, over windows of pseudo-random position."""


@pooling(
    "fractional_max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] output_size, Tensor "
    "indices) -> Tensor",
    kinds=FLOATING, python="nn",
    out=["fractional_max_pool2d_backward.grad_input(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] output_size, "
         "Tensor indices, *, Tensor(a!) grad_input) -> Tensor(a!)"],
    grad={"grad_output": "_gather_planes(grad, indices, 2)", "self": "zeros_like(grad)"}, jvp="transposed", vmap="loop",
)
def fractional_max_pool2d_backward():
    """Sends each gradient to the element that was largest."""


@pooling(
    "max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor",
    kinds="busfc", python="nn",
    out=["max_unpool2d.out(Tensor self, Tensor indices, SymInt[2] output_size, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "_gather_planes(grad, indices, 2)"}, jvp="transposed", vmap="merge<3>",
)
def max_unpool2d():
    """Puts every value where its index says, zero elsewhere."""


@composite(
    "adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor",
    python="nn",
    out=["adaptive_avg_pool2d.out(Tensor self, SymInt[2] output_size, *, Tensor(a!) out) -> Tensor(a!)"],
)
def adaptive_avg_pool2d(self, output_size):
    """Means over windows so chosen that the output has a given size."""
    if len(output_size) != 2:
        raise RuntimeError("adaptive_avg_pool2d: output_size must be 2")
    whole = True
    for s in output_size:
        if s < 0:
            raise RuntimeError("adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 but received ", output_size)
        if s != 1:
            whole = False
    if whole and self.numel() > 0 and self.is_floating_point():
        return self.mean([-2, -1], True)
    return _adaptive_avg_pool2d(self, output_size)


@pooling(
    "max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool "
    "ceil_mode=False) -> (Tensor, Tensor)",
    python="nn",
    out=["max_pool3d_with_indices.out(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, "
         "bool ceil_mode=False, *, Tensor(a!) out, Tensor(b!) indices) -> (Tensor(a!), Tensor(b!))"],
    grad={"self": "max_pool3d_with_indices_backward(grad, self, kernel_size, stride, padding, dilation, ceil_mode, result1)"}, jvp="transposed",
    vmap="merge<4>",
)
def max_pool3d_with_indices():
    """Largest value of each window of (N, C, D, H, W) and its index in the flattened plane."""


@pooling(
    "max_pool3d_with_indices_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, "
    "int[3] dilation, bool ceil_mode, Tensor indices) -> Tensor",
    python="nn",
    out=["max_pool3d_with_indices_backward.grad_input(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, "
         "int[3] padding, int[3] dilation, bool ceil_mode, Tensor indices, *, Tensor(a!) grad_input) -> Tensor(a!)"],
    grad={"grad_output": "_gather_planes(grad, indices, 3)", "self": "zeros_like(grad)"}, jvp="transposed", vmap="merge<4>",
)
def max_pool3d_with_indices_backward():
    """Sends each gradient to the element that was largest."""


@composite(
    "max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool "
    "ceil_mode=False) -> Tensor",
    python="function",
    out=False,
)
def max_pool3d(self, kernel_size, stride, padding, dilation, ceil_mode):
    """Largest value of each window of (N, C, D, H, W) or without N.

    >>> torch.max_pool3d(torch.arange(8.).view(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    out, _ = max_pool3d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode)
    return out


@pooling(
    "avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool "
    "count_include_pad=True, int? divisor_override=None) -> Tensor",
    python="nn",
    out=["avg_pool3d.out(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool "
         "count_include_pad=True, int? divisor_override=None, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "avg_pool3d_backward(grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)"}, jvp="linear",
    vmap="merge<4>",
)
def avg_pool3d():
    """Mean of each window of (N, C, D, H, W) or without N; count_include_pad counts the zeros of the padding.

    >>> F.avg_pool3d(torch.ones(1, 2, 2, 2), 2).shape
    torch.Size([1, 1, 1, 1])
    """


@pooling(
    "avg_pool3d_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, bool "
    "ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor",
    python="nn",
    out=["avg_pool3d_backward.grad_input(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, "
         "bool ceil_mode, bool count_include_pad, int? divisor_override, *, Tensor(a!) grad_input) -> Tensor(a!)"],
    grad={
        "grad_output": "avg_pool3d(grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)",
        "self": "zeros_like(grad)",
    }, jvp="transposed", vmap="merge<4>",
)
def avg_pool3d_backward():
    """Spreads each gradient over its window."""


@pooling(
    "_adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor",
    python="function",
    out=["_adaptive_avg_pool3d.out(Tensor self, SymInt[3] output_size, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={"self": "_adaptive_avg_pool3d_backward(grad, self)"}, jvp="linear", vmap="merge<4>",
)
def _adaptive_avg_pool3d():
    """Means over windows so chosen that the output has a given size."""


@pooling(
    "_adaptive_avg_pool3d_backward(Tensor grad_output, Tensor self) -> Tensor",
    python="function",
    out=["_adaptive_avg_pool3d_backward.out(Tensor grad_output, Tensor self, *, Tensor(a!) out) -> Tensor(a!)"],
    grad={
        "grad_output": "_adaptive_avg_pool3d(grad, [grad_output.size(i) for i in range(grad_output.ndim - 3, grad_output.ndim)])",
        "self": "zeros_like(grad)",
    }, jvp="transposed", vmap="merge<4>",
)
def _adaptive_avg_pool3d_backward():
    """Spreads each gradient over its window."""


@pooling(
    "adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)",
    python="nn",
    out=["adaptive_max_pool3d.out(Tensor self, int[3] output_size, *, Tensor(a!) out, Tensor(b!) indices) -> (Tensor(a!), "
         "Tensor(b!))"],
    grad={"self": "adaptive_max_pool3d_backward(grad, self, result1)"}, jvp="transposed", vmap="merge<4>",
)
def adaptive_max_pool3d():
    """Largest values, with indices, over windows so chosen that the output has a given size."""


@pooling(
    "adaptive_max_pool3d_backward(Tensor grad_output, Tensor self, Tensor indices) -> Tensor",
    python="nn",
    out=["adaptive_max_pool3d_backward.grad_input(Tensor grad_output, Tensor self, Tensor indices, *, Tensor(a!) grad_input) -> "
         "Tensor(a!)"],
    grad={"grad_output": "_gather_planes(grad, indices, 3)", "self": "zeros_like(grad)"}, jvp="transposed", vmap="merge<4>",
)
def adaptive_max_pool3d_backward():
    """Sends each gradient to the element that was largest."""


@pooling(
    "fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)",
    kinds=FLOATING, python="nn",
    out=["fractional_max_pool3d.output(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples, *, "
         "Tensor(a!) output, Tensor(b!) indices) -> (Tensor(a!), Tensor(b!))"],
    grad={"self": "fractional_max_pool3d_backward(grad, self, kernel_size, output_size, result1)"}, jvp="transposed", vmap="loop",
)
def fractional_max_pool3d():
    """Largest values, with indices, over windows of pseudo-random position."""


@pooling(
    "fractional_max_pool3d_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] output_size, Tensor "
    "indices) -> Tensor",
    kinds=FLOATING, python="nn",
    out=["fractional_max_pool3d_backward.grad_input(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] output_size, "
         "Tensor indices, *, Tensor(a!) grad_input) -> Tensor(a!)"],
    grad={"grad_output": "_gather_planes(grad, indices, 3)", "self": "zeros_like(grad)"}, jvp="transposed", vmap="loop",
)
def fractional_max_pool3d_backward():
    """Sends each gradient to the element that was largest."""


@pooling(
    "max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor",
    kinds="busfc", python="nn",
    out=["max_unpool3d.out(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding, *, Tensor(a!) "
         "out) -> Tensor(a!)"],
    grad={"self": "_gather_planes(grad, indices, 3)"}, jvp="transposed", vmap="merge<4>",
)
def max_unpool3d():
    """Puts every value where its index says, zero elsewhere."""


@composite(
    "adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor",
    python="nn",
    out=["adaptive_avg_pool3d.out(Tensor self, SymInt[3] output_size, *, Tensor(a!) out) -> Tensor(a!)"],
)
def adaptive_avg_pool3d(self, output_size):
    """Means over windows so chosen that the output has a given size."""
    if len(output_size) != 3:
        raise RuntimeError("adaptive_avg_pool3d: output_size must be 3")
    whole = True
    for s in output_size:
        if s < 0:
            raise RuntimeError("adaptive_avg_pool3d: elements of output_size must be greater than or equal to 0 but received ", output_size)
        if s != 1:
            whole = False
    if whole and self.numel() > 0 and self.is_floating_point():
        return self.mean([-3, -2, -1], True)
    return _adaptive_avg_pool3d(self, output_size)


@composite(
    "avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool "
    "count_include_pad=True) -> Tensor",
    python="function",
    out=["avg_pool1d.out(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool "
         "count_include_pad=True, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def avg_pool1d(self, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """Mean of each window of (N, C, L) or (C, L).

    >>> torch.avg_pool1d(torch.arange(4.).view(1, 4), 2)
    tensor([[0.5000, 2.5000]])
    """
    if self.ndim != 2 and self.ndim != 3:
        raise RuntimeError(f"Expected 2 to 3 dimensions, but got {self.ndim}-dimensional tensor for argument #1 'self' "
                           "(while checking arguments for avg_pool1d)")
    steps = kernel_size if len(stride) == 0 else stride
    return avg_pool2d(self.unsqueeze(-2), [1, kernel_size[0]], [1, steps[0]], [0, padding[0]], ceil_mode, count_include_pad).squeeze(-2)


@composite(
    "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    python="function",
    out=False,
)
def max_pool1d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode):
    """Largest value of each window of (N, C, L) or (C, L) and its index.

    >>> torch.max_pool1d_with_indices(torch.arange(4.).view(1, 4), 2)[1]
    tensor([[1, 3]])
    """
    if self.ndim != 2 and self.ndim != 3:
        raise RuntimeError("max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:", self.shape)
    steps = kernel_size if len(stride) == 0 else stride
    out, indices = max_pool2d_with_indices(self.unsqueeze(-2), [1, kernel_size[0]], [1, steps[0]], [0, padding[0]], [1, dilation[0]], ceil_mode)
    return out.squeeze(-2), indices.squeeze(-2)


@composite(
    "max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool "
    "ceil_mode=False) -> Tensor",
    python="function",
    out=False,
)
def max_pool1d(self, kernel_size, stride, padding, dilation, ceil_mode):
    """Largest value of each window of (N, C, L) or (C, L).

    >>> torch.max_pool1d(torch.arange(4.).view(1, 4), 2)
    tensor([[1., 3.]])
    """
    if len(stride) > 0:
        if stride[0] <= 0:
            raise RuntimeError(f"max_pool1d() stride must be greater than zero, but got {stride[0]}")
    out, _ = max_pool1d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode)
    return out


@composite(
    "adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor",
    python="function",
    out=["adaptive_avg_pool1d.out(Tensor self, int[1] output_size, *, Tensor(a!) out) -> Tensor(a!)"], out_dtype="exact",
)
def adaptive_avg_pool1d(self, output_size):
    """Means over windows so chosen that the output has a given length.

    >>> torch.adaptive_avg_pool1d(torch.arange(4.).view(1, 4), 2)
    tensor([[0.5000, 2.5000]])
    """
    if self.ndim != 2 and self.ndim != 3:
        raise RuntimeError(f"Expected 2 to 3 dimensions, but got {self.ndim}-dimensional tensor for argument #1 'self' "
                           "(while checking arguments for adaptive_avg_pool1d)")
    if len(output_size) != 1:
        raise RuntimeError(f"adaptive_avg_pool1d() argument 'output_size' should contain one int (got {len(output_size)})")
    return adaptive_avg_pool2d(self.unsqueeze(-2), [1, output_size[0]]).squeeze(-2)


@composite(
    "adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)",
    python="function",
    out=False,
)
def adaptive_max_pool1d(self, output_size):
    """Largest values, with indices, over windows so chosen that the output has a given length.

    >>> torch.adaptive_max_pool1d(torch.arange(4.).view(1, 4), 2)
    (tensor([[1., 3.]]), tensor([[1, 3]]))
    """
    if self.ndim != 2 and self.ndim != 3:
        raise RuntimeError(f"Expected 2 to 3 dimensions, but got {self.ndim}-dimensional tensor for argument #1 'self' "
                           "(while checking arguments for adaptive_max_pool1d)")
    out, indices = adaptive_max_pool2d(self.unsqueeze(-2), [1, output_size[0]])
    return out.squeeze(-2), indices.squeeze(-2)
