"""Functionalisation: programs that write to tensors and take views, run so that the operators below see neither writes nor aliases.

A `FunctionalTensor` is a view of a base, told by the view operators that lead to it. A write computes a new value, carries it back
through the inverses of these operators into a new base, and every other view of the base is taken again when it is next used.
"""

from __future__ import annotations

import contextlib
import functools

import torch
from torch import _C
from torch.utils._python_dispatch import KeyedMode, _detect_infra_mode, _disable_infra_mode
from torch.utils._pytree import tree_map, tree_map_only

__all__ = ["FunctionalTensor", "FunctionalTensorMode", "disable_functional_mode", "to_functional", "from_functional", "dispatch_functionalize"]

aten = torch.ops.aten
_KEY = _C._TorchDispatchModeKey.FUNCTIONAL


class _Base:
    """The value that views share; `generation` counts the writes."""

    __slots__ = ("value", "generation", "data_generation")

    def __init__(self, value):
        self.value, self.generation = value, 0


class FunctionalTensor(torch.Tensor):
    """A tensor whose writes become new values. ``elem`` is its present value."""

    _mode_key = _KEY

    @staticmethod
    def __new__(cls, elem, mode=None, base=None, views=()):
        self = torch.Tensor._make_wrapper_subclass(cls, elem.shape, strides=elem.stride(), storage_offset=elem.storage_offset(), dtype=elem.dtype,
                                                   device=elem.device, layout=elem.layout, requires_grad=base is None and elem.requires_grad)
        self._base_value = base or _Base(elem)
        self._views = views              # (function of the parent, inverse) from the base on
        self._elem, self._seen = elem, self._base_value.generation
        self.mode = mode
        return self

    def __init__(self, *args, **kwargs):
        super().__init__()

    @property
    def elem(self):
        """The value, with all writes to the base in it."""
        if self._seen != self._base_value.generation:
            value = self._base_value.value
            for view, _ in self._views:
                value = view(value)
            self._elem, self._seen = value, self._base_value.generation
        return self._elem

    def replace(self, value):
        """A write: `value` is the new value of this view, and part of that of the base."""
        parents = [self._base_value.value]
        for view, _ in self._views[:-1]:
            parents.append(view(parents[-1]))
        self._elem = value
        for parent, (_, inverse) in zip(reversed(parents), reversed(self._views)):
            value = inverse(parent, value)
        self._base_value.value = value
        self._base_value.generation += 1
        if self._views:
            self._seen = -1              # as others, it is a view of the new base
        else:
            self._seen = self._base_value.generation

    def was_written(self):
        """Was it, or a tensor over the same memory, written to?"""
        return self._base_value.generation > 0

    def __repr__(self, *, tensor_contents=None):
        return f"FunctionalTensor({self.elem!r})"

    @staticmethod
    def to_functional(x):
        """A functional tensor with the value of `x`."""
        return FunctionalTensor(x, _detect_infra_mode(_KEY))

    def from_functional(self):
        """The value."""
        return self.elem

    def tolist(self):
        return self.elem.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        mode = _detect_infra_mode(_KEY)
        if mode is not None:
            return NotImplemented
        with FunctionalTensorMode():
            return func(*args, **(kwargs or {}))


# ---- the inverses of view operators: (parent, new value of the view, arguments of the view) -> new parent ----

def _permutation_inverse(parent, value, dims):
    order = [0] * len(dims)
    for i, d in enumerate(dims):
        order[d % len(dims)] = i
    return aten.permute(value, order)


def _squeeze_inverse(parent, value, *_):
    return aten.view(value, list(parent.shape))


def _part_inverse(parent, value, sizes, dim, index):
    start = sum(sizes[:index])
    return aten.slice_scatter(parent, value, dim, start, start + sizes[index])


def _split_sizes(parent, size, dim):
    n = parent.size(dim)
    return [min(size, n - at) for at in range(0, max(n, 1), size)]


