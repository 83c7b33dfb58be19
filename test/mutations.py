"""Damaged files: small seeds of every format, and mutations that a reader has to survive."""

import io
import pickle
import resource
import struct
import sys
import tarfile
from collections import OrderedDict

import torch
from torch import nn

EXPECTED = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, NotImplementedError)


def _content():
    norm = nn.BatchNorm1d(3)
    base = torch.arange(12.0)
    return {"state": norm.state_dict(), "shared": [base, base[2:].view(2, 5), base[::3]], "p": nn.Parameter(torch.ones(2)),
            "small": torch.ones(3, dtype=torch.bfloat16).t(), "wide": torch.zeros(2, dtype=torch.uint16),
            "plain": (1, -2.5, "é", b"q", None, True, {1, 2}, 2**70, 1j, bytearray(b"xy"), OrderedDict(a=[1]))}


def zip_file():
    buffer = io.BytesIO()
    torch.save(_content(), buffer)
    return buffer.getvalue()


def stream_file():
    buffer = io.BytesIO()
    torch.save(_content(), buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


class _Name:
    """Pickles as the global of the given name."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _TarPickler(pickle._Pickler):
    """Writes names as globals, and tensors as the numbers that stand for them."""

    def __init__(self, file, numbers=()):
        super().__init__(file, 2)
        self.numbers = {id(tensor): number for number, tensor in numbers}

    def persistent_id(self, obj):
        return self.numbers.get(id(obj))

    def save(self, obj, *rest, **options):
        if isinstance(obj, _Name):
            return self.write(f"c{obj.module}\n{obj.name}\n".encode())
        return super().save(obj, *rest, **options)


def _pickled(*values):
    buffer = io.BytesIO()
    for value in values:
        _TarPickler(buffer).dump(value)
    return buffer.getvalue()


def tar_file():
    """An archive as PyTorch 0.1 wrote it: a storage of six floats, a view of its last four, a matrix on each."""
    whole, part = torch.arange(6.0).view(2, 3), torch.arange(2.0, 6).view(2, 2)
    storages = (_pickled(1, (1, "cpu", _Name("torch", "FloatStorage"))) + struct.pack("<q6f", 6, *range(6)) + _pickled([(2, 1, 2, 4)]))
    tensors = _pickled(2)
    for number, storage, size in ((3, 1, (2, 3)), (4, 2, (2, 2))):
        tensors += _pickled((number, storage, _Name("torch", "FloatTensor")))
        tensors += struct.pack("<q2q2qq", 2, *size, size[1], 1, 0)
    buffer = io.BytesIO()
    _TarPickler(buffer, [(3, whole), (4, part)]).dump({"whole": whole, "part": [part]})
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (("storages", storages), ("tensors", tensors), ("pickle", buffer.getvalue())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return output.getvalue().rstrip(b"\0") + bytes(1024)


def _flat():
    return {"w": torch.arange(6.0).view(2, 3), "b": torch.ones(4, dtype=torch.bfloat16), "n": torch.arange(3)}


def safetensors_file():
    buffer = io.BytesIO()
    torch.files.save_safetensors(_flat(), buffer, {"made": "here"})
    return buffer.getvalue()


def gguf_file():
    buffer = io.BytesIO()
    torch.files.save_gguf(_flat(), buffer, {"general.name": "x", "some.list": [1, 2, 3], "some.texts": ["a", "b"], "rate": 0.5})
    return buffer.getvalue()


SEEDS = {"zip": zip_file, "stream": stream_file, "tar": tar_file, "safetensors": safetensors_file, "gguf": gguf_file}


def repacked(data, mutate):
    """A zip file of which the pickle is changed under valid checksums."""
    from torch.files._zip_archive import ArchiveReader, ArchiveWriter

    reader, output = ArchiveReader(io.BytesIO(data)), io.BytesIO()
    writer = ArchiveWriter(output, "archive")
    for name in reader.names():
        record = reader.read(name)
        writer.add(name, mutate(record) if name == "data.pkl" else record)
    writer.close()
    return output.getvalue()


def mutated(data, choose, rivals):
    """`data` after a few random changes: bits, bytes, numbers, pieces cut, doubled or taken from rivals."""
    changed = bytearray(data)
    for _ in range(choose.choice((1, 1, 1, 2, 4, 8))):
        place, length = choose.randrange(len(changed)), choose.choice((1, 2, 4, 8, 16))
        kind = choose.randrange(6)
        if kind == 0:
            changed[place] ^= 1 << choose.randrange(8)
        elif kind == 1:
            changed[place] = choose.randrange(256)
        elif kind == 2:
            number = choose.choice((0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, len(data)))
            changed[place:place + 8] = struct.pack("<q", number)[:max(1, min(length, 8))]
        elif kind == 3:
            del changed[place:place + length]
        elif kind == 4:
            changed[place:place] = changed[place:place + length]
        else:
            rival = choose.choice(rivals)
            start = choose.randrange(len(rival))
            changed[place:place + length] = rival[start:start + length]
        if not changed:
            changed = bytearray(b"\0")
    return bytes(changed)


def attempt(data):
    """Load damaged data; True when it loads. Any other exception than a reader may raise comes through."""
    try:
        torch.load(io.BytesIO(data))
    except EXPECTED:
        return False
    return True


def mutations(format, count, choose):
    """`count` damaged files of a format; of zip files half are repacked, so that the damage lies under a good checksum."""
    seed, rivals = SEEDS[format](), [make() for make in SEEDS.values()]
    for number in range(count):
        if format == "zip" and number % 2:
            yield repacked(seed, lambda text: mutated(text, choose, rivals))
        else:
            yield mutated(seed, choose, rivals)


def peak_mib():
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
