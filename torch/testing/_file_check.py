"""FileCheck: does a text hold given pieces in a given order?"""

from __future__ import annotations

import re

__all__ = ["FileCheck"]


def _excerpt(text, start, end):
    """The lines around text[start:end], with a mark below."""
    begin = text.rfind("\n", 0, max(start - 1, 0)) + 1 if start else 0
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    line_start = text.rfind("\n", 0, start) + 1
    mark = " " * (start - line_start) + "~" * max(end - start, 1) + " <--- HERE"
    return f"{text[begin:line_end]}\n{mark}\n{text[line_end + 1:]}"


class _Check:
    """One demand: kind, text, count."""

    def __init__(self, kind, text, count=1, exactly=False):
        self.kind, self.text, self.count, self.exactly = kind, text, count, exactly

    def __str__(self):
        return f"CHECK{'-' if self.kind else ''}{self.kind}{f'-{self.count}' if self.kind == 'COUNT' else ''}: {self.text}"

    def find(self, text, start, end=None):
        """(start, end) of the first place at or after `start`; RuntimeError if there is none."""
        end = len(text) if end is None else end
        if self.kind == "REGEX":
            m = re.compile(self.text).search(text, start, end)
            place = m.span() if m else None
        else:
            at = text.find(self.text, start, end)
            place = (at, at + len(self.text)) if at >= 0 else None
        if place is None:
            what = "regex " if self.kind == "REGEX" else ""
            where = _excerpt(text, start, start) if start < len(text) else text[text.rfind("\n", 0, start) + 1:]
            raise RuntimeError(f'Expected to find {what}"{self.text}" but did not find it\nSearched string:\n{where}\nFrom {self}\n')
        return place

    def refuse(self, piece, text, start, end):
        """RuntimeError if `piece` is in text[start:end]."""
        at = text.find(piece, start, end)
        if at >= 0:
            shown = piece.replace("\n", "\\n")
            raise RuntimeError(f'Expected to not find "{shown}" but found it\n{_excerpt(text, at, at + len(piece))}\nFrom {self}\n')


class FileCheck:
    """Demands on a text, checked by :meth:`run`; each positive one must be met after the place where the one before was.

    >>> FileCheck().check("add").check_not("mul").check("return").run("x = add(y)\\nreturn x")
    """

    def __init__(self):
        self._checks = []
        self._run = False

    def _add(self, *check):
        self._checks.append(_Check(*check))
        return self

    def check(self, test_string):
        """The text goes on with `test_string` somewhere."""
        return self._add("", test_string)

    def check_not(self, test_string):
        """`test_string` does not stand between the places of the checks before and after."""
        return self._add("NOT", test_string)

    def check_same(self, test_string):
        """It follows on the same line."""
        return self._add("SAME", test_string)

    def check_next(self, test_string):
        """It follows on the next line."""
        return self._add("NEXT", test_string)

    def check_count(self, test_string, count, exactly=False):
        """It follows `count` times, with `exactly` no oftener."""
        return self._add("COUNT", test_string, count, exactly)

    def check_dag(self, test_string):
        """It follows; neighbouring checks of this kind may be met in any order."""
        return self._add("DAG", test_string)

    def check_regex(self, pattern):
        """Something that matches follows."""
        return self._add("REGEX", pattern)

    def check_source_highlighted(self, test_string):
        """It follows, underlined by "~" on the line below."""
        return self._add("SOURCE-HIGHLIGHTED", test_string)

    def run(self, test_string, second=None):
        """Checks a text. With two, the first holds the checks, one a line: "# CHECK-NEXT: text". RuntimeError for the first unmet demand."""
        self._run = True
        text = str(test_string if second is None else second)
        checks = self._checks if second is None else _parse(test_string)
        if not checks:
            raise RuntimeError("No checks have been added to this instance of Filecheck! Check for bad input.")
        position, forbidden = 0, []
        groups = _grouped(checks)
        for group in groups:
            if group[0].kind == "NOT":
                forbidden = group
                continue
            first, after = _place(group, text, position)
            for check in forbidden:
                check.refuse(check.text, text, position, first)
            position, forbidden = after, []
        for check in forbidden:
            check.refuse(check.text, text, position, len(text))

    def __repr__(self):
        if self._run:
            return object.__repr__(self)
        listed = "".join(f"\t{check}\n" for check in self._checks)
        return f"You have not run this instance of FileCheck!\nFileCheck checks:\n{listed}{object.__repr__(self)}"


FileCheck.__module__ = "torch"


def _grouped(checks):
    """Neighbouring checks that are met together: several DAG ones, several NOT ones."""
    groups = []
    for check in checks:
        if groups and check.kind in ("DAG", "NOT") and groups[-1][-1].kind == check.kind:
            groups[-1].append(check)
        else:
            groups.append([check])
    return groups


def _place(group, text, position):
    """(start of the first match, end of the last) of checks that are met together, from `position` on."""
    check = group[0]
    if check.kind == "DAG":
        places = [c.find(text, position) for c in group]
        return min(places)[0], max(end for _, end in places)
    start, end = check.find(text, position)
    if check.kind == "COUNT":
        first = start
        for _ in range(check.count - 1):
            _, end = check.find(text, end)
        if check.exactly:
            refusal = _Check("NOT", check.text)
            refusal.refuse(check.text, text, end, len(text))
        return first, end
    if check.kind == "SAME":
        check.refuse("\n", text, position, start)
    elif check.kind == "NEXT":
        at = text.find("\n", position)
        if at < 0 or at >= start:
            raise RuntimeError(f'Expected to find "\\n" but did not find it\nSearched string:\n{_excerpt(text, position, position)}\nFrom {check}\n')
        check.refuse("\n", text, at + 1, start)
    elif check.kind == "SOURCE-HIGHLIGHTED":
        _highlighted(check, text, start, end)
    return start, end


def _highlighted(check, text, start, end):
    """RuntimeError unless the next line has "~" exactly under text[start:end]."""
    column = start - (text.rfind("\n", 0, start) + 1)
    newline = text.find("\n", end)
    below = text[newline + 1:].split("\n", 1)[0] if newline >= 0 else ""
    if below[column:column + len(check.text)] != "~" * len(check.text) or below[:column].strip() or below[column + len(check.text):].startswith("~"):
        raise RuntimeError(f'Expected to find "{"~" * len(check.text)}" highlighting "{check.text}" but did not find it\n{_excerpt(text, start, end)}\nFrom {check}\n')


_LINE = re.compile(r"^\s*#\s*CHECK(?:-(?P<kind>NOT|SAME|NEXT|DAG|REGEX|SOURCE-HIGHLIGHTED|COUNT-(?P<exact>EXACTLY-)?(?P<count>\d+)))?:\s?(?P<text>.*)$")


def _parse(source):
    """The checks in the comments of a text."""
    checks = []
    for line in str(source).splitlines():
        if m := _LINE.match(line):
            if m["count"]:
                checks.append(_Check("COUNT", m["text"], int(m["count"]), bool(m["exact"])))
            else:
                checks.append(_Check(m["kind"] or "", m["text"]))
    return checks
