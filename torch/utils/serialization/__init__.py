"""Settings of :func:`torch.save` and :func:`torch.load`."""

from . import config

__all__ = ["config"]
