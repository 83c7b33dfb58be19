"""The older PassManager: passes return the module itself."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any, Callable

from .infra.pass_manager import Schedule, this_before_that_pass_constraint

__all__ = ["inplace_wrapper", "log_hook", "loop_pass", "this_before_that_pass_constraint", "these_before_those_pass_constraint", "PassManager"]

logger = logging.getLogger(__name__)


def inplace_wrapper(fn: Callable) -> Callable:
    """A function that changes its first argument, as one that returns it."""
    @functools.wraps(fn)
    def wrapped(gm, *args, **kwargs):
        fn(gm, *args, **kwargs)
        return gm

    return wrapped


def log_hook(fn: Callable, level: int = logging.INFO) -> Callable:
    """The function, whose calls and results are logged."""
    @functools.wraps(fn)
    def wrapped(*args, **kwargs):
        result = fn(*args, **kwargs)
        logger.log(level, "Ran pass %s\t Return value: %s", fn, result)
        return result

    return wrapped


def loop_pass(base_pass: Callable, n_iter: int | None = None, predicate: Callable | None = None) -> Callable:
    """A pass that runs another `n_iter` times, or while `predicate(result)` holds: exactly one of them is to be given."""
    if (n_iter is None) == (predicate is None):
        raise AssertionError("Exactly one of `n_iter`or `predicate` must be specified.")

    @functools.wraps(base_pass)
    def looped(source):
        if n_iter is not None:
            for _ in range(n_iter):
                source = base_pass(source)
            return source
        while predicate(source):
            source = base_pass(source)
        return source

    return looped


def these_before_those_pass_constraint(these: Callable, those: Callable) -> Callable[[Callable, Callable], bool]:
    """The constraint that passes made by `these` (a loop or wrapper around it) run before those made by `those`."""
    def constraint(a, b):
        return not (_unwrapped(a) is _unwrapped(those) and _unwrapped(b) is _unwrapped(these))

    return constraint


def _unwrapped(fn):
    return inspect.unwrap(fn)


class PassManager(Schedule):
    """Runs passes one after the other over a module, after checking that their order meets the constraints.

    Args:
        passes: functions from a module to a module.
        constraints: functions of two passes: may the first run before the second?
    """

    @classmethod
    def build_from_passlist(cls, passes: list[Callable]) -> PassManager:
        """A manager of these passes."""
        return cls(passes)

    def remove_pass(self, _passes: list[str]):
        """Removes the passes of these names."""
        self.passes = [p for p in self.passes if p.__name__ not in _passes]
        self._validated = False

    def replace_pass(self, _target: Callable, _replacement: Callable):
        """Puts another pass in the place of one."""
        self.passes = [_replacement if p.__name__ == _target.__name__ else p for p in self.passes]
        self._validated = False

    def validate(self):
        """Raises RuntimeError unless the order meets the constraints."""
        self._validate()

    def __call__(self, source: Any) -> Any:
        self.validate()
        for fn in self.passes:
            source = fn(source)
        return source
