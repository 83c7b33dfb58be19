"""Views: the same elements under another shape, and the operators that put values at a view's place."""

from .language import FLOAT8, FLOATING, NUMERIC, composite, decomposed, kernel

# ---- shape ----


@kernel("view(Tensor(a) self, SymInt[] size) -> Tensor(a)", python="method", grad={"self": "grad.reshape(self.shape)"}, jvp="linear")
def view():
    """The same elements, in the same order, under another shape; one size may be -1. RuntimeError where that needs a copy.

    >>> torch.arange(6).view(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """


@kernel("view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", python="method", grad=None)
def view_dtype():
    """The same bytes read as another dtype; the last dimension grows or shrinks with the width."""


@kernel("_unsafe_view(Tensor self, SymInt[] size) -> Tensor", out="below", python="", grad={"self": "grad.reshape(self.shape)"}, jvp="linear", vmap="shift")
def unsafe_view():
    """A view of a tensor that nobody else holds, so that autograd need not know that it is one."""


@kernel("_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)", python="", grad={"self": "grad.reshape(self.shape)"}, jvp="linear",
        vmap="self.view(size)")
def reshape_alias():
    """A view whose strides are known to fit."""


@composite("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)")
def reshape(self, shape):
    """The same elements under another shape: a view where possible, else a copy. One size may be -1.

    >>> torch.arange(6).reshape(3, -1)
    tensor([[0, 1],
            [2, 3],
            [4, 5]])
    """
    if viewable(self, shape):
        return self.view(shape)
    return _unsafe_view(self.clone(memory_format=torch.contiguous_format), shape)


@composite("reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)", python="method")
def reshape_as(self, other):
    """This tensor reshaped to the shape of another."""
    return self.reshape(other.shape)


@composite("view_as(Tensor(a) self, Tensor other) -> Tensor(a)", python="method")
def view_as(self, other):
    """A view with the shape of another tensor."""
    return self.view(other.shape)


@composite("flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)")
def flatten(self, start_dim, end_dim):
    """Dimensions start_dim to end_dim joined into one.

    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    n = self.ndim
    if n == 0:
        return self.reshape([1])
    start = wrap_dim(start_dim, n)
    end = wrap_dim(end_dim, n)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return self
    return self.reshape(self.shape[:start] + [product(self.shape[start:end + 1])] + self.shape[end + 1:])


@composite("unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)")
def unflatten(self, dim, sizes):
    """Dimension dim split into several; one size may be -1.

    >>> torch.zeros(2, 12).unflatten(1, (3, 4)).shape
    torch.Size([2, 3, 4])
    """
    if len(sizes) == 0:
        raise RuntimeError("unflatten: sizes must be non-empty")
    at = wrap_dim(dim, self.ndim)
    return self.view(self.shape[:at] + unflattened(self.shape[at], sizes) + self.shape[at + 1:])


@composite("ravel(Tensor(a) self) -> Tensor(a)")
def ravel(self):
    """All elements in one dimension; a view where possible.

    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return self.contiguous().view([-1])


# ---- sizes of one ----


@kernel("squeeze(Tensor(a) self) -> Tensor(a)", "squeeze_(Tensor(a!) self) -> Tensor(a!)", grad={"self": "unsqueeze_to(grad, self.shape)"}, jvp="linear",
        vmap={"squeeze": "squeeze", "squeeze_": "restride"})
def squeeze():
    """Without its dimensions of size 1, or without those of the given ones that have size 1.

    >>> torch.zeros(2, 1, 3, 1).squeeze().shape
    torch.Size([2, 3])
    """


@kernel("squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)", "squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)", node="SqueezeBackward1",
        grad={"self": "unsqueeze_to_dims(grad, [dim], self.shape)"}, jvp="linear")
def squeeze_dim():
    """Without dimension dim if its size is 1."""


@kernel("squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)", "squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)", node="SqueezeBackward2",
        grad={"self": "unsqueeze_to_dims(grad, dim, self.shape)"}, jvp="linear")
def squeeze_dims():
    """Without those of the given dimensions whose size is 1."""


@kernel("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", "unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)",
        grad={"self": "grad.squeeze(dim)"}, jvp="linear")
