"""CUDA: not used by this build. The switches are kept for programs that set them."""

from types import SimpleNamespace

__all__ = ["is_built", "matmul", "flash_sdp_enabled", "mem_efficient_sdp_enabled", "math_sdp_enabled", "enable_flash_sdp",
           "enable_mem_efficient_sdp", "enable_math_sdp"]

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True,
                         allow_bf16_reduced_precision_reduction=True)
_sdp = {"flash": True, "mem_efficient": True, "math": True}


def is_built():
    """False."""
    return False


def flash_sdp_enabled():
    """Whether flash attention may be used."""
    return _sdp["flash"]


def mem_efficient_sdp_enabled():
    """Whether memory-efficient attention may be used."""
    return _sdp["mem_efficient"]


def math_sdp_enabled():
    """Whether attention by plain operators may be used."""
    return _sdp["math"]


def enable_flash_sdp(enabled):
    """Allow flash attention or not."""
    _sdp["flash"] = bool(enabled)


def enable_mem_efficient_sdp(enabled):
    """Allow memory-efficient attention or not."""
    _sdp["mem_efficient"] = bool(enabled)


def enable_math_sdp(enabled):
    """Allow attention by plain operators or not."""
    _sdp["math"] = bool(enabled)
