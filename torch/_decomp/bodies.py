"""The bodies of composite operators as Python functions: what `torch/_opdefs` says, run on tensors instead of translated to C++.

They serve where a size is a formula (`torch.SymInt`), and as decompositions.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import importlib
import math
import pkgutil

import torch
from torch import _C

__all__ = ["body_of", "definition_of", "has_body"]


@functools.cache
def _definitions():
    """{"add.Tensor": its definition}, for functional overloads."""
    from torch import _opdefs
    from torch._opdefs import language

    for module in pkgutil.iter_modules(_opdefs.__path__):
        importlib.import_module(f"torch._opdefs.{module.name}")
    return {schema.split("(")[0]: (definition, schema) for definition in language.DEFINITIONS.values() for schema in definition.schemas}


def definition_of(name: str, overload: str = ""):
    """The definition of an overload of `aten` and the schema in it; (None, None) where it is derived from another's."""
    return _definitions().get(f"{name}.{overload}" if overload else name, (None, None))


@functools.cache
def body_of(name: str, overload: str = ""):
    """The body of a composite as a function of the arguments in the order of the schema. NotImplementedError where it has none."""
    from torch._codegen.schema import parse

    definition, schema = definition_of(name, overload)
    if definition is None or definition.body is None or definition.family not in ("composite", "decomposed"):
        raise NotImplementedError(f"aten::{name}.{overload or 'default'} has no body in Python, which symbolic sizes need")
    return function_of(definition.body, [a.name for a in parse(schema).args], f"{name}_{overload or 'default'}", definition.options.get("values"))


def function_of(formula, parameters, name, values=None):
    """A formula (a string, or a function in the formula language) as a function of these parameters."""
    from torch._codegen.formula import source_ast

    given = _parameter_names(formula, parameters)
    arguments = ast.arguments([], [ast.arg(p) for p in given], None, [], [], None, [])
    statements = [_Formula().visit(s) for s in source_ast(formula)]
    module = ast.Module([ast.FunctionDef(name, arguments, statements, [], None, None)], [])
    if "type_params" in ast.FunctionDef._fields:
        module.body[0].type_params = []
    scope = _Names({k: v for k, v in (values or {}).items()})
    exec(compile(ast.fix_missing_locations(module), f"<torch._opdefs {name}>", "exec"), scope)
    return scope[name]


def has_body(name: str, overload: str = "") -> bool:
    """Has the operator a body of which Python knows every name? Some call helpers that are C++ alone."""
    try:
        body = body_of(name, overload)
    except NotImplementedError:
        return False
    called = [i.argval for i in dis.get_instructions(body) if i.opname == "LOAD_GLOBAL"]
    try:
        for used in called:
            body.__globals__[used]
    except AttributeError:
        return False
    return True


def _parameter_names(formula, parameters):
    if isinstance(formula, str):
        return parameters
    code = formula.__code__
    return list(code.co_varnames[:code.co_argcount])


class _Formula(ast.NodeTransformer):
    """What the formula language has and tensors in Python have not."""

    def visit_Call(self, node):
        self.generic_visit(node)
        f = node.func
        if isinstance(f, ast.Attribute) and not hasattr(torch.Tensor, f.attr) and f.attr not in ("append", "insert", "defined", "sizes", "strides"):
            on_operators = isinstance(f.value, ast.Name) and f.value.id in ("torch", "aten", "math") or isinstance(f.value, ast.Attribute)
            return node if on_operators else ast.Call(ast.Name(f.attr, ast.Load()), [f.value, *node.args], node.keywords)
        if isinstance(f, ast.Attribute):
            if f.attr == "defined":
                return ast.Compare(f.value, [ast.IsNot()], [ast.Constant(None)])
            if f.attr in ("sizes", "is_meta"):
                return ast.Attribute(f.value, {"sizes": "shape"}.get(f.attr, f.attr), ast.Load())
            if f.attr == "strides":
                return ast.Call(ast.Attribute(f.value, "stride", ast.Load()), [], [])
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        return ast.Call(ast.Name("_add", ast.Load()), [node.left, node.right], []) if isinstance(node.op, ast.Add) else node

    def visit_Raise(self, node):
        self.generic_visit(node)
        if isinstance(node.exc, ast.Call) and len(node.exc.args) > 1:
            text = ast.Call(ast.Name("_text", ast.Load()), node.exc.args, [])
            node.exc = ast.Call(node.exc.func, [text], [])
        return node


