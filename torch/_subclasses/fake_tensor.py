"""`FakeTensor`: a tensor with shape, strides, dtype and device but without elements; `FakeTensorMode` makes operators compute with them.

The shapes come from the operators' own kernels, run on the meta device (`torch._C._fake_kernel`), or from the rules of `torch._meta`
where a size is symbolic.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from typing import NamedTuple

import torch
from torch import _C
from torch._subclasses.meta_utils import MetaConverter
from torch._tags import Tag
from torch.utils._python_dispatch import KeyedMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

__all__ = ["FakeTensor", "FakeTensorMode", "FakeTensorConverter", "FakeCopyMode", "DataDependentOutputException", "DynamicOutputShapeException",
           "UnsupportedFakeTensorException", "UnsupportedOperatorException", "FakeTensorDeviceMismatchError", "MetadataMismatchError",
           "unset_fake_temporarily", "maybe_get_fake_mode", "is_fake"]

aten = torch.ops.aten
CONSTANT_NUMEL_LIMIT = 1


class UnsupportedFakeTensorException(RuntimeError):
    """There is no fake counterpart of such a tensor."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class _OperatorException(RuntimeError):
    def __init__(self, func):
        super().__init__(str(func))
        self.func = func


class DynamicOutputShapeException(_OperatorException):
    """The shape of the operator's result depends on elements, which a fake tensor does not have."""


class DataDependentOutputException(_OperatorException):
    """The operator reads elements, which a fake tensor does not have."""


class UnsupportedOperatorException(_OperatorException):
    """The operator has no rule for shapes: register one with `torch.library.register_fake`."""


class FakeTensorDeviceMismatchError(RuntimeError):
    """An operator got tensors of several devices."""


class MetadataMismatchError(RuntimeError):
    """A fake result differs from the real one in shape, strides, dtype or device."""


class FakeTensor(torch.Tensor):
    """A tensor without elements that belongs to a `FakeTensorMode`. Operators on it give fake tensors, also outside of the mode.

    ``device`` is the device it stands for. ``constant`` holds the real tensor where its value is known.

    >>> with FakeTensorMode() as mode:
    ...     x = torch.empty(2, 3, device="cuda")
    >>> (x @ x.T).shape, x.device.type
    (torch.Size([2, 2]), 'cuda')
    """

    fake_mode: FakeTensorMode
    constant: torch.Tensor | None = None
    real_tensor = None
    pytype = None
    dispatch_keys = None
    item_memo = None
    nonzero_memo = None
    unique_memo = None
    unique_consecutive_memo = None
    nested_int_memo = None
    _mode_key = _C._TorchDispatchModeKey.FAKE

    @staticmethod
    def __new__(cls, fake_mode, elem=None, device=None, constant=None, real_tensor=None, pytype=None, dispatch_keys=None, *, fake_device=None,
                requires_grad=None):
        if elem.device.type != "meta":
            raise AssertionError(f"elem.device.type must be 'meta', got {elem.device.type}")
        needs = elem.requires_grad if requires_grad is None else requires_grad
        self = _C._fake_like(cls, fake_mode, elem, device if device is not None else fake_device, needs)
        if constant is not None:
            self.constant = constant
            fake_mode.fake_tensor_converter.add_constant_storage_mapping(self)
        if pytype is not None:
            self.pytype = pytype
        if dispatch_keys is not None:
            self.dispatch_keys = dispatch_keys
        return self

    def __init__(self, *args, **kwargs):
        super().__init__()

    @staticmethod
    def from_tensor(t, fake_mode):
        """The fake counterpart of `t` in a mode."""
        return fake_mode.from_tensor(t)

    @property
    def fake_device(self):
        """The device it stands for."""
        return self.device

    def tolist(self):
        if self.dim() == 0:
            return self.item()
        return [x.item() if self.dim() == 1 else x.tolist() for x in self]

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        modes = {id(t.fake_mode): t.fake_mode for t in _tensors_in(args, kwargs or {}) if isinstance(t, FakeTensor)}
        if len(modes) > 1:
            raise AssertionError(f"Mixing fake modes NYI: {func} was given fake tensors of {len(modes)} modes")
        if not modes:
            return NotImplemented
        (mode,) = modes.values()
        if _C._get_dispatch_mode(cls._mode_key) is mode:
            return NotImplemented
        with mode:
            return func(*args, **(kwargs or {}))


def _tensors_in(args, kwargs):
    """The tensors among the arguments, those of lists too."""
    found = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [x for x in value if isinstance(x, torch.Tensor)]
    return found


