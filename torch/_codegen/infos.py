"""C++ tables of the emitted kernels: one info record per overload, and the conversion tables of the loop driver."""

from __future__ import annotations

from . import reduce, rows, scan
from .convert import symbols as conversion_symbols
from .pointwise import COMPUTES

POINTWISE_SIGNATURE = "(char* const*, int64_t, const char*, uint32_t)"
CONVERSION_SIGNATURE = "(char*, const char*, int64_t, int64_t)"
KIND_BITS = {"b": 1, "u": 2, "s": 4, "f": 8, "c": 16}


def byte_array(name, values):
    return f"static const uint8_t {name}[] = {{{', '.join(map(str, values)) or '0'}}};"


def pointwise(unique, plan, schema, isas):
    """The `PointwiseInfo` of one overload, as C++ text."""
    symbols = sorted({s for variant in plan.symbols for s in variant.values() if s})
    externs = [f"void {s}_{isa}{POINTWISE_SIGNATURE};" for s in symbols for isa in isas]
    variants = []
    for variant in plan.symbols:
        per_isa = ["{" + ", ".join(f"{variant[c]}_{isa}" if variant.get(c) else "nullptr" for c in COMPUTES) + "}" for isa in isas]
        variants.append("{" + ", ".join(per_isa) + "}")
    lines = [f'extern "C" {{ {" ".join(externs)} }}',
             f"static const PointwiseKernel kernels_{unique}[][kIsas][kComputes] = {{{', '.join(variants)}}};",
             byte_array(f"inputs_{unique}", plan.inputs), byte_array(f"scalars_{unique}", plan.scalars),
             f"static const OperandKind operands_{unique}[] = {{{', '.join(f'OperandKind::{k}' for k in plan.operands)}}};"]
    statics = []
    for i, s in enumerate(plan.statics):
        values = "nullptr"
        if s.values:
            texts = ", ".join("nullptr" if v is None else f'"{v}"' for v in s.values)
            lines.append(f"static const char* const values_{unique}_{i}[] = {{{texts}}};")
            values = f"values_{unique}_{i}"
        statics.append(f"{{{s.position}, {s.count}, {values}}}")
    if statics:
        lines.append(f"static const StaticArg statics_{unique}[] = {{{', '.join(statics)}}};")
    kinds = sum(KIND_BITS[k] for k in plan.kinds)
    lines.append(
        f"extern const PointwiseInfo info_{unique};\n"
        f"const PointwiseInfo info_{unique} = {{{plan.nout}, {plan.nin}, {len(plan.scalars)}, inputs_{unique}, scalars_{unique}, operands_{unique}, "
        f"ResultDType::{plan.result}, {int(plan.result == 'Float')}, {int(plan.promotes)}, {kinds}u, \"{schema.name.rstrip('_')}\", "
        f"{len(statics)}, {f'statics_{unique}' if statics else 'nullptr'}, kernels_{unique}}};")
    return "\n".join(lines)


def conversions(isas, dtypes):
    """kLoad and kStore."""
    table = conversion_symbols()
    names = sorted(set(table.values()))
    externs = [f"void {n}_{isa}{CONVERSION_SIGNATURE};" for n in names for isa in isas]

    def rows(outer, inner, key):
        return ", ".join("{" + ", ".join("{" + ", ".join(f"{table[key(a, b)]}_{isa}" if key(a, b) in table else "nullptr" for b in inner) + "}" for a in outer) + "}"
                         for isa in isas)

    return "\n".join([
        f'extern "C" {{ {" ".join(externs)} }}',
        f"const LoadKernel kLoad[kIsas][kDTypes][kComputes] = {{{rows(dtypes, COMPUTES, lambda d, c: ('load', d, c))}}};",
        f"const StoreKernel kStore[kIsas][kComputes][kDTypes] = {{{rows(COMPUTES, dtypes, lambda c, d: ('store', c, d))}}};",
    ])




# family -> (C++ type of its record, function that writes one)
RECORDS = {"pointwise": ("PointwiseInfo", pointwise), "reduction": ("ReductionInfo", reduce.record), "fused": ("RowsInfo", rows.record), "scan": ("ScanInfo", scan.record)}
