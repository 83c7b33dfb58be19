"""PackageExporter: an archive of objects with the code they need."""

from __future__ import annotations

import io
import linecache
import os
import pickle
import pickletools
import platform
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.hooks import RemovableHandle

from ._mangling import demangle, is_mangled
from .find_file_dependencies import find_files_source_depends_on
from .glob_group import GlobGroup
from .importer import Importer, OrderedImporter, sys_importer

__all__ = ["EmptyMatchError", "PackageExporter", "PackagingError", "PackagingErrorReason"]


class EmptyMatchError(Exception):
    """A pattern that had to match something did not."""


class PackagingErrorReason(Enum):
    """Why a module could not be packaged."""

    IS_EXTENSION_MODULE = "Module is a C extension module. torch.package supports Python modules only."
    NO_DUNDER_FILE = "Module had no __file__ defined."
    SOURCE_FILE_NOT_FOUND = "Module had a __file__, but we could not find it in your filesystem."
    DEPENDENCY_RESOLUTION_FAILED = "Dependency resolution failed."
    NO_ACTION = "Module did not match against any action pattern. Extern, mock, or intern it."
    DENIED = "Module was denied by a pattern."
    MOCKED_BUT_STILL_USED = "Module was mocked out, but is still being used in the package. Please intern or extern the mocked modules if objects are " \
                            "supposed to be in the package."

    def __str__(self):
        return self.value


class PackagingError(Exception):
    """Modules that could not be packaged, by reason; `debug` adds how each is reached."""

    def __init__(self, dependency_graph, debug=False):
        self.dependency_graph = dependency_graph
        by_reason: dict = {}
        for name, node in dependency_graph.nodes.items():
            if node.error is not None:
                by_reason.setdefault(node.error, []).append(name)
        self.broken = [name for names in by_reason.values() for name in names]
        lines = []
        for reason, names in by_reason.items():
            lines.append(f"\n* {reason}")
            for name in names:
                note = f": {dependency_graph.nodes[name].note}" if dependency_graph.nodes[name].note else ""
                lines.append(f"    {name}{note}")
                if debug:
                    lines.append(f"      reached by {' -> '.join(dependency_graph.first_path(name))}")
        if not debug:
            lines.append("\nSet debug=True when invoking PackageExporter for a visualization of where broken modules are coming from!")
        super().__init__("\n".join(lines) + "\n")


@dataclass
class _Node:
    """A module of the graph, or a pickle: what becomes of it, and what is wrong with it."""

    action: str | None = None
    error: PackagingErrorReason | None = None
    note: str = ""
    is_pickle: bool = False
    source: str | None = None
    is_package: bool = False
    mocked_names: set = field(default_factory=set)


class _Graph:
    """Who needs whom."""

    def __init__(self):
        self.nodes: dict[str, _Node] = {}
        self.edges: dict[str, dict[str, None]] = {}

    def add(self, name):
        return self.nodes.setdefault(name, _Node())

    def connect(self, source, target):
        self.add(source)
        self.add(target)
        self.edges.setdefault(source, {})[target] = None

    def successors(self, name):
        return list(self.edges.get(name, ()))

    def predecessors(self, name):
        return [source for source, targets in self.edges.items() if name in targets]

    def reachable(self, start, step):
        found, front = {start: None}, [start]
        while front:
            for other in step(front.pop()):
                if other not in found:
                    found[other] = None
                    front.append(other)
        return found

    def first_path(self, name):
        """A shortest chain from something that was saved to `name`."""
        paths, front = {name: [name]}, [name]
        while front:
            here = front.pop(0)
            before = self.predecessors(here)
            if not before:
                return paths[here]
            for other in before:
                if other not in paths:
                    paths[other] = [other, *paths[here]]
                    front.append(other)
        return paths[name]

    def dot(self, keep=None):
        lines = [f'"{a}" -> "{b}";' for a, targets in self.edges.items() for b in targets if keep is None or a in keep and b in keep]
        return "\n".join(["digraph G {", "rankdir = LR;", "node [shape=box];", *lines, "}"]) + "\n"


class _Pattern(NamedTuple):
    group: GlobGroup
    action: str
    allow_empty: bool


