"""state_dict and load_state_dict of modules."""

import itertools
from collections import OrderedDict, namedtuple

import torch

from ._key_hints import hints

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict returns: keys the module wanted and did not find, keys it found and did not want."""

    __slots__ = ()

    def __repr__(self):
        return "<All keys matched successfully>" if not (self.missing_keys or self.unexpected_keys) else super().__repr__()

    __str__ = __repr__


def _quoted(keys):
    return ", ".join(f'"{key}"' for key in keys)


class _Stateful:
    """The state half of :class:`torch.nn.Module`."""

    _version = 1

    def get_extra_state(self):
        """Override together with :meth:`set_extra_state` to put anything else into the state dict."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called: a module with "
                           "extra state has to define get_extra_state() and set_extra_state().")

    def set_extra_state(self, state):
        """Receive what :meth:`get_extra_state` returned when the file was saved."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called: a module with "
                           "extra state has to define get_extra_state() and set_extra_state().")

    def _has_extra_state(self, method):
        return getattr(type(self), method) is not getattr(_Stateful, method)

    def _persistent_buffers(self):
        return {name: buffer for name, buffer in self._buffers.items()
                if name not in self._non_persistent_buffers_set}

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put this module's own parameters, persistent buffers and extra state into `destination`."""
        for name, tensor in itertools.chain(self._parameters.items(), self._persistent_buffers().items()):
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._has_extra_state("get_extra_state"):
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """All parameters and persistent buffers by dotted name; tensors are shared with the module, not copied.

        Args:
            destination: a dict to fill instead of a new OrderedDict.
            prefix: put in front of each name.
            keep_vars: keep parameters attached to autograd instead of detaching them.

        Example::

            >>> list(torch.nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        if args:
            destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args):])
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            if not getattr(hook, "_from_public_api", False):
                destination = destination if replaced is None else replaced
            elif replaced is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs):
        """Load this module's own entries; what does not fit is reported in the three lists."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = {**self._parameters, **self._persistent_buffers()}
        for name, tensor in own.items():
            if tensor is None:
                continue
            key = prefix + name
            if key in state_dict:
                problem = self._load_one(name, key, tensor, state_dict[key], assign)
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if self._has_extra_state("set_extra_state"):
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            unexpected_keys.extend(self._unexpected(state_dict, prefix, own, extra_key))

    def _unexpected(self, state_dict, prefix, own, extra_key):
        for key in state_dict:
            if key.startswith(prefix) and key != extra_key:
                first, dot, _ = key[len(prefix):].partition(".")
                if dot:
                    if first not in self._modules:
                        yield key
                elif first not in own:
                    yield key

    def _load_one(self, name, key, target, value, assign):
        """Copy or assign one entry; returns the message of what went wrong, else None."""
        if not isinstance(value, torch.Tensor):
            return (f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(value)}")
        lazy = torch.nn.parameter.is_lazy(target)
        if not lazy and target.dim() == 0 and value.dim() == 1 and value.numel() == 1:
            value = value[0]  # files of PyTorch 0.3 stored scalars with one dimension
        if not lazy and value.shape != target.shape:
            return (f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
                    f"the shape in current model is {target.shape}.")
        try:
            with torch.no_grad():
                if assign:
                    setattr(self, name, self._assignable(target, value))
                else:
                    target.copy_(value)
        except Exception as error:
            return (f'While {"assigning" if assign else "copying"} the parameter named "{key}", whose dimensions in '
                    f"the model are {target.size()} and whose dimensions in the checkpoint are {value.size()}, an "
                    f"exception occurred : {error.args}.")
        return None

    @staticmethod
    def _assignable(target, value):
        if not isinstance(target, torch.nn.Parameter):
            return value
        if isinstance(value, torch.nn.Parameter):
            return value.requires_grad_(target.requires_grad)
        return torch.nn.Parameter(value, requires_grad=target.requires_grad)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy parameters and buffers from ``state_dict`` into this module and its children.

        Args:
            strict: raise RuntimeError unless the keys match exactly.
            assign: make the given tensors the module's own (keeping their dtype and device) instead of copying.

        Returns a named tuple of ``missing_keys`` and ``unexpected_keys``; raises RuntimeError naming every entry whose
        shape does not fit.
        """
        if not hasattr(state_dict, "keys"):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing_keys, unexpected_keys, error_msgs = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, entries, prefix):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(entries, prefix, local_metadata, True, missing_keys, unexpected_keys,
                                         error_msgs)
            for name, child in module._modules.items():
                if child is not None:
                    child_prefix = f"{prefix}{name}."
                    load(child, {k: v for k, v in entries.items() if k.startswith(child_prefix)}, child_prefix)
            incompatible = _IncompatibleKeys(missing_keys, unexpected_keys)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace.")

        load(self, state_dict, "")
        if strict:
            if unexpected_keys:
                error_msgs.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected_keys)}. ")
            if missing_keys:
                error_msgs.insert(0, f"Missing key(s) in state_dict: {_quoted(missing_keys)}. ")
            error_msgs += hints(missing_keys, unexpected_keys)
        if error_msgs:
            listed = "\n\t".join(error_msgs)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return _IncompatibleKeys(missing_keys, unexpected_keys)
