"""What a tensor says of itself, as operators: a subclass answers them where its policy leaves sizes or strides to it."""

from .language import kernel


@kernel("sym_size(Tensor self) -> SymInt[]", "size(Tensor self) -> int[]", grad=None, python="", vmap="as_is")
def sym_size():
    """The sizes."""


@kernel("sym_size.int(Tensor self, int dim) -> SymInt", "size.int(Tensor self, int dim) -> int", grad=None, python="", vmap="as_is")
def sym_size_int():
    """The size of one dimension."""


@kernel("sym_stride(Tensor self) -> SymInt[]", "stride(Tensor self) -> int[]", grad=None, python="", vmap="as_is")
def sym_stride():
    """The strides, in elements."""


@kernel("sym_stride.int(Tensor self, int dim) -> SymInt", "stride.int(Tensor self, int dim) -> int", grad=None, python="", vmap="as_is")
def sym_stride_int():
    """The stride of one dimension."""


@kernel("sym_numel(Tensor self) -> SymInt", "numel(Tensor self) -> int", grad=None, python="", vmap="as_is")
def sym_numel():
    """The number of elements."""


@kernel("sym_storage_offset(Tensor self) -> SymInt", "storage_offset(Tensor self) -> int", grad=None, python="", vmap="as_is")
def sym_storage_offset():
    """Where in the storage the first element is."""


@kernel("dim(Tensor self) -> int", grad=None, python="", vmap="as_is")
def dim():
    """The number of dimensions."""


@kernel("is_contiguous(Tensor self) -> bool", grad=None, python="", vmap="as_is")
def is_contiguous():
    """Do the elements lie in memory in order?"""


@kernel("is_contiguous.memory_format(Tensor self, MemoryFormat memory_format) -> bool",
        "is_strides_like_format(Tensor self, MemoryFormat memory_format) -> bool",
        "sym_is_contiguous(Tensor self, MemoryFormat memory_format=contiguous_format) -> SymBool", grad=None, python="", vmap="as_is")
def is_contiguous_format():
    """Do the elements lie in memory in the order of a memory format?"""


@kernel("is_non_overlapping_and_dense(Tensor self) -> bool", grad=None, python="", vmap="as_is")
def is_non_overlapping_and_dense():
    """Does every element of a block of memory belong to the tensor just once?"""
