"""What the formats around a pickle share: how storages leave it, how they come back, and who interprets it."""

import pickle

import torch
from torch import _utils, _weights_only_unpickler

WEIGHTS_ONLY_HELP = (
    "Weights only load failed. In PyTorch 2.6 and later the default value of `weights_only` in `torch.load` is True. "
    "If the file comes from a source you trust, either allow the classes it names with "
    "`torch.serialization.add_safe_globals`, or load it with `weights_only=False`, which can run any code the file holds.\n"
    "WeightsUnpickler error: ")


def storage_dtype(storage_type):
    """The dtype of a storage class named in a file."""
    if storage_type is torch.UntypedStorage or storage_type is torch.storage.UntypedStorage:
        return torch.uint8
    dtype = getattr(storage_type, "dtype", None)
    if not isinstance(dtype, torch.dtype):
        raise pickle.UnpicklingError(f"{_weights_only_unpickler.shown(storage_type)} is not a storage class")
    return dtype


def typed(storage, dtype):
    """A storage as pickles know it: with a dtype."""
    return torch.storage.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)


class StorageCollector(pickle.Pickler):
    """Pickles an object and notes the storages it meets, each once.

    `tag` names the place of a storage; `legacy` keeps to what the format before 1.6 can say.
    """

    def __init__(self, file, protocol, tag, legacy=False):
        super().__init__(file, protocol)
        self.tag, self.legacy = tag, legacy
        self.keys, self.storages, self.dtypes = {}, {}, {}  # address -> key; key -> storage; key -> dtype first seen

    def key_of(self, untyped):
        """The name of a storage in the file; the same for every tensor on it."""
        address = untyped._cdata
        if address not in self.keys:
            self.keys[address] = str(address) if self.legacy else str(len(self.keys))
            self.storages[self.keys[address]] = untyped
        return self.keys[address]

    def persistent_id(self, obj):
        """The tuple that stands for a storage in the pickle."""
        if isinstance(obj, torch.storage.TypedStorage):
            untyped, storage_type, numel = obj._untyped_storage, getattr(torch, obj._pickle_storage_type()), obj._size()
        elif isinstance(obj, torch.UntypedStorage):
            untyped, storage_type, numel = obj, torch.storage.UntypedStorage, obj.nbytes()
        else:
            return None
        key, dtype = self.key_of(untyped), storage_dtype(storage_type)
        if untyped.nbytes() and self.dtypes.setdefault(key, dtype) != dtype and self.legacy:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        view = (None,) if self.legacy else ()
        return ("storage", storage_type, key, self.tag(untyped), numel, *view)

    def reducer_override(self, obj):
        """A tensor that sees bytes another dtype has claimed is written as bytes with a dtype."""
        if type(obj) is not torch.Tensor or self.legacy or obj.is_meta or obj.layout != torch.strided:
            return NotImplemented
        claimed = self.dtypes.get(self.keys.get(obj.untyped_storage()._cdata))
        if claimed is None or claimed == obj.dtype:
            return NotImplemented
        rebuild, args = obj.__reduce_ex__(2)
        if rebuild is not _utils._rebuild_tensor_v2:
            return NotImplemented
        storage, *place = args[:6]
        return _utils._rebuild_tensor_v3, (storage._untyped_storage, *place, obj.dtype, *args[6:])


def bytes_of(storage):
    """What a file holds of a storage."""
    return memoryview(storage.cpu()) if storage.nbytes() and storage.device.type != "meta" else memoryview(b"")


class _TrustingUnpickler(pickle.Unpickler):
    """The ordinary unpickler, which runs what the file says."""

    def __init__(self, file, resolve, **options):
        super(type(self), self).__init__(file, **options)
        self._resolve = resolve

    def persistent_load(self, pid):
        """The storage that a persistent id stands for."""
        return self._resolve(pid)


def unpickle(file, resolve, weights_only, pickle_module, options):
    """The object of the next pickle in `file`; `resolve` gives what its persistent ids stand for."""
    if weights_only:
        try:
            return _weights_only_unpickler.load(file, persistent_load=resolve, **options)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(WEIGHTS_ONLY_HELP + str(error)) from None
    unpickler = _TrustingUnpickler
    if pickle_module is not None and pickle_module is not pickle:
        unpickler = type("Unpickler", (pickle_module.Unpickler,), {
            "__init__": _TrustingUnpickler.__init__, "persistent_load": _TrustingUnpickler.persistent_load})
    return unpickler(file, resolve, **{"encoding": "utf-8", **options}).load()


class Allowance:
    """Bytes that a file may still ask for: all its storages together cannot be larger than the file."""

    def __init__(self, size):
        self.size = self.left = size

    def take(self, nbytes):
        """Use up some. Raises RuntimeError when the file asks for more than it can hold."""
        if not 0 <= nbytes <= self.left:
            raise RuntimeError(f"the file is cut short or damaged: it names storages of more than its {self.size} bytes")
        self.left -= nbytes
