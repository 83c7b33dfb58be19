"""What the build asks of the code generator: plans for the tables, and one object per definition module and instruction set."""

from __future__ import annotations

import concurrent.futures
import struct
from collections import defaultdict
from pathlib import Path

from . import convert, pointwise, reduce, rows, scan, target
from .emit import Module
from .pointwise import COMPUTES, Plan, Static

__all__ = ["COMPUTES", "Plan", "Static", "conversions", "isas", "plan", "write_objects"]

FAMILIES = {"pointwise": pointwise, "reduction": reduce, "fused": rows, "scan": scan}


def isas(machine="x86_64"):
    """Instruction sets of a processor family, the least capable first, as `Isa` in csrc/cpu/kernel_table.h orders them."""
    return ("scalar", "neon") if machine in ("aarch64", "arm64") else ("scalar", "avx2", "avx512")


def plan(definition, schema=None):
    """The plan of one overload of a definition (default: the first), or None where its kernels are written by hand."""
    family = FAMILIES.get(definition.family)
    return family.plan(definition, schema) if family else None


def conversions():
    """Base symbols of the conversion kernels: {("load", dtype, compute) or ("store", compute, dtype): symbol}."""
    return convert.symbols()


def _modules(definitions):
    """IR modules by the name of their object: one for each file of definitions, and the conversions."""
    groups = defaultdict(list)
    for definition in definitions:
        if definition.family in FAMILIES:
            groups[definition.module.rsplit(".", 1)[-1]].append(definition)
    for name, members in groups.items():
        module = Module()
        for definition in members:
            try:
                FAMILIES[definition.family].emit(definition, module)
            except Exception as error:
                error.add_note(f"in the definition of {definition.schemas[0]} ({definition.module})")
                raise
        yield name, module
    yield "convert", convert.emit()


def _compile(job):
    name, ir, isa, path, allowed = job
    target.write_object(ir, isa, path)
    foreign = undefined(path.read_bytes()) - allowed
    if foreign:
        path.unlink()
        raise RuntimeError(f"the kernels of {name} for {isa} need {', '.join(sorted(foreign))}, which nothing defines: "
                           "LLVM lowers something in them to a library call")
    return path


def write_objects(definitions, out_dir, isas, jobs=1):
    """Objects of all kernels, as paths; those whose IR has not changed are left as they are, stale ones removed."""
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    paths, work = [], []
    for name, module in _modules(definitions):
        allowed = target.RUNTIME_SYMBOLS | {symbol for symbol, _ in module.externals}
        for isa in isas:
            ir = module.text(isa)
            path = out_dir / f"{name}.{isa}.{target.key(ir, isa)}.o"
            paths.append(path)
            if not path.exists():
                work.append((name, ir, isa, path, allowed))
    if jobs > 1 and len(work) > 1:
        with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
            list(pool.map(_compile, work))
    else:
        for job in work:
            _compile(job)
    for stale in set(out_dir.glob("*.o")) - set(paths):
        stale.unlink()
    return paths


def undefined(image):
    """Names of the symbols that a 64-bit little-endian ELF object leaves undefined."""
    offset, = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    # sh_type, sh_offset, sh_size, sh_link
    sections = [struct.unpack_from("<4xI16xQQI", image, offset + i * size) for i in range(count)]
    names = set()
    for kind, start, length, link in sections:
        if kind != 2:   # SHT_SYMTAB
            continue
        strings = sections[link][1]
        for at in range(start + 24, start + length, 24):
            name, _, _, section = struct.unpack_from("<IBBH", image, at)
            if section == 0 and name:
                end = image.index(b"\0", strings + name)
                names.add(image[strings + name:end].decode())
    return names
