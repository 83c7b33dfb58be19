"""Instruction sets: how LLVM is asked for each, and IR text to object code."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """One instruction set a kernel is emitted for. `fma`: it has the instruction (else the runtime's kd_fma, kd_fmaf)."""

    name: str
    triple: str
    cpu: str
    fma: bool = True
    vector_bits: int = 512


TARGETS = {t.name: t for t in (
    Target("avx512", "x86_64-unknown-linux-gnu", "x86-64-v4"),
    Target("avx2", "x86_64-unknown-linux-gnu", "x86-64-v3", vector_bits=256),
    Target("scalar", "x86_64-unknown-linux-gnu", "x86-64-v2", fma=False, vector_bits=128),
    Target("neon", "aarch64-unknown-linux-gnu", "generic", vector_bits=128),
)}

# symbols that emitted code may leave for the runtime to define
RUNTIME_SYMBOLS = {"kd_fma", "kd_fmaf"}


@lru_cache(None)
def _llvm():
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@lru_cache(None)
def machine(isa):
    """LLVM's TargetMachine for position-independent code of `isa`."""
    target = TARGETS[isa]
    return _llvm().Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features="", opt=2, reloc="pic", codemodel="default")


def attributes(isa):
    """The attribute group of every function: unwind tables and frame pointers, so that debuggers and profilers see through."""
    bits = TARGETS[isa].vector_bits
    return f'attributes #0 = {{ nounwind uwtable "no-builtins" "frame-pointer"="all" "prefer-vector-width"="{bits}" }}'


def optimised(ir, isa):
    """The parsed module after scalar clean-up; vectors are explicit, so no vectoriser and no unroller runs."""
    llvm = _llvm()
    target = machine(isa)
    module = llvm.parse_assembly(f'target triple = "{TARGETS[isa].triple}"\n' + ir)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    return module


def object_code(ir, isa):
    """IR text as the bytes of an object file."""
    return machine(isa).emit_object(optimised(ir, isa))


def assembly(ir, isa):
    """IR text as assembly, to look at."""
    return machine(isa).emit_assembly(optimised(ir, isa))


@lru_cache(None)
def _version():
    """What the machine code depends on besides the IR: LLVM's version and this file."""
    return f"{_llvm().llvm_version_info}".encode() + Path(__file__).read_bytes()


def key(ir, isa):
    """Content hash of the machine code of `ir`."""
    return hashlib.sha256(_version() + isa.encode() + ir.encode()).hexdigest()[:20]


def write_object(ir, isa, path):
    """Writes the object of `ir` at `path`, whole or not at all."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(object_code(ir, isa))
    partial.replace(path)
    return path
