"""Reading and writing elements by index: advanced indexing, gather and scatter, masks."""

from .expr import where as choose
from .language import HALF, SAME, UNKNOWN, composite, decomposed, kernel, pointwise


def both(functional):
    """A schema and its in-place form."""
    name, rest = functional.split("(", 1)
    base, _, overload = name.partition(".")
    inplace = f"{base}_{'.' + overload if overload else ''}({rest}"
    return functional, inplace.replace("(Tensor self", "(Tensor(a!) self").replace("-> Tensor", "-> Tensor(a!)")


# ---- advanced indexing ----

@kernel("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
        grad={"self": "grad.new_zeros(self.shape).index_put(indices, grad, True)"}, python="",
        out=["index.Tensor_out(Tensor self, Tensor?[] indices, *, Tensor(a!) out) -> Tensor(a!)"], vmap="index", out_apart=True)
def index():
    """self[indices]: index tensors broadcast together, masks stand for the indices of their true elements, None for a full slice."""


@kernel("_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
        grad={"self": "grad.new_zeros(self.shape)._unsafe_index_put(indices, grad, True)"}, python="", out=False, vmap="index")
def _unsafe_index():
    """index for indices that are known to be in range."""


@kernel(*both("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor"),
        compute=HALF, grad={"self": "grad if accumulate else grad.index_put(indices, zeros(values.shape, dtype=values.dtype, device=values.device), False)",
              "values": "aten.index.Tensor(grad, indices)"},
        node="IndexPutBackward0", vmap="index_put")
def index_put():
    """self[indices] = values, or += values where accumulate is set.

    >>> torch.index_put(torch.zeros(3), [torch.tensor([0, 2])], torch.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """


@kernel("_unsafe_index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
        compute=HALF, grad={"self": "grad if accumulate else grad._unsafe_index_put(indices, zeros(values.shape, dtype=values.dtype, device=values.device), False)",
              "values": "aten._unsafe_index.Tensor(grad, indices)"}, python="", out=False, vmap="index_put")
def _unsafe_index_put():
    """index_put for indices that are known to be in range."""


@kernel("_index_put_impl_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False) -> Tensor(a!)",
        grad={"self": "grad if accumulate else grad.index_put(indices, zeros(values.shape, dtype=values.dtype, device=values.device), False)",
              "values": "aten.index.Tensor(grad, indices)"}, python="function", vmap="index_put")
def _index_put_impl_():
    """index_put in place."""


@kernel("_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor",
        grad={"self": "grad.new_zeros(self.shape)._unsafe_masked_index_put_accumulate(mask, indices, grad)"}, python="function", out=False, vmap="loop")
def _unsafe_masked_index():
    """self[indices] where mask, fill elsewhere; indices may be out of range there."""


@kernel("_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> Tensor",
        compute=HALF, grad={"self": "grad", "values": "grad._unsafe_masked_index(mask, indices, 0)"}, python="function", out=False, vmap="loop")
def _unsafe_masked_index_put_accumulate():
    """self with values added at the indices where mask."""


# ---- along one dimension ----

@kernel("index_select(Tensor self, int dim, Tensor index) -> Tensor",
        grad={"self": "grad.new_zeros(self.shape).index_add(dim, index, grad)"}, vmap="index_dim", out_apart=True)
def index_select():
    """The slices of self along dim that index names.

    >>> torch.index_select(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([1]))
    tensor([[2],
            [4]])
    """


def _index_add_source(grad, source, dim, index, alpha):
    if source.dim() > 0:
        part = grad.index_select(dim, index).expand(source.shape)
    else:
        part = grad.index_select(dim, index.squeeze(0))
    if alpha == 1:
        return part
    return part * alpha


@kernel(*both("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor"),
        compute=HALF, grad={"self": "grad", "source": _index_add_source}, node="IndexAddBackward0", vmap="index_dim")
def index_add():
    """self with alpha * source added to the slices that index names, in order.

    >>> torch.index_add(torch.zeros(2), 0, torch.tensor([1, 1]), torch.tensor([1., 2.]))
    tensor([0., 3.])
    """


def _index_copy_source(grad, source, dim, index):
    if source.dim() > 0:
        return grad.index_select(dim, index).expand(source.shape)
    return grad.index_select(dim, index.squeeze(0))


