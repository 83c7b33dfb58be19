"""Joining, repeating and padding tensors; diagonals; shuffles of channels and pixels."""

from .language import FLOATING_COMPLEX, HALF, REALS, composite, decomposed, kernel


def _cat_parts(grad, tensors, dim):
    parts = []
    start = 0
    for t in tensors:
        if t.dim() == 1 and t.size(0) == 0:
            parts.append(zeros(t.shape, dtype=grad.dtype, device=grad.device))
        else:
            stop = start + t.size(dim)
            parts.append(aten.slice.Tensor(grad, dim, start, stop))
            start = stop
    return parts


@kernel("cat(Tensor[] tensors, int dim=0) -> Tensor", grad={"tensors": _cat_parts}, python="function", out_dtype="cast", out_apart=True)
def cat():
    """Joins tensors along an existing dimension; they have the same size in every other one.

    >>> torch.cat([torch.tensor([1, 2]), torch.tensor([3])])
    tensor([1, 2, 3])
    """


@composite("concat(Tensor[] tensors, int dim=0) -> Tensor", "concatenate(Tensor[] tensors, int dim=0) -> Tensor", out=True, python="function")
def concat(tensors, dim):
    """Alias of :func:`torch.cat`."""
    return cat(tensors, dim)


def _stack_parts(grad, tensors, dim):
    parts = []
    for i in range(len(tensors)):
        parts.append(grad.select(dim, i))
    return parts


@kernel("stack(Tensor[] tensors, int dim=0) -> Tensor", grad={"tensors": _stack_parts}, python="function", out_dtype="cast")
def stack():
    """Joins tensors of one shape along a new dimension.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """


@composite("hstack(Tensor[] tensors) -> Tensor", out=True, python="function")
def hstack(tensors):
    """Joins along the second dimension, vectors along their only one.

    >>> torch.hstack([torch.tensor([1, 2]), torch.tensor([3])])
    tensor([1, 2, 3])
    """
    if len(tensors) == 0:
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = aten.atleast_1d.Sequence(tensors)
    return cat(parts, 0 if parts[0].dim() == 1 else 1)


@composite("vstack(Tensor[] tensors) -> Tensor", "row_stack(Tensor[] tensors) -> Tensor", out=True, python="function")
def vstack(tensors):
    """Joins along the first dimension; vectors are rows.

    >>> torch.vstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if len(tensors) == 0:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat(aten.atleast_2d.Sequence(tensors), 0)


@composite("dstack(Tensor[] tensors) -> Tensor", out=True, python="function")
def dstack(tensors):
    """Joins along the third dimension.

    >>> torch.dstack([torch.tensor([1, 2]), torch.tensor([3, 4])]).shape
    torch.Size([1, 2, 2])
    """
    if len(tensors) == 0:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat(aten.atleast_3d.Sequence(tensors), 2)


@composite("column_stack(Tensor[] tensors) -> Tensor", out=True, python="function")
def column_stack(tensors):
    """Joins along the second dimension; vectors are columns.

    >>> torch.column_stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    if len(tensors) == 0:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    parts = []
    for t in tensors:
        parts.append(t.reshape([t.numel(), 1]) if t.dim() <= 1 else t)
    return cat(parts, 1)


def _block_parts(grad, tensors):
    parts = []
    row = 0
    column = 0
    for t in tensors:
        h = t.size(0) if t.dim() == 2 else 1
        w = t.size(-1) if t.dim() > 0 else 1
        part = aten.slice.Tensor(aten.slice.Tensor(grad, 0, row, row + h), 1, column, column + w)
        if t.dim() < 2:
            part = part.squeeze(0)
        if t.dim() < 1:
            part = part.squeeze(0)
        parts.append(part)
        row += h
        column += w
    return parts


@kernel("block_diag(Tensor[] tensors) -> Tensor", grad={"tensors": _block_parts}, python="function", vmap="loop")
def block_diag():
    """A matrix with the given matrices along its diagonal; vectors are rows.

    >>> torch.block_diag(torch.tensor([[1]]), torch.tensor([[2, 3]]))
    tensor([[1, 0, 0],
            [0, 2, 3]])
    """


