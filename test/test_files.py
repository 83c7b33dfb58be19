"""Laws of the other formats, of compact files, of looking into files, and of damage to any of them."""

import builtins
import io
import os
import random
import struct

import mutations
import pytest

import torch
from torch import files, nn

FLOATING = {torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu}


def example(dtype):
    if dtype in FLOATING:
        return torch.arange(1, 7, dtype=torch.uint8).view(dtype).view(2, 3)
    return torch.arange(6).to(dtype).view(2, 3)


def same_bits(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    return memoryview(a.contiguous().untyped_storage()) == memoryview(b.contiguous().untyped_storage())


@pytest.mark.parametrize("save, load, format", [(files.save_safetensors, files.load_safetensors, "safetensors"),
                                                (files.save_gguf, files.load_gguf, "gguf")])
@pytest.mark.parametrize("mmap", [False, True])
def test_dicts_of_tensors_round_trip(save, load, format, mmap, tmp_path):
    known = getattr(__import__(f"torch.files.{format}", fromlist=["x"]), "DTYPES").values()
    tensors = {str(dtype): example(dtype) for dtype in known}
    tensors.update(turned=torch.arange(6.0).view(2, 3).t(), none=torch.zeros(0, 4), one=torch.tensor(2.5))
    path = tmp_path / f"x.{format}"
    save(tensors, path)
    for back in (load(path, mmap=mmap), torch.load(path, mmap=mmap), load(io.BytesIO(path.read_bytes()))):
        assert back.keys() == tensors.keys() and all(same_bits(back[name], tensors[name]) for name in tensors)
    assert list(load(path, names=["one"])) == ["one"]
    assert load(path, "meta")["turned"].is_meta
    data = path.read_bytes()
    for tensor in torch.inspect_file(path):
        assert data[tensor.offset:tensor.offset + tensor.nbytes] == bytes(tensors[tensor.name].contiguous().untyped_storage())
    with pytest.raises(ValueError):
        save({"x": torch.zeros(2, dtype=torch.complex128)}, path)
    assert path.read_bytes() == data


def test_metadata_comes_back(tmp_path):
    path = tmp_path / "x"
    files.save_safetensors({}, path, {"k": "é"})
    assert files.read_metadata(path) == {"k": "é"}
    values = {"n": 5, "minus": -5, "wide": 2**40, "rate": 0.5, "text": "é", "yes": True, "list": [1, -2], "texts": ["a", ""], "none": []}
    files.save_gguf({}, path, values)
    assert files.read_metadata(path) == values


def test_layout_of_safetensors():
    """Eight bytes of length, JSON padded to eight, the tensors of wide dtypes first and without gaps."""
    buffer = io.BytesIO()
    files.save_safetensors({"b": torch.ones(1, dtype=torch.uint8), "a": torch.ones(2)}, buffer)
    header = (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}')
    header += b" " * (-len(header) % 8)
    assert buffer.getvalue() == struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1, 1) + b"\1"