@kernel(*both("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor"),
        grad={"self": "grad.index_fill(dim, index, 0)", "source": _index_copy_source}, node="IndexCopyBackward0", vmap="index_dim")
def index_copy():
    """self with the slices that index names replaced by those of source.

    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1., 2.]))
    tensor([2., 0., 1.])
    """


@kernel(*both("index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor"),
        grad={"self": "grad.index_fill(dim, index, 0)"}, node="IndexFillBackward0", vmap="index_dim")
def index_fill():
    """self with the slices that index names filled with value.

    >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([1]), 5.0)
    tensor([0., 5., 0.])
    """


def _index_fill_value(grad, dim, index):
    places, _ = _unique(index, False)
    return grad.index_select(dim, places).sum()


@kernel(*both("index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor"),
        grad={"self": "grad.index_fill(dim, index, 0)", "value": _index_fill_value}, node="IndexFillBackward1", vmap="index_dim")
def index_fill_tensor():
    """index_fill with a 0-dimensional tensor."""


def _index_reduce_grad(grad, self, dim, index, source, reduce, include_self, result):
    if reduce == "prod":
        masked = self.masked_fill(self == 0, 1)
        of_self = grad * masked.index_reduce(dim, index, source, reduce, include_self=include_self) / masked
        zero = source == 0
        count = zeros_like(self).index_add(dim, index, zero.to(self.dtype))
        single = bitwise_and(zero, count.index_select(dim, index) == 1)
        product = self.index_reduce(dim, index, source.masked_fill(single, 1), reduce, include_self=include_self)
        at_zero = (grad * product).index_select(dim, index)
        others = (grad * result).index_select(dim, index) / source.masked_fill(zero, 1)
        of_source = where(single, at_zero, others)
    elif reduce == "mean":
        n = ones_like(grad) if include_self else zeros_like(grad)
        n = n.index_add(dim, index, ones_like(source))
        n.masked_fill_(n == 0, 1)
        of_self = grad / n
        of_source = grad.index_select(dim, index) / n.index_select(dim, index)
    else:
        value = result.index_select(dim, index)
        same_self = (self == result).to(grad.dtype)
        same_source = (value == source).to(grad.dtype)
        shared = grad / same_self.index_add(dim, index, same_source)
        of_self = same_self * shared
        of_source = same_source * shared.index_select(dim, index)
    if not include_self:
        of_self = of_self.index_fill(dim, index, 0)
    return of_self, of_source


@kernel(*both("index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor"),
        kinds="usf", compute=HALF, grad={"self, source": _index_reduce_grad}, node="IndexReduceBackward0", vmap="index_dim")
def index_reduce():
    """Slices of source reduced (prod, mean, amax, amin) into the slices of self that index names.

    >>> torch.index_reduce(torch.ones(2), 0, torch.tensor([0, 0]), torch.tensor([3., 5.]), "prod")
    tensor([15.,  1.])
    """


@kernel("take(Tensor self, Tensor index) -> Tensor", grad={"self": "zeros_like(self).put(index, grad, True)"},
        vmap="aten.index.Tensor(self.reshape([-1]), [index])", out_apart=True)
def take():
    """Elements of self by their position in row-major order.

    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 3]))
    tensor([1, 4])
    """


@kernel(*both("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor"),
        compute=HALF, grad={"self": "grad if accumulate else grad.put(index, zeros(source.shape, dtype=source.dtype, device=source.device), False)",
              "source": "grad.take(index).reshape(source.shape)"}, python="function method", node="PutBackward0",
        vmap="self.reshape([-1]).index_put([index], source, accumulate).view(self.shape)")
def put():
    """self with the elements at positions index (row-major order) replaced by, or increased by, those of source.

    >>> torch.put(torch.zeros(3), torch.tensor([0, 2]), torch.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """


# ---- gather and scatter ----

@kernel("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
        grad={"self": "grad.new_zeros(self.shape).scatter_add(dim, index, grad)"}, out_apart=True)
def gather():
    """result[i, j] = self[index[i, j], j] for dim 0, and so on.

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """


@kernel(*both("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor"),
        grad={"self": "grad.scatter(dim, index, 0)", "src": "grad.gather(dim, index)"}, node="ScatterBackward0", out_apart=True)
