"""assert_close and the report it gives."""

import cmath
import collections.abc
import numbers
import sys
import warnings

import torch

_TOLERANCES = {  # dtype -> (rtol, atol)
    torch.float16: (1e-3, 1e-5), torch.bfloat16: (1.6e-2, 1e-5), torch.float32: (1.3e-6, 1e-5), torch.float64: (1e-7, 1e-7),
    torch.complex64: (1.3e-6, 1e-5), torch.complex128: (1e-7, 1e-7),
}
_SCALARS = {bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128}


class _Mismatch(Exception):
    """A difference, with the place in the nesting where it was found."""

    def __init__(self, message, place=()):
        super().__init__(message)
        self.message, self.place = message, place

    def full(self, message=None):
        text = message if isinstance(message, str) else self.message
        if self.place:
            text += "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in self.place)
        return message(text) if callable(message) else text


def default_tolerances(*dtypes):
    """The larger (rtol, atol) of the given dtypes; zero for integers."""
    pairs = [_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
    return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


def _tolerances(rtol, atol, *dtypes):
    if (rtol is None) != (atol is None):
        raise ValueError("Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                         f"{'rtol' if rtol is None else 'atol'}.")
    return default_tolerances(*dtypes) if rtol is None else (float(rtol), float(atol))


def _header(kind, rtol, atol):
    return f"{kind} are not {'equal' if rtol == 0 and atol == 0 else 'close'}!\n\n"


def _allowed(tolerance, exact):
    return "" if exact else f" (up to {tolerance} allowed)"


def _compare_scalars(actual, expected, rtol, atol, equal_nan):
    if cmath.isnan(actual) and cmath.isnan(expected) and equal_nan:
        return
    if actual == expected:
        return
    difference = abs(actual - expected)
    if cmath.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return
    exact = rtol == 0 and atol == 0
    relative = difference / abs(expected) if expected != 0 else float("inf")
    raise _Mismatch(_header("Scalars", rtol, atol) + f"Expected {expected} but got {actual}.\n"
                    f"Absolute difference: {difference}{_allowed(atol, exact)}\n"
                    f"Relative difference: {relative}{_allowed(rtol, exact)}")


def _where(flat_index, shape):
    index = []
    for size in reversed(shape):
        index.append(flat_index % size)
        flat_index //= size
    return tuple(reversed(index))


def _worst(differences, matches):
    """(greatest difference among the mismatches, its flat place)."""
    masked = differences.masked_fill(matches, -1).reshape(-1)
    masked = torch.where(masked != masked, torch.full_like(masked, float("inf")), masked) if masked.is_floating_point() \
        else masked
    place = int(masked.argmax())
    return differences.reshape(-1)[place].item(), place


def _compare_values(actual, expected, rtol, atol, equal_nan):
    if actual.numel() == 0:
        return None
    matches = torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if bool(matches.all()):
        return None
    if not actual.is_floating_point() and not actual.is_complex():
        actual, expected = actual.to(torch.int64), expected.to(torch.int64)
    difference = (actual - expected).abs()
    wrong, total, exact = int((~matches).sum()), matches.numel(), rtol == 0 and atol == 0
    absolute, place = _worst(difference, matches)
    relative, relative_place = _worst(difference / expected.abs(), matches)
    if actual.dim() == 0:
        return _compare_scalars(actual.item(), expected.item(), rtol, atol, equal_nan)
    raise _Mismatch(
        _header("Tensor-likes", rtol, atol) + f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})\n"
        f"Greatest absolute difference: {absolute} at index {_where(place, actual.shape)}{_allowed(atol, exact)}\n"
        f"Greatest relative difference: {relative} at index {_where(relative_place, actual.shape)}{_allowed(rtol, exact)}")


def _compare_tensors(actual, expected, options):
    def same(name, first, second):
        if first != second:
            raise _Mismatch(f"The values for attribute '{name}' do not match: {first} != {second}.")

    same("shape", actual.shape, expected.shape)
    if actual.layout != expected.layout:
        if options["check_layout"]:
            same("layout", actual.layout, expected.layout)
        actual, expected = actual.to_dense(), expected.to_dense()
    if options["check_device"]:
        same("device", actual.device, expected.device)
    elif actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if options["check_dtype"]:
        same("dtype", actual.dtype, expected.dtype)
    if options["check_stride"] and actual.layout == torch.strided:
        same("stride()", actual.stride(), expected.stride())
    if actual.is_meta:
        return
    rtol, atol = _tolerances(options["rtol"], options["atol"], actual.dtype, expected.dtype)
    common = torch.promote_types(actual.dtype, expected.dtype)
    actual, expected = actual.detach().to(common), expected.detach().to(common)
    if actual.layout != torch.strided:
        actual, expected = actual.to_dense(), expected.to_dense()
    _compare_values(actual, expected, rtol, atol, options["equal_nan"])


