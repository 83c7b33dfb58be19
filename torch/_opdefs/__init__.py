"""What every operator means: definitions as data and small pure functions, a file a family."""

import importlib
import pkgutil


def load():
    """Every definition, in file order."""
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    from .language import DEFINITIONS

    return list(DEFINITIONS.values())
