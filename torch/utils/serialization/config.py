"""What `torch.save` and `torch.load` do unless told otherwise: the sections `save` and `load`.

Example::

    >>> from torch.utils.serialization import config
    >>> with config.patch("save.compute_crc32", False):
    ...     torch.save(state, path)
"""

import contextlib
import mmap as _mmap


class _Section:
    """A fixed set of settings; others raise AttributeError."""

    def __init__(self, **settings):
        self.__dict__.update(settings)

    def __setattr__(self, name, value):
        if name not in self.__dict__:
            raise AttributeError(f"there is no setting {name!r}; there are {', '.join(self.__dict__)}")
        self.__dict__[name] = value


load = _Section(
    mmap=False,  # map files on disk instead of reading them
    endianness=None,  # byte order of files that don't tell theirs
    mmap_flags=getattr(_mmap, "MAP_PRIVATE", 2),
    calculate_storage_offsets=False,  # accepted: offsets are always read from the directory and checked
)
save = _Section(
    compute_crc32=True,
    use_pinned_memory_for_d2h=False,  # for storages on a GPU
    storage_alignment=64,
)


@contextlib.contextmanager
def patch(settings, value=None):
    """Change settings within a block: ``patch("load.mmap", True)`` or ``patch({"load.mmap": True})``."""
    changes = settings if isinstance(settings, dict) else {settings: value}
    places = [(globals()[path.partition(".")[0]], path.partition(".")[2], new) for path, new in changes.items()]
    before = [getattr(section, name) for section, name, _ in places]
    try:
        for section, name, new in places:
            setattr(section, name, new)
        yield
    finally:
        for (section, name, _), old in zip(places, before):
            setattr(section, name, old)