def quantized_file(number, blocks, length):
    """A GGUF file of one tensor of one row."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + struct.pack("<Q1sIQIQ", 1, b"w", 1, length, number, 0)
    return io.BytesIO(head + bytes(-len(head) % 32) + blocks)


def test_quantized_blocks_mean_scale_times_number():
    halves = struct.pack("<e", 0.5)
    eight = halves + bytes(range(256 - 16, 256)) + bytes(range(16))
    row = torch.load(quantized_file(8, eight, 32))["w"]
    assert torch.equal(row, 0.5 * torch.arange(-16.0, 16))
    four = halves + bytes(i | (15 - i) << 4 for i in range(16))
    row = torch.load(quantized_file(2, four, 32))["w"]
    assert torch.equal(row, 0.5 * torch.cat([torch.arange(-8.0, 8), torch.arange(7.0, -9, -1)]))
    assert files.load_gguf(quantized_file(2, four, 32), dequantize=False)["w"].tolist() == list(four)
    with pytest.raises(NotImplementedError, match="IQ4_NL"):
        torch.load(quantized_file(20, bytes(18), 32))


def test_compact_files_hold_what_is_seen(tmp_path):
    base = torch.arange(1e6).view(1000, 1000)
    path = tmp_path / "x.pt"
    for seen, most in ((base[3], 4000), (base[:, 7], 4000), ([base[3], base[900]], 8000), ([base[0, :50], base[0, 40:90]], 360),
                       (base[5:7].view(torch.int16)[:, 1:9], 32), (nn.Parameter(base[1]), 4000)):
        torch.save(seen, path, compact=True)
        back = torch.load(path)
        assert os.path.getsize(path) < most + 2000
        for a, b in zip(seen if isinstance(seen, list) else [seen], back if isinstance(back, list) else [back]):
            assert type(a) is type(b) and torch.equal(a, b)
    torch.save({"all": base, "row": base[1]}, path, compact=True)
    assert torch.equal(torch.load(path)["row"], base[1]) and os.path.getsize(path) < 4_010_000


def test_compact_files_keep_sharing():
    base = torch.zeros(1000)
    buffer = io.BytesIO()
    torch.save([base[10:20], base[15:30], base[900:], base[10:20]], buffer, compact=True)
    buffer.seek(0)
    a, b, c, d = torch.load(buffer)
    a[5:] = 7
    c[0] = 1
    assert b[:5].tolist() == [7] * 5 and d[5] == 7 and b[5:].sum() == 0 and a.untyped_storage().nbytes() < 600


class Thing:
    def __init__(self):
        self.weight, self.note = torch.arange(4.0), "x"


@pytest.mark.parametrize("new", [True, False])
def test_files_are_listed_without_loading(new, tmp_path):
    base = torch.arange(6.0)
    value = {"a": base.view(2, 3), "deep": [{"b": base[4:]}, (torch.ones(2, dtype=torch.bfloat16),)], "p": nn.Parameter(base[:1]),
             "thing": Thing(), "model": nn.Linear(2, 1), "n": 3}
    path = tmp_path / "x.pt"
    torch.save(value, path, _use_new_zipfile_serialization=new)
    listed, data = {tensor.name: tensor for tensor in torch.inspect_file(path)}, path.read_bytes()
    assert [tensor.shape for tensor in listed.values()][:4] == [(2, 3), (2,), (2,), (1,)]
    for name, tensor in (("a", value["a"]), ("deep.0.b", base[4:]), ("deep.1.0", torch.ones(2, dtype=torch.bfloat16)), ("p", base[:1])):
        found = listed[name]
        assert (found.dtype, found.shape, found.nbytes) == (tensor.dtype, tuple(tensor.shape), tensor.numel() * tensor.element_size())
        assert data[found.offset:found.offset + found.nbytes] == bytes(tensor.clone().untyped_storage())
    assert listed["thing.weight"].shape == (4,) and listed["model._parameters.weight"].shape == (1, 2)


def test_archives_of_the_first_format():
    for file in (mutations.tar_file(), mutations.tar_file() + bytes(4000)):
        found = torch.load(io.BytesIO(file))
        assert torch.equal(found["whole"], torch.arange(6.0).view(2, 3)) and torch.equal(found["part"][0], torch.arange(2.0, 6).view(2, 2))
        found["whole"][1, 2] = 9
        assert found["part"][0][1, 1] == 9


def test_views_in_old_streams_share_their_storage():
    import pickle

    from torch.files import legacy

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return obj if isinstance(obj, tuple) and obj[:1] == ("storage",) else None

    class Rebuilt:
        def __init__(self, *args):
            self.args = args

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.args

    buffer = io.BytesIO()
    for header in (legacy.MAGIC_NUMBER, legacy.PROTOCOL_VERSION, {"little_endian": True}):
        pickle.dump(header, buffer, 2)
    whole, part = (("storage", torch.FloatStorage, "7", "cpu", 4, view) for view in (None, ("8", 2, 2)))
    Pickler(buffer, 2).dump([Rebuilt(whole, 0, (4,), (1,)), Rebuilt(part, 0, (2,), (1,))])
    pickle.dump(["7"], buffer, 2)
    buffer.write(struct.pack("<q4f", 4, *range(4)))
    buffer.seek(0)
    a, b = torch.load(buffer)
    a[3] = 9
    assert a.tolist() == [0, 1, 2, 9] and b.tolist() == [2, 9]


@pytest.mark.parametrize("format", mutations.SEEDS)
def test_damaged_files_are_loaded_or_refused(format, monkeypatch):
    """Ten thousand files: no crash, no other exception, no code run, no more memory than a small file can ask for."""
    def forbidden(*_, **__):
        raise AssertionError("code from the file ran")

    for module, name in ((os, "system"), (builtins, "eval")):
        monkeypatch.setattr(module, name, forbidden)
    before = mutations.peak_mib()
    for data in mutations.mutations(format, 2000, random.Random(5)):
        mutations.attempt(data)
    assert mutations.peak_mib() - before < 100


def calls(function, *args):
    class Call:
        def __reduce__(self):
            return function, args

    buffer = io.BytesIO()
    torch.save(Call(), buffer)
    return buffer.getvalue()


def test_a_small_file_cannot_ask_for_much_memory():
    wide = torch.zeros(1).expand(2**40)
    before = mutations.peak_mib()
    for data in (calls(bytearray, 2**33), calls(torch.UntypedStorage, 2**33), calls(torch.Tensor, 2**16, 2**16),
                 calls(torch._utils._rebuild_device_tensor_from_cpu_tensor, wide, torch.float64, torch.device("cpu"), False),
                 calls(torch._tensor._rebuild_from_type_v2, bytearray, torch.Tensor, (2**33,), {})):
        assert not mutations.attempt(data)
    assert mutations.peak_mib() - before < 50
