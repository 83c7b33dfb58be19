"""Files of tensors in other formats than :func:`torch.save`'s, and a look into any of them.

:func:`torch.load` reads these files too, as dicts.
"""

import contextlib

import torch

from ._bytes import FormatError
from ._locations import restore_function
from ._paths import map_file, writable

__all__ = ["FormatError", "TensorInfo", "inspect_file", "load_gguf", "load_safetensors", "read_metadata", "save_gguf",
           "save_safetensors"]


def __getattr__(name):
    if name in ("TensorInfo", "inspect_file"):
        from . import inspection

        return getattr(inspection, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@contextlib.contextmanager
def _opened(f, mmap):
    """(file, its mapping or None) of a path or binary file object."""
    if hasattr(f, "read"):
        yield f, None
    else:
        with open(f, "rb") as file:
            yield file, map_file(f) if mmap else None


def _load(reader, map_location, names):
    restore = restore_function(map_location)
    return {name: reader.tensor(name, restore) for name in (reader.names() if names is None else names)}


def load_safetensors(f, map_location=None, *, names=None, mmap=False):
    """The tensors of a safetensors file as a dict; only those called `names`, if given.

    Raises :class:`FormatError` (a RuntimeError) when the file is damaged, KeyError for unknown names.
    """
    from .safetensors import Reader

    with _opened(f, mmap) as (file, mapped):
        return _load(Reader(file, mapped), map_location, names)


def save_safetensors(tensors, f, metadata=None):
    """Write a dict of tensors, and a dict of texts as metadata, to a path or binary file object.

    Each tensor is written whole, also where several share memory. Raises ValueError for dtypes the format lacks.

    Example::

        >>> torch.files.save_safetensors(model.state_dict(), "model.safetensors", {"format": "pt"})
    """
    from .safetensors import write

    with writable(f) as file:
        write(file, dict(tensors), metadata or {})


def load_gguf(f, map_location=None, *, names=None, mmap=False, dequantize=True):
    """The tensors of a GGUF file as a dict; only those called `names`, if given.

    Quantized tensors become float32, or with ``dequantize=False`` rows of their blocks as bytes. Raises
    :class:`FormatError` when the file is damaged, NotImplementedError for quantizations that are not computed.
    """
    from .gguf import Reader

    with _opened(f, mmap) as (file, mapped):
        return _load(Reader(file, mapped, dequantize), map_location, names)


def save_gguf(tensors, f, metadata=None):
    """Write a dict of tensors, and a dict of numbers, texts and lists as metadata, to a GGUF file.

    Raises ValueError for dtypes the format lacks.
    """
    from .gguf import write

    with writable(f) as file:
        write(file, dict(tensors), metadata or {})


def read_metadata(f):
    """The metadata of a safetensors or GGUF file as a dict."""
    from . import gguf, safetensors

    with _opened(f, False) as (file, _):
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        return dict((gguf if magic == b"GGUF" else safetensors).Reader(file).metadata)
