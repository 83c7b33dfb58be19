"""torch.Tensor: the methods of it that are written in Python. Operators and attributes come from torch._C.TensorBase."""

from __future__ import annotations

from torch import _C


def _convert(result, cls):
    """Plain tensors in a result become tensors of `cls`."""
    if cls is Tensor:
        return result
    if isinstance(result, Tensor) and not isinstance(result, cls):
        return result.as_subclass(cls)
    if isinstance(result, (tuple, list)):
        items = [_convert(item, cls) for item in result]
        if hasattr(type(result), "_fields") or hasattr(type(result), "n_sequence_fields"):
            return type(result)(items) if hasattr(type(result), "n_sequence_fields") else type(result)(*items)
        return type(result)(items)
    return result


def _rebuild_from_type_v2(func, new_type, args, state):
    """Undoes the pickling of a tensor subclass, or of a tensor with attributes of its own."""
    result = func(*args)
    if type(result) is not new_type:
        result = result.as_subclass(new_type)
    if getattr(result.__class__, "__setstate__", Tensor.__setstate__) is not Tensor.__setstate__:
        result.__setstate__(state)
    else:
        _restore_attributes(result, state)
    return result


def _restore_attributes(obj, state):
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        setattr(obj, name, value)


def _attributes_of(tensor):
    """The state that pickling a subclass keeps: its __dict__, and its slots if it has any."""
    import copyreg

    slots = {}
    for name in copyreg._slotnames(type(tensor)):
        if hasattr(tensor, name):
            slots[name] = getattr(tensor, name)
    return (tensor.__dict__, slots) if slots else tensor.__dict__


def _removed(name, instead):
    raise RuntimeError(f"This function was deprecated since version 1.9 and is now removed. In place of `{name}` use {instead}.")


