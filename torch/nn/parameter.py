"""Parameters and buffers: tensors that a :class:`torch.nn.Module` registers by assignment."""

from collections import OrderedDict

import torch

__all__ = ["Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer", "is_lazy"]


class _Marked(type(torch.Tensor)):
    """Metaclass: besides real instances, any tensor that carries the class's mark counts as an instance.

    The mark lets tensor subclasses (quantised, distributed, ...) act as parameters without changing their type.
    """

    def __instancecheck__(cls, value):
        if super().__instancecheck__(value):
            return True
        return cls._mark is not None and isinstance(value, torch.Tensor) and getattr(value, cls._mark, False)


class Parameter(torch.Tensor, metaclass=_Marked):
    """A tensor that belongs to a module: assigned as an attribute it appears in ``module.parameters()``.

    Args:
        data: values, shared and not copied; None gives an empty tensor.
        requires_grad: whether gradients are computed for it.

    Example::

        >>> torch.nn.Parameter(torch.zeros(2)).requires_grad
        True
    """

    _mark = "_is_param"
    __torch_function__ = torch._C._disabled_torch_function_impl

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = torch.empty(0)
        if type(data) is torch.Tensor or type(data) is Parameter:
            return torch.Tensor._make_subclass(cls, data, requires_grad)
        marked = data.detach().requires_grad_(requires_grad)
        if type(marked) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() returns "
                f"an instance of the same type, but return type {type(marked).__name__} was found instead. To use the "
                "type as a Parameter, please correct the detach() semantics defined by its __torch_dispatch__() "
                "implementation."
            )
        marked._is_param = True
        return marked

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            copied = type(self)(self.data.clone(memory_format=torch.preserve_format), self.requires_grad)
            for name, value in self.__dict__.items():
                setattr(copied, name, value)
            memo[id(self)] = copied
        return memo[id(self)]

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        if self.__dict__:
            return (
                torch._utils._rebuild_parameter_with_state,
                (self.data, self.requires_grad, OrderedDict(), self.__dict__),
            )
        return torch._utils._rebuild_parameter, (self.data, self.requires_grad, OrderedDict())


class Buffer(torch.Tensor, metaclass=_Marked):
    """A tensor that is module state but not a parameter; assigned as an attribute it appears in ``module.buffers()``.

    Args:
        data: values, shared and not copied; None gives an empty tensor.
        persistent: whether it is part of ``state_dict()``.
    """

    _mark = "_is_buffer"

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = torch.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked

    __torch_function__ = torch._C._disabled_torch_function_impl


def is_lazy(param):
    """True for a parameter or buffer whose shape is not known yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedTensorMixin:
    """What a tensor without a shape can do: be moved, converted and, once the shape is known, be materialized."""

    _allowed = frozenset(
        "__hash__ size copy_ is_complex is_floating_point half float double bfloat16 char short int long cuda cpu to "
        "get_device _has_compatible_shallow_copy_type __get__ __set__ __delete__ requires_grad_ detach".split()
    )

    def materialize(self, shape, device=None, dtype=None):
        """Allocate storage of ``shape`` and become an ordinary parameter or buffer; values are left unset."""
        self.data = torch.empty(shape, device=device or self.data.device, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        """Not known before :meth:`materialize`; reading it raises RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        """Not possible before :meth:`materialize`; raises RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{self.__class__.__name__}>"

    def __reduce_ex__(self, protocol):
        return self.__class__, (self.requires_grad,)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func.__name__ in cls._allowed:
            return super().__torch_function__(func, types, args, kwargs or {})
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This error happens when you are using a "
            "`LazyModule` or explicitly manipulating `torch.nn.parameter.UninitializedParameter` objects. When using "
            "LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is inferred at the first forward call (see the Lazy modules)."""

    _mark = None
    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return torch.Tensor._make_subclass(cls, torch.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, torch.Tensor):
    """A buffer whose shape is inferred at the first forward call."""

    cls_to_become = torch.Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        buffer = torch.Tensor._make_subclass(cls, torch.empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer
