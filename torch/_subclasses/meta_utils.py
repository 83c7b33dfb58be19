"""Tensors without elements from real ones: views stay views of one base, shared storages stay shared."""

from __future__ import annotations

import torch
from torch import _C
from torch.utils.weak import WeakIdKeyDictionary

__all__ = ["MetaConverter", "assert_metadata_eq"]


class MetaConverter:
    """`converter(t, make)` is the counterpart of `t` that ``make(meta tensor, device)`` makes; the same for the same tensor."""

    def __init__(self):
        self.tensor_memo = WeakIdKeyDictionary()
        self.storage_memo: dict = {}      # a storage -> a meta tensor over the storage that stands for it

    def __call__(self, t, make=lambda elem, device: elem, mode=None, shape_env=None, source=None, symbolic_context=None):
        if t in self.tensor_memo:
            return self.tensor_memo[t]
        with _C.DisableTorchFunctionSubclass(), _without_modes():
            self.tensor_memo[t] = made = self._make(t, make, mode, shape_env, source, symbolic_context)
        return made

    def _make(self, t, make, mode, shape_env, source, symbolic_context):
        from torch.utils._python_dispatch import is_traceable_wrapper_subclass, transform_subclass

        if is_traceable_wrapper_subclass(t):
            return transform_subclass(t, lambda _, inner: self(inner, make, mode, shape_env, source, None))
        if t._is_view() and t._base.dtype == t.dtype and t._base.is_conj() == t.is_conj() and t._base.is_neg() == t.is_neg() and shape_env is None:
            base = self(t._base, make, mode, None, source, None)
            with mode or _nothing(), torch.set_grad_enabled(t.requires_grad or t.is_leaf):
                view = base.as_strided(t.size(), t.stride(), t.storage_offset())
            if t.requires_grad and not view.requires_grad:
                view.requires_grad_(True)
            return view
        sizes, strides, offset = (t.size(), t.stride(), t.storage_offset()) if shape_env is None else \
            shape_env.create_symbolic_sizes_strides_storage_offset(t, source, symbolic_context=symbolic_context)
        elem = _C._meta_strided(sizes, strides, offset, t.dtype, self._storage(t))
        if t.is_conj():
            elem = torch._conj(elem)
        if t.is_neg():
            elem = torch._neg_view(elem)
        made = make(elem, t.device)
        if t.requires_grad:
            made.requires_grad_(True)
            if not t.is_leaf:
                with mode or _nothing(), torch.enable_grad():
                    made = made.clone()
        if isinstance(t, torch.nn.Parameter):
            made._is_param = True
        if t.is_leaf and t.grad is not None:
            made.grad = self(t.grad, make, mode, shape_env, source, None)
        return made

    def _storage(self, t):
        """A meta tensor over the storage that stands for that of `t`."""
        storage = t.untyped_storage()
        key = storage._cdata
        if key not in self.storage_memo:
            import weakref

            self.storage_memo[key] = torch.empty(storage.nbytes(), dtype=torch.uint8, device="meta")
            weakref.finalize(t, self.storage_memo.pop, key, None)
        return self.storage_memo[key]


def _nothing():
    import contextlib

    return contextlib.nullcontext()


def _without_modes():
    from torch.utils._python_dispatch import _disable_current_modes

    return _disable_current_modes()


def assert_metadata_eq(assert_eq, m1, m2, *, skip_symbolic=False, skip_leaf=False):
    """Calls ``assert_eq(a, b)`` on everything but the elements of two tensors: sizes, strides, dtype, flags."""
    for name in ("dtype", "requires_grad") if skip_leaf else ("dtype", "requires_grad", "is_leaf"):
        assert_eq(getattr(m1, name), getattr(m2, name))
    for name in ("is_conj", "is_neg", "is_inference", "is_complex"):
        assert_eq(getattr(m1, name)(), getattr(m2, name)())
    if not skip_symbolic:
        assert_eq(m1.size(), m2.size())
        assert_eq(m1.stride(), m2.stride())
        assert_eq(m1.storage_offset(), m2.storage_offset())
