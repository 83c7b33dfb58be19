"""Schema strings of PyTorch's grammar, parsed into plain data.

`parse("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")` gives a `Schema` whose `str()` is the same string.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from functools import cached_property

# schema type -> runtime Type (dispatch/op.h); SymInt and int are one thing to the kernels
BASE_TYPES = {
    "Tensor": "Tensor", "Scalar": "Scalar", "int": "Int", "SymInt": "Int", "float": "Float", "SymFloat": "Float",
    "bool": "Bool", "SymBool": "Bool", "str": "Str", "ScalarType": "DType", "Device": "Device", "Layout": "Layout",
    "MemoryFormat": "MemoryFormat", "Generator": "Generator", "Storage": "Storage", "Dimname": "Str", "number": "Scalar",
    "Stream": "Object", "Any": "Object", "DeviceIndex": "Int",
}

# arguments that number dimensions of the tensors beside them, and those that are the sizes of a whole tensor
DIM_NAMES = frozenset({"dim", "dim0", "dim1", "dim2", "dims", "dimension"})
SIZE_NAMES = frozenset({"size", "shape", "input_size", "input_sizes", "repeats"})

# PyTorch prints enums in schemas by number
NAMED_DEFAULTS = {"None": None, "True": True, "False": False}

_TYPE = re.compile(
    r"(?P<base>\w+)(?P<alias>\([^)]*\))?(?P<optional_element>\?)?(?:\[(?P<size>\d*)\](?P<list_alias>\([^)]*\))?(?P<list_optional>\?)?)?(?P<rest>.*)$"
)


@dataclass(frozen=True)
class Arg:
    """One argument or result."""

    name: str
    base: str                     # Tensor, int, Scalar, ...
    list: bool = False
    size: int | None = None       # int[2]
    optional: bool = False
    optional_element: bool = False
    alias: str = ""               # "a", "a!", "a -> *", ...
    kwarg_only: bool = False
    default: str | None = None    # as written
    text: str = ""                # the type as written

    @property
    def type(self):
        return BASE_TYPES[self.base]

    @property
    def role(self):
        """What an integer argument counts: "Dim", "Size" or "Other"."""
        if self.type != "Int":
            return "Other"
        return "Dim" if self.name in DIM_NAMES else "Size" if self.list and self.name in SIZE_NAMES else "Other"

    @property
    def write(self):
        return "!" in self.alias

    @property
    def is_tensor(self):
        return self.base == "Tensor" and not self.list

    @property
    def is_tensor_list(self):
        return self.base == "Tensor" and self.list

    @property
    def value(self):
        """The default as a Python value."""
        text = self.default
        if self.base == "MemoryFormat" and text == "0":
            return "contiguous_format"
        if text in NAMED_DEFAULTS:
            return NAMED_DEFAULTS[text]
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text

    def __str__(self):
        text = self.text + (f" {self.name}" if self.name else "")
        return text + (f"={self.default}" if self.default is not None else "")


@dataclass(frozen=True)
class Schema:
    """A parsed schema. `key` is the name with its overload: "add.Tensor"."""

    name: str
    overload: str
    args: tuple[Arg, ...]
    returns: tuple[Arg, ...]

    @property
    def key(self):
        return f"{self.name}.{self.overload}" if self.overload else self.name

    @property
    def unique(self):
        """The C++ name: one per overload."""
        return f"{self.name}_{self.overload}" if self.overload else self.name

    @cached_property
    def index(self):
        return {a.name: i for i, a in enumerate(self.args)}

    @property
    def outs(self):
        return [a for a in self.args if a.write and a.kwarg_only]

    @property
    def is_inplace(self):
        return bool(self.args) and self.args[0].write and self.name.endswith("_") and not self.name.endswith("__")

    @property
    def is_out(self):
        return bool(self.outs)

    @property
    def is_view(self):
        """Some result aliases an argument that is not written."""
        return any(r.alias and not r.write for r in self.returns)

    def __str__(self):
        parts, star = [], False
        for a in self.args:
            if a.kwarg_only and not star:
                parts.append("*")
                star = True
            parts.append(str(a))
        returns = [str(r) for r in self.returns]
        result = returns[0] if len(returns) == 1 else f"({', '.join(returns)})"
        return f"{self.key}({', '.join(parts)}) -> {result}"


OPTIONS = ("dtype", "layout", "device", "pin_memory")   # of a new tensor; an output given brings its own


def _split(text):
    """Split at commas outside brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    tail = text[start:].strip()
    return parts + [tail] if tail else parts


