"""Tensors and a mode that write every operator call to a log, as a graph is printed.

>>> with capture_logs_with_logging_tensor_mode() as lines:
...     _ = torch.zeros(2) + 1
>>> lines[-1]
'$1: f32[2] = torch._ops.aten.add.Tensor($0, 1)'
"""

from __future__ import annotations

import contextlib
import itertools
import logging

import torch
from torch.testing._internal.common_utils import dtype_abbrs
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["LoggingTensor", "LoggingTensorHandler", "LoggingTensorMode", "LoggingTensorReentrant", "capture_logs",
           "capture_logs_with_logging_tensor_mode", "log_input"]

logger = logging.getLogger("LoggingTensor")


class LoggingTensor(torch.Tensor):
    """A tensor whose operators are logged; `elem` holds the values."""

    elem: torch.Tensor

    __slots__ = ["elem"]

    context = contextlib.nullcontext

    @staticmethod
    def __new__(cls, elem, *args, **kwargs):
        wrapper = torch.Tensor._make_wrapper_subclass(cls, elem.size(), strides=elem.stride(), storage_offset=elem.storage_offset(), dtype=elem.dtype,
                                                      layout=elem.layout, device=elem.device, requires_grad=kwargs.get("requires_grad", False))
        wrapper.elem = elem.detach() if wrapper.requires_grad else elem
        return wrapper

    def __repr__(self, *, tensor_contents=None):
        return super().__repr__(tensor_contents=f"{self.elem}")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        def unwrap(x):
            return x.elem if isinstance(x, cls) else x

        def wrap(x):
            return cls(x) if isinstance(x, torch.Tensor) else x

        with cls.context():
            out = tree_map(wrap, func(*tree_map(unwrap, args), **tree_map(unwrap, kwargs or {})))
        _log(func, args, kwargs, out)
        return out


class LoggingTensorReentrant(LoggingTensor):
    """A LoggingTensor below whose operators other ones may be logged."""

    context = torch.overrides.enable_reentrant_dispatch


class LoggingTensorMode(TorchDispatchMode):
    """Logs the operators on all tensors."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        _log(func, args, kwargs, out)
        return out


def _log(func, args, kwargs, out):
    logger.info("%s.%s", func.__module__, func, extra={"call": (func, args, kwargs or {}, out)})


def log_input(name, var):
    """Logs that a tensor is an input of a name."""
    logger.info("input", extra={"call": (None, (name,), {}, var)})


class LoggingTensorHandler(logging.Handler):
    """Writes the calls as lines of a list; tensors are named $0, $1... in the order in which they come."""

    def __init__(self, log_list, use_shortid_for_all_tensors=False, with_type=True, tracebacks_list=None):
        super().__init__()
        self.log_list, self.with_type = log_list, with_type
        self._all, self._names, self._next = use_shortid_for_all_tensors, WeakTensorKeyDictionary(), itertools.count()

    def _named(self, x):
        if not isinstance(x, torch.Tensor if self._all else LoggingTensor):
            return repr(x)
        if x not in self._names:
            self._names[x] = next(self._next)
        return f"${self._names[x]}"

    def _result(self, x):
        if not isinstance(x, torch.Tensor):
            return self._named(x)
        kind = f": {dtype_abbrs[x.dtype]}[{', '.join(map(str, x.shape))}]" if self.with_type else ""
        return self._named(x) + kind

    def emit(self, record):
        """Adds a line."""
        func, args, kwargs, out = record.call
        if func is None:
            self.log_list.append(f"{self._result(out)} = input({args[0]!r})")
            return

        def text(x):
            if isinstance(x, (list, tuple)) and not isinstance(x, torch.Size):
                return f"{'[' if isinstance(x, list) else '('}{', '.join(map(text, x))}{']' if isinstance(x, list) else ')'}"
            return self._named(x)
        given = ", ".join([*map(text, args), *(f"{k}={text(v)}" for k, v in kwargs.items())])
        results = ", ".join(map(self._result, out)) if isinstance(out, (list, tuple)) else self._result(out)
        self.log_list.append(f"{results} = torch._ops.{func}({given})")


@contextlib.contextmanager
def capture_logs(is_mode=False, python_tb=False, script_tb=False, cpp_tb=False):
    """The lines of what is logged inside, a list. `is_mode`: plain tensors are named as well."""
    lines: list = []
    handler = LoggingTensorHandler(lines, use_shortid_for_all_tensors=is_mode)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


@contextlib.contextmanager
def capture_logs_with_logging_tensor_mode(python_tb=False, script_tb=False, cpp_tb=False):
    """:func:`capture_logs` inside of a :class:`LoggingTensorMode`."""
    with LoggingTensorMode(), capture_logs(True) as lines:
        yield lines
