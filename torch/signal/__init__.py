"""Signal processing: window functions in `torch.signal.windows`."""

from . import windows

__all__ = ["windows"]