class _Names(dict):
    """The global names of a formula: helpers, then operators."""

    def __missing__(self, name):
        if name in _HELPERS:
            value = _HELPERS[name]
        elif name in ("len", "int", "float", "bool", "list", "range", "isinstance", "enumerate", "zip", "RuntimeError", "ValueError", "TypeError",
                      "IndexError", "NotImplementedError", "AssertionError"):
            value = getattr(builtins, name)
        else:
            value = _operator(name)
        self[name] = value
        return value


def _operator(name):
    for namespace in (_C._VariableFunctions, _C._nn, _C._linalg, _C._fft, _C._special):
        found = getattr(namespace, name, None)
        if found is not None:
            return found
    return getattr(torch.ops.aten, name)


def _text(*parts):
    return "".join(map(str, parts))


def _add(a, b):
    """a + b, where a list may be joined with sizes."""
    return [*a, *b] if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) else a + b


def _number_or(name):
    """Python's function of numbers, the operator of tensors."""
    on_numbers = {"min": torch.sym_min, "max": torch.sym_max, "abs": builtins.abs}[name]

    def either(*args, **kwargs):
        if any(isinstance(a, torch.Tensor) for a in args):
            return _operator(name)(*args, **kwargs)
        return on_numbers(*args)
    return either


# ---- the helpers that composites call (csrc/autograd/formulas.h) ----

def _wrap_dim(dim, ndim):
    n = builtins.max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


def _viewable(t, shape):
    from torch._meta.shapes import infer_size, view_strides

    return view_strides(t.shape, t.stride(), infer_size(shape, t.numel())) is not None


def _unflattened(size, sizes):
    from torch._meta.shapes import infer_size

    return list(infer_size(sizes, size))


def _broadcast_sizes(*shapes):
    from torch._meta.shapes import broadcast

    return list(broadcast(*shapes))


def _moved_dims(ndim, source, destination):
    source, destination = [[_wrap_dim(d, ndim) for d in dims] for dims in (source, destination)]
    rest = iter([d for d in range(ndim) if d not in source])
    return [source[destination.index(d)] if d in destination else next(rest) for d in range(ndim)]


def _has_format(t, memory_format):
    return memory_format in (None, torch.preserve_format) or t.is_contiguous(memory_format=memory_format)


def _sum_to_size(t, sizes):
    lead = t.dim() - len(sizes)
    dims = [*range(lead), *(lead + i for i, s in enumerate(sizes) if s == 1 and t.shape[lead + i] != 1)]
    if dims:
        t = t.sum(dims, keepdim=True)
    return t.view(sizes) if lead else t


class _LazyHelpers(dict):
    def __missing__(self, name):
        if name in ("min", "max", "abs"):
            self[name] = value = _number_or(name)
            return value
        raise KeyError(name)

    def __contains__(self, name):
        return dict.__contains__(self, name) or name in ("min", "max", "abs")


_HELPERS = _LazyHelpers({
    "torch": torch, "aten": torch.ops.aten, "math": math, "inf": math.inf, "nan": math.nan, "pi": math.pi, "_text": _text, "_add": _add,
    "Scalar": lambda x: x, "conj": lambda x: x.conj() if x.is_complex() else x, "wrap_dim": _wrap_dim,
    "product": lambda sizes: functools.reduce(lambda a, b: a * b, sizes, 1), "viewable": _viewable, "unflattened": _unflattened,
    "common_shape": lambda tensors: _broadcast_sizes(*(t.shape for t in tensors)), "broadcast_sizes": _broadcast_sizes, "moved_dims": _moved_dims,
    "int_values": lambda t: t.tolist(), "grad_enabled": torch.is_grad_enabled, "has_format": _has_format, "sum_to_size": _sum_to_size,
})
