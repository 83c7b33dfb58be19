"""Paths and file objects: writing that never leaves half a file, mapping, and telling formats apart."""

import contextlib
import os
import stat
import tempfile

import torch
from torch.utils.serialization import config


def is_path(f):
    return isinstance(f, (str, os.PathLike))


@contextlib.contextmanager
def replacing(path):
    """A file that takes the place of `path` when the block ends well; an error leaves the old file as it was."""
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    existing = os.stat(path) if os.path.exists(path) else None
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        with open(path, "wb") as file:  # a pipe or a device has no old content to protect
            yield file
        return
    number, fresh = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        os.chmod(fresh, stat.S_IMODE(existing.st_mode) if existing is not None else 0o666 & ~_umask())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def _umask():
    current = os.umask(0o022)
    os.umask(current)
    return current


@contextlib.contextmanager
def writable(f):
    if is_path(f):
        with replacing(os.fspath(f)) as file:
            yield file
    elif hasattr(f, "write"):
        yield f
        if hasattr(f, "flush"):
            f.flush()
    else:
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, but got {f!r}")


def kind_of(f, file):
    """The format of a file, by its first bytes; that of safetensors, which has none of its own, by its name too."""
    start = file.tell()
    magic = file.read(16)
    tar = magic[:2] != b"PK" and (file.seek(start + 257), file.read(5))[1] == b"ustar"
    file.seek(start)
    if not magic:
        raise EOFError("Ran out of input: the file is empty")
    if tar:
        return "tar"
    if magic[:4] == b"PK\3\4":
        return "zip"
    if magic[:4] == b"GGUF":
        return "gguf"
    named = is_path(f) and os.fspath(f).endswith(".safetensors")
    return "safetensors" if named or magic[8:9] == b"{" and magic[5:8] == b"\0\0\0" else "stream"


def map_file(path):
    """A storage over a whole file, private or shared as the settings say."""
    import mmap

    shared = config.load.mmap_flags == getattr(mmap, "MAP_SHARED", None)
    return torch.UntypedStorage.from_file(os.fspath(path), shared, os.path.getsize(path))
