"""Tracing functions whose source is rewritten first: asserts become recorded calls, annotated variables typed nodes."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import textwrap
from types import FunctionType
from typing import Any, Callable

import torch

from .._symbolic_trace import Tracer
from ..annotate import annotate
from ..graph import Graph

__all__ = ["AST_Rewriter", "RewritingTracer"]


class AST_Rewriter(ast.NodeTransformer):
    """Rewrites the source of a function: ``assert`` to calls of `torch._assert`, ``x: T = value`` to calls of `annotate`."""

    def rewrite(self, fn: FunctionType) -> FunctionType:
        """The rewritten function, with the same globals, defaults and closure."""
        source = ast.parse(textwrap.dedent(inspect.getsource(fn)))
        source = ast.fix_missing_locations(self.visit(source))
        source.body[0].decorator_list = []
        free = fn.__code__.co_freevars
        namespace = dict(fn.__globals__)
        namespace["_fx_annotate"] = annotate
        if free:    # a function around it gives the names of the closure
            outer = ast.parse(f"def _outer({', '.join(free)}):\n    return None")
            outer.body[0].body = [source.body[0], ast.Return(ast.Name(fn.__name__, ast.Load()))]
            exec(compile(ast.fix_missing_locations(outer), fn.__code__.co_filename, "exec"), namespace)  # noqa: S102
            made = namespace["_outer"](*(cell.cell_contents for cell in fn.__closure__))
        else:
            exec(compile(source, fn.__code__.co_filename, "exec"), namespace)  # noqa: S102
            made = namespace[fn.__name__]
        result = FunctionType(made.__code__, {**fn.__globals__, "_fx_annotate": annotate}, fn.__name__, fn.__defaults__, made.__closure__)
        result.__kwdefaults__ = copy.copy(fn.__kwdefaults__)
        return functools.update_wrapper(result, fn, updated=())

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """``assert test, message`` as ``torch._assert(test, message)``."""
        call = ast.parse("torch._assert()").body[0]
        call.value.args = [node.test, node.msg or ast.Constant("")]
        return ast.copy_location(call, node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """``x: T = value`` as ``x = annotate(value, T)``."""
        if node.value is None:
            return node
        call = ast.Call(ast.Name("_fx_annotate", ast.Load()), [node.value, node.annotation], [])
        return ast.copy_location(ast.Assign([node.target], call), node)


class RewritingTracer(Tracer):
    """A tracer that rewrites the functions that it traces by :class:`AST_Rewriter`."""

    def trace(self, root: torch.nn.Module | Callable, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of the rewritten function or module."""
        return super().trace(_rewritten(root), concrete_args)


def _rewritten(root: Any) -> Any:
    if not isinstance(root, torch.nn.Module):
        result = AST_Rewriter().rewrite(root)
        del result.__wrapped__
        return result
    made = copy.copy(root)
    made.__dict__ = dict(root.__dict__)
    made.__dict__["_modules"] = {name: _rewritten(child) if child is not None and not _is_library(child) else child
                                 for name, child in root._modules.items()}
    forward = AST_Rewriter().rewrite(type(root).forward)
    del forward.__wrapped__
    made.__class__ = type(type(root).__name__, (type(root),), {"forward": forward, "__module__": type(root).__module__})
    return made


def _is_library(module: torch.nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn")
