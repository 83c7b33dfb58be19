"""Listing the tensors of a file without reading them and without running anything it holds."""

import io
import math
import os
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import _weights_only_unpickler

from . import _pickled, gguf, legacy, safetensors
from ._paths import kind_of
from ._zip_archive import ArchiveReader


class TensorInfo(NamedTuple):
    """A tensor in a file."""

    name: str  # the keys on the way to it, joined by dots
    dtype: object  # torch.dtype, or the name of a quantization
    shape: tuple
    nbytes: int
    offset: int  # of its first element in the file


def inspect_file(path):
    """The tensors of a file of :func:`torch.save`, safetensors or GGUF, as a list of :class:`TensorInfo`.

    Only names and places are read. Classes that the file names are neither imported nor called; tensors inside their
    objects are listed too. Raises RuntimeError or :class:`pickle.UnpicklingError` for damaged files.

    Example::

        >>> for tensor in torch.inspect_file("model.pt"):
        ...     print(tensor.name, tensor.dtype, tensor.shape)
    """
    with open(path, "rb") as file:
        kind = kind_of(os.fspath(path), file)
        if kind in _LISTED:
            reader = _LISTED[kind](file)
            return [TensorInfo(name, *reader.describe(name)) for name in reader.names()]
        return _PICKLED[kind](file)


class _Opaque:
    """Stands for whatever a pickle names besides tensors and containers; keeps what it is given."""

    def __init__(self, *held):
        self.held = list(held)

    def __call__(self, *args):
        return _Opaque(*args)

    def extend(self, items):
        """Take the items of a list."""
        self.held.extend(items)


class _Reader(_weights_only_unpickler.Unpickler):
    """Builds tensors on the meta device and leaves everything unknown opaque."""

    def find(self, module, name):
        """What a global stands for."""
        return self.known.get(f"{module}.{name}") or _Opaque()

    def reduce(self):
        """Call what is known; keep the rest."""
        if isinstance(self.stack[-2], _Opaque):
            args = self.stack.pop()
            self.stack[-1] = _Opaque(*args) if isinstance(args, tuple) else _Opaque(args)
        else:
            super().reduce()

    def new_object(self):
        """Make what is known; keep the rest."""
        if isinstance(self.stack[-2], _Opaque):
            self.reduce()
        else:
            super().new_object()

    def build(self):
        """Keep the state of what is opaque."""
        if isinstance(self.stack[-2], _Opaque):
            state = self.stack.pop()
            self.stack[-1].held.append(state)
        else:
            super().build()

    def append(self, items):
        """Add to a list."""
        if isinstance(self.stack[-1], _Opaque):
            self.stack[-1].held.extend(items)
        else:
            super().append(items)

    def set_items(self, items):
        """Add to a dict."""
        if isinstance(self.stack[-1], _Opaque):
            self.stack[-1].held.append(dict(zip(items[::2], items[1::2])))
        else:
            super().set_items(items)

    def callee(self, function):
        """Tensors of unknown classes are rebuilt as tensors."""
        return _plain_of if function is self.known["torch._tensor._rebuild_from_type_v2"] else super().callee(function)


def _plain_of(rebuild, new_type, args, state):
    known = _weights_only_unpickler._calls.get(id(rebuild))
    return _Opaque(args, state) if known is None or isinstance(known, type) else known(*args)


class _Walk:
    """Collects the tensors of a structure with their names. `place(storage)` tells where its bytes begin."""

    def __init__(self, place):
        self.place, self.found, self.open = place, [], set()

    def visit(self, obj, names):
        """Collect what `obj` holds."""
        if isinstance(obj, torch.Tensor):
            if obj.layout == torch.strided:
                self._add(obj, ".".join(names))
            return
        if id(obj) in self.open or isinstance(obj, (str, bytes)):
            return
        self.open.add(id(obj))
        if isinstance(obj, Mapping):
            for name, value in obj.items():
                self.visit(value, (*names, str(name)))
        elif isinstance(obj, (list, tuple)):
            for number, value in enumerate(obj):
                self.visit(value, (*names, str(number)))
        elif isinstance(obj, _Opaque):
            for value in obj.held:
                self.visit(value, names)
        self.open.discard(id(obj))

    def _add(self, tensor, name):
        begin = self.place(tensor.untyped_storage())
        if begin is not None:
            size = tensor.element_size()
            self.found.append(TensorInfo(name, tensor.dtype, tuple(tensor.shape), math.prod(tensor.shape) * size,
                                         begin + tensor.storage_offset() * size))


def _of_zip(file):
    archive = ArchiveReader(file, file.tell())
    begins, storages = {}, {}

    def resolve(pid):
        _, storage_type, key, location, numel = pid[:5]
        dtype = _pickled.storage_dtype(storage_type)
        if key not in storages:
            storages[key] = torch.UntypedStorage(numel * dtype.itemsize, device="meta")
            if location != "meta":
                begins[storages[key]._cdata] = archive.locate(f"data/{key}")[0]
        return _pickled.typed(storages[key], dtype)

    reader = _Reader(io.BytesIO(archive.read("data.pkl")))
    reader.persistent_load = resolve
    return _list(reader.load(), lambda storage: begins.get(storage._cdata))


def _of_stream(file):
    loader = legacy.StreamLoader(file, lambda storage, place: torch.UntypedStorage(storage.nbytes(), device="meta"))
    loader.open()
    reader = _Reader(loader.stream)
    reader.persistent_load = loader.resolve
    result = reader.load()
    begins = {}
    for key in loader.keys():
        nbytes = loader.size_of_next(key)
        begins[loader.storages[key]._cdata] = file.tell()
        file.seek(nbytes, 1)
    return _list(result, lambda storage: begins.get(storage._cdata))


def _of_tar(file):
    raise NotImplementedError("tar archives of PyTorch 0.1 are not inspected; torch.load reads them")


def _list(obj, place):
    walk = _Walk(place)
    walk.visit(obj, ())
    return walk.found


_LISTED = {"safetensors": safetensors.Reader, "gguf": gguf.Reader}
_PICKLED = {"zip": _of_zip, "stream": _of_stream, "tar": _of_tar}
