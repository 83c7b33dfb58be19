"""Storages: the bytes that tensors view."""

from __future__ import annotations

import collections
import functools
import io
import warnings

import torch
from torch import _C

__all__ = ["TypedStorage", "UntypedStorage"]


class _OnDevices:
    """What both kinds of storage say of devices; `self.device` is where the bytes are."""

    is_hpu = False

    def get_device(self):
        """The index of the device; None on the CPU."""
        return self.device.index

    def cuda(self, device=None, non_blocking=False):
        """A copy on a CUDA device: AssertionError without one."""
        torch.cuda._lazy_init()

    def hpu(self, device=None, non_blocking=False):
        """A copy on an HPU device: AssertionError, there is none."""
        raise AssertionError("HPU device module is not loaded")

    def pin_memory(self, device="cuda"):
        """A copy in page-locked memory: RuntimeError without an accelerator."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    def is_pinned(self, device="cuda"):
        """False: there is no page-locked memory on the CPU."""
        return False


class UntypedStorage(_OnDevices, _C.StorageBase):
    """A block of bytes on a device: `UntypedStorage(nbytes)` or `UntypedStorage(sequence of byte values)`.

    Example::

        >>> torch.arange(2, dtype=torch.uint8).untyped_storage().tolist()
        [0, 1]
    """

    is_sparse = False
    is_sparse_csr = False
    _filename = None

    def __repr__(self):
        info = f"[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"
        if self.device.type == "meta":
            return "...\n" + info
        return "".join(f" {x}\n" for x in self.tolist()) + info

    __str__ = __repr__

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __sizeof__(self):
        return super().__sizeof__() + self.size()

    def __copy__(self):
        return self.clone()

    def __deepcopy__(self, memo):
        cached = memo.setdefault("torch", {})
        if self._cdata in cached:
            return cached[self._cdata]
        cached[self._cdata] = copy = self.clone()
        return copy

    def __reduce__(self):
        b = io.BytesIO()
        torch.save(self, b, _use_new_zipfile_serialization=False)
        return _load_from_bytes, (b.getvalue(),)

    def untyped(self):
        """This storage."""
        return self

    @property
    def filename(self):
        """The file whose bytes these are (see :meth:`from_file`), or None."""
        return self._filename

    def size(self):
        """The number of bytes."""
        return self.nbytes()

    def mps(self):
        """A copy on Apple's GPU: RuntimeError, there is none."""
        raise RuntimeError("torch.UntypedStorage(): Storage device not recognized: mps")

    def _to(self, dtype):
        converted = torch.tensor(self.tolist(), dtype=torch.uint8).to(dtype)
        return TypedStorage(wrap_storage=converted.untyped_storage(), dtype=dtype, _internal=True)

    def clone(self):
        """A copy of the bytes."""
        return UntypedStorage(self.nbytes(), device=self.device).copy_(self)

    def tolist(self):
        """The bytes as a list of ints."""
        return list(memoryview(self))

    def new(self):
        """An empty storage on the same device."""
        return UntypedStorage(0, device=self.device)

    def cpu(self):
        """This storage, or a copy of it on the CPU."""
        return self if self.device.type == "cpu" else UntypedStorage(self.nbytes()).copy_(self)

    def to(self, *, device, non_blocking=False):
        """A copy on `device`, or this storage if it is there already."""
        device = torch.device(device)
        return self if device.type == self.device.type else UntypedStorage(self.nbytes(), device=device)

    def type(self, dtype=None, non_blocking=False):
        """The name of the storage's type, or with `dtype` (torch.FloatStorage, torch.float or their name) the bytes converted to it."""
        return "torch.storage.UntypedStorage" if dtype is None else self._to(_dtype_of(dtype))

    def byteswap(self, dtype):
        """Reverses the bytes of each element of `dtype`, as files from machines of the other byte order need."""
        self._byteswap(dtype.itemsize // (2 if dtype.is_complex else 1))

    def is_shared(self):
        """Whether other processes can map the bytes."""
        import sys

        shared = sys.modules.get("torch._shared_memory")  # loaded by the first that shares
        return shared is not None and shared.block_of(self) is not None

    def share_memory_(self, *args, **kwargs):
        """Moves the bytes to memory that other processes see and write too. Returns self."""
        from torch import _shared_memory

        _shared_memory.share(self)
        return self

    @classmethod
    def from_buffer(cls, buffer, byte_order="native", dtype=torch.uint8, count=-1, offset=0):
        """A storage with a copy of `count` elements of `dtype` of a buffer."""
        size = dtype.itemsize
        view = memoryview(buffer).cast("B")[offset:]
        nbytes = len(view) if count < 0 else count * size
        if nbytes % size or nbytes > len(view):
            raise ValueError(f"buffer has only {len(view)} bytes after offset {offset}, but {nbytes} are needed in elements of {size}")
        storage = cls(nbytes)
        if nbytes:
            memoryview(storage)[:] = view[:nbytes]
        import sys

        if byte_order in ("big", "little") and byte_order != sys.byteorder:
            storage.byteswap(dtype)
        return storage

    @classmethod
    def from_file(cls, filename, shared=False, nbytes=0):
        """A storage over the bytes of a file, written back to it if `shared`."""
        import mmap
        import os

        with open(filename, "r+b" if shared else "rb") as file:
            if shared and os.fstat(file.fileno()).st_size < nbytes:
                file.truncate(nbytes)
            size = nbytes or os.fstat(file.fileno()).st_size
            memory = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
        storage = _C._share_buffer(memory, 0, size)
        storage._filename = filename
        return storage

    @classmethod
    def _new_shared(cls, size, *, device="cpu"):
        return cls(size).share_memory_()


_C._set_storage_class(UntypedStorage)


def _load_from_bytes(b):
    return torch.load(io.BytesIO(b), weights_only=False)


_warned = False


def _warn_typed_storage_removal(stacklevel=2):
    global _warned
    if not _warned:
        _warned = True
        warnings.warn("TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. "
                      "Use tensor.untyped_storage() instead of tensor.storage().", UserWarning, stacklevel=stacklevel + 1)


@functools.cache
def _dtype_to_storage_type_map():
    return {
        torch.double: "DoubleStorage", torch.float: "FloatStorage", torch.half: "HalfStorage", torch.long: "LongStorage",
        torch.int: "IntStorage", torch.int16: "ShortStorage", torch.int8: "CharStorage", torch.uint8: "ByteStorage",
        torch.bool: "BoolStorage", torch.bfloat16: "BFloat16Storage", torch.cdouble: "ComplexDoubleStorage",
        torch.cfloat: "ComplexFloatStorage",
    }


@functools.cache
def _storage_type_to_dtype_map():
    return {name: dtype for dtype, name in _dtype_to_storage_type_map().items()}


def _get_dtype_from_pickle_storage_type(pickle_storage_type):
    """The dtype of the storages that files know by a name such as "FloatStorage". Raises KeyError for others."""
    try:
        return _storage_type_to_dtype_map()[pickle_storage_type]
    except KeyError:
        raise KeyError(f'pickle storage type "{pickle_storage_type}" is not recognized') from None


def _dtype_of(kind):
    """The dtype of a storage class, of its name, or of a dtype."""
    if isinstance(kind, str):
        kind = getattr(torch, kind.rpartition(".")[2])
    return kind if isinstance(kind, torch.dtype) else kind.dtype


class TypedStorage(_OnDevices):
    """The elements of one dtype in an :class:`UntypedStorage`. Deprecated; files and old code still name it."""

    is_sparse = False
    dtype: torch.dtype

    def __init__(self, *args, wrap_storage=None, dtype=None, device=None, _internal=False):
        if not _internal:
            _warn_typed_storage_removal()
        self.dtype = dtype or getattr(type(self), "dtype", None) or torch.get_default_dtype()
        if wrap_storage is not None:
            if not isinstance(wrap_storage, UntypedStorage):
                raise TypeError(f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrap_storage)}")
            self._untyped_storage = wrap_storage
        elif args and not isinstance(args[0], int):
            data = torch.tensor(args[0], dtype=self.dtype)
            self._untyped_storage = data.untyped_storage()
        else:
            count = args[0] if args else 0
            self._untyped_storage = UntypedStorage(count * self.dtype.itemsize, device=device)

    def _tensor(self):
        t = torch.empty(0, dtype=self.dtype, device=self.device)
        return t.set_(self._untyped_storage, 0, (self._size(),), (1,))

    def _size(self):
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    def untyped(self):
        """The bytes without the dtype."""
        return self._untyped_storage

    @property
    def device(self):
        """Where the elements live."""
        return self._untyped_storage.device

    @property
    def is_cuda(self):
        """Whether they are on a CUDA device."""
        return self._untyped_storage.is_cuda

    @property
    def _cdata(self):
        return self._untyped_storage._cdata

    def size(self):
        """The number of elements."""
        return self._size()

    __len__ = size

    def nbytes(self):
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def element_size(self):
        """Bytes of one element."""
        return self.dtype.itemsize

    def data_ptr(self):
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    _data_ptr = data_ptr

    def tolist(self):
        """The elements as a list."""
        return self._tensor().tolist()

    def __iter__(self):
        return iter(self.tolist())

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        return self._tensor()[index].item()

    def __setitem__(self, index, value):
        self._tensor()[index] = value

    def fill_(self, value):
        """Sets every element."""
        self._tensor().fill_(value)
        return self

    def copy_(self, source, non_blocking=None):
        """Copies the elements of another storage."""
        if isinstance(source, TypedStorage):
            self._tensor().copy_(source._tensor())
        else:
            self._untyped_storage.copy_(source)
        return self

    def resize_(self, size):
        """Changes the number of elements."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    def clone(self):
        """A copy."""
        return self._like(self._untyped_storage.clone())

    def cpu(self):
        """This storage on the CPU."""
        return self._like(self._untyped_storage.cpu())

    def _like(self, storage, dtype=None):
        return TypedStorage(wrap_storage=storage, dtype=dtype or self.dtype, _internal=True)

    def _to(self, dtype):
        return self._like(self._tensor().to(dtype).clone().untyped_storage(), dtype)

    def share_memory_(self):
        """Moves the elements to shared memory. Returns self."""
        self._untyped_storage.share_memory_()
        return self

    def is_shared(self):
        """Whether the elements are in shared memory."""
        return self._untyped_storage.is_shared()

    def resizable(self):
        """Whether :meth:`resize_` is allowed: not for borrowed memory."""
        return self._untyped_storage.resizable()

    @property
    def filename(self):
        """The file whose elements these are (see :meth:`from_file`), or None."""
        return self._untyped_storage.filename

    def to(self, *, device, non_blocking=False):
        """A copy on `device`, or the same elements if they are there already."""
        return self._like(self._untyped_storage.to(device=device, non_blocking=non_blocking))

    def pickle_storage_type(self):
        """The name under which files know this kind of storage, "FloatStorage"."""
        try:
            return _dtype_to_storage_type_map()[self.dtype]
        except KeyError:
            raise KeyError(f"dtype {self.dtype} is not recognized") from None

    _pickle_storage_type = pickle_storage_type

    def type(self, dtype=None, non_blocking=False):
        """The name of the storage's type, or with `dtype` (torch.FloatStorage, torch.float or their name) the elements converted to it."""
        return f"torch.{self.pickle_storage_type()}" if dtype is None else self._to(_dtype_of(dtype))

    @classmethod
    def _new_wrapped_storage(cls, untyped):
        return cls(wrap_storage=untyped, dtype=getattr(cls, "dtype", None), _internal=True)

    @classmethod
    def _from_buffer(cls, *args, dtype=None, **kwargs):
        dtype = dtype or cls.dtype
        return cls(wrap_storage=UntypedStorage.from_buffer(*args, dtype=dtype, **kwargs), dtype=dtype, _internal=True)

    @classmethod
    def from_buffer(cls, *args, **kwargs):
        """A storage with a copy of the elements of a buffer; see :meth:`UntypedStorage.from_buffer`."""
        return cls._from_buffer(*args, **kwargs)

    @classmethod
    def from_file(cls, filename, shared, size):
        """`size` elements over the bytes of a file, written back to it if `shared`. RuntimeError where the class has no dtype."""
        if cls is TypedStorage:
            raise RuntimeError("from_file can only be called on derived classes")
        untyped = UntypedStorage.from_file(filename, shared, size * cls.dtype.itemsize)
        return TypedStorage(wrap_storage=untyped, dtype=cls.dtype, _internal=True)

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self._cdata == other._cdata and self.dtype == other.dtype

    __hash__ = None

    def __copy__(self):
        return self.clone()

    def __deepcopy__(self, memo):
        return self._like(self._untyped_storage.__deepcopy__(memo))

    def __reduce__(self):
        b = io.BytesIO()
        torch.save(self, b, _use_new_zipfile_serialization=False)
        return _load_from_bytes, (b.getvalue(),)

    def __repr__(self):
        info = f"[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"
        return "".join(f" {x}\n" for x in self.tolist()) + info

    __str__ = __repr__