_INVERSES = {
    "view": lambda parent, value, size: value.view(parent.dtype) if value.dtype != parent.dtype else aten.view(value, list(parent.shape)),
    "_unsafe_view": lambda parent, value, size: aten.view(value, list(parent.shape)),
    "reshape": lambda parent, value, size: aten.view(value, list(parent.shape)),
    "_reshape_alias": lambda parent, value, size, stride: aten._reshape_alias(value, list(parent.shape), list(parent.stride())),
    "t": lambda parent, value: aten.t(value),
    "transpose": lambda parent, value, a, b: aten.transpose(value, a, b),
    "permute": _permutation_inverse,
    "unsqueeze": lambda parent, value, dim: aten.squeeze(value, dim),
    "squeeze": _squeeze_inverse,
    "select": lambda parent, value, dim, index: aten.select_scatter(parent, value, dim, index),
    "slice": lambda parent, value, *args: aten.slice_scatter(parent, value, *args),
    "diagonal": lambda parent, value, *args: aten.diagonal_scatter(parent, value, *args),
    "as_strided": lambda parent, value, *args: aten.as_strided_scatter(parent, value, *args),
    "detach": lambda parent, value: value,
    "alias": lambda parent, value: value,
    "lift_fresh": lambda parent, value: value,
    "expand": lambda parent, value, size, implicit=False: _expand_inverse(parent, value),
    "_conj": lambda parent, value: aten._conj(value),
    "_neg_view": lambda parent, value: aten._neg_view(value),
    "view_as_real": lambda parent, value: aten.view_as_complex(value),
    "view_as_complex": lambda parent, value: aten.view_as_real(value),
}
_PART_INVERSES = {
    "split": lambda parent, value, i, size, dim=0: _part_inverse(parent, value, _split_sizes(parent, size, dim), dim, i),
    "split_with_sizes": lambda parent, value, i, sizes, dim=0: _part_inverse(parent, value, sizes, dim, i),
    "unbind": lambda parent, value, i, dim=0: aten.select_scatter(parent, value, dim, i),
}
_INPLACE_VIEWS = {"t_": "t", "transpose_": "transpose", "squeeze_": "squeeze", "unsqueeze_": "unsqueeze", "swapdims_": "transpose", "swapaxes_": "transpose",
                  "detach_": "detach", "as_strided_": "as_strided"}


def _expand_inverse(parent, value):
    """Elements that one element stands for were written the same value: any of them will do."""
    lead = value.dim() - parent.dim()
    for _ in range(lead):
        value = aten.select.int(value, 0, 0)
    for d, n in enumerate(parent.shape):
        if n == 1 and value.shape[d] != 1:
            value = aten.slice.Tensor(value, d, 0, 1)
    return value


class FunctionalTensorMode(KeyedMode):
    """While it is on, operators on functional tensors reach the modes and kernels below without writes.

    Args:
        remove_views: views become copies (``view_copy``...) too.
    """

    _mode_key = _KEY

    def __init__(self, pre_dispatch=False, export=False, remove_views=False):
        super().__init__()
        self.remove_views = remove_views

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        schema = func._schema
        if schema.is_mutable:
            return self._write(func, args, kwargs)
        first = args[0] if args else None
        if func.is_view and isinstance(first, FunctionalTensor) and (func._opname in _INVERSES or func._opname in _PART_INVERSES):
            return self._view(func, first, args[1:], kwargs)
        out = func(*tree_map(_value, args), **tree_map(_value, kwargs))
        return self._wrap(out)

    def _wrap(self, out):
        if isinstance(out, torch.Tensor):
            return FunctionalTensor(out, self)
        return tuple(self._wrap(x) for x in out) if isinstance(out, (tuple, list)) else out

    def _emitted(self, func):
        """The operator that is called in place of a view operator."""
        return _copying(func) if self.remove_views else func

    def _view(self, func, parent, rest, kwargs):
        call = self._emitted(func)
        out = call(parent.elem, *rest, **kwargs)
        bound = [*rest, *kwargs.values()]

        def child(value, view, inverse):
            made = FunctionalTensor(value, self, parent._base_value, (*parent._views, (view, inverse)))
            _C._share_storage(made, parent)
            return made
        if isinstance(out, torch.Tensor):
            return child(out, lambda x: call(x, *rest, **kwargs), lambda whole, value: _INVERSES[func._opname](whole, value, *bound))

        def part(i, value):
            return child(value, lambda x: call(x, *rest, **kwargs)[i], lambda whole, value: _PART_INVERSES[func._opname](whole, value, i, *bound))
        return type(out)(part(i, value) for i, value in enumerate(out)) if type(out) in (list, tuple) else [part(i, v) for i, v in enumerate(out)]

    def _write(self, func, args, kwargs):
        name = func._opname
        target = args[0] if args else None
        if name in _INPLACE_VIEWS and isinstance(target, FunctionalTensor):
            return self._view_in_place(func, target, args[1:], kwargs)
        written = [a for a in func._schema.arguments if a.is_write]
        bound = {a.name: args[i] if i < len(args) and not a.kwarg_only else kwargs.get(a.name) for i, a in enumerate(func._schema.arguments)}
        targets = [bound[a.name] for a in written]
        if not any(isinstance(t, FunctionalTensor) for t in _flat(targets)):
            return func(*tree_map(_value, args), **tree_map(_value, kwargs))
        values = _functional_call(func, tree_map(_value, args), tree_map(_value, kwargs), [a.name for a in written], tree_map(_value, targets))
        for t, value in zip(_flat(targets), _flat(values)):
            if isinstance(t, FunctionalTensor):
                t.replace(_as(value, t))
        if not func._schema.returns:
            return None
        return targets[0] if len(func._schema.returns) == 1 else tuple(targets)

    def _view_in_place(self, func, target, rest, kwargs):
        packet = getattr(aten, _INPLACE_VIEWS[func._opname])
        plain = getattr(packet, func._overloadname if func._overloadname in packet.overloads() else packet.overloads()[0])
        seen = self._view(plain, target, rest, kwargs)
        target._views, target._elem, target._seen = seen._views, seen._elem, seen._seen
        _C._take_shape(target, seen)
        return target


