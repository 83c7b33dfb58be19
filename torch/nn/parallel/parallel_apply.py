"""Modules called at the same time, each in a thread."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch._utils import ExceptionWrapper

__all__ = ["get_a_var", "parallel_apply"]


def get_a_var(obj):
    """Any tensor in a structure, or None."""
    if isinstance(obj, torch.Tensor):
        return obj
    items = obj if isinstance(obj, (list, tuple)) else obj.items() if isinstance(obj, dict) else ()
    return next((found for found in map(get_a_var, items) if found is not None), None)


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """The results of calling each module on its arguments, with the grad mode of this thread.

    An error is raised again with its traceback; `devices` must be as many as the modules when given.
    """
    kwargs_tup = kwargs_tup or ({},) * len(modules)
    for name, things in (("inputs", inputs), ("kwargs", kwargs_tup), ("devices", devices)):
        if things is not None and len(things) != len(modules):
            raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of {name} {len(things)}")
    grad = torch.is_grad_enabled()

    def call(number):
        try:
            with torch.set_grad_enabled(grad):
                given = inputs[number]
                return modules[number](*(given if isinstance(given, (list, tuple)) else (given,)), **kwargs_tup[number])
        except Exception:
            return ExceptionWrapper(where=f"in replica {number} on device {devices[number] if devices else number}")

    if len(modules) == 1:
        results = [call(0)]
    else:
        with ThreadPoolExecutor(len(modules)) as threads:
            results = list(threads.map(call, range(len(modules))))
    for result in results:
        if isinstance(result, ExceptionWrapper):
            result.reraise()
    return results
