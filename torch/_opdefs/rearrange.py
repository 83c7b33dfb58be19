"""Copies in another order, and copies of what a view would show."""

from .language import composite, decomposed, kernel


@kernel("flip(Tensor self, int[] dims) -> Tensor", grad={"self": "grad.flip(dims)"}, jvp="linear")
def flip():
    """The given dimensions in reverse order.

    >>> torch.arange(3).flip(0)
    tensor([2, 1, 0])
    """


@composite("fliplr(Tensor self) -> Tensor")
def fliplr(self):
    """Dimension 1 in reverse order.

    >>> torch.fliplr(torch.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if self.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return self.flip([1])


@composite("flipud(Tensor self) -> Tensor")
def flipud(self):
    """Dimension 0 in reverse order.

    >>> torch.flipud(torch.tensor([[1], [2]]))
    tensor([[2],
            [1]])
    """
    if self.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return self.flip([0])


def _roll_back(grad, shifts, dims):
    back = list(shifts)
    for i in range(len(back)):
        back[i] = -back[i]
    return grad.roll(back, dims)


@kernel("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor", grad={"self": _roll_back}, jvp="linear", vmap="roll")
def roll():
    """Elements shifted along dimensions; what leaves at the end comes in at the beginning. No dims: as if flat.

    >>> torch.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """


@kernel("rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", grad={"self": "grad.rot90(-k, dims)"}, jvp="linear")
def rot90():
    """Rotated k times by a quarter turn, from the first towards the second of two dimensions.

    >>> torch.tensor([[1, 2], [3, 4]]).rot90()
    tensor([[2, 4],
            [1, 3]])
    """


@kernel("repeat(Tensor self, SymInt[] repeats) -> Tensor", python="method", grad={"self": "repeat_backward(grad, repeats, self.shape)"}, jvp="linear",
        vmap="shift")
def repeat():
    """The tensor several times along each dimension; new dimensions come first.

    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """


@composite("tile(Tensor self, SymInt[] dims) -> Tensor")
def tile(self, dims):
    """The tensor several times along its last dimensions.

    >>> torch.tensor([1, 2]).tile(2)
    tensor([1, 2, 1, 2])
    """
    missing = self.ndim - len(dims)
    if missing > 0:
        return self.repeat([1] * missing + dims)
    return self.repeat(dims)


@composite("fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)", python="method")
def fill_diagonal_(self, fill_value, wrap):
    """Set the main diagonal to a number; wrap starts it anew below a square in a tall matrix."""
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    rows = self.size(0)
    columns = self.size(1)
    step = 0
    for i in range(self.ndim):
        if self.ndim > 2 and self.size(i) != rows:
            raise RuntimeError("all dimensions of input must be of equal length")
        step += self.stride(i)
    self.as_strided([min(rows, columns)], [step], self.storage_offset()).fill_(fill_value)
    if wrap and self.ndim == 2:
        for row in range(columns + 1, rows, columns + 1):
            self.as_strided([min(rows - row, columns)], [step], self.storage_offset() + row * self.stride(0)).fill_(fill_value)
    return self


# ---- copies of views ----


@decomposed("alias_copy(Tensor self) -> Tensor", out=True, python="function", grad={"self": "grad"}, jvp="linear")
def alias_copy(self):
    """A copy of the whole tensor."""
    return self.clone()


@decomposed("detach_copy(Tensor self) -> Tensor", out=True, python="function", grad=None)
def detach_copy(self):
    """A copy without history."""
    return self.clone()


@decomposed("as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor", out=True, python="function",
            grad={"self": "as_strided_backward(grad, self.shape, self.strides(), self.storage_offset(), size, stride, storage_offset)"}, jvp="linear")
def as_strided_copy(self, size, stride, storage_offset):
    """A copy of what as_strided shows."""
    return self.as_strided(size, stride, storage_offset).clone(memory_format=torch.contiguous_format)


@decomposed("diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", out=True, python="function",
            grad={"self": "diagonal_backward(grad, self.shape, offset, dim1, dim2)"}, jvp="linear")
def diagonal_copy(self, offset, dim1, dim2):
    """A copy of a diagonal."""
    return self.diagonal(offset, dim1, dim2).clone(memory_format=torch.contiguous_format)


@decomposed("expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor", out=True, python="function", grad={"self": "grad"}, jvp="linear")
def expand_copy(self, size, implicit):
    """A copy of the tensor expanded to a shape."""
    return self.expand(size).clone(memory_format=torch.contiguous_format)


@decomposed("permute_copy(Tensor self, int[] dims) -> Tensor", out=True, python="function", grad={"self": "grad.permute(inverse_permutation(dims))"}, jvp="linear")
def permute_copy(self, dims):
    """A copy with the dimensions in another order."""
    return self.permute(dims).clone(memory_format=torch.contiguous_format)


@decomposed("select_copy.int(Tensor self, int dim, SymInt index) -> Tensor", out=True, python="function", grad={"self": "select_backward(grad, self.shape, dim, index)"},
            jvp="linear")
def select_copy(self, dim, index):
    """A copy of the slice at one index of a dimension."""
    return self.select(dim, index).clone(memory_format=torch.contiguous_format)


@decomposed("slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor", out="below", python="function",
            grad={"self": "slice_backward(grad, self.shape, dim, 0 if start is None else start, 9223372036854775807 if end is None else end, step)"}, jvp="linear")
def slice_copy(self, dim, start, end, step):
    """A copy of a slice of a dimension."""
    return self.slice(dim, start, end, step).clone(memory_format=torch.contiguous_format)


@decomposed("squeeze_copy(Tensor self) -> Tensor", out=True, python="function", grad={"self": "unsqueeze_to(grad, self.shape)"}, jvp="linear")
def squeeze_copy(self):
    """A copy without the dimensions of size 1."""
    return self.squeeze().clone(memory_format=torch.contiguous_format)


@decomposed("squeeze_copy.dim(Tensor self, int dim) -> Tensor", out=True, python="function", grad={"self": "unsqueeze_to_dims(grad, [dim], self.shape)"}, jvp="linear")
def squeeze_copy_dim(self, dim):
    """A copy without dimension dim if its size is 1."""
    return self.squeeze(dim).clone(memory_format=torch.contiguous_format)


@decomposed("squeeze_copy.dims(Tensor self, int[] dim) -> Tensor", out=True, python="function", grad={"self": "unsqueeze_to_dims(grad, dim, self.shape)"}, jvp="linear")
def squeeze_copy_dims(self, dim):
    """A copy without those of the given dimensions whose size is 1."""
    return self.squeeze(dim).clone(memory_format=torch.contiguous_format)


@decomposed("unsqueeze_copy(Tensor self, int dim) -> Tensor", out=True, python="function", grad={"self": "grad.squeeze(dim)"}, jvp="linear")
def unsqueeze_copy(self, dim):
    """A copy with a dimension of size 1 put in."""
    return self.unsqueeze(dim).clone(memory_format=torch.contiguous_format)


@decomposed("t_copy(Tensor self) -> Tensor", out=True, python="function", grad={"self": "grad.t()"}, jvp="linear")
def t_copy(self):
    """A copy of a matrix, transposed."""
    return self.t().clone(memory_format=torch.contiguous_format)


@decomposed("transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor", out=True, python="function", grad={"self": "grad.transpose(dim0, dim1)"}, jvp="linear")
def transpose_copy(self, dim0, dim1):
    """A copy with two dimensions exchanged."""
    return self.transpose(dim0, dim1).clone(memory_format=torch.contiguous_format)


@decomposed("unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor", out=True, python="function",
            grad={"self": "unfold_backward(grad, self.shape, dimension, size, step)"}, jvp="linear")
def unfold_copy(self, dimension, size, step):
    """A copy of the windows that unfold shows."""
    return self.unfold(dimension, size, step).clone(memory_format=torch.contiguous_format)


@decomposed("view_copy(Tensor self, SymInt[] size) -> Tensor", out=True, python="function", grad={"self": "grad.reshape(self.shape)"}, jvp="linear")
def view_copy(self, size):
    """A copy under another shape."""
    return self.reshape(size).clone(memory_format=torch.contiguous_format)


@decomposed("view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor", out="below", python="", grad={"self": "grad.view(self.dtype)"}, jvp=None)
def view_copy_dtype(self, dtype):
    """A copy of what another dtype sees in the same bytes."""
    return self.view(dtype).clone(memory_format=torch.contiguous_format)


@decomposed("view_as_real_copy(Tensor self) -> Tensor", out=True, python="function", grad={"self": "view_as_complex(grad.contiguous())"}, jvp="linear")
def view_as_real_copy(self):
    """A copy of a complex tensor as a real one."""
    return self.view_as_real().clone(memory_format=torch.contiguous_format)


@decomposed("view_as_complex_copy(Tensor self) -> Tensor", out=True, python="function", grad={"self": "view_as_real(grad.contiguous().resolve_conj())"}, jvp="linear")
def view_as_complex_copy(self):
    """A copy of a real tensor as a complex one."""
    return self.view_as_complex().clone(memory_format=torch.contiguous_format)


@decomposed("narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor", out=True,
            grad={"self": "slice_backward(grad, self.shape, dim, start, start + length, 1)"}, jvp="linear")
def narrow_copy(self, dim, start, length):
    """A copy of the part of a dimension from start on, of a length."""
    if dim >= self.ndim:
        raise RuntimeError(f"narrow_copy: Expected dim < {self.ndim} for a tensor of shape {self.shape}, but got dim {dim}")
    return self.narrow(dim, start, length).clone(memory_format=torch.contiguous_format)


@decomposed("unbind_copy.int(Tensor self, int dim=0) -> Tensor[]", out=["unbind_copy.int_out(Tensor self, int dim=0, *, Tensor(a!)[] out) -> ()"],
            python="function", grad={"self": "stack(with_zeros(grads, self.shape, dim, []), dim)"}, jvp="linear")
def unbind_copy(self, dim):
    """Copies of all slices of a dimension."""
    return [x.clone() for x in self.unbind(dim)]


@decomposed("split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", out=["split_copy.Tensor_out(Tensor self, SymInt split_size, int dim=0, *, Tensor(a!)[] out) -> ()"],
            python="function",
            grad={"self": "cat(with_zeros(grads, self.shape, dim, [split_size]), dim)"}, jvp="linear")
def split_copy(self, split_size, dim):
    """Copies of the parts of a dimension, split_size long."""
    return [x.clone() for x in self.split(split_size, dim)]


@decomposed("split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]", out=["split_with_sizes_copy.out(Tensor self, SymInt[] split_sizes, int dim=0, *, Tensor(a!)[] out) -> ()"],
            python="function",
            grad={"self": "cat(with_zeros(grads, self.shape, dim, split_sizes), dim)"}, jvp="linear")
def split_with_sizes_copy(self, split_sizes, dim):
    """Copies of the parts of a dimension of the given lengths."""
    return [x.clone() for x in self.split_with_sizes(split_sizes, dim)]