def unsqueeze():
    """A dimension of size 1 put in before dimension dim.

    >>> torch.zeros(2, 3).unsqueeze(1).shape
    torch.Size([2, 1, 3])
    """


@composite("atleast_1d(Tensor self) -> Tensor", python="function")
def atleast_1d(self):
    """This tensor with at least one dimension."""
    return self.reshape([1]) if self.ndim == 0 else self


@composite("atleast_2d(Tensor self) -> Tensor", python="function")
def atleast_2d(self):
    """This tensor with at least two dimensions; new ones come first."""
    if self.ndim == 0:
        return self.reshape([1, 1])
    return self.unsqueeze(0) if self.ndim == 1 else self


@composite("atleast_3d(Tensor self) -> Tensor", python="function")
def atleast_3d(self):
    """This tensor with at least three dimensions."""
    if self.ndim == 0:
        return self.reshape([1, 1, 1])
    if self.ndim == 1:
        return self.unsqueeze(0).unsqueeze(-1)
    return self.unsqueeze(-1) if self.ndim == 2 else self


@composite("atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]", python="function")
def atleast_1d_sequence(tensors):
    """Each tensor with at least one dimension."""
    return [x.atleast_1d() for x in tensors]


@composite("atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]", python="function")
def atleast_2d_sequence(tensors):
    """Each tensor with at least two dimensions."""
    return [x.atleast_2d() for x in tensors]


@composite("atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]", python="function")
def atleast_3d_sequence(tensors):
    """Each tensor with at least three dimensions."""
    return [x.atleast_3d() for x in tensors]


# ---- broadcasting ----


@kernel("expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)", python="method", grad={"self": "sum_to_size(grad, self.shape)"}, jvp="linear")
def expand():
    """Dimensions of size 1 repeated without a copy (stride 0), new ones in front; -1 keeps a size.

    >>> torch.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """


@composite("expand_as(Tensor(a) self, Tensor other) -> Tensor(a)", python="method")
def expand_as(self, other):
    """This tensor expanded to the shape of another."""
    return self.expand(other.shape)


@composite("broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)")
def broadcast_to(self, size):
    """This tensor expanded to a shape.

    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return self.expand(size)


@composite("broadcast_tensors(Tensor[] tensors) -> Tensor[]", python="function")
def broadcast_tensors(tensors):
    """The tensors expanded to their common shape."""
    size = common_shape(tensors)
    return [x if x.shape == size else x.expand(size) for x in tensors]


@composite("sum_to_size(Tensor self, SymInt[] size) -> Tensor", python="method")
def sum_to_size(self, size):
    """The sum over the dimensions that broadcasting to this tensor's shape would have added: the reverse of expand.

    >>> torch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    if broadcast_sizes(self.shape, size) != self.shape:
        raise RuntimeError("size {", size, "} is not expandable to size {", self.shape, "}.")
    return self.sum() if len(size) == 0 else sum_to_size(self, size)


# ---- order of dimensions ----


@kernel("permute(Tensor(a) self, int[] dims) -> Tensor(a)", grad={"self": "grad.permute(inverse_permutation(dims))"}, jvp="linear", vmap="permute")
def permute():
    """The dimensions in another order.

    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """


@kernel("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", grad={"self": "grad.transpose(dim0, dim1)"}, jvp="linear")
def transpose():
    """Two dimensions exchanged.

    >>> torch.transpose(torch.zeros(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """


@kernel("transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", python="method", grad={"self": "grad.transpose(dim0, dim1)"}, jvp="linear",
        vmap="restride")
def transpose_():
    """Exchange two dimensions of this tensor."""


@kernel("t(Tensor(a) self) -> Tensor(a)", "t_(Tensor(a!) self) -> Tensor(a!)", grad={"self": "grad.t()"}, jvp="linear", vmap={"t": "t", "t_": "restride"})
def t():
    """A matrix transposed; tensors of fewer than two dimensions as they are.

    >>> torch.t(torch.tensor([[1, 2]]))
    tensor([[1],
            [2]])
    """


