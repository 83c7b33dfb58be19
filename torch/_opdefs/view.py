"""Views: the same elements under another shape, and the operators that put values at a view's place."""

from .language import composite, decomposed, kernel

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
    """All elements in one dimension; a view where possible."""
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
    """This tensor expanded to a shape."""
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
    """Two dimensions exchanged."""


@kernel("transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", python="method", grad={"self": "grad.transpose(dim0, dim1)"}, jvp="linear",
        vmap="restride")
def transpose_():
    """Exchange two dimensions of this tensor."""


@kernel("t(Tensor(a) self) -> Tensor(a)", "t_(Tensor(a!) self) -> Tensor(a!)", grad={"self": "grad.t()"}, jvp="linear", vmap={"t": "t", "t_": "restride"})
def t():
    """A matrix transposed; tensors of fewer than two dimensions as they are."""


@composite("swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)")
def swapaxes(self, axis0, axis1):
    """Two dimensions exchanged."""
    return self.transpose(axis0, axis1)


@composite("swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)", python="method")
def swapaxes_(self, axis0, axis1):
    """Exchange two dimensions of this tensor."""
    return self.transpose_(axis0, axis1)


@composite("swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)")
def swapdims(self, dim0, dim1):
    """Two dimensions exchanged."""
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
    """Some dimensions moved to new places, the others in their order."""
    return self.movedim(source, destination)


