"""`torch.Tag`: what a tracer may assume of an operator, and which operators of `aten` carry which tag.

Most tags follow from the schema and the family of the definition; the rest are lists of names here.
"""

from __future__ import annotations

import enum

__all__ = ["Tag"]


class Tag(enum.IntEnum):
    """A property of an operator, found in ``torch.ops.aten.add.Tensor.tags``."""

    core = 0
    cudagraph_unsafe = 1
    data_dependent_output = 2
    dynamic_output_shape = 3
    flexible_layout = 4
    generated = 5
    inplace = 6
    inplace_view = 7
    maybe_aliasing_or_mutating = 8
    needs_contiguous_strides = 9
    needs_exact_strides = 10
    needs_fixed_stride_order = 11
    nondeterministic_bitwise = 12
    nondeterministic_seeded = 13
    out = 14
    out_variant = 15
    pointwise = 16
    pt2_compliant_tag = 17
    reduction = 18
    view_copy = 19

    def __repr__(self):
        return f"<Tag.{self.name}: {self.value}>"

    def __str__(self):
        return f"Tag.{self.name}"


# The published "core ATen" set: what a backend of the compiler has to know. `name:overload,overload`, alone: the default.
_CORE = """
_adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d _cdist_forward _embedding_bag _fft_c2r _fft_r2c _local_scalar_dense
_log_softmax _native_batch_norm_legit:default,no_stats _native_batch_norm_legit_no_training _pdist_forward _softmax _to_copy abs acos acosh
adaptive_avg_pool1d add:Scalar,Tensor addmm alias amax amin any:default,dim,dims arange:start_step argmax argmin as_strided asin asinh atan
atan2:default,out atanh avg_pool1d avg_pool2d avg_pool2d_backward avg_pool3d bitwise_and:Scalar,Tensor bitwise_not bitwise_or:Scalar,Tensor
bitwise_xor:Scalar,Tensor bmm cat ceil clamp:Tensor,default clone col2im constant_pad_nd convolution convolution_backward copy cos cosh cumsum
diagonal div:Scalar,Scalar_mode,Tensor,Tensor_mode elu embedding embedding_dense_backward empty:memory_format empty_strided eq:Scalar,Tensor erf
exp expand expm1 fill:Scalar flip floor fmod:Scalar,Tensor full full_like gather ge:Scalar,Tensor gelu grid_sampler_2d gt:Scalar,Tensor
hardtanh index:Tensor index_put index_select isinf isnan le:Scalar,Tensor leaky_relu log log10 log1p log2 logical_and logical_not logical_or
logical_xor lt:Scalar,Tensor masked_scatter max:dim max_pool2d_with_indices max_pool2d_with_indices_backward max_pool3d_with_indices maximum
mean:default,dim min:dim minimum mm mul:Scalar,Tensor native_dropout native_group_norm native_group_norm_backward native_layer_norm
native_layer_norm_backward ne:Scalar,Tensor neg nonzero permute pow:Scalar,Tensor_Scalar,Tensor_Tensor prod:default,dim_int rand randn randperm
reciprocal reflection_pad1d reflection_pad2d reflection_pad3d relu remainder:Scalar,Tensor repeat replication_pad2d replication_pad3d resize_
round rsqrt scalar_tensor scatter:src,value scatter_add scatter_reduce:two select:int select_scatter sigmoid sign sin sinh slice:Tensor
slice_scatter sort split_with_sizes sqrt squeeze:dim,dims sub:Scalar,Tensor sum:dim_IntList sym_is_contiguous sym_numel sym_size:int
sym_storage_offset sym_stride:int tan tanh topk trunc unsqueeze upsample_bilinear2d:vec upsample_nearest2d:vec var:correction,dim view where:self
"""
# The shape of the result depends on the elements.
_DYNAMIC_SHAPE = """
argwhere _unique bincount masked_select:default,out linalg_lstsq:default,out index:Tensor repeat_interleave:Tensor nonzero:default,out unique_dim _unique2
unique_consecutive unique_dim_consecutive one_hot _ctc_loss:default,Tensor
"""
# The result is a Python number read off the elements.
_DATA_DEPENDENT = "equal item allclose _local_scalar_dense"
_RANDOM = """
dropout:default dropout_ alpha_dropout alpha_dropout_ feature_dropout feature_dropout_ feature_alpha_dropout feature_alpha_dropout_ native_dropout:default,out
randint_like:default,low_dtype,Tensor,out rand_like:default,out randn_like:default,out rand:default,out randn:default,out randint:default,low,out randperm:default,out
rrelu rrelu_ _fused_sdp_choice scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu
lstm:input,data gru:input,data rnn_tanh:input,data rnn_relu:input,data
"""


def _keys(text):
    keys = set()
    for word in text.split():
        name, _, overloads = word.partition(":")
        keys.update(f"{name}.{overload}" for overload in (overloads or "default").split(","))
    return keys


_LISTS = {Tag.core: _keys(_CORE), Tag.dynamic_output_shape: _keys(_DYNAMIC_SHAPE), Tag.data_dependent_output: _keys(_DATA_DEPENDENT),
          Tag.nondeterministic_seeded: _keys(_RANDOM)}


def tags_of(overload) -> list[Tag]:
    """The tags of an overload of `aten`, in the order of their values."""
    name, schema = overload._overloadpacket.__name__, overload._schema
    key = f"{name}.{overload._overloadname}"
    family = getattr(overload._op, "family", "")
    found = {tag for tag, keys in _LISTS.items() if key in keys} | {Tag.pt2_compliant_tag}
    written = [a for a in schema.arguments if a.is_write]
    if any(a.is_out for a in written):
        found.add(Tag.out)
    elif name.endswith("_") and not name.endswith("__") and written:
        found.add(Tag.inplace)
        base = overload._sibling(name[:-1])
        if name in ("resize_", "resize_as_", "set_") or (base is not None and base.is_view):
            found.add(Tag.inplace_view)
    if any(a.name == "generator" for a in schema.arguments):
        found.add(Tag.nondeterministic_seeded)
    if family in ("pointwise", "reduction") and Tag.out not in found:
        found.add(Tag[family])
    if name.endswith("_copy") and overload._sibling(name[:-5]) is not None and name != "_to_copy":
        found.add(Tag.view_copy)
    return sorted(found)
