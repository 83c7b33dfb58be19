"""Types of values from signatures."""

from __future__ import annotations

import inspect
from typing import Any, Callable

import torch

from ..interpreter import Transformer

__all__ = ["AnnotateTypesWithSchema"]


class AnnotateTypesWithSchema(Transformer):
    """Sets the type of every value that the signatures of functions and modules tell.

    Args:
        module: the module to transform.
        annotate_functionals: results of functions of torch.nn.functional.
        annotate_modules: results of modules of torch.nn.
        annotate_get_attrs: attributes.
    """

    def __init__(self, module: torch.nn.Module, annotate_functionals: bool = True, annotate_modules: bool = True, annotate_get_attrs: bool = True):
        super().__init__(module)
        self.annotate_functionals = annotate_functionals
        self.annotate_modules = annotate_modules
        self.annotate_get_attrs = annotate_get_attrs

    def call_function(self, target: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a function, typed."""
        proxy = super().call_function(target, args, kwargs)
        if self.annotate_functionals and proxy.node.type is None and target.__module__ == "torch.nn.functional":
            proxy.node.type = torch.Tensor
        return proxy

    def call_module(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a module, typed."""
        proxy = super().call_module(target, args, kwargs)
        module = self.fetch_attr(target)
        if self.annotate_modules and type(module).__module__.startswith("torch.nn"):
            annotated = inspect.signature(type(module).forward).return_annotation
            proxy.node.type = proxy.node.type or (torch.Tensor if annotated is inspect.Signature.empty else annotated)
        return proxy

    def get_attr(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A read of an attribute, typed."""
        proxy = super().get_attr(target, args, kwargs)
        if self.annotate_get_attrs and proxy.node.type is None:
            value = self.fetch_attr(target)
            proxy.node.type = torch.Tensor if isinstance(value, torch.Tensor) else type(value)
        return proxy