def is_fake(x) -> bool:
    """Is `x` a fake tensor, or a subclass around one?"""
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if isinstance(x, FakeTensor):
        return True
    if is_traceable_wrapper_subclass(x):
        names, _ = x.__tensor_flatten__()
        flags = [is_fake(getattr(x, name)) for name in names]
        return bool(flags) and all(flags)
    inner = getattr(x, "elem", None) if type(x).__name__ == "FunctionalTensor" else None
    return inner is not None and is_fake(inner)


def maybe_get_fake_mode(t):
    """The `FakeTensorMode` of a fake tensor (or of a subclass around one), else None."""
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if isinstance(t, FakeTensor):
        return t.fake_mode
    if is_traceable_wrapper_subclass(t):
        names, _ = t.__tensor_flatten__()
        found = [maybe_get_fake_mode(getattr(t, name)) for name in names]
        return found[0] if found and all(mode is found[0] for mode in found) else None
    inner = getattr(t, "elem", None) if type(t).__name__ == "FunctionalTensor" else None
    return maybe_get_fake_mode(inner) if inner is not None else None


@contextlib.contextmanager
def unset_fake_temporarily():
    """The `FakeTensorMode` that is on is off inside; gives it, or None."""
    mode = _C._unset_dispatch_mode(_C._TorchDispatchModeKey.FAKE)
    try:
        yield mode
    finally:
        if mode is not None:
            _C._set_dispatch_mode(mode)


class FakeTensorConverter:
    """Makes fake tensors of real ones; the same real tensor always gives the same fake one."""

    def __init__(self, *, copy_data=False, export=False):
        self.meta_converter = MetaConverter()
        self._constants = {}      # the storage of a fake tensor with a constant -> weak references to those that show it
        self.copy_data, self.export = copy_data, export

    @property
    def tensor_memo(self):
        """Real tensor -> fake tensor."""
        return self.meta_converter.tensor_memo

    def from_real_tensor(self, fake_mode, t, make_constant=False, shape_env=None, *, source=None, symbolic_context=None, trace=True):
        """The fake counterpart of `t`; its value is kept where `make_constant`. UnsupportedFakeTensorException for layouts but strided."""
        if t.layout is not torch.strided:
            raise UnsupportedFakeTensorException(f"there are no fake tensors of layout {t.layout}")
        if make_constant:
            with unset_fake_temporarily():
                elem = t.detach().to("meta")
            return FakeTensor(fake_mode, elem, t.device, constant=t)

        def fake(elem, device):
            return FakeTensor(fake_mode, elem, device, requires_grad=False)
        return self.meta_converter(t, fake, fake_mode, shape_env, source, symbolic_context)

    def from_meta_and_device(self, fake_mode, t, device, pytype=None, dispatch_keys=None):
        """A fake tensor that stands for `device` and has the shape of a meta tensor."""
        return FakeTensor(fake_mode, t, device, pytype=pytype, dispatch_keys=dispatch_keys)

    def add_constant_storage_mapping(self, fake_tensor):
        """Remembers whose constants a write to this tensor's storage would falsify."""
        key = fake_tensor.untyped_storage()._cdata
        self._constants.setdefault(key, []).append(weakref.ref(fake_tensor))

    def invalidate_constant_aliases(self, fake_tensor):
        """After a write the value is not known any more, nor that of tensors over the same storage."""
        fake_tensor.constant = None
        for reference in self._constants.pop(fake_tensor.untyped_storage()._cdata, ()):
            if (alias := reference()) is not None:
                alias.constant = None


_LIFTS = frozenset({aten.lift.default, aten.lift_fresh.default})
_UNSHAPED = frozenset(f"{name}.{overload}" for name, overloads in {
    "_unique": "default", "linalg_lstsq": "default out", "bincount": "default", "masked_select": "default out", "nonzero": "default out", "unique_dim": "default",
    "_unique2": "default", "unique_consecutive": "default", "unique_dim_consecutive": "default"}.items() for overload in overloads.split())


class _Traits(NamedTuple):
    reads: bool       # gives a Python number that depends on elements
    unshaped: bool    # the shape of the result depends on elements
    written: tuple    # positions (or names) of arguments that it writes to
    pure: bool        # of constants it makes constants
    native: bool      # an operator of the tables


