"""`torch._check` and its kin: conditions that a program states, of numbers that may be symbolic."""

from __future__ import annotations

from torch._symbolic.numbers import SymBool

__all__ = ["_check", "_check_with", "_check_is_size", "_check_index", "_check_value", "_check_type", "_check_not_implemented"]


def _check_with(error_type, cond, message=None):
    """Raises `error_type` with ``message()`` unless the condition holds; of symbolic numbers it is taken to hold, and checked later."""
    if type(cond) is not bool and not isinstance(cond, SymBool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond.node.expect_true() if isinstance(cond, SymBool) else cond:
        return
    if message is None:
        text = "Expected cond to be True, but got False. (Could this error message be improved? If so, please report an enhancement request to PyTorch.)"
    else:
        if not callable(message):
            raise TypeError("message must be a callable")
        text = str(message())
    raise error_type(text)


def _check(cond, message=None):
    """RuntimeError with ``message()`` unless the condition holds.

    >>> _check(2 > 1, lambda: "impossible")
    """
    _check_with(RuntimeError, cond, message)


def _check_is_size(i, message=None, *, max=None):
    """The number is 0 or more, and at most `max`."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)
    from torch.fx.experimental.symbolic_shapes import _constrain_range_for_size

    _constrain_range_for_size(i, max=max)


def _check_index(cond, message=None):
    """IndexError with ``message()`` unless the condition holds."""
    _check_with(IndexError, cond, message)


def _check_value(cond, message=None):
    """ValueError with ``message()`` unless the condition holds."""
    _check_with(ValueError, cond, message)


def _check_type(cond, message=None):
    """TypeError with ``message()`` unless the condition holds."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond, message=None):
    """NotImplementedError with ``message()`` unless the condition holds."""
    _check_with(NotImplementedError, cond, message)