def _conversion(name, dtype):
    def convert(self):
        return self._to(dtype)

    convert.__name__ = name
    convert.__doc__ = f"The elements converted to {dtype}, a TypedStorage."
    return convert


for _name, _dtype in (("bool", torch.bool), ("byte", torch.uint8), ("char", torch.int8), ("short", torch.int16), ("int", torch.int32),
                      ("long", torch.int64), ("half", torch.half), ("bfloat16", torch.bfloat16), ("float", torch.float),
                      ("double", torch.double), ("complex_float", torch.cfloat), ("complex_double", torch.cdouble),
                      ("float8_e5m2", torch.float8_e5m2), ("float8_e4m3fn", torch.float8_e4m3fn),
                      ("float8_e5m2fnuz", torch.float8_e5m2fnuz), ("float8_e4m3fnuz", torch.float8_e4m3fnuz)):
    setattr(_OnDevices, _name, _conversion(_name, _dtype))


class _LegacyStorageMeta(type):
    def __instancecheck__(cls, instance):
        return type(instance) is TypedStorage and instance.dtype == cls.dtype if cls is not _LegacyStorage else type.__instancecheck__(cls, instance)


class _LegacyStorage(TypedStorage, metaclass=_LegacyStorageMeta):
    """torch.FloatStorage and its kin: calling one gives a TypedStorage of its dtype."""

    def __new__(cls, *args, wrap_storage=None, dtype=None, device=None, _internal=False):
        if dtype is not None or device is not None:
            raise RuntimeError(f"{cls}.__new__ received an invalid combination of arguments. Expected one of: no arguments, (int size), (Sequence data), "
                               f"(*, UntypedStorage wrap_storage). Keyword argument '{'device' if dtype is None else 'dtype'}' cannot be specified")
        _warn_typed_storage_removal()
        return TypedStorage(*args, dtype=cls.dtype, wrap_storage=wrap_storage, _internal=True)


def _legacy_classes():
    return {name: _LegacyStorageMeta(name, (_LegacyStorage,), {"dtype": dtype, "__module__": "torch", "__doc__": f"Storage of {dtype}."})
            for dtype, name in _dtype_to_storage_type_map().items()}


_LEGACY = _legacy_classes()
_always_warn_typed_storage_removal = False
_StorageBase = UntypedStorage
StorageWeakKey = collections.namedtuple("StorageWeakKey", "cdata")
