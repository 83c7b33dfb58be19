"""The `reduction` argument of losses: names, their numbers in operators, and the flags of old."""

import warnings

_CODES = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


def get_enum(reduction):
    """The number that operators take for "none", "mean" or "sum". Raises ValueError for anything else."""
    if reduction not in _CODES:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _CODES[reduction]


def legacy_get_string(size_average, reduce, emit_warning=True):
    """The reduction that the deprecated pair of flags means."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    name = "none" if not reduce else "mean" if size_average else "sum"
    if emit_warning:
        warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
                      stacklevel=3)
    return name


def resolve(size_average, reduce, reduction):
    """The reduction name after the deprecated flags, if any were given, have had their say."""
    if size_average is None and reduce is None:
        return reduction
    return legacy_get_string(size_average, reduce)
