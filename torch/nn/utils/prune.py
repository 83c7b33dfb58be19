"""Pruning: parameters multiplied by masks of zeros and ones, which a forward pre-hook applies."""

import inspect
import numbers

import torch

__all__ = [
    "BasePruningMethod", "PruningContainer", "Identity", "RandomUnstructured", "L1Unstructured", "RandomStructured",
    "LnStructured", "CustomFromMask", "identity", "random_unstructured", "l1_unstructured", "random_structured",
    "ln_structured", "global_unstructured", "custom_from_mask", "remove", "is_pruned",
]


def _check_amount(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if (isinstance(amount, numbers.Integral) and amount < 0) or (
            not isinstance(amount, numbers.Integral) and not 0.0 <= amount <= 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount, size):
    """How many of `size` units `amount` means: itself, or a share."""
    if isinstance(amount, numbers.Integral):
        if amount > size:
            raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
        return int(amount)
    return round(amount * size)


class BasePruningMethod:
    """Base of methods: ``compute_mask(scores, default_mask)`` gives the mask; :meth:`apply` puts it on a parameter.

    The module gets ``<name>_orig`` (the parameter), ``<name>_mask`` (a buffer) and ``<name>``, their product.
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name = None

    def compute_mask(self, t, default_mask):
        """The mask for scores `t`, at most `default_mask`."""
        raise NotImplementedError

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module):
        """The parameter times the mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        mask = getattr(module, self._tensor_name + "_mask")
        original = getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=original.dtype) * original

    def prune(self, t, default_mask=None, importance_scores=None):
        """A pruned copy of a tensor."""
        scores = t if importance_scores is None else importance_scores
        mask = torch.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune ``module.<name>`` by the method made of the arguments, the last of which may be the scores.

        On top of earlier pruning the masks combine. Returns the method.
        """
        earlier = [(key, hook) for key, hook in module._forward_pre_hooks.items()
                   if isinstance(hook, BasePruningMethod) and hook._tensor_name == name]
        own = len(inspect.signature(cls).parameters)
        if len(args) > own:
            importance_scores, args = args[own], args[:own]
        method = cls(*args, **kwargs)
        method._tensor_name = name
        if earlier:
            key, hook = earlier[0]
            del module._forward_pre_hooks[key]
            original, default_mask = getattr(module, name + "_orig"), getattr(module, name + "_mask").detach().clone()
            container = hook if isinstance(hook, PruningContainer) else PruningContainer(hook)
            container.add_pruning_method(method)
            method = container
        else:
            original = getattr(module, name)
            default_mask = torch.ones_like(original)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError("importance_scores should have the same shape as parameter "
                                 f"{name} of {module}")
        if not earlier:
            del module._parameters[name]
            module.register_parameter(name + "_orig", original)
        module.register_buffer(name + "_mask", method.compute_mask(scores, default_mask=default_mask))
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def remove(self, module):
        """Make the pruned values the parameter."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods on one parameter: each prunes what the ones before it left."""

    def __init__(self, *args):
        self._pruning_methods = ()
        for method in args:
            self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Add a method for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name is not None and method._tensor_name != self._tensor_name:
            raise ValueError("Can only add pruning methods acting on the parameter named "
                             f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        """The last method's mask over the part that is not pruned yet."""
        method, mask = self._pruning_methods[-1], default_mask.to(dtype=t.dtype).clone()
        kept = mask == 1
        if method.PRUNING_TYPE == "unstructured":
            mask[kept] = method.compute_mask(t[kept], torch.ones_like(t[kept])).to(mask.dtype)
            return mask
        if method.PRUNING_TYPE == "structured":
            rows = [d for d in range(t.dim()) if d != method.dim % t.dim()]
            alive = kept.sum(rows) > 0
            index = [slice(None)] * t.dim()
            index[method.dim] = alive
            mask[tuple(index)] *= method.compute_mask(t[tuple(index)], torch.ones_like(t[tuple(index)])).to(mask.dtype)
            return mask
        return mask * method.compute_mask(t, default_mask).to(mask.dtype)


class Identity(BasePruningMethod):
    """Prunes nothing, but makes mask and original."""

    def compute_mask(self, t, default_mask):
        """The default mask."""
        return default_mask


class _Amount(BasePruningMethod):
    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount


class RandomUnstructured(_Amount):
    """Zero `amount` random elements."""

    def compute_mask(self, t, default_mask):
        """Zeros where uniform draws are least."""
        count, mask = _count(self.amount, t.nelement()), default_mask.clone(memory_format=torch.contiguous_format)
        if count:
            mask.view(-1)[torch.topk(torch.rand_like(t).view(-1), k=count).indices] = 0
        return mask


class L1Unstructured(_Amount):
    """Zero the `amount` elements of least absolute value."""

    def compute_mask(self, t, default_mask):
        """Zeros where the scores are least."""
        count, mask = _count(self.amount, t.nelement()), default_mask.clone(memory_format=torch.contiguous_format)
        if count:
            mask.view(-1)[torch.topk(torch.abs(t).reshape(-1), k=count, largest=False).indices] = 0
        return mask


class _Channels(_Amount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        super().__init__(amount)
        self.dim = dim

    def _importance(self, t):
        raise NotImplementedError

    def compute_mask(self, t, default_mask):
        """Zeros in the channels of least importance."""
        if t.dim() <= 1:
            raise ValueError("Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                             f"{t.shape} with {t.dim()} dims")
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        kept = torch.topk(self._importance(t), k=size - _count(self.amount, size)).indices
        mask = torch.zeros_like(t)
        index = [slice(None)] * t.dim()
        index[self.dim] = kept
        mask[tuple(index)] = 1
        return mask * default_mask.to(mask.dtype)


class RandomStructured(_Channels):
    """Zero `amount` random channels along `dim`."""

    def _importance(self, t):
        return torch.rand(t.shape[self.dim])


class LnStructured(_Channels):
    """Zero the `amount` channels along `dim` of least n-norm."""

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount, dim)
        self.n = n

    def _importance(self, t):
        dims = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        return torch.norm(t, p=self.n, dim=dims)


class CustomFromMask(BasePruningMethod):
    """Multiply by a given mask."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """The given mask where the default one is not zero."""
        return default_mask.mul(self.mask.to(dtype=default_mask.dtype))


def identity(module, name):
    """Put an all-ones mask on a parameter; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Zero `amount` (a share or a number) random elements; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Zero `amount` (a share or a number) least elements; returns the module."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Zero `amount` random channels along `dim`; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Zero `amount` channels of least n-norm along `dim`; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune several parameters, (module, name) pairs, as if they were one vector."""
    parameters, given = list(parameters), importance_scores or {}
    scores = [given.get((module, name), getattr(module, name)) for module, name in parameters]
    flat = torch.nn.utils.parameters_to_vector(scores)
    masks = [getattr(module, name + "_mask", torch.ones_like(getattr(module, name))) for module, name in parameters]
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container = PruningContainer(method)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
                        f"{pruning_method} of type {method.PRUNING_TYPE}")
    final = container.compute_mask(flat, torch.nn.utils.parameters_to_vector(masks))
    start = 0
    for module, name in parameters:
        count = getattr(module, name).numel()
        custom_from_mask(module, name, mask=final[start:start + count].view_as(getattr(module, name)))
        start += count


def custom_from_mask(module, name, mask):
    """Multiply a parameter by a mask; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module, name):
    """Make the pruning of a parameter permanent; returns the module. Raises ValueError if it is not pruned."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module):
    """Whether any module of the tree is pruned."""
    return any(isinstance(hook, BasePruningMethod) for child in module.modules()
               for hook in child._forward_pre_hooks.values())
