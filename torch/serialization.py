"""Saving and loading: `save`, `load`, and what decides where tensors go and which classes a file may name."""

import contextlib
import copyreg
import importlib
import io
import os
import pickle
import sys
import warnings
from enum import Enum

import torch
from torch import _weights_only_unpickler
from torch._weights_only_unpickler import _SafeGlobals
from torch.files import _pickled
from torch.files._locations import (
    default_restore_location,
    location_tag,
    normalize_storage_type,
    register_package,
    restore_function,
    validate_cuda_device,
    validate_hpu_device,
)
from torch.files._paths import is_path, kind_of, map_file, writable
from torch.files._zip_archive import ArchiveError, ArchiveReader, ArchiveWriter
from torch.utils.serialization import config

__all__ = [
    "SourceChangeWarning", "register_package", "check_module_version_greater_or_equal", "validate_cuda_device", "validate_hpu_device", "StorageType",
    "location_tag", "default_restore_location", "normalize_storage_type", "save", "load", "LoadEndianness",
    "get_crc32_options", "set_crc32_options", "get_default_load_endianness", "set_default_load_endianness",
    "get_default_mmap_options", "set_default_mmap_options", "clear_safe_globals", "get_safe_globals", "add_safe_globals",
    "safe_globals", "get_unsafe_globals_in_checkpoint", "skip_data",
]

DEFAULT_PROTOCOL = 2


class SourceChangeWarning(Warning):
    """The source of a saved module changed since it was saved."""


class LoadEndianness(Enum):
    """Byte order assumed for files that don't tell theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class StorageType:
    """A kind of storage by the name that files have for it, "FloatStorage"; `dtype` is that of its elements. KeyError for an unknown name."""

    def __init__(self, name):
        self._dtype = torch.storage._storage_type_to_dtype_map().get(name)
        if self._dtype is None:
            raise KeyError(f'pickle storage type "{name}" is not recognized')

    @property
    def dtype(self):
        """The dtype of the elements."""
        return self._dtype


def get_default_load_endianness():
    """The byte order assumed for files that don't tell theirs, or None."""
    return config.load.endianness


