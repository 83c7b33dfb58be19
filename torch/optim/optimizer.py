"""Optimizer, the base class."""

import contextlib
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

__all__ = ["Optimizer", "register_optimizer_step_pre_hook", "register_optimizer_step_post_hook"]

_global_optimizer_pre_hooks: OrderedDict = OrderedDict()
_global_optimizer_post_hooks: OrderedDict = OrderedDict()


class _Required:
    """The default of an option that every parameter group has to give."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()


def _register(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Run ``hook(optimizer, args, kwargs) -> None or (args, kwargs)`` before every step of every optimizer."""
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Run ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return _register(_global_optimizer_post_hooks, hook)


def _with_hooks(step):
    """`step` with the hooks of the optimizer and the global ones around it."""

    def hooked_step(self, *args, **kwargs):
        self._opt_called = True
        if not (self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _global_optimizer_pre_hooks
                or _global_optimizer_post_hooks):
            return step(self, *args, **kwargs)
        for hook in chain(_global_optimizer_pre_hooks.values(), self._optimizer_step_pre_hooks.values()):
            answer = hook(self, args, kwargs)
            if answer is not None:
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), "
                                       f"but got {answer}.")
                args, kwargs = answer
        result = step(self, *args, **kwargs)
        for hook in chain(self._optimizer_step_post_hooks.values(), _global_optimizer_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    hooked_step.hooked = True
    hooked_step.__doc__ = step.__doc__
    hooked_step.__wrapped__ = step
    return hooked_step


class Optimizer:
    """Base class of all optimizers.

    Args:
        params: tensors, (name, tensor) pairs, or dicts ``{"params": tensors, option: value}``, one a group.
        defaults: options for groups that don't give their own.

    ``param_groups`` is the list of groups, each a dict; ``state`` maps a parameter to its dict of state.
    """

    OptimizerPreHook = Callable[["Optimizer", tuple[Any, ...], dict[str, Any]], "tuple[tuple[Any, ...], dict[str, Any]] | None"]
    OptimizerPostHook = Callable[["Optimizer", tuple[Any, ...], dict[str, Any]], None]

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._make_hooks()
        cls = type(self)
        cls.step = cls.profile_hook_step(cls.step)
        if isinstance(params, torch.Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                            + torch.typename(params))
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    @staticmethod
    def profile_hook_step(func):
        """`func`, a step, with the hooks around it that are registered when it runs."""
        return func if getattr(func, "hooked", False) else _with_hooks(func)

    def _make_hooks(self):
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre",
                     "load_state_dict_post"):
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", OrderedDict())

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._make_hooks()
        type(self).step = self.profile_hook_step(type(self).step)
        self.defaults.setdefault("differentiable", False)

    def __repr__(self):
        lines = []
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return f"{type(self).__name__} (\n" + "\n".join(lines) + "\n)"

    def register_step_pre_hook(self, hook):
        """Run ``hook(optimizer, args, kwargs) -> None or (args, kwargs)`` before each step."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Run ``hook(optimizer, args, kwargs)`` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Run ``hook(optimizer)`` before ``state_dict()``."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Run ``hook(optimizer, state_dict) -> None or state_dict`` after ``state_dict()``."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Run ``hook(optimizer, state_dict) -> None or state_dict`` before ``load_state_dict()``."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Run ``hook(optimizer)`` after ``load_state_dict()``."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def add_param_group(self, param_group):
        """Add a dict with "params" and any options. Raises for repeated, non-leaf or non-tensor parameters."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, torch.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
                            "in sets will change between runs. Please use a list instead.")
        params = list(params)
        named = [isinstance(param, tuple) for param in params]
        if any(named):
            if not all(named):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = [name for name, _ in params]
            params = [param for _, param in params]
        param_group["params"] = params
        self._check_params(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn("optimizer contains a parameter group with duplicate parameters; in future, this will cause an "
                          "error; see github.com/pytorch/pytorch/issues/40967 for more information", stacklevel=3)
        known = {param for group in self.param_groups for param in group["params"]}
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        if self.param_groups and ("param_names" in param_group) != ("param_names" in self.param_groups[0]):
            with_names = "param_names" in param_group
            raise ValueError("all optimizer param groups should be with/without names. cannot add param group "
                             f"{'with' if with_names else 'without'} names to the optimizer")
        self.param_groups.append(param_group)

    def _check_params(self, params):
        for param in params:
            if not isinstance(param, torch.Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + torch.typename(param))
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")

    def zero_grad(self, set_to_none=True):
        """Reset all gradients: to None, or to zero when ``set_to_none`` is False."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                else:
                    if param.grad.grad_fn is not None:
                        param.grad.detach_()
                    else:
                        param.grad.requires_grad_(False)
                    param.grad.zero_()

    def step(self, closure=None):
        """Update the parameters; `closure`, if given, computes gradients and returns the loss, which is returned."""
        raise NotImplementedError

    def state_dict(self):
        """``{"state": {parameter number: its state}, "param_groups": [...]}``; tensors are shared, not copied."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers = {}
        for param in chain.from_iterable(group["params"] for group in self.param_groups):
            numbers.setdefault(id(param), len(numbers))
        groups = [{**{name: value for name, value in group.items() if name != "params"},
                   "params": [numbers[id(param)] for param in group["params"]]} for group in self.param_groups]
        state = {numbers[id(key)] if isinstance(key, torch.Tensor) else key: value for key, value in self.state.items()}
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, result)
            result = result if replaced is None else replaced
        return result

    def _state_value(self, param, value, group, key):
        """A loaded state entry on the parameter's device and, but for the step count, in its dtype."""
        if isinstance(value, torch.Tensor):
            if key == "step":
                moved = group.get("capturable") or group.get("fused")
                return value.to(dtype=torch.float32, device=param.device) if moved else value
            return value.to(dtype=param.dtype if param.is_floating_point() else None, device=param.device)
        if isinstance(value, dict):
            return {name: self._state_value(param, entry, group, name) for name, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._state_value(param, entry, group, key) for entry in value)
        return value

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` returned. Raises ValueError when groups or their sizes differ."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        own, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(own) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(mine["params"]) != len(theirs["params"]) for mine, theirs in zip(own, saved)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        located = {}
        for mine, theirs in zip(own, saved):
            for param, number in zip(mine["params"], theirs["params"]):
                located[number] = (param, theirs)
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in located:
                param, group = located[key]
                state[param] = self._state_value(param, value, group, None)
            else:
                state[key] = value
        for mine, theirs in zip(own, saved):
            theirs["params"] = mine["params"]
            if "param_names" in mine and "param_names" not in theirs:
                theirs["param_names"] = mine["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """Inside the `with` block the optimizer works on other parameters (in the order of its own) and a state like that of `state_dict()`.

    Afterwards it has its own again. In-place changes of the given tensors stay; what was assigned anew inside is dropped.
    Raises ValueError where the numbers of parameters or groups differ.
    """
    own_groups, own_state = optimizer.param_groups, optimizer.state
    given, groups = list(swapin_parameters), swapin_optim_state["param_groups"]
    if len(given) != sum(len(group["params"]) for group in own_groups):
        raise ValueError(f"the optimizer has {sum(len(group['params']) for group in own_groups)} parameters, but {len(given)} are given")
    if [len(group["params"]) for group in groups] != [len(group["params"]) for group in own_groups]:
        raise ValueError("the given state has other parameter groups than the optimizer")
    by_number = dict(zip((number for group in groups for number in group["params"]), given))
    optimizer.param_groups = [{**group, "params": [by_number[number] for number in group["params"]]} for group in groups]
    optimizer.state = defaultdict(dict, {by_number.get(key, key): dict(value) for key, value in swapin_optim_state["state"].items()})
    try:
        yield
    finally:
        optimizer.param_groups, optimizer.state = own_groups, own_state
