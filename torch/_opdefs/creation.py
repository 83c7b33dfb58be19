"""Tensors made from sizes and numbers alone."""

from .language import composite, kernel


@kernel(
    "empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
    python="function", grad=None, out=["empty.out(SymInt[] size, *, MemoryFormat? memory_format=None, Tensor(a!) out) -> Tensor(a!)"],
)
def empty():
    """A tensor of a shape whose values are undefined.

    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """


@kernel(
    "empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def empty_strided():
    """A tensor of a shape and strides whose values are undefined.

    >>> torch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """


@kernel(
    "empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def empty_permuted():
    """A tensor whose dimensions lie in memory in the given order, slowest first; its values are undefined.

    >>> torch.empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """


@kernel(
    "empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
    python="function", grad=None, vmap="shift",
)
def empty_like():
    """A tensor of the shape, dtype and layout of another; its values are undefined.

    >>> torch.empty_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """


@kernel(
    "new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="method", grad=None, out="below", vmap="shift",
)
def new_empty():
    """A tensor of a shape, of this tensor's dtype and device; its values are undefined."""


@kernel(
    "new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="method", grad=None, out="below", vmap="new_strided",
)
def new_empty_strided():
    """A tensor of a shape and strides, of this tensor's dtype and device; its values are undefined."""


@kernel(
    "zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def zeros():
    """Zeros of a shape.

    >>> torch.zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """


@kernel(
    "ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def ones():
    """Ones of a shape.

    >>> torch.ones(2)
    tensor([1., 1.])
    """


@kernel(
    "full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def full():
    """A number in every place of a shape; the dtype follows the number.

    >>> torch.full((2,), 3)
    tensor([3, 3])
    """


@kernel(
    "zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
    python="function", grad=None, vmap="shift",
)
def zeros_like():
    """Zeros of the shape, dtype and layout of another tensor.

    >>> torch.zeros_like(torch.ones(2))
    tensor([0., 0.])
    """


@kernel(
    "ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
    python="function", grad=None, vmap="shift",
)
def ones_like():
    """Ones of the shape, dtype and layout of another tensor.

    >>> torch.ones_like(torch.zeros(2))
    tensor([1., 1.])
    """


@kernel(
    "full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
    python="function", grad=None, vmap="shift",
)
def full_like():
    """A number in every place of a tensor like another.

    >>> torch.full_like(torch.zeros(2), 3.0)
    tensor([3., 3.])
    """


@kernel(
    "new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="method", grad=None, out="below", vmap="shift",
)
def new_zeros():
    """Zeros of a shape, of this tensor's dtype and device."""


@kernel(
    "new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="method", grad=None, out="below", vmap="shift",
)
def new_ones():
    """Ones of a shape, of this tensor's dtype and device."""


@kernel(
    "new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="method", grad=None, out="below", vmap="shift",
)
def new_full():
    """A number in every place of a shape, of this tensor's dtype and device."""


@kernel(
    "scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def scalar_tensor():
    """A 0-dimensional tensor of a number.

    >>> torch.scalar_tensor(2.5)
    tensor(2.5000)
    """


@kernel(
    "arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    out=["arange.out(Scalar end, *, Tensor(a!) out) -> Tensor(a!)",
         "arange.start_out(Scalar start, Scalar end, Scalar step=1, *, Tensor(a!) out) -> Tensor(a!)"],
    python="function", grad=None,
)
def arange():
    """Numbers from start (0) up to, not including, end, step (1) apart; integers if all three are.

    >>> torch.arange(1, 4)
    tensor([1, 2, 3])
    """


@kernel(
    "range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None, out=["range.out(Scalar start, Scalar end, Scalar step=1, *, Tensor(a!) out) -> Tensor(a!)"],
)
def range_inclusive():
    """Numbers from start up to and including end; arange is what to use instead.

    >>> torch.range(1, 2, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """


@composite("range(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor", python="")
def range_by_one(start, end, dtype, layout, device, pin_memory):
    """Numbers from start up to and including end, one apart."""
    return aten.range.step(start, end, 1, dtype=dtype, layout=layout, device=device, pin_memory=pin_memory)


@kernel(
    "linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None, vmap="loop",
)
def linspace():
    """So many numbers, evenly spaced from start to end, both included.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """


@kernel(
    "logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None, vmap="loop",
)
def logspace():
    """base to the power of numbers evenly spaced from start to end, both included.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """


@kernel(
    "eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def eye():
    """The identity matrix, or ones on the diagonal of n rows and m columns.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """


@kernel(
    "tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def tril_indices():
    """Rows and columns of the elements on or below a diagonal of a matrix, (2, n), in row order.

    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """


@kernel(
    "tril(Tensor self, SymInt diagonal=0) -> Tensor",
    inplace=["tril_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)"], grad={"self": "grad.tril(diagonal)"}, jvp="linear", vmap="shift",
)
def tril():
    """The elements on or below a diagonal of each matrix; zeros elsewhere.

    >>> torch.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """


@kernel(
    "triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    python="function", grad=None,
)
def triu_indices():
    """Rows and columns of the elements on or above a diagonal of a matrix, (2, n), in row order.

    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """


@kernel(
    "triu(Tensor self, SymInt diagonal=0) -> Tensor",
    inplace=["triu_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)"], grad={"self": "grad.triu(diagonal)"}, jvp="linear", vmap="shift",
)
def triu():
    """The elements on or above a diagonal of each matrix; zeros elsewhere.

    >>> torch.triu(torch.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
