"""How tensors print: `repr(tensor)` and `torch.set_printoptions`."""

from __future__ import annotations

import contextlib
import math

import torch
from torch import _C


class _PrintOptions:
    """What `set_printoptions` sets."""

    precision = 4
    threshold = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode = None


PRINT_OPTS = _PrintOptions()

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Sets how tensors print.

    Args:
        precision: digits after the point (4).
        threshold: number of elements above which a tensor is summarized (1000).
        edgeitems: elements shown at both ends of each summarized dimension (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full".
        sci_mode: True or False for scientific notation always or never; None (the default) decides by the values.

    Example::

        >>> torch.set_printoptions(precision=2)
        >>> torch.tensor([1.12345])
        tensor([1.12])
    """
    if profile is not None:
        for name, value in _PROFILES[profile].items():
            setattr(PRINT_OPTS, name, value)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is not None:
            setattr(PRINT_OPTS, name, value)
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict:
    """The options that `set_printoptions` sets, as a dictionary."""
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    return {name: getattr(PRINT_OPTS, name) for name in names}


@contextlib.contextmanager
def printoptions(**kwargs):
    """`set_printoptions` for the length of a `with` block."""
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


class _Formatter:
    """The common width and notation of some numbers."""

    def __init__(self, values, floating):
        self.floating = floating
        self.int_mode = True
        self.sci_mode = False
        self.width = 1
        if not floating:
            self.width = max([1, *(len(str(v)) for v in values)])
            return
        values = [v for v in values if v != 0 and math.isfinite(v)]
        if not values:
            return
        low, high = min(map(abs, values)), max(map(abs, values))
        self.int_mode = all(v == math.ceil(v) for v in values)
        wide = high / low > 1000.0 or high > 1.0e8
        self.sci_mode = wide or (not self.int_mode and low < 1.0e-4)
        if PRINT_OPTS.sci_mode is not None:
            self.sci_mode = PRINT_OPTS.sci_mode
        precision = PRINT_OPTS.precision
        if self.sci_mode:
            texts = (f"{v:.{precision}e}" for v in values)
        elif self.int_mode:
            texts = (f"{v:.0f}." for v in values)
        else:
            texts = (f"{v:.{precision}f}" for v in values)
        self.width = max(1, max(map(len, texts)))

    def __call__(self, value):
        if not self.floating:
            text = str(value)
        elif self.sci_mode:
            text = f"{value:{self.width}.{PRINT_OPTS.precision}e}"
        elif self.int_mode:
            text = f"{value:.0f}"
            if math.isfinite(value):
                text += "."
        else:
            text = f"{value:.{PRINT_OPTS.precision}f}"
        return text.rjust(self.width)


class _ComplexFormatter:
    """A pair of formatters for the real and imaginary parts."""

    def __init__(self, values):
        self.real = _Formatter([v.real for v in values], True)
        self.imag = _Formatter([v.imag for v in values], True)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value):
        imag = (self.imag(value.imag) + "j").lstrip()
        sign = "" if imag[0] in "+-" else "+"
        return self.real(value.real) + sign + imag


def _shown(tensor, summarize):
    """The elements that are printed, as nested lists, with `...` where some are left out."""
    if not summarize or tensor.dim() == 0:
        return tensor.tolist()
    edge, n = PRINT_OPTS.edgeitems, tensor.size(0)
    rows = range(n) if n <= 2 * edge else [*range(edge), ..., *range(n - edge, n)]
    if tensor.dim() == 1 and n > 2 * edge:
        return [*tensor[:edge].tolist(), ..., *(tensor[n - edge:].tolist() if edge else [])]
    if tensor.dim() == 1:
        return tensor.tolist()
    return [... if i is ... else _shown(tensor[i], summarize) for i in rows]


def _flat(nested):
    for item in nested:
        if isinstance(item, list):
            yield from _flat(item)
        elif item is not ...:
            yield item


def _row_text(row, indent, formatter):
    per_line = max(1, (PRINT_OPTS.linewidth - indent) // (formatter.width + 2))
    texts = [" ..." if v is ... else formatter(v) for v in row]
    lines = [", ".join(texts[i:i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested_text(nested, dim, indent, formatter):
    if dim == 0:
        return formatter(nested)
    if dim == 1:
        return _row_text(nested, indent, formatter)
    parts = ["..." if item is ... else _nested_text(item, dim - 1, indent + 1, formatter) for item in nested]
    return "[" + ("," + "\n" * (dim - 1) + " " * (indent + 1)).join(parts) + "]"


def _tensor_str(tensor, indent):
    if tensor.numel() == 0:
        return "[]"
    if tensor.dtype.is_complex:
        tensor = tensor.resolve_conj() if tensor.is_conj() else tensor
    if tensor.is_neg():
        tensor = tensor.resolve_neg()
    nested = _shown(tensor, tensor.numel() > PRINT_OPTS.threshold)
    values = list(_flat(nested)) if tensor.dim() else [nested]
    formatter = _ComplexFormatter(values) if tensor.dtype.is_complex else _Formatter(values, tensor.dtype.is_floating_point)
    return _nested_text(nested, tensor.dim(), indent, formatter)


def _with_suffixes(text, suffixes, indent):
    last_line = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if last_line + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            last_line = indent + len(suffix)
        else:
            text += ", " + suffix
            last_line += len(suffix) + 2
    return text + ")"


def _default_dtypes():
    default = torch.get_default_dtype()
    return (default, default.to_complex() if default is not torch.bfloat16 else torch.complex64, torch.int64, torch.bool)


def _str(tensor, *, tensor_contents=None):
    """What `repr(tensor)` returns."""
    with _C.DisableTorchFunctionSubclass():
        return _str_intern(tensor, tensor_contents)


def _batched_str(tensor):
    """The examples of a tensor under vmap, with the level and the dimension that counts them."""
    functorch = _C._functorch
    value = "\n".join("    " + line for line in repr(functorch.get_unwrapped(tensor)).split("\n"))
    return f"BatchedTensor(lvl={functorch.maybe_get_level(tensor)}, bdim={functorch.maybe_get_bdim(tensor)}, value=\n{value}\n)"


def _str_intern(tensor, contents):
    if _C._functorch.is_batchedtensor(tensor):
        return _batched_str(tensor)
    plain = type(tensor) is torch.Tensor or type(tensor).__name__ == "Parameter"
    prefix = "tensor(" if plain else f"{type(tensor).__name__}("
    indent = len(prefix)
    suffixes = []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    grad_fn, requires_grad = tensor.grad_fn, tensor.requires_grad
    values = tensor.detach() if requires_grad else tensor
    if tensor.is_meta or (contents is None and not _has_values(tensor)):
        suffixes.append(f"size={tuple(tensor.shape)}")
        if tensor.dtype is not torch.get_default_dtype():
            suffixes.append(f"dtype={tensor.dtype}")
        text = "..."
    elif tensor.numel() == 0:
        if tensor.dim() != 1:
            suffixes.append(f"size={tuple(tensor.shape)}")
        if tensor.dtype is not torch.get_default_dtype():
            suffixes.append(f"dtype={tensor.dtype}")
        text = "[]"
    else:
        if tensor.dtype not in _default_dtypes():
            suffixes.append(f"dtype={tensor.dtype}")
        text = contents if contents is not None else _tensor_str(values, indent)
    if tensor.layout is not torch.strided:
        suffixes.append(f"layout={tensor.layout}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn.name().rsplit('::', 1)[-1]}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + text, suffixes, indent)


def _has_values(tensor):
    return tensor.untyped_storage().data_ptr() != 0 or tensor.numel() == 0