# what an archive holds in place of a mocked module: any name in it is an object that raises when it is used
_MOCK = '''class MockedObject:
    """Stands for what was left out when the archive was written: NotImplementedError on use."""

    def __new__(cls, *args, _suppress_err=False, **kwargs):
        if not _suppress_err:
            raise NotImplementedError(f"Object '{cls._name}' was mocked out during packaging but it is being used in {cls}")
        return super().__new__(cls)

    def __init__(self, name, _suppress_err):
        self.__dict__["_name"] = name

    def __repr__(self):
        return f"MockedObject({self._name})"

    def __getattr__(self, attribute):
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return MockedObject(f"{self._name}.{attribute}", _suppress_err=True)

    def __mro_entries__(self, bases):
        raise NotImplementedError(f"Object '{self._name}' was mocked out during packaging but it is being used as a base class")


def _refusing(method):
    def refuse(self, *args, **kwargs):
        raise NotImplementedError(f"Object '{self._name}' was mocked out during packaging but it is being used in {method}")
    return refuse


for _method in ("__call__", "__iter__", "__len__", "__getitem__", "__setitem__", "__add__", "__sub__", "__mul__", "__enter__", "__exit__", "__setattr__"):
    setattr(MockedObject, _method, _refusing(_method))


def __getattr__(attribute):
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    return MockedObject(f"{__name__}.{attribute}", _suppress_err=True)
'''


def _is_standard(name):
    top = name.partition(".")[0]
    return top == "torch" or top in sys.stdlib_module_names


