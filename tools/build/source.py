"""Loads torch/_opdefs and torch/_codegen from the source tree without importing the (unbuilt) torch package."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def load_codegen():
    """Make `torch._codegen` and `torch._opdefs` importable; returns the folder of the torch package."""
    if "torch" not in sys.modules:
        package = types.ModuleType("torch")
        package.__path__ = [str(ROOT / "torch")]
        sys.modules["torch"] = package
    return ROOT / "torch"


def load_definitions():
    """Import every file of torch/_opdefs; returns the definitions in file order."""
    load_codegen()
    return importlib.import_module("torch._opdefs").load()
