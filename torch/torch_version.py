"""The version of the package, as a string that compares as versions do."""

from __future__ import annotations

import re

from .version import __version__ as internal_version

__all__ = ["TorchVersion"]

_FORMAT = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)(?:[-_.]?(?P<pre>a|alpha|b|beta|c|rc|pre|preview)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>-(?P<post_n1>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n2>\d*))?(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_INFINITY = (float("inf"), 0)


def _key(version):
    """The order of PEP 440 as a tuple. ValueError for what is no version."""
    m = _FORMAT.fullmatch(version.strip().lower())
    if m is None:
        raise ValueError(f"Invalid version: '{version}'")
    release = tuple(int(n) for n in m["release"].split("."))
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    if m["pre"]:
        pre = ("abr".index({"c": "r", "p": "r"}.get(m["pre"][0], m["pre"][0])), int(m["pre_n"] or 0))
    else:
        pre = (-1, 0) if m["dev"] and not m["post"] else _INFINITY
    post = int(m["post_n1"] or m["post_n2"] or 0) if m["post"] else -1
    dev = int(m["dev_n"] or 0) if m["dev"] else float("inf")
    local = tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split("[-_.]", m["local"] or "") if part)
    return int(m["epoch"] or 0), release, pre, post, dev, local


def _compare(name):
    plain = getattr(str, name)

    def method(self, other):
        if isinstance(other, (tuple, list)):
            other = ".".join(str(part) for part in other)
        try:
            return getattr(_key(self), name)(_key(other))
        except (ValueError, AttributeError, TypeError):     # not a version: as strings
            return plain(self, other)

    method.__name__ = name
    return method


class TorchVersion(str):
    """A version string that compares by PEP 440 with strings and tuples of numbers, and as text with anything else.

    >>> TorchVersion("1.10") > "1.9", TorchVersion("2.13.0+cpu") >= (2, 13)
    (True, True)
    """

    __slots__ = ()
    __hash__ = str.__hash__


for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
    setattr(TorchVersion, _name, _compare(_name))

__version__ = TorchVersion(internal_version)