@composite("swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)")
def swapaxes(self, axis0, axis1):
    """Two dimensions exchanged.

    >>> torch.swapaxes(torch.zeros(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return self.transpose(axis0, axis1)


@composite("swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)", python="method")
def swapaxes_(self, axis0, axis1):
    """Exchange two dimensions of this tensor."""
    return self.transpose_(axis0, axis1)


@composite("swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)")
def swapdims(self, dim0, dim1):
    """Alias of :func:`torch.transpose`."""
    return self.transpose(dim0, dim1)


@composite("swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", python="method")
def swapdims_(self, dim0, dim1):
    """Exchange two dimensions of this tensor."""
    return self.transpose_(dim0, dim1)


@composite("movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)")
def movedim(self, source, destination):
    """Some dimensions moved to new places, the others in their order.

    >>> torch.zeros(2, 3, 4).movedim(0, -1).shape
    torch.Size([3, 4, 2])
    """
    return self.permute(moved_dims(self.ndim, source, destination))


@composite("movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
def movedim_int(self, source, destination):
    """One dimension moved to a new place."""
    return self.movedim([source], [destination])


@composite("moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)")
def moveaxis(self, source, destination):
    """Alias of :func:`torch.movedim`."""
    return self.movedim(source, destination)


@composite("moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
def moveaxis_int(self, source, destination):
    """Alias of :func:`torch.movedim`."""
    return self.movedim([source], [destination])


@composite("numpy_T(Tensor(a) self) -> Tensor(a)", python="")
def numpy_T(self):
    """All dimensions in reverse order: x.T."""
    dims = [0] * self.ndim
    for i in range(self.ndim):
        dims[i] = self.ndim - 1 - i
    return self.permute(dims)


@composite("mT(Tensor(a) self) -> Tensor(a)", python="")
def mT(self):
    """Each matrix of a batch transposed."""
    if self.ndim < 2:
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got ", self.ndim, "-D tensor.")
    return self.transpose(-2, -1)


@composite("adjoint(Tensor(a) self) -> Tensor(a)")
def adjoint(self):
    """Each matrix of a batch transposed and conjugated.

    >>> torch.adjoint(torch.tensor([[1 + 1j, 2]]))
    tensor([[1.-1.j],
            [2.-0.j]])
    """
    if self.ndim == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    if self.ndim == 0:
        return self.conj()
    return self.transpose(-2, -1).conj() if self.is_complex() else self.transpose(-2, -1)


@composite("mH(Tensor(a) self) -> Tensor(a)", python="")
def mH(self):
    """Each matrix of a batch transposed and conjugated."""
    return self.adjoint()


@composite("matrix_H(Tensor(a) self) -> Tensor(a)", python="")
def matrix_H(self):
    """A matrix transposed and conjugated: x.H."""
    if self.ndim != 0 and self.ndim != 2:
        raise RuntimeError("tensor.H is only supported on matrices (2-D tensors). Got ", self.ndim, "-D tensor.")
    return self.transpose(0, 1).conj() if self.ndim == 2 else self.conj()


# ---- parts ----


@kernel("select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)", grad={"self": "select_backward(grad, self.shape, dim, index)"}, jvp="linear")
def select():
    """The slice at one index of a dimension, which goes away.

    >>> torch.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """


@kernel("select_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt index) -> Tensor", python="",
        grad={"grad_output": "grad.select(dim, index)"}, jvp="linear")
def select_backward():
    """Zeros of a shape, with a gradient at one index of a dimension."""


@kernel("slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)", python="",
        grad={"self": "slice_backward(grad, self.shape, dim, 0 if start is None else start, 9223372036854775807 if end is None else end, step)"}, jvp="linear")
def slice_tensor():
    """Every step-th element from start to end of a dimension."""


@kernel("slice_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt start, SymInt end, SymInt step) -> Tensor", python="",
        grad={"grad_output": "grad.slice(dim, start, end, step)"}, jvp="linear")
def slice_backward():
    """Zeros of a shape, with a gradient at a slice."""


@composite("narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)")
def narrow(self, dim, start, length):
    """The part of a dimension from start on, of a length.

    >>> torch.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    if self.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    size = self.size(dim)
    if start < -size or start > size:
        raise IndexError("start out of range (expected to be in range of [", -size, ", ", size, "], but got ", start, ")")
    first = start + size if start < 0 else start
    if first + length > size:
        raise RuntimeError("start (", first, ") + length (", length, ") exceeds dimension size (", size, ").")
    return self.slice(dim, first, first + length, 1)


