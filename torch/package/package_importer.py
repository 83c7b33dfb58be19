"""PackageImporter: modules, objects and files out of an archive."""

from __future__ import annotations

import builtins
import importlib
import io
import linecache
import os
import pickle
import types
import zipfile

import torch
from torch.files._locations import restore_function

from ._mangling import PackageMangler, demangle
from .file_structure_representation import _tree
from .importer import Importer

__all__ = ["PackageImporter"]


class _Unpickler(pickle.Unpickler):
    """Finds classes in an archive, or outside of it where its modules are."""

    def __init__(self, importer, file):
        super().__init__(file)
        self._importer = importer

    def find_class(self, module, name):
        found = self._importer.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found


class PackageImporter(Importer):
    """Reads an archive that `PackageExporter` wrote, from a path or a binary file.

    Its modules have names of their own, "<torch_package_0>.name", so that several archives, and the modules outside, stay apart.
    `module_allowed(name)` says which modules outside may be used; ImportError for an archive that needs others.
    """

    def __init__(self, file_or_buffer, module_allowed=lambda module_name: True):
        self.filename = os.fspath(file_or_buffer) if isinstance(file_or_buffer, (str, os.PathLike)) else "<binary>"
        self._zip = zipfile.ZipFile(file_or_buffer)
        names = self._zip.namelist()
        self._root = names[0].split("/", 1)[0] + "/" if names else ""
        self._names = {name[len(self._root):] for name in names if name.startswith(self._root)}
        self._mangler = PackageMangler()
        self.extern_modules = self._record(".data/extern_modules").decode().split()
        for name in self.extern_modules:
            if not module_allowed(name):
                raise ImportError(f"package '{file_or_buffer}' needs the external module '{name}' but that module has been disallowed")
        self._packages = {name.rpartition("/")[0].replace("/", ".") for name in self._names if name.endswith(".py")} - {""}
        for package in list(self._packages):
            parts = package.split(".")
            self._packages |= {".".join(parts[:i]) for i in range(1, len(parts))}
        self.modules: dict[str, types.ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._storages: dict = {}

    def _record(self, path):
        try:
            return self._zip.read(self._root + path)
        except KeyError:
            raise RuntimeError(f"there is no file {path!r} in the package {self.filename!r}") from None

    # ---- modules ----

    def _source_path(self, name):
        """(path of a module's source, whether it is a package); (None, ...) for a folder without source."""
        path = name.replace(".", "/")
        if path + ".py" in self._names:
            return path + ".py", False
        return (path + "/__init__.py" if path + "/__init__.py" in self._names else None), True

    def _has(self, name):
        path, _ = self._source_path(name)
        return path is not None or name in self._packages

    def _is_external(self, name):
        return any(name == e or name.startswith(e + ".") for e in self.extern_modules)

    def import_module(self, name, package=None):
        """A module of the archive, or one outside that the archive lists. ModuleNotFoundError for any other."""
        if package is not None and name.startswith("."):
            name = importlib.util.resolve_name(name, package)
        name = demangle(name)
        if name in self.modules:
            return self.modules[name]
        if not self._has(name):
            if not self._is_external(name):
                raise ModuleNotFoundError(f'No module named "{name}" in self-contained archive "{self.filename}" and the module is also not in the '
                                          f"list of allowed external modules: {self.extern_modules}", name=name)
            return importlib.import_module(name)
        parent, _, child = name.rpartition(".")
        if parent:
            self.import_module(parent)
            if name in self.modules:        # the parent's own code imported it
                return self.modules[name]
        module = self._make(name)
        if parent:
            setattr(self.modules[parent], child, module)
        return module

    def _make(self, name):
        path, is_package = self._source_path(name)
        mangled = self._mangler.mangle(name)
        module = types.ModuleType(mangled)
        package = mangled if is_package else mangled.rpartition(".")[0]
        module.__dict__.update(__file__=f"{self._mangler.parent_name()}.{path}" if path else None, __package__=package, __loader__=self,
                               __builtins__=self._builtins, __torch_package__=True)
        if is_package:
            module.__path__ = []
        self.modules[name] = module
        if path is not None:
            try:
                linecache.lazycache(module.__file__, module.__dict__)
                exec(compile(self._record(path), module.__file__, "exec", dont_inherit=True), module.__dict__)
            except BaseException:
                del self.modules[name]
                raise
        return module

    def _import(self, name, globals=None, locals=None, fromlist=(), level=0):
        """The `__import__` of the archive's modules."""
        if level:
            package = demangle(globals["__package__"])
            parts = package.split(".")
            base = ".".join(parts[:len(parts) - level + 1])
            name = f"{base}.{name}" if name else base
        module = self.import_module(name)
        if not fromlist:
            top = name.partition(".")[0]
            return self.import_module(top) if self._has(top) else importlib.import_module(top)
        if hasattr(module, "__path__"):
            wanted = getattr(module, "__all__", ()) if "*" in fromlist else fromlist
            for attribute in wanted:
                if attribute != "*" and not hasattr(module, attribute) and (self._has(f"{name}.{attribute}") or not getattr(module, "__torch_package__", 0)):
                    try:
                        self.import_module(f"{name}.{attribute}")
                    except ModuleNotFoundError as error:
                        if error.name != f"{name}.{attribute}":     # the statement itself says that there is no such name
                            raise
        return module

    def get_source(self, module_name):
        """The source text of a module of the archive."""
        path, _ = self._source_path(demangle(module_name))
        return self._record(path).decode("utf-8")

    def get_resource_reader(self, fullname):
        """For importlib.resources: the files beside a package's modules; None for a module that is no package."""
        name = demangle(fullname)
        return _ResourceReader(self, name.replace(".", "/")) if name in self._packages else None

    # ---- files ----

    @staticmethod
    def _path(package, resource):
        if not resource or "/" in resource:
            raise ValueError(f"resource {resource!r} must be a file name")
        return f"{package.replace('.', '/')}/{resource}"

    def load_binary(self, package, resource):
        """The bytes of a file."""
        return self._record(self._path(package, resource))

    def load_text(self, package, resource, encoding="utf-8", errors="strict"):
        """The text of a file."""
        return self.load_binary(package, resource).decode(encoding, errors)

    def load_pickle(self, package, resource, map_location=None):
        """The object of a pickle; its tensors go where `map_location` says, as in `torch.load`."""
        restore = restore_function(map_location)
        unpickler = _Unpickler(self, io.BytesIO(self.load_binary(package, resource)))
        unpickler.persistent_load = lambda pid: self._storage(pid, restore)
        return unpickler.load()

    def _storage(self, pid, restore):
        kind, *rest = pid
        if kind != "storage":
            raise RuntimeError(f"the pickle refers to {kind!r} outside of it, which is no storage")
        storage_type, key, location, _ = rest
        if key not in self._storages:
            data = self._record(f".data/{key}.storage")
            untyped = torch.UntypedStorage(len(data))
            if data:
                memoryview(untyped)[:] = data
            self._storages[key] = restore(untyped, location)
        return torch.storage.TypedStorage(wrap_storage=self._storages[key], dtype=storage_type.dtype, _internal=True)

    def id(self):
        """The prefix of this archive's modules."""
        return self._mangler.parent_name()

    def file_structure(self, *, include="**", exclude=()):
        """The files that match, a `Directory`."""
        return _tree(self.filename, sorted(self._names), include, exclude)

    def python_version(self):
        """The version of Python that wrote the archive, or None."""
        return self._record(".data/python_version").decode().strip() if ".data/python_version" in self._names else None


class _ResourceReader:
    """The files of one folder of an archive."""

    def __init__(self, importer, folder):
        self._importer, self._folder = importer, folder

    def open_resource(self, resource):
        """A file, open for reading."""
        return io.BytesIO(self._importer._record(f"{self._folder}/{resource}"))

    def resource_path(self, resource):
        """Files of an archive have no path: FileNotFoundError."""
        raise FileNotFoundError(resource)

    def is_resource(self, name):
        """Whether a file is there."""
        return f"{self._folder}/{name}" in self._importer._names

    def contents(self):
        """The names of files and folders."""
        prefix = self._folder + "/"
        return iter({name[len(prefix):].partition("/")[0] for name in self._importer._names if name.startswith(prefix)})
