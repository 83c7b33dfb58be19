"""Runs the definitions through the generator: C++ sources and kernel objects into the build tree.

    python tools/build/generate.py --out BUILD/generated [--isa avx2 ...] [--jobs N] [--lenient]
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import source  # noqa: E402

ISAS = {"x86_64": ["scalar", "avx2", "avx512"], "aarch64": ["scalar", "neon"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--isa", nargs="+", default=ISAS.get(platform.machine(), ["scalar"]))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--lenient", action="store_true", help="leave out what does not translate instead of stopping")
    parser.add_argument("--depfile", type=Path)
    args = parser.parse_args()
    definitions = source.load_definitions()
    from torch._codegen import derive, formula, objects, stubs, tables
    csrc = source.ROOT / "torch" / "csrc"
    formula.read_helpers((csrc / "autograd" / "formulas.h").read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    definitions = derive.complete(definitions, (lambda text: None) if args.lenient else None)
    generator = tables.Generator(definitions, objects.plan, args.isa, lenient=args.lenient)
    generator.write(args.out)
    for problem in generator.problems:
        print("left out:", problem, file=sys.stderr)
    folder = args.out / "stubs" / "_C"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in stubs.render(generator.rows).items():
        tables.write_if_changed(folder / name, text)
    built = objects.write_objects(definitions, args.out / "objects", args.isa, args.jobs)
    archive = args.out / "libkernels.a"
    archive.unlink(missing_ok=True)
    subprocess.run(["ar", "rcsD", archive, *built], check=True)
    if args.depfile:
        inputs = [p for d in ("_opdefs", "_codegen") for p in sorted((source.ROOT / "torch" / d).rglob("*.py"))]
        args.depfile.write_text(f"{args.out / 'tables.cpp'}: " + " ".join(map(str, [*inputs, csrc / "autograd" / "formulas.h"])) + "\n")


if __name__ == "__main__":
    main()
