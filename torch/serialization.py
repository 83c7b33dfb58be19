"""Saving and loading: `save`, `load`, and what decides where tensors go and which classes a file may name."""

import contextlib
import copyreg
import io
import os
import pickle
import stat
import struct
import sys
import tempfile
import warnings
from enum import Enum

import torch
from torch import _weights_only_unpickler
from torch._weights_only_unpickler import _SafeGlobals
from torch._zip_archive import ArchiveError, ArchiveReader, ArchiveWriter

__all__ = [
    "SourceChangeWarning", "register_package", "check_module_version_greater_or_equal", "validate_cuda_device",
    "location_tag", "default_restore_location", "normalize_storage_type", "save", "load", "LoadEndianness",
    "get_crc32_options", "set_crc32_options", "get_default_load_endianness", "set_default_load_endianness",
    "get_default_mmap_options", "set_default_mmap_options", "clear_safe_globals", "get_safe_globals", "add_safe_globals",
    "safe_globals", "get_unsafe_globals_in_checkpoint", "skip_data",
]

DEFAULT_PROTOCOL = 2
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


class SourceChangeWarning(Warning):
    """The source of a saved module changed since it was saved."""


class LoadEndianness(Enum):
    """Byte order assumed for files that don't tell theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Options:
    endianness = None
    mmap_flags = getattr(__import__("mmap"), "MAP_PRIVATE", 2)
    crc32 = True
    skip_data = False


def get_default_load_endianness():
    """The byte order assumed for files that don't tell theirs, or None."""
    return _Options.endianness


def set_default_load_endianness(endianness):
    """Set the byte order assumed for files that don't tell theirs. Raises TypeError unless LoadEndianness or None."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _Options.endianness = endianness


def get_crc32_options():
    """Whether records are written with their checksum."""
    return _Options.crc32


def set_crc32_options(compute_crc32):
    """Turn the checksums of written records on or off; files without them cannot be checked when read."""
    _Options.crc32 = bool(compute_crc32)


def get_default_mmap_options():
    """The flags of ``load(mmap=True)``."""
    return _Options.mmap_flags


class set_default_mmap_options:
    """Set the flags of ``load(mmap=True)``, ``mmap.MAP_PRIVATE`` (the default) or ``mmap.MAP_SHARED``; also a context."""

    def __init__(self, flags):
        import mmap

        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError("Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                             f"mmap.MAP_SHARED, but got {flags}")
        self.previous, _Options.mmap_flags = _Options.mmap_flags, flags

    def __enter__(self):
        return None

    def __exit__(self, *_):
        _Options.mmap_flags = self.previous


class skip_data:
    """Within the block `save` leaves room for the data of storages without writing it."""

    def __init__(self, materialize_fake_tensors=False):
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self):
        self.previous, _Options.skip_data = _Options.skip_data, True

    def __exit__(self, *_):
        _Options.skip_data = self.previous


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
    layout = getattr(torch, name.rpartition(".")[2])
    if not isinstance(layout, torch.layout):
        raise ValueError(f"{name} is not a layout")
    return layout


copyreg.pickle(torch.layout, lambda layout: (_get_layout, (str(layout),)))


# ------------------------------------------------------------------------------------------------- where storages go

_packages = []


def register_package(priority, tagger, deserializer):
    """Add a kind of location: ``tagger(storage)`` names it (or None), ``deserializer(storage, name)`` restores it.

    Lower priorities are asked first; the CPU has 10, CUDA 20.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda entry: entry[0])


def location_tag(storage):
    """The name of the place a storage lives, such as "cpu" or "cuda:0"."""
    for _, tagger, _ in _packages:
        name = tagger(storage)
        if name:
            return name
    raise RuntimeError("don't know how to determine data location of " + torch.typename(storage))


def default_restore_location(storage, location):
    """A storage at the named place with the given one's bytes. Raises RuntimeError for unknown names."""
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError("don't know how to restore data location of " + torch.typename(storage) + " (tagged with "
                       + str(location) + ")")


