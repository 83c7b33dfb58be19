"""Padding modules."""

from .. import functional as F
from .._tuples import tuple_of
from .module import Module

__all__ = [f"{kind}Pad{n}d" for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero") for n in (1, 2, 3)]


class _PadNd(Module):
    """Pad the last `spatial` dimensions in one mode."""

    _spatial = 0
    _mode = "constant"

    def __init_subclass__(cls, spatial=0, mode=None):
        super().__init_subclass__()
        cls._spatial, cls._mode = spatial or cls._spatial, mode or cls._mode

    def __init__(self, padding):
        super().__init__()
        self.padding = tuple_of(2 * self._spatial)(padding)

    def forward(self, input):
        """Pad (N, C, *) or (C, *) input."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _CircularPadNd(_PadNd, mode="circular"):
    def forward(self, input):
        """Pad (N, C, *) or (C, *) input; raises ValueError for other numbers of dimensions."""
        if input.dim() not in (self._spatial + 1, self._spatial + 2):
            raise ValueError(f"expected {self._spatial + 1}D or {self._spatial + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd, spatial=1):
    """Pad with the values of the other end."""


class CircularPad2d(_CircularPadNd, spatial=2):
    """Pad with the values of the other end."""


class CircularPad3d(_CircularPadNd, spatial=3):
    """Pad with the values of the other end."""


class _ConstantPadNd(_PadNd):
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        """Pad the last dimensions with `value`."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd, spatial=1):
    """Pad with `value`."""


class ConstantPad2d(_ConstantPadNd, spatial=2):
    """Pad with `value`."""


class ConstantPad3d(_ConstantPadNd, spatial=3):
    """Pad with `value`."""


class ReflectionPad1d(_PadNd, spatial=1, mode="reflect"):
    """Pad with the values mirrored at the edge, the edge itself not repeated."""


class ReflectionPad2d(_PadNd, spatial=2, mode="reflect"):
    """Pad with the values mirrored at the edge, the edge itself not repeated."""


class ReflectionPad3d(_PadNd, spatial=3, mode="reflect"):
    """Pad with the values mirrored at the edge, the edge itself not repeated."""


class ReplicationPad1d(_PadNd, spatial=1, mode="replicate"):
    """Pad with the edge value."""


class ReplicationPad2d(_PadNd, spatial=2, mode="replicate"):
    """Pad with the edge value."""


class ReplicationPad3d(_PadNd, spatial=3, mode="replicate"):
    """Pad with the edge value."""


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd, spatial=1):
    """Pad with zeros."""


class ZeroPad2d(_ZeroPadNd, spatial=2):
    """Pad with zeros."""


class ZeroPad3d(_ZeroPadNd, spatial=3):
    """Pad with zeros."""
