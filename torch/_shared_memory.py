"""Memory that several processes map, and which of it lies under which storage."""

import itertools
import mmap
import os
import secrets
import tempfile
import weakref
from multiprocessing import resource_tracker
from multiprocessing.util import Finalize

from torch import _C

strategy = "file_descriptor" if hasattr(os, "memfd_create") else "file_system"
FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
_numbers = itertools.count()
_blocks = weakref.WeakValueDictionary()  # address -> the block that begins there
_mapped = weakref.WeakValueDictionary()  # identity of the memory (see `identity`) -> block


class Block(mmap.mmap):
    """Mapped shared memory, known by a file descriptor or by the name of a file. Lives as long as a storage uses it.

    A named block counts its users in eight bytes behind its data; whoever is the last removes the name.
    """

    def __new__(cls, fd, nbytes, path=None):
        return super().__new__(cls, fd, nbytes + (8 if path else 0))

    def __init__(self, fd, nbytes, path=None):
        self.nbytes, self.path = nbytes, path
        if path is None:
            self.fd = fd
            weakref.finalize(self, os.close, fd)
        else:
            os.close(fd)


def unique_name():
    """A name that no other file has."""
    return f"{os.getpid()}_{next(_numbers)}_{secrets.token_hex(4)}"


def create(nbytes):
    """A new block of at least one byte, of the kind that the sharing strategy asks for."""
    size = max(1, nbytes)
    if strategy == "file_descriptor":
        fd = os.memfd_create("torch")
        os.ftruncate(fd, size)
        block = Block(fd, size)
        _mapped[identity(fd)] = block
        return block
    path = os.path.join(FOLDER, f"torch_{unique_name()}")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.ftruncate(fd, size + 8)
    _count(path, 1)
    _track(path, True)
    return _own(Block(fd, size, path), created=True)


def identity(fd):
    """What tells the memory behind a descriptor from any other."""
    info = os.fstat(fd)
    return info.st_ino, info.st_dev


def from_fd(fd, nbytes):
    """The block behind a descriptor, which it takes over; mapped once a process."""
    key = identity(fd)
    block = _mapped.get(key)
    if block is not None:
        os.close(fd)
        return block
    _mapped[key] = block = Block(fd, max(1, nbytes))
    return block


def from_path(path, nbytes):
    """The block of a name, for which its sender counted one user."""
    block = _mapped.get(path)
    if block is not None:
        _count(path, -1)
        return block
    return _own(Block(os.open(path, os.O_RDWR), max(1, nbytes), path), created=False)


def _own(block, created):
    """Keep a block, of which this process is counted as a user until it lets it go or ends."""
    _mapped[block.path] = block
    Finalize(block, _release, (block.path, created), exitpriority=0)
    return block


def _release(path, created):
    _count(path, -1)
    if created:
        _track(path, False)


def _count(path, change):
    """Change the number of users; at none the name goes."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        place = os.fstat(fd).st_size - 8
        users = int.from_bytes(os.pread(fd, 8, place), "little") + change
        os.pwrite(fd, max(0, users).to_bytes(8, "little"), place)
        if users <= 0:
            os.unlink(path)
    except FileNotFoundError:
        pass
    finally:
        os.close(fd)


def _track(path, start):
    """Tell the process that cleans up after crashes about a name of this process."""
    if os.path.dirname(path) == "/dev/shm":
        change = resource_tracker.register if start else resource_tracker.unregister
        change("/" + os.path.basename(path), "shared_memory")


def block_of(storage):
    """The block under a storage, or None."""
    return _blocks.get(storage.data_ptr())


def share(storage):
    """Move a storage to shared memory unless it is there; its block."""
    block = block_of(storage)
    if block is None:
        block = create(storage.nbytes())
        replacement = storage_over(block, storage.nbytes())
        replacement.copy_(storage)
        storage._move_to(replacement)
    return block


def send(block):
    """Count a receiver that is on its way."""
    _count(block.path, 1)


def storage_over(block, nbytes):
    """A storage over the first bytes of a block."""
    storage = _C._share_buffer(block, 0, nbytes)
    _blocks[storage.data_ptr()] = block
    return storage
