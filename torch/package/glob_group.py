"""Patterns of module names and of files."""

from __future__ import annotations

import re

__all__ = ["GlobGroup"]


def _as_list(patterns):
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


class GlobGroup:
    """Names that one of `include` matches and none of `exclude`: "*" is within a part between separators, "**" any parts at all.

    >>> group = GlobGroup("a.**", exclude=["a.c"])
    >>> group.matches("a.b.d"), group.matches("a"), group.matches("a.c")
    (True, True, False)
    """

    def __init__(self, include, *, exclude=(), separator="."):
        self._dbg = f"GlobGroup(include={include}, exclude={exclude})"
        self.separator = separator
        self.include = [self._pattern(p) for p in _as_list(include)]
        self.exclude = [self._pattern(p) for p in _as_list(exclude)]

    def __str__(self):
        return self._dbg

    __repr__ = __str__

    def matches(self, candidate):
        """Whether a name is in the group."""
        candidate = self.separator + candidate
        return any(p.fullmatch(candidate) for p in self.include) and not any(p.fullmatch(candidate) for p in self.exclude)

    def _pattern(self, glob):
        separator = re.escape(self.separator)

        def part(text):
            if text == "**":
                return f"(?:{separator}[^{separator}]+)*"
            if "**" in text:
                raise ValueError("** can only appear as an entire path segment")
            return separator + f"[^{separator}]*".join(re.escape(piece) for piece in text.split("*"))
        return re.compile("".join(part(text) for text in glob.split(self.separator)))
