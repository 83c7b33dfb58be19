"""Results of operators on fake tensors whose sizes are symbolic.

A rule (`torch._meta.rules`) gives the sizes of the results from the arguments; dtypes and the order of strides are those of the
operator's own kernel, run on the meta device with the sizes of the example.
"""

from __future__ import annotations

import torch
from torch import _C
from torch._meta.shapes import contiguous_strides, dense_strides

__all__ = ["call", "sizes_of", "View"]

_FALLBACK_SIZE = 6      # stands for a size that depends on elements, where only dtypes matter


class View:
    """A result that lies in the storage of the first argument."""

    def __init__(self, sizes, strides, offset):
        self.sizes, self.strides, self.offset = tuple(sizes), tuple(strides), offset


def _bind(func, args, kwargs):
    """{argument: value}, defaults filled in."""
    bound = {}
    for i, a in enumerate(func._schema.arguments):
        bound[a.name] = args[i] if i < len(args) and not a.kwarg_only else kwargs.get(a.name, a.default_value)
    return bound


def sizes_of(func, args, kwargs):
    """What the rule of an operator says: a shape, a `View`, or a list of them. NotImplementedError where there is no rule."""
    from torch._meta.rules import rule_for

    rule = rule_for(func)
    if rule is None:
        raise NotImplementedError(f"{func} has no rule for symbolic sizes; add one to torch/_meta/rules.py")
    return rule(**_bind(func, args, kwargs))


def call(mode, func, args, kwargs):
    """An operator of fake tensors with symbolic sizes, for a `FakeTensorMode`."""
    written = [a.name for a in func._schema.arguments if a.is_write]
    name = func._opname
    if name in _NUMBERS:
        return _NUMBERS[name](*args)
    if func.namespace != "aten":
        return mode._registered(func, args, kwargs)
    if written and not func._schema.returns:
        return None
    if written and name not in _RESHAPES:
        bound = _bind(func, args, kwargs)
        outs = [bound[n] for n in written]
        return outs[0] if len(func._schema.returns) == 1 else tuple(outs)
    made = sizes_of(func, args, kwargs)
    examples = _examples(func, args, kwargs)
    device = _device(func, args, kwargs)
    if isinstance(made, list) and func._schema.returns[0].type.startswith("Tensor["):
        return [_fake(mode, m, e, device, args) for m, e in zip(made, examples or [None] * len(made))]
    if isinstance(made, list):
        return tuple(_fake(mode, m, e, device, args) for m, e in zip(made, examples or [None] * len(made)))
    return _fake(mode, made, examples[0] if isinstance(examples, (tuple, list)) else examples, device, args)


_RESHAPES = frozenset()
_NUMBERS = {
    "sym_size": lambda t, dim=None: t.size() if dim is None else t.size(dim), "sym_stride": lambda t, dim=None: t.stride() if dim is None else t.stride(dim),
    "sym_numel": lambda t: t.numel(), "sym_storage_offset": lambda t: t.storage_offset(), "is_same_size": lambda a, b: bool(a.shape == b.shape),
}


def _fake(mode, made, example, device, args):
    from torch._subclasses.fake_tensor import FakeTensor

    if made is None:
        return None
    first = next((a for a in args if isinstance(a, torch.Tensor)), None)
    dtype = example.dtype if example is not None else first.dtype
    if isinstance(made, View):
        elem = _C._meta_strided(made.sizes, made.strides, made.offset, dtype, first)
    else:
        elem = _C._meta_strided(made, _strides(made, example), 0, dtype, None)
    return _C._fake_like(FakeTensor, mode, elem, device, False)


def _strides(sizes, example):
    """Dense strides in the order of the example's."""
    if example is None or example.is_contiguous() or example.dim() != len(sizes):
        return contiguous_strides(sizes)
    steps = example.stride()
    return dense_strides(sizes, sorted(range(len(sizes)), key=lambda d: (steps[d], -d)))


def _hint(x):
    """The value of the example in place of a symbolic one."""
    if isinstance(x, torch.Tensor):
        elem = _C._meta_strided([_hint(n) for n in x.shape], [_hint(s) for s in x.stride()], _hint(x.storage_offset()), x.dtype, None)
        return elem
    if isinstance(x, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        known = x.node.hint
        return known if known is not None else _FALLBACK_SIZE if isinstance(x, torch.SymInt) else True if isinstance(x, torch.SymBool) else 0.5
    return type(x)(_hint(y) for y in x) if isinstance(x, (list, tuple)) and type(x) in (list, tuple) else [_hint(y) for y in x] \
        if isinstance(x, torch.Size) else x


def _examples(func, args, kwargs):
    """The results for the sizes of the example, on the meta device; None where these sizes do not fit each other."""
    kwargs = {k: _hint(v) for k, v in kwargs.items()}
    if any(a.name == "device" for a in func._schema.arguments):
        kwargs["device"] = torch.device("meta")
    try:
        return func._op.below_autograd(*map(_hint, args), **kwargs)
    except (RuntimeError, ValueError, IndexError):
        return None


def _device(func, args, kwargs):
    """The device of the results: as asked for, else that of the arguments."""
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"])
    tensors = [t for a in (*args, *kwargs.values()) for t in (a if isinstance(a, (list, tuple)) else (a,)) if isinstance(t, torch.Tensor)]
    return next((t.device for t in tensors if t.dim()), tensors[0].device if tensors else torch.device("cpu"))