def scatter():
    """self with result[index[i, j], j] = src[i, j] for dim 0, and so on.

    >>> torch.scatter(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1., 2.]))
    tensor([2., 0., 1.])
    """


@kernel(*both("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor"),
        grad={"self": "grad.scatter(dim, index, 0)"}, node="ScatterBackward1", out_apart=True)
def scatter_value():
    """scatter of one value."""


@kernel(*both("scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor"), compute=HALF, grad=UNKNOWN, out_apart=True)
def scatter_reduce_old():
    """scatter that adds or multiplies."""


@kernel(*both("scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor"), compute=HALF, grad=None, out_apart=True)
def scatter_value_reduce():
    """scatter that adds or multiplies by one value."""


@kernel(*both("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor"),
        compute=HALF, grad={"self": "grad", "src": "grad.gather(dim, index)"}, node="ScatterAddBackward0", out_apart=True)
def scatter_add():
    """scatter that adds.

    >>> torch.scatter_add(torch.zeros(2), 0, torch.tensor([1, 1]), torch.tensor([1., 2.]))
    tensor([0., 3.])
    """


def _scatter_reduce_grad(grad, self, dim, index, src, reduce, include_self, result):
    if reduce == "sum":
        of_self = grad
        of_src = grad.gather(dim, index)
    elif reduce == "prod":
        masked = self.masked_fill(self == 0, 1)
        of_self = grad * (masked.scatter_reduce(dim, index, src, reduce, include_self=include_self) / masked).conj()
        zero = src == 0
        count = zeros_like(self).scatter_add(dim, index, zero.to(self.dtype))
        single = bitwise_and(zero, count.gather(dim, index) == 1)
        product = self.scatter_reduce(dim, index, src.masked_fill(single, 1), reduce, include_self=include_self)
        at_zero = (grad * product.conj()).gather(dim, index)
        others = (grad * result.conj()).gather(dim, index) / src.masked_fill(zero, 1).conj()
        of_src = where(single, at_zero, others)
    elif reduce == "mean":
        n = ones_like(grad) if include_self else zeros_like(grad)
        n = n.scatter_add(dim, index, ones_like(src))
        n.masked_fill_(n == 0, 1)
        of_self = grad / n
        of_src = grad.gather(dim, index) / n.gather(dim, index)
    else:
        value = result.gather(dim, index)
        same_self = (self == result).to(grad.dtype)
        same_src = (value == src).to(grad.dtype)
        shared = grad / same_self.scatter_add(dim, index, same_src)
        of_self = (self == result) * shared
        of_src = (value == src) * shared.gather(dim, index)
    if not include_self:
        of_self = of_self.scatter(dim, index, 0)
    return of_self, of_src


@kernel(*both("scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor"),
        kinds="usf", compute=HALF, grad={"self, src": _scatter_reduce_grad}, node="ScatterReduceBackward0", out_apart=True)
def scatter_reduce():
    """scatter that reduces: sum, prod, mean, amax or amin, with or without the value that was there.

    >>> torch.scatter_reduce(torch.ones(2), 0, torch.tensor([0, 0]), torch.tensor([3., 5.]), "amax")
    tensor([5., 1.])
    """


@composite("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", kinds="busfc", out=True, out_dtype="exact", out_apart=True)
def take_along_dim(self, indices, dim):
    """gather with broadcasting and negative indices; on the flattened input when dim is not given.

    >>> torch.take_along_dim(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1], [0]]), 1)
    tensor([[2],
            [3]])
    """
    if dim is None:
        return self.reshape([-1]).gather(0, indices.reshape([-1]))
    if self.dim() != indices.dim():
        raise RuntimeError("torch.take_along_dim(): input and indices should have the same number of dimensions, but got ", self.dim(),
                           " dimensions for input, and ", indices.dim(), " dimensions for indices")
    d = dim if dim >= 0 else dim + self.dim()
    if d < 0 or d >= self.dim():
        raise IndexError("Dimension out of range (expected to be in range of [", -self.dim(), ", ", self.dim() - 1, "], but got ", dim, ")")
    source = []
    places = []
    for i in range(self.dim()):
        if i == d:
            source.append(self.size(i))
            places.append(indices.size(i))
        else:
            n = self.size(i) if indices.size(i) == 1 else indices.size(i)
            source.append(n)
            places.append(n)
    values = self.expand(source)
    return values.gather(d, remainder(indices.expand(places), self.size(d)))


