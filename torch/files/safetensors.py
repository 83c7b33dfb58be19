"""The safetensors format: a length, a JSON header that tells each tensor's dtype, shape and place, and the bytes."""

import json
import math
import struct

import torch

from ._bytes import Bytes, FormatError, contents, tensor_over

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "F8_E5M2": torch.float8_e5m2, "F8_E4M3": torch.float8_e4m3fn,
    "F8_E8M0": torch.float8_e8m0fnu, "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "I16": torch.int16, "U16": torch.uint16, "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32,
    "U32": torch.uint32, "F32": torch.float32, "C64": torch.complex64, "F64": torch.float64, "I64": torch.int64,
    "U64": torch.uint64,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ORDER = {name: place for place, name in enumerate(DTYPES)}
_METADATA = "__metadata__"
_LARGEST_HEADER = 100_000_000


class Reader:
    """The tensors of a file. Raises :class:`FormatError` for anything that the format forbids."""

    def __init__(self, file, mapped=None):
        self.bytes = Bytes(file, mapped)
        (length,) = self.bytes.unpack("<Q")
        if length > _LARGEST_HEADER:
            raise FormatError(f"the header of a safetensors file has at most {_LARGEST_HEADER} bytes, this one {length}")
        text = self.bytes.read(length)
        if text[:1] != b"{":
            raise FormatError("the header of a safetensors file begins with '{'")
        try:
            entries = json.loads(text.decode(), object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"the header is damaged: {error}") from None
        self.metadata = entries.pop(_METADATA, {})
        if not isinstance(self.metadata, dict) or not all(isinstance(value, str) for value in self.metadata.values()):
            raise FormatError("the metadata of a safetensors file is a map from text to text")
        self.begin = 8 + length
        self.entries = {name: self._entry(name, entry) for name, entry in entries.items()}
        self._check_places()

    def _entry(self, name, entry):
        """(dtype, shape, first byte, last byte + 1) of a tensor."""
        try:
            dtype, shape, (first, last) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
            sound = all(type(number) is int and number >= 0 for number in (*shape, first, last)) and len(entry) == 3
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"the entry of tensor {name!r} is damaged: {error}") from None
        if not sound or last - first != math.prod(shape) * dtype.itemsize:
            raise FormatError(f"the entry of tensor {name!r} is damaged: {dtype} of shape {shape} at {first} to {last}")
        return dtype, shape, first, last

    def _check_places(self):
        """Tensors lie one after the other and fill the file."""
        position = 0
        for _, _, first, last in sorted(self.entries.values(), key=lambda entry: entry[2:]):
            if first != position:
                raise FormatError("the tensors of a safetensors file lie one after the other, without gaps")
            position = last
        if self.begin + position != self.bytes.size:
            raise FormatError(f"the tensors need {position} bytes, the file has {self.bytes.size - self.begin}")

    def names(self):
        """Names of the tensors."""
        return list(self.entries)

    def tensor(self, name, restore):
        """One tensor; ``restore(storage, "cpu")`` puts its bytes where they belong."""
        dtype, shape, first, last = self.entries[name]
        return tensor_over(restore(self.bytes.storage(self.begin + first, last - first, dtype.itemsize), "cpu"), dtype, shape)

    def describe(self, name):
        """(dtype, shape, bytes, position in the file) of a tensor."""
        dtype, shape, first, last = self.entries[name]
        return dtype, tuple(shape), last - first, self.begin + first


def _without_repeats(pairs):
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name occurs twice")
    return entries


def write(file, tensors, metadata):
    """Write tensors, the widest dtypes first, so that each lies at a multiple of its size."""
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES:
            raise ValueError(f"safetensors files have no {tensor.dtype} (tensor {name!r})")
    names = sorted(tensors, key=lambda name: (-_ORDER[_NAMES[tensors[name].dtype]], name))
    header, position = {_METADATA: dict(metadata)} if metadata else {}, 0
    for name in names:
        tensor = tensors[name]
        nbytes = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [position, position + nbytes]}
        position += nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in names:
        file.write(contents(tensors[name]))
