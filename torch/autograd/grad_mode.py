"""Switching the recording of operations on and off."""

from __future__ import annotations

from torch import _C
from torch.utils._contextlib import _DecoratorContextManager, _NoParamDecoratorContextManager

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "set_multithreading_enabled", "enforce_grad_layout_policy"]


class no_grad(_NoParamDecoratorContextManager):
    """Operations inside are not recorded; results do not require a gradient. Also a decorator.

    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        self.prev = False

    def __enter__(self) -> None:
        self.prev = _C.is_grad_enabled()
        _C._set_grad_enabled(False)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _C._set_grad_enabled(self.prev)


class enable_grad(_NoParamDecoratorContextManager):
    """Operations inside are recorded, even within `no_grad`. Also a decorator."""

    def __enter__(self) -> None:
        self.prev = _C.is_grad_enabled()
        _C._set_grad_enabled(True)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _C._set_grad_enabled(self.prev)


class set_grad_enabled(_DecoratorContextManager):
    """Switches recording on or off at once; as a context manager, until its end.

    >>> with torch.set_grad_enabled(False):
    ...     torch.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.prev = _C.is_grad_enabled()
        self.mode = mode
        _C._set_grad_enabled(bool(mode))

    def __call__(self, orig_func):
        _C._set_grad_enabled(self.prev)
        return super().__call__(orig_func)

    def __enter__(self) -> None:
        _C._set_grad_enabled(bool(self.mode))

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _C._set_grad_enabled(self.prev)

    def __str__(self) -> str:
        return f"torch.{self.__class__.__name__}(mode={self.mode})"

    __repr__ = __str__

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


class inference_mode(_DecoratorContextManager):
    """Like `no_grad`, but tensors made inside can never take part in differentiation: they have no version counter.

    >>> with torch.inference_mode():
    ...     y = torch.ones(2) * 2
    >>> y.is_inference()
    True
    """

    def __new__(cls, mode=True):
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._before = 0

    def __enter__(self) -> None:
        self._before = _C._enter_inference_mode(self.mode)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _C._exit_inference_mode(self._before)

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


class set_multithreading_enabled(_DecoratorContextManager):
    """Whether backward may use a thread for each device. At once; as a context manager, until its end."""

    def __init__(self, mode: bool) -> None:
        self.prev = _C._is_multithreading_enabled()
        self.mode = mode
        _C._set_multithreading_enabled(mode)

    def __enter__(self) -> None:
        _C._set_multithreading_enabled(self.mode)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _C._set_multithreading_enabled(self.prev)

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


class enforce_grad_layout_policy(_DecoratorContextManager):
    """Whether a new `.grad` takes the strides of its tensor. Kept for code that asks; the policy always holds here."""

    def __init__(self, enable: bool = True) -> None:
        self.enable = enable

    def __enter__(self) -> None:
        pass

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        pass

    def clone(self):
        """Another one with the same setting."""
        return self.__class__(self.enable)


class _force_original_view_tracking(_DecoratorContextManager):
    """Views regenerate their history by replaying the view operators."""

    def __init__(self, mode: bool) -> None:
        self.prev = _C._is_view_replay_enabled()
        self.mode = mode
        _C._set_view_replay_enabled(mode)

    def __enter__(self) -> None:
        _C._set_view_replay_enabled(self.mode)

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        _C._set_view_replay_enabled(self.prev)

    def clone(self):
        """Another one with the same mode."""
        return self.__class__(self.mode)


class _unsafe_preserve_version_counter(_DecoratorContextManager):
    """In-place writes inside do not count for these tensors."""

    def __init__(self, tensors) -> None:
        import torch

        self.tensors = (tensors,) if isinstance(tensors, torch.Tensor) else tuple(tensors)

    def __enter__(self) -> None:
        self.versions = tuple(t._version for t in self.tensors)

    def __exit__(self, *exc) -> None:
        _C._unsafe_set_version_counter(self.tensors, self.versions)