# ---- masks ----

@pointwise("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", result=SAME, store={"mask": "Bool"},
           grad={"self": "grad.masked_fill(mask, 0)"})
def masked_fill(x, mask, value):
    """self with value where mask is true.

    >>> torch.masked_fill(torch.tensor([1, 2]), torch.tensor([True, False]), 0)
    tensor([0, 2])
    """
    return choose(mask, value, x)


@kernel(*both("masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor"),
        grad={"self": "grad.masked_fill(mask, 0)", "value": "where(mask, grad, scalar_tensor(0, dtype=grad.dtype)).sum()"},
        node="MaskedFillBackward1", out=["masked_fill.Tensor_out(Tensor self, Tensor mask, Tensor value, *, Tensor(a!) out) -> Tensor(a!)"],
        vmap="where(mask, value.to(self.dtype), self)")
def masked_fill_tensor():
    """masked_fill with a 0-dimensional tensor."""


@kernel("masked_select(Tensor self, Tensor mask) -> Tensor", grad={"self": "masked_select_backward(grad, self, mask)"}, vmap="dynamic", out_apart=True)
def masked_select():
    """The elements of self where mask is true, in row-major order.

    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """


@composite("masked_select_backward(Tensor grad, Tensor input, Tensor mask) -> Tensor", python="")
def masked_select_backward(grad, input, mask):
    """Puts the gradient of each selected element in its place."""
    n = max(input.dim(), mask.dim())
    shape = []
    for i in range(n):
        a = input.size(i - n + input.dim()) if i - n + input.dim() >= 0 else 1
        b = mask.size(i - n + mask.dim()) if i - n + mask.dim() >= 0 else 1
        shape.append(b if a == 1 else a)
    return zeros_like(input.expand(shape)).masked_scatter(mask, grad)


@kernel(*both("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor"),
        grad={"self": "grad.masked_fill(mask, 0)", "source": "masked_scatter_backward(grad, mask, source.shape)"}, node="MaskedScatterBackward0", vmap="loop")
def masked_scatter():
    """self with the elements of source, one after the other, where mask is true.

    >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """


@decomposed("masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor",
            grad={"grad_output": "zeros_like(grad_output).masked_scatter(mask, grad)"}, python="", vmap="loop")
def masked_scatter_backward(grad_output, mask, sizes):
    """The gradients of the elements that were used, then zeros, in the shape of the source."""
    used = grad_output.masked_select(mask)
    result = zeros(sizes, dtype=grad_output.dtype, device=grad_output.device)
    flat = result.view([-1])
    flat.slice(0, 0, used.numel()).copy_(used)
    return result


# ---- places of nonzero elements ----

@kernel("nonzero(Tensor self) -> Tensor", compute=HALF, grad=None, vmap="dynamic", out_apart=True)
def nonzero():
    """The indices of the elements that are not zero: (count, dimensions).

    >>> torch.nonzero(torch.tensor([0, 3, 0, 4]))
    tensor([[1],
            [3]])
    """


@kernel("nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor", compute=HALF, grad=None, vmap="loop", out_apart=True)
def nonzero_static():
    """The first `size` rows of nonzero, filled up with fill_value.

    >>> torch.nonzero_static(torch.tensor([0, 1, 1]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """


@composite("argwhere(Tensor self) -> Tensor")
def argwhere(self):
    """nonzero.

    >>> torch.argwhere(torch.tensor([[0, 1], [1, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return self.nonzero()


@composite("nonzero_numpy(Tensor self) -> Tensor[]", python="method")
def nonzero_numpy(self):
    """nonzero as one index tensor for each dimension."""
    if self.dim() == 0:
        return self.unsqueeze(0).nonzero().unbind(1)
    return self.nonzero().unbind(1)


@composite("where(Tensor condition) -> Tensor[]", python="function")
def where(condition):
    """nonzero as one index tensor for each dimension.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([1, 4])
    """
    return condition.nonzero_numpy()
