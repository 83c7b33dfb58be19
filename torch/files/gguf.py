"""The GGUF format, version 3: typed metadata, a table of tensors, and their bytes, plain or in quantized blocks."""

import math
import struct

import torch

from . import _gguf_blocks
from ._bytes import Bytes, FormatError, contents, tensor_over

DTYPES = {0: torch.float32, 1: torch.float16, 24: torch.int8, 25: torch.int16, 26: torch.int32, 27: torch.int64,
          28: torch.float64, 30: torch.bfloat16}
_NUMBERS = {dtype: number for number, dtype in DTYPES.items()}
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _ARRAY = 8, 9
_ALIGNMENT = 32


class Reader:
    """The tensors of a file. Raises :class:`FormatError` for anything that the format forbids.

    Quantized tensors are given as float32, or with ``dequantize=False`` as their blocks: bytes, a row a row.
    """

    def __init__(self, file, mapped=None, dequantize=True):
        self.bytes, self.dequantize = Bytes(file, mapped), dequantize
        magic, version, tensors, pairs = self.bytes.unpack("<4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise FormatError(f"not a GGUF file of version 2 or 3, but {magic!r} {version}")
        self.metadata = {}
        for _ in range(pairs):
            name = self._text()
            self.metadata[name] = self._value(*self.bytes.unpack("<I"))
        entries = [self._entry() for _ in range(tensors)]
        alignment = self.metadata.get("general.alignment", _ALIGNMENT)
        if type(alignment) is not int or alignment < 1:
            raise FormatError(f"the alignment {alignment!r} is not a positive number")
        self.begin = -(-self.bytes.position // alignment) * alignment
        self.entries = {name: (number, shape, self.begin + offset) for name, number, shape, offset in entries}
        if len(self.entries) != tensors:
            raise FormatError("two tensors have the same name")
        if sum(self._nbytes(number, shape) for number, shape, _ in self.entries.values()) > self.bytes.size:
            raise FormatError("the tensors are larger than the file")

    def _text(self):
        try:
            return self.bytes.read(*self.bytes.unpack("<Q")).decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"a name is damaged: {error}") from None

    def _value(self, kind, depth=0):
        if kind in _SCALARS:
            return self.bytes.unpack(_SCALARS[kind])[0]
        if kind == _TEXT:
            return self._text()
        if kind != _ARRAY or depth > 8:
            raise FormatError(f"unknown type of value: {kind}")
        kind, count = self.bytes.unpack("<IQ")
        if kind in _SCALARS:
            layout = _SCALARS[kind]
            self.bytes.check(self.bytes.position, count * struct.calcsize(layout))
            return list(self.bytes.unpack(f"<{count}{layout[1]}"))
        self.bytes.check(self.bytes.position, count)
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _entry(self):
        name = self._text()
        (dims,) = self.bytes.unpack("<I")
        if dims > 64:
            raise FormatError(f"tensor {name!r} has {dims} dimensions")
        *sizes, number, offset = self.bytes.unpack(f"<{dims}QIQ")
        return name, number, tuple(reversed(sizes)), offset

    def _nbytes(self, number, shape):
        if number in DTYPES:
            return math.prod(shape) * DTYPES[number].itemsize
        length, nbytes = _gguf_blocks.size_of(number)
        if not shape or shape[-1] % length:
            raise FormatError(f"rows of {shape} are not made of blocks of {length}")
        return math.prod(shape) // length * nbytes

    def names(self):
        """Names of the tensors."""
        return list(self.entries)

    def describe(self, name):
        """(dtype or name of the quantization, shape, bytes, position in the file) of a tensor."""
        number, shape, position = self.entries[name]
        return DTYPES.get(number) or _gguf_blocks.name_of(number), shape, self._nbytes(number, shape), position

    def tensor(self, name, restore):
        """One tensor; ``restore(storage, "cpu")`` puts its bytes where they belong."""
        number, shape, position = self.entries[name]
        nbytes = self._nbytes(number, shape)
        if number in DTYPES:
            dtype = DTYPES[number]
            return tensor_over(restore(self.bytes.storage(position, nbytes, dtype.itemsize), "cpu"), dtype, shape)
        rows = shape[:-1]
        blocks = tensor_over(self.bytes.storage(position, nbytes, 1), torch.uint8, (*rows, nbytes // max(1, math.prod(rows))))
        if not self.dequantize:
            return tensor_over(restore(blocks.untyped_storage(), "cpu"), torch.uint8, blocks.shape)
        values = _gguf_blocks.dequantize(number, blocks).reshape(shape)
        return tensor_over(restore(values.untyped_storage(), "cpu"), torch.float32, shape)


def _packed_text(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _kind_of(value):
    """The type a value gets: the narrowest usual one that holds it."""
    if isinstance(value, bool):
        return 7
    if isinstance(value, int):
        return next(kind for kind, low, high in ((4, 0, 32), (5, 31, 31), (10, 0, 64), (11, 63, 63))
                    if (-1 << low if low else 0) <= value < 1 << high)
    if isinstance(value, float):
        return 6
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, (list, tuple)):
        return _ARRAY
    raise TypeError(f"GGUF metadata holds numbers, text and lists of them, but got {type(value).__name__}")


def _packed(value, kind):
    if kind in _SCALARS:
        return struct.pack(_SCALARS[kind], value)
    if kind == _TEXT:
        return _packed_text(value)
    kinds = {_kind_of(item) for item in value}
    if kinds <= {4, 5, 10, 11} and len(kinds) > 1:
        kinds = {11}
    if len(kinds) > 1:
        raise TypeError("the items of a list in GGUF metadata have one type")
    item_kind = kinds.pop() if kinds else 4
    return struct.pack("<IQ", item_kind, len(value)) + b"".join(_packed(item, item_kind) for item in value)


def write(file, tensors, metadata):
    """Write tensors as they are, each at a multiple of 32 bytes."""
    parts = [struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))]
    for name, value in metadata.items():
        kind = _kind_of(value)
        parts.append(_packed_text(name) + struct.pack("<I", kind) + _packed(value, kind))
    alignment, offset = metadata.get("general.alignment", _ALIGNMENT), 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _NUMBERS:
            raise ValueError(f"GGUF files have no {tensor.dtype} (tensor {name!r})")
        shape = tuple(tensor.shape)
        parts.append(_packed_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape),
                                                      _NUMBERS[tensor.dtype], offset))
        offset += -(-tensor.numel() * tensor.element_size() // alignment) * alignment
    head = b"".join(parts)
    file.write(head + bytes(-len(head) % alignment))
    for tensor in tensors.values():
        data = contents(tensor)
        file.write(data)
        file.write(bytes(-len(data) % alignment))
