"""The definitions of torch/_opdefs, all of them, for the tests that are generated from them."""

import importlib
import pkgutil

import torch._opdefs
from torch._opdefs import language


def all():
    """Every definition, in file order."""
    for module in sorted(m.name for m in pkgutil.iter_modules(torch._opdefs.__path__)):
        importlib.import_module(f"torch._opdefs.{module}")
    return list(language.DEFINITIONS.values())
