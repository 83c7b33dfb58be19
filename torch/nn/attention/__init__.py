"""Which kernels scaled dot product attention may use."""

import contextlib
import enum

__all__ = ["SDPBackend", "activate_flash_attention_impl", "current_flash_attention_impl", "list_flash_attention_impls",
           "register_flash_attention_impl", "restore_flash_attention_impl", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The implementations that can be asked for."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


def _switches():
    """The switch of each backend: functions that tell and set whether it may be used."""
    from torch.backends import cuda

    names = {SDPBackend.MATH: "math", SDPBackend.FLASH_ATTENTION: "flash", SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
             SDPBackend.CUDNN_ATTENTION: "cudnn"}
    return {backend: (getattr(cuda, f"{name}_sdp_enabled"), getattr(cuda, f"enable_{name}_sdp"))
            for backend, name in names.items() if hasattr(cuda, f"enable_{name}_sdp")}


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Allow only the given backends within the block; the switches of :mod:`torch.backends.cuda` show it.

    The one kernel of the CPU serves all of them. Raises AssertionError for anything but an :class:`SDPBackend` or a list.
    """
    for backend in [backends] if not isinstance(backends, (list, tuple)) else backends:
        if not isinstance(backend, SDPBackend):
            raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
                                 + type(backend).__name__)
    allowed = [backends] if isinstance(backends, SDPBackend) else backends
    before = [(switch, enabled()) for enabled, switch in _switches().values()]
    try:
        for backend, (_, switch) in _switches().items():
            switch(backend in allowed)
        yield {}
    finally:
        for switch, enabled in before:
            switch(enabled)


class _FlashImpls:
    """The kernels that may stand in for flash attention, and the one that does."""

    known: dict = {}
    active = handle = None


def register_flash_attention_impl(impl, *, register_fn):
    """Make an implementation known: ``register_fn()`` puts its kernels in place, and may return what has ``remove()``."""
    _FlashImpls.known[impl] = register_fn


def list_flash_attention_impls():
    """Names of the implementations that were registered."""
    return sorted(_FlashImpls.known)


def current_flash_attention_impl():
    """The implementation that was activated, or None."""
    return _FlashImpls.active


def activate_flash_attention_impl(impl):
    """Put a registered implementation in place of flash attention. Raises ValueError for unknown names."""
    if impl not in _FlashImpls.known:
        raise ValueError(f"Unknown flash attention impl '{impl}'. Available implementations: {list_flash_attention_impls()}")
    restore_flash_attention_impl()
    _FlashImpls.handle, _FlashImpls.active = _FlashImpls.known[impl](), impl


def restore_flash_attention_impl(_raise_warn=True):
    """Undo the activation."""
    if _FlashImpls.handle is not None:
        _FlashImpls.handle.remove()
    _FlashImpls.active = _FlashImpls.handle = None