@composite("meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]", python="function")
def meshgrid_indexing(tensors, indexing):
    """Coordinates of a grid: vector i varies along dimension i ("ij"), or the first two change places ("xy")."""
    if len(tensors) == 0:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing != "ij" and indexing != "xy":
        raise RuntimeError('torch.meshgrid: indexing must be one of "xy" or "ij", but received: ', indexing)
    n = len(tensors)
    swap = indexing == "xy" and n >= 2
    shape = []
    for i in range(n):
        j = 1 - i if swap and i < 2 else i
        if tensors[i].dim() > 1:
            raise RuntimeError("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: ", tensors[i].dim(), "D")
        if tensors[i].dtype != tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        shape.append(tensors[j].numel())
    out = []
    for i in range(n):
        j = 1 - i if swap and i < 2 else i
        view = []
        for k in range(n):
            view.append(tensors[i].numel() if k == j else 1)
        out.append(tensors[i].view(view).expand(shape))
    return out


@composite("meshgrid(Tensor[] tensors) -> Tensor[]", python="function")
def meshgrid(tensors):
    """meshgrid with "ij" indexing."""
    return aten.meshgrid.indexing(tensors, indexing="ij")


@composite("cartesian_prod(Tensor[] tensors) -> Tensor", python="function")
def cartesian_prod(tensors):
    """All combinations of one element from each vector, as rows."""
    for t in tensors:
        if t.dim() != 1:
            raise RuntimeError("Expect a 1D vector, but got shape ", t.shape)
    if len(tensors) == 1:
        return tensors[0]
    grids = aten.meshgrid.indexing(tensors, indexing="ij")
    flat = []
    for g in grids:
        flat.append(g.flatten())
    return stack(flat, 1)


