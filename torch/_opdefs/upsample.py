"""Resampling: nearest, linear and cubic interpolation, sampling at the points of a grid, patches as columns."""

from functools import partial

from .language import FLOATING, HALF, WIDE_UNSIGNED, composite, kernel

resampling = partial(kernel, kinds="uf", without=WIDE_UNSIGNED, compute=HALF)

# `size` is the spatial size of the result; a scale, where given, replaces the quotient of the sizes in finding the source of each output.


@resampling("upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor",
        grad={"self": "upsample_nearest1d_backward(grad, output_size, self.shape, scales)"}, python="nn", vmap="merge<2>")
def upsample_nearest1d():
    """Each output is its nearest input, by the corner of its cell: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_nearest1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, float? scales=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_nearest1d(grad, output_size, scales)"}, out="grad_input", python="", vmap="merge<2>")
def upsample_nearest1d_backward():
    """The gradient of upsample_nearest1d."""


@composite("upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", python="nn")
def upsample_nearest1d_vec(input, output_size, scale_factors):
    """upsample_nearest1d by size or by factors."""
    size = []
    for i in range(1):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_nearest1d(input, size)
    return upsample_nearest1d(input, size, scale_factors[0])


@resampling("upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "upsample_nearest2d_backward(grad, output_size, self.shape, scales_h, scales_w)"}, python="nn", vmap="merge<3>")
def upsample_nearest2d():
    """Each output is its nearest input, by the corner of its cell: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_nearest2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_nearest2d(grad, output_size, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<3>")
def upsample_nearest2d_backward():
    """The gradient of upsample_nearest2d."""


@composite("upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", python="nn", out="below")
def upsample_nearest2d_vec(input, output_size, scale_factors):
    """upsample_nearest2d by size or by factors."""
    size = []
    for i in range(2):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_nearest2d(input, size)
    return upsample_nearest2d(input, size, scale_factors[0], scale_factors[1])


@resampling("upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "upsample_nearest3d_backward(grad, output_size, self.shape, scales_d, scales_h, scales_w)"}, python="nn", vmap="merge<4>")
def upsample_nearest3d():
    """Each output is its nearest input, by the corner of its cell: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_nearest3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_nearest3d(grad, output_size, scales_d, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<4>")
def upsample_nearest3d_backward():
    """The gradient of upsample_nearest3d."""


@composite("upsample_nearest3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", python="nn")
def upsample_nearest3d_vec(input, output_size, scale_factors):
    """upsample_nearest3d by size or by factors."""
    size = []
    for i in range(3):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_nearest3d(input, size)
    return upsample_nearest3d(input, size, scale_factors[0], scale_factors[1], scale_factors[2])


@resampling("_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor",
        grad={"self": "_upsample_nearest_exact1d_backward(grad, output_size, self.shape, scales)"}, python="nn", vmap="merge<2>")
def _upsample_nearest_exact1d():
    """Each output is its nearest input, by the centre of its cell: (N, C, ...) to (N, C, *output_size)."""


@resampling("_upsample_nearest_exact1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, float? scales=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "_upsample_nearest_exact1d(grad, output_size, scales)"}, out="grad_input", python="", vmap="merge<2>")
def _upsample_nearest_exact1d_backward():
    """The gradient of _upsample_nearest_exact1d."""


@composite("_upsample_nearest_exact1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", python="nn")
def _upsample_nearest_exact1d_vec(input, output_size, scale_factors):
    """_upsample_nearest_exact1d by size or by factors."""
    size = []
    for i in range(1):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return _upsample_nearest_exact1d(input, size)
    return _upsample_nearest_exact1d(input, size, scale_factors[0])


@resampling("_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "_upsample_nearest_exact2d_backward(grad, output_size, self.shape, scales_h, scales_w)"}, python="nn", vmap="merge<3>")
def _upsample_nearest_exact2d():
    """Each output is its nearest input, by the centre of its cell: (N, C, ...) to (N, C, *output_size)."""


@resampling("_upsample_nearest_exact2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "_upsample_nearest_exact2d(grad, output_size, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<3>")
def _upsample_nearest_exact2d_backward():
    """The gradient of _upsample_nearest_exact2d."""


@composite("_upsample_nearest_exact2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", python="nn")
def _upsample_nearest_exact2d_vec(input, output_size, scale_factors):
    """_upsample_nearest_exact2d by size or by factors."""
    size = []
    for i in range(2):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return _upsample_nearest_exact2d(input, size)
    return _upsample_nearest_exact2d(input, size, scale_factors[0], scale_factors[1])


@resampling("_upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "_upsample_nearest_exact3d_backward(grad, output_size, self.shape, scales_d, scales_h, scales_w)"}, python="nn", vmap="merge<4>")
def _upsample_nearest_exact3d():
    """Each output is its nearest input, by the centre of its cell: (N, C, ...) to (N, C, *output_size)."""


@resampling("_upsample_nearest_exact3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "_upsample_nearest_exact3d(grad, output_size, scales_d, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<4>")
def _upsample_nearest_exact3d_backward():
    """The gradient of _upsample_nearest_exact3d."""


@composite("_upsample_nearest_exact3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor", python="nn")
def _upsample_nearest_exact3d_vec(input, output_size, scale_factors):
    """_upsample_nearest_exact3d by size or by factors."""
    size = []
    for i in range(3):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return _upsample_nearest_exact3d(input, size)
    return _upsample_nearest_exact3d(input, size, scale_factors[0], scale_factors[1], scale_factors[2])


@resampling("upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor",
        grad={"self": "upsample_linear1d_backward(grad, output_size, self.shape, align_corners, scales)"}, python="nn", vmap="merge<2>")
def upsample_linear1d():
    """Linear interpolation: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_linear1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, bool align_corners, float? scales=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_linear1d(grad, output_size, align_corners, scales)"}, out="grad_input", python="", vmap="merge<2>")
def upsample_linear1d_backward():
    """The gradient of upsample_linear1d."""


@composite("upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor", python="nn")
def upsample_linear1d_vec(input, output_size, align_corners, scale_factors):
    """upsample_linear1d by size or by factors."""
    size = []
    for i in range(1):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_linear1d(input, size, align_corners)
    return upsample_linear1d(input, size, align_corners, scale_factors[0])


@resampling("upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "upsample_bilinear2d_backward(grad, output_size, self.shape, align_corners, scales_h, scales_w)"}, python="nn", vmap="merge<3>")
def upsample_bilinear2d():
    """Linear interpolation in two dimensions: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_bilinear2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_bilinear2d(grad, output_size, align_corners, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<3>")
def upsample_bilinear2d_backward():
    """The gradient of upsample_bilinear2d."""


@composite("upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor", python="nn", out="below")
def upsample_bilinear2d_vec(input, output_size, align_corners, scale_factors):
    """upsample_bilinear2d by size or by factors."""
    size = []
    for i in range(2):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_bilinear2d(input, size, align_corners)
    return upsample_bilinear2d(input, size, align_corners, scale_factors[0], scale_factors[1])


@resampling("upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "upsample_trilinear3d_backward(grad, output_size, self.shape, align_corners, scales_d, scales_h, scales_w)"}, python="nn",
        vmap="merge<4>")
def upsample_trilinear3d():
    """Linear interpolation in three dimensions: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_trilinear3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_trilinear3d(grad, output_size, align_corners, scales_d, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<4>")
def upsample_trilinear3d_backward():
    """The gradient of upsample_trilinear3d."""


@composite("upsample_trilinear3d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor", python="nn")
def upsample_trilinear3d_vec(input, output_size, align_corners, scale_factors):
    """upsample_trilinear3d by size or by factors."""
    size = []
    for i in range(3):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_trilinear3d(input, size, align_corners)
    return upsample_trilinear3d(input, size, align_corners, scale_factors[0], scale_factors[1], scale_factors[2])


@resampling("upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "upsample_bicubic2d_backward(grad, output_size, self.shape, align_corners, scales_h, scales_w)"}, python="nn", vmap="merge<3>")
def upsample_bicubic2d():
    """Cubic convolution (a = -0.75) in two dimensions: (N, C, ...) to (N, C, *output_size)."""


@resampling("upsample_bicubic2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "upsample_bicubic2d(grad, output_size, align_corners, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<3>")
def upsample_bicubic2d_backward():
    """The gradient of upsample_bicubic2d."""


@composite("upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor", python="nn")
def upsample_bicubic2d_vec(input, output_size, align_corners, scale_factors):
    """upsample_bicubic2d by size or by factors."""
    size = []
    for i in range(2):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return upsample_bicubic2d(input, size, align_corners)
    return upsample_bicubic2d(input, size, align_corners, scale_factors[0], scale_factors[1])


@resampling("_upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "_upsample_bilinear2d_aa_backward(grad, output_size, self.shape, align_corners, scales_h, scales_w)"}, python="nn", vmap="merge<3>")
def _upsample_bilinear2d_aa():
    """Linear interpolation whose filter widens when shrinking: (N, C, H, W) to (N, C, *output_size)."""


@resampling("_upsample_bilinear2d_aa_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "_upsample_bilinear2d_aa(grad, output_size, align_corners, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<3>")
def _upsample_bilinear2d_aa_backward():
    """The gradient of _upsample_bilinear2d_aa."""


@composite("_upsample_bilinear2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor", python="nn")
def _upsample_bilinear2d_aa_vec(input, output_size, align_corners, scale_factors):
    """_upsample_bilinear2d_aa by size or by factors."""
    size = []
    for i in range(2):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return _upsample_bilinear2d_aa(input, size, align_corners)
    return _upsample_bilinear2d_aa(input, size, align_corners, scale_factors[0], scale_factors[1])


@resampling("_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        grad={"self": "_upsample_bicubic2d_aa_backward(grad, output_size, self.shape, align_corners, scales_h, scales_w)"}, python="nn", vmap="merge<3>")
def _upsample_bicubic2d_aa():
    """Cubic convolution (a = -0.5) whose filter widens when shrinking: (N, C, H, W) to (N, C, *output_size)."""


@resampling("_upsample_bicubic2d_aa_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
        kinds=FLOATING, grad={"grad_output": "_upsample_bicubic2d_aa(grad, output_size, align_corners, scales_h, scales_w)"}, out="grad_input", python="", vmap="merge<3>")
def _upsample_bicubic2d_aa_backward():
    """The gradient of _upsample_bicubic2d_aa."""


@composite("_upsample_bicubic2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor", python="nn")
def _upsample_bicubic2d_aa_vec(input, output_size, align_corners, scale_factors):
    """_upsample_bicubic2d_aa by size or by factors."""
    size = []
    for i in range(2):
        size.append(int(input.size(i + 2) * scale_factors[i]) if output_size is None else output_size[i])
    if scale_factors is None:
        return _upsample_bicubic2d_aa(input, size, align_corners)
    return _upsample_bicubic2d_aa(input, size, align_corners, scale_factors[0], scale_factors[1])


@kernel("im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
        grad={"self": "col2im(grad, [self.size(-2), self.size(-1)], kernel_size, dilation, padding, stride)"}, python="nn", vmap="merge<3>")
def im2col():
    """Patches as columns: (N, C, H, W) to (N, C kh kw, places); or without N."""


@kernel("col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
        compute=HALF, grad={"self": "im2col(grad, kernel_size, dilation, padding, stride)"}, python="nn", vmap="merge<2>")
def col2im():
    """Columns added back to their patches: the transpose of im2col."""


@composite("affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor", python="function", out="below")
def affine_grid_generator(theta, size, align_corners):
    """The grid of an affine map: theta (N, 2, 3) and size (N, C, H, W) to (N, H, W, 2), or one dimension more.

    >>> torch.affine_grid_generator(torch.tensor([[[1., 0., 0.], [0., 1., 0.]]]), [1, 1, 2, 2], True).shape
    torch.Size([1, 2, 2, 2])
    """
    if len(size) != 4 and len(size) != 5:
        raise RuntimeError("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    n = len(size) - 2
    places = 1
    shape = [size[0]]
    for i in range(n):
        places *= size[i + 2]
        shape.append(size[i + 2])
    shape.append(n + 1)
    base = ones(shape, dtype=theta.dtype, device=theta.device)
    for i in range(n):
        m = size[n + 1 - i]
        line = linspace(-1, 1, m, dtype=theta.dtype, device=theta.device) if m > 1 else zeros([1], dtype=theta.dtype, device=theta.device)
        if not align_corners:
            line = line * ((m - 1.0) / m)
        view = []
        for j in range(n + 1):
            view.append(m if j == n - i else 1)
        aten.select.int(base, -1, i).copy_(line.view(view))
    grid = base.view([size[0], places, n + 1]).bmm(theta.transpose(1, 2))
    shape[n + 1] = n
    return grid.view(shape)
