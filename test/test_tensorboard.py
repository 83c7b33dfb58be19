"""Event files: frames with their sums, messages as their fields say."""

import struct

import pytest

import torch
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard._events import Double, crc32c, message

np = pytest.importorskip("numpy")


def fields(data):
    """{number: [values]} of a message, with sub-messages as bytes."""
    found, i = {}, 0

    def varint(i):
        n = shift = 0
        while True:
            n |= (data[i] & 127) << shift
            shift += 7
            i += 1
            if data[i - 1] < 128:
                return n, i

    while i < len(data):
        key, i = varint(i)
        if key & 7 == 0:
            value, i = varint(i)
        elif key & 7 == 2:
            n, i = varint(i)
            value, i = data[i:i + n], i + n
        else:
            size = 8 if key & 7 == 1 else 4
            value, i = struct.unpack("<d" if size == 8 else "<f", data[i:i + size])[0], i + size
        found.setdefault(key >> 3, []).append(value)
    return found


def events(folder):
    """The events of the files below a folder; AssertionError where a sum is wrong."""
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        data, i = path.read_bytes(), 0
        while i < len(data):
            (n,) = struct.unpack("<Q", data[i:i + 8])
            for at, size in ((i, 8), (i + 12, n)):
                crc = crc32c(data[at:at + size])
                masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
                assert struct.pack("<I", masked) == data[at + size:at + size + 4]
            yield fields(data[i + 12:i + 12 + n])
            i += 16 + n


def values(folder):
    """(step, tag, fields of the value) of all summaries."""
    return [(event.get(2, [None])[0], fields(value)[1][0].decode(), fields(value))
            for event in events(folder) if 5 in event for value in fields(event[5][0])[1]]


def test_sums_and_messages():
    assert crc32c(b"123456789") == 0xE3069283
    assert fields(message(f1="a", f2=300, f3=[1, 2], f4=0.5, f5=Double(0.25), f6=None)) == {1: [b"a"], 2: [300], 3: [1, 2], 4: [0.5], 5: [0.25]}
    assert fields(message(f1=-1))[1] == [2**64 - 1]


def test_numbers_texts_and_distributions(tmp_path):
    x = torch.tensor([-1.0, 0.0, 2.0, 2.0])
    with SummaryWriter(tmp_path, flush_secs=1) as writer:
        for step in range(3):
            writer.add_scalar("loss", torch.tensor(0.5 * step), step)
        writer.add_text("note", "hello")
        writer.add_histogram("x", x, 4)
        writer.add_scalars("both", {"a": 1, "b": 2}, 7)
        assert writer.get_logdir() == str(tmp_path)
    found = values(tmp_path)
    assert [(step, v[2][0]) for step, tag, v in found if tag == "loss"] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert sorted((step, v[2][0]) for step, tag, v in found if tag == "both") == [(7, 1.0), (7, 2.0)]
    (text,) = [v for _, tag, v in found if tag == "note/text_summary"]
    assert fields(text[8][0])[8] == [b"hello"]
    (histogram,) = [fields(v[5][0]) for _, tag, v in found if tag == "x"]
    assert [histogram[k][0] for k in (1, 2, 3, 4, 5)] == [-1.0, 2.0, 4.0, 3.0, 9.0]
    limits, counts = (np.frombuffer(histogram[k][0]) for k in (6, 7))
    assert len(limits) == len(counts) and counts.sum() == 4 and (np.diff(limits) > 0).all()
    with pytest.raises(AssertionError, match="one element"):
        writer.add_scalar("loss", torch.ones(2))


def test_pictures_sounds_and_runs(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.add_image("one", torch.rand(3, 8, 9))
    writer.add_images("many", torch.rand(5, 1, 8, 9))
    writer.add_audio("sound", torch.rand(100) * 2 - 1, sample_rate=8000)
    writer.add_pr_curve("curve", torch.tensor([0, 1, 1, 0]), torch.tensor([0.1, 0.9, 0.6, 0.4]))
    writer.add_mesh("points", torch.rand(1, 4, 3))
    writer.add_hparams({"lr": 0.1, "on": True}, {"accuracy": 0.5}, run_name="first")
    writer.add_embedding(torch.rand(4, 2), metadata=list("abcd"), label_img=torch.rand(4, 3, 8, 8))
    writer.close()
    found = {tag: v for _, tag, v in values(tmp_path)}
    pictures = {tag: fields(found[tag][4][0]) for tag in ("one", "many")}
    assert [pictures["one"][k][0] for k in (1, 2, 3)] == [8, 9, 3] and [pictures["many"][k][0] for k in (1, 2)] == [8, 45]
    assert all(p[4][0].startswith(b"\x89PNG") for p in pictures.values())
    assert fields(found["sound"][6][0])[4][0].startswith(b"RIFF") and found["accuracy"][2] == [0.5]
    curve = fields(found["curve"][8][0])
    tp, fp, tn, fn, precision, recall = np.frombuffer(curve[4][0], dtype="<f4").reshape(6, 127)
    assert tp[0] == 2 and fp[0] == 2 and precision[0] == 0.5 and recall[0] == 1 and ((tp + fp + tn + fn) == 4).all()
    assert "points_VERTEX" in found and "_hparams_/experiment" in found
    assert (tmp_path / "default" / "metadata.tsv").read_text() == "a\nb\nc\nd\n" and "sprite" in (tmp_path / "projector_config.pbtxt").read_text()


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
