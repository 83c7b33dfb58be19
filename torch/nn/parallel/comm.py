"""Tensors to several devices of this process and back."""

import torch

__all__ = ["broadcast", "broadcast_coalesced", "gather", "reduce_add", "reduce_add_coalesced", "scatter"]


def _device(device):
    """A device given as such, as its name or as the number of an accelerator; -1 is the CPU."""
    if isinstance(device, int):
        return torch.device("cpu") if device < 0 else torch.device("cuda", device)
    return torch.device(device)


def _one_of(devices, out):
    if (devices is None) == (out is None):
        raise RuntimeError(f"Exactly one of 'devices' and 'out' must be specified, but got devices={devices} and out={out}")


def broadcast(tensor, devices=None, *, out=None):
    """A copy of a tensor on each device, or in each tensor of `out`."""
    _one_of(devices, out)
    if out is not None:
        return tuple(target.copy_(tensor) for target in out)
    return tuple(tensor.to(_device(device)) for device in devices)


def broadcast_coalesced(tensors, devices, buffer_size=10485760):
    """Copies of all tensors on each device, a list a device."""
    return [[tensor.to(_device(device)) for tensor in tensors] for device in devices]


def reduce_add(inputs, destination=None):
    """The sum of equally shaped tensors on one device, by default that of the first."""
    target = inputs[0].device if destination is None else _device(destination)
    for number, tensor in enumerate(inputs):
        if tensor.shape != inputs[0].shape:
            raise ValueError(f"input {number} has invalid size: got {tuple(tensor.shape)}, but expected {tuple(inputs[0].shape)}")
    result = inputs[0].to(target, copy=True)
    for tensor in inputs[1:]:
        result += tensor.to(target)
    return result


def reduce_add_coalesced(inputs, destination=None, buffer_size=10485760):
    """Sums over lists of tensors, a list a device."""
    return tuple(reduce_add(tensors, destination) for tensors in zip(*inputs))


def scatter(tensor, devices=None, chunk_sizes=None, dim=0, streams=None, *, out=None):
    """Pieces of a tensor along `dim`, one a device: of even or of the given sizes."""
    _one_of(devices, out)
    if out is not None:
        pieces = tensor.split([target.size(dim) for target in out], dim)
        return tuple(target.copy_(piece) for target, piece in zip(out, pieces))
    pieces = tensor.chunk(len(devices), dim) if chunk_sizes is None else tensor.split(list(chunk_sizes), dim)
    return tuple(piece.to(_device(device)) for piece, device in zip(pieces, devices))


def gather(tensors, dim=0, destination=None, *, out=None):
    """Tensors joined along `dim` on one device, by default that of the first."""
    target = tensors[0].device if destination is None else _device(destination)
    if out is not None:
        return torch.cat([tensor.to(out.device) for tensor in tensors], dim, out=out)
    return torch.cat([tensor.to(target) for tensor in tensors], dim)