@composite("narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)")
def narrow_tensor(self, dim, start, length):
    """The part of a dimension from a start given as a 0-dimensional integer tensor, of a length."""
    if start.ndim != 0:
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    return self.narrow(dim, int(start.item()), length)


@kernel("diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
        grad={"self": "diagonal_backward(grad, self.shape, offset, dim1, dim2)"}, jvp="linear")
def diagonal():
    """The diagonals of the matrices that two dimensions make, as the last dimension.

    >>> torch.arange(9).view(3, 3).diagonal()
    tensor([0, 4, 8])
    """


@kernel("diagonal_backward(Tensor grad_output, SymInt[] input_sizes, int offset, int dim1, int dim2) -> Tensor", python="",
        grad={"grad_output": "grad.diagonal(offset, dim1, dim2)"}, jvp="linear")
def diagonal_backward():
    """Zeros of a shape, with a gradient on a diagonal."""


@kernel("unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)", python="method",
        grad={"self": "unfold_backward(grad, self.shape, dimension, size, step)"}, jvp="linear")
def unfold():
    """Windows of a size along a dimension, step apart; their elements are a new last dimension.

    >>> torch.arange(5).unfold(0, 2, 2)
    tensor([[0, 1],
            [2, 3]])
    """


@kernel("unfold_backward(Tensor grad_in, SymInt[] input_sizes, int dim, int size, int step) -> Tensor", python="",
        grad={"grad_in": "grad.unfold(dim, size, step)"}, jvp="linear")
def unfold_backward():
    """The sum of windows at the places that they were taken from."""


@kernel("as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
        grad={"self": "as_strided_backward(grad, self.shape, self.strides(), self.storage_offset(), size, stride, storage_offset)"}, jvp="linear",
        vmap="as_strided")
def as_strided():
    """A view with any sizes, strides and offset (in elements) over the same storage.

    >>> torch.arange(9).as_strided((2, 2), (3, 1), 1)
    tensor([[1, 2],
            [4, 5]])
    """


@kernel("as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)", grad=None, vmap="restride")
def as_strided_():
    """Give this tensor other sizes, strides and offset."""


# ---- the same elements as they are ----


@kernel("alias(Tensor(a) self) -> Tensor(a)", python="", grad={"self": "grad"}, jvp="linear")
def alias():
    """A view of the whole tensor."""


@kernel("detach(Tensor(a) self) -> Tensor(a)", grad=None)
def detach():
    """The same elements without their history: gradients stop here.

    >>> torch.detach(torch.ones(1, requires_grad=True)).requires_grad
    False
    """


@kernel("lift(Tensor self) -> Tensor", python="", grad={"self": "grad"}, out="below", vmap="shift")
def lift():
    """The tensor, where a function transform may wrap it."""


@kernel("lift_fresh(Tensor(a) self) -> Tensor(a)", python="", grad={"self": "grad"})
def lift_fresh():
    """A tensor that was just made, where a function transform may wrap it."""


@decomposed("lift_fresh_copy(Tensor self) -> Tensor", python="", grad={"self": "grad"}, out=True)
def lift_fresh_copy(self):
    """A copy of a tensor that was just made."""
    return clone(self)


@composite("positive(Tensor(a) self) -> Tensor(a)", kinds=NUMERIC)
def positive(self):
    """+x: the tensor itself.

    >>> torch.positive(torch.tensor([-1, 2]))
    tensor([-1,  2])
    """
    if self.dtype == torch.bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


# ---- complex ----


@kernel("view_as_real(Tensor(a) self) -> Tensor(a)", kinds="c", grad={"self": "view_as_complex(grad.contiguous())"}, jvp="linear")
def view_as_real():
    """A complex tensor as a real one with a last dimension of real and imaginary part.

    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """


@kernel("view_as_complex(Tensor(a) self) -> Tensor(a)", kinds=FLOATING, without=(*FLOAT8, "bfloat16"), grad={"self": "view_as_real(grad.contiguous().resolve_conj())"}, jvp="linear")
def view_as_complex():
    """A real tensor whose last dimension holds real and imaginary part as a complex one.

    >>> torch.view_as_complex(torch.tensor([[1., 2.]]))
    tensor([1.+2.j])
    """


