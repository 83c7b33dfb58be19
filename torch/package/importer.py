"""Environments that modules are imported from: the interpreter's own, an archive, or several in order."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from pickle import whichmodule as _pickle_whichmodule

from ._mangling import demangle, get_mangle_prefix, is_mangled

__all__ = ["Importer", "ObjMismatchError", "ObjNotFoundError", "OrderedImporter"]


class ObjNotFoundError(Exception):
    """An object is not where its name says."""


class ObjMismatchError(Exception):
    """Another object is where the name says."""


class Importer(ABC):
    """An environment: `import_module` gives modules by name, `get_name` finds out where an object is from."""

    modules: dict

    @abstractmethod
    def import_module(self, module_name):
        """A module of this environment; ModuleNotFoundError if there is none of the name."""

    def whichmodule(self, obj, name):
        """The name of the module in which an object is called `name`."""
        return _pickle_whichmodule(obj, name)

    def get_name(self, obj, name=None):
        """(module name, name within it) such that importing them here gives the very object.

        Raises ObjNotFoundError if nothing is there, ObjMismatchError if something else is.
        """
        if name is None:
            reduce = getattr(obj, "__reduce__", None)
            given = reduce() if reduce is not None and not isinstance(obj, type) and _reduces_to_name(obj) else None
            name = given if isinstance(given, str) else getattr(obj, "__qualname__", None) or obj.__name__
        mangled = self.whichmodule(obj, name)
        module_name = demangle(mangled)
        try:
            module = self.import_module(module_name)
            found = module
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, KeyError, AttributeError):
            raise ObjNotFoundError(f"{obj} was not found as {module_name}.{name}") from None
        if found is obj:
            return module_name, name

        def place(of):
            return f"the importer for {get_mangle_prefix(of)} ('torch.package.PackageImporter')" if is_mangled(of) else \
                "the current Python environment ('sys_importer')"
        theirs = getattr(found, "__module__", type(found).__module__)
        raise ObjMismatchError(
            f"\n\nThe object provided is from '{mangled}', which is coming from {place(mangled)}.\nHowever, when we import '{module_name}', it's coming from "
            f"{place(theirs)}.\nTo fix this, make sure this 'PackageExporter's importer lists '{place(mangled)}' before '{place(theirs)}'.")


def _reduces_to_name(obj):
    return hasattr(obj, "__module__") and not hasattr(obj, "__qualname__")


class _SysImporter(Importer):
    """The interpreter's own environment."""

    def import_module(self, module_name):
        return importlib.import_module(module_name)


sys_importer = _SysImporter()


class OrderedImporter(Importer):
    """Several environments: the first that has a module, or an object, gives it."""

    def __init__(self, *args):
        self._importers = list(args)

    def import_module(self, module_name):
        last = None
        for importer in self._importers:
            if not isinstance(importer, Importer):
                raise TypeError(f"{importer} is not a Importer. All importers in OrderedImporter must inherit from Importer.")
            try:
                return importer.import_module(module_name)
            except ModuleNotFoundError as error:
                last = error
        raise last if last is not None else ModuleNotFoundError(module_name)

    def whichmodule(self, obj, name):
        for importer in self._importers:
            module_name = importer.whichmodule(obj, name)
            if module_name != "__main__":
                return module_name
        return "__main__"

    def get_name(self, obj, name=None):
        for importer in self._importers:
            try:
                return importer.get_name(obj, name)
            except (ObjNotFoundError, ObjMismatchError) as error:
                last = error
        raise last
