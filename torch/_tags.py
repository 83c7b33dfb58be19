"""torch.Tag: what is known of an operator besides its schema."""

from __future__ import annotations

import enum
import functools

__all__ = ["Tag"]


class Tag(enum.IntEnum):
    """A property of an operator, among those of ``torch.ops.aten.add.Tensor.tags``."""

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

    __str__ = __repr__


Tag.__module__ = "torch"

_DYNAMIC = {"_ctc_loss", "_unique", "_unique2", "argwhere", "bincount", "index.Tensor", "linalg_lstsq", "masked_select", "nonzero", "one_hot",
            "repeat_interleave.Tensor", "unique_consecutive", "unique_dim", "unique_dim_consecutive"}
_INPLACE_VIEWS = {"as_strided_", "detach_", "resize_", "resize_as_", "set_", "squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_"}
_MOMENTS = {"norm", "std", "std_mean", "var", "var_mean"}


@functools.cache
def _families():
    """{overload: family} of every definition."""
    import importlib
    import pkgutil

    import torch._opdefs
    from torch._opdefs import language

    for module in pkgutil.iter_modules(torch._opdefs.__path__):
        importlib.import_module(f"torch._opdefs.{module.name}")
    return {schema.split("(")[0]: definition.family for definition in language.DEFINITIONS.values() for schema in definition.schemas}


def tags_of(schema):
    """The tags of an aten operator, by its schema and its definition's family."""
    name = schema.name.split("::")[-1]
    is_out = any(a.is_out for a in schema.arguments)
    functional = name.rstrip("_") if schema.is_mutable and not is_out else name
    overload = "" if schema.overload_name == "out" else schema.overload_name.removesuffix("_out")
    families = _families()
    family = families.get(f"{functional}.{overload}" if overload else functional) or families.get(functional)
    key = f"{name}.{schema.overload_name}" if schema.overload_name else name
    random = "dropout" in name or any(a.name in ("generator", "dropout", "dropout_p") for a in schema.arguments)
    found = [(Tag.data_dependent_output, name in ("item", "_local_scalar_dense", "equal", "allclose")),
             (Tag.dynamic_output_shape, not is_out and (name in _DYNAMIC or key in _DYNAMIC)),
             (Tag.inplace, schema.is_mutable and not is_out and name.endswith("_")), (Tag.inplace_view, name in _INPLACE_VIEWS),
             (Tag.nondeterministic_seeded, random),
             (Tag.out, is_out), (Tag.pointwise, family == "pointwise"), (Tag.pt2_compliant_tag, True), (Tag.reduction, family == "reduction" or name in _MOMENTS),
             (Tag.view_copy, name.endswith("_copy") and name not in ("_to_copy", "index_copy") or name == "slice_scatter")]
    return [tag for tag, holds in found if holds]
