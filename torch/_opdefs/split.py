"""Views: a tensor in parts along a dimension."""

from .language import composite, kernel


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
    """Parts of a dimension of the given lengths.

    >>> torch.split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """


@composite("split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]")
def split_sizes(self, split_size, dim):
    """Parts of a dimension of the given lengths."""
    return self.split_with_sizes(split_size, dim)


@kernel("unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", grad={"self": "cat(with_zeros(grads, self.shape, dim, [split_size]), dim)"}, jvp="linear", out="below")
def unsafe_split():
    """Parts of a dimension that autograd does not treat as views.

    >>> torch.unsafe_split(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """


@kernel("unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
        grad={"self": "cat(with_zeros(grads, self.shape, dim, split_sizes), dim)"}, jvp="linear", out="below")
def unsafe_split_with_sizes():
    """Parts of the given lengths that autograd does not treat as views.

    >>> torch.unsafe_split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """


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
    """Like chunk, but autograd does not treat the parts as views.

    >>> torch.unsafe_chunk(torch.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    if chunks <= 0:
        raise RuntimeError("chunk expects `chunks` to be greater than 0, got: ", chunks)
    n = self.size(dim)
    length = (n + chunks - 1) // chunks
    if length == 0:
        return self.unsafe_split_with_sizes([0] * chunks, dim)
    return self.unsafe_split(length, dim)


@composite("tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]")
def tensor_split_indices(self, indices, dim):
    """Parts of a dimension between the given indices.

    >>> torch.tensor_split(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
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
    """Equal parts along columns: dimension 1, or 0 of a vector.

    >>> torch.hsplit(torch.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
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
    """Equal parts along rows.

    >>> torch.vsplit(torch.arange(4).view(2, 2), 2)
    (tensor([[0, 1]]), tensor([[2, 3]]))
    """
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
    """Equal parts along dimension 2.

    >>> torch.dsplit(torch.arange(4).view(1, 1, 4), 2)[1]
    tensor([[[2, 3]]])
    """
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
