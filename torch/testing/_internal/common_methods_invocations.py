"""op_db: the element-wise operators of the package, from their definitions, with samples of their arguments."""

from __future__ import annotations

import functools
import importlib
import pkgutil

import torch
from torch.testing import make_tensor
from torch.testing._internal.opinfo.core import (
    BinaryUfuncInfo,
    DecorateInfo,
    ErrorInput,
    OpInfo,
    ReductionOpInfo,
    S,
    SampleInput,
    UnaryUfuncInfo,
)

__all__ = ["BinaryUfuncInfo", "DecorateInfo", "ErrorInput", "OpInfo", "ReductionOpInfo", "SampleInput", "UnaryUfuncInfo", "binary_ufuncs", "op_db",
           "unary_ufuncs"]

_KINDS = {"b": (torch.bool,), "u": (torch.uint8,), "s": (torch.int8, torch.int16, torch.int32, torch.int64),
          "f": (torch.float16, torch.bfloat16, torch.float32, torch.float64), "c": (torch.complex64, torch.complex128)}
# where functions of one tensor are defined, if not everywhere
_DOMAINS = {"acos": (-1, 1), "asin": (-1, 1), "atanh": (-1, 1), "erfinv": (-1, 1), "acosh": (1, None), "log": (0, None), "log2": (0, None), "log10": (0, None),
            "log1p": (-1, None), "sqrt": (0, None), "rsqrt": (0, None), "lgamma": (0, None), "digamma": (0, None)}


def _samples(tensors):
    def sample_inputs(op, device, dtype, requires_grad, **kwargs):
        low, high = getattr(op, "domain", (None, None))
        margin = 0.0 if dtype is torch.bool or not (dtype.is_floating_point or dtype.is_complex) else 0.1
        for shape in ((S, S), (S,), ()):
            yield SampleInput(*(make_tensor(shape, dtype=dtype, device=device, requires_grad=requires_grad and (dtype.is_floating_point or dtype.is_complex),
                                            low=None if low is None else low + margin, high=None if high is None else high - margin,
                                            exclude_zero=number > 0) for number in range(tensors)))
    return sample_inputs


@functools.cache
def _definitions():
    """(name, number of tensors, dtypes, whether it has a gradient) of the element-wise operators that take tensors only."""
    import torch._opdefs
    from torch._codegen.schema import parse
    from torch._opdefs import language

    for module in pkgutil.iter_modules(torch._opdefs.__path__):
        importlib.import_module(f"torch._opdefs.{module.name}")
    found = {}
    for definition in language.DEFINITIONS.values():
        name = definition.name
        schema = parse(definition.schemas[0])
        if (definition.family != "pointwise" or name.startswith("_") or name in found or "backward" in name or "function" not in definition.python
                or not callable(getattr(torch, name, None))):
            continue
        needed = [a for a in schema.args if a.default is None]
        if len(schema.returns) == 1 and needed and all(a.is_tensor for a in needed) and len(needed) <= 2:
            dtypes = {d for kind in definition.options.get("kinds", "bufsc") for d in _KINDS.get(kind, ())}
            found[name] = len(needed), dtypes, definition.grad is not None
    return found


def _infos():
    for name, (tensors, dtypes, differentiable) in sorted(_definitions().items()):
        options = {"dtypes": dtypes, "supports_autograd": differentiable, "sample_inputs_func": _samples(tensors)}
        if tensors == 1:
            yield UnaryUfuncInfo(name, domain=_DOMAINS.get(name, (None, None)), **options)
        else:
            yield BinaryUfuncInfo(name, **options)


op_db = list(_infos())
unary_ufuncs = [op for op in op_db if isinstance(op, UnaryUfuncInfo)]
binary_ufuncs = [op for op in op_db if isinstance(op, BinaryUfuncInfo)]
