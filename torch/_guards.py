"""Which trace is under way."""

from __future__ import annotations

from torch import _C

__all__ = ["active_fake_mode", "detect_fake_mode"]


def active_fake_mode():
    """The `FakeTensorMode` that is on, or None."""
    return _C._get_dispatch_mode(_C._TorchDispatchModeKey.FAKE)


def detect_fake_mode(inputs=None):
    """The `FakeTensorMode` that is on, or that of the fake tensors among the inputs; None. AssertionError where there are several.

    >>> detect_fake_mode([1, 2]) is None
    True
    """
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.utils._pytree import tree_leaves

    modes = [active_fake_mode(), *(x.fake_mode for x in tree_leaves(inputs) if isinstance(x, FakeTensor))]
    found = [mode for mode in modes if mode is not None]
    if any(mode is not found[0] for mode in found):
        raise AssertionError("fake tensors of several modes were given, or of another one than is on")
    return found[0] if found else None