def validate_cuda_device(location):
    """The number of the CUDA device named. Raises RuntimeError when it does not exist."""
    index = torch.device(location).index or 0
    if not torch.cuda.is_available():
        raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you "
                           "are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') "
                           "to map your storages to the CPU.")
    count = torch.cuda.device_count()
    if index >= count:
        raise RuntimeError(f"Attempting to deserialize object on CUDA device {index} but torch.cuda.device_count() is "
                           f"{count}. Please use torch.load with map_location to map your storages to an existing device.")
    return index


def _restore_cuda(storage, location):
    if not location.startswith("cuda"):
        return None
    return storage.cuda(validate_cuda_device(location))


def _restore_meta(storage, location):
    return torch.UntypedStorage(storage.nbytes(), device="meta") if location == "meta" else None


def _tagger(kind):
    def tag(storage):
        if storage.device.type != kind:
            return None
        return kind if storage.device.index is None else f"{kind}:{storage.device.index}"

    return tag


register_package(10, _tagger("cpu"), lambda storage, location: storage if location == "cpu" else None)
register_package(20, _tagger("cuda"), _restore_cuda)
register_package(22, _tagger("meta"), _restore_meta)


def _restore_function(map_location):
    """`map_location` in any of its forms as a function (storage, location) -> storage."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, map_location.get(location, location))
    if isinstance(map_location, (str, torch.device)):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    def restore(storage, location):
        result = map_location(storage, location)
        return default_restore_location(storage, location) if result is None else result

    return restore


def normalize_storage_type(storage_type):
    """The class in ``torch`` that files name for a class of storages."""
    return getattr(torch, storage_type.__name__)


def _typed(storage):
    """(bytes, class that files name, number of elements) of a typed or untyped storage."""
    if isinstance(storage, torch.storage.TypedStorage):
        return storage._untyped_storage, getattr(torch, storage._pickle_storage_type()), storage._size()
    return storage, normalize_storage_type(type(storage)), storage.nbytes()


def _element_dtype(storage_type):
    return torch.uint8 if storage_type is torch.UntypedStorage else storage_type.dtype


# -------------------------------------------------------------------------------------------------------------- files

def _is_path(f):
    return isinstance(f, (str, os.PathLike))


@contextlib.contextmanager
def _replacing(path):
    """A file that takes the place of `path` when the block ends well; an error leaves the old file as it was."""
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    existing = os.stat(path) if os.path.exists(path) else None
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        with open(path, "wb") as file:  # a pipe or a device has no old content to protect
            yield file
        return
    number, fresh = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(fresh, stat.S_IMODE(existing.st_mode) if existing is not None else 0o666 & ~_umask())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def _umask():
    current = os.umask(0o022)
    os.umask(current)
    return current


@contextlib.contextmanager
def _writable(f):
    if _is_path(f):
        with _replacing(os.fspath(f)) as file:
            yield file
    elif hasattr(f, "write"):
        yield f
        if hasattr(f, "flush"):
            f.flush()
    else:
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, but got {f!r}")


class _StorageCollector(pickle.Pickler):
    """Pickles an object and notes the storages it meets, each once."""

    def __init__(self, file, protocol, kind):
        super().__init__(file, protocol)
        self.kind = kind
        self.keys, self.storages, self.dtypes = {}, {}, {}  # address -> key; key -> storage; key -> dtype first seen

    def key_of(self, untyped):
        """The name of a storage in the file; the same for every tensor on it."""
        address = untyped._cdata
        if address not in self.keys:
            self.keys[address] = str(len(self.keys)) if self.kind == "zip" else str(address)
            self.storages[self.keys[address]] = untyped
        return self.keys[address]

    def persistent_id(self, obj):
        """The tuple that stands for a storage in the pickle."""
        if not isinstance(obj, (torch.storage.TypedStorage, torch.UntypedStorage)):
            return None
        untyped, storage_type, numel = _typed(obj)
        key = self.key_of(untyped)
        dtype = _element_dtype(storage_type)
        if untyped.nbytes() and self.dtypes.setdefault(key, dtype) != dtype and self.kind != "zip":
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        view = (None,) if self.kind == "legacy" else ()
        return ("storage", storage_type, key, location_tag(untyped), numel, *view)


def _bytes_of(storage):
    return memoryview(storage.cpu()) if storage.nbytes() and storage.device.type != "meta" else memoryview(b"")


def _check_pickle_module(pickle_module):
    if pickle_module is not None and pickle_module.__name__ == "dill":
        raise RuntimeError("pickle_module='dill' is not available here; use the standard pickle")


def save(obj, f, pickle_module=pickle, pickle_protocol=DEFAULT_PROTOCOL, _use_new_zipfile_serialization=True,
         _disable_byteorder_record=False):
    """Write `obj` (tensors, modules' state dicts, anything that pickles) to a path or binary file object.

    A path is written beside its place and moved there at the end, so that a full disk or an interrupt leaves the old
    file whole. Tensors that share storage share it again after :func:`load`.

    Example::

        torch.save(model.state_dict(), "model.pt")
    """
    _check_pickle_module(pickle_module)
    with _writable(f) as file:
        if not _use_new_zipfile_serialization:
            _save_legacy(obj, file, pickle_protocol)
            return
        name = os.path.splitext(os.path.basename(os.fspath(f)))[0] if _is_path(f) else "archive"
        archive = ArchiveWriter(file, name or "archive", crc=_Options.crc32)
        text = io.BytesIO()
        collector = _StorageCollector(text, pickle_protocol, "zip")
        collector.dump(obj)
        archive.add("data.pkl", text.getvalue())
        archive.add(".format_version", b"1")
        archive.add(".storage_alignment", b"64")
        if not _disable_byteorder_record:
            archive.add("byteorder", sys.byteorder.encode())
        for key, storage in collector.storages.items():
            if storage.device.type == "meta":
                continue
            archive.add(f"data/{key}", bytes(storage.nbytes()) if _Options.skip_data else _bytes_of(storage))
        archive.add("version", b"3\n")
        archive.add(".data/serialization_id", _serialization_id(archive))
        archive.close()


def _serialization_id(archive):
    """Forty digits from the names and checksums of the records: the same content gives the same id."""
    import zlib

    first = zlib.crc32(b"".join(archive.directory))
    second = zlib.crc32(b"".join(entry[16:20] for entry in archive.directory))
    return f"{second:020d}{first:020d}".encode()


def _save_legacy(obj, file, protocol):
    """The format before 1.6: five pickles and the storages, in one stream."""
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": PROTOCOL_VERSION, "little_endian": sys.byteorder == "little", "type_sizes": sizes}
    for header in (MAGIC_NUMBER, PROTOCOL_VERSION, system):
        pickle.dump(header, file, protocol)
    collector = _StorageCollector(file, protocol, "legacy")
    collector.dump(obj)
    keys = sorted(collector.storages)
    pickle.dump(keys, file, protocol)
    for key in keys:
        storage = collector.storages[key]
        file.write(struct.pack("<q", storage.nbytes() // collector.dtypes.get(key, torch.uint8).itemsize))
        file.write(_bytes_of(storage))


# ------------------------------------------------------------------------------------------------------------ loading

_WEIGHTS_ONLY_HELP = (
    "Weights only load failed. In PyTorch 2.6 and later the default value of `weights_only` in `torch.load` is True. "
    "If the file comes from a source you trust, either allow the classes it names with "
    "`torch.serialization.add_safe_globals`, or load it with `weights_only=False`, which can run any code the file holds.\n"
    "WeightsUnpickler error: ")


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


class _TrustingUnpickler(pickle.Unpickler):
    """The ordinary unpickler, which runs what the file says."""

    def __init__(self, file, resolve, **options):
        super(type(self), self).__init__(file, **options)
        self._resolve = resolve

    def persistent_load(self, pid):
        """The storage that a persistent id stands for."""
        return self._resolve(pid)


def _unpickle(file, resolve, weights_only, pickle_module, options):
    if weights_only:
        try:
            return _weights_only_unpickler.load(file, persistent_load=resolve, **options)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(_WEIGHTS_ONLY_HELP + str(error)) from None
    unpickler = _TrustingUnpickler
    if pickle_module is not None and pickle_module is not pickle:
        unpickler = type("Unpickler", (pickle_module.Unpickler,), {
            "__init__": _TrustingUnpickler.__init__, "persistent_load": _TrustingUnpickler.persistent_load})
    return unpickler(file, resolve, **{"encoding": "utf-8", **options}).load()


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Read what :func:`save` wrote, from a path or binary file object.

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
    if mmap and not _is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not _is_path(f) and not (hasattr(f, "read") and hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object that implements read, seek and tell, "
                             f"but got {f!r}. You can only torch.load from a file that is seekable. Please pre-load the data "
                             "into a buffer like io.BytesIO and try to load from it instead.")
    with open(f, "rb") if _is_path(f) else contextlib.nullcontext(f) as file:
        restore = _restore_function(map_location)
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        if magic == b"PK\3\4":
            source = os.fspath(f) if mmap else None
            return _ZipLoader(file, start, source, restore, only).load(pickle_module, pickle_load_args)
        if mmap:
            raise RuntimeError("mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)"
                               "`, please torch.save your checkpoint with this option in order to use mmap.")
        if not magic:
            raise EOFError("Ran out of input: the file is empty")
        return _load_legacy(file, restore, only, pickle_module, pickle_load_args)


class _ZipLoader:
    """One read of a zip file: resolves the storages that its pickle names."""

    def __init__(self, file, start, mapped_path, restore, weights_only):
        self.archive = ArchiveReader(file, start)
        self.restore, self.weights_only = restore, weights_only
        self.storages = {}
        self.swap = self._byte_order() != sys.byteorder
        self.mapped = None
        if mapped_path is not None:
            shared = _Options.mmap_flags == getattr(__import__("mmap"), "MAP_SHARED", None)
            self.mapped = torch.UntypedStorage.from_file(mapped_path, shared, os.path.getsize(mapped_path))

    def _byte_order(self):
        if "byteorder" in self.archive:
            order = self.archive.read("byteorder").decode(errors="replace")
            if order not in ("little", "big"):
                raise ValueError("Unknown endianness type: " + order)
            return order
        preferred = _Options.endianness
        return {None: "little", LoadEndianness.LITTLE: "little", LoadEndianness.BIG: "big",
                LoadEndianness.NATIVE: sys.byteorder}[preferred]

    def load(self, pickle_module, options):
        if "data.pkl" not in self.archive:
            if "constants.pkl" in self.archive:
                raise RuntimeError("This file is a TorchScript archive, which holds code and cannot be loaded as data")
            raise ArchiveError("PytorchStreamReader failed locating file data.pkl: file not found")
        text = io.BytesIO(self.archive.read("data.pkl"))
        return _unpickle(text, self.resolve, self.weights_only, pickle_module, options)

    def resolve(self, pid):
        """The storage of a persistent id."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise RuntimeError(f"Unknown typename for persistent_load, expected 'storage' but got {pid!r}")
        _, storage_type, key, location, numel = pid[:5]
        dtype = _storage_dtype(storage_type)
        if key not in self.storages:
            self.storages[key] = self._read(key, numel * dtype.itemsize, dtype, location)
        return torch.storage.TypedStorage(wrap_storage=self.storages[key], dtype=dtype, _internal=True)

    def _read(self, key, nbytes, dtype, location):
        if location == "meta":
            return torch.UntypedStorage(nbytes, device="meta")
        name = f"data/{key}"
        if self.mapped is not None:
            position, size = self.archive.locate(name)
            if size < nbytes:
                raise ArchiveError(f"record {name} has {size} bytes, {nbytes} are expected")
            storage = torch._C._share_buffer(self.mapped, position, nbytes)
        else:
            _, size = self.archive.locate(name)
            if size < nbytes:
                raise ArchiveError(f"record {name} has {size} bytes, {nbytes} are expected")
            storage = torch.UntypedStorage(size)
            self.archive.read_into(name, storage)
        if self.swap:
            storage.byteswap(dtype)
        return self.restore(storage, location)


def _storage_dtype(storage_type):
    """The dtype of a storage class named in a file."""
    if storage_type is torch.UntypedStorage or storage_type is torch.storage.UntypedStorage:
        return torch.uint8
    dtype = getattr(storage_type, "dtype", None)
    if not isinstance(dtype, torch.dtype):
        raise pickle.UnpicklingError(f"{storage_type!r} is not a storage class")
    return dtype


class _Window:
    """A stream of which several pickles are read one after the other; unpicklers must not read ahead."""

    def __init__(self, file):
        self.file = file

    def read(self, count=-1):
        """The next bytes."""
        return self.file.read(count)

    def readline(self, limit=-1):
        """The next line."""
        return self.file.readline()


def _size_of(file):
    place = file.tell()
    size = file.seek(0, 2)
    file.seek(place)
    return size


def _load_legacy(file, restore, weights_only, pickle_module, options):
    """Read the format before 1.6."""
    def header():
        return _unpickle(_Window(file), None, True, None, {})

    damaged = "Invalid magic number; corrupt file? The file is neither a zip archive nor a stream made by torch.save"
    try:
        magic = header()
    except (pickle.UnpicklingError, EOFError, ValueError):
        raise pickle.UnpicklingError(damaged) from None
    if magic != MAGIC_NUMBER:
        raise RuntimeError(damaged)
    version, system = header(), header()
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    storages, wanted = {}, {}

    def resolve(pid):
        if not isinstance(pid, tuple) or not pid:
            raise RuntimeError(f"Unknown saved id: {pid!r}")
        kind = pid[0].decode() if isinstance(pid[0], bytes) else pid[0]
        if kind == "module":
            return pid[1]
        if kind != "storage" or len(pid) < 5:
            raise RuntimeError(f"Unknown saved id type: {kind}")
        storage_type, key, location, numel = pid[1:5]
        location = location.decode() if isinstance(location, bytes) else location
        dtype = _storage_dtype(storage_type)
        if key not in storages:
            nbytes, whole = numel * dtype.itemsize, _size_of(file)
            if not 0 <= nbytes <= whole:
                raise RuntimeError(f"the file is cut short: a storage of {nbytes} bytes in a file of {whole}")
            wanted[key] = (dtype, numel)
            storages[key] = restore(torch.UntypedStorage(nbytes), location)
        typed = torch.storage.TypedStorage(wrap_storage=storages[key], dtype=dtype, _internal=True)
        view = pid[5] if len(pid) > 5 else None
        if view is not None:
            raise RuntimeError("files with views of storages were written by PyTorch 0.1 and are not readable")
        return typed

    result = _unpickle(_Window(file), resolve, weights_only, pickle_module, options)
    keys = header()
    swap = isinstance(system, dict) and system.get("little_endian", True) != (sys.byteorder == "little")
    for key in keys:
        if key not in wanted:
            raise RuntimeError("the list of storages does not fit the object: the file is damaged")
        dtype, numel = wanted[key]
        prefix = file.read(8)
        nbytes = numel * dtype.itemsize
        if len(prefix) != 8 or struct.unpack("<q", prefix)[0] != numel:
            raise RuntimeError(f"storage has wrong byte size: expected {nbytes} bytes; the file is damaged")
        data = file.read(nbytes)
        if len(data) != nbytes:
            raise RuntimeError(f"unexpected EOF, expected {nbytes - len(data)} more bytes. The file might be corrupted.")
        target = storages[key]
        if nbytes and target.device.type != "meta":
            fresh = torch.UntypedStorage.from_buffer(data, dtype=torch.uint8)
            if swap:
                fresh.byteswap(dtype)
            target.copy_(fresh)
    return result


def get_unsafe_globals_in_checkpoint(f):
    """Names of the classes and functions in a file that ``load(weights_only=True)`` would refuse."""
    with open(f, "rb") if _is_path(f) else contextlib.nullcontext(f) as file:
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
