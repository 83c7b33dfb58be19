"""Which dtypes each operator takes, from the definitions."""

from __future__ import annotations

import functools

__all__ = ["support"]

DEVICES = ("cpu",)   # those that have kernels


@functools.cache
def _overloads():
    """{"add.Tensor": the dtypes of the overload}, functional forms and what exists only in place."""
    import torch
    from torch._codegen.dtypes import Support
    from torch._codegen.overloads import expand
    from torch._opdefs import load

    rows = expand(load())
    supported = Support(rows)
    dtypes = {name: getattr(torch, name.rstrip("_")) for name in set().union(*(supported[r] for r in rows))}
    return {row.schema.key: frozenset(dtypes[name] for name in supported[row]) for row in rows}


@functools.cache
def _operators():
    """{"add": the dtypes that one of its overloads takes}."""
    found: dict = {}
    for key, dtypes in _overloads().items():
        name = key.partition(".")[0]
        found[name] = found.get(name, frozenset()) | dtypes
    return found


def support(op=None):
    """The dtypes that an operator takes: ``{device: set of dtypes}``; without one, that mapping for every operator by name.

    ``op`` is a name (``"svd"``, ``"linalg_svd"``), an overload (``"add.Tensor"``, ``torch.ops.aten.add.Tensor``) or the function
    itself (``torch.linalg.svd``, ``torch.Tensor.add_``). An operator with several overloads takes what one of them takes. A dtype is
    in the set if the operator's values may have it: indices and masks keep their own, and operands of different dtypes promote
    where :func:`torch.promote_types` says so. Raises ValueError for what is no operator.

    >>> torch.float16 in torch.support("linalg_svd")["cpu"]
    True
    >>> torch.complex64 in torch.support(torch.sort)["cpu"]
    False
    """
    if op is None:
        return {name: dict.fromkeys(DEVICES, dtypes) for name, dtypes in sorted(_operators().items()) if not name.startswith("_")}
    name = op if isinstance(op, str) else getattr(op, "__name__", None)
    key = str(name).removeprefix("aten::")
    found = _overloads().get(key.removesuffix(".default")) if "." in key else _operators().get(key)
    if found is not None:
        return dict.fromkeys(DEVICES, found)
    raise ValueError(f"support(): {op!r} is no operator; torch.support() lists them all")
