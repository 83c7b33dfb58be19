"""Names of modules from archives: "<torch_package_0>.name", so that archives do not get in each other's way."""

from __future__ import annotations

import re

_count = 0
_MANGLED = re.compile(r"<torch_package_\d+>")


class PackageMangler:
    """The prefix of one archive."""

    def __init__(self):
        global _count
        self._parent = f"<torch_package_{_count}>"
        _count += 1

    def mangle(self, name):
        """The name with the prefix."""
        return f"{self._parent}.{name}"

    def demangle(self, mangled):
        """The name without the prefix, if it is this one."""
        return mangled.partition(".")[2] if mangled.startswith(self._parent + ".") else mangled

    def parent_name(self):
        """The prefix."""
        return self._parent


def is_mangled(name):
    """Whether a name has a prefix."""
    return bool(_MANGLED.match(name))


def demangle(name):
    """The name without a prefix."""
    if not is_mangled(name):
        return name
    first, _, rest = name.partition(".")
    return rest or first


def get_mangle_prefix(name):
    """The prefix of a name, or the name."""
    return name.partition(".")[0] if is_mangled(name) else name
