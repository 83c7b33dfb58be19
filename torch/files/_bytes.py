"""Bounded reading of a binary file, of which every position and size is doubted."""

import struct

import torch


class FormatError(RuntimeError):
    """A file is not what its format asks for."""


class Bytes:
    """A seekable binary file from where it stands to its end; reading past that raises FormatError."""

    def __init__(self, file, mapped=None):
        self.file, self.start, self.mapped = file, file.tell(), mapped
        self.size = file.seek(0, 2) - self.start
        self.position = 0
        file.seek(self.start)

    def check(self, position, count):
        """Raise FormatError unless the range lies in the file."""
        if position < 0 or count < 0 or position + count > self.size:
            raise FormatError(f"the file is cut short or damaged: {count} bytes at {position} of {self.size} are asked for")

    def read(self, count):
        """The next bytes."""
        self.check(self.position, count)
        self.file.seek(self.start + self.position)
        data = self.file.read(count)
        self.position += count
        if len(data) != count:
            raise FormatError("unexpected end of file")
        return data

    def unpack(self, layout):
        """The next numbers, in the layout of :mod:`struct`."""
        return struct.unpack(layout, self.read(struct.calcsize(layout)))

    def storage(self, position, nbytes, alignment):
        """A storage with the bytes of a range: mapped where the file is and the address fits, else read."""
        self.check(position, nbytes)
        if self.mapped is not None and (self.start + position) % alignment == 0:
            return torch._C._share_buffer(self.mapped, self.start + position, nbytes)
        storage = torch.UntypedStorage(nbytes)
        if nbytes:
            self.file.seek(self.start + position)
            view = memoryview(storage)
            if hasattr(self.file, "readinto"):
                done = self.file.readinto(view)
            else:
                data = self.file.read(nbytes)
                done = len(data)
                view[:done] = data
            if done != nbytes:
                raise FormatError("unexpected end of file")
        return storage


def tensor_over(storage, dtype, shape):
    """A contiguous tensor over a whole storage."""
    return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, 0, tuple(shape), _strides(shape))


def _strides(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def contents(tensor):
    """The bytes of a tensor's elements in order, as something to write."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    if not plain.numel():
        return b""
    first = plain.storage_offset() * plain.element_size()
    return memoryview(plain.untyped_storage())[first:first + plain.numel() * plain.element_size()]
