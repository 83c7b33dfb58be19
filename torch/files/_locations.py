"""Where storages are, and where they go when they are loaded."""

import torch
from torch._weights_only_unpickler import shown

_packages: list = []  # (priority, tagger, deserializer)


def register_package(priority, tagger, deserializer):
    """Add a kind of location: ``tagger(storage)`` names it (or None), ``deserializer(storage, name)`` restores it.

    Lower priorities are asked first; the CPU has 10, CUDA 20.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda entry: entry[0])


def location_tag(storage):
    """The name of the place a storage lives, such as "cpu" or "cuda:0"."""
    for _, tagger, _ in _packages:
        name = tagger(storage)
        if name:
            return name
    raise RuntimeError("don't know how to determine data location of " + torch.typename(storage))


def default_restore_location(storage, location):
    """A storage at the named place with the given one's bytes. Raises RuntimeError for unknown names."""
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError("don't know how to restore data location of " + torch.typename(storage) + " (tagged with "
                       + shown(location) + ")")


def validate_hpu_device(location):
    """RuntimeError: there is no HPU device."""
    raise RuntimeError("The HPU device module is not registered. If you are running on a CPU-only machine, please use torch.load with "
                       "map_location=torch.device('cpu') to map your storages to the CPU.")


def validate_cuda_device(location):
    """The number of the CUDA device named. Raises RuntimeError when it does not exist."""
    index = torch.device(location).index or 0
    if not torch.cuda.is_available():
        raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you "
                           "are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') "
                           "to map your storages to the CPU.")
    count = torch.cuda.device_count()
    if index >= count:
        raise RuntimeError(f"Attempting to deserialize object on CUDA device {index} but torch.cuda.device_count() is "
                           f"{count}. Please use torch.load with map_location to map your storages to an existing device.")
    return index


def _restore_cuda(storage, location):
    if not location.startswith("cuda"):
        return None
    return storage.cuda(validate_cuda_device(location))


def _restore_meta(storage, location):
    return torch.UntypedStorage(storage.nbytes(), device="meta") if location == "meta" else None


def _tagger(kind):
    def tag(storage):
        if storage.device.type != kind:
            return None
        return kind if storage.device.index is None else f"{kind}:{storage.device.index}"

    return tag


register_package(10, _tagger("cpu"), lambda storage, location: storage if location == "cpu" else None)
register_package(20, _tagger("cuda"), _restore_cuda)
register_package(22, _tagger("meta"), _restore_meta)


def restore_function(map_location):
    """`map_location` in any of its forms as a function (storage, location) -> storage."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, map_location.get(location, location))
    if isinstance(map_location, (str, torch.device)):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    def restore(storage, location):
        result = map_location(storage, location)
        return default_restore_location(storage, location) if result is None else result

    return restore


def normalize_storage_type(storage_type):
    """The class in ``torch`` that files name for a class of storages."""
    return getattr(torch, storage_type.__name__)
