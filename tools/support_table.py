"""Writes docs/support.md, the dtypes of every operator, from the definitions.

    python tools/support_table.py            # writes it
    python tools/support_table.py --check    # says whether it is up to date
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch._opdefs import load

TABLE = Path(__file__).resolve().parents[1] / "docs" / "support.md"
COLUMNS = {
    "bool": ["bool"], "uint8": ["uint8"], "int8 to int64": ["int8", "int16", "int32", "int64"], "uint16 to uint64": ["uint16", "uint32", "uint64"],
    "float16": ["float16"], "bfloat16": ["bfloat16"], "float32, float64": ["float32", "float64"],
    "float8": ["float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu"],
    "complex32": ["complex32"], "complex64, complex128": ["complex64", "complex128"],
}
HEAD = """# Dtypes of operators

Which dtypes the values of an operator's operands may have on the CPU, as `torch.support()` gives them. Written by
`tools/support_table.py` from the definitions; `test_dtypes.py` shows that exactly these run. Indices and masks have dtypes of
their own. Operands of different dtypes promote as `torch.promote_types` says, which refuses uint16, uint32, uint64 and float8
beside other dtypes of their kind. Halves, float8 and complex32 are computed in float32 or complex64 and rounded once.

● all of the column's dtypes, ◐ some of them.
"""


def sections():
    """{title of a file of definitions: {dtypes: [operators]}}."""
    supported = torch.support()
    found: dict = {}
    for definition in load():
        if definition.name in supported:
            title = sys.modules[definition.module].__doc__.split("\n")[0].split(":")[0].rstrip(".")
            names = found.setdefault(title, {}).setdefault(supported.pop(definition.name)["cpu"], [])
            names.append(definition.name)
    return found


def mark(dtypes, column):
    count = sum(getattr(torch, name) in dtypes for name in column)
    return "●" if count == len(column) else "◐" if count else ""


def render():
    """The whole page."""
    lines = [HEAD]
    for title, groups in sorted(sections().items()):
        lines += [f"## {title}", "", f"| operators | {' | '.join(COLUMNS)} |", "|---|" + ":-:|" * len(COLUMNS)]
        for dtypes, names in sorted(groups.items(), key=lambda g: g[1]):
            lines.append(f"| {', '.join(f'`{n}`' for n in sorted(names))} | {' | '.join(mark(dtypes, c) for c in COLUMNS.values())} |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        sys.exit(0 if TABLE.read_text() == render() else f"{TABLE} is out of date: run tools/support_table.py")
    TABLE.write_text(render())


if __name__ == "__main__":
    main()