class Tensor(_C.TensorBase):
    """A multi-dimensional array of elements of one dtype on one device, whose operations autograd can record.

    Make one with :func:`torch.tensor`, :func:`torch.zeros` and their kin. `torch.Tensor(2, 3)` is an uninitialised float tensor of
    that size, `torch.Tensor([1, 2])` one with those elements.
    """

    __array_priority__ = 1000
    __torch_dispatch__ = _C._disabled_torch_dispatch_impl

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """Runs `func` on plain tensors and gives the results this class. Override it to intercept functions of torch."""
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        with _C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
            from torch.overrides import get_default_nowrap_functions

            return result if func in get_default_nowrap_functions() else _convert(result, cls)

    # ---- text ----

    @_C._overridable
    def __repr__(self, *, tensor_contents=None):
        from torch._tensor_str import _str

        return _str(self, tensor_contents=tensor_contents)

    @_C._overridable
    def __format__(self, format_spec):
        if self.dim() == 0 and not self.is_meta and type(self) is Tensor:
            return self.item().__format__(format_spec)
        return object.__format__(self, format_spec)

    def __dir__(self):
        names = set(dir(type(self))) | set(self.__dict__)
        return sorted(name for name in names if not name[0].isdigit())

    # ---- copies and pickles ----

    @_C._overridable
    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
                "Use tensor.detach().clone() for a copy of the values, or tensor.clone() to stay in the graph."
            )
        if id(self) in memo:
            return memo[id(self)]
        import copy

        import torch

        with torch.no_grad():
            if self.is_meta or type(self) is not Tensor and self.data_ptr() == 0 and self.numel():
                result = self.clone()
            else:
                storage = copy.deepcopy(self.untyped_storage(), memo)
                result = torch.empty(0, dtype=self.dtype, device=self.device)
                result.set_(storage, self.storage_offset(), self.size(), self.stride())
                if self.is_conj():
                    result = result.conj()
                if self.is_neg():
                    result = result._neg_view()
            if type(result) is not type(self):
                result = result.as_subclass(type(self))
            if self.requires_grad:
                result.requires_grad_()
            if self.grad is not None:
                result.grad = copy.deepcopy(self.grad, memo)
        memo[id(self)] = result
        result.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return result

    @_C._overridable
    def __reduce_ex__(self, protocol):
        func, args = self._reduce_ex_internal(protocol)
        if type(self) is Tensor and not self.__dict__:
            return func, args
        return _rebuild_from_type_v2, (func, type(self), args, _attributes_of(self))

    def _reduce_ex_internal(self, protocol):
        from collections import OrderedDict

        import torch.utils.hooks
        from torch import _utils
        from torch.storage import TypedStorage, _dtype_to_storage_type_map

        torch.utils.hooks.warn_if_has_hooks(self)
        hooks = OrderedDict()
        if self.is_meta:
            return _utils._rebuild_meta_tensor_no_storage, (self.dtype, tuple(self.size()), self.stride(), self.requires_grad)
        place = (self.storage_offset(), tuple(self.size()), self.stride(), self.requires_grad, hooks)
        bits = {name: True for name, is_set in (("conj", self.is_conj()), ("neg", self.is_neg())) if is_set}
        metadata = (bits,) if bits else ()
        if self.dtype not in _dtype_to_storage_type_map():
            return _utils._rebuild_tensor_v3, (self.untyped_storage(), *place, self.dtype, *metadata)
        storage = TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype, _internal=True)
        return _utils._rebuild_tensor_v2, (storage, *place, *metadata)

    def __setstate__(self, state):
        if len(state) == 4:
            self.set_(*state)
        elif len(state) == 5:
            self.data = state[0]
            self._backward_hooks = state[2]
            self.requires_grad = state[1]

    # ---- NumPy ----

    @_C._overridable
    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array, context=None, return_scalar=False):
        from torch import from_numpy

        if array.dtype == bool:
            array = array.astype("uint8")
        return from_numpy(array)

    # ---- containers ----

    @_C._overridable
    def __contains__(self, element):
        if isinstance(element, (Tensor, int, float, complex, bool)):
            return bool((element == self).any().item())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    @_C._overridable
    def __reversed__(self):
        return self if self.dim() == 0 else self.flip(0)

    @_C._overridable
    def __complex__(self):
        return complex(self.item())

    # ---- operators under their Python 2 and in-place names ----

    @_C._overridable
    def __div__(self, other):
        return self / other

    @_C._overridable
    def __rdiv__(self, other):
        return self.reciprocal() * other

    @_C._overridable
    def __idiv__(self, other):
        return self.div_(other)

    __long__ = _C.TensorBase.__int__
    __nonzero__ = _C.TensorBase.__bool__

    # ---- storage ----

    def storage(self):
        """The typed storage of this tensor. Deprecated: use :meth:`untyped_storage`."""
        from torch.storage import _warn_typed_storage_removal

        _warn_typed_storage_removal(stacklevel=2)
        return self._typed_storage()

    def _typed_storage(self):
        from torch.storage import TypedStorage

        return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype, _internal=True)

    def storage_type(self):
        """The class of :meth:`storage`'s result."""
        from torch.storage import TypedStorage

        return TypedStorage

    def share_memory_(self):
        """Moves the elements to memory that other processes can map. Returns self."""
        self.untyped_storage().share_memory_()
        return self

    @_C._overridable
    def is_shared(self):
        """Whether the elements are in memory shared with other processes."""
        return self.untyped_storage().is_shared()

    @_C._overridable
    def pin_memory(self, device=None):
        """This tensor in page-locked memory: needs an accelerator."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    # ---- shapes and results computed by functions of torch ----

    @_C._overridable
    def dim_order(self, *, ambiguity_check=False):
        """The dimensions from the outermost to the innermost in memory.

        Raises RuntimeError with `ambiguity_check` where strides do not tell the order.
        """
        order = sorted(range(self.dim()), key=lambda d: (-self.stride(d), d))
        if ambiguity_check and len({s for n, s in zip(self.shape, self.stride()) if n != 1}) != sum(n != 1 for n in self.shape):
            raise RuntimeError("The tensor does not have unique dim order, or cannot map to exact one of the given memory formats.")
        return tuple(order)

    @_C._overridable
    def split(self, split_size, dim=0):
        """See :func:`torch.split`."""
        if isinstance(split_size, Tensor):
            split_size = int(split_size)
        if isinstance(split_size, int):
            return super().split(split_size, dim)
        return super().split_with_sizes(split_size, dim)

    @_C._overridable
    def unique(self, sorted=True, return_inverse=False, return_counts=False, dim=None):
        """See :func:`torch.unique`."""
        import torch

        return torch.unique(self, sorted=sorted, return_inverse=return_inverse, return_counts=return_counts, dim=dim)

    @_C._overridable
    def unique_consecutive(self, return_inverse=False, return_counts=False, dim=None):
        """See :func:`torch.unique_consecutive`."""
        import torch

        return torch.unique_consecutive(self, return_inverse=return_inverse, return_counts=return_counts, dim=dim)

    @_C._overridable
    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """See :func:`torch.norm`."""
        import torch

        return torch.norm(self, p, dim, keepdim, dtype=dtype)

    @_C._overridable
    def lu(self, pivot=True, get_infos=False):
        """See :func:`torch.lu`."""
        import torch

        factors, pivots, infos = torch._lu_with_info(self, pivot=pivot, check_errors=not get_infos)
        return (factors, pivots, infos) if get_infos else (factors, pivots)

    @_C._overridable
    def stft(self, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False,
             onesided=None, return_complex=None, align_to_window=None):
        """See :func:`torch.stft`."""
        import torch

        return torch.stft(self, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided,
                          return_complex=return_complex, align_to_window=align_to_window)

    @_C._overridable
    def istft(self, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None,
              length=None, return_complex=False):
        """See :func:`torch.istft`."""
        import torch

        return torch.istft(self, n_fft, hop_length, win_length, window, center, normalized, onesided, length, return_complex=return_complex)

    @_C._overridable
    def resize(self, *sizes):
        """Deprecated: a tensor of another size over the same elements; see :meth:`resize_`."""
        import warnings

        warnings.warn("non-inplace resize is deprecated", stacklevel=2)
        return self.reshape(*sizes) if self.numel() else self.new_empty(*sizes)

    @_C._overridable
    def module_load(self, other, assign=False):
        """How `Module.load_state_dict` puts `other` into this parameter: a copy, or `other` itself with `assign`."""
        if assign:
            return other.detach()
        return self.copy_(other).detach()

    @_C._overridable
    def is_nonzero(self):
        """Whether the only element differs from zero. RuntimeError if there is not exactly one."""
        if self.numel() != 1:
            what = "no values" if self.numel() == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self)

    @_C._overridable
    def is_set_to(self, tensor):
        """Whether both tensors show the same elements of the same storage."""
        return (self.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr() and self.shape == tensor.shape
                and self.stride() == tensor.stride() and self.storage_offset() == tensor.storage_offset())

    def is_distributed(self):
        """False."""
        return False

    def const_data_ptr(self):
        """The address of the first element, for reading."""
        return self.data_ptr()

    @_C._overridable
    def to_dense(self, dtype=None, *, masked_grad=True):
        """This tensor, which has no other layout than the dense one."""
        return self if dtype is None else self.to(dtype)

    @_C._overridable
    def resize_as(self, tensor):
        """Deprecated: :meth:`resize` to the size of `tensor`."""
        return self.resize(tensor.size())

    @_C._overridable
    def record_stream(self, stream):
        """For CUDA tensors only: RuntimeError."""
        raise RuntimeError("record_stream is not available on the CPU")

    @_C._overridable
    def xpu(self, device=None, non_blocking=False, *, memory_format=None):
        """There is no such device: RuntimeError."""
        raise RuntimeError("PyTorch was compiled without XPU support")

    @_C._overridable
    def ipu(self, device=None, non_blocking=False, *, memory_format=None):
        """There is no such device: RuntimeError."""
        raise RuntimeError("PyTorch was compiled without IPU support")

    @_C._overridable
    def mtia(self, device=None, non_blocking=False, *, memory_format=None):
        """There is no such device: RuntimeError."""
        raise RuntimeError("PyTorch was compiled without MTIA support")

    @_C._overridable
    def eig(self, eigenvectors=False):
        """Gone from PyTorch: raises RuntimeError."""
        _removed("eig", "torch.linalg.eig, whose results are complex, or torch.linalg.eigvals")

    def symeig(self, eigenvectors=False):
        """Gone from PyTorch: raises RuntimeError."""
        _removed("symeig", "torch.linalg.eigh, which reads the lower triangle, or torch.linalg.eigvalsh")

    def lstsq(self, other):
        """Gone from PyTorch: raises RuntimeError."""
        _removed("lstsq", "torch.linalg.lstsq, which has its arguments the other way round")

    def solve(self, other):
        """Gone from PyTorch: raises RuntimeError."""
        _removed("solve", "torch.linalg.solve, which has its arguments the other way round and gives no LU factors")

    def reinforce(self, reward):
        """Gone from PyTorch since 0.4: raises RuntimeError."""
        raise RuntimeError("reinforce() was removed. Use torch.distributions instead.")

    @property
    def __cuda_array_interface__(self):
        raise AttributeError("Can't get __cuda_array_interface__ on non-CUDA tensor type: "
                             f"{self.type()} If CUDA data is required use tensor.cuda() to copy tensor to device memory.")


Tensor.__module__ = "torch"
_C._set_tensor_class(Tensor)