@kernel("_conj(Tensor(a) self) -> Tensor(a)", python="", grad={"self": "grad.conj()"}, jvp="linear")
def conj_view():
    """The complex conjugate, carried out when the values are read."""


@kernel("_neg_view(Tensor(a) self) -> Tensor(a)", python="function", grad={"self": "grad.neg()"}, jvp="linear")
def neg_view():
    """The negative, carried out when the values are read."""


@composite("conj(Tensor(a) self) -> Tensor(a)")
def conj(self):
    """The complex conjugate: a view, carried out when the values are read; a real tensor itself.

    >>> torch.conj(torch.tensor([1 + 2j])).resolve_conj()
    tensor([1.-2.j])
    """
    return _conj(self) if self.is_complex() else self


@composite("real(Tensor(a) self) -> Tensor(a)", kinds="busfc", python="function")
def real(self):
    """The real part: a view; a real tensor itself.

    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    if not self.is_complex():
        return self
    whole = _conj(self) if self.is_conj() else self
    return whole.view_as_real().select(self.ndim, 0)


@composite("imag(Tensor(a) self) -> Tensor(a)", python="function")
def imag(self):
    """The imaginary part of a complex tensor: a view.

    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    if not self.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    if self.is_conj():
        return _neg_view(_conj(self).view_as_real().select(self.ndim, 1))
    return self.view_as_real().select(self.ndim, 1)


# ---- values at a view's place ----


@kernel("select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor",
        grad={"self": "select_scatter(grad, zeros(src.shape, dtype=grad.dtype), dim, index)", "src": "grad.select(dim, index)"},
        jvp={"result": "select_scatter(self_t, src_t, dim, index)"})
def select_scatter():
    """A copy of self with src at one index of a dimension.

    >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """


@kernel("slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
        grad={"self": "slice_scatter(grad, zeros(src.shape, dtype=grad.dtype), dim, start, end, step)", "src": "grad.slice(dim, start, end, step)"},
        jvp={"result": "slice_scatter(self_t, src_t, dim, start, end, step)"})
def slice_scatter():
    """A copy of self with src at a slice of a dimension.

    >>> torch.slice_scatter(torch.zeros(3), torch.ones(2), 0, 1, 3)
    tensor([0., 1., 1.])
    """


@kernel("diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
        grad={"self": "diagonal_scatter(grad, zeros(src.shape, dtype=grad.dtype), offset, dim1, dim2)", "src": "grad.diagonal(offset, dim1, dim2)"},
        jvp={"result": "diagonal_scatter(self_t, src_t, offset, dim1, dim2)"})
def diagonal_scatter():
    """A copy of self with src on a diagonal.

    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """


@kernel("as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
        grad={"self": "as_strided_scatter(grad.contiguous(), zeros(src.shape, dtype=grad.dtype), size, stride, storage_offset)",
              "src": "grad.contiguous().as_strided(size, stride, storage_offset)"},
        jvp={"result": "as_strided_scatter(self_t, src_t, size, stride, storage_offset)"}, vmap="loop")
def as_strided_scatter():
    """A copy of self with src at the places that sizes, strides and offset name.

    >>> torch.as_strided_scatter(torch.zeros(4), torch.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """


# ---- storage ----


@kernel("resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)", python="method", grad=None, vmap="restride")
def resize_():
    """Give this tensor another size; its storage grows if need be, new elements are undefined."""


@kernel("resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)", grad=None, vmap="refused")
def resize_as_():
    """Give this tensor the size of another."""


@kernel("set_.source_Tensor(Tensor(a!) self, Tensor source) -> Tensor(a!)",
        "set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, SymInt[] stride=[]) -> Tensor(a!)",
        "set_.source_Storage(Tensor(a!) self, Storage source) -> Tensor(a!)",
        "set_.source_Storage_storage_offset(Tensor(a!) self, Storage source, SymInt storage_offset, SymInt[] size, SymInt[] stride=[]) -> Tensor(a!)",
        "set_(Tensor(a!) self) -> Tensor(a!)", python="method", grad=None, vmap="refused")
def set_():
    """Make this tensor share the storage of another tensor, or a storage, with the given offset, sizes and strides."""