def _ordered(keys):
    return sorted(keys, key=lambda key: (str(type(key)), str(key)))


def _is_array(value):
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic))


def _compare(actual, expected, options, place=()):
    try:
        _compare_pair(actual, expected, options, place)
    except _Mismatch as mismatch:
        if not mismatch.place:
            mismatch.place = place
        raise


def _compare_pair(actual, expected, options, place):
    tensors = isinstance(actual, torch.Tensor) + isinstance(expected, torch.Tensor)
    if tensors == 2 or (_is_array(actual) and _is_array(expected)):
        if tensors == 2 and not options["allow_subclasses"] and type(actual) is not type(expected):
            raise TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}: without "
                            "allow_subclasses both must have one type.")
        _compare_tensors(torch.as_tensor(actual), torch.as_tensor(expected), options)
    elif isinstance(actual, bool) and isinstance(expected, bool):
        if actual is not expected:
            raise _Mismatch(f"Booleans mismatch: {actual} is not {expected}")
    elif isinstance(actual, numbers.Number) and isinstance(expected, numbers.Number) and not tensors:
        if options["check_dtype"] and type(actual) is not type(expected):
            raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
        dtypes = [_SCALARS.get(type(value), torch.float64) for value in (actual, expected)]
        rtol, atol = _tolerances(options["rtol"], options["atol"], *dtypes)
        _compare_scalars(actual, expected, rtol, atol, options["equal_nan"])
    elif actual is None and expected is None:
        return
    elif isinstance(actual, collections.abc.Mapping) and isinstance(expected, collections.abc.Mapping):
        if set(actual) != set(expected):
            missing, extra = set(expected) - set(actual), set(actual) - set(expected)
            raise _Mismatch("The keys of the mappings do not match:\nMissing keys in the actual mapping: "
                            f"{_ordered(missing)}\nAdditional keys in the actual mapping: {_ordered(extra)}")
        for key in actual:
            _compare(actual[key], expected[key], options, (*place, key))
    elif (isinstance(actual, collections.abc.Sequence) and isinstance(expected, collections.abc.Sequence)
          and not isinstance(actual, str) and not isinstance(expected, str)):
        if len(actual) != len(expected):
            raise _Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        for number, (first, second) in enumerate(zip(actual, expected)):
            _compare(first, second, options, (*place, number))
    else:
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")


def assert_close(actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False, check_device=True,
                 check_dtype=True, check_layout=True, check_stride=False, msg=None):
    """Raise AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Tensors, NumPy arrays, numbers and (nested) sequences and mappings of them are compared; shape, dtype, device and layout
    have to agree too. Without tolerances those of the dtype are taken, zero for integers. The report counts the mismatches
    and names the greatest difference and its place. `msg` replaces the report, or is a function of it.
    """
    options = {"allow_subclasses": allow_subclasses, "rtol": rtol, "atol": atol, "equal_nan": equal_nan,
               "check_device": check_device, "check_dtype": check_dtype, "check_layout": check_layout,
               "check_stride": check_stride}
    _tolerances(rtol, atol, torch.float32)
    try:
        _compare(actual, expected, options)
    except _Mismatch as mismatch:
        report = mismatch.full(msg)
        raise AssertionError(report) from None


# those of assert_allclose
_OLD_TOLERANCES = {torch.float16: (1e-3, 1e-3), torch.float32: (1e-4, 1e-5), torch.float64: (1e-5, 1e-8)}


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """Deprecated: :func:`assert_close` without the checks of dtype and device."""
    warnings.warn("`torch.testing.assert_allclose()` is deprecated. Use `torch.testing.assert_close()` instead.",
                  FutureWarning, stacklevel=2)
    actual, expected = torch.as_tensor(actual), torch.as_tensor(expected)
    if rtol is None and atol is None:
        rtol, atol = (max(pair) for pair in zip(*(_OLD_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected))))
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True,
                 check_dtype=False, check_stride=False, msg=msg or None)
