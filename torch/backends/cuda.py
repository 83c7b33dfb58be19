"""CUDA: not used by this build. The switches are kept for programs that set them."""

from types import SimpleNamespace

__all__ = ["is_built", "matmul", "flash_sdp_enabled", "mem_efficient_sdp_enabled", "math_sdp_enabled", "cudnn_sdp_enabled",
           "enable_flash_sdp", "enable_mem_efficient_sdp", "enable_math_sdp", "enable_cudnn_sdp"]

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True,
                         allow_bf16_reduced_precision_reduction=True)
_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built():
    """False."""
    return False


def _switch(name, what):
    """The functions that tell and set whether a kind of attention may be used."""
    def enabled():
        return _sdp[name]

    def enable(enabled):
        _sdp[name] = bool(enabled)

    enabled.__name__ = enabled.__qualname__ = f"{name}_sdp_enabled"
    enabled.__doc__ = f"Whether {what} may be used."
    enable.__name__ = enable.__qualname__ = f"enable_{name}_sdp"
    enable.__doc__ = f"Allow {what} or not."
    return enabled, enable


flash_sdp_enabled, enable_flash_sdp = _switch("flash", "flash attention")
mem_efficient_sdp_enabled, enable_mem_efficient_sdp = _switch("mem_efficient", "memory-efficient attention")
math_sdp_enabled, enable_math_sdp = _switch("math", "attention by plain operators")
cudnn_sdp_enabled, enable_cudnn_sdp = _switch("cudnn", "cuDNN's attention")
