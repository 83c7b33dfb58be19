"""Every public function says what it does, with an example that gives what it says."""

import doctest
import importlib
import math

import definitions
import pytest

import torch

MODULES = ("torch.linalg", "torch.fft", "torch.special", "torch.nn.functional", "torch.signal.windows", "torch.functional", "torch._support")
NAMES = {"torch": torch, "F": torch.nn.functional, "math": math, "nan": math.nan, "inf": math.inf}
# variants of an operator that say themselves what they vary
VARIANTS = ("_copy", "_", "_with_indices", "_backward", "native_", "unsafe_", "is_", "get_", "set_")


def functions(module):
    """{name: public function} of a module."""
    found = importlib.import_module(module)
    names = getattr(found, "__all__", None) or [n for n in dir(found) if not n.startswith("_")]
    return {name: f for name in names if callable(f := getattr(found, name)) and not isinstance(f, type) and is_public(getattr(f, "__module__", None) or "torch")}


def is_public(module):
    """Is it one of ours, and none of the helpers'?"""
    return module.startswith("torch") and not any(part.startswith("_") and part != "_C" for part in module.split(".")[1:3])


def run_examples(text, name):
    """The first difference between what an example gives and what it says, or None."""
    report = []
    test = doctest.DocTestParser().get_doctest(text, dict(NAMES), name, None, 0)
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    return "".join(report) or None


def test_examples_of_operators():
    texts = {d.doc: d.name for d in definitions.all() if ">>>" in d.doc}
    failed = [text for doc, name in texts.items() if (text := run_examples(doc, name))]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_modules(module):
    texts = {f.__doc__: name for name, f in functions(module).items() if f.__doc__ and ">>>" in f.__doc__}
    failed = [text for doc, name in texts.items() if (text := run_examples(doc, name))]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("module", MODULES)
def test_every_function_has_a_line_and_an_example(module):
    docs = {name: f.__doc__ or "" for name, f in functions(module).items()}
    assert not [name for name, doc in docs.items() if not doc.strip()]
    if module not in ("torch.functional", "torch._support"):
        assert not [name for name, doc in docs.items() if ">>>" not in doc and "Alias of" not in doc and not name.endswith(VARIANTS[:3]) and not name.startswith((*VARIANTS[4:], "scaled_grouped_mm"))]


def test_every_operator_function_has_an_example():
    """Of those that people call by torch.name."""
    named = {r.schema.name for r in definitions.rows() if r.role == "functional" and "function" in r.python}
    without = [name for name in sorted(named) if not name.startswith("_") and ">>>" not in (doc := getattr(torch, name).__doc__ or "") and "Alias of" not in doc
               and not name.endswith(VARIANTS[:4]) and not name.startswith(VARIANTS[4:])]
    assert not without
