"""Functions that saved files name, and a few that other packages import from here."""

import sys
import traceback

import torch

__all__ = []


def _rebuild_tensor(storage, storage_offset, size, stride):
    """A tensor over part of a storage. Raises RuntimeError when the part lies outside."""
    untyped = storage._untyped_storage
    last = storage_offset + sum((n - 1) * step for n, step in zip(size, stride))
    smallest = min([storage_offset, *size, *stride])
    if smallest < 0 or len(size) != len(stride):
        raise RuntimeError(f"damaged file: a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {storage_offset}")
    if 0 not in size and (last + 1) * storage.dtype.itemsize > untyped.nbytes():
        raise RuntimeError(f"damaged file: a tensor of size {tuple(size)}, stride {tuple(stride)} and offset "
                           f"{storage_offset} does not fit into its storage of {untyped.nbytes()} bytes")
    tensor = torch.empty((0,), dtype=storage.dtype, device=untyped.device)
    return tensor.set_(untyped, storage_offset, tuple(size), tuple(stride))


def _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    tensor = _rebuild_tensor(storage, storage_offset, size, stride)
    tensor.requires_grad = requires_grad
    if metadata:
        for name, value in metadata.items():
            if name == "conj" and value:
                tensor = tensor.conj()
            if name == "neg" and value:
                tensor = torch._neg_view(tensor)
    tensor._backward_hooks = backward_hooks or None
    return tensor


def _rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    typed = torch.storage.TypedStorage(wrap_storage=storage._untyped_storage, dtype=dtype, _internal=True)
    return _rebuild_tensor_v2(typed, storage_offset, size, stride, requires_grad, backward_hooks, metadata)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    parameter = torch.nn.Parameter(data, requires_grad)
    parameter._backward_hooks = backward_hooks or None
    return parameter


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad):
    return torch.empty_strided(tuple(size), tuple(stride), dtype=dtype, device="meta", requires_grad=requires_grad)


def _rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad):
    tensor = torch.from_numpy(data).to(dtype=dtype, device=device)
    tensor.requires_grad = requires_grad
    return tensor


def _rebuild_device_tensor_from_cpu_tensor(data, dtype, device, requires_grad):
    tensor = data.to(dtype=dtype, device=device)
    tensor.requires_grad = requires_grad
    return tensor


def _rebuild_sparse_tensor(layout, data):
    if layout == torch.sparse_coo:
        indices, values, size, *coalesced = data
        return torch.sparse_coo_tensor(indices, values, size, is_coalesced=coalesced[0] if coalesced else None)
    compressed, plain, values, size = data
    return torch.sparse_compressed_tensor(compressed, plain, values, size, layout=layout)


def _get_obj_state(obj):
    """What pickle would take as the state of `obj`: its __dict__, with slots when it has them."""
    state = obj.__dict__
    slots = [name for cls in type(obj).__mro__ for name in getattr(cls, "__slots__", ()) if hasattr(obj, name)]
    return (state, {name: getattr(obj, name) for name in slots}) if slots else state


def _set_obj_state(obj, state):
    """Give `obj` a state that :func:`_get_obj_state` returned."""
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        setattr(obj, name, value)
    return obj


def _element_size(dtype):
    return dtype.itemsize


def _flatten_dense_tensors(tensors):
    """One vector of all elements."""
    return torch.cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """Consecutive pieces of `flat` in the shapes of `tensors`."""
    pieces = flat.split([tensor.numel() for tensor in tensors])
    return tuple(piece.view_as(tensor) for piece, tensor in zip(pieces, tensors))


def _take_tensors(tensors, size_limit):
    """Lists of tensors of one type of at most `size_limit` bytes, unless one is larger by itself; order is kept within a type."""
    groups = {}
    for tensor in tensors:
        group, size = groups.get(tensor.type(), ([], 0))
        nbytes = tensor.numel() * tensor.element_size()
        if group and size + nbytes > size_limit:
            yield group
            group, size = [], 0
        groups[tensor.type()] = ([*group, tensor], size + nbytes)
    yield from (group for group, _ in groups.values() if group)


def _reorder_tensors_as(tensors, ordered_tensors):
    """`tensors`, grouped by type, in the order of the types of `ordered_tensors`."""
    by_type = {}
    for tensor in tensors:
        by_type.setdefault(tensor.type(), []).append(tensor)
    queues = {kind: iter(group) for kind, group in by_type.items()}
    return tuple(next(queues[tensor.type()]) for tensor in ordered_tensors)


def _import_dotted_name(name):
    first, *rest = name.split(".")
    found = __import__(first)
    for part in rest:
        found = getattr(found, part)
    return found


def _get_device_index(device, optional=False, allow_cpu=False):
    """The number of a device given as number, name or torch.device; -1 for the CPU where that is allowed."""
    if isinstance(device, str):
        device = torch.device(device)
    if isinstance(device, torch.device):
        if device.type == "cpu":
            if not allow_cpu:
                raise ValueError(f"Expected a non cpu device, but got: {device}")
            return -1
        device = device.index
    if device is None:
        if not optional:
            raise ValueError("Expected a torch.device with a specified index or an integer, but got: None")
        return 0
    return device


class ExceptionWrapper:
    """An exception with its traceback as text, to be raised again in another process."""

    def __init__(self, exc_info=None, where="in background"):
        kind, value, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type, self.where = kind, where
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))

    def reraise(self):
        """Raise an exception of the same type whose message holds the first traceback."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = _Text(message)
        try:
            error = self.exc_type(message)
        except Exception:  # an exception that does not take a single message
            raise RuntimeError(message) from None
        raise error


class _Text(str):
    """A string that KeyError shows as it is."""

    def __repr__(self):
        return str(self)


class classproperty:
    """A property of the class itself."""

    def __init__(self, func):
        self.func = func

    def __get__(self, instance, owner):
        return self.func(owner)
