"""The zip container of saved files: stored records, each aligned and covered by a CRC.

Layout of a record: local header, name, an extra field of id "FB" that pads the data to the alignment, the data, a data
descriptor. The central directory is always followed by its 64-bit end record, as PyTorch writes it.
"""

import struct
import zlib

from torch._C import _crc32

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_LIMIT = 0xFFFFFFFF
_MOST_INFLATED = 1032  # what deflate can make of a byte
_PIECE = 1 << 18  # checked while it is still in the cache


class ArchiveError(RuntimeError):
    """The file is not a whole, unharmed archive."""


def _extra64(*values):
    """The zip64 extra field that holds the values that don't fit 32 bits."""
    large = [value for value in values if value >= _LIMIT]
    return struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""


def _flags(size):
    """Names are UTF-8; sizes follow the data, where there is any."""
    return 0x0808 if size else 0x0800


def _room64(size):
    """In a local header: room for sizes that only the descriptor after the data tells."""
    return struct.pack("<2H2Q", 1, 16, 0, 0) if size >= _LIMIT else b""


def _local_header(path, size, padding):
    """Header, name and extra field in front of the data of a record."""
    extra = _room64(size) + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    return _LOCAL.pack(b"PK\3\4", 0, _flags(size), 0, 0, 0, 0, 0, 0, len(path), len(extra)) + path + extra


def _descriptor(crc, size):
    """What follows the data of a record."""
    if not size:
        return b""
    return struct.pack("<4sL2Q" if size >= _LIMIT else "<4s3L", b"PK\7\x08", crc, size, size)


def _central_entry(path, size, start, crc):
    """The entry of a record in the directory."""
    extra, narrow = _extra64(size, size, start), min(size, _LIMIT)
    return _CENTRAL.pack(b"PK\1\2", 0, 0, _flags(size), 0, 0, 0, crc, narrow, narrow, len(path), len(extra), 0, 0, 0, 0,
                         min(start, _LIMIT)) + path + extra


class ArchiveWriter:
    """Writes records one after the other to a binary file object that need not seek."""

    def __init__(self, file, name, alignment=64, crc=True):
        self.file, self.name, self.alignment, self.crc = file, name, alignment, crc
        self.position, self.directory, self.count = 0, [], 0

    def _write(self, data):
        self.file.write(data)
        self.position += len(data)

    def add(self, name, data):
        """Write one record; `data` is anything with the buffer interface."""
        view = memoryview(data).cast("B")
        path, start, size = f"{self.name}/{name}".encode(), self.position, len(view)
        ahead = start + _LOCAL.size + len(path) + len(_room64(size)) + 4
        self._write(_local_header(path, size, -ahead % self.alignment))
        crc = 0
        for first in range(0, size, _PIECE):
            piece = view[first:first + _PIECE]
            if self.crc:
                crc = _crc32(piece, crc)
            self._write(piece)
        self._write(_descriptor(crc, size))
        self.directory.append(_central_entry(path, size, start, crc))
        self.count += 1

    def close(self):
        """Write the directory."""
        start, directory = self.position, b"".join(self.directory)
        self._write(directory + _end(start, len(directory), self.count))


def _end(start, length, count):
    """The end records: the 64-bit one, where it is, and the old one."""
    few = min(count, 0xFFFF)
    return (_END64.pack(b"PK\6\6", 44, 0x031E, 45, 0, 0, count, count, length, start)
            + _LOCATOR64.pack(b"PK\6\7", 0, start + length, 1)
            + _END.pack(b"PK\5\6", 0, 0, few, few, min(length, _LIMIT), min(start, _LIMIT), 0))