class _Pickler(pickle._Pickler):
    """Names classes and functions as the exporter's importer does."""

    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, importer, file, protocol):
        super().__init__(file, protocol)
        self.importer = importer

    def save_global(self, obj, name=None):
        module_name, name = self.importer.get_name(obj, name)
        self.write(pickle.GLOBAL + f"{module_name}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[types.FunctionType] = save_global
    dispatch[types.BuiltinFunctionType] = save_global
    dispatch[type] = save_global

    def save_type(self, obj):
        if obj in (type(None), type(NotImplemented), type(...)):
            return super().save_type(obj)
        return self.save_global(obj)

    dispatch[type] = save_type


class PackageExporter:
    """Writes an archive to a path or a binary file: objects as pickles, and the source of the modules they need.

    What becomes of a module that something needs is said by patterns, the first that matches: :meth:`intern` puts its source into the
    archive, :meth:`extern` leaves it to the machine that reads, :meth:`mock` puts an empty stand-in there, :meth:`deny` refuses.
    torch and Python's own modules are left out of the archive. Leaving the ``with`` block, or :meth:`close`, raises `PackagingError`
    for modules without a pattern, refused ones and those without source.

    `importer` (or several, in order) is where modules and objects are looked for.
    """

    def __init__(self, f, importer=sys_importer, debug=False):
        self.debug = debug
        self._name = os.path.splitext(os.path.basename(os.fspath(f)))[0] if isinstance(f, (str, os.PathLike)) else "archive"
        self._zip = zipfile.ZipFile(f, "w", zipfile.ZIP_STORED)
        self._written: set[str] = set()
        self.importer = importer if isinstance(importer, Importer) else OrderedImporter(*importer)
        self.patterns: dict[_Pattern, bool] = {}
        self.dependency_graph = _Graph()
        self._hooks: dict[str, OrderedDict] = {action: OrderedDict() for action in ("extern", "mock", "intern")}
        self._storages: dict[int, str] = {}
        self._kept: list = []       # storages stay alive, so that no other takes the address of one
        self._next_id = 0
        self._closed = False

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_traceback):
        if exc_type is not None:
            self._zip.close()
            self._closed = True
            return
        self.close()

    # ---- patterns ----

    def _add_pattern(self, include, exclude, action, allow_empty=True):
        self.patterns[_Pattern(GlobGroup(include, exclude=exclude), action, allow_empty)] = False

    def intern(self, include, *, exclude=(), allow_empty=True):
        """The source of matching modules goes into the archive. With ``allow_empty=False`` EmptyMatchError at the end if none matched."""
        self._add_pattern(include, exclude, "intern", allow_empty)

    def extern(self, include, *, exclude=(), allow_empty=True):
        """Matching modules are imported by the machine that reads the archive."""
        self._add_pattern(include, exclude, "extern", allow_empty)

    def mock(self, include, *, exclude=(), allow_empty=True):
        """Matching modules are replaced by ones whose names raise NotImplementedError when they are used."""
        self._add_pattern(include, exclude, "mock", allow_empty)

    def deny(self, include, *, exclude=()):
        """Matching modules may not be needed."""
        self._add_pattern(include, exclude, "deny")

    def _register(self, action, hook):
        handle = RemovableHandle(self._hooks[action])
        self._hooks[action][handle.id] = hook
        return handle

    def register_extern_hook(self, hook):
        """Calls ``hook(exporter, module_name)`` for each module that an extern pattern matches. Returns a handle to remove it."""
        return self._register("extern", hook)

    def register_mock_hook(self, hook):
        """Calls ``hook(exporter, module_name)`` for each module that a mock pattern matches."""
        return self._register("mock", hook)

    def register_intern_hook(self, hook):
        """Calls ``hook(exporter, module_name)`` for each module that an intern pattern matches."""
        return self._register("intern", hook)

    # ---- modules ----

    def add_dependency(self, module_name, dependencies=True):
        """Needs a module: what becomes of it is said by the patterns."""
        node = self.dependency_graph.add(module_name)
        if node.action is not None:
            return
        if _is_standard(module_name):
            node.action = "extern"
            return
        for pattern in self.patterns:
            if pattern.group.matches(module_name):
                self.patterns[pattern] = True
                node.action = pattern.action
                for hook in self._hooks.get(pattern.action, {}).values():
                    hook(self, module_name)
                if pattern.action == "deny":
                    node.error = PackagingErrorReason.DENIED
                elif pattern.action == "intern":
                    self._intern(module_name, node, dependencies)
                return
        node.action, node.error = "none", PackagingErrorReason.NO_ACTION

    def save_module(self, module_name, dependencies=True):
        """The source of a module, and with `dependencies` what it needs. TypeError for anything but a name."""
        if not isinstance(module_name, str):
            raise TypeError("save_module() expects a string input, did you perhaps mean to pass `__name__`?")
        node = self.dependency_graph.add(module_name)
        node.action = "intern"
        self._intern(module_name, node, dependencies)

    def _intern(self, module_name, node, dependencies):
        try:
            module = self.importer.import_module(module_name)
        except ImportError as error:
            node.error, node.note = PackagingErrorReason.DEPENDENCY_RESOLUTION_FAILED, str(error)
            return
        source = self._source_of(module, module_name)
        if source is None:
            path = getattr(module, "__file__", None)
            node.note = path or ""
            node.error = (PackagingErrorReason.NO_DUNDER_FILE if path is None else PackagingErrorReason.IS_EXTENSION_MODULE
                          if path.endswith((".so", ".pyd")) else PackagingErrorReason.SOURCE_FILE_NOT_FOUND)
            return
        self._provide(module_name, node, source, hasattr(module, "__path__"), dependencies)

    @staticmethod
    def _source_of(module, module_name):
        loader = getattr(module, "__loader__", None)
        if hasattr(loader, "get_source"):
            try:
                source = loader.get_source(demangle(module.__name__) if is_mangled(module.__name__) else module.__name__)
            except (ImportError, OSError):
                source = None
            if source is not None:
                return source
        path = getattr(module, "__file__", None)
        return "".join(linecache.getlines(path, module.__dict__)) or None if path else None

    def _provide(self, module_name, node, source, is_package, dependencies):
        node.source, node.is_package = source, is_package
        if dependencies:
            for needed in self._dependencies_of(module_name, source, is_package, node):
                self.dependency_graph.connect(module_name, needed)
                self.add_dependency(needed)

    def _dependencies_of(self, module_name, source, is_package, node):
        package = module_name if is_package else module_name.rpartition(".")[0]
        try:
            found = find_files_source_depends_on(source, package)
        except (SyntaxError, ImportError) as error:
            node.error, node.note = PackagingErrorReason.DEPENDENCY_RESOLUTION_FAILED, str(error)
            return []
        needed: dict = {}
        for name, attribute in found:
            if attribute is not None and self._is_module(f"{name}.{attribute}"):
                name = f"{name}.{attribute}"
            needed[name] = None
        return list(needed)

    def _is_module(self, name):
        try:
            return isinstance(self.importer.import_module(name), types.ModuleType)
        except Exception:
            return False

    def save_source_file(self, module_name, file_or_directory, dependencies=True):
        """A file, or a folder with all Python files below it, as a module."""
        path = Path(file_or_directory)
        if not path.is_dir():
            self.save_source_string(module_name, path.read_text(), path.name == "__init__.py", dependencies)
            return
        for file in sorted(path.rglob("*.py")):
            parts = list(file.relative_to(path).with_suffix("").parts)
            is_package = parts[-1] == "__init__"
            name = ".".join([module_name, *(parts[:-1] if is_package else parts)])
            self.save_source_string(name, file.read_text(), is_package, dependencies)

    def save_source_string(self, module_name, src, is_package=False, dependencies=True):
        """A text as a module."""
        node = self.dependency_graph.add(module_name)
        node.action = "intern"
        self._provide(module_name, node, src, is_package, dependencies)

    # ---- files ----

    def _write(self, path, data):
        if path in self._written:
            raise AssertionError(f"Tried to write file '{path}', but it already exists in this archive. Please choose a different name.")
        self._written.add(path)
        self._zip.writestr(f"{self._name}/{path}", data)

    @staticmethod
    def _path(package, resource):
        return f"{package.replace('.', '/')}/{resource}"

    def save_text(self, package, resource, text):
        """A text file."""
        self.save_binary(package, resource, text.encode("utf-8"))

    def save_binary(self, package, resource, binary):
        """A file of bytes."""
        self._write(self._path(package, resource), binary)

    def save_pickle(self, package, resource, obj, dependencies=True, pickle_protocol=3):
        """An object, and with `dependencies` the modules of its classes and functions. PackagingError for objects of mocked modules."""
        if pickle_protocol not in (3, 4):
            raise AssertionError("torch.package only supports pickle protocols 3 and 4")
        file = io.BytesIO()
        pickler = _Pickler(self.importer, file, 3)
        pickler.persistent_id = self._persistent_id
        pickler.dump(obj)
        data, name = file.getvalue(), f"<{package}.{resource}>"
        self.dependency_graph.add(name).is_pickle = True
        for opcode, argument, _ in pickletools.genops(data) if dependencies else ():
            if opcode.name != "GLOBAL":
                continue
            module, attribute = argument.split(" ")
            self.dependency_graph.connect(name, module)
            self.add_dependency(module)
            node = self.dependency_graph.nodes[module]
            if node.action == "mock":
                node.error, node.note = PackagingErrorReason.MOCKED_BUT_STILL_USED, attribute
        self._write(self._path(package, resource), data)

    def _persistent_id(self, obj):
        if not isinstance(obj, (torch.storage.TypedStorage, torch.UntypedStorage)):
            return None
        untyped = obj if isinstance(obj, torch.UntypedStorage) else obj.untyped()
        if isinstance(obj, torch.storage.TypedStorage):
            storage_type, count = getattr(torch, obj.pickle_storage_type()), obj.size()
        else:
            storage_type, count = torch.UntypedStorage, obj.nbytes()
        key = self._storages.get(untyped._cdata)
        if key is None:
            key = self._storages[untyped._cdata] = self.get_unique_id()
            self._kept.append(untyped)
            self._write(f".data/{key}.storage", bytes(memoryview(untyped.cpu())))
        return "storage", storage_type, key, torch.serialization.location_tag(obj), count

    def get_unique_id(self):
        """A number, as text, that no other of the archive is."""
        self._next_id += 1
        return str(self._next_id - 1)

    # ---- the end ----

    def close(self):
        """Writes the modules and closes the archive. PackagingError where one of them cannot be packaged."""
        if self._closed:
            return
        try:
            self._check()
            for name, node in self.dependency_graph.nodes.items():
                path = name.replace(".", "/")
                if node.action == "intern" and node.source is not None:
                    self._write(f"{path}/__init__.py" if node.is_package else f"{path}.py", node.source)
                elif node.action == "mock":
                    is_package = any(other.startswith(name + ".") for other in self.dependency_graph.nodes)
                    self._write(f"{path}/__init__.py" if is_package else f"{path}.py", _MOCK)
            self._write(".data/extern_modules", "".join(f"{name}\n" for name in self.externed_modules()))
            self._write(".data/python_version", platform.python_version())
            self._write(".data/version", "6\n")
            self._write("byteorder", sys.byteorder)
            self._write(".data/serialization_id", str(hash(tuple(sorted(self._written))) & (1 << 64) - 1).zfill(40))
        finally:
            self._zip.close()
            self._closed = True

    def _check(self):
        if any(node.error is not None for node in self.dependency_graph.nodes.values()):
            raise PackagingError(self.dependency_graph, debug=self.debug)
        for pattern, matched in self.patterns.items():
            if not (matched or pattern.allow_empty):
                raise EmptyMatchError(f"Exporter did not match any modules to {pattern.group}, which was marked as allow_empty=False")

    def _with_action(self, action):
        return sorted(name for name, node in self.dependency_graph.nodes.items() if node.action == action)

    def interned_modules(self) -> Sequence[str]:
        """The modules whose source is in the archive."""
        return self._with_action("intern")

    def externed_modules(self) -> Sequence[str]:
        """The modules left to the machine that reads."""
        return self._with_action("extern")

    def mocked_modules(self) -> Sequence[str]:
        """The modules replaced by stand-ins."""
        return self._with_action("mock")

    def denied_modules(self) -> Sequence[str]:
        """The modules that were refused."""
        return self._with_action("deny")

    def get_rdeps(self, module_name):
        """Which modules and pickles need a module."""
        if module_name not in self.dependency_graph.nodes:
            return []
        return self.dependency_graph.predecessors(module_name)

    def dependency_graph_string(self):
        """Who needs whom, in the language of Graphviz."""
        return self.dependency_graph.dot()

    def all_paths(self, src, dst):
        """The part of the graph that leads from one module to another, in the language of Graphviz."""
        graph = self.dependency_graph
        forward = graph.reachable(src, graph.successors)
        keep = {name for name in graph.reachable(dst, graph.predecessors) if name in forward}
        return graph.dot(keep)
