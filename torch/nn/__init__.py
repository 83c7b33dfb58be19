"""Building blocks of neural networks: modules, parameters, functions, initial values."""

from . import attention, functional, init, modules, parallel, utils
from .modules import *  # noqa: F403
from .modules.module import Module
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter


def factory_kwargs(kwargs):
    """The `device`, `dtype` and `memory_format` among `kwargs`, for tensor constructors. Raises TypeError for others."""
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    nested = kwargs.get("factory_kwargs", {})
    unexpected = set(kwargs) - simple - {"factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    if repeated := set(kwargs) & set(nested):
        raise TypeError(f"{repeated} specified twice, in **kwargs and in factory_kwargs")
    return {**{name: kwargs[name] for name in simple if name in kwargs}, **nested}