class ArchiveReader:
    """Reads records from a seekable binary file object. Raises ArchiveError for anything cut, changed or out of place."""

    def __init__(self, file, start=0):
        self.file, self.start = file, start
        file.seek(0, 2)
        self.size = file.tell() - start
        self.records = {}
        self.plain = True  # laid out as ArchiveWriter does it: then every byte is known and checked
        self._read_directory()
        roots = {path.split("/", 1)[0] for path in self.records}
        if len(roots) != 1 or any("/" not in path for path in self.records):
            raise ArchiveError("file in archive is not in a subdirectory: not a file made by torch.save")
        self.name = roots.pop()
        for name in self.names():
            if not name.startswith("data/"):
                self.read(name)

    def _at(self, position, count):
        if position < 0 or count < 0 or position + count > self.size:
            raise ArchiveError("failed finding central directory: the file is cut short or damaged")
        self.file.seek(self.start + position)
        data = self.file.read(count)
        if len(data) != count:
            raise ArchiveError("unexpected end of file")
        return data

    def _read_directory(self):
        tail_size = min(self.size, _END.size + 0xFFFF)
        tail = self._at(self.size - tail_size, tail_size)
        place = tail.rfind(b"PK\5\6")
        if place < 0 or len(tail) - place < _END.size:
            raise ArchiveError("PytorchStreamReader failed reading zip archive: failed finding central directory. "
                               "The file is cut short or not a file made by torch.save")
        _, _, _, _, count, length, begin, _ = _END.unpack_from(tail, place)
        end = self.size - tail_size + place
        if end >= _LOCATOR64.size:
            magic, _, end64, _ = _LOCATOR64.unpack(self._at(end - _LOCATOR64.size, _LOCATOR64.size))
            if magic == b"PK\6\7":
                magic, _, _, _, _, _, _, count, length, begin = _END64.unpack(self._at(end64, _END64.size))
                if magic != b"PK\6\6":
                    raise ArchiveError("the end record of the archive is damaged")
        directory, position = self._at(begin, length), 0
        for _ in range(count):
            position = self._read_entry(directory, position)
        if position != length or sum(stored for _, stored, *_ in self.records.values()) > self.size:
            raise ArchiveError("the directory of the archive is damaged")
        entries = b"".join(_central_entry(path.encode(), size, header, crc)
                           for path, (header, _, size, crc, _) in self.records.items())
        self.plain = entries == directory
        written_here = any(path.endswith("/.format_version") for path in self.records)
        if written_here and not self.plain and self.size < _LIMIT:
            raise ArchiveError("the directory of the archive is damaged")
        ending = _end(begin, length, count)
        if self.plain and self._at(self.size - len(ending), len(ending)) != ending:
            raise ArchiveError("the end record of the archive is damaged")

    def _read_entry(self, directory, position):
        if position + _CENTRAL.size > len(directory):
            raise ArchiveError("the directory of the archive is cut short")
        (magic, _, _, _, method, _, _, crc, stored, size, name_length, extra_length, comment, _, _, _,
         header) = _CENTRAL.unpack_from(directory, position)
        position += _CENTRAL.size
        if magic != b"PK\1\2" or method not in (0, 8):
            raise ArchiveError("the directory of the archive is damaged")
        try:
            path = directory[position:position + name_length].decode()
        except UnicodeDecodeError:
            raise ArchiveError("a name in the directory of the archive is damaged") from None
        extra = directory[position + name_length:position + name_length + extra_length]
        size, stored, header = self._wide(extra, size, stored, header)
        if size != stored if method == 0 else size > _MOST_INFLATED * (stored + 1):
            raise ArchiveError("the directory of the archive is damaged")
        self.records[path] = (header, stored, size, crc, method)
        return position + name_length + extra_length + comment

    @staticmethod
    def _wide(extra, *values):
        """The values, those that say "too large" taken from the zip64 extra field."""
        place, values = 0, list(values)
        while place + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, place)
            if kind == 1:
                wide = [i for i, value in enumerate(values) if value == _LIMIT]
                if length < 8 * len(wide) or place + 4 + length > len(extra):
                    raise ArchiveError("the directory of the archive is damaged")
                for i, value in zip(wide, struct.unpack_from(f"<{len(wide)}Q", extra, place + 4)):
                    values[i] = value
            place += 4 + length
        return values

    def __contains__(self, name):
        return f"{self.name}/{name}" in self.records

    def is_compressed(self, name):
        """Whether a record is not in the file byte for byte."""
        return self.records[f"{self.name}/{name}"][4] != 0

    def names(self):
        """Names of all records, without the common folder."""
        return [path[len(self.name) + 1:] for path in self.records]

    def locate(self, name):
        """(position of the data in the file, size when read) of a record."""
        path = f"{self.name}/{name}"
        if path not in self.records:
            raise ArchiveError(f"PytorchStreamReader failed locating file {name}: file not found")
        header, stored, size, _, method = self.records[path]
        magic, _, _, local_method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(self._at(header, _LOCAL.size))
        if magic != b"PK\3\4" or local_method != method or self._at(header + _LOCAL.size, name_length) != path.encode():
            raise ArchiveError(f"the header of record {name} is damaged")
        position = header + _LOCAL.size + name_length + extra_length
        if position + stored > self.size:
            raise ArchiveError(f"record {name} is cut short")
        if self.plain:
            self._check_frame(name, path.encode(), header, position, size)
        return position, size

    def _check_frame(self, name, path, header, position, size):
        """Compare what surrounds the data with what a writer puts there."""
        padding = position - header - _LOCAL.size - len(path) - len(_room64(size)) - 4
        crc = self.records[path.decode()][3]
        after = _descriptor(crc, size)
        if (padding < 0 or self._at(header, position - header) != _local_header(path, size, padding)
                or self._at(position + size, len(after)) != after):
            raise ArchiveError(f"the header of record {name} is damaged")

    def _compare(self, name, found, crc):
        if crc and found != crc:
            raise ArchiveError(f"PytorchStreamReader failed reading file {name}: the CRC-32 check failed, "
                               "the file is damaged")

    def read(self, name):
        """The bytes of a record, checked."""
        position, size = self.locate(name)
        _, stored, _, crc, method = self.records[f"{self.name}/{name}"]
        data = self._at(position, stored)
        if method == 8:
            try:
                data = zlib.decompressobj(-15).decompress(data, size)
            except zlib.error as error:
                raise ArchiveError(f"record {name} is damaged: {error}") from None
        if len(data) != size:
            raise ArchiveError(f"record {name} is damaged")
        self._compare(name, _crc32(data), crc)
        return data

    def read_into(self, name, target):
        """Read a record into a writable buffer of its size, and check it."""
        position, size = self.locate(name)
        _, _, _, crc, method = self.records[f"{self.name}/{name}"]
        view = memoryview(target).cast("B")
        if size != len(view):
            raise ArchiveError(f"record {name} has {size} bytes, {len(view)} are expected")
        if method == 8 or not hasattr(self.file, "readinto"):
            view[:] = self.read(name)
            return
        self.file.seek(self.start + position)
        done = found = 0
        while done < size:
            count = self.file.readinto(view[done:done + _PIECE])
            if not count:
                raise ArchiveError(f"record {name} is cut short")
            if crc:
                found = _crc32(view[done:done + count], found)
            done += count
        self._compare(name, found, crc)
