"""Generated kernels as Python callables, for tests and for a look at what a body becomes."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import lru_cache

from . import pointwise, target
from .emit import Module


@lru_cache(None)
def _linker():
    import llvmlite.binding as llvm

    return llvm.create_lljit_compiler(target.machine("avx2"))


_count = 0


def link(ir, isa, symbols):
    """Addresses of `symbols` of a module's IR text, compiled for `isa` and loaded; and what keeps them alive."""
    import llvmlite.binding as llvm

    global _count
    _count += 1
    builder = llvm.JITLibraryBuilder().add_object_img(target.object_code(ir, isa))
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    for name, function in (("kd_fma", libm.fma), ("kd_fmaf", libm.fmaf)):
        builder.import_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    for name in symbols:
        builder.export_symbol(name)
    library = builder.link(_linker(), f"kindling{_count}")
    return [library[name] for name in symbols], library


_PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int64, ctypes.c_char_p, ctypes.c_uint32)


def compile_pointwise(fn, type, isa="avx2", nargs=None):
    """`fn` of symbolic scalars of `type` ("f32", "i64", "c64", ...) as a function of as many equally shaped NumPy arrays.

    The result has the dtype of what `fn` returns (bool, or `type`). Inputs are made contiguous and cast to `type`.
    """
    import numpy as np

    count = nargs or fn.__code__.co_argcount
    names = [f"x{k}" for k in range(count)]
    value = fn(*(pointwise.symbol(n, "Compute", type) for n in names))
    kind = "Compute"
    if isinstance(value, pointwise.E.Expr):
        kind = "Bool" if value.type == "bool" else "Real" if type in pointwise.COMPONENT else "Compute"
        if value.type == "i64" and type != "i64":
            kind = "Int64"
    module = Module()
    pointwise.emit_kernel(module, "kd_test", type, [("Compute", n) for n in names], [], [(kind, pointwise.coerce(value, kind, type))])
    (address,), library = link(module.text(isa), isa, [f"kd_test_{isa}"])
    kernel = _PROTOTYPE(address)
    numpy_type = {"f32": "f4", "f64": "f8", "i32": "i4", "i64": "i8", "u64": "u8", "c64": "c8", "c128": "c16"}
    out_type = {"Bool": "?", "Int64": "i8", "Real": numpy_type[pointwise.component(type)]}.get(kind, numpy_type[type])

    def run(*arrays):
        arrays = [np.ascontiguousarray(a, dtype=numpy_type[type]) for a in arrays]
        out = np.empty(arrays[0].shape, dtype=out_type)
        table = (ctypes.c_void_p * (count + 1))(out.ctypes.data, *(a.ctypes.data for a in arrays))
        if out.size:
            kernel(table, out.size, None, sum(1 << k for k, a in enumerate(arrays) if a.size == 1 and out.size > 1))
        return out

    run.library = library
    run.ir = module.text(isa)
    return run