@composite("combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", python="function")
def combinations(self, r, with_replacement):
    """The combinations of r elements of a vector, as rows in order of position.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if self.dim() != 1:
        raise RuntimeError("Expect a 1D vector, but got shape ", self.shape)
    if r < 0:
        raise RuntimeError("Expect a non-negative number, but got ", r)
    if r == 0:
        return empty([0], dtype=self.dtype, device=self.device)
    n = self.numel()
    if r > 64 and n > 1:
        raise RuntimeError(f"combinations: {r} elements at a time are more than the 64 dimensions that a tensor has room for")
    vectors = [self for i in range(r)]
    grids = aten.meshgrid.indexing(vectors, indexing="ij")
    line = arange(n, dtype=torch.int64, device=self.device)
    places = [line for i in range(r)]
    where_from = aten.meshgrid.indexing(places, indexing="ij")
    shape = []
    for i in range(r):
        shape.append(n)
    mask = full(shape, True, dtype=torch.bool, device=self.device)
    for i in range(r - 1):
        if with_replacement:
            mask.mul_(where_from[i] <= where_from[i + 1])
        else:
            mask.mul_(where_from[i] < where_from[i + 1])
    out = []
    for g in grids:
        out.append(g.masked_select(mask))
    return stack(out, 1)


# ---- padding ----

def _cropped(grad, pad):
    back = []
    for p in pad:
        back.append(-p)
    return constant_pad_nd(grad, back, 0)


@kernel("constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor", grad={"self": _cropped}, python="function", vmap="shift")
def constant_pad_nd():
    """self with value before and after: pad holds (before, after) of the last dimension, then of the one before, ...; negative ones crop.

    >>> torch.constant_pad_nd(torch.tensor([1, 2]), [1, 1], 0)
    tensor([0, 1, 2, 0])
    """


@kernel("reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor", grad={"self": "reflection_pad1d_backward(grad, self, padding)"}, python="nn",
        vmap="merge<2>")
def reflection_pad1d():
    """Padded by its mirror image: (C, W) or (N, C, W)."""


@kernel("reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor", grad={"self": "reflection_pad2d_backward(grad, self, padding)"}, python="nn",
        vmap="merge<3>")
def reflection_pad2d():
    """Padded by its mirror image: (C, H, W) or (N, C, H, W)."""


@kernel("reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor", grad={"self": "reflection_pad3d_backward(grad, self, padding)"}, python="nn",
        vmap="merge<4>")
def reflection_pad3d():
    """Padded by its mirror image: (C, D, H, W) or (N, C, D, H, W)."""


@kernel("replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor", grad={"self": "replication_pad1d_backward(grad, self, padding)"}, python="nn",
        vmap="merge<2>")
def replication_pad1d():
    """Padded by its border values: (C, W) or (N, C, W)."""


@kernel("replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor", grad={"self": "replication_pad2d_backward(grad, self, padding)"}, python="nn",
        vmap="merge<3>")
def replication_pad2d():
    """Padded by its border values: (C, H, W) or (N, C, H, W)."""


@kernel("replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor", grad={"self": "replication_pad3d_backward(grad, self, padding)"}, python="nn",
        vmap="merge<4>")
def replication_pad3d():
    """Padded by its border values: (C, D, H, W) or (N, C, D, H, W)."""


@kernel("reflection_pad1d_backward(Tensor grad_output, Tensor self, SymInt[2] padding) -> Tensor", kinds=FLOATING_COMPLEX, compute=HALF, out="grad_input",
        grad={"grad_output": "reflection_pad1d(grad, padding)"}, python="", vmap="merge<2>")
def reflection_pad1d_backward():
    """The gradient of reflection_pad1d."""


@kernel("reflection_pad2d_backward(Tensor grad_output, Tensor self, SymInt[4] padding) -> Tensor", kinds=FLOATING_COMPLEX, compute=HALF, out="grad_input",
        grad={"grad_output": "reflection_pad2d(grad, padding)"}, python="", vmap="merge<3>")
def reflection_pad2d_backward():
    """The gradient of reflection_pad2d."""


@kernel("reflection_pad3d_backward(Tensor grad_output, Tensor self, SymInt[6] padding) -> Tensor", kinds=FLOATING_COMPLEX, compute=HALF, out="grad_input",
        grad={"grad_output": "reflection_pad3d(grad, padding)"}, python="", vmap="merge<4>")
def reflection_pad3d_backward():
    """The gradient of reflection_pad3d."""


@kernel("replication_pad1d_backward(Tensor grad_output, Tensor self, SymInt[2] padding) -> Tensor", kinds=FLOATING_COMPLEX, compute=HALF, out="grad_input",
        grad={"grad_output": "replication_pad1d(grad, padding)"}, python="", vmap="merge<2>")
def replication_pad1d_backward():
    """The gradient of replication_pad1d."""


@kernel("replication_pad2d_backward(Tensor grad_output, Tensor self, SymInt[4] padding) -> Tensor", kinds=FLOATING_COMPLEX, compute=HALF, out="grad_input",
        grad={"grad_output": "replication_pad2d(grad, padding)"}, python="", vmap="merge<3>")
def replication_pad2d_backward():
    """The gradient of replication_pad2d."""


@kernel("replication_pad3d_backward(Tensor grad_output, Tensor self, SymInt[6] padding) -> Tensor", kinds=FLOATING_COMPLEX, compute=HALF, out="grad_input",
        grad={"grad_output": "replication_pad3d(grad, padding)"}, python="", vmap="merge<4>")
def replication_pad3d_backward():
    """The gradient of replication_pad3d."""


@composite("_pad_circular(Tensor self, SymInt[] pad) -> Tensor", python="")
def _pad_circular(self, pad):
    """Padded by its opposite end, the dimensions after the first two."""
    n = self.dim() - 2
    shape = [self.size(0), self.size(1)]
    for i in range(n):
        j = 2 * (n - 1 - i)
        size = self.size(i + 2)
        if pad[j] > size or pad[j + 1] > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + pad[j] + pad[j + 1] < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        shape.append(size + pad[j] + pad[j + 1])
    out = self.new_empty(shape)
    inside = out
    source = self
    for i in range(n):
        j = 2 * (n - 1 - i)
        left = max(pad[j], 0)
        right = max(pad[j + 1], 0)
        inside = aten.slice.Tensor(inside, i + 2, left, shape[i + 2] - right)
        source = aten.slice.Tensor(source, i + 2, max(-pad[j], 0), self.size(i + 2) - max(-pad[j + 1], 0))
    inside.copy_(source)
    for k in range(n):
        d = n + 1 - k
        j = 2 * k
        size = shape[d] - max(pad[j], 0) - max(pad[j + 1], 0)
        if pad[j] > 0:
            aten.slice.Tensor(out, d, 0, pad[j]).copy_(aten.slice.Tensor(out, d, size, size + pad[j]))
        if pad[j + 1] > 0:
            start = shape[d] - pad[j + 1]
            first = max(pad[j], 0)
            aten.slice.Tensor(out, d, start, shape[d]).copy_(aten.slice.Tensor(out, d, first, first + pad[j + 1]))
    return out


@composite('pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor', python="nn")
def pad(self, pad, mode, value):
    """Padded by a constant, its mirror image ("reflect"), its border ("replicate") or its opposite end ("circular")."""
    n = len(pad)
    if n % 2 != 0:
        raise RuntimeError("Padding length must be divisible by 2")
    if n > 2 * self.dim():
        raise RuntimeError("Padding length should be less than or equal to two times the input dimension but got padding length ", n,
                           " and input of dimension ", self.dim())
    if mode == "constant":
        if value is None:
            return constant_pad_nd(self, pad, 0.0)
        return constant_pad_nd(self, pad, value)
    if value is not None:
        if value != 0:
            raise ValueError("Padding mode \"", mode, "\" doesn't take in value argument")
    if mode != "reflect" and mode != "replicate" and mode != "circular":
        raise NotImplementedError("Unrecognised padding mode ", mode)
    flat = n == 2 and (self.dim() == 2 or self.dim() == 3)
    plane = n == 4 and (self.dim() == 3 or self.dim() == 4)
    volume = n == 6 and (self.dim() == 4 or self.dim() == 5)
    if not flat and not plane and not volume:
        raise NotImplementedError("Padding size ", n, " is not supported for ", self.dim(), "D input tensor.")
    if mode == "reflect":
        if flat:
            return reflection_pad1d(self, pad)
        return reflection_pad2d(self, pad) if plane else reflection_pad3d(self, pad)
    if mode == "replicate":
        if flat:
            return replication_pad1d(self, pad)
        return replication_pad2d(self, pad) if plane else replication_pad3d(self, pad)
    if self.dim() == n // 2 + 1:
        return _pad_circular(self.unsqueeze(0), pad).squeeze(0)
    return _pad_circular(self, pad)


# ---- repeating ----

@kernel("repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor", grad=None, out="below", python="function", vmap="loop")
def repeat_interleave():
    """Index i, repeats[i] times.

    >>> torch.repeat_interleave(torch.tensor([1, 2]), torch.tensor([1, 2]))
    tensor([1, 2, 2])
    """


@composite("repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor")
def repeat_interleave_tensor(self, repeats, dim, output_size):
    """Each slice of self along dim, repeats[i] times; on the flattened input when dim is not given."""
    x = self
    d = 0
    if dim is None:
        x = self.flatten()
    else:
        d = dim
    times = repeats
    if repeats.dim() == 0 or (repeats.dim() == 1 and repeats.size(0) == 1):
        times = repeats.reshape([1]).expand([x.size(d)])
    elif repeats.dim() == 1:
        if repeats.size(0) != x.size(d):
            raise RuntimeError("repeats must have the same size as input along dim, but got repeats.size(0) = ", repeats.size(0),
                               " and input.size(", d, ") = ", x.size(d))
    else:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    return x.index_select(d, aten.repeat_interleave.Tensor(times, output_size=output_size))


@composite("repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor")
def repeat_interleave_int(self, repeats, dim, output_size):
    """Each slice of self along dim, `repeats` times; on the flattened input when dim is not given."""
    x = self
    d = 0
    if dim is None:
        x = self.flatten()
    else:
        d = dim if dim >= 0 else dim + self.dim()
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    x = x.unsqueeze(d + 1)
    shape = list(x.shape)
    shape[d + 1] = repeats
    return x.expand(shape).clone(memory_format=None).flatten(d, d + 1)


# ---- diagonals ----

@decomposed("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", grad={"self": "grad.diagonal(offset, dim1, dim2)"},
            jvp="linear", out="below")
def diag_embed(self, offset, dim1, dim2):
    """Matrices in dimensions dim1 and dim2 with the last dimension of self along a diagonal.

    >>> torch.diag_embed(torch.tensor([[1, 2]]))
    tensor([[[1, 0],
             [0, 2]]])
    """
    n = self.dim() + 1
    a = dim1 if dim1 >= 0 else dim1 + n
    b = dim2 if dim2 >= 0 else dim2 + n
    if a < 0 or a >= n:
        raise IndexError("Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", dim1, ")")
    if b < 0 or b >= n:
        raise IndexError("Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", dim2, ")")
    if a == b:
        raise RuntimeError("diagonal dimensions cannot be identical ", dim1, ", ", dim2)
    size = self.size(-1) + abs(offset)
    shape = []
    j = 0
    for i in range(n):
        if i == a or i == b:
            shape.append(size)
        else:
            shape.append(self.size(j))
            j += 1
    out = self.new_zeros(shape)
    out.diagonal(offset, a, b).copy_(self)
    return out


@composite("diag(Tensor self, int diagonal=0) -> Tensor", out=True)
def diag(self, diagonal):
    """The matrix with a vector on its diagonal, or the diagonal of a matrix.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if self.dim() != 1 and self.dim() != 2:
        raise RuntimeError("diag(): Supports 1D or 2D tensors. Got ", self.dim(), "D")
    if self.dim() == 1:
        return diag_embed(self, diagonal)
    return self.diagonal_copy(diagonal)


