"""The formats before PyTorch 1.6: a stream of pickles followed by the storages, and before 0.1.10 a tar archive."""

import contextlib
import pickle
import struct
import sys
import tarfile

import torch
from torch import _weights_only_unpickler
from torch._weights_only_unpickler import shown

from ._pickled import Allowance, StorageCollector, bytes_of, storage_dtype, typed, unpickle

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


def save(obj, file, protocol, tag):
    """Write the stream: three headers, the object, the keys of its storages, the storages."""
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": PROTOCOL_VERSION, "little_endian": sys.byteorder == "little", "type_sizes": sizes}
    for header in (MAGIC_NUMBER, PROTOCOL_VERSION, system):
        pickle.dump(header, file, protocol)
    collector = StorageCollector(file, protocol, tag, legacy=True)
    collector.dump(obj)
    keys = sorted(collector.storages)
    pickle.dump(keys, file, protocol)
    for key in keys:
        storage = collector.storages[key]
        file.write(struct.pack("<q", storage.nbytes() // collector.dtypes.get(key, torch.uint8).itemsize))
        file.write(bytes_of(storage))


@contextlib.contextmanager
def _damage():
    """What goes wrong while plain values are taken apart is damage."""
    try:
        yield
    except (TypeError, KeyError, IndexError, ValueError, AttributeError, OverflowError, struct.error) as error:
        raise RuntimeError(f"the file is damaged: {type(error).__name__}: {error}") from error


class _Window:
    """A stream of which several pickles are read one after the other; nothing reads ahead or past its end."""

    def __init__(self, file):
        self.file = file
        place = file.tell()
        self.size = file.seek(0, 2)
        file.seek(place)

    def left(self):
        """Bytes from here to the end."""
        return self.size - self.file.tell()

    def read(self, count=-1):
        """The next bytes."""
        return self.file.read(count if 0 <= count <= 4096 else min(count, self.left()) if count >= 0 else -1)

    def readline(self, limit=-1):
        """The next line."""
        return self.file.readline()

    def exactly(self, count):
        """The next `count` bytes. Raises RuntimeError when there are fewer."""
        data = self.read(count)
        if len(data) != count:
            raise RuntimeError(f"unexpected EOF, expected {count - len(data)} more bytes. The file might be corrupted.")
        return data

    def unpack(self, layout):
        """Numbers in the layout of :mod:`struct`."""
        return struct.unpack(layout, self.exactly(struct.calcsize(layout)))


def _part(root, offset, nbytes):
    """A storage over some bytes of another."""
    if offset < 0 or nbytes < 0 or offset + nbytes > root.nbytes():
        raise RuntimeError("the file is damaged: a view lies outside of its storage")
    if root.device.type == "meta":
        return torch.UntypedStorage(nbytes, device="meta")
    return torch._C._share_buffer(root, offset, nbytes)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


class StreamLoader:
    """One read of a stream. `restore(storage, place)` puts storages where they belong, as yet without their bytes."""

    def __init__(self, file, restore):
        self.stream = _Window(file)
        self.restore = restore
        self.allowance = Allowance(self.stream.left())
        self.storages, self.wanted, self.views = {}, {}, {}  # by key; the second holds (dtype, numel)

    def header(self):
        """The next pickle, of plain values."""
        return unpickle(self.stream, None, True, None, {})

    def open(self):
        """Check the headers and keep the byte order."""
        damaged = "Invalid magic number; corrupt file? The file is neither a zip archive nor a stream made by torch.save"
        try:
            magic = self.header()
        except (pickle.UnpicklingError, EOFError, ValueError):
            raise pickle.UnpicklingError(damaged) from None
        if magic != MAGIC_NUMBER:
            raise RuntimeError(damaged)
        version, system = self.header(), self.header()
        if version != PROTOCOL_VERSION:
            raise RuntimeError(f"Invalid protocol version: {shown(version)}")
        self.swap = isinstance(system, dict) and system.get("little_endian", True) != (sys.byteorder == "little")

    def resolve(self, pid):
        """The storage, or part of one, that a persistent id stands for."""
        if not isinstance(pid, tuple) or not pid:
            raise RuntimeError(f"Unknown saved id: {shown(pid)}")
        kind = _text(pid[0])
        if kind == "module":
            return pid[1]
        if kind != "storage" or len(pid) < 5:
            raise RuntimeError(f"Unknown saved id type: {shown(kind)}")
        storage_type, key, location, numel = pid[1:5]
        dtype = storage_dtype(storage_type)
        if key not in self.storages:
            self.allowance.take(numel * dtype.itemsize)
            self.wanted[key] = (dtype, numel)
            self.storages[key] = self.restore(torch.UntypedStorage(numel * dtype.itemsize), _text(location))
        view = pid[5] if len(pid) > 5 else None
        if view is None:
            return typed(self.storages[key], dtype)
        name, offset, count = view
        if name not in self.views:
            self.views[name] = _part(self.storages[key], offset * dtype.itemsize, count * dtype.itemsize)
        return typed(self.views[name], dtype)

    def keys(self):
        """The keys of the storages in the order of their bytes."""
        keys = self.header()
        with _damage():
            known = isinstance(keys, list) and all(key in self.wanted for key in keys)
        if not known:
            raise RuntimeError("the list of storages does not fit the object: the file is damaged")
        return keys

    def size_of_next(self, key):
        """Read the size in front of a storage; its number of bytes."""
        dtype, numel = self.wanted[key]
        if self.stream.unpack("<q") != (numel,):
            raise RuntimeError(f"storage has wrong byte size: expected {numel * dtype.itemsize} bytes; the file is damaged")
        return numel * dtype.itemsize

    def load(self, weights_only, pickle_module, options):
        """The object, complete."""
        self.open()
        result = unpickle(self.stream, self.resolve, weights_only, pickle_module, options)
        for key in self.keys():
            data, target = self.stream.exactly(self.size_of_next(key)), self.storages[key]
            if data and target.device.type != "meta":
                target.copy_(_from_bytes(data, self.wanted[key][0], self.swap))
        return result


def _from_bytes(data, dtype, swap):
    fresh = torch.UntypedStorage.from_buffer(data, dtype=torch.uint8)
    if swap:
        fresh.byteswap(dtype)
    return fresh


class _OldNames(_weights_only_unpickler.Unpickler):
    """Leaves the classes of tensors, which are told by their storages, as names."""

    def find(self, module, name):
        """What a global stands for."""
        return name if module.startswith("torch") and name.endswith("Tensor") else super().find(module, name)


class TarLoader:
    """One read of a tar archive, whose members are the storages, the tensors on them and the object."""

    def __init__(self, file, restore):
        self.restore, self.things = restore, {}  # storages, then tensors, by their number
        self.allowance = Allowance(_Window(file).left())
        try:
            self.archive = tarfile.open(fileobj=file, mode="r:")
        except tarfile.TarError as error:
            raise RuntimeError(f"the archive is damaged: {error}") from None

    def member(self, name):
        """A window on the member `name`."""
        try:
            found = self.archive.extractfile(name)
        except (KeyError, tarfile.TarError) as error:
            raise RuntimeError(f"the archive has no readable member {name!r}: {error}") from None
        if found is None:
            raise RuntimeError(f"the member {name!r} of the archive is not a file")
        return _Window(found)

    def load(self, weights_only, pickle_module, options):
        """The object, complete."""
        with _damage():
            self.read_storages(self.member("storages"))
            self.read_tensors(self.member("tensors"))
        return unpickle(self.member("pickle"), self.resolve, weights_only, pickle_module, options)

    def resolve(self, pid):
        """What a number, or the first of a tuple that describes a class, stands for."""
        if isinstance(pid, tuple) and pid:
            return pid[0]
        number = int(_text(pid))
        if number not in self.things:
            raise RuntimeError(f"the archive holds no tensor or storage {shown(number)}: the file is damaged")
        return self.things[number]

    def read_storages(self, stream):
        """All storages, and those that are part of another."""
        for _ in range(self.count(stream)):
            number, location, storage_type = self.fields(stream, 3)
            dtype = storage_dtype(storage_type)
            (numel,) = stream.unpack("<q")
            self.allowance.take(numel * dtype.itemsize)
            data = stream.exactly(numel * dtype.itemsize)
            swap = sys.byteorder != "little"
            self.things[number] = typed(self.restore(_from_bytes(data, dtype, swap), _text(location)), dtype)
        views = self.header(stream)
        for number, root, offset, count in views if isinstance(views, list) else ():
            storage = self.storage(root)
            size = storage.dtype.itemsize
            self.things[number] = typed(_part(storage._untyped_storage, offset * size, count * size), storage.dtype)

    def read_tensors(self, stream):
        """All tensors: their storage, size, stride and offset."""
        for _ in range(self.count(stream)):
            number, root, _ = self.fields(stream, 3)
            storage = self.storage(root)
            (dims,) = stream.unpack("<q")
            dims &= 0xFFFFFFFF  # the upper half was never set
            size, stride = stream.unpack(f"<{dims}q"), stream.unpack(f"<{dims}q")
            (offset,) = stream.unpack("<q")
            self.things[number] = torch._utils._rebuild_tensor(storage, offset, size, stride)

    def storage(self, number):
        """A storage by its number."""
        found = self.things.get(number)
        if not isinstance(found, torch.storage.TypedStorage):
            raise RuntimeError(f"the archive holds no storage {shown(number)}: the file is damaged")
        return found

    def header(self, stream):
        """The next pickle, of plain values and classes."""
        return _OldNames(stream).load()

    def count(self, stream):
        """The next pickle, a number."""
        found = self.header(stream)
        if not isinstance(found, int):
            raise RuntimeError("the archive is damaged: a number was expected")
        return found

    def fields(self, stream, count):
        """The next pickle, a tuple of `count` values."""
        found = self.header(stream)
        if not isinstance(found, (tuple, list)) or len(found) != count:
            raise RuntimeError(f"the archive is damaged: {count} values were expected")
        return found