@composite("moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
def moveaxis_int(self, source, destination):
    """One dimension moved to a new place."""
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
    """Each matrix of a batch transposed and conjugated."""
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


# ---- lists of parts ----


@kernel("unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", grad={"self": "stack(with_zeros(grads, self.shape, dim, []), dim)"}, jvp="linear")
def unbind():
    """All slices of a dimension, which goes away.

    >>> torch.tensor([[1, 2], [3, 4]]).unbind()
    (tensor([1, 2]), tensor([3, 4]))
    """


@kernel("split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]", grad={"self": "cat(with_zeros(grads, self.shape, dim, [split_size]), dim)"},
        jvp="linear")
def split():
    """Parts of a dimension, split_size long; the last may be shorter.

    >>> torch.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """


@kernel("split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
        grad={"self": "cat(with_zeros(grads, self.shape, dim, split_sizes), dim)"}, jvp="linear")
def split_with_sizes():
    """Parts of a dimension of the given lengths."""


@composite("split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]")
def split_sizes(self, split_size, dim):
    """Parts of a dimension of the given lengths."""
    return self.split_with_sizes(split_size, dim)


@kernel("unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", grad={"self": "cat(with_zeros(grads, self.shape, dim, [split_size]), dim)"}, jvp="linear", out="below")
def unsafe_split():
    """Parts of a dimension that autograd does not treat as views."""


@kernel("unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
        grad={"self": "cat(with_zeros(grads, self.shape, dim, split_sizes), dim)"}, jvp="linear", out="below")
def unsafe_split_with_sizes():
    """Parts of the given lengths that autograd does not treat as views."""


@composite("chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]")
def chunk(self, chunks, dim):
    """At most so many parts of equal size; the last may be smaller.

    >>> torch.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if self.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError("chunk expects `chunks` to be greater than 0, got: ", chunks)
    n = self.size(dim)
    length = (n + chunks - 1) // chunks
    if length == 0:
        return self.split_with_sizes([0] * chunks, dim)
    return self.split(length, dim)


@composite("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]")
def unsafe_chunk(self, chunks, dim):
    """Like chunk, but autograd does not treat the parts as views."""
    if chunks <= 0:
        raise RuntimeError("chunk expects `chunks` to be greater than 0, got: ", chunks)
    n = self.size(dim)
    length = (n + chunks - 1) // chunks
    if length == 0:
        return self.unsafe_split_with_sizes([0] * chunks, dim)
    return self.unsafe_split(length, dim)


@composite("tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]")
def tensor_split_indices(self, indices, dim):
    """Parts of a dimension between the given indices."""
    if self.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    parts = []
    start = 0
    for i in indices:
        parts.append(self.slice(dim, start, i, 1))
        start = i
    parts.append(self.slice(dim, start, self.size(dim), 1))
    return parts


@composite("tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]")
def tensor_split(self, sections, dim):
    """So many parts of a dimension; the first ones are one longer where it does not divide.

    >>> torch.arange(5).tensor_split(3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if self.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    if sections <= 0:
        raise RuntimeError("number of sections must be larger than 0, got ", sections)
    n = self.size(dim)
    if sections > n + 16777216:
        raise ValueError(f"tensor_split: {sections} sections are too many for a dimension of size {n}")
    parts = []
    start = 0
    for i in range(sections):
        length = n // sections + (1 if i < n % sections else 0)
        parts.append(self.slice(dim, start, start + length, 1))
        start = start + length
    return parts


@composite("tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]")
def tensor_split_tensor(self, tensor_indices_or_sections, dim):
    """Parts given by a tensor: a number of sections, or indices."""
    if tensor_indices_or_sections.ndim > 1:
        raise RuntimeError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with ",
                           tensor_indices_or_sections.ndim, " dims")
    if tensor_indices_or_sections.ndim == 0:
        return self.tensor_split(int(tensor_indices_or_sections.item()), dim)
    return self.tensor_split(int_values(tensor_indices_or_sections), dim)


@composite("hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]")
def hsplit(self, sections):
    """Equal parts along columns: dimension 1, or 0 of a vector."""
    if self.ndim == 0:
        raise RuntimeError("torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimensions!")
    dim = 0 if self.ndim == 1 else 1
    if sections == 0 or self.size(dim) % sections != 0:
        raise RuntimeError("torch.hsplit attempted to split along dimension ", dim, ", but the size of the dimension ", self.size(dim),
                           " is not divisible by the split_size ", sections, "!")
    return self.tensor_split(sections, dim)


@composite("hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]")
def hsplit_array(self, indices):
    """Parts along columns between the given indices."""
    if self.ndim == 0:
        raise RuntimeError("torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimensions!")
    return self.tensor_split(indices, 0 if self.ndim == 1 else 1)


@composite("vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]")
def vsplit(self, sections):
    """Equal parts along rows."""
    if self.ndim < 2:
        raise RuntimeError("torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with ", self.ndim, " dimensions!")
    if sections == 0 or self.size(0) % sections != 0:
        raise RuntimeError("torch.vsplit attempted to split along dimension 0, but the size of the dimension ", self.size(0),
                           " is not divisible by the split_size ", sections, "!")
    return self.tensor_split(sections, 0)


@composite("vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]")
def vsplit_array(self, indices):
    """Parts along rows between the given indices."""
    if self.ndim < 2:
        raise RuntimeError("torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with ", self.ndim, " dimensions!")
    return self.tensor_split(indices, 0)


@composite("dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]")
def dsplit(self, sections):
    """Equal parts along dimension 2."""
    if self.ndim < 3:
        raise RuntimeError("torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with ", self.ndim, " dimensions!")
    if sections == 0 or self.size(2) % sections != 0:
        raise RuntimeError("torch.dsplit attempted to split along dimension 2, but the size of the dimension ", self.size(2),
                           " is not divisible by the split_size ", sections, "!")
    return self.tensor_split(sections, 2)


@composite("dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]")
def dsplit_array(self, indices):
    """Parts along dimension 2 between the given indices."""
    if self.ndim < 3:
        raise RuntimeError("torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with ", self.ndim, " dimensions!")
    return self.tensor_split(indices, 2)


# ---- the same elements as they are ----


@kernel("alias(Tensor(a) self) -> Tensor(a)", python="", grad={"self": "grad"}, jvp="linear")
def alias():
    """A view of the whole tensor."""


@kernel("detach(Tensor(a) self) -> Tensor(a)", grad=None)
def detach():
    """The same elements without their history: gradients stop here."""


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


@composite("positive(Tensor(a) self) -> Tensor(a)")
def positive(self):
    """+x: the tensor itself."""
    if self.dtype == torch.bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


# ---- complex ----


@kernel("view_as_real(Tensor(a) self) -> Tensor(a)", grad={"self": "view_as_complex(grad.contiguous())"}, jvp="linear")
def view_as_real():
    """A complex tensor as a real one with a last dimension of real and imaginary part."""


@kernel("view_as_complex(Tensor(a) self) -> Tensor(a)", grad={"self": "view_as_real(grad.contiguous().resolve_conj())"}, jvp="linear")
def view_as_complex():
    """A real tensor whose last dimension holds real and imaginary part as a complex one."""


@kernel("_conj(Tensor(a) self) -> Tensor(a)", python="", grad={"self": "grad.conj()"}, jvp="linear")
def conj_view():
    """The complex conjugate, carried out when the values are read."""


@kernel("_neg_view(Tensor(a) self) -> Tensor(a)", python="function", grad={"self": "grad.neg()"}, jvp="linear")
def neg_view():
    """The negative, carried out when the values are read."""


@composite("conj(Tensor(a) self) -> Tensor(a)")
def conj(self):
    """The complex conjugate: a view, carried out when the values are read; a real tensor itself."""
    return _conj(self) if self.is_complex() else self


@composite("real(Tensor(a) self) -> Tensor(a)", python="function")
def real(self):
    """The real part: a view; a real tensor itself."""
    if not self.is_complex():
        return self
    whole = _conj(self) if self.is_conj() else self
    return whole.view_as_real().select(self.ndim, 0)


@composite("imag(Tensor(a) self) -> Tensor(a)", python="function")
def imag(self):
    """The imaginary part of a complex tensor: a view."""
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
    """A copy of self with src at one index of a dimension."""


@kernel("slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
        grad={"self": "slice_scatter(grad, zeros(src.shape, dtype=grad.dtype), dim, start, end, step)", "src": "grad.slice(dim, start, end, step)"},
        jvp={"result": "slice_scatter(self_t, src_t, dim, start, end, step)"})
def slice_scatter():
    """A copy of self with src at a slice of a dimension."""


@kernel("diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
        grad={"self": "diagonal_scatter(grad, zeros(src.shape, dtype=grad.dtype), offset, dim1, dim2)", "src": "grad.diagonal(offset, dim1, dim2)"},
        jvp={"result": "diagonal_scatter(self_t, src_t, offset, dim1, dim2)"})
def diagonal_scatter():
    """A copy of self with src on a diagonal."""


@kernel("as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
        grad={"self": "as_strided_scatter(grad.contiguous(), zeros(src.shape, dtype=grad.dtype), size, stride, storage_offset)",
              "src": "grad.contiguous().as_strided(size, stride, storage_offset)"},
        jvp={"result": "as_strided_scatter(self_t, src_t, size, stride, storage_offset)"}, vmap="loop")
def as_strided_scatter():
    """A copy of self with src at the places that sizes, strides and offset name."""


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
