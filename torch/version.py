"""Versions: the interface is PyTorch's, `kindling` is the implementation's own."""

__version__ = "2.13.0+kindling"
kindling = "0.2.0"
debug = False
cuda = None
hip = None
rocm = None
xpu = None
git_version = "unknown"
__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "kindling", "rocm", "xpu"]
