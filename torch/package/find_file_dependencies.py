"""The modules that a source text imports."""

from __future__ import annotations

import ast

__all__ = ["find_files_source_depends_on"]


def _absolute(level, package, module):
    parts = package.split(".") if package else []
    if level > len(parts) + 1 or (level and not package):
        raise ImportError("attempted relative import beyond top-level package")
    base = parts[:len(parts) - level + 1] if level else []
    return ".".join(base + ([module] if module else []))


def find_files_source_depends_on(src, package):
    """[(module, name or None)] of every import in a text that belongs to `package`; a name may be a module or something in it.

    >>> find_files_source_depends_on("import a.b\\nfrom . import c", "pkg")
    [('a.b', None), ('pkg', 'c')]
    """
    found: dict = {}
    for node in ast.walk(ast.parse(src)):
        if isinstance(node, ast.Import):
            found.update(((alias.name, None), True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node.level, package, node.module)
            found.update(((module, None if alias.name == "*" else alias.name), True) for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                found[node.args[0].value, None] = True
    return list(found)
