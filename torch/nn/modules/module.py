"""Module, the base class of all neural network modules."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch

from ..parameter import Buffer, Parameter
from ._blame import tell
from ._module_hooks import (
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_forward_hooks,
    _global_forward_pre_hooks,
    _Hooked,
    _registered,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._module_state import _EXTRA_STATE_KEY_SUFFIX, _IncompatibleKeys, _Stateful  # noqa: F401  others import them from here

__all__ = [
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_backward_hook",
    "register_module_full_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "Module",
]

_HOOK_DICTS = (
    "_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_state_dict_hooks",
    "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)
_REGISTRIES = ("_parameters", "_buffers", "_modules")


def _addindent(s_, numSpaces):
    first, *rest = s_.split("\n")
    return "\n".join([first] + [" " * numSpaces + line for line in rest])


def _parse_to(args, kwargs):
    """The (device, dtype, non_blocking, memory_format) that the arguments of `to` mean."""
    kwargs = dict(kwargs)
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    non_blocking, memory_format = kwargs.pop("non_blocking", False), kwargs.pop("memory_format", None)
    kwargs.pop("copy", None)
    if tensor := kwargs.pop("tensor", None):
        device, dtype = tensor.device, tensor.dtype
    if kwargs:
        raise TypeError(f"to() received an invalid combination of arguments: unexpected keyword {next(iter(kwargs))!r}")
    for value in args:
        if isinstance(value, torch.Tensor):
            device, dtype = value.device, value.dtype
        elif isinstance(value, torch.dtype):
            dtype = value
        elif isinstance(value, torch.memory_format):
            memory_format = value
        elif isinstance(value, bool):
            non_blocking = value
        elif value is not None:
            device = torch.device(value)
    return None if device is None else torch.device(device), dtype, non_blocking, memory_format


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    from typing_extensions import ParamSpec, Self, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R", covariant=True)

    class _HasForward(Protocol[P, R]):
        def forward(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    class _TypedCall:
        def __get__(self, module: _HasForward[P, R], owner: Any = None) -> Callable[P, R]: ...


class Module(_Hooked, _Stateful):
    """Base class of all neural network modules: holds parameters, buffers and other modules, and computes `forward`.

    Tensors and modules assigned as attributes are found again by :meth:`parameters`, :meth:`state_dict`, :meth:`to`
    and all other methods that walk the tree.

    Example::

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden = torch.nn.Linear(8, 32)
                self.out = torch.nn.Linear(32, 1)

            def forward(self, x):
                return self.out(torch.relu(self.hidden(x)))
    """

    dump_patches = False
    call_super_init = False
    _compiled_call_impl = None

    def __init__(self, *args, **kwargs):
        if not self.call_super_init:
            if kwargs:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                                f"'{next(iter(kwargs))}'")
            if args:
                raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} "
                                "were given")
        fields = self.__dict__
        fields["training"] = True
        fields["_parameters"] = {}
        fields["_buffers"] = {}
        fields["_non_persistent_buffers_set"] = set()
        fields["_is_full_backward_hook"] = None
        for name in _HOOK_DICTS:
            fields[name] = OrderedDict()
        fields["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        torch._C._quick_module_attributes(cls)

    if TYPE_CHECKING:
        forward: Callable[..., Any]
        __call__: _TypedCall  # a call takes and returns what forward does; in C, `_set_module_class` below
    else:
        def forward(self, *input):
            """Compute the module's result; every subclass defines it."""
            raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def _wrapped_call_impl(self, *args, **kwargs):
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        return self._call_impl(*args, **kwargs)

    def _call_impl(self, *args, **kwargs):
        return self._call_hooked(*args, **kwargs)

    def compile(self, *args, **kwargs):
        """Compile this module's forward with :func:`torch.compile`, in place."""
        self._compiled_call_impl = torch.compile(self._call_impl, *args, **kwargs)

    def __getattr__(self, name):
        fields = self.__dict__
        for registry in _REGISTRIES:
            members = fields.get(registry)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        fields = self.__dict__
        if isinstance(value, torch.Tensor) and isinstance(value, Parameter):
            self._need_init("parameters")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._need_init("module")
            self._forget(name, "_modules")
            fields["_modules"][name] = _registered("module", self, name, value)
        elif (parameters := fields.get("_parameters")) is not None and name in parameters:
            if value is not None:
                raise TypeError(f"cannot assign '{torch.typename(value)}' as parameter '{name}' "
                                "(torch.nn.Parameter or None expected)")
            self.register_parameter(name, value)
        elif (modules := fields.get("_modules")) is not None and name in modules:
            if value is not None:
                raise TypeError(f"cannot assign '{torch.typename(value)}' as child module '{name}' "
                                "(torch.nn.Module or None expected)")
            modules[name] = _registered("module", self, name, value)
        elif isinstance(value, torch.Tensor) or name in fields.get("_buffers", ()):
            self._set_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set_buffer(self, name, value):
        """Assign a tensor (or None) to a buffer's name; a plain tensor under a new name stays a plain attribute."""
        buffers = self.__dict__.get("_buffers")
        known = buffers is not None and name in buffers
        if not known and not isinstance(value, Buffer):
            object.__setattr__(self, name, value)
            return
        if value is not None and not isinstance(value, torch.Tensor):
            raise TypeError(f"cannot assign '{torch.typename(value)}' as buffer '{name}' "
                            "(torch.nn.Buffer, torch.Tensor or None expected)")
        self._need_init("buffers")
        if isinstance(value, Buffer):
            self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        else:
            buffers[name] = _registered("buffer", self, name, value)

    def _need_init(self, kind):
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")

    def _forget(self, name, keep):
        """Remove `name` wherever it is, except in the registry `keep` whose order it should not lose."""
        fields = self.__dict__
        fields.pop(name, None)
        for registry in _REGISTRIES:
            if registry != keep:
                fields[registry].pop(name, None)
        if keep != "_buffers":
            fields["_non_persistent_buffers_set"].discard(name)

    def __delattr__(self, name):
        for registry in _REGISTRIES:
            if name in self.__dict__.get(registry, ()):
                del self.__dict__[registry][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self):
        names = set(dir(type(self))).union(self.__dict__, *(self.__dict__[registry] for registry in _REGISTRIES))
        return sorted(name for name in names if not name[0].isdigit())

    def __getstate__(self):
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        for name in _HOOK_DICTS:  # files from older versions lack some of them
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def _check_name(self, kind, name, registry):
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {torch.typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}' if kind == "module"
                           else f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name, tensor, persistent=True) -> None:
        """Add a tensor that is state but not a parameter, such as a running mean; None reserves the name.

        A buffer that is not ``persistent`` is left out of ``state_dict()``.
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, torch.Tensor):
            raise TypeError(f"cannot assign '{torch.typename(tensor)}' object to buffer '{name}' "
                            "(torch Tensor or None required)")
        self._buffers[name] = _registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name, param) -> None:
        """Add a parameter (a leaf :class:`~torch.nn.Parameter`, or None to reserve the name)."""
        self._check_name("parameter", name, "_parameters")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(f"cannot assign '{torch.typename(param)}' object to parameter '{name}' "
                                "(torch.nn.Parameter or None required)")
            if param.grad_fn:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                    f"To express '{name}' as a function of another Tensor, compute the value in the forward() method.")
        self._parameters[name] = _registered("parameter", self, name, param)

    def add_module(self, name, module) -> None:
        """Add a child module under ``name`` (or None to reserve the name)."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{torch.typename(module)} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = _registered("module", self, name, module)

    def register_module(self, name, module):
        """Same as :meth:`add_module`."""
        self.add_module(name, module)

    def get_submodule(self, target) -> Module:
        """The descendant with the dotted name ``target``; "" is the module itself. Raises AttributeError."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put ``module`` at the dotted name ``target``; with ``strict`` something must be there already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def _get_member(self, target, kind, test):
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
        if not test(owner, name):
            raise AttributeError(f"`{name}` is not {kind}")
        return getattr(owner, name)

    def get_parameter(self, target):
        """The parameter with the dotted name ``target``. Raises AttributeError."""
        return self._get_member(target, "an nn.Parameter", lambda owner, name: isinstance(getattr(owner, name), Parameter))

    def get_buffer(self, target):
        """The buffer with the dotted name ``target``. Raises AttributeError."""
        return self._get_member(target, "a buffer", lambda owner, name: name in owner._buffers)

    def named_modules(self, memo=None, prefix="", remove_duplicate=True) -> Iterator[tuple[str, Module]]:
        """Iterate over (dotted name, module) of this module and all descendants, parents first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate=True) -> Iterator[Module]:
        """Iterate over this module and all descendants."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over (name, module) of the direct children, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Iterate over the direct children."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        walk = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in walk:
            for name, member in get_members_fn(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True) -> Iterator[tuple[str, Parameter]]:
        """Iterate over (dotted name, parameter), of this module alone unless ``recurse``."""
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True) -> Iterator[Parameter]:
        """Iterate over all parameters, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True) -> Iterator[tuple[str, torch.Tensor]]:
        """Iterate over (dotted name, buffer), of this module alone unless ``recurse``."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True) -> Iterator[torch.Tensor]:
        """Iterate over all buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def apply(self, fn) -> Self:
        """Call ``fn(module)`` on every descendant and then on this module; returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        """Replace every parameter, gradient and buffer by `fn` of it, keeping the parameter objects where possible."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        replace = torch.__future__.get_overwrite_module_params_on_conversion()
        for name, parameter in self._parameters.items():
            if parameter is None:
                continue
            with torch.no_grad():
                changed = fn(parameter)
            in_place = not replace and type(changed.data) is type(parameter.data) and \
                (changed.device.type == "meta") == (parameter.device.type == "meta")
            grad = parameter.grad
            if in_place:
                parameter.data = changed
            else:
                self._parameters[name] = parameter = Parameter(changed, parameter.requires_grad)
            if grad is not None:
                with torch.no_grad():
                    new_grad = fn(grad)
                if in_place and type(new_grad) is type(grad):
                    grad.data = new_grad
                    new_grad = grad
                parameter.grad = new_grad.requires_grad_(grad.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs) -> Self:
        """Move and convert all parameters and buffers, in place: ``to(device)``, ``to(dtype)``, ``to(device, dtype)``,
        ``to(tensor)``, ``to(memory_format=...)``.

        Only floating point and complex tensors change dtype; a non-floating ``dtype`` raises TypeError. Returns self.
        """
        device, dtype, non_blocking, memory_format = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
        if dtype is not None and dtype.is_complex:
            warnings.warn("Complex modules are a new feature under active development whose design may change, and some "
                          "modules might not work as expected when using complex tensors as parameters or buffers.",
                          stacklevel=2)

        def convert(tensor):
            wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            if memory_format is not None and tensor.dim() in (4, 5):
                return tensor.to(device, wanted, non_blocking, memory_format=memory_format)
            if device is not None and device.type != "meta" and tensor.is_meta:
                raise NotImplementedError("Cannot copy out of meta tensor; no data! Please use "
                                          "torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving "
                                          "module from meta to a different device.")
            return tensor.to(device, wanted, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True) -> Self:
        """Move to ``device`` without copying values: storage is allocated and left unset."""
        return self._apply(lambda tensor: torch.empty_like(tensor, device=device), recurse=recurse)

    def type(self, dst_type) -> Self:
        """Convert all parameters and buffers to ``dst_type``."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def _to_float(self, dtype):
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def float(self) -> Self:
        """Convert floating point parameters and buffers to float32."""
        return self._to_float(torch.float32)

    def double(self) -> Self:
        """Convert floating point parameters and buffers to float64."""
        return self._to_float(torch.float64)

    def half(self) -> Self:
        """Convert floating point parameters and buffers to float16."""
        return self._to_float(torch.float16)

    def bfloat16(self) -> Self:
        """Convert floating point parameters and buffers to bfloat16."""
        return self._to_float(torch.bfloat16)

    def cpu(self) -> Self:
        """Move everything to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None) -> Self:
        """Move everything to a CUDA device."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def ipu(self, device=None) -> Self:
        """Move everything to an IPU."""
        return self._to_kind("ipu", device)

    def xpu(self, device=None) -> Self:
        """Move everything to an XPU."""
        return self._to_kind("xpu", device)

    def mtia(self, device=None) -> Self:
        """Move everything to an MTIA device."""
        return self._to_kind("mtia", device)

    def _to_kind(self, kind, device):
        return self.to(torch.device(kind, device) if isinstance(device, int) else device or kind)

    def share_memory(self) -> Self:
        """Move all storages to shared memory."""
        return self._apply(lambda tensor: tensor.share_memory_())

    def train(self, mode=True) -> Self:
        """Set training mode (dropout drops, batch norm updates its statistics) on the whole tree; returns self."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode, ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True) -> Self:
        """Turn gradients of all parameters on or off; returns self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True) -> None:
        """Reset the gradients of all parameters: to None, or to zero when ``set_to_none`` is False."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if parameter.grad.grad_fn is not None:
                    parameter.grad.detach_()
                else:
                    parameter.grad.requires_grad_(False)
                parameter.grad.zero_()

    def _replicate_for_data_parallel(self):
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        for registry in _REGISTRIES:
            replica.__dict__[registry] = self.__dict__[registry].copy()
        replica._former_parameters = {}
        replica._replica_of = weakref.ref(self)
        return replica

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the module prints between the parentheses; override to show the arguments."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


torch._C._set_module_class(
    Module, tell, (_global_forward_hooks, _global_forward_pre_hooks, _global_backward_hooks, _global_backward_pre_hooks))
