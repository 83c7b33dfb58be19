"""Laws of files: round trips, sharing, safety, damage."""

import io
import os
import pickle
import random
import sys
import zlib
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import torch
from torch import nn

DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64, torch.complex64, torch.complex128]


def through_file(value, new=True, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=new)
    buffer.seek(0)
    return torch.load(buffer, **options)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_round_trip(dtype, new):
    value = torch.arange(12).reshape(3, 4).to(dtype)
    for tensor in (value, value.t(), value[1:, ::2], value[:0], value[1, 1]):
        back = through_file(tensor, new)
        assert back.dtype == dtype and back.stride() == tensor.stride() and torch.equal(back, tensor)


@pytest.mark.parametrize("new", [True, False])
def test_containers_and_plain_values_round_trip(new):
    value = {"list": [1, -2.5, 2**80, None, True], "tuple": (1, "é"), "bytes": b"\0\xff", "set": {1, 2}, 3: 1 + 2j,
             "ordered": OrderedDict(a=1), "dtype": torch.bfloat16, "size": torch.Size([1, 2]), "device": torch.device("cpu")}
    assert through_file(value, new) == value


@pytest.mark.parametrize("new", [True, False])
def test_shared_memory_stays_shared(new):
    base = torch.zeros(6)
    a, b, c = through_file([base, base[2:], base], new)
    a[3] = 7
    assert b[1] == 7 and a is c and a.untyped_storage().nbytes() == 24


def test_parameters_keep_their_kind_and_gradient_flag():
    frozen = through_file(nn.Parameter(torch.ones(2), requires_grad=False))
    assert isinstance(frozen, nn.Parameter) and not frozen.requires_grad
    assert through_file(torch.ones(1, requires_grad=True)).requires_grad


def test_map_location_in_all_forms(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"w": torch.ones(3)}, path)
    for where in ("meta", torch.device("meta"), {"cpu": "meta"},
                  lambda storage, name: torch.UntypedStorage(storage.nbytes(), device="meta")):
        assert torch.load(path, map_location=where)["w"].device.type == "meta"
    assert torch.load(path, map_location=lambda storage, name: None)["w"].device.type == "cpu"


def test_mapped_files_are_read_when_touched(tmp_path):
    path = tmp_path / "x.pt"
    torch.save([torch.arange(1000.0), torch.ones(2)], path)
    mapped = torch.load(path, mmap=True)
    assert torch.equal(mapped[0], torch.arange(1000.0))
    mapped[0][0] = 5  # private: the file does not change
    assert torch.load(path)[0][0] == 0


class Outsider:
    def __init__(self):
        self.x = 1


class Trap:
    def __reduce__(self):
        return os.system, ("echo trapped > /dev/null",)


def test_only_allowed_classes_are_built():
    buffer = io.BytesIO()
    torch.save(Outsider(), buffer)
    buffer.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):
        torch.load(buffer)
    buffer.seek(0)
    assert torch.serialization.get_unsafe_globals_in_checkpoint(buffer) == [f"{Outsider.__module__}.Outsider"]
    buffer.seek(0)
    with torch.serialization.safe_globals([Outsider]):
        assert torch.load(buffer).x == 1
    buffer.seek(0)
    assert torch.serialization.get_safe_globals() == []
    with pytest.raises(pickle.UnpicklingError):
        torch.load(buffer)


@pytest.mark.parametrize("new", [True, False])
def test_no_code_of_a_file_runs(new, monkeypatch):
    buffer = io.BytesIO()
    torch.save([Trap()], buffer, _use_new_zipfile_serialization=new)
    monkeypatch.setattr(os, "system", lambda *_: pytest.fail("code from the file ran"))
    buffer.seek(0)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(buffer)


def test_every_changed_or_missing_byte_is_noticed():
    buffer = io.BytesIO()
    torch.save({"w": torch.arange(20.0), "n": ["x", 2.5]}, buffer)
    data, choose = buffer.getvalue(), random.Random(0)
    expected = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError)
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << choose.randrange(8)
        with pytest.raises(expected):
            torch.load(io.BytesIO(bytes(damaged)))
    for length in range(0, len(data), 7):
        with pytest.raises(expected):
            torch.load(io.BytesIO(data[:length]))


def test_random_bytes_never_do_worse_than_an_error():
    choose = random.Random(1)
    for _ in range(300):
        data = bytes(choose.randrange(256) for _ in range(choose.randrange(200)))
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError, ValueError)):
            torch.load(io.BytesIO(data))


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(torch.ones(1), path)

    class Unwilling:
        def __reduce__(self):
            raise OSError("No space left on device")

    with pytest.raises(OSError):
        torch.save([torch.zeros(1000), Unwilling()], path)
    assert torch.equal(torch.load(path), torch.ones(1)) and os.listdir(tmp_path) == ["x.pt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_device_is_an_error():
    with pytest.raises(OSError), open("/dev/full", "wb") as full:
        torch.save(torch.zeros(100000), full)


def test_errors_say_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "absent.pt")
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        torch.save(1, tmp_path / "no" / "x.pt")
    with pytest.raises(EOFError):
        torch.load(io.BytesIO())
    with pytest.raises(AttributeError):
        torch.load(3)


def test_records_are_aligned_and_named_as_in_pytorch(tmp_path):
    import zipfile

    path = tmp_path / "model.pt"
    torch.save([torch.ones(3), torch.zeros(5, dtype=torch.int64)], path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"model/{name}" for name in (
            "data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0", "data/1", "version",
            ".data/serialization_id")]
        assert archive.read("model/byteorder") == sys.byteorder.encode() and archive.read("model/version") == b"3\n"
        data = path.read_bytes()
        for info in archive.infolist():
            name, extra = (int.from_bytes(data[info.header_offset + at:info.header_offset + at + 2], "little")
                           for at in (26, 28))
            assert (info.header_offset + 30 + name + extra) % 64 == 0


def test_a_pickle_that_was_tampered_with_is_loaded_or_refused():
    """Valid checksums around a changed pickle: no crash, no other exception, nothing but plain data."""
    from torch.files._zip_archive import ArchiveReader, ArchiveWriter

    buffer = io.BytesIO()
    norm = nn.BatchNorm1d(3)
    torch.save({"state": norm.state_dict(), "t": [torch.arange(6).view(2, 3).t(), nn.Parameter(torch.ones(2))], "x": (1, 2.5, b"q")},
               buffer)
    reader, choose = ArchiveReader(buffer), random.Random(2)
    records = {name: reader.read(name) for name in reader.names()}
    for _ in range(400):
        changed = bytearray(records["data.pkl"])
        for _ in range(choose.choice((1, 1, 2, 4))):
            changed[choose.randrange(len(changed))] = choose.randrange(256)
        output = io.BytesIO()
        writer = ArchiveWriter(output, "archive")
        for name, data in records.items():
            writer.add(name, bytes(changed) if name == "data.pkl" else data)
        writer.close()
        output.seek(0)
        try:
            repr(torch.load(output))
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError):
            continue


@given(st.binary(max_size=300), st.integers(0, 300))
def test_checksums_are_those_of_zlib(data, cut):
    """The checksum of a whole follows from that of its beginning, at every length and alignment."""
    first, rest = memoryview(data)[:cut], memoryview(data)[cut:]
    assert torch._C._crc32(rest, torch._C._crc32(first)) == zlib.crc32(data)
