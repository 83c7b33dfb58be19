"""Families of dtypes, as tuples that can be extended: `floating_types_and(torch.half)`."""

from __future__ import annotations

import torch

_FLOATING = (torch.float32, torch.float64)
_HALF = (torch.float16, torch.bfloat16)
_COMPLEX = (torch.complex64, torch.complex128)
_INTEGRAL = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
_FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)


class _dispatch_dtypes(tuple):  # noqa: N801
    """A tuple of dtypes; sums are such tuples too."""

    def __add__(self, other):
        return _dispatch_dtypes(tuple.__add__(self, other))


_FAMILIES = {
    "empty_types": ((), "No dtypes."),
    "floating_types": (_FLOATING, "float32 and float64."),
    "complex_types": (_COMPLEX, "complex64 and complex128."),
    "integral_types": (_INTEGRAL, "The integers without uint16 to uint64."),
    "double_types": ((torch.float64, torch.complex128), "float64 and complex128."),
    "floating_and_complex_types": (_FLOATING + _COMPLEX, "float32, float64 and the complex dtypes of them."),
    "all_types": (_FLOATING + _INTEGRAL, "float32, float64 and the integers."),
    "all_types_and_complex": (_FLOATING + _INTEGRAL + _COMPLEX, "float32, float64, the integers and the complex dtypes."),
}


def _family(name, dtypes, doc):
    def family():
        return _dispatch_dtypes(dtypes)

    def extended(*more):
        return _dispatch_dtypes(dtypes) + more

    family.__name__, family.__doc__ = name, doc
    extended.__name__, extended.__doc__ = f"{name}_and", f"{doc[:-1]}, and the given ones."
    return family, extended


for _name, (_dtypes, _doc) in _FAMILIES.items():
    globals()[_name], globals()[f"{_name}_and"] = _family(_name, _dtypes, _doc)


def custom_types(*dtypes):
    """The given dtypes."""
    return _dispatch_dtypes(dtypes)


def all_types_and_half():
    """float16 and all_types."""
    return custom_types(torch.half, *_FLOATING, *_INTEGRAL)


def all_types_complex_float8_and(*more):
    """all_types_and_complex, the 8-bit floats and the given ones."""
    return custom_types(*_FLOATING, *_INTEGRAL, *_COMPLEX, *_FLOAT8, *more)


def floating_types_and_half():
    """float16, float32 and float64."""
    return custom_types(torch.half, *_FLOATING)


def float8_types():
    """The 8-bit floats."""
    return _dispatch_dtypes(_FLOAT8)


def float8_types_and(*more):
    """The 8-bit floats and the given ones."""
    return float8_types() + more


def get_all_dtypes(include_half=True, include_bfloat16=True, include_bool=True, include_complex=True, include_complex32=False):
    """A list of all dtypes that computations take."""
    dtypes = get_all_int_dtypes() + get_all_fp_dtypes(include_half=include_half, include_bfloat16=include_bfloat16)
    dtypes += [torch.bool] if include_bool else []
    return dtypes + (get_all_complex_dtypes(include_complex32) if include_complex else [])


def get_all_math_dtypes(device):
    """A list of the dtypes of numbers."""
    return get_all_int_dtypes() + get_all_fp_dtypes(include_half=torch.device(device).type == "cuda", include_bfloat16=False) + get_all_complex_dtypes()


def get_all_complex_dtypes(include_complex32=False):
    """A list of the complex dtypes."""
    return ([torch.complex32] if include_complex32 else []) + list(_COMPLEX)


def get_all_int_dtypes():
    """A list of the integers."""
    return list(_INTEGRAL)


def get_all_fp_dtypes(include_half=True, include_bfloat16=True):
    """A list of the floating-point dtypes."""
    return list(_FLOATING) + ([torch.float16] if include_half else []) + ([torch.bfloat16] if include_bfloat16 else [])


def get_all_qint_dtypes():
    """A list of the quantized dtypes: none."""
    return []


float_to_corresponding_complex_type_map = {torch.float16: torch.complex32, torch.float32: torch.complex64, torch.float64: torch.complex128}
