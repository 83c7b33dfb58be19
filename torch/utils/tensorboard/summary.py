"""Summaries: what an event says, as bytes of the message `Summary`."""

from __future__ import annotations

import struct
import zlib

import torch

from ._events import Double, message

__all__ = ["audio", "custom_scalars", "histogram", "histogram_raw", "hparams", "image", "mesh", "pr_curve", "pr_curve_raw", "scalar", "tensor", "text"]

_DT_FLOAT, _DT_STRING = 1, 7


def as_array(x):
    """A NumPy array of a tensor, an array, a number or a list."""
    import numpy as np

    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        return (x.float() if x.dtype is torch.bfloat16 else x).numpy()
    return np.asarray(x)


def _value(tag, **fields):
    return message(f1=message(f1=tag, **fields))


def _metadata(plugin, content=b"", description=None):
    """SummaryMetadata: which plugin shows the value."""
    return message(f1=message(f1=plugin, f2=content or None), f3=description)


def _tensor_proto(array):
    dims = message(f2=[message(f1=int(n)) for n in array.shape])
    return message(f1=_DT_FLOAT, f2=dims, f4=array.astype("<f4").tobytes())


def scalar(tag, value, new_style=False):
    """A number. AssertionError for more than one."""
    array = as_array(value).squeeze()
    if array.ndim:
        raise AssertionError(f"Tensor should contain one element (0 dimensions). Was given size: {array.size} and {array.ndim} dimensions.")
    if not new_style:
        return _value(tag, f2=float(array))
    return _value(tag, f9=_metadata("scalars"), f8=_tensor_proto(array.astype("float32")))


def tensor(tag, value):
    """A tensor as it is."""
    return _value(tag, f9=_metadata("tensor"), f8=_tensor_proto(as_array(value)))


def text(tag, string):
    """A text in Markdown."""
    proto = message(f1=_DT_STRING, f2=message(f2=[message(f1=1)]), f8=string)
    return _value(f"{tag}/text_summary", f9=_metadata("text", message(f1=0)), f8=proto)


def _default_bins():
    positive, edge = [], 1e-12
    while edge < 1e20:
        positive.append(edge)
        edge *= 1.1
    return [-x for x in reversed(positive)] + [0.0] + positive


def histogram(tag, values, bins="tensorflow", max_bins=None):
    """The distribution of values, in bins of NumPy's rules or ("tensorflow") in bins that grow with the distance from zero."""
    import numpy as np

    values = as_array(values).astype("float64").reshape(-1)
    if not values.size:
        raise ValueError("The input has no element.")
    edges = _default_bins() if bins == "tensorflow" else bins
    counts, limits = np.histogram(values, bins=edges)
    if max_bins is not None and len(counts) > max_bins:
        step = -(-len(counts) // max_bins)
        counts = np.add.reduceat(counts, range(0, len(counts), step))
        limits = np.append(limits[:-1:step], limits[-1])
    filled = np.nonzero(counts)[0]
    first, last = (filled[0], filled[-1] + 1) if len(filled) else (0, 0)
    # an empty bucket in front says where the first one begins
    counts, limits = [0, *counts[first:last]], limits[first:last + 1]
    return histogram_raw(tag, values.min(), values.max(), values.size, values.sum(), values.dot(values), limits, counts)


def histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts):
    """A distribution by its buckets: the upper limit and the count of each."""
    if len(bucket_limits) != len(bucket_counts):
        raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
    proto = message(f1=Double(min), f2=Double(max), f3=Double(num), f4=Double(sum), f5=Double(sum_squares),
                    f6=[Double(x) for x in bucket_limits], f7=[Double(x) for x in bucket_counts])
    return _value(tag, f5=proto)


def to_hwc(array, dataformats):
    """An image, or a batch of images as one grid, in the order height, width, channel; grey becomes colour."""
    import numpy as np

    if len(set(dataformats)) != len(dataformats) or len(dataformats) != array.ndim:
        raise AssertionError(f"The input of shape {array.shape} does not have the dimensions {dataformats}")
    dataformats = dataformats.upper()
    if array.ndim == 4:
        batch = array.transpose([dataformats.find(c) for c in "NCHW"])
        batch = np.concatenate([batch] * 3, 1) if batch.shape[1] == 1 else batch
        count, channels, height, width = batch.shape
        columns = min(count, 8)
        rows = -(-count // columns)
        grid = np.zeros((channels, rows * height, columns * width), dtype=batch.dtype)
        for k in range(count):
            y, x = k // columns * height, k % columns * width
            grid[:, y:y + height, x:x + width] = batch[k]
        return grid.transpose(1, 2, 0)
    if array.ndim == 3:
        array = array.transpose([dataformats.find(c) for c in "HWC"])
        return np.concatenate([array] * 3, 2) if array.shape[2] == 1 else array
    return np.stack([array.transpose([dataformats.find(c) for c in "HW"])] * 3, 2)


def _png(array):
    """An 8-bit image (height, width, 1 to 4 channels) as a PNG file."""
    height, width, channels = array.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + array[y].tobytes() for y in range(height))
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def image(tag, value, dataformats="NCHW"):
    """An image: integers up to 255, or floats up to 1."""
    import numpy as np

    array = as_array(value)
    scale = 1 if array.dtype == np.uint8 else 255
    array = to_hwc(array, dataformats)
    array = np.ascontiguousarray((array.astype(np.float32) * scale).clip(0, 255).astype(np.uint8))
    height, width, channels = array.shape
    return _value(tag, f4=message(f1=height, f2=width, f3=channels, f4=_png(array)))


