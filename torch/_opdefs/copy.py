"""Copies, conversions of dtype and layout, fills, and the reading of single values."""

from .language import composite, kernel


@kernel(
    "copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)",
    "copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor",
    python="method", hidden=("copy",), grad={"self": "zeros_like(grad)", "src": "grad.to(src.dtype)"}, jvp=None,
    node="torch::autograd::CopyBackwards",
    vmap={"copy_": "broadcast", "copy": "src.to(self.dtype).expand(self.shape).clone()"},
)
def copy_():
    """Copy the values of src, broadcast and converted, into this tensor.

    >>> torch.zeros(2).copy_(torch.tensor([1, 2]))
    tensor([1., 2.])
    """


@kernel("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", grad={"self": "grad"}, jvp="linear", vmap="shift")
def clone():
    """A copy with its own memory; differentiable.

    >>> torch.clone(torch.tensor([1, 2]))
    tensor([1, 2])
    """


@kernel("_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, "
        "MemoryFormat? memory_format=None) -> Tensor", node="ToCopyBackward0", python="",
        grad={"self": "grad if grad.device == self.device else _to_copy(grad, dtype=self.dtype, device=self.device)"}, jvp="linear", vmap="shift", out_dtype="cast")
def to_copy():
    """A copy of another dtype, device or layout."""


@composite("to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)", python="method")
def to_dtype(self, dtype, non_blocking, copy, memory_format):
    """This tensor in another dtype, on another device, or like another tensor; itself when nothing changes.

    >>> torch.tensor([1.5, 2.5]).to(torch.int64)
    tensor([1, 2])
    """
    if self.dtype == dtype and not copy and has_format(self, memory_format):
        return self
    return _to_copy(self, dtype=dtype, non_blocking=non_blocking, memory_format=memory_format)


@composite("to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
           python="method")
def to_device(self, device, dtype, non_blocking, copy, memory_format):
    """This tensor on another device and in another dtype."""
    if self.dtype == dtype and self.device == device and not copy and has_format(self, memory_format):
        return self
    return _to_copy(self, dtype=dtype, device=device, non_blocking=non_blocking, memory_format=memory_format)


@composite("to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, "
           "bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)", python="method")
def to_options(self, dtype, layout, device, pin_memory, non_blocking, copy, memory_format):
    """This tensor with some of its options changed."""
    if (dtype is None or self.dtype == dtype) and (device is None or self.device == device) and not copy and has_format(self, memory_format):
        return self
    return _to_copy(self, dtype=dtype, device=device, non_blocking=non_blocking, memory_format=memory_format)


@composite("to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)", python="method")
def to_other(self, other, non_blocking, copy, memory_format):
    """This tensor in the dtype and on the device of another."""
    if self.dtype == other.dtype and self.device == other.device and not copy and has_format(self, memory_format):
        return self
    return _to_copy(self, dtype=other.dtype, device=other.device, non_blocking=non_blocking, memory_format=memory_format)


@composite("type_as(Tensor self, Tensor other) -> Tensor", python="method")
def type_as(self, other):
    """This tensor in the dtype and on the device of another; itself when they agree."""
    return self.to(other)


@composite("contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)", python="method")
def contiguous(self, memory_format):
    """This tensor if its memory is laid out in the given order, else a copy that is.

    >>> torch.zeros(2, 3).t().contiguous().stride()
    (2, 1)
    """
    if self.is_contiguous(memory_format):
        return self
    return self.clone(memory_format=memory_format)


@composite("resolve_conj(Tensor(a) self) -> Tensor(a)")
def resolve_conj(self):
    """This tensor with a lazy conjugate carried out.

    >>> torch.resolve_conj(torch.tensor([1 + 2j]).conj()).is_conj()
    False
    """
    return self.clone() if self.is_conj() else self


@composite("resolve_neg(Tensor(a) self) -> Tensor(a)")
def resolve_neg(self):
    """This tensor with a lazy negation carried out.

    >>> torch.resolve_neg(torch.tensor([1 + 2j]).conj().imag)
    tensor([-2.])
    """
    return self.clone() if self.is_neg() else self


@kernel("fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)", "fill.Scalar(Tensor self, Scalar value) -> Tensor",
        grad={"self": "zeros_like(grad)"}, node="FillBackward0", jvp=None, out="below", vmap="shift")
def fill_scalar():
    """Set every element to a number.

    >>> torch.zeros(2).fill_(3)
    tensor([3., 3.])
    """


@kernel("fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)", "fill.Tensor(Tensor self, Tensor value) -> Tensor",
        grad={"self": "zeros_like(grad)", "value": "grad.sum()"}, node="FillBackward1", jvp=None, out="below",
        vmap={"fill_": "self.copy_(value)", "fill": "value.to(self.dtype).expand(self.shape).clone()"})
def fill_tensor():
    """Set every element to the value of a 0-dimensional tensor."""


@kernel("zero_(Tensor(a!) self) -> Tensor(a!)", grad={"self": "zeros_like(grad)"}, node="ZeroBackward0", jvp=None, vmap="shift")
def zero_():
    """Set every element to zero."""


@kernel("_local_scalar_dense(Tensor self) -> Scalar", grad=None, python="", vmap="item")
def local_scalar_dense():
    """The only element of a tensor as a Python number."""


@composite("item(Tensor self) -> Scalar", python="method")
def item(self):
    """The only element of a tensor as a Python number.

    >>> torch.tensor([2.5]).item()
    2.5
    """
    return _local_scalar_dense(self)


@kernel("equal(Tensor self, Tensor other) -> bool", grad=None, vmap="refused")
def equal():
    """Whether two tensors have the same shape and values; NaN equals nothing.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """


@kernel("is_same_size(Tensor self, Tensor other) -> bool", grad=None, vmap="as_is")
def is_same_size():
    """Whether two tensors have the same shape.

    >>> torch.is_same_size(torch.zeros(2, 3), torch.zeros(3, 2))
    False
    """


@kernel("promote_types(ScalarType type1, ScalarType type2) -> ScalarType", python="function", grad=None)
def promote_types():
    """The smallest dtype that holds the values of both.

    >>> torch.promote_types(torch.int32, torch.float32)
    torch.float32
    """


@kernel("can_cast(ScalarType from_, ScalarType to) -> bool", python="function", grad=None)
def can_cast():
    """Whether an operator may write results of one dtype into a tensor of another.

    >>> torch.can_cast(torch.float32, torch.int32)
    False
    """


@kernel("result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType", "result_type.Scalar(Tensor tensor, Scalar other) -> ScalarType",
        "result_type.Scalar_Tensor(Scalar scalar, Tensor tensor) -> ScalarType", "result_type.Scalar_Scalar(Scalar scalar1, Scalar scalar2) -> ScalarType",
        python="function", grad=None, vmap="as_is")
def result_type():
    """The dtype of an arithmetic operation on tensors and numbers.

    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
