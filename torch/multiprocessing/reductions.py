"""How tensors travel to other processes: their storages lie in shared memory, only a handle is sent."""

import functools
import os
from multiprocessing.reduction import DupFd, ForkingPickler

import torch
from torch import _shared_memory
from torch.storage import TypedStorage, UntypedStorage

__all__ = ["fd_id", "init_reductions", "rebuild_meta_tensor", "rebuild_storage_empty", "rebuild_storage_fd",
           "rebuild_storage_filename", "rebuild_tensor", "rebuild_typed_storage", "reduce_storage", "reduce_tensor",
           "reduce_typed_storage"]


def fd_id(fd):
    """What tells the memory behind a file descriptor from any other."""
    return _shared_memory.identity(fd)


def rebuild_storage_empty(cls):
    """A storage without bytes."""
    return cls(0)


def rebuild_storage_fd(cls, df, size):
    """The storage behind a file descriptor that came with a message."""
    return _shared_memory.storage_over(_shared_memory.from_fd(df.detach(), size), size)


def rebuild_storage_filename(cls, manager, handle, size, dtype=None):
    """The storage in the file of shared memory named `handle`."""
    return _shared_memory.storage_over(_shared_memory.from_path(os.fsdecode(handle), size), size)


def reduce_storage(storage):
    """Moves a storage to shared memory and gives what rebuilds it elsewhere."""
    if storage.device.type != "cpu":
        raise RuntimeError(f"storages on {storage.device} are not sent to other processes")
    if not storage.nbytes():
        return rebuild_storage_empty, (type(storage),)
    block = _shared_memory.share(storage)
    if block.path is None:
        return rebuild_storage_fd, (type(storage), DupFd(block.fd), storage.nbytes())
    _shared_memory.send(block)
    return rebuild_storage_filename, (type(storage), b"", os.fsencode(block.path), storage.nbytes())


def rebuild_typed_storage(storage, dtype):
    """A storage with a dtype."""
    return TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)


def reduce_typed_storage(storage):
    """What rebuilds a storage with a dtype."""
    return rebuild_typed_storage, (storage._untyped_storage, storage.dtype)


def rebuild_meta_tensor(tensor_cls, tensor_size, tensor_stride, tensor_offset, dtype, storage_size_bytes, requires_grad):
    """A tensor without memory."""
    meta = torch.empty(0, dtype=dtype, device="meta")
    storage = UntypedStorage(storage_size_bytes, device="meta")
    return _of_class(tensor_cls, meta.set_(storage, tensor_offset, tensor_size, tensor_stride), requires_grad)


def rebuild_tensor(cls, storage, metadata):
    """A tensor over a storage; `metadata` is offset, size, stride and whether it requires a gradient."""
    offset, size, stride, requires_grad = metadata
    plain = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage, offset, size, stride)
    return _of_class(cls, plain, requires_grad)


def _of_class(cls, plain, requires_grad):
    if issubclass(cls, torch.nn.Parameter):
        return cls(plain, requires_grad=requires_grad)
    plain.requires_grad_(requires_grad)
    return plain if cls is torch.Tensor else plain.as_subclass(cls)


def reduce_tensor(tensor):
    """What rebuilds a tensor elsewhere on the same memory. Raises RuntimeError for results that require a gradient."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError("Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
                           "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor "
                           "before serializing (e.g., putting it on the queue).")
    torch.utils.hooks.warn_if_has_hooks(tensor)
    if tensor.layout != torch.strided:
        return tensor.__reduce_ex__(2)
    storage, place = tensor.untyped_storage(), (tensor.storage_offset(), tuple(tensor.size()), tensor.stride())
    if tensor.is_meta:
        return rebuild_meta_tensor, (type(tensor), place[1], place[2], place[0], tensor.dtype, storage.nbytes(), tensor.requires_grad)
    if tensor.is_conj() or tensor.is_neg():
        return reduce_tensor(tensor.detach().resolve_conj().resolve_neg())
    typed = TypedStorage(wrap_storage=storage, dtype=tensor.dtype, _internal=True)
    return rebuild_tensor, (type(tensor), typed, (*place, tensor.requires_grad))


@functools.cache
def init_reductions():
    """Teach multiprocessing's pickler these ways; done when ``torch.multiprocessing`` is imported."""
    ForkingPickler.register(torch.Tensor, reduce_tensor)
    ForkingPickler.register(torch.nn.Parameter, reduce_tensor)
    ForkingPickler.register(UntypedStorage, reduce_storage)
    ForkingPickler.register(TypedStorage, reduce_typed_storage)
