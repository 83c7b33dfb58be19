"""Batches on their way from a worker process: a pickle, beside which large arrays lie in one file of shared memory.

The file has one owner at a time: the worker writes it, the receiver maps it and removes its name.
"""

import io
import mmap
import os
import pickle

import torch
from torch import _shared_memory

FOLDER = _shared_memory.FOLDER
_LARGE = 1 << 14  # bytes from which a buffer is not copied through the pipe
_ALIGNMENT = 64


class _Pickler(pickle.Pickler):
    """Takes the elements of tensors out of the pickle."""

    def reducer_override(self, obj):
        """How plain tensors are rebuilt; everything else as it does itself."""
        if type(obj) is not torch.Tensor or obj.requires_grad or obj.layout != torch.strided or obj.device.type != "cpu" \
                or obj.is_conj() or obj.is_neg() or obj.__dict__:
            return _checked(obj)
        whole = obj.contiguous()
        size = whole.numel() * whole.element_size()
        first = whole.storage_offset() * whole.element_size()
        elements = memoryview(whole.untyped_storage())[first:first + size] if size else b""
        return _tensor, (pickle.PickleBuffer(elements), whole.dtype, tuple(whole.size()), whole.stride())


def _checked(obj):
    if isinstance(obj, torch.Tensor) and obj.requires_grad and not obj.is_leaf:
        from torch.multiprocessing.reductions import reduce_tensor

        return reduce_tensor(obj)  # which says why not
    return NotImplemented


def _tensor(elements, dtype, size, stride):
    storage = torch._C._share_buffer(elements, 0, len(elements)) if len(elements) else torch.UntypedStorage(0)
    return torch.empty(0, dtype=dtype).set_(storage, 0, size, stride)


def encode(obj, prefix):
    """(pickle, path of the file or None, places of the buffers in it); the file's name begins with `prefix`."""
    buffers, text = [], io.BytesIO()

    def take(buffer):
        if buffer.raw().nbytes < _LARGE:
            return True
        buffers.append(buffer.raw())
        return False

    _Pickler(text, 5, buffer_callback=take).dump(obj)
    if not buffers:
        return text.getvalue(), None, ()
    path, places, position = f"{prefix}_{_shared_memory.unique_name()}", [], 0
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for buffer in buffers:
            position = -(-position // _ALIGNMENT) * _ALIGNMENT
            places.append((position, buffer.nbytes))
            _write(fd, buffer, position)
            position += buffer.nbytes
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(fd)
    return text.getvalue(), path, tuple(places)


def _write(fd, buffer, position):
    done = 0
    while done < buffer.nbytes:
        done += os.pwrite(fd, buffer[done:], position + done)


def decode(text, path, places):
    """The object, its large tensors and arrays over the mapped file."""
    if path is None:
        return pickle.loads(text)
    fd = os.open(path, os.O_RDWR)
    os.unlink(path)
    try:
        memory = mmap.mmap(fd, sum(places[-1]))
    finally:
        os.close(fd)
    view = memoryview(memory)
    return pickle.loads(text, buffers=[view[first:first + nbytes] for first, nbytes in places])


def prefix_for(owner):
    """The beginning of the paths of a loader's files."""
    return os.path.join(FOLDER, f"torch_{os.getpid()}_{owner}")


def sweep(prefix):
    """Remove what workers left behind."""
    folder, name = os.path.split(prefix)
    for entry in os.listdir(folder):
        if entry.startswith(name + "_"):
            os.unlink(os.path.join(folder, entry))