@composite("diagflat(Tensor self, int offset=0) -> Tensor")
def diagflat(self, offset):
    """The matrix with the elements of self on its diagonal.

    >>> torch.diagflat(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return self.reshape([-1]).diag(offset)


@decomposed("trace(Tensor self) -> Tensor", grad={"self": "trace_backward(grad, self.shape)"}, out="below")
def trace(self):
    """The sum of a matrix's diagonal.

    >>> torch.trace(torch.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if self.dim() != 2:
        raise RuntimeError("trace: expected a matrix, but got tensor with dim ", self.dim())
    return self.diagonal().sum()


@composite("trace_backward(Tensor grad, SymInt[] sizes) -> Tensor", python="")
def trace_backward(grad, sizes):
    """The gradient on the diagonal, zeros elsewhere."""
    out = zeros([sizes[0] * sizes[1]], dtype=grad.dtype, device=grad.device)
    places = arange(0, min(sizes[0], sizes[1]) * (sizes[1] + 1), sizes[1] + 1, device=grad.device)
    return out.index_fill(0, places, grad).view(sizes)


# ---- shuffles ----

@decomposed("channel_shuffle(Tensor self, SymInt groups) -> Tensor", grad={"self": "channel_shuffle(grad, grad.size(1) // groups)"},
            python="function", out="below")
def channel_shuffle(self, groups):
    """Channels (dimension 1) of `groups` groups interleaved.

    >>> torch.channel_shuffle(torch.arange(4).view(1, 4, 1, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    if self.dim() < 3:
        raise RuntimeError("channel_shuffle expects input with > 2 dims, but got input with sizes ", self.shape)
    c = self.size(1)
    if groups <= 0:
        raise RuntimeError("Number of groups to divide channels in must be positive. Value of groups:", groups)
    if c % groups != 0:
        raise RuntimeError("Number of channels must be divisible by groups. Got ", c, " channels and ", groups, " groups.")
    if self.numel() == 0:
        return self.clone()
    return self.reshape([self.size(0), groups, c // groups, -1]).transpose(1, 2).contiguous().reshape(self.shape)


@composite("native_channel_shuffle(Tensor self, SymInt groups) -> Tensor", python="function")
def native_channel_shuffle(self, groups):
    """channel_shuffle."""
    return channel_shuffle(self, groups)


@decomposed("pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", grad={"self": "pixel_unshuffle(grad, upscale_factor)"},
            python="function", out="below")
def pixel_shuffle(self, upscale_factor):
    """(..., C r r, H, W) to (..., C, H r, W r).

    >>> torch.pixel_shuffle(torch.arange(4).view(1, 4, 1, 1), 2)
    tensor([[[[0, 1],
              [2, 3]]]])
    """
    r = upscale_factor
    if self.dim() < 3:
        raise RuntimeError("pixel_shuffle expects input to have at least 3 dimensions, but got input with ", self.dim(), " dimension(s)")
    if r <= 0:
        raise RuntimeError("pixel_shuffle expects a positive upscale_factor, but got ", r)
    if r > 2147483647:
        raise ValueError(f"upscale factor is too large, (upscale_factor)^2 overflowed: upscale_factor={r}")
    c = self.size(-3)
    h = self.size(-2)
    w = self.size(-1)
    if c % (r * r) != 0:
        raise RuntimeError("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
                           "input.size(-3)=", c, " is not divisible by ", r * r)
    shape = []
    order = []
    last = []
    for i in range(self.dim() - 3):
        shape.append(self.size(i))
        last.append(self.size(i))
        order.append(i)
    n = self.dim() - 3
    for v in [c // (r * r), r, r, h, w]:
        shape.append(v)
    for v in [n, n + 3, n + 1, n + 4, n + 2]:
        order.append(v)
    for v in [c // (r * r), h * r, w * r]:
        last.append(v)
    return self.reshape(shape).permute(order).clone(memory_format=None).reshape(last)


@decomposed("pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", grad={"self": "pixel_shuffle(grad, downscale_factor)"},
            python="function", out="below")
def pixel_unshuffle(self, downscale_factor):
    """(..., C, H r, W r) to (..., C r r, H, W).

    >>> torch.pixel_unshuffle(torch.arange(4).view(1, 1, 2, 2), 2).shape
    torch.Size([1, 4, 1, 1])
    """
    r = downscale_factor
    if self.dim() < 3:
        raise RuntimeError("pixel_unshuffle expects input to have at least 3 dimensions, but got input with ", self.dim(), " dimension(s)")
    if r <= 0:
        raise RuntimeError("pixel_unshuffle expects a positive downscale_factor, but got ", r)
    c = self.size(-3)
    h = self.size(-2)
    w = self.size(-1)
    if h % r != 0:
        raise RuntimeError("pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=", h,
                           " is not divisible by ", r)
    if w % r != 0:
        raise RuntimeError("pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)=", w,
                           " is not divisible by ", r)
    shape = []
    order = []
    last = []
    for i in range(self.dim() - 3):
        shape.append(self.size(i))
        last.append(self.size(i))
        order.append(i)
    n = self.dim() - 3
    for v in [c, h // r, r, w // r, r]:
        shape.append(v)
    for v in [n, n + 2, n + 4, n + 1, n + 3]:
        order.append(v)
    for v in [c * r * r, h // r, w // r]:
        last.append(v)
    return self.reshape(shape).permute(order).clone(memory_format=None).reshape(last)


# ---- membership ----

@kernel("isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
        "isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor",
        "isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
        kinds=REALS, compute=HALF, grad=None, python="function", vmap="elements")
def isin():
    """Whether each element occurs among test_elements.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 5]))
    tensor([False,  True, False])
    """
