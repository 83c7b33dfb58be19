"""`torch.func.functionalize`."""

from __future__ import annotations

import functools

import torch
from torch._subclasses.functional_tensor import FunctionalTensor, FunctionalTensorMode, from_functional
from torch.utils._pytree import tree_flatten, tree_unflatten

__all__ = ["functionalize"]


def functionalize(func, *, remove="mutations"):
    """A function that gives what `func` gives, in which operators neither write nor (remove="mutations_and_views") make views.

    Inputs that `func` writes to are written once, at the end. For tracing: `make_fx(functionalize(f))` has no writes but these.

    >>> def f(x):
    ...     y = x.clone()
    ...     y[0].add_(1)
    ...     return y
    >>> functionalize(f)(torch.zeros(2))
    tensor([1., 0.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
                           "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced with their "
                           "out-of-place equivalents.\n     remove='mutations_and_views': In addition to the above, all aliasing operators "
                           "{view} will be replaced with their non-aliasing counterparts, {view}_copy.\n")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        leaves, spec = tree_flatten((args, kwargs))
        with FunctionalTensorMode(remove_views=remove == "mutations_and_views"):
            made: dict = {}
            inputs = [made.setdefault(id(x), FunctionalTensor.to_functional(x)) if isinstance(x, torch.Tensor) else x for x in leaves]
            again, keywords = tree_unflatten(inputs, spec)
            out = func(*again, **keywords)
        values = from_functional(out)
        for given, functional in zip(leaves, inputs):
            if isinstance(functional, FunctionalTensor) and functional.was_written():
                with torch.no_grad():
                    given.copy_(functional.elem)
        return values
    return wrapped
