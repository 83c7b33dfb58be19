"""torch.finfo and torch.iinfo: the limits of a dtype."""

from __future__ import annotations

import torch


class _Info:
    __slots__ = ("_dtype",)

    def __eq__(self, other):
        return type(self) is type(other) and self._dtype is other._dtype

    def __hash__(self):
        return hash((type(self), self._dtype))

    def __reduce__(self):
        return type(self), (self._dtype,)

    @property
    def dtype(self):
        """The name of the dtype."""
        return str(self._dtype).removeprefix("torch.")


class iinfo(_Info):  # noqa: N801
    """iinfo(dtype): `bits`, `min` and `max` of an integer dtype. TypeError for any other.

    Example::

        >>> torch.iinfo(torch.int8).max
        127
    """

    __slots__ = ("bits", "max", "min")

    def __init__(self, type):
        if not isinstance(type, torch.dtype):
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be torch.dtype, not {type.__class__.__name__}")
        if type.is_floating_point or type.is_complex or type is torch.bool:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        self._dtype = type
        self.bits = type.itemsize * 8
        self.min = -(1 << (self.bits - 1)) if type.is_signed else 0
        self.max = (1 << (self.bits - 1)) - 1 if type.is_signed else (1 << self.bits) - 1

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


# mantissa bits, largest finite value, smallest normal value; decimal digits that survive
_FORMATS = {
    torch.float16: (10, 65504.0, 2.0**-14),
    torch.bfloat16: (7, (2 - 2.0**-7) * 2.0**127, 2.0**-126),
    torch.float32: (23, (2 - 2.0**-23) * 2.0**127, 2.0**-126),
    torch.float64: (52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022),
    torch.float8_e5m2: (2, 57344.0, 2.0**-14),
    torch.float8_e4m3fn: (3, 448.0, 2.0**-6),
    torch.float8_e5m2fnuz: (2, 57344.0, 2.0**-15),
    torch.float8_e4m3fnuz: (3, 240.0, 2.0**-7),
    torch.float8_e8m0fnu: (0, 2.0**127, 2.0**-127),
}


class finfo(_Info):  # noqa: N801
    """finfo(dtype=torch.get_default_dtype()): `bits`, `eps`, `max`, `min`, `tiny`, `smallest_normal` and `resolution` of a floating-point
    dtype; of a complex one, those of its parts. TypeError for any other.

    Example::

        >>> torch.finfo(torch.float32).eps
        1.1920928955078125e-07
    """

    __slots__ = ("bits", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type=None):
        type = torch.get_default_dtype() if type is None else type
        if not isinstance(type, torch.dtype):
            raise TypeError(f"finfo(): argument 'type' (position 1) must be torch.dtype, not {type.__class__.__name__}")
        if not (type.is_floating_point or type.is_complex):
            raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'")
        self._dtype = type.to_real()
        mantissa, self.max, self.smallest_normal = _FORMATS[self._dtype]
        self.bits = self._dtype.itemsize * 8
        self.eps = 2.0**-mantissa
        self.min = self.smallest_normal if self._dtype is torch.float8_e8m0fnu else -self.max
        self.tiny = self.smallest_normal
        digits = int(mantissa * 0.30102999566398119521)
        self.resolution = float(f"1e-{digits}") if digits else 1.0

    def __repr__(self):
        def short(x):
            return f"{x:g}"
        return (f"finfo(resolution={short(self.resolution)}, min={short(self.min)}, max={short(self.max)}, eps={short(self.eps)}, "
                f"smallest_normal={short(self.smallest_normal)}, tiny={short(self.tiny)}, dtype={self.dtype})")
