"""Parametrizations: a tensor of a module computed, at each access, from other tensors that are learned instead."""

import copy
from contextlib import contextmanager

import torch

from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

__all__ = ["cached", "ParametrizationList", "register_parametrization", "is_parametrized", "remove_parametrizations",
           "type_before_parametrizations", "transfer_parametrizations_and_params"]

_cache_depth = 0
_cache = {}


@contextmanager
def cached():
    """Within the block every parametrized tensor is computed once and kept."""
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


def _as_leaf(value, like):
    return Parameter(value, requires_grad=like.requires_grad) if isinstance(like, Parameter) else value


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order to the tensor `original` (or `original0`, `original1`, ...)."""

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value = original
        with torch.no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
        self.is_tensor = isinstance(value, torch.Tensor)
        if not self.is_tensor and not isinstance(value, (list, tuple)):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                             f"Got {type(value).__name__}")
        self.ntensors = 1 if self.is_tensor else len(value)
        if self.is_tensor:
            if value.dtype != original.dtype:
                raise ValueError("When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                                 f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {value.dtype}")
            with torch.no_grad():
                if value is not original:
                    original.data = value
            self._register("original", original)
        else:
            for i, part in enumerate(value):
                self._register(f"original{i}", _as_leaf(part, original))
        if not unsafe:
            self._check(original)

    def _register(self, name, tensor):
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def _check(self, original):
        result = self()
        if not isinstance(result, torch.Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        if result.dtype != original.dtype:
            raise ValueError("Registering a parametrization may not change the dtype of the tensor, unless `unsafe` flag is "
                             f"enabled.\nunparametrized dtype: {original.dtype}\nparametrized dtype: {result.dtype}")
        if self.is_tensor and result.shape != original.shape:
            raise ValueError("Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag is "
                             f"enabled.\nunparametrized shape: {original.shape}\nparametrized shape: {result.shape}")

    def _originals(self):
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value):
        """Set the originals so that the parametrized tensor becomes `value`."""
        with torch.no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            for original, part in zip(self._originals(), [value] if self.is_tensor else value):
                if original.dtype != part.dtype:
                    raise ValueError("Assigning to a parametrized tensor may not change its dtype: "
                                     f"{original.dtype} to {part.dtype}")
                original.data = part.reshape(part.shape)

    def forward(self):
        """The parametrized tensor."""
        first, *rest = self
        value = first(*self._originals())
        for module in rest:
            value = module(value)
        return value


def _inject_class(module):
    """Give `module` a class of its own, so that properties on it touch no other module."""
    original = type(module)

    def default_deepcopy(self, memo):
        if (known := memo.get(id(self))) is not None:
            return known
        replica = self.__new__(self.__class__)
        memo[id(self)] = replica
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return replica

    def getstate(self):
        raise RuntimeError("Serialization of parametrized modules is only supported through state_dict(). See:\n"
                           "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
                           "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training")

    body = {"__getstate__": getstate}
    if not hasattr(original, "__deepcopy__"):
        body["__deepcopy__"] = default_deepcopy
    module.__class__ = type(f"Parametrized{original.__name__}", (original,), body)


def _inject_property(module, name):
    def compute(self):
        if not _cache_depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def assign(self, value):
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(compute, assign))


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Make `module.<tensor_name>` the result of `parametrization`; returns the module.

    The parametrization's optional ``right_inverse`` tells how to set the learned tensor from a wanted value. Raises
    ValueError for unknown names, or when dtype or shape change and `unsafe` is off.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            with torch.no_grad():
                value = getattr(module, tensor_name)
                result = parametrization(value)
            if result.dtype != value.dtype or result.shape != value.shape:
                raise ValueError("Registering a parametrization may not change the shape or dtype of the tensor, unless the "
                                 f"`unsafe` flag is enabled: {tuple(value.shape)} {value.dtype} became "
                                 f"{tuple(result.shape)} {result.dtype}")
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
                         f"'{tensor_name}'")
    original = getattr(module, tensor_name)
    chain = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _inject_class(module)
        module.parametrizations = ModuleDict()
    _inject_property(module, tensor_name)
    module.parametrizations[tensor_name] = chain
    return module


def is_parametrized(module, tensor_name=None):
    """Whether the module, or one of its tensors, is parametrized."""
    parametrizations = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Turn `module.<tensor_name>` back into a plain tensor: with its computed value, or with the original one."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    original = chain.original if chain.is_tensor else None
    if leave_parametrized:
        with torch.no_grad():
            value = getattr(module, tensor_name)
        if original is None:
            learned = any(tensor.requires_grad for tensor in chain._originals())
            original = Parameter(value) if learned else value
        else:
            original.data = value
    elif original is None:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of "
                         "a sequence of tensors.")
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type_before_parametrizations(module)
    return module


def type_before_parametrizations(module):
    """The class that the module had before it was parametrized."""
    cls = type(module)
    return cls.__bases__[0] if cls.__name__.startswith("Parametrized") else cls


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give `to_module` copies of the parametrizations of `from_module`, and of the tensors they compute from."""
    names = [tensor_name] if tensor_name is not None else list(getattr(from_module, "parametrizations", ()))
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in from_module.parametrizations[name]:
            register_parametrization(to_module, name, copy.deepcopy(parametrization))
        source, target = from_module.parametrizations[name], to_module.parametrizations[name]
        for theirs, ours in zip(source._originals(), target._originals()):
            ours.data = theirs.data.clone()
    return to_module
