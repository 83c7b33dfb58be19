"""Hooks of modules: where they are kept, how they are registered, and the call that runs them."""

import warnings
from collections import OrderedDict

from torch.utils.hooks import BackwardHook, RemovableHandle

_global_forward_pre_hooks = OrderedDict()
_global_forward_hooks = OrderedDict()
_global_forward_hooks_always_called = OrderedDict()
_global_forward_hooks_with_kwargs = OrderedDict()
_global_backward_pre_hooks = OrderedDict()
_global_backward_hooks = OrderedDict()
_global_registration_hooks = {kind: OrderedDict() for kind in ("buffer", "module", "parameter")}


def _register(hooks, hook, extra=(), prepend=False):
    """Put `hook` into the dict `hooks` and its id into each dict of `extra`; removing the handle undoes both."""
    handle = RemovableHandle(hooks, extra_dict=list(extra))
    hooks[handle.id] = hook
    for marks in extra:
        marks[handle.id] = True
    if prepend:
        for ordered in (hooks, *extra):
            ordered.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook):
    """Run ``hook(module, args) -> None or new args`` before the forward of every module. Returns a handle."""
    return _register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Run ``hook(module, args, output) -> None or new output`` after the forward of every module.

    With ``with_kwargs`` the hook gets ``(module, args, kwargs, output)``; with ``always_call`` it also runs when
    forward raised. Returns a handle whose ``remove()`` takes the hook off.
    """
    marks = [_global_forward_hooks_with_kwargs] * with_kwargs + [_global_forward_hooks_always_called] * always_call
    return _register(_global_forward_hooks, hook, marks)


def register_module_full_backward_pre_hook(hook):
    """Run ``hook(module, grad_output) -> None or new grad_output`` before the backward of every module."""
    return _register(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """Run ``hook(module, grad_input, grad_output) -> None or new grad_input`` after the backward of every module."""
    return _register(_global_backward_hooks, hook)


def register_module_backward_hook(hook):
    """Same as :func:`register_module_full_backward_hook`."""
    return register_module_full_backward_hook(hook)


def register_module_buffer_registration_hook(hook):
    """Run ``hook(module, name, buffer) -> None or replacement`` whenever a buffer is registered."""
    return _register(_global_registration_hooks["buffer"], hook)


def register_module_module_registration_hook(hook):
    """Run ``hook(module, name, submodule) -> None or replacement`` whenever a submodule is registered."""
    return _register(_global_registration_hooks["module"], hook)


def register_module_parameter_registration_hook(hook):
    """Run ``hook(module, name, parameter) -> None or replacement`` whenever a parameter is registered."""
    return _register(_global_registration_hooks["parameter"], hook)


def _registered(kind, module, name, value):
    """`value` after the global registration hooks of this kind have seen it."""
    for hook in tuple(_global_registration_hooks[kind].values()):
        answer = hook(module, name, value)
        if answer is not None:
            value = answer
    return value


class _Hooked:
    """The hook half of :class:`torch.nn.Module`."""

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Run ``hook(module, args)`` before forward; a returned value replaces ``args``.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)`` and may return ``(args, kwargs)``; with ``prepend`` it
        runs before the hooks already there. Returns a handle whose ``remove()`` takes the hook off.
        """
        marks = [self._forward_pre_hooks_with_kwargs] * with_kwargs
        return _register(self._forward_pre_hooks, hook, marks, prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Run ``hook(module, args, output)`` after forward; a returned value replaces ``output``.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``; with ``always_call`` the hook runs even when
        forward raises. Returns a handle whose ``remove()`` takes the hook off.
        """
        marks = [self._forward_hooks_with_kwargs] * with_kwargs + [self._forward_hooks_always_called] * always_call
        return _register(self._forward_hooks, hook, marks, prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Run ``hook(module, grad_output)`` before the module's backward; a returned value replaces the gradients."""
        return _register(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Run ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are known.

        A returned tuple replaces ``grad_input``. Raises RuntimeError if a non-full hook is registered already.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError("Cannot use both regular backward hooks and full backward hooks on a single Module. "
                               "Please use only one of them.")
        self._is_full_backward_hook = True
        return _register(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """Deprecated spelling: the hook sees the gradients of the last node of forward, not of the whole module."""
        if self._is_full_backward_hook is True:
            raise RuntimeError("Cannot use both regular backward hooks and full backward hooks on a single Module. "
                               "Please use only one of them.")
        self._is_full_backward_hook = False
        return _register(self._backward_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        """Run ``hook(module, prefix, keep_vars)`` before ``state_dict`` collects."""
        return _register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict`` collected; may edit in place."""
        hook._from_public_api = True
        return _register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        """Like the public one, but what the hook returns replaces the state dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("Cannot register the same function as the state dict post hook that was previously "
                               "registered via register_state_dict_post_hook")
        return _register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Run ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        before the module's entries are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        """The private spelling passes the module only when asked."""
        return _register(self._load_state_dict_pre_hooks, _LoadHook(hook, self if with_module else None))

    def register_load_state_dict_post_hook(self, hook):
        """Run ``hook(module, incompatible_keys)`` after loading; it may edit the two lists of keys in place."""
        return _register(self._load_state_dict_post_hooks, hook)

    def _call_hooked(self, *args, **kwargs):
        """forward with every kind of hook around it."""
        called = set()
        try:
            return self._run_forward(called, args, kwargs)
        except Exception:
            self._run_always_called(called, args, kwargs)
            raise

    def _run_forward(self, called, args, kwargs):
        backward, legacy, backward_pre = self._backward_hooks_now()
        for key, hook in (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()):
            if key in self._forward_pre_hooks_with_kwargs and key in self._forward_pre_hooks:
                answer = hook(self, args, kwargs)
                if answer is not None:
                    if not (isinstance(answer, tuple) and len(answer) == 2):
                        raise RuntimeError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                                           f"but got {answer}.")
                    args, kwargs = answer
            else:
                answer = hook(self, args)
                if answer is not None:
                    args = answer if isinstance(answer, tuple) else (answer,)
        around = None
        if backward or backward_pre:
            around = BackwardHook(self, backward, backward_pre)
            args = around.setup_input_hook(args)
        result = self.forward(*args, **kwargs)
        for key, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
            called.add(key)
            with_kwargs = key in self._forward_hooks_with_kwargs or key in _global_forward_hooks_with_kwargs
            answer = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if answer is not None:
                result = answer
        if around is not None:
            result = around.setup_output_hook(result)
        if legacy:
            self._hook_last_node(legacy, result)
        return result

    def _backward_hooks_now(self):
        """(full hooks, non-full hooks, pre hooks) in the order they run: global ones first."""
        own = list(self._backward_hooks.values())
        full, legacy = (own, []) if self._is_full_backward_hook else ([], own)
        return (list(_global_backward_hooks.values()) + full, legacy,
                list(_global_backward_pre_hooks.values()) + list(self._backward_pre_hooks.values()))

    def _run_always_called(self, called, args, kwargs):
        """After an exception: run the always_call hooks that have not run; their own failures only warn."""
        always = {**_global_forward_hooks_always_called, **self._forward_hooks_always_called}
        for key, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
            if key not in always or key in called:
                continue
            try:
                if key in self._forward_hooks_with_kwargs or key in _global_forward_hooks_with_kwargs:
                    hook(self, args, kwargs, None)
                else:
                    hook(self, args, None)
            except Exception as error:
                warnings.warn("module forward hook with ``always_call=True`` raised an exception that was silenced as "
                              f"another error was raised in forward: {error}", stacklevel=2)

    def _hook_last_node(self, hooks, result):
        leaf = result
        while not hasattr(leaf, "grad_fn"):
            leaf = next(iter(leaf.values())) if isinstance(leaf, dict) else leaf[0]
        if leaf.grad_fn is not None:
            for hook in hooks:
                leaf.grad_fn.register_hook(lambda grad_in, grad_out, hook=hook: hook(self, grad_in, grad_out))


class _LoadHook:
    """A load_state_dict pre-hook, called with or without its module; kept as an object so that modules pickle."""

    def __init__(self, hook, module):
        self.hook, self.module = hook, module

    def __call__(self, *args):
        return self.hook(*args) if self.module is None else self.hook(self.module, *args)
