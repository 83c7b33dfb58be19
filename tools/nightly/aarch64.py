"""Runs every element-wise kernel's aarch64 object under qemu and compares its bits with those of this machine's AVX2 kernel.

    python tools/nightly/aarch64.py WORK_FOLDER

Needs Debian's gcc-aarch64-linux-gnu and qemu-user.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "build"))
import source  # noqa: E402

# One C program for both machines: fills operands from a fixed sequence, runs each kernel at several lengths, prints a hash of the results.
HARNESS = r"""
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
float kd_fmaf(float a, float b, float c) { return fmaf(a, b, c); }
double kd_fma(double a, double b, double c) { return fma(a, b, c); }
typedef void (*kernel)(char* const*, int64_t, const char*, uint32_t);
%(declarations)s
struct row { const char* name; kernel run; int nout, nin; const char* types; };
static const struct row rows[] = {%(rows)s};
static uint64_t state = 88172645463325252ull;
static uint64_t draw(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }
static char buffers[16][4096 * 16] __attribute__((aligned(64)));
static void fill(char* p, char type, int n) {
  for (int i = 0; i < n; i++) {
    double x = (double)(int64_t)(draw() >> 20) / (1ull << 40) - 2.0;
    if (type == 'b') p[i] = draw() & 1;
    if (type == 'i') ((int32_t*)p)[i] = (int32_t)(draw() %% 40) + 1;
    if (type == 'l') ((int64_t*)p)[i] = (int64_t)(draw() %% 40) + 1;
    if (type == 'f') ((float*)p)[i] = (float)x;
    if (type == 'd') ((double*)p)[i] = x;
  }
}
static int bytes(char type) { return type == 'b' ? 1 : type == 'i' || type == 'f' ? 4 : 8; }
int main(void) {
  static const int lengths[] = {1, 7, 31, 64, 257};
  char scalars[16 * 16];
  for (unsigned k = 0; k < sizeof rows / sizeof *rows; k++) {
    const struct row* r = &rows[k];
    uint64_t hash = 1469598103934665603ull;
    for (int t = 0; t < 5; t++) {
      int n = lengths[t];
      char* operands[16];
      for (int o = 0; o < r->nout + r->nin; o++) {
        operands[o] = buffers[o];
        int pairs = r->types[2 * o + 1] == '2' ? 2 : 1;
        if (o >= r->nout) fill(buffers[o], r->types[2 * o], n * pairs);
        else memset(buffers[o], 0, sizeof buffers[o]);
      }
      memset(scalars, 0, sizeof scalars);
      for (int s = 0; s < 16; s++) {
        char type = r->types[2 * (r->nout + r->nin)];
        if (type == 'f') *(float*)(scalars + 16 * s) = 0.75f;
        else if (type == 'd') *(double*)(scalars + 16 * s) = 0.75;
        else *(int64_t*)(scalars + 16 * s) = 3;
      }
      r->run(operands, n, scalars, 0);
      for (int o = 0; o < r->nout; o++) {
        int count = n * (r->types[2 * o + 1] == '2' ? 2 : 1), size = count * bytes(r->types[2 * o]);
        for (int i = 0; i < count; i++) {  // which NaN an operation makes is the processor's choice
          if (r->types[2 * o] == 'f' && isnan(((float*)buffers[o])[i])) ((float*)buffers[o])[i] = NAN;
          if (r->types[2 * o] == 'd' && isnan(((double*)buffers[o])[i])) ((double*)buffers[o])[i] = NAN;
        }
        for (int i = 0; i < size; i++) hash = (hash ^ (unsigned char)buffers[o][i]) * 1099511628211ull;
      }
    }
    printf("%%s %%016llx\n", r->name, (unsigned long long)hash);
  }
}
"""
LETTERS = {"i32": "i", "i64": "l", "u64": "l", "f32": "f", "f64": "d", "c64": "f", "c128": "d"}


def operand_letters(kind, compute):
    if kind == "Bool":
        return "b1"
    if kind == "Int64":
        return "l1"
    return LETTERS[compute] + ("2" if kind == "Compute" and compute in ("c64", "c128") else "1")


def kernels(definitions, objects, rows):
    """(symbol, plan, compute) of every element-wise kernel."""
    for row in rows:
        if row.family == "pointwise" and not row.derived:
            plan = objects.plan(row.definition, row.schema)
            for variant in plan.symbols:
                for compute, symbol in variant.items():
                    if symbol:
                        yield symbol, plan, compute


def build(folder, isa, compiler, objects, definitions, table, flags):
    paths = objects.write_objects(definitions, folder / isa, [isa], 2)
    entries = {}
    for symbol, plan, compute in table:
        types = "".join(operand_letters(k, compute) for k in plan.operands) + LETTERS[compute]
        entries[symbol] = f'{{"{symbol}", {symbol}_{isa}, {plan.nout}, {plan.nin}, "{types}"}}'
    declarations = "\n".join(f"void {s}_{isa}(char* const*, int64_t, const char*, uint32_t);" for s in entries)
    # scalar functions of the runtime are not what is compared: both machines get the same stand-in
    foreign = set().union(*(objects.undefined(p.read_bytes()) for p in paths)) - {"kd_fma", "kd_fmaf"}
    declarations += "".join(f"\ndouble {name}(double a) {{ return a; }}" for name in sorted(foreign))
    program = folder / f"{isa}.c"
    program.write_text(HARNESS % {"declarations": declarations, "rows": ", ".join(entries.values())})
    subprocess.run([compiler, "-O1", *flags, str(program), *map(str, paths), "-lm", "-o", str(folder / f"run_{isa}")], check=True)
    return folder / f"run_{isa}"


def main():
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    definitions = source.load_definitions()
    from torch._codegen import derive, objects
    from torch._codegen.overloads import expand
    definitions = derive.complete(definitions)
    table = list(kernels(definitions, objects, expand(definitions)))
    host = build(folder, "avx2", "gcc", objects, definitions, table, ["-mfma"])
    arm = build(folder, "neon", "aarch64-linux-gnu-gcc", objects, definitions, table, ["-static"])
    here = subprocess.run([str(host)], capture_output=True, text=True, check=True).stdout.splitlines()
    there = subprocess.run(["qemu-aarch64", str(arm)], capture_output=True, text=True, check=True).stdout.splitlines()
    differ = [a.split()[0] for a, b in zip(here, there) if a != b]
    print("\n".join(f"{name}: other bits on aarch64" for name in differ))
    print(f"{len(here)} kernels, {len(differ)} differ")
    sys.exit(bool(differ) or len(here) != len(there))


if __name__ == "__main__":
    main()