@functools.cache
def _traits(func):
    schema, tags = func._schema, func.tags
    written = tuple(a.name if a.kwarg_only else i for i, a in enumerate(schema.arguments) if a.is_write)
    key = f"{func._opname}.{func._overloadname}"
    pure = not written and not func.is_view and Tag.nondeterministic_seeded not in tags and func.namespace == "aten"
    return _Traits(Tag.data_dependent_output in tags, key in _UNSHAPED, written, pure, func.namespace == "aten" and isinstance(func._op, _C._Op))


class FakeTensorMode(KeyedMode):
    """While it is on, operators compute fake tensors: shapes, strides, dtypes and devices as the real ones, no elements, no work.

    Args:
        allow_non_fake_inputs: real tensors among the arguments become fake; otherwise AssertionError.
        shape_env: with one, `from_tensor` makes sizes symbolic.
        static_shapes: sizes stay numbers (the default without a `shape_env`).

    >>> with FakeTensorMode():
    ...     torch.nn.Linear(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    _mode_key = _C._TorchDispatchModeKey.FAKE

    def __init__(self, *, allow_fallback_kernels=True, allow_non_fake_inputs=False, shape_env=None, static_shapes=None, export=False):
        super().__init__()
        self.allow_fallback_kernels = allow_fallback_kernels
        self.allow_non_fake_inputs = allow_non_fake_inputs
        self.allow_scalar_outputs = False
        self.allow_meta = False
        self.fake_tensor_converter = FakeTensorConverter(export=export)
        self.shape_env = shape_env
        self.static_shapes = static_shapes if static_shapes is not None else shape_env is None
        self.export = export

    def __deepcopy__(self, memo):
        return self

    def is_our_fake(self, t) -> bool:
        """Is `t` a fake tensor of this mode?"""
        return isinstance(t, FakeTensor) and t.fake_mode is self

    def from_tensor(self, tensor, *, static_shapes=None, source=None, symbolic_context=None, trace=True):
        """The fake counterpart of a real tensor: the same one each time, views of the same base where the real ones are views."""
        env = self.shape_env
        if self.static_shapes if static_shapes is None else static_shapes:
            env = None
        return self.fake_tensor_converter.from_real_tensor(self, tensor, shape_env=env, source=source, symbolic_context=symbolic_context)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.dispatch(func, types, args, kwargs or {})

    def dispatch(self, func, types, args=(), kwargs=None):
        """One operator on fake tensors."""
        kwargs = kwargs or {}
        traits = _traits(func)
        tensors = _tensors_in(args, kwargs)
        if not all(isinstance(t, FakeTensor) and t.fake_mode is self for t in tensors):
            if func in _LIFTS and type(args[0]) is torch.Tensor:
                return self.fake_tensor_converter.from_real_tensor(self, args[0], make_constant=args[0].numel() <= CONSTANT_NUMEL_LIMIT)
            args, kwargs = self.validate_and_convert_non_fake_tensors(func, args, kwargs)
            tensors = _tensors_in(args, kwargs)
        known = tensors and all(t.constant is not None for t in tensors)
        if known and (traits.pure or traits.reads) and kwargs.get("device") in (None, tensors[0].device) and (answer := self._of_constants(func, args, kwargs)) is not None:
            return answer
        if traits.reads:
            return self._read(func, args)
        for where in traits.written:
            self._forget(kwargs.get(where) if isinstance(where, str) else args[where] if where < len(args) else None)
        if self.shape_env is not None and _symbolic(tensors, args, kwargs):
            from torch import _meta

            return _meta.call(self, func, args, kwargs)
        if traits.unshaped or (func._opname in ("index", "_unsafe_index") and any(_is_mask(i) for i in args[1])):
            raise DynamicOutputShapeException(func if traits.unshaped else aten.nonzero.default)
        if func is aten.repeat_interleave.Tensor and kwargs.get("output_size", args[1] if len(args) > 1 else None) is None:
            raise DynamicOutputShapeException(func)
        if not traits.native:
            return self._registered(func, args, kwargs)
        if not func._schema.returns:
            return None      # it writes elements alone
        try:
            return _C._fake_kernel(func._op, FakeTensor, self, args, kwargs)
        except NotImplementedError as error:
            if "depends on" in str(error):
                raise DynamicOutputShapeException(func) from error
            raise
        except RuntimeError as error:
            if "Tensor.item() cannot be called on meta tensors" in str(error):
                raise DataDependentOutputException(func) from error
            raise

    def _of_constants(self, func, args, kwargs):
        """The result where all values are known: a number, or a small fake tensor with its constant. None: not to be kept."""
        with _disable_current_modes():
            real = func(*tree_map_only(FakeTensor, lambda t: t.constant, args), **tree_map_only(FakeTensor, lambda t: t.constant, kwargs))
        if not isinstance(real, torch.Tensor):
            return None if isinstance(real, (tuple, list)) else real
        if real.numel() > CONSTANT_NUMEL_LIMIT or _tensors_in(args, kwargs)[0].device != real.device:
            return None
        return self.fake_tensor_converter.from_real_tensor(self, real, make_constant=True)

    def _read(self, func, args):
        if self.shape_env is not None and func is aten._local_scalar_dense.default and (self.allow_scalar_outputs or self.shape_env.allow_scalar_outputs):
            return self._item(args[0])
        raise DataDependentOutputException(func)

    def _item(self, t):
        """A symbol for the element of `t`; the same one as long as it is not written."""
        if t.item_memo is None or t.item_memo[0] != t._version:
            env = self.shape_env
            make = env.create_unbacked_symbool if t.dtype is torch.bool else \
                env.create_unbacked_symfloat if t.is_floating_point() else env.create_unbacked_symint
            t.item_memo = t._version, make()
        return t.item_memo[1]

    def _forget(self, written):
        for t in written if isinstance(written, (list, tuple)) else (written,):
            if isinstance(t, FakeTensor) and self.fake_tensor_converter._constants:
                self.fake_tensor_converter.invalidate_constant_aliases(t)

    def _registered(self, func, args, kwargs):
        """An operator of the user's: by its rule for shapes, its parts, or its kernel's result on zeros."""
        op = func._op
        if getattr(op, "fake", None) is not None:
            with self:
                return op.fake(*args, **kwargs)
        if getattr(op, "is_composite", False):
            with self:
                return op(*args, **kwargs)
        kernels = getattr(op, "kernels", {})
        for key in ("CompositeExplicitAutograd", "Meta"):
            if key in kernels:
                with self:
                    return kernels[key](*args, **kwargs)
        raise UnsupportedOperatorException(func)

    def validate_and_convert_non_fake_tensors(self, func, args, kwargs):
        """The arguments with real tensors made fake. AssertionError where that is not allowed, or for fake tensors of another mode."""
        leaves, spec = tree_flatten((args, kwargs))

        def convert(x):
            if not isinstance(x, torch.Tensor) or self.is_our_fake(x):
                return x
            if isinstance(x, FakeTensor):
                raise AssertionError(f"Mixing fake modes NYI: {func} got a fake tensor of {x.fake_mode} in {self}")
            if not self.allow_non_fake_inputs:
                shown = ", ".join([*map(_show, args), *(f"{k}={_show(v)}" for k, v in kwargs.items())])
                raise AssertionError("Please convert all Tensors to FakeTensors first or instantiate FakeTensorMode with 'allow_non_fake_inputs'. "
                                     f"Found in {func}({shown})")
            return self.fake_tensor_converter.from_real_tensor(self, x)
        return tree_unflatten([convert(x) for x in leaves], spec)


def _show(value):
    if isinstance(value, torch.Tensor):
        name = "FakeTensor" if isinstance(value, FakeTensor) else "tensor"
        dots = "..." if name == "FakeTensor" else "[...]"
        return f"{name}({dots}, size={tuple(value.shape)})"
    return f"[{', '.join(map(_show, value))}]" if isinstance(value, (list, tuple)) else repr(value)


def _is_mask(index):
    return isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)


def _symbolic(tensors, args, kwargs):
    """Is a size of an argument, or an argument itself, symbolic?"""
    if any(_C._has_symbolic_sizes_strides(t) for t in tensors):
        return True
    numbers = (torch.SymInt, torch.SymFloat, torch.SymBool)
    for value in (*args, *kwargs.values()):
        if isinstance(value, numbers) or isinstance(value, (list, tuple)) and any(isinstance(x, numbers) for x in value):
            return True
    return False


class FakeCopyMode(torch.overrides.TorchFunctionMode):
    """Copies made inside, of tensors and parameters too, are fake ones of a mode: for `copy.deepcopy` of a model."""

    def __init__(self, fake_mode):
        self.fake_mode = fake_mode

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch._C.TensorBase.clone:
            return func(self.fake_mode.from_tensor(args[0], static_shapes=True), **kwargs)
        if func is torch.Tensor.__deepcopy__:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = self.fake_mode.from_tensor(tensor, static_shapes=True)
            return memo[id(tensor)]
        with _C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)