def audio(tag, value, sample_rate=44100):
    """A sound: samples between -1 and 1 of one channel, as a WAV file."""
    import io
    import wave

    import numpy as np

    array = as_array(value).squeeze()
    if array.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    samples = (array.clip(-1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(np.ascontiguousarray(samples).tobytes())
    return _value(tag, f6=message(f1=float(sample_rate), f2=1, f3=len(samples), f4=file.getvalue(), f5="audio/wav"))


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None):
    """Precision and recall over thresholds of predictions between 0 and 1, with 0/1 labels."""
    import numpy as np

    labels, predictions = as_array(labels).reshape(-1), as_array(predictions).reshape(-1)
    weights = np.ones_like(labels, dtype=float) if weights is None else as_array(weights)
    num_thresholds = min(num_thresholds, 127)
    bucket = np.floor(predictions * (num_thresholds - 1)).astype(int)
    positive = np.bincount(bucket, weights=labels * weights, minlength=num_thresholds)[:num_thresholds]
    negative = np.bincount(bucket, weights=(1 - labels) * weights, minlength=num_thresholds)[:num_thresholds]
    tp, fp = np.cumsum(positive[::-1])[::-1], np.cumsum(negative[::-1])[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    return pr_curve_raw(tag, tp, fp, tn, fn, tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn), num_thresholds, weights)


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127, weights=None):
    """Precision and recall by their counts."""
    import numpy as np

    num_thresholds = min(num_thresholds, 127)
    data = np.stack([as_array(x) for x in (tp, fp, tn, fn, precision, recall)])
    return _value(tag, f9=_metadata("pr_curves", message(f1=0, f2=num_thresholds)), f8=_tensor_proto(data))


def custom_scalars(layout):
    """A page of charts: {category: {title: ["Multiline" or "Margin", tags]}}."""
    categories = []
    for name, charts in layout.items():
        chart_protos = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                chart_protos.append(message(f1=title, f3=message(f1=[message(f1=tags[0], f2=tags[1], f3=tags[2])])))
            else:
                chart_protos.append(message(f1=title, f2=message(f1=list(tags))))
        categories.append(message(f1=name, f2=chart_protos))
    proto = message(f1=_DT_STRING, f2=message(), f8=message(f2=categories))
    return _value("custom_scalars__config__", f9=_metadata("custom_scalars"), f8=proto)


_VERTEX, _FACE, _COLOR = 1, 2, 3    # MeshPluginData.ContentType


def mesh(tag, vertices, colors, faces, config_dict=None):
    """Meshes: vertices (batch, n, 3), with colours (batch, n, 3) and triangles (batch, m, 3)."""
    import json

    config = json.dumps(config_dict or {}, sort_keys=True)
    parts = [(_VERTEX, as_array(vertices)), (_FACE, None if faces is None else as_array(faces)), (_COLOR, None if colors is None else as_array(colors))]
    components = sum(1 << kind for kind, part in parts if part is not None)
    names = {_VERTEX: "VERTEX", _FACE: "FACE", _COLOR: "COLOR"}
    values = b""
    for kind, part in parts:
        if part is not None:
            content = message(f1=0, f2=tag, f3=kind, f5=config, f6=[int(n) for n in part.shape], f7=components)
            values += _value(f"{tag}_{names[kind]}", f9=_metadata("mesh", content), f8=_tensor_proto(part))
    return values


def _wrapped(value):
    """A google.protobuf.Value."""
    if isinstance(value, bool):
        return message(f4=value)
    if isinstance(value, (int, float)):
        return message(f2=Double(value))
    return message(f3=str(value))


def hparams(hparam_dict, metric_dict, hparam_domain_discrete=None):
    """(experiment, start, end): three summaries that tell a run's hyperparameters and the metrics to show beside them."""
    def data(**fields):
        return message(f1=0, **fields)

    plain = {k: v.item() if isinstance(v, torch.Tensor) else v for k, v in hparam_dict.items() if v is not None}
    for key, value in plain.items():
        if not isinstance(value, (bool, int, float, str)):
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
    kinds = {key: 2 if isinstance(v, bool) else 3 if isinstance(v, (int, float)) else 1 for key, v in plain.items()}   # DataType
    domains = {key: message(f1=[_wrapped(v) for v in values]) for key, values in (hparam_domain_discrete or {}).items()}
    infos = [message(f1=key, f4=kind, f5=domains.get(key)) for key, kind in kinds.items()]
    metrics = [message(f1=message(f2=key)) for key in metric_dict]
    experiment = _value("_hparams_/experiment", f9=_metadata("hparams", data(f2=message(f4=infos, f5=metrics))))
    pairs = [message(f1=key, f2=_wrapped(value)) for key, value in plain.items()]
    start = _value("_hparams_/session_start_info", f9=_metadata("hparams", data(f3=message(f1=pairs))))
    end = _value("_hparams_/session_end_info", f9=_metadata("hparams", data(f4=message(f1=1))))
    return experiment, start, end