def set_default_load_endianness(endianness):
    """Set the byte order assumed for files that don't tell theirs. Raises TypeError unless LoadEndianness or None."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    config.load.endianness = endianness


def get_crc32_options():
    """Whether records are written with their checksum."""
    return config.save.compute_crc32


def set_crc32_options(compute_crc32):
    """Turn the checksums of written records on or off; files without them cannot be checked when read."""
    config.save.compute_crc32 = bool(compute_crc32)


def get_default_mmap_options():
    """The flags of ``load(mmap=True)``."""
    return config.load.mmap_flags


class set_default_mmap_options:
    """Set the flags of ``load(mmap=True)``, ``mmap.MAP_PRIVATE`` (the default) or ``mmap.MAP_SHARED``; also a context."""

    def __init__(self, flags):
        import mmap

        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError("Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                             f"mmap.MAP_SHARED, but got {flags}")
        self.previous, config.load.mmap_flags = config.load.mmap_flags, flags

    def __enter__(self):
        return None

    def __exit__(self, *_):
        config.load.mmap_flags = self.previous


class skip_data:
    """Within the block `save` leaves room for the data of storages without writing it."""

    active = False

    def __init__(self, materialize_fake_tensors=False):
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self):
        self.previous, skip_data.active = skip_data.active, True

    def __exit__(self, *_):
        skip_data.active = self.previous


def add_safe_globals(safe_globals):
    """Allow the given classes and functions (or pairs of one and its full name) in ``load(weights_only=True)``."""
    _weights_only_unpickler._add_safe_globals(safe_globals)


def get_safe_globals():
    """The classes and functions that were allowed."""
    return _weights_only_unpickler._get_safe_globals()


def clear_safe_globals():
    """Allow none but the built-in ones again."""
    _weights_only_unpickler._clear_safe_globals()


class safe_globals(_SafeGlobals):
    """``with safe_globals([A, B]):`` allows classes and functions within the block."""


def _get_layout(name):
    """The layout called `name`, such as "torch.strided"; files refer to this function."""
    layout = vars(torch).get(name.rpartition(".")[2])
    if not isinstance(layout, torch.layout):
        raise ValueError(f"{name} is not a layout")
    return layout


copyreg.pickle(torch.layout, lambda layout: (_get_layout, (str(layout),)))


def _check_pickle_module(pickle_module):
    if pickle_module is not None and pickle_module.__name__ == "dill":
        raise RuntimeError("pickle_module='dill' is not available here; use the standard pickle")


def save(obj, f, pickle_module=pickle, pickle_protocol=DEFAULT_PROTOCOL, _use_new_zipfile_serialization=True,
         _disable_byteorder_record=False, *, compact=False):
    """Write `obj` (tensors, modules' state dicts, anything that pickles) to a path or binary file object.

    A path is written beside its place and moved there at the end, so that a full disk or an interrupt leaves the old
    file whole. Tensors that share storage share it again after :func:`load`.

    Args:
        compact: leave out the parts of storages that no saved tensor sees, so that one row of a large matrix makes a
            small file.

    Example::

        torch.save(model.state_dict(), "model.pt")
        torch.save(table[17], "row.pt", compact=True)
    """
    _check_pickle_module(pickle_module)
    with writable(f) as file:
        if _use_new_zipfile_serialization:
            name = os.path.splitext(os.path.basename(os.fspath(f)))[0] if is_path(f) else "archive"
            _save_zip(obj, file, name or "archive", pickle_protocol, not _disable_byteorder_record, compact)
        elif compact:
            raise ValueError("compact=True needs the zip format")
        else:
            from torch.files import legacy

            legacy.save(obj, file, pickle_protocol, location_tag)


def _save_zip(obj, file, name, protocol, byteorder, compact):
    archive = ArchiveWriter(file, name, alignment=config.save.storage_alignment, crc=config.save.compute_crc32)
    text = io.BytesIO()
    if compact:
        from torch.files.compact import CompactCollector

        collector = CompactCollector(text, protocol, location_tag, obj)
    else:
        collector = _pickled.StorageCollector(text, protocol, location_tag)
    collector.dump(obj)
    archive.add("data.pkl", text.getvalue())
    archive.add(".format_version", b"1")
    archive.add(".storage_alignment", str(archive.alignment).encode())
    if byteorder:
        archive.add("byteorder", sys.byteorder.encode())
    for key, storage in collector.storages.items():
        if storage.device.type != "meta":
            archive.add(f"data/{key}", bytes(storage.nbytes()) if skip_data.active else _pickled.bytes_of(storage))
    archive.add("version", b"3\n")
    archive.add(".data/serialization_id", _serialization_id(archive))
    archive.close()


def _serialization_id(archive):
    """Forty digits from the names and checksums of the records: the same content gives the same id."""
    import zlib

    first = zlib.crc32(b"".join(archive.directory))
    second = zlib.crc32(b"".join(entry[16:20] for entry in archive.directory))
    return f"{second:020d}{first:020d}".encode()


def _wants_weights_only(weights_only, pickle_module):
    """The setting after the environment variables that force it."""
    def forced(name):
        return os.environ.get(name, "0").lower() in ("1", "y", "yes", "true")

    force, forbid = forced("TORCH_FORCE_WEIGHTS_ONLY_LOAD"), forced("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if force and forbid:
        raise RuntimeError("Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, "
                           "but both were set.")
    if force:
        return True
    if weights_only is None:
        return not forbid and pickle_module is None
    return weights_only


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Read what :func:`save` wrote, from a path or binary file object; safetensors and GGUF files too, as a dict.

    Args:
        map_location: where storages go: a device or its name, a dict from old to new names, or a function
            ``(storage, name) -> storage or None``; by default to where they were.
        weights_only: True (default) builds tensors and plain containers only and runs no code from the file; anything
            else in it raises :class:`pickle.UnpicklingError`. False trusts the file.
        mmap: map the storages of a file on disk instead of reading them.

    Raises RuntimeError when the file is cut or damaged (every record has a checksum), FileNotFoundError, EOFError when
    it is empty.
    """
    only = _wants_weights_only(weights_only, pickle_module)
    if only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if mmap is None:
        mmap = config.load.mmap
    if mmap and not is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not is_path(f) and not (hasattr(f, "read") and hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object that implements read, seek and tell, "
                             f"but got {f!r}. You can only torch.load from a file that is seekable. Please pre-load the data "
                             "into a buffer like io.BytesIO and try to load from it instead.")
    with open(f, "rb") if is_path(f) else contextlib.nullcontext(f) as file:
        restore = restore_function(map_location)
        kind, mapped = kind_of(f, file), map_file(f) if mmap else None
        if kind == "zip":
            return _ZipLoader(file, mapped, restore, only).load(pickle_module, pickle_load_args)
        if kind in ("safetensors", "gguf"):
            reader = importlib.import_module(f"torch.files.{kind}").Reader(file, mapped)
            return {name: reader.tensor(name, restore) for name in reader.names()}
        if mmap:
            raise RuntimeError("mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)"
                               "`, please torch.save your checkpoint with this option in order to use mmap.")
        from torch.files import legacy

        loader = legacy.TarLoader if kind == "tar" else legacy.StreamLoader
        return loader(file, restore).load(only, pickle_module, pickle_load_args)


class _ZipLoader:
    """One read of a zip file: resolves the storages that its pickle names."""

    def __init__(self, file, mapped, restore, weights_only):
        self.archive = ArchiveReader(file, file.tell())
        self.mapped, self.restore, self.weights_only = mapped, restore, weights_only
        self.storages = {}
        self.swap = self._byte_order() != sys.byteorder

    def _byte_order(self):
        if "byteorder" in self.archive:
            order = self.archive.read("byteorder").decode(errors="replace")
            if order not in ("little", "big"):
                raise ValueError("Unknown endianness type: " + order)
            return order
        preferred = config.load.endianness
        return {None: "little", LoadEndianness.LITTLE: "little", LoadEndianness.BIG: "big",
                LoadEndianness.NATIVE: sys.byteorder}[preferred]

    def load(self, pickle_module, options):
        if "data.pkl" not in self.archive:
            if "constants.pkl" in self.archive:
                raise RuntimeError("This file is a TorchScript archive, which holds code and cannot be loaded as data")
            raise ArchiveError("PytorchStreamReader failed locating file data.pkl: file not found")
        text = io.BytesIO(self.archive.read("data.pkl"))
        return _pickled.unpickle(text, self.resolve, self.weights_only, pickle_module, options)

    def resolve(self, pid):
        """The storage of a persistent id."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise RuntimeError(f"Unknown typename for persistent_load, expected 'storage' but got {_weights_only_unpickler.shown(pid)}")
        _, storage_type, key, location, numel = pid[:5]
        dtype = _pickled.storage_dtype(storage_type)
        if key not in self.storages:
            self.storages[key] = self._read(key, numel * dtype.itemsize, dtype, location)
        return _pickled.typed(self.storages[key], dtype)

    def _read(self, key, nbytes, dtype, location):
        if location == "meta":
            return torch.UntypedStorage(nbytes, device="meta")
        name = f"data/{key}"
        position, size = self.archive.locate(name)
        if size < nbytes:
            raise ArchiveError(f"record {name} has {size} bytes, {nbytes} are expected")
        if self.mapped is not None and not self.archive.is_compressed(name):
            storage = torch._C._share_buffer(self.mapped, position, nbytes)
        else:
            storage = torch.UntypedStorage(size)
            self.archive.read_into(name, storage)
        if self.swap:
            storage.byteswap(dtype)
        return self.restore(storage, location)


def get_unsafe_globals_in_checkpoint(f):
    """Names of the classes and functions in a file that ``load(weights_only=True)`` would refuse."""
    with open(f, "rb") if is_path(f) else contextlib.nullcontext(f) as file:
        return _weights_only_unpickler._unsafe_names(ArchiveReader(file, file.tell()).read("data.pkl"))


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """Whether ``module.__version__`` is at least the given tuple of numbers."""
    try:
        found = tuple(type(part)(field) for part, field in zip(req_version_tuple, module.__version__.split(".")))
    except Exception as error:
        message = f"'{module.__name__}' module version string is malformed '{module.__version__}'"
        if error_if_malformed:
            raise RuntimeError(message) from error
        warnings.warn(message + ", but continuing assuming that requirement is met", stacklevel=2)
        return True
    return found >= req_version_tuple
