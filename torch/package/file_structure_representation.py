"""The files of an archive as a tree."""

from __future__ import annotations

from .glob_group import GlobGroup

__all__ = ["Directory"]


class Directory:
    """A folder or a file of an archive; `str()` draws the tree."""

    def __init__(self, name, is_dir):
        self.name, self.is_dir = name, is_dir
        self.children: dict[str, Directory] = {}

    def _add_file(self, path):
        *folders, name = path.split("/")
        here = self
        for folder in folders:
            here = here.children.setdefault(folder, Directory(folder, True))
        here.children[name] = Directory(name, False)

    def has_file(self, filename):
        """Whether a file is in the tree, by its path."""
        here = self
        for part in filename.split("/"):
            if part not in here.children:
                return False
            here = here.children[part]
        return True

    def __str__(self):
        lines = [f"─── {self.name}"]
        self._draw(lines, "    ")
        return "\n".join(lines) + "\n"

    def _draw(self, lines, indent):
        children = sorted(self.children.values(), key=lambda c: (not c.is_dir, c.name))
        for number, child in enumerate(children):
            last = number == len(children) - 1
            lines.append(f"{indent}{'└── ' if last else '├── '}{child.name}")
            child._draw(lines, indent + ("    " if last else "│   "))


def _tree(name, paths, include="**", exclude=()):
    """The tree of the paths that match."""
    group = GlobGroup(include, exclude=exclude, separator="/")
    root = Directory(name, True)
    for path in paths:
        if group.matches(path):
            root._add_file(path)
    return root
