"""Type stubs of the operators, from their schemas: `torch/_C/*.pyi` for checkers and editors."""

from __future__ import annotations

import keyword

from .schema import Arg
from .tables import NAMESPACES

_TYPES = {
    "Tensor": "Tensor", "Scalar": "Number", "Int": "int", "Float": "float", "Bool": "bool", "Str": "str", "DType": "dtype", "Device": "DeviceLike",
    "Layout": "layout", "MemoryFormat": "memory_format", "Generator": "Generator", "Storage": "UntypedStorage", "Object": "Any",
}

PRELUDE = '''# Generated from torch/_opdefs by torch/_codegen.
from collections.abc import Sequence
from typing import Any, Union, overload

from torch import Generator, Tensor, UntypedStorage, device, dtype, layout, memory_format

Number = Union[int, float, bool, complex]
DeviceLike = Union[device, str, int]

'''


def annotation(arg: Arg, result=False):
    """The Python type of a schema argument or result."""
    base = _TYPES[arg.type]
    if arg.optional_element:
        base = f"{base} | None"
    if arg.list:
        base = f"list[{base}]" if result else f"{base} | Sequence[{base}]" if arg.size else f"Sequence[{base}]"
    return f"{base} | None" if arg.optional else base


def _default(arg):
    value = arg.value
    return repr(value) if isinstance(value, (int, float, bool, type(None), list)) else "..."


def signature(schema, method):
    """`(self, other: Tensor, *, alpha: Number = ...)` and the result type."""
    parts, star = [], False
    for i, a in enumerate(schema.args):
        if method and a.name == "self" and a.is_tensor:
            parts.insert(0, "self")
            continue
        name = "input" if a.name == "self" else a.name
        name = name + "_" if keyword.iskeyword(name) else name
        if a.kwarg_only and not star:
            parts.append("*")
            star = True
        parts.append(f"{name}: {annotation(a)}" + (f" = {_default(a)}" if a.default is not None else ""))
    returns = [annotation(r, result=True) for r in schema.returns]
    result = "None" if not returns else returns[0] if len(returns) == 1 else f"tuple[{', '.join(returns)}]"
    return f"({', '.join(parts)}) -> {result}"


def _functions(rows, place):
    names: dict = {}
    for row in rows:
        if place in row.python and not row.hidden and row.role != "out":
            names.setdefault(row.schema.name, []).append(row)
    lines, indent = [], "    " if place == "method" else ""
    for name, members in sorted(names.items()):
        for row in members:
            decorator = [f"{indent}@overload"] if len(members) > 1 else []
            lines += [*decorator, f"{indent}def {name}{signature(row.schema, place == 'method')}: ..."]
    return lines


def render(rows):
    """{file name: text} of all stubs."""
    files = {"_VariableFunctions.pyi": "function", "_nn.pyi": "nn", "_linalg.pyi": "linalg", "_fft.pyi": "fft", "_special.pyi": "special"}
    assert set(files.values()) < set(NAMESPACES)
    texts = {name: PRELUDE + "\n".join(_functions(rows, place)) + "\n" for name, place in files.items()}
    texts["_methods.pyi"] = PRELUDE + "class TensorMethods:\n" + "\n".join(_functions(rows, "method")) + "\n"
    modules = ", ".join(sorted(name.removesuffix(".pyi") for name in texts))
    texts["__init__.pyi"] = f"# Generated from torch/_opdefs by torch/_codegen.\nfrom typing import Any\n\nfrom . import {modules}\n\ndef __getattr__(name: str) -> Any: ...\n"
    return texts
