"""PassManager: runs passes in an order that meets constraints."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any, Callable

import torch

from .pass_base import PassResult

__all__ = ["pass_result_wrapper", "this_before_that_pass_constraint", "PassManager"]

logger = logging.getLogger(__name__)


def pass_result_wrapper(fn: Callable) -> Callable:
    """A function that changes a GraphModule in place as one that returns a :class:`PassResult`."""
    @functools.wraps(fn)
    def wrapped(gm):
        result = fn(gm)
        return result if isinstance(result, PassResult) else PassResult(result if isinstance(result, torch.nn.Module) else gm, True)

    if not inspect.isfunction(fn):
        wrapped.__name__ = type(fn).__name__
    return wrapped


def this_before_that_pass_constraint(this: Callable, that: Callable) -> Callable[[Callable, Callable], bool]:
    """The constraint that `this` runs before `that`, as a function of two passes in their order."""
    return lambda a, b: not (a is that and b is this)


def in_order(passes: list[Callable], constraints: list[Callable[[Callable, Callable], bool]]) -> list[Callable]:
    """The passes in an order that meets the constraints. Raises RuntimeError when there is none."""
    waiting, order = list(passes), []
    while waiting:
        first = next((p for p in waiting if all(check(p, other) for check in constraints for other in waiting if other is not p)), None)
        if first is None:
            raise RuntimeError(f"Circular dependency detected within the following passes: {waiting}")
        waiting.remove(first)
        order.append(first)
    return order


class Schedule:
    """Passes, and constraints on their order."""

    passes: list[Callable]
    constraints: list[Callable]
    _validated: bool = False

    def __init__(self, passes: list[Callable] | None = None, constraints: list[Callable] | None = None):
        self.passes = passes or []
        self.constraints = constraints or []

    def add_pass(self, _pass: Callable):
        """Appends a pass."""
        self.passes.append(_pass)
        self._validated = False

    def add_constraint(self, constraint: Callable):
        """Appends a constraint: a function of two passes, may the first run before the second?"""
        self.constraints.append(constraint)
        self._validated = False

    def _validate(self):
        if self._validated:
            return
        for i, a in enumerate(self.passes):
            for b in self.passes[i + 1:]:
                if not all(check(a, b) for check in self.constraints):
                    raise RuntimeError(f"pass schedule constraint violated. Expected {b} before {a} but found {a} before {b} in pass list.")
        self._validated = True


class PassManager(Schedule):
    """Runs passes over a GraphModule, in an order that meets the constraints, as often as `steps` says or until nothing changes.

    Args:
        passes: functions from a GraphModule to a :class:`PassResult`.
        constraints: functions of two passes: may the first run before the second?
        steps: how often at most.
        run_checks_after_each_pass: run the checks after each pass and not only at the end.
        suppress_check_failures: log checks that fail instead of raising.
    """

    steps: int = 1

    def __init__(self, passes: list[Callable] | None = None, constraints: list[Callable] | None = None, steps: int | None = None,
                 run_checks_after_each_pass: bool = False, suppress_check_failures: bool = False):
        super().__init__(passes, constraints)
        if steps:
            self.steps = steps
        self.run_checks_after_each_pass = run_checks_after_each_pass
        self.suppress_check_failures = suppress_check_failures

    def validate_constraints(self):
        """Raises RuntimeError unless the passes stand in an order that meets the constraints."""
        self._validate()

    def solve_constraints(self):
        """Puts the passes into an order that meets the constraints. Raises RuntimeError when there is none."""
        self.passes = in_order(self.passes, self.constraints)
        self._validated = True

    def add_checks(self, check: Callable):
        """Sets the check that modules must pass: a function of the module, which raises. Raises TypeError for another signature."""
        parameters = list(inspect.signature(check).parameters.values())
        if len(parameters) != 1:
            raise TypeError("PassManager check function should only take in one variable, a module")
        self.check = check  # type: ignore[method-assign]

    def check(self, module: torch.nn.Module) -> None:
        """The check; nothing by default."""

    def __call__(self, module: torch.nn.Module) -> PassResult:
        if not self._validated:
            self.solve_constraints()
        self._run_check(module)
        changed_at_all = False
        for _ in range(self.steps):
            changed = False
            for fn in self.passes:
                logger.debug("Running pass '%s'", getattr(fn, "__name__", fn))
                module, modified = self._run(fn, module)
                changed |= modified
                if self.run_checks_after_each_pass:
                    self._run_check(module)
            changed_at_all |= changed
            if not changed:
                break
        if not self.run_checks_after_each_pass:
            self._run_check(module)
        return PassResult(module, changed_at_all)

    def _run(self, fn, module) -> tuple[Any, bool]:
        try:
            result = fn(module)
        except Exception as error:
            names = [getattr(p, "__name__", str(p)) for p in self.passes]
            raise type(error)(f"An error occurred when running the '{getattr(fn, '__name__', fn)}' pass after the following passes: "
                              f"{names[:self.passes.index(fn)]}") from error
        if not isinstance(result, PassResult):
            raise TypeError(f"The result of the pass {getattr(fn, '__name__', fn)} should be type PassResult. Please wrap it with "
                            "pass_result_wrapper()")
        return result.graph_module, result.modified

    def _run_check(self, module):
        try:
            self.check(module)
        except Exception:
            if not self.suppress_check_failures:
                raise
            logger.exception("a check failed")