def parse_arg(text, kwarg_only=False):
    """`Tensor(a!) self`, `int[2] stride=1`, `Scalar? min=None`, or a nameless result type."""
    declaration, default = text, None
    match = re.match(r"^(.*?[\w\])?*] \w+)\s*=\s*(.*)$", text)
    if match:
        declaration, default = match.groups()
        default = {"contiguous_format": "0", "long": "4", "Mean": "1"}.get(default, default.replace("'", '"'))
    match = re.match(r"^(.*[\w\])?*]) (\w+)$", declaration)
    type_text, name = match.groups() if match else (declaration, "")
    m = _TYPE.match(type_text)
    if not m or m["rest"] or m["base"] not in BASE_TYPES:
        raise ValueError(f"cannot read the schema type {type_text!r}")
    is_list = m["size"] is not None
    optional = bool(m["list_optional"]) if is_list else bool(m["optional_element"])
    return Arg(
        name=name, base=m["base"], list=is_list, size=int(m["size"]) if m["size"] else None, optional=optional,
        optional_element=is_list and bool(m["optional_element"]),
        alias=((m["alias"] or m["list_alias"] or "").strip("()")), kwarg_only=kwarg_only, default=default, text=type_text,
    )


def parse(text):
    """A `Schema` from PyTorch's schema string, with or without `aten::`."""
    text = text.removeprefix("aten::").strip()
    match = re.match(r"^(\w+)(?:\.(\w+))?\((.*)\) -> (.+)$", text, re.S)
    if not match:
        raise ValueError(f"not a schema: {text!r}")
    name, overload, inside, result = match.groups()
    args, kwarg_only = [], False
    for part in _split(inside):
        if part == "*":
            kwarg_only = True
        else:
            args.append(parse_arg(part, kwarg_only))
    returns = _split(result[1:-1]) if result.startswith("(") else [result]
    return Schema(name, overload or "", tuple(args), tuple(parse_arg(r) for r in returns))


def inplace_of(schema):
    """`add_.Tensor(Tensor(a!) self, ...) -> Tensor(a!)` of a functional schema whose first argument is the tensor written."""
    first = schema.args[0]
    written = replace(first, alias="a!", text="Tensor(a!)")
    return Schema(schema.name + "_", schema.overload, (written, *schema.args[1:]), (replace(written, name="", default=None),))


def out_of(schema, overload=None, name="out", named=True):
    """`add.out(..., *, Tensor(a!) out) -> Tensor(a!)` of a functional schema; several results give out0, out1, ... or their names.

    A list is filled and not returned.
    """
    if overload is None:
        overload = "out" if schema.overload in ("", "Tensor") else f"{schema.overload}_out"
    letters = "abcdefgh"
    args = tuple(a for a in schema.args if a.name not in OPTIONS) if all(n in schema.index for n in OPTIONS) else schema.args
    outs, returns = [], []
    for i, r in enumerate(schema.returns):
        written = name if len(schema.returns) == 1 else (r.name or f"{name}{i}")
        text = f"Tensor({letters[i]}!)" + ("[]" if r.list else "")
        outs.append(Arg(written, "Tensor", list=r.list, alias=f"{letters[i]}!", kwarg_only=True, text=text))
        if not r.list:
            returns.append(Arg(r.name if named and len(schema.returns) > 1 else "", "Tensor", alias=f"{letters[i]}!", text=text))
    return Schema(schema.name, overload, args + tuple(outs), tuple(returns))