def _value(x):
    return x.elem if isinstance(x, FunctionalTensor) else x


def _flat(values):
    return [x for v in values for x in (v if isinstance(v, (list, tuple)) else (v,))]


def _as(value, target):
    """A result in the dtype and shape of what it is written to."""
    if value.dtype != target.dtype:
        value = value.to(target.dtype)
    return value if value.shape == target.shape else value.expand(target.shape)


@functools.cache
def _copying(func):
    """The form of a view operator that copies, or the operator itself."""
    packet = getattr(aten, f"{func._opname}_copy", None)
    return getattr(packet, func._overloadname, func) if packet is not None else func


@functools.cache
def _functional(func):
    """The operator that computes what `func` writes, or None."""
    name, overload = func._opname, func._overloadname
    out = any(a.is_out for a in func._schema.arguments)
    candidates = [name] if out else [name[:-1] if name.endswith("_") else name, f"{name.rstrip('_')}_functional"]
    kept = [a.name for a in func._schema.arguments if not (out and a.is_write)]
    for candidate in candidates:
        packet = getattr(aten, candidate, None)
        for o in packet.overloads() if packet is not None else ():
            op = getattr(packet, o)
            names = [a.name for a in op._schema.arguments]
            if not op._schema.is_mutable and len(op._schema.returns) and (names == kept or out and set(names) == set(kept)):
                if out or o == overload or len(packet.overloads()) == 1 or [str(a.type) for a in op._schema.arguments] == \
                        [str(a.type) for a in func._schema.arguments]:
                    return op
    return None


def _functional_call(func, args, kwargs, written, targets):
    """The values that a writing operator leaves in its targets."""
    name = func._opname
    if name == "copy_":
        return [aten.copy.default(*args, **kwargs)] if len(aten.copy.overloads()) else [args[1]]
    if name in ("zero_", "fill_"):
        return [torch.full_like(args[0], 0 if name == "zero_" else args[1])] if not (len(args) > 1 and isinstance(args[1], torch.Tensor)) else \
            [args[1].to(args[0].dtype).expand(args[0].shape)]
    op = _functional(func)
    if op is not None:
        out = op(*args, **{k: v for k, v in kwargs.items() if k not in written or not any(a.is_out for a in func._schema.arguments)})
        if len(written) == 1:
            return [out[0] if isinstance(out, tuple) else out]
        return list(out)[-len(written):] if isinstance(out, (tuple, list)) else [out]
    copies = tree_map_only(torch.Tensor, lambda t: t.clone(), targets)      # random numbers and the like: written into a copy
    by_id = {id(t): c for t, c in zip(_flat(targets), _flat(copies))}

    def own(x):
        return by_id.get(id(x), x)
    func(*tree_map(own, args), **tree_map(own, kwargs))
    return copies


@contextlib.contextmanager
def disable_functional_mode():
    """The `FunctionalTensorMode` that is on is off inside; gives it, or None."""
    with _disable_infra_mode(_KEY) as mode:
        yield mode


def to_functional(x):
    """A nest with its tensors made functional."""
    return tree_map_only(torch.Tensor, FunctionalTensor.to_functional, x)


def from_functional(x):
    """A nest with the values of its functional tensors."""
    return tree_map(_value, x)


def dispatch_functionalize(func, mode=None):
    """``func`` on functional tensors made of its arguments; gives values. Writes to the arguments stay in their copies."""
    def wrapped(*args, **kwargs):
        with mode or FunctionalTensorMode():
            return from_functional(func(*to_functional(args), **to_functional(kwargs)))
    return wrapped
