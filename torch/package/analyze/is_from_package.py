"""Is an object from an archive?"""

from types import ModuleType

from torch.package._mangling import is_mangled

__all__ = ["is_from_package"]


def is_from_package(obj):
    """Whether a module, or the class of any other object, is from an archive."""
    return is_mangled(obj.__name__ if isinstance(obj, ModuleType) else type(obj).__module__)
