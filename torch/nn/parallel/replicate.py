"""Copies of a module whose gradients arrive at the original."""

from . import comm

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """A copy of `network` on each device, its parameters plain tensors that depend on the original's unless `detach`."""
    return [_copy(network, comm._device(device), detach, {}) for device in devices]


def _copy(module, device, detach, done):
    if module in done:
        return done[module]
    done[module] = replica = module._replicate_for_data_parallel()
    for name, child in module._modules.items():
        replica._modules[name] = child and _copy(child, device, detach, done)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            value = (parameter.detach() if detach else parameter).to(device)
            del replica._parameters[name]
            setattr(replica, name, value if value is not parameter else parameter.view_as(parameter))
            replica._former_parameters[name] = value
    for name, buffer in module._buffers.items():
        replica._buffers[name] = buffer if buffer is None else buffer.to(device)
    return replica
